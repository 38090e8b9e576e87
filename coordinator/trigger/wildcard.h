/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with '*' for any run of characters, matched in time linear in the text: what stands between
 * two stars is searched from left to right, once, with Knuth, Morris and Pratt's table. "\*" and
 * "\\" are the characters themselves. Pure. */
#ifndef STEPFLEET_TRIGGER_WILDCARD_H
#define STEPFLEET_TRIGGER_WILDCARD_H

#include "proto/base/arena.h"
#include "proto/base/err.h"

struct wildcard;

/* ERR_VALIDATION in AWS's words. */
enum err_code wildcard_compile(struct slice pattern,
                               struct arena *a,
                               const struct wildcard **out,
                               struct err *err);
bool wildcard_matches(const struct wildcard *w, struct slice s);

#endif
