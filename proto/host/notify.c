/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/notify.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Set once, before there are threads. */
static struct sockaddr_un notify_to;
static socklen_t notify_to_bytes; /* 0: nobody listens */
static uint64_t notify_beat_ms;   /* 0: nobody waits for it */

/* An abstract name begins with a NUL and ends with the address, not with a NUL. */
static void read_socket(const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;

    notify_to_bytes = 0;
    if (len < 2 || len >= sizeof(notify_to.sun_path) || (name[0] != '/' && name[0] != '@')) {
        return;
    }
    notify_to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(notify_to.sun_path, name, len);
    notify_to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (name[0] == '@') {
        notify_to.sun_path[0] = '\0';
    }
}

/* Half of what the manager waits, where it is this process that it waits for. */
static void read_watchdog(const char *usec, const char *pid)
{
    bool mine = pid == NULL || strtoull(pid, NULL, 10) == (unsigned long long)getpid();
    unsigned long long us = usec != NULL && mine ? strtoull(usec, NULL, 10) : 0;

    notify_beat_ms = us == 0 ? 0 : us < 2000 ? 1 : us / 2000;
}

void notify_init(void)
{
    read_socket(getenv("NOTIFY_SOCKET"));
    read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_say(const char *fmt, ...)
{
    char text[NOTIFY_BYTES_MAX];
    va_list ap;
    int n;
    int fd;

    if (notify_to_bytes == 0) {
        return;
    }
    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    fd = n > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
    if (fd >= 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;

        (void)sendto(fd, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&notify_to,
                     notify_to_bytes);
        (void)close(fd);
    }
}

static void on_beat(uv_timer_t *beat)
{
    (void)beat;
    notify_say("WATCHDOG=1");
}

void notify_beat_start(uv_timer_t *beat, uv_loop_t *loop)
{
    (void)uv_timer_init(loop, beat);
    uv_unref((uv_handle_t *)beat);
    if (notify_beat_ms != 0) {
        (void)uv_timer_start(beat, on_beat, 0, notify_beat_ms);
    }
}
