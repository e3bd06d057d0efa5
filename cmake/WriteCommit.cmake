# cmake -DROOT=<repository> -DOUTPUT=<header> -P WriteCommit.cmake: the commit being built, as kCommit in a header that is
# only touched when it changes. "unknown" where the source is no checkout of its own (an archive, a copy in another one).
find_package(Git QUIET)
set(commit unknown)
if(GIT_EXECUTABLE)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${ROOT} rev-parse --show-prefix OUTPUT_VARIABLE prefix
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed EQUAL 0 AND "${prefix}" STREQUAL "")
    execute_process(COMMAND ${GIT_EXECUTABLE} -C ${ROOT} describe --always --exclude=* --abbrev=12 --dirty=+changes
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed EQUAL 0)
      set(commit "${found}")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\ninline constexpr const char* kCommit = \"${commit}\";\n" @ONLY)
