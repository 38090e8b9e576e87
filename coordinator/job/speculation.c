/* SPDX-License-Identifier: Apache-2.0 */
/* See speculation.h. The rate of late is measured from a mark that is one to two windows old, so
 * that an attempt that stands still is seen to within two windows, however far it had come. Reports
 * that do not come any more count as standing still once they are overdue. */
#include "coordinator/job/speculation.h"

#include <assert.h>
#include <math.h>

enum {
    SUSPECT_MS = 250, /* less is not worth a second attempt */
    WINDOW_MS_MIN = 500,
    WINDOW_MS_MAX = 30000,
    WINDOWS_A_PIECE = 8,
    GAPS_OVERDUE = 3, /* reports are missing after so many usual gaps */
    CANDIDATES_LOOKED_AT = 16,
    RATE_EXPONENT_MIN = -24, /* of two, below which a rate is as good as none */
    SPARE_MS = 2000,         /* an estimate of when others are free is off by that and */
    SPARE_FACTOR = 2,        /* so much: then the slow worker gets the piece after all */
};

static const double suspect_from = 1.5; /* times a fresh attempt */
static const double suspect_until = 1.2;
static const double usual_late = 1.5; /* times its usual time: without progress, nobody knows */
static const double slow_below = 0.5; /* times the median rate */

double speculation_weight(uint64_t bytes)
{
    return (double)bytes + JOB_PIECE_BASE;
}

/* ---- What is usual ---- */

static uint32_t rate_bucket(double rate)
{
    int exponent;
    double fraction = frexp(rate, &exponent); /* 0.5 <= fraction < 1 */
    int octave = exponent - RATE_EXPONENT_MIN;

    if (rate <= 0 || octave < 0) {
        return 0;
    }
    if (octave >= JOB_RATE_OCTAVES) {
        return JOB_RATE_OCTAVES * JOB_RATE_STEPS - 1;
    }
    return (uint32_t)octave * JOB_RATE_STEPS + (uint32_t)((fraction - 0.5) * 2 * JOB_RATE_STEPS);
}

static double bucket_rate(uint32_t bucket)
{
    double fraction = 0.5 + ((double)(bucket % JOB_RATE_STEPS) + 0.5) / (2 * JOB_RATE_STEPS);

    return ldexp(fraction, (int)(bucket / JOB_RATE_STEPS) + RATE_EXPONENT_MIN);
}

void speculation_sample(struct job_rates *rates, double weight, int64_t took_ms)
{
    rates->counts[rate_bucket(weight / (took_ms > 0 ? (double)took_ms : 1.0))]++;
    rates->total++;
}

double speculation_median(const struct job_rates *rates)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; rates->total != 0 && i < JOB_RATE_OCTAVES * JOB_RATE_STEPS; i++) {
        seen += rates->counts[i];
        if (seen > rates->total / 2) {
            return bucket_rate(i);
        }
    }
    return 0;
}

/* ---- Attempts ---- */

static double attempt_weight(const struct job_run *r, const struct job_attempt *at)
{
    return speculation_weight(r->pieces[at->piece].bytes);
}

/* Milliseconds that a piece of that weight usually takes; 0: not known. */
static double usual_ms(const struct job_run *r, double weight)
{
    return r->median > 0 ? weight / r->median : 0;
}

static double clamp(double v, double min, double max)
{
    return v < min ? min : v > max ? max : v;
}

void speculation_progress(struct job_run *r, struct job_attempt *at, uint64_t bytes, int64_t now_ms)
{
    double window =
        clamp(usual_ms(r, attempt_weight(r, at)) / WINDOWS_A_PIECE, WINDOW_MS_MIN, WINDOW_MS_MAX);
    int64_t gap = now_ms - at->seen_ms;
    int64_t faded = at->gap_ms - at->gap_ms / 4;

    at->gap_ms = gap > faded ? gap : faded;
    at->seen_ms = now_ms;
    at->reported = true;
    at->bytes = bytes > at->bytes ? bytes : at->bytes;
    if ((double)(now_ms - at->mark[1].ms) >= window) {
        at->mark[0] = at->mark[1];
        at->mark[1] = (struct job_mark){now_ms, at->bytes};
    }
}

