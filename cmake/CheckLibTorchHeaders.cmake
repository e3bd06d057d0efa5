# Whether this compiler reads LibTorch's headers as C++20 at all: clang does not read 1.13's with libstdc++, where a vector
# of an incomplete type is instantiated. GCC reads those of every version that is supported and is not asked.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  include(CheckCXXSourceCompiles)
  set(_mbrl_standard ${CMAKE_CXX_STANDARD})
  set(CMAKE_CXX_STANDARD 20)
  set(CMAKE_REQUIRED_LIBRARIES LibTorch::LibTorch)
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("#include <torch/torch.h>\nint main() {}" MBRL_LIBTORCH_HEADERS_COMPILE)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
  set(CMAKE_CXX_STANDARD ${_mbrl_standard})
  if(NOT MBRL_LIBTORCH_HEADERS_COMPILE)
    message(FATAL_ERROR "mbrl: ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} cannot compile the headers of LibTorch \
${LibTorch_VERSION} as C++20: take g++ (CXX=g++), a newer LibTorch (scripts/setup --deps latest) or leave the component out \
(-DMBRL_TORCH=OFF)")
  endif()
endif()
