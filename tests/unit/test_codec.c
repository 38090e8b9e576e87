/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the store: what is written comes back as it was, for any structs that keep the engine's
 * promises; malformed bytes are refused without harm; and a usual transition stays small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/store/codec.h"

/* ---- Random structs ---- */

struct chance {
    uint64_t state;
    struct arena a;
};

static uint64_t chance_u64(struct chance *c)
{
    uint64_t z = (c->state += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t chance_below(struct chance *c, uint64_t n)
{
    return chance_u64(c) % n;
}

/* Usual, small, large and extreme values alike. */
static uint64_t chance_number(struct chance *c)
{
    switch (chance_below(c, 5)) {
    case 0: return 0;
    case 1: return chance_below(c, 4);
    case 2: return chance_below(c, 100000);
    case 3: return UINT64_MAX - chance_below(c, 3);
    default: return chance_u64(c);
    }
}

static int64_t chance_ms(struct chance *c)
{
    switch (chance_below(c, 4)) {
    case 0: return 0;
    case 1: return (int64_t)chance_number(c);
    default: return (int64_t)(1700000000000u + chance_below(c, 5000));
    }
}

static uint32_t chance_u32(struct chance *c)
{
    return (uint32_t)chance_number(c);
}

/* NULL, empty, or some bytes; few different ones, so that texts repeat. */
static struct slice chance_text(struct chance *c)
{
    static const char texts[] = "worker-1worker-2States.TaskFailed\0\xff the cause was long";
    size_t from;

    switch (chance_below(c, 5)) {
    case 0: return (struct slice){NULL, 0};
    case 1: return slice_make(texts, 0);
    case 2: return SLICE("the-same-again");
    default:
        from = (size_t)chance_below(c, sizeof(texts) - 1);
        return slice_make(texts + from, sizeof(texts) - 1 - from);
    }
}

static uint64_t chance_ref(struct chance *c, uint64_t sequence)
{
    uint64_t back;

    if (chance_below(c, 3) == 0) {
        return 0;
    }
    back = chance_below(c, 2) == 0 ? 0 : chance_below(c, sequence + 1);
    return DOC_REF(sequence - back, chance_below(c, 2) == 0 ? 0 : chance_below(c, 256));
}

static void chance_header(struct chance *c, struct execution_header *h, bool plain)
{
    h->sequence = chance_below(c, 3) == 0   ? 0
                  : chance_below(c, 2) == 0 ? chance_below(c, 50)
                                            : chance_below(c, UINT64_C(1) << 55);
    h->next_event = chance_number(c);
    h->next_frame = h->open_frames = 1;
    if (plain) {
        return;
    }
    h->status = (enum execution_status)chance_below(c, 6);
    h->stop_ms = chance_ms(c);
    h->deadline_ms = chance_ms(c);
    h->redrive_count = chance_u32(c);
    h->redrive_ms = chance_ms(c);
    h->redrive_token = chance_number(c);
    h->record_docs = chance_u32(c);
    h->next_frame = chance_u32(c);
    h->open_frames = chance_u32(c);
    h->output.ref = chance_ref(c, h->sequence);
    h->error = chance_text(c);
    h->cause = chance_text(c);
}

static void chance_fixed(struct chance *c, struct execution_header *h)
{
    h->account = chance_number(c);
    h->id = chance_number(c);
    h->machine = chance_number(c);
    h->revision = chance_u32(c);
    h->express = chance_below(c, 2) != 0;
    h->synchronous = chance_below(c, 2) != 0;
    h->name = chance_text(c);
    h->arn = chance_text(c);
    h->machine_arn = chance_text(c);
    h->machine_name = chance_text(c);
    h->role_arn = chance_text(c);
    h->seed = chance_number(c);
    h->start_ms = chance_ms(c);
    h->parent = chance_number(c);
    h->map_run = chance_number(c);
    h->input.ref = chance_ref(c, h->sequence);
}

static enum history_type chance_type(struct chance *c)
{
    static const enum history_type types[] = {
#define HISTORY_TYPE(type, number, name) HISTORY_##type,
#include "coordinator/engine/history.def"
#undef HISTORY_TYPE
    };

    return types[chance_below(c, sizeof(types) / sizeof(types[0]))];
}

static void chance_event(struct chance *c, uint64_t sequence, struct history_event *e)
{
    bool plain = chance_below(c, 2) != 0;

    e->type = chance_type(c);
    e->previous = plain ? e->id - 1 : chance_number(c);
    e->time_ms = chance_ms(c);
    e->state = chance_below(c, 2) != 0 ? ASL_NONE : chance_u32(c);
    e->doc.ref = chance_ref(c, sequence);
    e->worker = chance_text(c);
    e->entered_ms = chance_ms(c);
    if (!plain) {
        e->wrapped = chance_below(c, 2) != 0;
        e->retry_count = chance_u32(c);
        e->seed = chance_number(c);
        e->timeout_s = (int64_t)chance_number(c);
        e->heartbeat_s = (int64_t)chance_number(c);
        e->error = chance_text(c);
        e->cause = chance_text(c);
        e->index = chance_number(c);
    }
}

static void chance_output(struct chance *c, struct task_output *o)
{
    o->bucket = chance_text(c);
    o->key = chance_text(c);
    o->upload_id = chance_text(c);
    o->mark = chance_text(c);
    o->parts = chance_text(c);
    o->result = chance_text(c);
}

static void chance_retries(struct chance *c, struct frame *f)
{
    uint32_t *retries;

    f->retrier_count = (uint32_t)chance_below(c, 4);
    retries = ARENA_ARRAY(&c->a, f->retrier_count, uint32_t);
    for (uint32_t i = 0; i < f->retrier_count; i++) {
        retries[i] = chance_u32(c);
    }
    f->retries = retries;
}

static void chance_frame(struct chance *c, uint64_t sequence, struct frame *f)
{
    *f = (struct frame){.parent = ASL_NONE, .attempt = 1};
    f->state = chance_u32(c);
    f->status = (enum frame_status)chance_below(c, 8);
    f->entered_event = chance_number(c);
    f->entered_ms = chance_ms(c);
    f->last_event = chance_number(c);
    f->started = chance_below(c, 2) != 0;
    f->input.ref = chance_ref(c, sequence);
    if (chance_below(c, 3) == 0) {
        return;
    }
    f->id = chance_u32(c);
    f->parent = chance_u32(c);
    f->scope = chance_u32(c);
    f->index = chance_u32(c);
    f->attempt = chance_u32(c);
    f->retry_count = chance_u32(c);
    if (chance_below(c, 2) != 0) {
        chance_retries(c, f);
    }
    f->due_ms = chance_ms(c);
    f->timeout_ms = (int64_t)chance_number(c);
    f->heartbeat_ms = (int64_t)chance_number(c);
    f->granted_ms = chance_ms(c);
    f->token = (struct token){chance_number(c), chance_number(c)};
    f->worker = chance_text(c);
    chance_output(c, &f->output);
    f->join_open = chance_u32(c);
    f->variables.ref = chance_ref(c, sequence);
}

static void chance_step(struct chance *c, struct step *s)
{
    *s = (struct step){0};
    chance_header(c, &s->header, chance_below(c, 2) != 0);
    if (s->header.sequence == 0) {
        chance_fixed(c, &s->header);
    }
    s->doc_count = chance_below(c, 10) == 0 ? 256 : (size_t)chance_below(c, 3);
    s->docs = ARENA_ARRAY(&c->a, s->doc_count, struct doc);
    for (size_t i = 0; i < s->doc_count; i++) {
        s->docs[i].text = chance_text(c);
        s->docs[i].ref = DOC_REF(s->header.sequence, i);
    }
    s->event_count = (size_t)chance_below(c, 8);
    s->events = ARENA_ARRAY(&c->a, s->event_count, struct history_event);
    for (size_t i = 0; i < s->event_count; i++) {
        s->events[i].id =
            i == 0 ? chance_number(c) : s->events[0].id + (uint64_t)i; /* anywhere, in a row */
        chance_event(c, s->header.sequence, &s->events[i]);
    }
    s->frame_count = (size_t)chance_below(c, 4);
    s->frames = ARENA_ARRAY(&c->a, s->frame_count, struct frame);
    for (size_t i = 0; i < s->frame_count; i++) {
        chance_frame(c, s->header.sequence, &s->frames[i]);
    }
}

/* ---- The same? ---- */

static void same_text(struct slice a, struct slice b)
{
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    assert_true(slice_eq(a, b));
}

static void same_fixed(const struct execution_header *a, const struct execution_header *b)
{
    assert_true(a->account == b->account && a->id == b->id && a->machine == b->machine);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->express, b->express);
    assert_int_equal(a->synchronous, b->synchronous);
    same_text(a->name, b->name);
    same_text(a->arn, b->arn);
    same_text(a->machine_arn, b->machine_arn);
    same_text(a->machine_name, b->machine_name);
    same_text(a->role_arn, b->role_arn);
    assert_true(a->seed == b->seed);
    assert_true(a->start_ms == b->start_ms);
    assert_true(a->parent == b->parent && a->map_run == b->map_run);
    assert_true(a->input.ref == b->input.ref);
}

static void same_header(const struct execution_header *a, const struct execution_header *b)
{
    assert_int_equal(a->status, b->status);
    assert_true(a->stop_ms == b->stop_ms && a->deadline_ms == b->deadline_ms);
    assert_int_equal(a->redrive_count, b->redrive_count);
    assert_true(a->redrive_ms == b->redrive_ms && a->redrive_token == b->redrive_token);
    assert_true(a->sequence == b->sequence);
    assert_int_equal(a->record_docs, b->record_docs);
    assert_true(a->next_event == b->next_event);
    assert_int_equal(a->next_frame, b->next_frame);
    assert_int_equal(a->open_frames, b->open_frames);
    assert_true(a->output.ref == b->output.ref);
    same_text(a->error, b->error);
    same_text(a->cause, b->cause);
    same_fixed(a, b);
}

static void same_event(const struct history_event *a, const struct history_event *b)
{
    assert_int_equal(a->type, b->type);
    assert_true(a->id == b->id && a->previous == b->previous);
    assert_true(a->time_ms == b->time_ms && a->entered_ms == b->entered_ms);
    assert_int_equal(a->state, b->state);
    assert_true(a->doc.ref == b->doc.ref);
    assert_int_equal(a->wrapped, b->wrapped);
    assert_int_equal(a->retry_count, b->retry_count);
    assert_true(a->seed == b->seed && a->index == b->index);
    assert_true(a->timeout_s == b->timeout_s && a->heartbeat_s == b->heartbeat_s);
    same_text(a->error, b->error);
    same_text(a->cause, b->cause);
    same_text(a->worker, b->worker);
}

static void same_output(const struct task_output *a, const struct task_output *b)
{
    same_text(a->bucket, b->bucket);
    same_text(a->key, b->key);
    same_text(a->upload_id, b->upload_id);
    same_text(a->mark, b->mark);
    same_text(a->parts, b->parts);
    same_text(a->result, b->result);
}

static void same_frame(const struct frame *a, const struct frame *b)
{
    assert_true(a->id == b->id && a->parent == b->parent);
    assert_true(a->scope == b->scope && a->index == b->index && a->state == b->state);
    assert_int_equal(a->status, b->status);
    assert_true(a->entered_event == b->entered_event && a->entered_ms == b->entered_ms);
    assert_true(a->last_event == b->last_event);
    assert_true(a->attempt == b->attempt && a->retry_count == b->retry_count);
    assert_int_equal(a->retries == NULL, b->retries == NULL);
    assert_int_equal(a->retrier_count, b->retrier_count);
    for (uint32_t i = 0; i < a->retrier_count; i++) {
        assert_int_equal(a->retries[i], b->retries[i]);
    }
    assert_int_equal(a->started, b->started);
    assert_true(a->due_ms == b->due_ms && a->timeout_ms == b->timeout_ms);
    assert_true(a->heartbeat_ms == b->heartbeat_ms && a->granted_ms == b->granted_ms);
    assert_true(token_eq(a->token, b->token));
    same_text(a->worker, b->worker);
    same_output(&a->output, &b->output);
    assert_int_equal(a->join_open, b->join_open);
    assert_true(a->input.ref == b->input.ref && a->variables.ref == b->variables.ref);
}

static void same_record(const struct step *s, uint64_t lowest, const struct record *r)
{
    assert_int_equal(r->whole_header, s->header.sequence == 0);
    assert_true(r->lowest == lowest);
    same_header(&s->header, &r->header);
    assert_int_equal(s->event_count, r->event_count);
    for (size_t i = 0; i < s->event_count; i++) {
        same_event(&s->events[i], &r->events[i]);
    }
    assert_int_equal(s->frame_count, r->frame_count);
    for (size_t i = 0; i < s->frame_count; i++) {
        same_frame(&s->frames[i], &r->frames[i]);
    }
    assert_int_equal(s->doc_count, r->doc_count);
    for (size_t i = 0; i < s->doc_count; i++) {
        assert_true(s->docs[i].ref == r->docs[i].ref);
        assert_true(slice_eq(s->docs[i].text, r->docs[i].text));
    }
}

/* ---- Records ---- */

static void test_codec__records_come_back_as_they_were(void **state)
{
    struct chance c = {.state = 1};
    struct buf b = {0};
    struct step s;
    struct record r;
    struct err err;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        uint64_t lowest;

        chance_step(&c, &s);
        lowest = chance_below(&c, s.header.sequence + 1);
        buf_reset(&b);
        record_encode(&s, lowest, &b);
        assert_int_equal(record_decode(buf_slice(&b), &c.a, &r, &err), OK);
        same_record(&s, lowest, &r);
        arena_reset(&c.a);
    }
    buf_fini(&b);
    arena_fini(&c.a);
}

