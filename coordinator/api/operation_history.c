/* SPDX-License-Identifier: Apache-2.0 */
/* History of an execution in pages, rendered as AWS gives it, from its records: those of the store,
 * or of an Express execution in memory. */
#include <inttypes.h>

#include "coordinator/api/reading.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

struct history_asked {
    bool reverse;
    bool without_data;
};

/* Where a page goes on: record and event, as "h1.SEQUENCE.EVENT". */
struct history_place {
    uint64_t sequence;
    uint64_t event;
};

static bool place_parse(struct slice token, struct history_place *out)
{
    size_t dot;

    if (!slice_starts_with(token, SLICE("h1."))) {
        return false;
    }
    token = slice_from(token, 3);
    dot = slice_find(token, '.');
    return text_parse_u64(slice_head(token, dot), &out->sequence) &&
           text_parse_u64(slice_from(token, dot + 1), &out->event);
}

static enum err_code
history_doc(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err)
{
    return record_read_doc(arg, ref, a, out, err);
}

struct history_page {
    struct reading *r;
    const struct history_asked *asked;
    Stepfleet__HistoryReply *reply;
    struct asl_machine *machine;
    struct execution_header header;
    struct history_place at;
    size_t bytes;
    bool full;
};

/* One event onto the page; false where it does not fit any more. */
static bool page_add(struct history_page *p, const struct history_event *ev)
{
    struct reading *r = p->r;
    struct doc_source docs = {history_doc, &r->source};
    const struct json_node *v;
    struct slice text;

    if (p->reply->n_events == r->max || p->bytes > LIMIT_PAGE_BYTES) {
        p->full = true;
        p->at.event = ev->id;
        return false;
    }
    r->rc = history_render(p->machine, &p->header, ev, !p->asked->without_data, &docs, &r->arena,
                           &v, &r->err);
    if (r->rc != OK) {
        return false;
    }
    text = json_print(v, &r->arena);
    p->bytes += text.len;
    p->reply->events[p->reply->n_events++] = message_bytes(text);
    return true;
}

static bool page_record(struct history_page *p, const struct record *rec)
{
    for (size_t n = 0; n < rec->event_count; n++) {
        const struct history_event *ev =
            &rec->events[p->asked->reverse ? rec->event_count - 1 - n : n];
        bool before =
            p->at.event != 0 && (p->asked->reverse ? ev->id > p->at.event : ev->id < p->at.event);

        if (!before && !page_add(p, ev)) {
            return false;
        }
    }
    return true;
}

static void page_fill(struct history_page *p, uint64_t last)
{
    struct reading *r = p->r;

    for (;;) {
        struct record rec;
        struct slice bytes;

        r->rc = record_read(&r->source, p->at.sequence, &r->arena, &bytes, &r->err);
        if (r->rc == OK) {
            r->rc = record_decode(bytes, &r->arena, &rec, &r->err);
        } else if (r->rc == ERR_NOT_FOUND) {
            r->rc = err_set(&r->err, ERR_CORRUPT, "record %" PRIu64 " of the execution is missing",
                            p->at.sequence);
        }
        if (r->rc != OK || !page_record(p, &rec)) {
            return;
        }
        if (p->at.sequence == (p->asked->reverse ? 0 : last)) {
            return;
        }
        p->at.sequence += p->asked->reverse ? UINT64_MAX : 1;
    }
}

static void work_history(struct reading *r)
{
    Stepfleet__HistoryReply *reply = arena_alloc(&r->arena, sizeof(*reply));
    struct history_page p = {.r = r, .asked = r->asked, .reply = reply};
    struct image im;

    stepfleet__history_reply__init(reply);
    reply->events = ARENA_ARRAY(&r->arena, r->max + 1, ProtobufCBinaryData);
    r->rc = image_read(&r->source, &r->arena, &im, &r->err);
    if (r->rc == OK) {
        r->rc = reading_machine(r->api, &im.header, &r->arena, &p.machine, &r->err);
    }
    if (r->rc != OK) {
        return;
    }
    p.header = im.header;
    p.at.sequence = p.asked->reverse ? im.header.sequence : 0;
    if (r->token.len != 0 &&
        (!place_parse(r->token, &p.at) || p.at.sequence > im.header.sequence)) {
        r->rc = err_set(&r->err, ERR_INVALID_TOKEN, "Invalid Token: 'Invalid token'");
    } else {
        page_fill(&p, im.header.sequence);
    }
    if (p.full) {
        reply->next_token = arena_str(&r->arena, arena_printf(&r->arena, "h1.%" PRIu64 ".%" PRIu64,
                                                              p.at.sequence, p.at.event));
    }
    asl_machine_free(p.machine);
    r->reply = &reply->base;
}

void operation_EXECUTION_HISTORY(struct call *c)
{
    const Stepfleet__HistoryRequest *q = (const void *)c->request;
    struct history_asked *asked;
    struct reading *r;
    struct slice *records;
    struct err err;
    uint64_t id;
    uint32_t max;
    enum err_code rc = find_execution(c->api, q->execution, &id, NULL, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    r = reading_new(c, work_history);
    r->source.execution = id;
    r->max = max;
    asked = ARENA_NEW(&r->arena, struct history_asked);
    *asked = (struct history_asked){q->reverse, q->without_data};
    r->asked = asked;
    r->token = arena_copy(&r->arena, slice_str(q->next_token));
    if (ledger_express_records(c->api->ledger, id, &r->arena, &records, &r->source.record_count)) {
        r->source.store = NULL;
        r->source.records = records;
    }
    reading_begin(r);
}
