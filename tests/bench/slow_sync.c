/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: a disk whose fsync and fdatasync take SLOW_SYNC_US microseconds longer, as those do
 * that keep their promise over a network, or without a battery. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int slow(const char *name, int fd)
{
    const char *us = getenv("SLOW_SYNC_US");
    long wait = us != NULL ? strtol(us, NULL, 10) : 0;
    const struct timespec t = {wait / 1000000, wait % 1000000 * 1000};
    int (*real)(int fd);

    *(void **)&real = dlsym(RTLD_NEXT, name);
    (void)nanosleep(&t, NULL);
    return real(fd);
}

int fsync(int fd)
{
    return slow("fsync", fd);
}

int fdatasync(int fd)
{
    return slow("fdatasync", fd);
}
