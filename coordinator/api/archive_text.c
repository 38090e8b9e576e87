/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/archive_text.h"

#include <inttypes.h>

#include "coordinator/api/aws_json.h"
#include "coordinator/api/reading.h"
#include "proto/base/date.h"
#include "proto/base/utf8.h"

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    NAME_BYTES = 200, /* a longer one is cut: with what stands behind it, it is a file's name */
    CUT_NAME_BYTES = 180,
};

/* ---- where ---- */

enum err_code archive_place_parse(const char *text, struct archive_place *out, struct err *err)
{
    const struct slice scheme = SLICE("s3://");
    struct slice rest = slice_str(text);
    size_t slash;

    if (slice_starts_with(rest, scheme)) {
        rest = slice_from(rest, scheme.len);
        slash = slice_find(rest, '/');
        out->bucket = slice_head(rest, slash);
        rest = slash < rest.len ? slice_from(rest, slash + 1) : SLICE("");
        while (slice_ends_with(rest, SLICE("/"))) {
            rest.len--;
        }
        out->prefix = rest;
        if (out->bucket.len != 0 && !slice_starts_with(rest, SLICE("/"))) {
            return OK;
        }
    }
    return err_set(err, ERR_CONFIG, "archive = %s: expected s3://BUCKET or s3://BUCKET/PREFIX",
                   text);
}

static bool is_dots(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] != '.') {
            return false;
        }
    }
    return true;
}

/* A name as a part of a path: one that a directory could not have has its hash for what is left
 * out. */
static struct slice part_of(struct slice name, struct arena *a)
{
    size_t cut = name.len;

    if (name.len <= NAME_BYTES && !is_dots(name)) {
        return name;
    }
    if (cut > CUT_NAME_BYTES) {
        cut = CUT_NAME_BYTES;
        while (((uint8_t)name.ptr[cut] & 0xc0) == 0x80) { /* not inside a character */
            cut--;
        }
    }
    return arena_printf(a, "%.*s~%016" PRIx64, SLICE_FMT(slice_head(name, cut)),
                        hash_bytes(name, 0));
}

struct slice
archive_key(const struct archive_place *p, const struct execution_header *h, struct arena *a)
{
    struct date d = date_from_days(h->start_ms / DAY_MS);
    int64_t ms = h->start_ms % DAY_MS;

    return arena_printf(a,
                        "%.*s%s%.*s/%04" PRId64 "/%02" PRId64 "/%02" PRId64 "/%.*s-%02" PRId64
                        "%02" PRId64 "%02" PRId64 "%03" PRId64 ".jsonl",
                        SLICE_FMT(p->prefix), p->prefix.len != 0 ? "/" : "",
                        SLICE_FMT(part_of(h->machine_name, a)), d.year, d.month, d.day,
                        SLICE_FMT(part_of(h->name, a)), ms / 3600000, ms / 60000 % 60,
                        ms / 1000 % 60, ms % 1000);
}

/* ---- what ---- */

struct archive {
    struct archive_sink *sink;
    const struct record_source *source;
    const struct execution_header *header;
    struct asl_machine *machine;
    struct arena arena; /* of one record */
    struct buf line;
};

static enum err_code put_line(struct archive *x, const struct json_node *v, struct err *err)
{
    buf_reset(&x->line);
    json_write(v, &x->line);
    buf_put_u8(&x->line, '\n');
    x->sink->rc = x->sink->line(x->sink, buf_slice(&x->line), err);
    return x->sink->rc;
}

static enum err_code put_description(struct archive *x, struct err *err)
{
    Stepfleet__ExecutionDetail d;

    describe_header(x->header, &x->arena, &d);
    return put_line(
        x, aws_reply(aws_operation(SLICE("DescribeExecution")), AWS_HTTP, &d.base, &x->arena), err);
}

static enum err_code
archive_doc(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err)
{
    return record_read_doc(arg, ref, a, out, err);
}

static enum err_code
render(struct archive *x, const struct history_event *ev, ProtobufCBinaryData *out, struct err *err)
{
    struct record_source source = *x->source;
    const struct doc_source docs = {archive_doc, &source};
    const struct json_node *v;
    enum err_code rc = history_render(x->machine, x->header, ev, true, &docs, &x->arena, &v, err);

    if (rc == OK) {
        *out = message_bytes(json_print(v, &x->arena));
    }
    return rc;
}

static enum err_code put_events(struct archive *x, Stepfleet__HistoryReply *page, struct err *err)
{
    const struct json_node *reply =
        aws_reply(aws_operation(SLICE("GetExecutionHistory")), AWS_HTTP, &page->base, &x->arena);
    const struct json_node *events = json_member(reply, SLICE("events"));
    enum err_code rc = OK;

    for (const struct json_node *e = json_first(events); rc == OK && e != NULL;
         e = json_next(events, e)) {
        rc = put_line(x, e, err);
    }
    return rc;
}

static enum err_code put_record(struct archive *x, uint64_t sequence, struct err *err)
{
    Stepfleet__HistoryReply page = STEPFLEET__HISTORY_REPLY__INIT;
    struct record record;
    struct slice bytes;
    enum err_code rc = record_read(x->source, sequence, &x->arena, &bytes, err);

    if (rc == ERR_NOT_FOUND) {
        return err_set(err, ERR_CORRUPT, "record %" PRIu64 " is missing", sequence);
    }
    if (rc == OK) {
        rc = record_decode(bytes, &x->arena, &record, err);
    }
    if (rc != OK) {
        return rc;
    }
    page.events = ARENA_ARRAY(&x->arena, record.event_count, ProtobufCBinaryData);
    for (; rc == OK && page.n_events < record.event_count; page.n_events++) {
        rc = render(x, &record.events[page.n_events], &page.events[page.n_events], err);
    }
    return rc == OK ? put_events(x, &page, err) : rc;
}

enum err_code archive_write(struct api *api,
                            const struct record_source *source,
                            const struct execution_header *h,
                            struct archive_sink *s,
                            struct err *err)
{
    struct archive x = {.sink = s, .source = source, .header = h};
    struct arena parsed = {0};
    enum err_code rc = reading_machine(api, h, &parsed, &x.machine, err);

    if (rc == OK) {
        rc = put_description(&x, err);
    }
    for (uint64_t at = 0; rc == OK && at <= h->sequence; at++) {
        rc = put_record(&x, at, err);
        arena_reset(&x.arena);
    }
    if (x.machine != NULL) {
        asl_machine_free(x.machine);
    }
    buf_fini(&x.line);
    arena_fini(&x.arena);
    arena_fini(&parsed);
    return rc;
}
