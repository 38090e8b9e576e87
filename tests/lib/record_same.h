/* SPDX-License-Identifier: Apache-2.0 */
/* Is what a record gave what was put into it? Asserts it member by member. */
#ifndef STEPFLEET_TESTS_LIB_RECORD_SAME_H
#define STEPFLEET_TESTS_LIB_RECORD_SAME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/codec.h"

static void same_text(struct slice a, struct slice b)
{
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    assert_true(slice_eq(a, b));
}

static void same_variables(const struct variable *a,
                           uint32_t a_count,
                           const struct variable *b,
                           uint32_t b_count)
{
    assert_int_equal(a_count, b_count);
    for (uint32_t i = 0; i < a_count; i++) {
        same_text(a[i].name, b[i].name);
        assert_true(a[i].value.ref == b[i].value.ref);
        assert_null(b[i].value.text.ptr);
        assert_null(b[i].value.node);
    }
}

static void same_fixed(const struct execution_header *a, const struct execution_header *b)
{
    assert_true(a->account == b->account && a->id == b->id && a->machine == b->machine);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->version, b->version);
    same_text(a->alias, b->alias);
    same_text(a->trace, b->trace);
    assert_int_equal(a->express, b->express);
    assert_int_equal(a->synchronous, b->synchronous);
    same_text(a->name, b->name);
    same_text(a->arn, b->arn);
    same_text(a->machine_arn, b->machine_arn);
    same_text(a->machine_name, b->machine_name);
    same_text(a->role_arn, b->role_arn);
    assert_true(a->seed == b->seed);
    assert_true(a->start_ms == b->start_ms);
    assert_true(a->parent.execution == b->parent.execution);
    assert_int_equal(a->parent.frame, b->parent.frame);
    assert_int_equal(a->parent.attempt, b->parent.attempt);
    assert_true(a->parent.entered_event == b->parent.entered_event);
    assert_true(a->map_run == b->map_run);
    assert_true(a->input.ref == b->input.ref);
}

static void same_header(const struct execution_header *a, const struct execution_header *b)
{
    assert_null(b->rules);
    assert_int_equal(a->status, b->status);
    assert_true(a->stop_ms == b->stop_ms && a->deadline_ms == b->deadline_ms);
    assert_int_equal(a->redrive_count, b->redrive_count);
    assert_true(a->redrive_ms == b->redrive_ms &&
                memcmp(a->redrive_tokens, b->redrive_tokens, sizeof(a->redrive_tokens)) == 0);
    assert_true(a->sequence == b->sequence);
    assert_int_equal(a->record_docs, b->record_docs);
    assert_true(a->variable_bytes == b->variable_bytes);
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
    same_variables(a->variables, a->variable_count, b->variables, b->variable_count);
    assert_true(a->item.ref == b->item.ref && a->item_index == b->item_index);
    assert_int_equal(a->redrives, b->redrives);
    assert_true(a->frame == b->frame && a->attempt == b->attempt);
    assert_true(a->entered_event == b->entered_event);
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

static void same_children(const struct frame *a, const struct frame *b)
{
    assert_int_equal(a->first_child, b->first_child);
    assert_int_equal(a->child_count, b->child_count);
    assert_int_equal(a->child_next, b->child_next);
    assert_int_equal(a->child_open, b->child_open);
    assert_int_equal(a->concurrency, b->concurrency);
    assert_true(a->items_at == b->items_at && a->items.ref == b->items.ref);
}

/* The parts that most frames are without. */
static void same_rare_parts(const struct frame *a, const struct frame *b)
{
    same_children(a, b);
    assert_true(a->item.ref == b->item.ref && a->item_index == b->item_index);
    assert_true(a->result.ref == b->result.ref);
    same_variables(a->variables, a->variable_count, b->variables, b->variable_count);
    assert_int_equal(a->submitted, b->submitted);
    assert_true(a->deadline_ms == b->deadline_ms && a->beat_due_ms == b->beat_due_ms);
    assert_true(a->child == b->child);
    assert_int_equal(a->answer.is, b->answer.is);
    same_text(a->answer.result, b->answer.result);
    same_text(a->answer.error, b->answer.error);
    same_text(a->answer.cause, b->answer.cause);
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
    assert_int_equal(a->holder, b->holder);
    same_output(&a->output, &b->output);
    assert_true(a->input.ref == b->input.ref);
    same_rare_parts(a, b);
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

/* It comes back, and not as the plain one: `plain` are that one's bytes. */
static inline void comes_back(const struct step *s, const struct buf *plain)
{
    struct buf b = {0};
    struct arena a = {0};
    struct record r;
    struct err err;

    record_encode(s, s->header.sequence, &b);
    assert_int_equal(record_decode(buf_slice(&b), &a, &r, &err), OK);
    same_record(s, s->header.sequence, &r);
    assert_false(slice_eq(buf_slice(&b), buf_slice(plain)));
    buf_fini(&b);
    arena_fini(&a);
}

#endif
