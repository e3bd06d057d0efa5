# Finds the four of FFmpeg's libraries that write and read films: Debian's packages, or any other place on CMAKE_PREFIX_PATH.
#   FFmpeg_FOUND and the target FFmpeg::FFmpeg
set(_ffmpeg_variables)
foreach(_ffmpeg_name avformat avcodec swscale avutil)  # each needs those after it
  find_path(FFmpeg_${_ffmpeg_name}_INCLUDE_DIR lib${_ffmpeg_name}/${_ffmpeg_name}.h PATH_SUFFIXES ffmpeg)
  find_library(FFmpeg_${_ffmpeg_name}_LIBRARY ${_ffmpeg_name})
  list(APPEND _ffmpeg_variables FFmpeg_${_ffmpeg_name}_LIBRARY FFmpeg_${_ffmpeg_name}_INCLUDE_DIR)
endforeach()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FFmpeg REQUIRED_VARS ${_ffmpeg_variables}
  REASON_FAILURE_MESSAGE "install libavcodec-dev, libavformat-dev, libavutil-dev and libswscale-dev")
if(FFmpeg_FOUND AND NOT TARGET FFmpeg::FFmpeg)
  add_library(FFmpeg::FFmpeg INTERFACE IMPORTED)
  foreach(_ffmpeg_name avformat avcodec swscale avutil)
    target_link_libraries(FFmpeg::FFmpeg INTERFACE ${FFmpeg_${_ffmpeg_name}_LIBRARY})
    target_include_directories(FFmpeg::FFmpeg INTERFACE ${FFmpeg_${_ffmpeg_name}_INCLUDE_DIR})
  endforeach()
endif()
mark_as_advanced(${_ffmpeg_variables})
unset(_ffmpeg_variables)
unset(_ffmpeg_name)
