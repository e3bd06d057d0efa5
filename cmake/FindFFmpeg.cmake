# Finds the four of FFmpeg's libraries that write and read films: Debian's packages, or any other place on CMAKE_PREFIX_PATH.
#   FFmpeg_FOUND, FFmpeg_INCLUDE_DIRS, and FFmpeg_LIBRARY_DIR, where they are; they are opened when a film is made, not linked
set(_ffmpeg_variables)
set(FFmpeg_INCLUDE_DIRS)
foreach(_ffmpeg_name avformat avcodec swscale avutil)
  find_path(FFmpeg_${_ffmpeg_name}_INCLUDE_DIR lib${_ffmpeg_name}/${_ffmpeg_name}.h PATH_SUFFIXES ffmpeg)
  find_library(FFmpeg_${_ffmpeg_name}_LIBRARY ${_ffmpeg_name})
  list(APPEND _ffmpeg_variables FFmpeg_${_ffmpeg_name}_LIBRARY FFmpeg_${_ffmpeg_name}_INCLUDE_DIR)
  list(APPEND FFmpeg_INCLUDE_DIRS ${FFmpeg_${_ffmpeg_name}_INCLUDE_DIR})
endforeach()
list(REMOVE_DUPLICATES FFmpeg_INCLUDE_DIRS)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FFmpeg REQUIRED_VARS ${_ffmpeg_variables}
  REASON_FAILURE_MESSAGE "install libavcodec-dev, libavformat-dev, libavutil-dev and libswscale-dev")
get_filename_component(FFmpeg_LIBRARY_DIR "${FFmpeg_avcodec_LIBRARY}" DIRECTORY)
mark_as_advanced(${_ffmpeg_variables})
unset(_ffmpeg_variables)
unset(_ffmpeg_name)
