# Tests that the library can be used from outside; each runs a script of CMake commands (run.cmake).
set(scratch ${CMAKE_CURRENT_BINARY_DIR}/consumer)
list(JOIN components "," all_components)  # no semicolons on command lines
list(JOIN CMAKE_PREFIX_PATH "," prefix_path)
list(JOIN CMAKE_CXX_COMPILER_LAUNCHER "," launcher)

# Flags of a user's own with which Eigen treats memory otherwise than in a library without them.
set(memory_flags)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND NOT CMAKE_CXX_FLAGS MATCHES "-m|-f")
  file(STRINGS /proc/cpuinfo avx REGEX "^flags.* avx " LIMIT_COUNT 1)
  if(avx)
    set(memory_flags -march=native)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # clang does not tell Eigen of its sanitizer
  list(APPEND memory_flags -fsanitize=address)
endif()
list(JOIN memory_flags "," memory_flags)

find_program(MBRL_CLANG clang++)
mark_as_advanced(MBRL_CLANG)

# mbrl_consumer_test(name STEP... ): the arguments are definitions for run.cmake.
function(mbrl_consumer_test name)
  set(compiler ${CMAKE_CXX_COMPILER})
  if(name MATCHES "clang")
    set(compiler ${MBRL_CLANG})
  endif()
  add_test(NAME "packaging: ${name}" COMMAND ${CMAKE_COMMAND} ${ARGN} -DBUILD=${PROJECT_BINARY_DIR}
    -DMBRL_SOURCE=${PROJECT_SOURCE_DIR} -DCONSUMER=${PROJECT_SOURCE_DIR}/tests/consumer -DGENERATOR=${CMAKE_GENERATOR}
    -DCOMPILER=${compiler} "-DLAUNCHER=${launcher}" "-DFLAGS=${CMAKE_CXX_FLAGS}"
    -DCONFIG=$<CONFIG> "-DLibTorch_ROOT=${LibTorch_ROOT}" "-DMuJoCo_ROOT=${MuJoCo_ROOT}"
    "-DPREFIX_PATH=${prefix_path}" -P ${PROJECT_SOURCE_DIR}/tests/consumer/run.cmake)
  set_tests_properties("packaging: ${name}" PROPERTIES LABELS "packaging;slow" TIMEOUT 7200)
endfunction()

if(MBRL_INSTALL)
  # Everything that was built, installed and then used by a project that knows the prefix only.
  mbrl_consumer_test("find_package" -DMETHOD=find_package -DCOMPONENTS=${all_components} -DSCRATCH=${scratch}/find_package)
  if(MBRL_CLANG)  # the library is compiled by another compiler
    mbrl_consumer_test("find_package, the consumer with clang" -DMETHOD=find_package -DCOMPONENTS=${all_components}
      -DSCRATCH=${scratch}/find_clang)
  else()
    message(STATUS "mbrl: clang++ not found: consumers are tested with ${CMAKE_CXX_COMPILER} alone")
  endif()
  # The core alone, installed without the rest; asking for what is not there is told in words.
  mbrl_consumer_test("find_package of the core alone" -DMETHOD=find_package -DCOMPONENTS=core -DINSTALL_COMPONENT=core
    -DSCRATCH=${scratch}/find_core -DMEMORY_FLAGS=${memory_flags})
  mbrl_consumer_test("find_package of a component that was not installed" -DMETHOD=find_package
    -DCOMPONENTS=core,torch -DINSTALL_COMPONENT=core -DSCRATCH=${scratch}/find_missing
    "-DEXPECT_FAILURE=mbrl was installed without its component 'torch'")
  mbrl_consumer_test("find_package of an unknown component" -DMETHOD=find_package -DCOMPONENTS=core,jax
    -DINSTALL_COMPONENT=core -DSCRATCH=${scratch}/find_unknown
    "-DEXPECT_FAILURE=mbrl has no component 'jax', expected one of: core, torch, mujoco, cli")
endif()
mbrl_consumer_test("add_subdirectory, shared libraries" -DMETHOD=subdirectory -DCOMPONENTS=core
  -DSCRATCH=${scratch}/subdirectory -DBUILD_SHARED_LIBS=ON -DCMAKE_UNITY_BUILD=ON -DMEMORY_FLAGS=${memory_flags})
mbrl_consumer_test("FetchContent, unity build" -DMETHOD=fetchcontent -DCOMPONENTS=core
  -DSCRATCH=${scratch}/fetchcontent -DCMAKE_UNITY_BUILD=ON)
# Both compile the core: one after the other, so that where there is ccache the second has it from there.
set_tests_properties("packaging: FetchContent, unity build" PROPERTIES DEPENDS
  "packaging: add_subdirectory, shared libraries")