static void test_codec__record_doc_finds_one_document(void **state)
{
    struct chance c = {.state = 2};
    struct buf b = {0};
    struct step s;
    struct slice text;
    struct err err;

    (void)state;
    for (int round = 0; round < 500; round++) {
        chance_step(&c, &s);
        buf_reset(&b);
        record_encode(&s, s.header.sequence, &b);
        for (size_t i = 0; i < s.doc_count; i++) {
            assert_int_equal(record_doc(buf_slice(&b), (unsigned)i, &text, &err), OK);
            assert_true(slice_eq(text, s.docs[i].text));
        }
        assert_int_equal(record_doc(buf_slice(&b), (unsigned)s.doc_count, &text, &err),
                         ERR_NOT_FOUND);
        arena_reset(&c.a);
    }
    buf_fini(&b);
    arena_fini(&c.a);
}

static void test_codec__no_part_of_a_record_is_a_record(void **state)
{
    struct chance c = {.state = 3};
    struct buf b = {0};
    struct step s;
    struct record r;
    struct err err;

    (void)state;
    for (int round = 0; round < 50; round++) {
        chance_step(&c, &s);
        buf_reset(&b);
        record_encode(&s, 0, &b);
        for (size_t len = 0; len < b.len; len++) {
            char *part = malloc(len + 1); /* its own, so that reading past it shows */

            memcpy(part, b.ptr, len);
            assert_int_equal(record_decode(slice_make(part, len), &c.a, &r, &err), ERR_CORRUPT);
            free(part);
        }
        buf_put_u8(&b, 0);
        assert_int_equal(record_decode(buf_slice(&b), &c.a, &r, &err), ERR_CORRUPT);
        arena_reset(&c.a);
    }
    buf_fini(&b);
    arena_fini(&c.a);
}

