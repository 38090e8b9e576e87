/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told: that the program serves, that it stops, what it is at, and that
 * its loop still turns. One datagram a message to $NOTIFY_SOCKET, a path or (with '@') a name in
 * Linux's abstract space; without that variable nothing is done. The loop's beat comes from the
 * loop itself, twice in $WATCHDOG_USEC: one that stands still is missed, and the manager ends the
 * program. A message that cannot be sent is lost: the manager's own timeouts are the answer to
 * that.
 *
 * Source: sd_notify(3), sd_watchdog_enabled(3). */
#ifndef STEPFLEET_HOST_NOTIFY_H
#define STEPFLEET_HOST_NOTIFY_H

#include <uv.h>

/* Reads the variables, and removes them: what the program starts is nobody the manager knows.
 * Before there are threads. */
void notify_init(void);
/* "READY=1", "STOPPING=1", "STATUS=..."; several with newlines between. Below NOTIFY_BYTES_MAX; the
 * rest is cut. Any thread. */
void notify_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum { NOTIFY_BYTES_MAX = 1024 };

/* The loop's beat; does nothing where nobody asked for it. Does not keep the loop alive. */
void notify_beat_start(uv_timer_t *beat, uv_loop_t *loop);

#endif
