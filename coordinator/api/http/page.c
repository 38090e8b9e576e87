/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/page.h"

#include <openssl/crypto.h>
#include <string.h>

#include "proto/base/text.h"

enum {
    SEAL_BYTES = 16, /* of the code */
    TIME_BYTES = 8,
    TOKEN_BYTES_MAX = 1024,
    EXECUTIONS_TOKEN_BYTES = 3096,
    GOOD_MS = 24 * 3600 * 1000
};

/* ---- text ---- */

/* Base64 in the alphabet of URLs, so that a token is one word anywhere. */
static struct slice to_word(struct slice bytes, struct arena *a)
{
    char *text = arena_str(a, text_base64(bytes, a));
    size_t len = strlen(text);

    while (len != 0 && text[len - 1] == '=') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }
    return slice_make(text, len);
}

static bool from_word(struct slice word, struct arena *a, struct slice *out)
{
    char text[TOKEN_BYTES_MAX + 3];
    uint8_t *bytes = arena_alloc(a, TOKEN_BYTES_MAX);
    size_t len = word.len;

    if (word.len > TOKEN_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = word.ptr[i];

        if (c == '+' || c == '/' || c == '=') {
            return false; /* one token has one spelling */
        }
        text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (len % 4 != 0) {
        text[len++] = '=';
    }
    if (!text_parse_base64(slice_make(text, len), bytes, TOKEN_BYTES_MAX, &len)) {
        return false;
    }
    *out = slice_make(bytes, len);
    return true;
}

/* ---- messages ---- */

static void *field_of(const ProtobufCMessage *m, const char *name)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

    return f != NULL ? (char *)(uintptr_t)m + f->offset : NULL;
}

char **page_token_of(const ProtobufCMessage *m)
{
    return field_of(m, "next_token");
}

static void context_of(struct slice key,
                       unsigned method,
                       const ProtobufCMessage *request,
                       struct arena *a,
                       struct page_context *out)
{
    size_t packed = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = arena_alloc(a, packed + 4);

    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(method >> (8 * i));
    }
    (void)protobuf_c_message_pack(request, bytes + 4);
    out->code = code_of(key, slice_make(bytes, packed + 4));
}

/* ---- tokens ---- */

static struct code
page_code(struct slice key, const struct page_context *c, struct slice said, struct arena *a)
{
    char *bytes = arena_alloc(a, sizeof(c->code) + said.len);

    memcpy(bytes, c->code.bytes, sizeof(c->code));
    memcpy(bytes + sizeof(c->code), said.ptr, said.len);
    return code_of(key, slice_make(bytes, sizeof(c->code) + said.len));
}

struct slice page_token(struct slice key,
                        const struct page_context *c,
                        struct slice inner,
                        int64_t now_ms,
                        struct arena *a)
{
    size_t said = TIME_BYTES + inner.len;
    uint8_t *bytes = arena_alloc(a, said + SEAL_BYTES);
    struct code code;

    if (inner.len == 0) {
        return inner;
    }
    for (int i = 0; i < TIME_BYTES; i++) {
        bytes[i] = (uint8_t)((uint64_t)now_ms >> (8 * i));
    }
    memcpy(bytes + TIME_BYTES, inner.ptr, inner.len);
    code = page_code(key, c, slice_make(bytes, said), a);
    memcpy(bytes + said, code.bytes, SEAL_BYTES);
    return to_word(slice_make(bytes, said + SEAL_BYTES), a);
}

/* The inner token; false: it is not one of ours for this request. */
static bool token_read(struct slice key,
                       const struct page_context *c,
                       struct slice word,
                       int64_t now_ms,
                       struct arena *a,
                       struct slice *inner)
{
    struct slice bytes;
    struct slice said;
    struct code code;
    uint64_t time = 0;

    if (!from_word(word, a, &bytes) || bytes.len <= TIME_BYTES + SEAL_BYTES) {
        return false;
    }
    said = slice_head(bytes, bytes.len - SEAL_BYTES);
    code = page_code(key, c, said, a);
    if (CRYPTO_memcmp(code.bytes, bytes.ptr + said.len, SEAL_BYTES) != 0) {
        return false;
    }
    for (int i = TIME_BYTES - 1; i >= 0; i--) {
        time = time << 8 | (uint8_t)said.ptr[i];
    }
    *inner = slice_from(said, TIME_BYTES);
    return now_ms - (int64_t)time <= GOOD_MS && slice_find(*inner, '\0') == inner->len;
}

enum err_code page_read(struct slice key,
                        unsigned method,
                        ProtobufCMessage *request,
                        int64_t now_ms,
                        struct arena *a,
                        struct page_context *out,
                        struct err *err)
{
    char **token = page_token_of(request);
    uint32_t *max = field_of(request, "max_results");
    struct slice word;
    struct slice inner;
    uint32_t asked = max != NULL ? *max : 0;

    out->pages = token != NULL;
    if (!out->pages) {
        return OK;
    }
    word = slice_str(*token);
    *token = (char *)(uintptr_t)protobuf_c_empty_string;
    if (max != NULL) {
        *max = 0;
    }
    context_of(key, method, request, a, out);
    if (max != NULL) {
        *max = asked;
    }
    if (word.len == 0) {
        return OK;
    }
    if (word.len > (method == RPC_EXECUTION_LIST ? EXECUTIONS_TOKEN_BYTES : TOKEN_BYTES_MAX)) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%.300s' at 'nextToken' failed to "
                       "satisfy constraint: Member must have length less than or equal to %d",
                       arena_str(a, word),
                       method == RPC_EXECUTION_LIST ? EXECUTIONS_TOKEN_BYTES : TOKEN_BYTES_MAX);
    }
    if (!token_read(key, out, word, now_ms, a, &inner)) {
        return err_set(err, ERR_INVALID_TOKEN, "Invalid Token: 'Invalid token'");
    }
    *token = arena_str(a, inner);
    return OK;
}
