/* SPDX-License-Identifier: Apache-2.0 */
/* Transition records: what is written comes back as it was, for any structs that keep the engine's
 * promises; malformed bytes and executions that cannot be are refused without harm. What single
 * bytes mean is in test_codec_bytes.c, the small rows are in test_keys.c. */
#include "tests/lib/record_case.h"

#include <stdlib.h>

#include "proto/base/limits.h"

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
    static const char events[] = {2,    0,          0,          1,          0,          0,
                                  1,    (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80,
                                  0x20, 0,          0,          0};
    /* 256 documents, all empty: one more than a record has. */
    char docs[3 + 256] = {2, (char)0x80, 2};
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
    assert_int_equal(b.ptr[0], 3); /* nothing in it that older programs do not know */
    b.ptr[0] = 6;
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

/* ---- Member by member ---- */

/* The plainest record there is: one frame, running, one event. */
struct plain {
    struct step s;
    struct history_event event;
    struct frame frame;
};

static void plain_init(struct plain *p)
{
    *p = (struct plain){
        .s.header = {.next_event = 5, .next_frame = 1, .open_frames = 1},
        .event = {.type = HISTORY_PASS_STATE_ENTERED, .id = 4, .previous = 3, .state = ASL_NONE},
        .frame = {.parent = ASL_NONE, .last_event = 4, .entered_event = 4, .input.ref = 1},
    };
    p->s.events = &p->event;
    p->s.event_count = 1;
    p->s.frames = &p->frame;
    p->s.frame_count = 1;
}

static const struct variable two_variables[] = {{.name = {0}, .value.ref = 1},
                                                {.name = SLICE_INIT("b"), .value.ref = 255}};

/* A header as plain, but for one member (and what that one asks for). False: there are no more. */
static bool vary_header(struct execution_header *h, int n)
{
    switch (n) {
    case 0: h->account = 1; break;
    case 1: h->id = UINT64_MAX; break;
    case 2: h->machine = 1; break;
    case 3: h->revision = UINT32_MAX; break;
    case 4: h->express = true; break;
    case 5: h->synchronous = true; break;
    case 6: h->name = SLICE("n"); break;
    case 7: h->arn = SLICE("a"); break;
    case 8: h->machine_arn = SLICE("m"); break;
    case 9: h->machine_name = SLICE("n"); break;
    case 10: h->role_arn = SLICE("r"); break;
    case 11: h->seed = 1; break;
    case 12: h->status = EXECUTION_FAILED, h->open_frames = 0; break;
    case 13: h->status = EXECUTION_ABORTED, h->open_frames = 0, h->stop_ms = INT64_MIN; break;
    case 14: h->start_ms = INT64_MAX; break;
    case 15: h->deadline_ms = 1; break;
    case 16: h->redrive_count = 1; break;
    case 17: h->redrive_ms = 1; break;
    case 18: h->redrive_tokens[0] = 1; break;
    case 19: h->parent.execution = 1; break;
    case 20: h->parent.frame = UINT32_MAX; break;
    case 21: h->parent.attempt = UINT32_MAX; break;
    case 22: h->parent.entered_event = UINT64_MAX; break;
    case 23: h->map_run = 1; break;
    case 24: h->variable_bytes = UINT64_MAX; break;
    case 25: h->record_docs = 255; break;
    case 26: h->next_event = UINT64_MAX; break;
    case 27: h->next_frame = UINT32_MAX; break;
    case 28: h->next_frame = 2, h->open_frames = 2; break;
    case 29: h->input.ref = 255; break;
    case 30: h->status = EXECUTION_SUCCEEDED, h->open_frames = 0, h->output.ref = 1; break;
    case 31: h->status = EXECUTION_FAILED, h->open_frames = 0, h->error = SLICE(""); break;
    case 32: h->status = EXECUTION_FAILED, h->open_frames = 0, h->cause = SLICE("c"); break;
    case 33: h->status = EXECUTION_PENDING_REDRIVE, h->open_frames = 0; break;
    case 34: h->redrive_tokens[REDRIVE_TOKENS - 1] = UINT64_MAX; break;
    case 35: h->version = UINT32_MAX; break;
    case 36: h->alias = SLICE("a"); break;
    case 37: h->trace = SLICE("Root=1-5759e988-bd862e3fe1be46a994272793"); break;
    default: return false;
    }
    return true;
}

static bool vary_event(struct history_event *e, int n)
{
    switch (n) {
    case 0: e->type = HISTORY_EVALUATION_FAILED; break;
    case 1: e->id = UINT64_MAX, e->previous = e->id - 1; break;
    case 2: e->previous = UINT64_MAX; break;
    case 3: e->time_ms = INT64_MIN; break;
    case 4: e->state = 0; break;
    case 5: e->doc.ref = 1; break;
    case 6: e->wrapped = true; break;
    case 7: e->variables = two_variables, e->variable_count = 2; break;
    case 8: e->item.ref = 255; break;
    case 9: e->item_index = UINT32_MAX; break;
    case 10: e->redrives = UINT32_MAX; break;
    case 11: e->frame = UINT32_MAX; break;
    case 12: e->attempt = UINT32_MAX; break;
    case 13: e->entered_event = UINT64_MAX; break;
    case 14: e->entered_ms = INT64_MAX; break;
    case 15: e->retry_count = UINT32_MAX; break;
    case 16: e->seed = UINT64_MAX; break;
    case 17: e->timeout_s = INT64_MIN; break;
    case 18: e->heartbeat_s = INT64_MAX; break;
    case 19: e->error = SLICE("e"); break;
    case 20: e->cause = SLICE(""); break;
    case 21: e->index = UINT64_MAX; break;
    case 22: e->worker = SLICE("w"); break;
    default: return false;
    }
    return true;
}

static bool vary_task(struct frame *f, int n)
{
    static const uint32_t retries[LIMIT_RETRIERS] = {0, UINT32_MAX};

    switch (n) {
    case 0: f->attempt = UINT32_MAX; break;
    case 1: f->retry_count = UINT32_MAX; break;
    case 2: f->retries = retries; break;
    case 3: f->retries = retries, f->retrier_count = LIMIT_RETRIERS; break;
    case 4: f->started = true; break;
    case 5: f->submitted = true; break;
    case 6: f->due_ms = INT64_MIN; break;
    case 7: f->status = FRAME_CHILD, f->started = true, f->child = 1; break;
    case 8: f->status = FRAME_CHILD, f->started = true, f->child = UINT64_MAX; break;
    case 9: f->status = FRAME_CALL, f->started = true; break;
    case 10: f->status = FRAME_CALL, f->started = true, f->granted_ms = INT64_MAX; break;
    case 11: f->timeout_ms = INT64_MAX; break;
    case 12: f->heartbeat_ms = INT64_MIN; break;
    case 13: f->worker = SLICE("w"); break;
    case 14: f->worker = SLICE(""); break;
    case 15: f->output.bucket = SLICE("b"); break;
    case 16: f->output.key = SLICE("k"); break;
    case 17: f->output.upload_id = SLICE("u"); break;
    case 18: f->output.mark = SLICE("m"); break;
    case 19: f->output.parts = SLICE("p"); break;
    case 20: f->holder = UINT32_MAX; break;
    default: return false;
    }
    return true;
}

/* `f` waits for its token. */
static bool vary_token(struct frame *f, int n)
{
    switch (n) {
    case 0: f->due_ms = INT64_MIN; break;
    case 1: f->deadline_ms = INT64_MAX; break;
    case 2: f->beat_due_ms = INT64_MAX; break;
    case 3: f->due_ms = f->deadline_ms = 8, f->beat_due_ms = 9; break;
    case 4: f->due_ms = f->beat_due_ms = 8, f->deadline_ms = 9; break;
    case 5: f->due_ms = f->beat_due_ms = f->deadline_ms = 9; break;
    case 6: f->due_ms = f->deadline_ms = -1; break;
    case 7: f->granted_ms = INT64_MAX; break;
    case 8: f->answer.is = ANSWER_SUCCEEDED; break;
    case 9: f->answer.is = ANSWER_FAILED; break;
    case 10: f->answer.result = SLICE("{}"); break;
    case 11: f->answer.error = SLICE("e"); break;
    case 12: f->answer.cause = SLICE(""); break;
    case 13: f->attempt = 0; break;
    default: return false;
    }
    return true;
}

/* `f` has the frames up to UINT32_MAX - 1 behind it. */
static bool vary_place(struct frame *f, int n)
{
    switch (n) {
    case 0: f->id = 7, f->parent = 6; break;
    case 1: f->id = UINT32_MAX - 1, f->parent = 0; break;
    case 2: f->scope = ASL_NONE; break;
    case 3: f->index = UINT32_MAX; break;
    case 4: f->state = ASL_NONE; break;
    case 5: f->entered_event = 0; break;
    case 6: f->entered_event = f->last_event = 0; break;
    case 7: f->entered_ms = INT64_MAX; break;
    case 8: f->input.ref = 255; break;
    case 9: f->status = FRAME_DONE, f->input.ref = 0; break;
    case 10: f->first_child = UINT32_MAX; break;
    case 11: f->status = FRAME_FAILED, f->first_child = 1, f->child_count = UINT32_MAX - 1; break;
    case 12: f->status = FRAME_FAILED, f->first_child = f->child_count = f->child_next = 1; break;
    case 13: f->concurrency = UINT32_MAX; break;
    case 14: f->items_at = UINT64_MAX; break;
    case 15: f->items.ref = 1; break;
    case 16: f->item.ref = 1; break;
    case 17: f->item_index = UINT32_MAX; break;
    case 18: f->item_index = 1, f->index = UINT32_MAX; break;
    case 19: f->result.ref = 255; break;
    case 20: f->variables = two_variables, f->variable_count = 2; break;
    default: return false;
    }
    return true;
}

typedef bool vary_frame(struct frame *f, int n);

/* Each of the ways `vary` knows to make another frame of `base`, which is of the plain record. */
static void frames_come_back(vary_frame *vary, const struct frame *base, uint32_t next_frame)
{
    struct buf b = {0};
    struct plain p;

    plain_init(&p);
    p.s.header.next_frame = next_frame;
    p.frame = *base;
    record_encode(&p.s, 0, &b);
    for (int n = 0; vary(&p.frame, n); n++) {
        comes_back(&p.s, &b);
        p.frame = *base;
    }
    buf_fini(&b);
}

static void test_codec__each_member_of_a_frame_comes_back_alone(void **state)
{
    struct plain p;
    struct frame base;

    (void)state;
    plain_init(&p);
    base = p.frame;
    frames_come_back(vary_task, &base, 1);
    frames_come_back(vary_place, &base, UINT32_MAX);
    base.status = FRAME_TOKEN;
    base.started = true;
    base.attempt = 1;
    frames_come_back(vary_token, &base, 1);
}

static void test_codec__each_member_comes_back_alone(void **state)
{
    struct buf b = {0};
    struct plain p;

    (void)state;
    plain_init(&p);
    record_encode(&p.s, 0, &b);
    p.s.frame_count = 0; /* what a header shows is not always what the frame may be */
    for (int n = 0; vary_header(&p.s.header, n); n++) {
        comes_back(&p.s, &b);
        plain_init(&p);
        p.s.frame_count = 0;
    }
    plain_init(&p);
    for (int n = 0; vary_event(&p.event, n); n++) {
        comes_back(&p.s, &b);
        plain_init(&p);
    }
    buf_fini(&b);
}

static void test_codec__each_status_comes_back(void **state)
{
    struct buf none = {0};
    struct plain p;

    (void)state;
    for (int status = 0; status < FRAME_STATUSES; status++) {
        struct chance c = {.state = 6};

        plain_init(&p);
        p.s.header.next_frame = 9;
        p.frame.status = (enum frame_status)status;
        settle_frame(&c, &p.s.header, &p.frame);
        comes_back(&p.s, &none);
    }
}

/* ---- What cannot be ---- */

/* Break the plain record; false: there are no more ways. */
static bool break_header(struct execution_header *h, int n)
{
    switch (n) {
    case 0: h->next_event = 0; break;
    case 1: h->open_frames = 0; break;
    case 2: h->open_frames = 2; break;
    case 3: h->stop_ms = 1; break;
    case 4: h->error = SLICE(""); break;
    case 5: h->cause = SLICE(""); break;
    case 6: h->status = EXECUTION_FAILED; break;
    case 7: h->status = EXECUTION_SUCCEEDED, h->open_frames = 0; break;
    case 8: h->output.ref = 1; break;
    case 9: h->record_docs = 256; break;
    case 10: h->next_frame = 0, h->open_frames = 0; break;
    case 11: h->status = EXECUTION_PENDING_REDRIVE, h->open_frames = 2; break;
    default: return false;
    }
    return true;
}

static bool break_frame(struct frame *f, int n)
{
    static const uint32_t retries[LIMIT_RETRIERS + 1];

    switch (n) {
    case 0: f->id = 10, f->parent = 0; break;
    case 1: f->parent = 0; break;
    case 2: f->id = 5, f->parent = 5; break;
    case 3: f->last_event = 5; break;
    case 4: f->entered_event = 5; break;
    case 5: f->input.ref = 0; break;
    case 6: f->status = FRAME_FAILED, f->input.ref = 0; break;
    case 7: f->retries = retries, f->retrier_count = LIMIT_RETRIERS + 1; break;
    case 8: f->token.epoch = 1; break;
    case 9: f->token.counter = 1; break;
    case 10: f->status = FRAME_LEASED, f->started = true; break;
    case 11: f->status = FRAME_LEASED, f->attempt = 1, f->token.epoch = 1; break;
    case 12: f->granted_ms = 1; break;
    case 13: f->status = FRAME_TIMER; break;
    case 14: f->status = FRAME_TIMER, f->due_ms = -1; break;
    case 15: f->status = FRAME_READY, f->attempt = 0; break;
    case 16: f->output.result = SLICE(""); break;
    case 17: f->status = FRAME_COMMITTING, f->token.epoch = 1, f->started = true; break;
    case 18: f->id = 5; break;
    case 19: f->id = 5, f->parent = 0, f->status = FRAME_DONE; break;
    case 20: f->status = FRAME_CALL; break;
    case 21: f->status = FRAME_TOKEN; break;
    case 22: f->status = FRAME_CHILD, f->child = 1; break;
    case 23: f->status = FRAME_CHILD, f->started = true; break;
    case 24: f->status = FRAME_TOKEN, f->started = true, f->child = 1; break;
    case 25: f->deadline_ms = 1; break;
    case 26: f->beat_due_ms = 1; break;
    case 27: f->status = FRAME_CHILD, f->started = true, f->child = 1, f->beat_due_ms = 1; break;
    case 28: f->status = FRAME_READY, f->attempt = 1, f->answer.is = ANSWER_FAILED; break;
    default: return false;
    }
    return true;
}

/* Of a frame that joins three children, the first of which is frame 1; there are ten frames. */
static bool break_join(struct frame *f, int n)
{
    static const struct variable twice[] = {{.name = SLICE_INIT("a"), .value.ref = 1},
                                            {.name = SLICE_INIT("a"), .value.ref = 2}};
    static const struct variable falling[] = {{.name = SLICE_INIT("b"), .value.ref = 1},
                                              {.name = SLICE_INIT("a"), .value.ref = 2}};

    switch (n) {
    case 0: f->first_child = 0; break;
    case 1: f->first_child = 8; break;
    case 2: f->first_child = 11; break;
    case 3: f->child_count = 10; break;
    case 4: f->child_count = UINT32_MAX; break;
    case 5: f->first_child = UINT32_MAX; break;
    case 6: f->child_next = 4; break;
    case 7: f->child_open = 3; break;
    case 8: f->concurrency = 0; break;
    case 9: f->status = FRAME_RUN; break;
    case 10: f->child_count = f->child_next = f->child_open = 0; break;
    case 13: f->status = FRAME_RUN, f->child_open = 0; break;
    case 14: f->child_next = 3, f->child_open = 0; break;
    case 15: f->status = FRAME_FAILED; break;
    case 11: f->variables = twice, f->variable_count = 2; break;
    case 12: f->variables = falling, f->variable_count = 2; break;
    default: return false;
    }
    return true;
}

static enum err_code decode_again(const struct step *s)
{
    struct buf b = {0};
    struct arena a = {0};
    struct record r;
    struct err err;
    enum err_code rc;

    record_encode(s, s->header.sequence, &b);
    rc = record_decode(buf_slice(&b), &a, &r, &err);
    buf_fini(&b);
    arena_fini(&a);
    return rc;
}

static void join_init(struct plain *p)
{
    plain_init(p);
    p->s.header.next_frame = 10;
    p->frame.status = FRAME_JOIN;
    p->frame.first_child = 1;
    p->frame.child_count = 3;
    p->frame.child_next = 2;
    p->frame.child_open = 2;
    p->frame.concurrency = 2;
}

static void test_codec__what_cannot_be_is_refused(void **state)
{
    struct plain p;

    (void)state;
    plain_init(&p);
    assert_int_equal(decode_again(&p.s), OK);
    p.s.frame_count = 0;
    for (int n = 0; break_header(&p.s.header, n); n++) {
        assert_int_equal(decode_again(&p.s), ERR_CORRUPT);
        plain_init(&p);
        p.s.frame_count = 0;
    }
    plain_init(&p);
    p.s.header.next_frame = 10;
    for (int n = 0; break_frame(&p.frame, n); n++) {
        assert_int_equal(decode_again(&p.s), ERR_CORRUPT);
        plain_init(&p);
        p.s.header.next_frame = 10;
    }
    join_init(&p);
    assert_int_equal(decode_again(&p.s), OK);
    for (int n = 0; break_join(&p.frame, n); n++) {
        assert_int_equal(decode_again(&p.s), ERR_CORRUPT);
        join_init(&p);
    }
}

static void test_codec__open_frames_are_in_the_header(void **state)
{
    struct plain p;
    struct frame two[2];

    (void)state;
    plain_init(&p);
    two[0] = two[1] = p.frame;
    two[1].id = 1;
    two[1].parent = 0;
    p.s.frames = two;
    p.s.frame_count = 2;
    p.s.header.next_frame = 2;
    assert_int_equal(decode_again(&p.s), ERR_CORRUPT);
    p.s.header.open_frames = 2;
    assert_int_equal(decode_again(&p.s), OK);
    p.s.header.open_frames = 1;
    two[0].status = FRAME_FAILED;
    assert_int_equal(decode_again(&p.s), OK);
    two[0].status = FRAME_DONE;
    assert_int_equal(decode_again(&p.s), OK);
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
        cmocka_unit_test(test_codec__each_member_comes_back_alone),
        cmocka_unit_test(test_codec__each_member_of_a_frame_comes_back_alone),
        cmocka_unit_test(test_codec__each_status_comes_back),
        cmocka_unit_test(test_codec__what_cannot_be_is_refused),
        cmocka_unit_test(test_codec__open_frames_are_in_the_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
