# Finds MuJoCo's header and library: Debian's package, a release unpacked at MuJoCo_ROOT, or a Python wheel's folder.
find_path(MuJoCo_INCLUDE_DIR mujoco/mujoco.h HINTS ${MuJoCo_ROOT} PATH_SUFFIXES include mujoco/include)
find_library(MuJoCo_LIBRARY NAMES mujoco HINTS ${MuJoCo_ROOT} PATH_SUFFIXES lib mujoco)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MuJoCo REQUIRED_VARS MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR)
if(MuJoCo_FOUND AND NOT TARGET MuJoCo::MuJoCo)
  add_library(MuJoCo::MuJoCo UNKNOWN IMPORTED)
  set_target_properties(MuJoCo::MuJoCo PROPERTIES IMPORTED_LOCATION ${MuJoCo_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${MuJoCo_INCLUDE_DIR})
endif()
