/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/job/piece.h"

struct slice job_temporary_prefix(struct slice output_key, struct slice run, struct arena *a)
{
    size_t slash = slice_rfind(output_key, '/');
    struct slice directory =
        slash == output_key.len ? SLICE("") : slice_head(output_key, slash + 1);

    return arena_printf(a, "%.*s.stepfleet/%.*s/", SLICE_FMT(directory), SLICE_FMT(run));
}

struct slice job_temporary_name(char kind, uint32_t piece, struct token token, struct arena *a)
{
    struct slice who = kind == 'p'   ? SLICE("plan")
                       : kind == 'j' ? arena_printf(a, "rejected-m%u", piece)
                                     : arena_printf(a, "%c%u", kind, piece);

    return arena_printf(a, "%.*s-%llu.%llu", SLICE_FMT(who), (unsigned long long)token.epoch,
                        (unsigned long long)token.counter);
}
