# Finds LibTorch and links its libraries directly. LibTorch's own TorchConfig.cmake asks for a complete CUDA toolkit when
# it was built with CUDA, and its flags reach every user; a program that only calls LibTorch needs neither.
# Works with Debian's package, with a LibTorch archive and with a Python wheel (CPU or CUDA): set LibTorch_ROOT to the
# folder that holds include/ and lib/ (or its parent), or put it on CMAKE_PREFIX_PATH.
#   LibTorch_FOUND, LibTorch_VERSION and the target LibTorch::LibTorch
#   LibTorch_CUDA          it was built with CUDA: "cuda" works at run time
#   LibTorch_CUDA_RUNTIME  the CUDA runtime's headers and library were found too (a toolkit, or the wheels that LibTorch's
#                          wheel came with): code may use streams and graphs
set(_torch_hints ${LibTorch_ROOT} $ENV{LibTorch_ROOT})
foreach(_torch_prefix IN LISTS CMAKE_PREFIX_PATH)
  list(APPEND _torch_hints ${_torch_prefix}/../..)  # what torch.utils.cmake_prefix_path gives: .../torch/share/cmake
endforeach()
if(Torch_DIR)
  list(APPEND _torch_hints ${Torch_DIR}/../../..)
endif()

find_path(LibTorch_API_INCLUDE_DIR torch/torch.h HINTS ${_torch_hints}
  PATH_SUFFIXES include/torch/csrc/api/include torch/include/torch/csrc/api/include)
