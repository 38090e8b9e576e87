/* SPDX-License-Identifier: Apache-2.0 */
/* Task tokens: which task of which execution, and a proof that the coordinator made it. Whoever has
 * one may end the task; nobody can make one from another.
 *
 *   base64 of: version u8, execution u64, frame u32, attempt u32, entered event u64, entered ms u64
 *              (big-endian), the first 16 bytes of SHA-256(key, those bytes)
 *
 * When the state was entered tells apart what has the same numbers: a database that was restored
 * from a backup gives out again those it has lost. Tokens of version 1 are without, and still
 * taken. */
#include "coordinator/asl/digest.h"
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

enum {
    TOKEN_VERSION = 2,
    TOKEN_HEAD_BYTES_1 = 1 + 8 + 4 + 4 + 8,
    TOKEN_HEAD_BYTES = TOKEN_HEAD_BYTES_1 + 8,
    TOKEN_MAC_BYTES = 16,
    TOKEN_BYTES = TOKEN_HEAD_BYTES + TOKEN_MAC_BYTES,
    TOKEN_KEY_BYTES_MAX = 64,
};

static uint8_t *put(uint8_t *at, uint64_t v, unsigned bytes)
{
    for (unsigned i = bytes; i > 0; i--) {
        at[i - 1] = (uint8_t)v;
        v >>= 8;
    }
    return at + bytes;
}

static uint64_t take(const uint8_t **at, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v = v << 8 | *(*at)++;
    }
    return v;
}

static size_t head_bytes(const struct task_token *t)
{
    return t->version == 1 ? TOKEN_HEAD_BYTES_1 : TOKEN_HEAD_BYTES;
}

static void write_head(const struct task_token *t, uint8_t out[TOKEN_HEAD_BYTES])
{
    uint8_t *at = put(out, t->version, 1);

    at = put(at, t->execution, 8);
    at = put(at, t->frame, 4);
    at = put(at, t->attempt, 4);
    at = put(at, t->entered_event, 8);
    if (t->version != 1) {
        put(at, (uint64_t)t->entered_ms, 8);
    }
}

static void sign(const struct execution_header *h, const struct task_token *t, uint8_t mac[16])
{
    struct slice key = h->rules != NULL ? h->rules->token_key : (struct slice){0};
    uint8_t text[TOKEN_KEY_BYTES_MAX + TOKEN_HEAD_BYTES] = {0};
    uint8_t digest[DIGEST_BYTES_MAX];

    if (key.len > 0) {
        memcpy(text, key.ptr, key.len < TOKEN_KEY_BYTES_MAX ? key.len : TOKEN_KEY_BYTES_MAX);
    }
    write_head(t, text + TOKEN_KEY_BYTES_MAX);
    digest_compute(SLICE("SHA-256"),
                   slice_make((const char *)text, TOKEN_KEY_BYTES_MAX + head_bytes(t)), digest);
    memcpy(mac, digest, TOKEN_MAC_BYTES);
}

struct slice
engine_task_token(const struct execution_header *h, const struct frame *f, struct arena *a)
{
    struct task_token t = {.version = TOKEN_VERSION,
                           .execution = h->id,
                           .frame = f->id,
                           .attempt = f->attempt,
                           .entered_event = f->entered_event,
                           .entered_ms = f->entered_ms};
    uint8_t bytes[TOKEN_BYTES];

    write_head(&t, bytes);
    sign(h, &t, bytes + TOKEN_HEAD_BYTES);
    return text_base64(slice_make((const char *)bytes, sizeof(bytes)), a);
}

bool engine_task_token_parse(struct slice text, struct task_token *out)
{
    uint8_t bytes[TOKEN_BYTES];
    const uint8_t *at = bytes;
    size_t len;

    if (!text_parse_base64(text, bytes, sizeof(bytes), &len) || len == 0) {
        return false;
    }
    out->version = (uint8_t)take(&at, 1);
    if (out->version == 0 || out->version > TOKEN_VERSION ||
        len != head_bytes(out) + TOKEN_MAC_BYTES) {
        return false;
    }
    out->execution = take(&at, 8);
    out->frame = (uint32_t)take(&at, 4);
    out->attempt = (uint32_t)take(&at, 4);
    out->entered_event = take(&at, 8);
    out->entered_ms = out->version == 1 ? 0 : (int64_t)take(&at, 8);
    memcpy(out->mac, at, TOKEN_MAC_BYTES);
    return true;
}

bool engine_task_token_is(const struct execution_header *h, const struct task_token *t)
{
    uint8_t mac[TOKEN_MAC_BYTES];
    unsigned differs = 0;

    sign(h, t, mac);
    for (unsigned i = 0; i < TOKEN_MAC_BYTES; i++) {
        differs |= (unsigned)(mac[i] ^ t->mac[i]);
    }
    return differs == 0 && t->execution == h->id;
}
