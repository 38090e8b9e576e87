/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/receipt.h"

#include "proto/base/buf.h"
#include "proto/base/hash.h"
#include "proto/base/text.h"

enum { WORDS = 5, BYTES = 8 * (WORDS + 1), CHECK_SEED = 0x5153 };

static void put_word(char *at, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        at[i] = (char)v;
        v >>= 8;
    }
}

struct slice receipt_text(const struct receipt *r, struct arena *a)
{
    const uint64_t words[WORDS] = {r->queue, (uint64_t)r->place.due_ms, r->place.number,
                                   r->token.epoch, r->token.counter};
    char bytes[BYTES];

    for (size_t i = 0; i < WORDS; i++) {
        put_word(bytes + 8 * i, words[i]);
    }
    put_word(bytes + 8 * WORDS, hash_bytes(slice_make(bytes, (size_t)8 * WORDS), CHECK_SEED));
    return text_base64(slice_make(bytes, BYTES), a);
}

struct slice queue_sequence_text(uint64_t number, struct arena *a)
{
    return arena_printf(a, "1%019llu", (unsigned long long)number);
}

bool receipt_parse(struct slice text, struct receipt *out)
{
    uint8_t bytes[BYTES];
    struct cursor c;
    struct receipt r;
    size_t len;

    if (!text_parse_base64(text, bytes, sizeof(bytes), &len) || len != BYTES) {
        return false;
    }
    c = cursor_make(slice_make(bytes, BYTES));
    r.queue = cursor_u64be(&c);
    r.place.due_ms = (int64_t)cursor_u64be(&c);
    r.place.number = cursor_u64be(&c);
    r.token.epoch = cursor_u64be(&c);
    r.token.counter = cursor_u64be(&c);
    if (cursor_u64be(&c) != hash_bytes(slice_make(bytes, (size_t)8 * WORDS), CHECK_SEED)) {
        return false;
    }
    *out = r;
    return true;
}
