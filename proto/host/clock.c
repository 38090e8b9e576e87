/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t clock_us(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
    return clock_us(CLOCK_BOOTTIME) / 1000;
}

void clock_random(void *out, size_t bytes)
{
    char *p = out;

    while (bytes > 0) {
        ssize_t n = getrandom(p, bytes, 0);

        if (n < 0) {
            perror("getrandom");
            abort();
        }
        p += n;
        bytes -= (size_t)n;
    }
}

uint64_t clock_random_u64(void)
{
    uint64_t v;

    clock_random(&v, sizeof(v));
    return v;
}
