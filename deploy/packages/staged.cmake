# What is done to the files of the packages before they are packed, as debhelper does it: pages are compressed, the
# static library and the programs lose what only debuggers and compilers read. Run by CPack.
file(GLOB pages ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/man*/*)
foreach(page ${pages})
    execute_process(COMMAND gzip -9nf ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(GLOB archives ${CPACK_TEMPORARY_DIRECTORY}/*/usr/lib/*/lib*.a)
foreach(archive ${archives})
    execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
