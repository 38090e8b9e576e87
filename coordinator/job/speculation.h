/* SPDX-License-Identifier: Apache-2.0 */
/* Second attempts for pieces that take too long, and who should rather not get a piece.
 *
 * An attempt is suspect when what it still needs, by its rate of late, is half as much again as a
 * fresh attempt on a usual worker would take in all; it stays so until it is below a fifth as much
 * again, and it is a candidate from the second tick on that finds it suspect. An attempt that never
 * reported progress is measured by the median: past one and a half of its usual time it is taken to
 * need as long again as it has taken. One that stands still is given as much time, and then none.
 *
 * Candidates are given out, the one that needs longest first, only when nothing else waits; only to
 * another worker, and one that would be done sooner; never a third attempt. What the losers of such
 * races have done is extra work: at most a twentieth of the phase's, but one piece always.
 *
 * A worker that is less than half as fast as the median gets none of the phase's last pieces where
 * the others will be done with all of them before it were done with the one.
 *
 * Units: a piece's work, or weight, is its bytes and a constant for its beginning; rates are weight
 * a ms. Source: speculative execution in MapReduce (LATE: longest time to end first). */
#ifndef STEPFLEET_JOB_SPECULATION_H
#define STEPFLEET_JOB_SPECULATION_H

#include "coordinator/job/internal.h"

/* The weight of a piece of so many bytes. */
double speculation_weight(uint64_t bytes);

/* ---- What is usual: a histogram of the phase's finished pieces, by their rate ---- */

void speculation_sample(struct job_rates *rates, double weight, int64_t took_ms);
/* 0: nothing is known yet. */
double speculation_median(const struct job_rates *rates);

/* ---- Attempts ---- */

/* Its progress, as reported now. */
void speculation_progress(struct job_run *r,
                          struct job_attempt *at,
                          uint64_t bytes,
                          int64_t now_ms);
/* Milliseconds the attempt still needs, by what is known of it; INT64_MAX: it does not move. */
int64_t
speculation_remaining(const struct job_run *r, const struct job_attempt *at, int64_t now_ms);
/* Look at every live attempt, and at what is usual. O(live attempts log). */
void speculation_tick(struct job_run *r, int64_t now_ms);
/* The piece the worker should try beside whoever has it; false: none. */
bool speculation_choose(const struct job_run *r,
                        const struct job_worker *w,
                        int64_t now_ms,
                        uint32_t *piece);
/* A candidate there is budget for, or NULL. */
struct job_attempt *speculation_first(const struct job_run *r);
/* Is there budget for a second attempt at the piece? */
bool speculation_affords(const struct job_run *r, const struct job_piece *p);
/* The attempt's work has turned out superfluous, or failed beside another: so much. */
uint64_t speculation_cost(const struct job_run *r, const struct job_attempt *at);

/* ---- Workers ---- */

/* Would the worker, with a piece of that weight, be the last to end, while others are expected to
 * do all there is in less time? True for a while only: where the others do not come, it gets the
 * piece.
 */
bool speculation_spares(struct job_run *r,
                        const struct job_worker *w,
                        double weight,
                        int64_t now_ms);

#endif
