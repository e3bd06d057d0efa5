# How each component's dependencies are found: used by our own build and, installed beside mbrlConfig.cmake, by users'.
# Macros, because find_package's results belong to the caller's scope. With find_dependency (set by mbrlConfig.cmake)
# a missing one makes mbrl "not found" with its name; in our own build it is an error.
macro(mbrl_find_dependency)
  if(MBRL_FINDING_PACKAGE)
    find_dependency(${ARGN})
  else()
    find_package(${ARGN} REQUIRED)
  endif()
endmacro()

macro(mbrl_find_core_dependencies)
  mbrl_find_dependency(Threads)
  mbrl_find_dependency(Eigen3 NO_MODULE)  # its version file refuses 3.4 for any other major version: checked below
  if(Eigen3_VERSION AND Eigen3_VERSION VERSION_LESS 3.4)
    message(FATAL_ERROR "mbrl needs Eigen 3.4 or newer, found ${Eigen3_VERSION} in ${Eigen3_DIR}")
  endif()
  mbrl_find_dependency(spdlog)
  mbrl_find_dependency(hwy NO_MODULE)  # Highway; the package file is hwy-config.cmake from 1.0 to the newest
  if(NOT TARGET hwy::hwy AND TARGET hwy)
    add_library(hwy::hwy ALIAS hwy)    # Highway built inside the user's own tree
  endif()
endmacro()

macro(mbrl_find_mujoco)
  mbrl_find_dependency(MuJoCo 2.2)
endmacro()

macro(mbrl_find_torch)
  mbrl_find_dependency(LibTorch 1.13)
endmacro()

# What pictures, films and windows need; each is optional. Sets mbrl_picture_packages to those found, which users of the
# installed package have to find again. OpenGL and FFmpeg are opened at run time: only their headers are needed.
macro(mbrl_find_pictures)
  set(mbrl_picture_packages)
  find_path(MBRL_EGL_INCLUDE_DIR EGL/eglext.h)
  find_path(MBRL_OSMESA_INCLUDE_DIR GL/osmesa.h)
  mark_as_advanced(MBRL_EGL_INCLUDE_DIR MBRL_OSMESA_INCLUDE_DIR)
  find_package(FFmpeg QUIET)
  foreach(_mbrl_package PNG glfw3)
    find_package(${_mbrl_package} QUIET)
    if(${_mbrl_package}_FOUND)
      list(APPEND mbrl_picture_packages ${_mbrl_package})
    endif()
  endforeach()
  unset(_mbrl_package)
endmacro()
