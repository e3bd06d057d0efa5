# Finds MuJoCo's header and library: Debian's package, a release unpacked at MuJoCo_ROOT, or a Python wheel (mujoco or
# mujoco-core) unpacked at MuJoCo_ROOT. Debian's own package file names a path that does not exist, and a wheel has none.
#   MuJoCo_FOUND, MuJoCo_VERSION, MuJoCo_INCLUDE_DIR, MuJoCo_LIBRARY and the target MuJoCo::MuJoCo
find_path(MuJoCo_INCLUDE_DIR mujoco/mujoco.h HINTS ${MuJoCo_ROOT} $ENV{MuJoCo_ROOT}
  PATH_SUFFIXES include mujoco/include)

# A wheel holds libmujoco.so.<version> and no unversioned link: then take the versioned file beside the headers.
if(MuJoCo_INCLUDE_DIR AND NOT MuJoCo_LIBRARY)
  get_filename_component(_mujoco_prefix ${MuJoCo_INCLUDE_DIR} DIRECTORY)
  file(GLOB _mujoco_versioned LIST_DIRECTORIES false ${_mujoco_prefix}/libmujoco.so.* ${_mujoco_prefix}/lib/libmujoco.so.*)
  find_library(MuJoCo_LIBRARY NAMES mujoco PATHS ${_mujoco_prefix} PATH_SUFFIXES lib NO_DEFAULT_PATH)
  if(NOT MuJoCo_LIBRARY AND _mujoco_versioned)
    list(SORT _mujoco_versioned COMPARE NATURAL ORDER DESCENDING)
    list(GET _mujoco_versioned 0 _mujoco_versioned)
    set(MuJoCo_LIBRARY ${_mujoco_versioned} CACHE FILEPATH "MuJoCo's library" FORCE)
  endif()
  unset(_mujoco_prefix)
  unset(_mujoco_versioned)
endif()
find_library(MuJoCo_LIBRARY NAMES mujoco HINTS ${MuJoCo_ROOT} $ENV{MuJoCo_ROOT} PATH_SUFFIXES lib)

# The header states its version as one number.
if(MuJoCo_INCLUDE_DIR)
  file(STRINGS ${MuJoCo_INCLUDE_DIR}/mujoco/mujoco.h _mujoco_line REGEX "define mjVERSION_HEADER +[0-9]+" LIMIT_COUNT 1)
  string(REGEX REPLACE ".*mjVERSION_HEADER +([0-9]+).*" "\\1" _mujoco_number "${_mujoco_line}")
  string(LENGTH "${_mujoco_number}" _mujoco_digits)
  if(_mujoco_digits GREATER 3)  # 3002001: a million a major version, a thousand a minor one
    math(EXPR _mujoco_major "${_mujoco_number} / 1000000")
    math(EXPR _mujoco_minor "${_mujoco_number} / 1000 % 1000")
    math(EXPR _mujoco_patch "${_mujoco_number} % 1000")
    set(MuJoCo_VERSION ${_mujoco_major}.${_mujoco_minor}.${_mujoco_patch})
  elseif(_mujoco_digits EQUAL 3)  # 222: one digit each
    string(REGEX REPLACE "(.)(.)(.)" "\\1.\\2.\\3" MuJoCo_VERSION "${_mujoco_number}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MuJoCo REQUIRED_VARS MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR VERSION_VAR MuJoCo_VERSION
  REASON_FAILURE_MESSAGE "install libmujoco-dev, or unpack a release or the wheel mujoco-core and set MuJoCo_ROOT to it")
if(MuJoCo_FOUND AND NOT TARGET MuJoCo::MuJoCo)
  add_library(MuJoCo::MuJoCo UNKNOWN IMPORTED)
  set_target_properties(MuJoCo::MuJoCo PROPERTIES IMPORTED_LOCATION ${MuJoCo_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${MuJoCo_INCLUDE_DIR})
endif()
mark_as_advanced(MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR)
