/* SPDX-License-Identifier: Apache-2.0 */
/* gzip and zstd as streams: packed bytes in, as much as fits out. Files of several members or
 * frames one after the other are one. */
#ifndef STEPFLEET_JOB_UNPACK_H
#define STEPFLEET_JOB_UNPACK_H

#include "proto/base/err.h"
#include "worker/job/plan_object.h"

struct unpack;

/* By the name's end, or the first bytes. */
enum plan_packing unpack_detect(struct slice key, struct slice head);
/* Without ".gz", ".zst". */
struct slice unpack_name(struct slice key);

/* packing: not PLAN_PLAIN */
struct unpack *unpack_new(enum plan_packing packing);
void unpack_free(struct unpack *u);
/**
 * Go on.
 *
 * @param[in,out] in  what was taken goes off its front
 * @param[out] filled bytes put at `out`; fewer than `room`: more are wanted
 * @return OK; ERR_VALIDATION: it is not packed that way
 */
enum err_code unpack_some(struct unpack *u,
                          struct slice *in,
                          char *out,
                          size_t room,
                          size_t *filled,
                          struct err *err);
/* There are no more packed bytes. ERR_VALIDATION: it was cut off. */
enum err_code unpack_end(const struct unpack *u, struct err *err);

#endif