/* Has it taken much too long? */
static bool attempt_is_late(const struct job_run *r, const struct job_attempt *at, int64_t now_ms)
{
    double usual = usual_ms(r, attempt_weight(r, at));

    return usual > 0 && (double)(now_ms - at->granted_ms) >= usual * usual_late;
}

/* By the clock alone: what is late is taken to need as long again. */
static int64_t
remaining_by_time(const struct job_run *r, const struct job_attempt *at, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - at->granted_ms;
    int64_t left_ms = (int64_t)usual_ms(r, attempt_weight(r, at)) - elapsed_ms;

    if (attempt_is_late(r, at, now_ms)) {
        return elapsed_ms;
    }
    return left_ms > 0 ? left_ms : 0;
}

int64_t speculation_remaining(const struct job_run *r, const struct job_attempt *at, int64_t now_ms)
{
    uint64_t bytes = r->pieces[at->piece].bytes;
    bool overdue = now_ms - at->seen_ms > GAPS_OVERDUE * at->gap_ms + WINDOW_MS_MIN;
    int64_t until_ms = overdue ? now_ms : at->seen_ms;
    int64_t span_ms = until_ms - at->mark[0].ms;
    uint64_t moved = at->bytes - at->mark[0].bytes;
    double left;

    if (!at->reported || at->bytes == 0 || span_ms <= 0) {
        return remaining_by_time(r, at, now_ms);
    }
    if (at->bytes >= bytes) { /* all is read: that it is done, too, can be hoped for a while */
        return moved > 0 && !overdue ? 0 : remaining_by_time(r, at, now_ms);
    }
    if (moved == 0) { /* what comes in leaps may stand still for a while, if it is in time */
        return attempt_is_late(r, at, now_ms) ? INT64_MAX : remaining_by_time(r, at, now_ms);
    }
    left =
        (double)(bytes - at->bytes) * (double)span_ms / (double)moved - (double)(now_ms - until_ms);
    return left <= 0 ? 0 : left < (double)(INT64_MAX / 2) ? (int64_t)left : INT64_MAX;
}

uint64_t speculation_cost(const struct job_run *r, const struct job_attempt *at)
{
    uint64_t bytes = r->pieces[at->piece].bytes;

    return JOB_PIECE_BASE + (at->reported && at->bytes < bytes ? at->bytes : bytes);
}

bool speculation_affords(const struct job_run *r, const struct job_piece *p)
{
    uint64_t share = r->work / JOB_EXTRA_SHARE;
    uint64_t budget = share > r->largest ? share : r->largest;

    return r->extra + r->reserved + piece_work(p) <= budget;
}

/* Would any attempt of the phase be tried twice now? */
static bool speculation_is_on(const struct job_run *r, int64_t now_ms)
{
    return r->settings.speculate && r->median > 0 &&
           (r->header.phase == JOB_MAP || r->header.phase == JOB_REDUCE) && !piece_has_fresh(r) &&
           piece_due(r, NULL, now_ms) == LIMIT_JOB_PIECES;
}

static bool
attempt_is_suspect(const struct job_run *r, const struct job_attempt *at, int64_t now_ms)
{
    double fresh_ms = usual_ms(r, attempt_weight(r, at));
    double times = at->suspect_ticks > 0 ? suspect_until : suspect_from;

    return (double)speculation_remaining(r, at, now_ms) > fresh_ms * times + SUSPECT_MS;
}

static void attempt_look(struct job_run *r, struct job_attempt *at, bool on, int64_t now_ms)
{
    if (!on || at->twin != NULL || !attempt_is_suspect(r, at, now_ms)) {
        at->suspect_ticks = 0;
        heap_remove(&r->suspects, &at->suspect);
        return;
    }
    if (at->suspect_ticks < JOB_SUSPECT_TICKS) {
        at->suspect_ticks++;
    }
    if (at->suspect_ticks == JOB_SUSPECT_TICKS) {
        heap_set(&r->suspects, &at->suspect, -speculation_remaining(r, at, now_ms));
    }
}

