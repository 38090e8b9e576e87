# Debian packages by CPack, one a component: cmake --workflow --preset packages
#
# Units and scripts name files where the configured prefix has them, so there are packages of /usr alone. The scripts
# of both services are made of the same templates.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    return()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "Stepfleet maintainers <maintainers@users.noreply.github.com>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/packages/staged.cmake)
set(CPACK_COMPONENTS_ALL coordinator worker cli library dev)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(control ${CMAKE_CURRENT_BINARY_DIR}/control)
string(TIMESTAMP PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)

# What every package has: its name, what it is, its documents.
function(package component name section description)
    string(TOUPPER ${component} upper)
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_DESCRIPTION "${description}" PARENT_SCOPE)
    configure_file(packages/changelog.in ${control}/${name}/changelog.Debian @ONLY)
    execute_process(COMMAND gzip -9nf ${control}/${name}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
    install(FILES packages/copyright ${control}/${name}/changelog.Debian.gz
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name} COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

# What a package with a service has: its user, its scripts, its configuration. `begins`: yes where it is enabled and
# started when it is installed. `data`: what a purge removes;
# backups stay, for what goes wrong.
function(service component begins data)
    string(TOUPPER ${component} upper)
    set(name stepfleet-${component})
    set(PACKAGE ${name})
    set(SERVICE_BEGINS ${begins})
    set(SERVICE_DATA ${data})
    foreach(script postinst prerm postrm)
        configure_file(packages/${script}.in ${control}/${name}/${script} @ONLY)
        list(APPEND extra ${control}/${name}/${script})
    endforeach()
    file(WRITE ${control}/${name}/conffiles "${STEPFLEET_CONF_PATH}/${component}.conf\n")
    if(component STREQUAL coordinator)
        file(APPEND ${control}/${name}/conffiles "${logrotate_destination}/${name}\n")
    endif()
    list(APPEND extra ${control}/${name}/conffiles)
    set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${extra}" PARENT_SCOPE)
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers" PARENT_SCOPE)
endfunction()

set(what "Stepfleet runs AWS Step Functions state machines on machines of one's own: a
coordinator keeps their executions durable, and workers lease their tasks.
.")
set(runs "AWS Step Functions on your own machines")
set(library libstepfleet${PROJECT_VERSION_MAJOR})
package(coordinator stepfleet-coordinator admin
    "${runs}: coordinator\n${what}\nThis is the coordinator, and its service.")
package(worker stepfleet-worker admin
    "${runs}: worker\n${what}\nThis is the worker, and its service. What it runs, its configuration says.")
package(cli stepfleet-cli admin
    "${runs}: client\n${what}\nThis is the program that defines, starts and watches them.")
package(library ${library} libs
    "${runs}: library\n${what}\nThis is the library that clients are linked with.")
package(dev stepfleet-dev libdevel
    "${runs}: development files\n${what}\nThis is what clients in C are built with.")
service(coordinator yes "/var/lib/stepfleet /var/log/stepfleet")
service(worker no /var/cache/stepfleet-worker)
set(CPACK_DEBIAN_CLI_PACKAGE_SUGGESTS "stepfleet-coordinator, stepfleet-worker")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    "${library} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), libprotobuf-c-dev, libnng-dev")
file(WRITE ${control}/${library}/shlibs "libstepfleet ${PROJECT_VERSION_MAJOR} ${library} (>= ${PROJECT_VERSION})\n")
file(WRITE ${control}/${library}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${control}/${library}/shlibs;${control}/${library}/triggers")

include(CPack)
