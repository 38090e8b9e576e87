/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/key.h"

#include "proto/base/json.h"
#include "proto/base/text.h"
#include "worker/items/csv.h"

enum { PART_MISSING = 1, PART_NULL = 2, PART_TEXT = 3 };

/* ---- What is to be found ---- */

/* One step off a path: ".name" or "['name']". */
static bool path_step(struct slice *path, struct slice *name)
{
    size_t n = 1;

    if (slice_starts_with(*path, SLICE("['"))) {
        struct slice rest = slice_from(*path, 2);

        n = slice_find(rest, '\'');
        *name = slice_head(rest, n);
        *path = slice_from(rest, n);
        if (!slice_starts_with(*path, SLICE("']"))) {
            return false;
        }
        *path = slice_from(*path, 2);
        return true;
    }
    if (!slice_starts_with(*path, SLICE("."))) {
        return false;
    }
    while (n < path->len && memchr(".[]()*?@'\" ", path->ptr[n], 11) == NULL) {
        n++;
    }
    *name = slice_from(slice_head(*path, n), 1);
    *path = slice_from(*path, n);
    return n > 1;
}

static enum err_code
key_compile_path(struct items_keys *k, struct items_key_part *part, struct err *err)
{
    struct slice left = part->spec.path;
    struct slice *members = ARENA_ARRAY(&k->keep, left.len, struct slice);
    bool lines = k->options.format == ITEMS_LINES || k->options.format == ITEMS_WHOLE;
    bool ok = slice_starts_with(left, SLICE("$"));

    for (left = slice_from(left, 1); ok && left.len != 0;) {
        ok = path_step(&left, &members[part->member_count++]);
    }
    if (!ok || (lines && part->member_count != 0)) {
        return err_set(err, ERR_VALIDATION, "the sort key \"%.*s\": expected %s",
                       SLICE_FMT(slice_head(part->spec.path, 200)),
                       lines ? "\"$\", the whole record" : "a path of members, as \"$.a.b\"");
    }
    part->members = members;
    return OK;
}

