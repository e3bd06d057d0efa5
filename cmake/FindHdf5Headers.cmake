# Finds HDF5's C headers and the name of the library that belongs to them, which is opened at run time, not linked: CMake's
# own FindHDF5 asks the compiler wrappers for what to link.
#   Hdf5Headers_FOUND, Hdf5Headers_INCLUDE_DIRS, Hdf5Headers_LIBRARY_NAME (libhdf5.so.N), Hdf5Headers_LIBRARY_DIR
find_path(Hdf5Headers_INCLUDE_DIR hdf5.h PATH_SUFFIXES hdf5/serial)
find_library(Hdf5Headers_LIBRARY NAMES hdf5_serial hdf5)
if(Hdf5Headers_LIBRARY)
  get_filename_component(_hdf5_file ${Hdf5Headers_LIBRARY} REALPATH)
  get_filename_component(_hdf5_file ${_hdf5_file} NAME)
  string(REGEX MATCH "^lib[A-Za-z0-9_]+\\.so\\.[0-9]+" Hdf5Headers_LIBRARY_NAME "${_hdf5_file}")
  get_filename_component(Hdf5Headers_LIBRARY_DIR ${Hdf5Headers_LIBRARY} DIRECTORY)
  unset(_hdf5_file)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Hdf5Headers REQUIRED_VARS Hdf5Headers_LIBRARY_NAME Hdf5Headers_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libhdf5-dev")
set(Hdf5Headers_INCLUDE_DIRS ${Hdf5Headers_INCLUDE_DIR})
mark_as_advanced(Hdf5Headers_INCLUDE_DIR Hdf5Headers_LIBRARY)
