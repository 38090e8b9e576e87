/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/check.h"

#include "proto/base/json.h"
#include "proto/base/text.h"
#include "worker/items/csv.h"

static enum err_code
check_fields(struct slice record, uint64_t offset, char delimiter, size_t *n, struct err *why)
{
    struct csv_fields c = csv_fields_of(record, delimiter);
    struct csv_field f;

    *n = 0;
    while (csv_fields_next(&c, &f)) {
        ++*n;
    }
    if (c.wrong != NULL) {
        return err_set(why, ERR_VALIDATION, "byte %llu: expected %s",
                       (unsigned long long)(offset + (size_t)(c.at - record.ptr)), c.wrong);
    }
    return OK;
}

enum err_code items_check_init(struct items_check *c,
                               const struct items_options *o,
                               struct slice header,
                               struct err *err)
{
    size_t fields = 0;

    if (slice_ends_with(header, SLICE("\n"))) {
        header.len--;
    }
    if (slice_starts_with(header, SLICE("\xef\xbb\xbf"))) {
        header = slice_from(header, 3);
    }
    if (o->format == ITEMS_CSV && header.len != 0 &&
        check_fields(header, 0, o->delimiter, &fields, err) != OK) {
        err_wrap(err, "the header");
        return ERR_VALIDATION;
    }
    *c = (struct items_check){.options = *o, .fields = fields};
    return OK;
}

void items_check_fini(struct items_check *c)
{
    arena_fini(&c->arena);
    *c = (struct items_check){0};
}

static enum err_code check_utf8(const struct items_record *r, struct err *why)
{
    return text_is_utf8(r->bytes)
               ? OK
               : err_set(why, ERR_VALIDATION, "the record at byte %llu: expected UTF-8",
                         (unsigned long long)r->offset);
}

static enum err_code
check_csv(const struct items_check *c, const struct items_record *r, struct err *why)
{
    size_t n;
    enum err_code rc = check_utf8(r, why);

    if (rc == OK) {
        rc = check_fields(r->bytes, r->offset, c->options.delimiter, &n, why);
    }
    if (rc == OK && c->fields != 0 && n != c->fields) {
        rc = err_set(why, ERR_VALIDATION,
                     "the record at byte %llu: expected %zu fields, as the header has, and "
                     "found %zu",
                     (unsigned long long)r->offset, c->fields, n);
    }
    return rc;
}

static enum err_code
check_json(struct items_check *c, const struct items_record *r, struct err *why)
{
    const struct json_node *v;
    enum err_code rc;

    arena_reset(&c->arena);
    rc = json_parse(r->bytes, &c->arena, &v, why);
    if (rc != OK) {
        err_wrap(why, "the record at byte %llu", (unsigned long long)r->offset);
    }
    return rc;
}

enum err_code
items_check_record(struct items_check *c, const struct items_record *record, struct err *why)
{
    switch (c->options.format) {
    case ITEMS_LINES: return check_utf8(record, why);
    case ITEMS_JSONL:
    case ITEMS_JSON: return check_json(c, record, why);
    case ITEMS_CSV: return check_csv(c, record, why);
    case ITEMS_WHOLE:
    case ITEMS_AUTO: break;
    }
    return OK;
}

enum items_pull items_check_next(struct items_check *c,
                                 struct items_records *r,
                                 struct items_record *out,
                                 struct err *err)
{
    enum items_pull what = items_records_next(r, out, err);

    return what == ITEMS_RECORD && items_check_record(c, out, err) != OK ? ITEMS_BAD : what;
}