/* The number of the field named `name`; SIZE_MAX: none. */
static size_t column_of(struct items_keys *k, struct slice header, struct slice name)
{
    struct csv_fields c = csv_fields_of(header, k->options.delimiter);
    struct csv_field f;

    for (size_t i = 0; csv_fields_next(&c, &f); i++) {
        if (slice_eq(csv_field_value(&f, &k->text), name)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum err_code key_compile_column(struct items_keys *k,
                                        struct items_key_part *part,
                                        struct slice header,
                                        struct err *err)
{
    struct slice name = part->spec.column;
    uint64_t number = 0;

    if (slice_ends_with(header, SLICE("\n"))) {
        header.len--;
    }
    if (slice_starts_with(header, SLICE("\xef\xbb\xbf"))) {
        header = slice_from(header, 3);
    }
    if (k->options.header) {
        part->column = column_of(k, header, name);
    } else {
        part->column = text_parse_u64(name, &number) && number != 0 ? (size_t)number - 1 : SIZE_MAX;
    }
    return part->column != SIZE_MAX
               ? OK
               : err_set(err, ERR_VALIDATION, "the sort key \"%.*s\": expected %s",
                         SLICE_FMT(slice_head(name, 200)),
                         k->options.header ? "a column of the header"
                                           : "a column's number, from 1");
}

enum err_code items_keys_init(struct items_keys *k,
                              const struct items_key_spec *specs,
                              size_t count,
                              const struct items_options *o,
                              struct slice header,
                              struct err *err)
{
    enum err_code rc = OK;

    if (count == 0 || count > LIMIT_JOB_KEYS) {
        return err_set(err, ERR_VALIDATION, "%zu sort keys: expected 1 to %d", count,
                       LIMIT_JOB_KEYS);
    }
    *k = (struct items_keys){.options = *o, .count = count};
    for (size_t i = 0; rc == OK && i < count; i++) {
        struct items_key_part *part = &k->parts[i];

        part->spec = specs[i];
        part->spec.path = arena_copy(&k->keep, specs[i].path);
        part->spec.column = arena_copy(&k->keep, specs[i].column);
        rc = o->format == ITEMS_CSV ? key_compile_column(k, part, header, err)
                                    : key_compile_path(k, part, err);
    }
    if (rc != OK) {
        items_keys_fini(k);
    }
    return rc;
}

void items_keys_fini(struct items_keys *k)
{
    arena_fini(&k->keep);
    arena_fini(&k->work);
    buf_fini(&k->text);
    *k = (struct items_keys){0};
}

/* ---- A record's ---- */

static void put_text(struct slice text, struct buf *out)
{
    buf_put_u8(out, PART_TEXT);
    for (;;) {
        size_t n = slice_find(text, '\0');

        buf_put_slice(out, slice_head(text, n));
        if (n == text.len) {
            break;
        }
        buf_put(out, "\0\xff", 2);
        text = slice_from(text, n + 1);
    }
    buf_put(out, "\0\0", 2);
}

/* The characters of a JSON string. False: they cannot be read. */
static bool string_text(struct slice value, struct arena *work, struct slice *out)
{
    const struct json_node *v;

    *out = slice_make(value.ptr + 1, value.len - 2);
    if (slice_find(*out, '\\') == out->len) {
        return true;
    }
    if (json_parse(value, work, &v, NULL) != OK) {
        return false;
    }
    *out = json_text(v);
    return true;
}

/* False: it is not what the key needs. */
static bool
put_json(const struct items_key_part *part, struct slice value, struct arena *work, struct buf *out)
{
    struct slice text = value;

    if (slice_eq(value, SLICE("null"))) {
        buf_put_u8(out, PART_NULL);
        return true;
    }
    if (part->spec.type == ITEMS_KEY_NUMBER) {
        return items_key_number(value, out);
    }
    if (value.ptr[0] == '"' && !string_text(value, work, &text)) {
        return false;
    }
    put_text(text, out);
    return true;
}

static bool json_part(struct items_keys *k,
                      const struct items_key_part *part,
                      struct slice record,
                      struct buf *out)
{
    struct slice value;

    switch (items_key_path(record, part->members, part->member_count, &k->work, &value)) {
    case KEY_FOUND: return put_json(part, value, &k->work, out);
    case KEY_MISSING: buf_put_u8(out, PART_MISSING); return true;
    case KEY_WRONG: break;
    }
    return false;
}

static bool csv_part(struct items_keys *k,
                     const struct items_key_part *part,
                     struct slice record,
                     struct buf *out)
{
    struct csv_fields c = csv_fields_of(record, k->options.delimiter);
    struct csv_field f;
    struct slice value;

    for (size_t i = 0; csv_fields_next(&c, &f); i++) {
        if (i != part->column) {
            continue;
        }
        value = csv_field_value(&f, &k->text);
        if (part->spec.type == ITEMS_KEY_TEXT) {
            put_text(value, out);
            return true;
        }
        if (value.len == 0) {
            buf_put_u8(out, PART_NULL);
            return true;
        }
        return items_key_number(value, out);
    }
    buf_put_u8(out, PART_MISSING);
    return c.wrong == NULL;
}

static bool line_part(const struct items_key_part *part, struct slice record, struct buf *out)
{
    if (slice_ends_with(record, SLICE("\r"))) {
        record.len--;
    }
    if (part->spec.type == ITEMS_KEY_NUMBER) {
        return items_key_number(record, out);
    }
    put_text(record, out);
    return true;
}

static bool key_part(struct items_keys *k,
                     const struct items_key_part *part,
                     struct slice record,
                     struct buf *out)
{
    switch (k->options.format) {
    case ITEMS_JSON:
    case ITEMS_JSONL: return json_part(k, part, record, out);
    case ITEMS_CSV: return csv_part(k, part, record, out);
    case ITEMS_LINES:
    case ITEMS_WHOLE:
    case ITEMS_AUTO: break;
    }
    return line_part(part, record, out);
}

static enum err_code key_refused(const struct items_key_part *part,
                                 const struct items_record *record,
                                 bool csv,
                                 struct err *err)
{
    return err_set(err, ERR_VALIDATION,
                   "the record at byte %llu has no sort key: expected %s at \"%.*s\"",
                   (unsigned long long)record->offset,
                   part->spec.type == ITEMS_KEY_NUMBER ? "a number" : "readable text",
                   SLICE_FMT(slice_head(csv ? part->spec.column : part->spec.path, 200)));
}

enum err_code items_keys_make(struct items_keys *k,
                              const struct items_record *record,
                              struct buf *out,
                              struct err *err)
{
    size_t begin = out->len;
    enum err_code rc = OK;

    for (size_t i = 0; rc == OK && i < k->count; i++) {
        const struct items_key_part *part = &k->parts[i];
        size_t from = out->len;

        if (!key_part(k, part, record->bytes, out)) {
            rc = key_refused(part, record, k->options.format == ITEMS_CSV, err);
        } else if (out->len - begin > LIMIT_SORT_KEY_BYTES) {
            rc = err_set(err, ERR_TOO_LARGE, "the record at byte %llu: its sort key is too long",
                         (unsigned long long)record->offset);
        }
        for (size_t b = from; part->spec.descending && b < out->len; b++) {
            out->ptr[b] = (char)~out->ptr[b];
        }
    }
    arena_reset(&k->work);
    if (rc != OK) {
        out->len = begin;
    }
    return rc;
}
