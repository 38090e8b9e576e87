/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/job/piece.h"

#include <assert.h>

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
                       : kind == 'q' ? arena_printf(a, "rejected-r%u", piece)
                                     : arena_printf(a, "%c%u", kind, piece);

    return arena_printf(a, "%.*s-%llu.%llu", SLICE_FMT(who), (unsigned long long)token.epoch,
                        (unsigned long long)token.counter);
}

struct slice job_rejected_key(struct slice output_key, struct arena *a)
{
    size_t slash = slice_rfind(output_key, '/');

    return arena_printf(a, "%.*srejected.jsonl",
                        SLICE_FMT(slice_head(output_key, slash < output_key.len ? slash + 1 : 0)));
}

struct slice job_parts_prefix(struct slice output_key, struct slice run, struct arena *a)
{
    return arena_printf(a, "%.*s.parts/%.*s/", SLICE_FMT(output_key), SLICE_FMT(run));
}

struct slice job_parts_attempt_prefix(struct slice output_key,
                                      struct slice run,
                                      struct token attempt,
                                      struct arena *a)
{
    return arena_printf(a, "%.*s%llu.%llu/", SLICE_FMT(job_parts_prefix(output_key, run, a)),
                        (unsigned long long)attempt.epoch, (unsigned long long)attempt.counter);
}

/* Each against the one before: they are of neighbours, mostly, and granted one soon after another.
 */
void job_winners_encode(const struct job_winner *winners, size_t count, struct buf *out)
{
    struct token last = {0, 0};
    uint32_t next = 0;

    for (size_t i = 0; i < count; i++) {
        const struct job_winner *w = &winners[i];

        assert(w->piece >= next);
        buf_put_varint(out, w->piece - next);
        buf_put_svarint(out, (int64_t)(w->token.epoch - last.epoch));
        buf_put_svarint(out, (int64_t)(w->token.counter - last.counter));
        next = w->piece + 1;
        last = w->token;
    }
}

bool job_winners_decode(struct slice bytes, struct token *tokens, size_t pieces)
{
    struct cursor c = cursor_make(bytes);
    struct token last = {0, 0};
    size_t next = 0;

    while (!cursor_done(&c) && !c.bad) {
        uint64_t skip = cursor_varint(&c);

        last.epoch += (uint64_t)cursor_svarint(&c);
        last.counter += (uint64_t)cursor_svarint(&c);
        if (c.bad || skip >= pieces - next) {
            return false;
        }
        next += (size_t)skip;
        tokens[next++] = last;
    }
    return !c.bad;
}
