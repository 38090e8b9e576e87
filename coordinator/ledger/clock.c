/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's clock: the system's, as far as that can be believed. It never runs backwards; put
 * back, it is caught up with; set far ahead, it is doubted for a while. */
#include "coordinator/ledger/internal.h"
#include "proto/host/log.h"

/* Where ours is if nobody sets the system's. */
static int64_t wall_alone(const struct ledger *l, struct fleet_now now)
{
    return l->now.wall_ms + (now.mono_ms - l->now.mono_ms);
}

/* Set far ahead while we ran, it may be wrong, and what it says is due ends executions for good. So
 * it must have stood for a while; until then ours goes on alone. */
static bool is_doubtful(const struct ledger *l, struct fleet_now now)
{
    return now.wall_ms - wall_alone(l, now) > LIMIT_CLOCK_AHEAD_MS &&
           (l->doubt_until_ms == 0 || now.mono_ms < l->doubt_until_ms);
}

/* Where the system's clock was put back, ours goes on at half its pace until it is caught up with:
 * what is due is late, but never waits for all of it. The halves are of all the time since then, so
 * that many short turns do not round it away. */
int64_t clock_wall_at(const struct ledger *l, struct fleet_now now)
{
    int64_t slewed = l->slew.wall_ms + (now.mono_ms - l->slew.mono_ms) / 2;

    if (is_doubtful(l, now)) {
        return wall_alone(l, now);
    }
    slewed = slewed > l->now.wall_ms ? slewed : l->now.wall_ms;
    return now.wall_ms > slewed ? now.wall_ms : slewed;
}

/* Of what is found on disk at the start: it was so late already. A clock that is further behind
 * than that was wrong before, and is not held to it. */
void ledger_clock_seen(struct ledger *l, int64_t wall_ms)
{
    if (l->next_turn_ms == 0 && wall_ms > l->now.wall_ms &&
        wall_ms - l->now.wall_ms <= LIMIT_CLOCK_BACK_MS) {
        l->now.wall_ms = wall_ms;
        l->slew = l->now;
    }
}

static void doubt(struct ledger *l, struct fleet_now now)
{
    if (!is_doubtful(l, now)) {
        l->doubt_until_ms = 0;
    } else if (l->doubt_until_ms == 0) {
        l->doubt_until_ms = now.mono_ms + LIMIT_CLOCK_DOUBT_MS;
        log_warn("the system's clock was set ahead by %lld s: it is believed in %d s",
                 (long long)((now.wall_ms - wall_alone(l, now)) / 1000),
                 LIMIT_CLOCK_DOUBT_MS / 1000);
    }
}

void clock_go_on(struct ledger *l, struct fleet_now now)
{
    int64_t wall_ms = clock_wall_at(l, now);
    bool ahead = now.wall_ms >= wall_ms && wall_ms > l->now.wall_ms;

    doubt(l, now);
    l->now.mono_ms = now.mono_ms;
    l->now.wall_ms = wall_ms;
    if (ahead) {
        l->slew = l->now; /* should it be put back or stand still, from here */
    }
}