void speculation_tick(struct job_run *r, int64_t now_ms)
{
    bool on;

    r->looked_ms = now_ms;
    r->median = speculation_median(&r->rates);
    r->speed = r->moved = 0;
    on = speculation_is_on(r, now_ms);
    LIST_EACH(node, &r->live)
    {
        struct job_attempt *at = container_of(node, struct job_attempt, link);
        double rate = worker_rate(r, at->worker);

        r->speed += rate > 0 ? rate : r->median;
        if (!at->speculative) {
            r->moved += clamp((double)at->bytes, 0, attempt_weight(r, at));
        }
        attempt_look(r, at, on, now_ms);
    }
}

struct job_attempt *speculation_first(const struct job_run *r)
{
    for (size_t i = 0; i < r->suspects.count && i < CANDIDATES_LOOKED_AT; i++) {
        struct job_attempt *at = container_of(r->suspects.nodes[i], struct job_attempt, suspect);

        if (speculation_affords(r, &r->pieces[at->piece])) {
            return at;
        }
    }
    return NULL;
}

/* Would the worker be done with the attempt's piece before the attempt is? */
static bool worker_overtakes(const struct job_run *r,
                             const struct job_worker *w,
                             const struct job_attempt *at,
                             int64_t now_ms)
{
    double rate = worker_rate(r, w);
    double own_ms = attempt_weight(r, at) / (rate > 0 ? rate : r->median);

    return at->worker != w && (double)speculation_remaining(r, at, now_ms) > own_ms * suspect_until;
}

bool speculation_choose(const struct job_run *r,
                        const struct job_worker *w,
                        int64_t now_ms,
                        uint32_t *piece)
{
    const struct job_attempt *best = NULL;

    for (size_t i = 0; i < r->suspects.count && i < CANDIDATES_LOOKED_AT; i++) {
        struct job_attempt *at = container_of(r->suspects.nodes[i], struct job_attempt, suspect);

        if ((best == NULL || at->suspect.key < best->suspect.key) &&
            speculation_affords(r, &r->pieces[at->piece]) && worker_overtakes(r, w, at, now_ms)) {
            best = at;
        }
    }
    if (best != NULL) {
        *piece = best->piece;
    }
    return best != NULL;
}

/* ---- Workers ---- */

/* Much slower than usual; before anything of the phase is done: than was usual before. */
static bool worker_is_slow(const struct job_run *r, const struct job_worker *w)
{
    double rate = worker_rate(r, w);

    if (r->median <= 0) {
        return w->prior > 0 && w->prior < slow_below;
    }
    return rate > 0 && rate < r->median * slow_below;
}

/* Milliseconds until others are expected to be done with the phase, where the slow worker would
 * need longer for the piece alone; negative: it may have the piece. */
static double
spared_ms(const struct job_run *r, const struct job_worker *w, double weight, int64_t now_ms)
{
    double rate = worker_rate(r, w);
    double others = r->speed - rate * w->live;
    double rest_ms;

    if (r->median <= 0 || others <= 0) {
        return worker_has_others(r, w, now_ms) ? 0 : -1; /* they have nothing else to do */
    }
    rest_ms = clamp((r->todo - r->moved) / others, 0, INT32_MAX);
    return weight / rate > rest_ms ? rest_ms : -1;
}

bool speculation_spares(struct job_run *r,
                        const struct job_worker *w,
                        double weight,
                        int64_t now_ms)
{
    double rest_ms = worker_is_slow(r, w) ? spared_ms(r, w, weight, now_ms) : -1;

    if (rest_ms < 0) {
        return false;
    }
    if (r->spare_until_ms == 0) {
        r->spare_until_ms = now_ms + SPARE_MS + (int64_t)(rest_ms * SPARE_FACTOR);
    }
    return now_ms < r->spare_until_ms;
}
