# What `cmake --install` leaves in a prefix. A program keeps its own name in a folder that is on nobody's PATH, so that
# one finds the other there as it does in a build folder; bin/ has a link to it under a name that hides no other program:
# `convert` and `report` are names of many.
#
#   bin/pretrain, bin/minimind-<program>
#   libexec/minimind.cpp/   the programs
#   share/minimind.cpp/     configs
#   share/bash-completion/, share/doc/minimind.cpp/
include(GNUInstallDirs)

set(MM_COMMAND_PREFIX minimind-)
set(MM_PROGRAMS ${CMAKE_INSTALL_LIBEXECDIR}/minimind.cpp)
set(CMAKE_INSTALL_DOCDIR ${CMAKE_INSTALL_DATAROOTDIR}/doc/minimind.cpp)
set(MM_SHIPPED ${CMAKE_INSTALL_DATADIR}/minimind.cpp)

# LibTorch stays where it is.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

# mm_link_command(<file in MM_PROGRAMS> <command>)
function(mm_link_command file command)
  file(RELATIVE_PATH link "/${CMAKE_INSTALL_BINDIR}" "/${MM_PROGRAMS}/${file}")
  install(CODE "
    set(bin \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    file(MAKE_DIRECTORY \"\${bin}\")
    file(CREATE_LINK \"${link}\" \"\${bin}/${command}\" SYMBOLIC)
    message(STATUS \"Installing: \${bin}/${command}\")")
endfunction()

# mm_install_program(<target>): it, its link, and the completion that it writes of itself.
function(mm_install_program name)
  set(command ${MM_COMMAND_PREFIX}${name})
  if(name STREQUAL pretrain)
    set(command ${name})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${MM_PROGRAMS})
  mm_link_command(${name} ${command})
  set(completion ${CMAKE_CURRENT_BINARY_DIR}/completion/${command})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/completion)
  install(CODE "execute_process(COMMAND \"$<TARGET_FILE:${name}>\" --completion ${command}
    OUTPUT_FILE \"${completion}\" COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endfunction()

install(PROGRAMS scripts/get_corpus.sh scripts/launch.sh DESTINATION ${MM_PROGRAMS})
install(FILES scripts/corpus.py scripts/corpus_formats.py scripts/corpus_large.py DESTINATION ${MM_PROGRAMS})
mm_link_command(get_corpus.sh ${MM_COMMAND_PREFIX}get-corpus)
mm_link_command(launch.sh ${MM_COMMAND_PREFIX}launch)
install(DIRECTORY configs DESTINATION ${MM_SHIPPED})
install(FILES README.md README_zh.md LICENSE NOTICE CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