if(LibTorch_API_INCLUDE_DIR)
  get_filename_component(LibTorch_INCLUDE_DIR ${LibTorch_API_INCLUDE_DIR}/../../../.. ABSOLUTE)
  get_filename_component(_torch_prefix ${LibTorch_INCLUDE_DIR} DIRECTORY)
  list(PREPEND _torch_hints ${_torch_prefix})
  if(EXISTS ${LibTorch_API_INCLUDE_DIR}/torch/version.h)
    set(_torch_version_file ${LibTorch_API_INCLUDE_DIR}/torch/version.h)
  endif()
  # Newer headers keep the numbers apart, in headeronly/version.h.
  foreach(_torch_file ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h ${_torch_version_file})
    if(EXISTS ${_torch_file} AND NOT LibTorch_VERSION)
      file(STRINGS ${_torch_file} _torch_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
      string(REGEX MATCHALL "[0-9]+" _torch_numbers "${_torch_lines}")
      string(REPLACE ";" "." LibTorch_VERSION "${_torch_numbers}")
    endif()
  endforeach()
endif()
foreach(_torch_library c10 torch_cpu torch)
  find_library(LibTorch_${_torch_library}_LIBRARY NAMES ${_torch_library} HINTS ${_torch_hints} PATH_SUFFIXES lib torch/lib)
  mark_as_advanced(LibTorch_${_torch_library}_LIBRARY)
endforeach()
mark_as_advanced(LibTorch_API_INCLUDE_DIR)

# All C++ code of a program must agree on the ABI of std::string. What LibTorch was built with stands in its own package
# file; a pre-2.6 wheel has the old one, which cannot be mixed with ours silently.
set(_torch_reason "install libtorch-dev, or unpack a LibTorch archive or wheel and set LibTorch_ROOT to it")
if(LibTorch_c10_LIBRARY)
  get_filename_component(_torch_prefix ${LibTorch_c10_LIBRARY} DIRECTORY)
  file(GLOB _torch_config ${_torch_prefix}/cmake/Torch/TorchConfig.cmake ${_torch_prefix}/../share/cmake/Torch/TorchConfig.cmake)
  set(_torch_abi_ok TRUE)
  if(_torch_config)
    list(GET _torch_config 0 _torch_config)
    file(STRINGS ${_torch_config} _torch_abi REGEX "_GLIBCXX_USE_CXX11_ABI=[01]" LIMIT_COUNT 1)
    string(REGEX REPLACE ".*_GLIBCXX_USE_CXX11_ABI=([01]).*" "\\1" _torch_abi "${_torch_abi}")
    if("${_torch_abi}" STREQUAL "0" AND NOT "${CMAKE_CXX_FLAGS}" MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
      set(_torch_abi_ok FALSE)
      set(_torch_reason "the LibTorch in ${_torch_prefix} was built with the old ABI of std::string: take one built with \
the new ABI (every wheel from 2.6 on), or compile everything with -DCMAKE_CXX_FLAGS=-D_GLIBCXX_USE_CXX11_ABI=0")
    endif()
  endif()
  find_library(LibTorch_torch_cuda_LIBRARY NAMES torch_cuda HINTS ${_torch_prefix} NO_DEFAULT_PATH)
  mark_as_advanced(LibTorch_torch_cuda_LIBRARY)
  set(LibTorch_CUDA FALSE)
  set(LibTorch_CUDA_RUNTIME FALSE)
  if(LibTorch_torch_cuda_LIBRARY)
    set(LibTorch_CUDA TRUE)
    file(GLOB _torch_nvidia LIST_DIRECTORIES true ${_torch_prefix}/../../nvidia/*)
    set(_torch_cuda_hints ${CUDAToolkit_ROOT} $ENV{CUDAToolkit_ROOT} $ENV{CUDA_HOME} $ENV{CUDA_PATH} ${_torch_nvidia} /usr/local/cuda)
    find_path(LibTorch_CUDA_INCLUDE_DIR NAMES crt/host_defines.h HINTS ${_torch_cuda_hints} PATH_SUFFIXES include)
    find_library(LibTorch_c10_cuda_LIBRARY NAMES c10_cuda HINTS ${_torch_prefix} NO_DEFAULT_PATH)
    find_library(LibTorch_cudart_LIBRARY NAMES cudart libcudart.so.13 libcudart.so.12 libcudart.so.11.0 NAMES_PER_DIR
      HINTS ${_torch_cuda_hints} PATH_SUFFIXES lib64 lib)
    if(LibTorch_CUDA_INCLUDE_DIR AND EXISTS ${LibTorch_CUDA_INCLUDE_DIR}/cuda_runtime_api.h
       AND LibTorch_c10_cuda_LIBRARY AND LibTorch_cudart_LIBRARY)
      set(LibTorch_CUDA_RUNTIME TRUE)
    endif()
    mark_as_advanced(LibTorch_CUDA_INCLUDE_DIR LibTorch_c10_cuda_LIBRARY LibTorch_cudart_LIBRARY)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_API_INCLUDE_DIR
    _torch_abi_ok
  VERSION_VAR LibTorch_VERSION REASON_FAILURE_MESSAGE "${_torch_reason}")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  foreach(_torch_library c10 torch_cpu)
    add_library(LibTorch::${_torch_library} UNKNOWN IMPORTED)
    set_target_properties(LibTorch::${_torch_library} PROPERTIES IMPORTED_LOCATION ${LibTorch_${_torch_library}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES "${LibTorch_INCLUDE_DIR};${LibTorch_API_INCLUDE_DIR}")
  endforeach()
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # libtorch.so has no symbols of its own; in a CUDA build it pulls in libtorch_cuda, which registers itself on loading,
  # so the linker must not drop it. The group is one word, so that CMake keeps it together.
  set_target_properties(LibTorch::LibTorch PROPERTIES INTERFACE_LINK_LIBRARIES
    "LibTorch::torch_cpu;LibTorch::c10;-Wl,--push-state,--no-as-needed,${LibTorch_torch_LIBRARY},--pop-state")
  if(LibTorch_CUDA_RUNTIME)
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY INTERFACE_LINK_LIBRARIES
      ${LibTorch_torch_cuda_LIBRARY} ${LibTorch_c10_cuda_LIBRARY} ${LibTorch_cudart_LIBRARY})
    set_property(TARGET LibTorch::LibTorch PROPERTY INTERFACE_INCLUDE_DIRECTORIES ${LibTorch_CUDA_INCLUDE_DIR})
  endif()
endif()
foreach(_torch_name hints prefix file lines numbers library reason config abi abi_ok version_file nvidia cuda_hints)
  unset(_torch_${_torch_name})
endforeach()
unset(_torch_name)