static void test_codec__damaged_records_do_no_harm(void **state)
{
    struct chance c = {.state = 4};
    struct buf b = {0};
    struct step s;
    struct record r;
    struct slice text;
    struct err err;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        enum err_code rc;

        chance_step(&c, &s);
        buf_reset(&b);
        record_encode(&s, 0, &b);
        for (uint64_t i = chance_below(&c, 3) + 1; i > 0; i--) {
            b.ptr[chance_below(&c, b.len)] = (char)chance_u64(&c);
        }
        rc = record_decode(buf_slice(&b), &c.a, &r, &err);
        assert_true(rc == OK || rc == ERR_CORRUPT || rc == ERR_VERSION);
        (void)record_doc(buf_slice(&b), (unsigned)chance_below(&c, 300), &text, &err);
        arena_reset(&c.a);
    }
    buf_fini(&b);
    arena_fini(&c.a);
}

static void test_codec__counts_take_no_memory(void **state)
{
    /* No documents; sequence 1 of a plain header; then 2^40 events that are not there. */
    static const char events[] = {1,    0,          0,          1,          0,          0,
                                  1,    (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80,
                                  0x20, 0,          0,          0};
    /* 257 documents, all empty: one more than a ref can name. */
    char docs[3 + 257] = {1, (char)0x81, 2};
    struct arena a = {0};
    struct record r;
    struct err err;

    (void)state;
    assert_int_equal(record_decode(slice_make(events, sizeof(events)), &a, &r, &err), ERR_CORRUPT);
    assert_int_equal(record_decode(slice_make(docs, sizeof(docs)), &a, &r, &err), ERR_CORRUPT);
    assert_true(arena_held_bytes(&a) < 64 * 1024);
    arena_fini(&a);
}

static void test_codec__later_records_are_refused(void **state)
{
    struct step s = {.header = {.sequence = 1, .next_event = 1}};
    struct buf b = {0};
    struct arena a = {0};
    struct record r;
    struct slice text;
    struct err err;

    (void)state;
    record_encode(&s, 1, &b);
    b.ptr[0]++;
    assert_int_equal(record_decode(buf_slice(&b), &a, &r, &err), ERR_VERSION);
    assert_int_equal(record_doc(buf_slice(&b), 0, &text, &err), ERR_VERSION);
    b.ptr[0] = 0;
    assert_int_equal(record_decode(buf_slice(&b), &a, &r, &err), ERR_CORRUPT);
    assert_int_equal(record_decode((struct slice){"", 0}, &a, &r, &err), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_codec__a_later_header_is_joined(void **state)
{
    struct chance c = {.state = 5};
    struct execution_header first = {0};
    struct execution_header later = {0};
    struct execution_header joined;

    (void)state;
    chance_header(&c, &first, false);
    chance_fixed(&c, &first);
    chance_header(&c, &later, false);
    joined = later;
    record_join(&first, &joined);
    same_fixed(&first, &joined);
    chance_fixed(&c, &later);
    record_join(&first, &later);
    same_header(&joined, &later);
    arena_fini(&c.a);
}

/* What a stage's report leaves: its end, the next stage's begin, and that one's grant. */
static void echo_step(struct step *s, struct history_event events[5], struct frame *f)
{
    static const enum history_type types[5] = {HISTORY_TASK_SUCCEEDED, HISTORY_TASK_STATE_EXITED,
                                               HISTORY_TASK_STATE_ENTERED, HISTORY_TASK_SCHEDULED,
                                               HISTORY_TASK_STARTED};
    int64_t now_ms = 1790000000123;

    *s = (struct step){.events = events, .event_count = 5, .frames = f, .frame_count = 1};
    s->header = (struct execution_header){
        .sequence = 7, .next_event = 41, .next_frame = 1, .open_frames = 1};
    for (int i = 0; i < 5; i++) {
        events[i] = (struct history_event){.type = types[i],
                                           .id = 36 + (uint64_t)i,
                                           .previous = 35 + (uint64_t)i,
                                           .time_ms = now_ms,
                                           .state = i < 2 ? 6 : 7,
                                           .doc = {.ref = i < 4 ? DOC_REF(0, 0) : 0}};
    }
    events[0].wrapped = true;
    events[3].entered_ms = now_ms;
    events[3].timeout_s = 300;
    events[4].worker = SLICE("worker-17.example");
    *f = (struct frame){.parent = ASL_NONE,
                        .state = 7,
                        .status = FRAME_LEASED,
                        .entered_event = 38,
                        .entered_ms = now_ms,
                        .last_event = 40,
                        .attempt = 1,
                        .started = true,
                        .timeout_ms = 300000,
                        .granted_ms = now_ms,
                        .token = {1790000000, 123456},
                        .worker = SLICE("worker-17.example"),
                        .input = {.ref = DOC_REF(0, 0)}};
}

static void test_codec__a_transition_is_small(void **state)
{
    struct history_event events[5];
    struct frame f;
    struct step s;
    struct buf b = {0};
    struct arena a = {0};
    struct record r;
    struct err err;

    (void)state;
    echo_step(&s, events, &f);
    record_encode(&s, 7, &b);
    print_message("an echo transition: %zu bytes\n", b.len);
    assert_true(b.len <= 100);
    assert_int_equal(record_decode(buf_slice(&b), &a, &r, &err), OK);
    same_record(&s, 7, &r);
    buf_fini(&b);
    arena_fini(&a);
}

/* ---- Rows ---- */

/* Every beginning of a row, and a row with a byte more, is malformed; a later version refused. */
#define ROW_IS_STRICT(decode, row)                                                                 \
    do {                                                                                           \
        buf_put_u8(&b, 0);                                                                         \
        for (size_t len = 0; len <= b.len; len++) {                                                \
            enum err_code want = len == b.len - 1 ? OK : ERR_CORRUPT;                              \
                                                                                                   \
            assert_int_equal(decode(slice_make(b.ptr, len), &(row), &err), want);                  \
        }                                                                                          \
        b.ptr[0] = 2;                                                                              \
        assert_int_equal(decode(buf_slice(&b), &(row), &err), ERR_VERSION);                        \
        b.ptr[0] = 0;                                                                              \
        assert_int_equal(decode(buf_slice(&b), &(row), &err), ERR_CORRUPT);                        \
        buf_reset(&b);                                                                             \
    } while (0)

static void test_codec__machine_rows(void **state)
{
    struct machine_row in = {.machine = UINT64_MAX,
                             .revision = UINT32_MAX,
                             .express = true,
                             .created_ms = 1790000000000,
                             .updated_ms = INT64_MIN,
                             .name = SLICE("Orders"),
                             .role_arn = SLICE("arn:aws:iam::123456789012:role/r")};
    struct machine_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    machine_row_encode(&in, &b);
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.machine == in.machine && out.revision == in.revision);
    assert_true(out.express && !out.deleting);
    assert_true(out.created_ms == in.created_ms && out.updated_ms == in.updated_ms);
    assert_true(slice_eq(out.name, in.name) && slice_eq(out.role_arn, in.role_arn));
    assert_int_equal(out.logging.len, 0);
    ROW_IS_STRICT(machine_row_decode, out);
    in.express = false;
    in.deleting = true;
    machine_row_encode(&in, &b);
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(!out.express && out.deleting);
    b.ptr[1] = 4;
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    buf_fini(&b);
}

static void test_codec__revision_rows(void **state)
{
    struct revision_row in = {1790000000000, SLICE("{\"StartAt\":\"A\"}"), SLICE("role")};
    struct revision_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    revision_row_encode(&in, &b);
    assert_int_equal(revision_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.created_ms == in.created_ms);
    assert_true(slice_eq(out.definition, in.definition) && slice_eq(out.role_arn, in.role_arn));
    ROW_IS_STRICT(revision_row_decode, out);
    buf_fini(&b);
}

static void test_codec__name_rows(void **state)
{
    struct name_row in = {UINT64_MAX, 1790000000000};
    struct name_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    name_row_encode(&in, &b);
    assert_int_equal(name_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.execution == in.execution && out.start_ms == in.start_ms);
    ROW_IS_STRICT(name_row_decode, out);
    buf_fini(&b);
}

static void test_codec__index_rows(void **state)
{
    struct index_row in = {SLICE("run-1"), 1790000000000, UINT32_MAX, 1790000000001, 1790000000002};
    struct index_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    index_row_encode(&in, &b);
    assert_int_equal(index_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(slice_eq(out.name, in.name) && out.stop_ms == in.stop_ms);
    assert_true(out.redrive_count == in.redrive_count && out.redrive_ms == in.redrive_ms);
    assert_true(out.parked_ms == in.parked_ms);
    ROW_IS_STRICT(index_row_decode, out);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec__records_come_back_as_they_were),
        cmocka_unit_test(test_codec__record_doc_finds_one_document),
        cmocka_unit_test(test_codec__no_part_of_a_record_is_a_record),
        cmocka_unit_test(test_codec__damaged_records_do_no_harm),
        cmocka_unit_test(test_codec__counts_take_no_memory),
        cmocka_unit_test(test_codec__later_records_are_refused),
        cmocka_unit_test(test_codec__a_later_header_is_joined),
        cmocka_unit_test(test_codec__a_transition_is_small),
        cmocka_unit_test(test_codec__machine_rows),
        cmocka_unit_test(test_codec__revision_rows),
        cmocka_unit_test(test_codec__name_rows),
        cmocka_unit_test(test_codec__index_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
