# What is installed besides libraries, headers and the program: the package for find_package(mbrl COMPONENTS ...), licence,
# documentation, examples, manual page and completions.
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mbrl)
configure_package_config_file(cmake/mbrlConfig.cmake.in mbrlConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(mbrlConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mbrlConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/mbrlConfigVersion.cmake
  cmake/MbrlDependencies.cmake cmake/FindMuJoCo.cmake cmake/FindLibTorch.cmake
  DESTINATION ${package_folder} COMPONENT core)

# The licence goes with every component that can be installed alone.
set(doc_folder ${CMAKE_INSTALL_DATAROOTDIR}/doc/mbrl)
foreach(component core cli docs)
  install(FILES LICENSE DESTINATION ${doc_folder} COMPONENT ${component})
endforeach()
install(FILES README.md CHANGELOG.md DESTINATION ${doc_folder} COMPONENT docs)
install(DIRECTORY docs examples DESTINATION ${doc_folder} COMPONENT docs PATTERN CMakeLists.txt EXCLUDE)

if(TARGET mbrl)
  install(FILES src/cli/mbrl.bash DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/bash-completion/completions RENAME mbrl
    COMPONENT cli)
  if(NOT CMAKE_CROSSCOMPILING)  # the program is run
    add_custom_command(OUTPUT mbrl.1 DEPENDS mbrl cmake/ManPage.cmake VERBATIM
      COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:mbrl> -DVERSION=${PROJECT_VERSION}
        -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/mbrl.1 -P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/ManPage.cmake)
    add_custom_target(mbrl_man ALL DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/mbrl.1)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/mbrl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT cli)
  endif()
endif()
