/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of messages: read from JSON, given back as JSON, and the digests SDKs check. Source:
 * Amazon SQS Developer Guide, "Calculating the MD5 message digest for message attributes". */
#include <stdlib.h>

#include "coordinator/api/operation_queue.h"
#include "coordinator/asl/digest.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { NAME_BYTES_MAX = 256, TYPE_BYTES_MAX = 256 };

struct slice message_digest(struct slice body, struct arena *a)
{
    uint8_t *digest = arena_alloc(a, DIGEST_BYTES_MAX);

    (void)digest_compute(SLICE("MD5"), body, digest);
    return slice_make(digest, MESSAGE_MD5_BYTES);
}

static char *digest_text(struct slice digest, struct arena *a)
{
    char *hex = arena_zalloc(a, 1, 2 * digest.len + 1);

    text_format_hex(digest.ptr, digest.len, hex);
    return hex;
}

char *message_body_md5(const struct message_row *m, struct arena *a)
{
    return digest_text(m->body_md5.len != 0 ? m->body_md5 : message_digest(m->body, a), a);
}

char *message_sequence(uint64_t number, struct arena *a)
{
    return arena_str(a, queue_sequence_text(number, a));
}

char *message_uuid(const uint8_t id[16], struct arena *a)
{
    char *text = arena_zalloc(a, 1, TEXT_UUID_BYTES + 1);

    text_format_uuid(id, text);
    return text;
}

bool message_text_is_valid(struct slice s)
{
    if (!text_is_utf8(s)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];

        if (c < ' ' && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
        /* U+FFFE, U+FFFF */
        if (c == 0xEF && i + 2 < s.len && (uint8_t)s.ptr[i + 1] == 0xBF &&
            (uint8_t)s.ptr[i + 2] >= 0xBE) {
            return false;
        }
    }
    return true;
}

/* ---- from JSON ---- */

static bool is_attribute_name(struct slice name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX || name.ptr[0] == '.' ||
        name.ptr[name.len - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return true;
}

/* "String", "Number", "Binary", or one of them with more behind a dot. */
static bool is_type(struct slice type, const char *base)
{
    struct slice b = slice_str(base);

    return slice_starts_with(type, b) && (type.len == b.len || type.ptr[b.len] == '.');
}

static enum err_code read_binary(const struct json_node *v,
                                 struct arena *a,
                                 struct message_attribute *out,
                                 struct err *err)
{
    struct slice text = json_text(v);
    uint8_t *bytes = arena_alloc(a, text.len + 1);
    size_t len;

    if (!text_parse_base64(text, bytes, text.len, &len)) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "The value of message attribute '%.*s' is not Base64.",
                       SLICE_FMT(out->name));
    }
    out->value = slice_make(bytes, len);
    return OK;
}

static enum err_code read_value(const struct json_node *v,
                                struct arena *a,
                                struct message_attribute *out,
                                struct err *err)
{
    const struct json_node *value;
    enum err_code rc = OK;

    out->binary = is_type(out->type, "Binary");
    if (!out->binary && !is_type(out->type, "String") && !is_type(out->type, "Number")) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "The message attribute '%.*s' has an invalid message attribute type, the "
                       "set of supported type prefixes is Binary, Number, and String.",
                       SLICE_FMT(out->name));
    }
    value = json_member(v, out->binary ? SLICE("BinaryValue") : SLICE("StringValue"));
    out->value = json_text(value);
    if (out->binary && json_is(value, JSON_STRING)) {
        rc = read_binary(value, a, out, err);
    }
    if (rc == OK && !out->binary && !message_text_is_valid(out->value)) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "The message attribute '%.*s' contains characters that are not valid.",
                     SLICE_FMT(out->name));
    }
    if (rc == OK && out->value.len == 0) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "The message attribute '%.*s' must contain non-empty message attribute value "
                     "for message attribute type '%.*s'.",
                     SLICE_FMT(out->name), SLICE_FMT(out->type));
    }
    if (rc == OK && is_type(out->type, "Number") && !text_is_number(out->value)) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "Can't cast the value of message (user) attribute '%.*s' to a number.",
                     SLICE_FMT(out->name));
    }
    return rc;
}

static enum err_code
read_one(const struct json_node *v, struct arena *a, struct message_attribute *out, struct err *err)
{
    if (!is_attribute_name(out->name)) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Message (user) attribute name can contain upper and lower score "
                       "characters, digits, periods, hyphens and underscores.");
    }
    out->type = json_text(json_member(v, SLICE("DataType")));
    if (out->type.len == 0 || out->type.len > TYPE_BYTES_MAX) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "The message attribute '%.*s' must contain non-empty message attribute "
                       "type.",
                       SLICE_FMT(out->name));
    }
    return read_value(v, a, out, err);
}

static int by_name(const void *a, const void *b)
{
    const struct message_attribute *x = a;
    const struct message_attribute *y = b;

    return slice_cmp(x->name, y->name);
}

enum err_code message_attributes_read(struct slice json,
                                      struct arena *a,
                                      struct message_attribute **items,
                                      size_t *n,
                                      size_t *bytes,
                                      struct err *err)
{
    const struct json_node *v = NULL;
    enum err_code rc = OK;

    *items = NULL;
    *n = 0;
    if (json.len == 0) {
        return OK;
    }
    if (json_parse(json, a, &v, err) != OK || !json_is(v, JSON_OBJECT)) {
        return err_set(err, ERR_MESSAGE, "Message attributes must be a MAP");
    }
    if (json_count(v) > LIMIT_QUEUE_ATTRIBUTES) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Number of message attributes [%zu] exceeds the allowed maximum [%d].",
                       json_count(v), LIMIT_QUEUE_ATTRIBUTES);
    }
    *items = ARENA_ARRAY(a, json_count(v) + 1, struct message_attribute);
    for (const struct json_node *e = json_first(v); e != NULL && rc == OK; e = json_next(v, e)) {
        struct message_attribute *m = &(*items)[(*n)++];

        m->name = json_key(v, e);
        rc = read_one(e, a, m, err);
        *bytes += m->name.len + m->type.len + m->value.len;
    }
    if (*n != 0) {
        qsort(*items, *n, sizeof(**items), by_name);
    }
    return rc;
}

/* ---- digest, JSON ---- */

static void put_part(struct buf *out, struct slice s)
{
    buf_put_u32be(out, (uint32_t)s.len);
    buf_put_slice(out, s);
}

char *message_attributes_md5(const struct message_attribute *items, size_t n, struct arena *a)
{
    struct buf b = {0};
    char *hex;

    if (n == 0) {
        return arena_str(a, SLICE(""));
    }
    for (size_t i = 0; i < n; i++) {
        put_part(&b, items[i].name);
        put_part(&b, items[i].type);
        buf_put_u8(&b, items[i].binary ? 2 : 1);
        put_part(&b, items[i].value);
    }
    hex = digest_text(message_digest(buf_slice(&b), a), a);
    buf_fini(&b);
    return hex;
}

struct slice
message_attributes_json(const struct message_attribute *items, size_t n, struct arena *a)
{
    struct json_builder all = json_build_object(a);

    for (size_t i = 0; i < n; i++) {
        struct json_builder one = json_build_object(a);

        json_put(&one, items[i].binary ? SLICE("BinaryValue") : SLICE("StringValue"),
                 json_string(a, items[i].binary ? text_base64(items[i].value, a) : items[i].value));
        json_put(&one, SLICE("DataType"), json_string(a, items[i].type));
        json_put(&all, items[i].name, json_built(&one));
    }
    return n != 0 ? json_print(json_built(&all), a) : slice_make(NULL, 0);
}
