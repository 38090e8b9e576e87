/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/reply_json.h"

#include "proto/base/text.h"

void reply_put_text(struct json_builder *b, const char *key, const char *text)
{
    if (text[0] != '\0') {
        json_put(b, slice_str(key), json_string(b->a, slice_str(text)));
    }
}

void reply_put_number(struct json_builder *b, const char *key, uint64_t number)
{
    struct slice text = arena_printf(b->a, "%llu", (unsigned long long)number);

    json_put(b, slice_str(key), json_number_text(b->a, text));
}

void reply_put_time(struct json_builder *b, const char *key, int64_t ms)
{
    if (ms != 0) {
        json_put(b, slice_str(key), json_string(b->a, text_time(ms, b->a)));
    }
}

void reply_put_bytes(struct json_builder *b, const char *key, struct stepfleet_bytes bytes)
{
    if (bytes.len != 0) {
        json_put(b, slice_str(key), json_string(b->a, slice_make(bytes.ptr, bytes.len)));
    }
}

static void
put_texts(struct json_builder *b, const char *key, const char *const *texts, size_t count)
{
    struct json_builder list = json_build_array(b->a);

    for (size_t i = 0; i < count; i++) {
        json_push(&list, json_string(b->a, slice_str(texts[i])));
    }
    json_put(b, slice_str(key), json_built(&list));
}

const struct json_node *reply_machine(const struct stepfleet_machine *m, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *logging;

    reply_put_text(&b, "stateMachineArn", m->arn);
    reply_put_text(&b, "name", m->name);
    reply_put_text(&b, "type", m->type);
    reply_put_text(&b, "status", m->status);
    reply_put_bytes(&b, "definition", m->definition);
    reply_put_text(&b, "roleArn", m->role_arn);
    reply_put_time(&b, "creationDate", m->created_ms);
    reply_put_time(&b, "updateDate", m->updated_ms);
    reply_put_number(&b, "revision", m->revision);
    put_texts(&b, "functions", m->functions, m->function_count);
    put_texts(&b, "missingFunctions", m->missing, m->missing_count);
    if (json_parse(slice_make(m->logging.ptr, m->logging.len), a, &logging, NULL) == OK) {
        json_put(&b, SLICE("loggingConfiguration"), logging);
    }
    return json_built(&b);
}

static const struct json_node *frame_json(const struct stepfleet_frame *f, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "state", f->state);
    reply_put_text(&b, "status", f->status);
    reply_put_text(&b, "waitsFor", f->waits_for);
    reply_put_number(&b, "attempt", f->attempt);
    reply_put_number(&b, "retryCount", f->retry_count);
    reply_put_time(&b, "enteredDate", f->entered_ms);
    reply_put_time(&b, "dueDate", f->due_ms);
    reply_put_text(&b, "function", f->function);
    if (f->function[0] != '\0') {
        reply_put_number(&b, "workersOffering", f->workers_offering);
    }
    reply_put_text(&b, "worker", f->worker);
    reply_put_number(&b, "bytesIn", f->bytes_in);
    reply_put_number(&b, "bytesOut", f->bytes_out);
    reply_put_text(&b, "note", f->note);
    reply_put_number(&b, "id", f->id);
    if (f->parent != 0) {
        reply_put_number(&b, "parent", f->parent - 1);
        reply_put_number(&b, "index", f->index);
    }
    return json_built(&b);
}

static void put_frames(struct json_builder *b, const struct stepfleet_execution *e)
{
    struct json_builder list = json_build_array(b->a);

    for (size_t i = 0; i < e->frame_count; i++) {
        json_push(&list, frame_json(&e->frames[i], b->a));
    }
    json_put(b, SLICE("frames"), json_built(&list));
    reply_put_number(b, "frameCount", e->frames_in_all);
}

const struct json_node *reply_execution(const struct stepfleet_execution *e, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "executionArn", e->execution_arn);
    reply_put_text(&b, "stateMachineArn", e->machine_arn);
    reply_put_text(&b, "name", e->name);
    reply_put_text(&b, "type", e->type);
    reply_put_text(&b, "status", e->status);
    reply_put_time(&b, "startDate", e->start_ms);
    reply_put_time(&b, "stopDate", e->stop_ms);
    reply_put_bytes(&b, "input", e->input);
    reply_put_bytes(&b, "output", e->output);
    if (e->has_error) {
        json_put(&b, SLICE("error"), json_string(a, slice_str(e->error)));
    }
    if (e->cause.ptr != NULL) {
        json_put(&b, SLICE("cause"), json_string(a, slice_make(e->cause.ptr, e->cause.len)));
    }
    reply_put_number(&b, "redriveCount", e->redrive_count);
    reply_put_time(&b, "redriveDate", e->redrive_ms);
    reply_put_text(&b, "redriveStatus", e->redrive_status);
    reply_put_text(&b, "redriveStatusReason", e->redrive_reason);
    reply_put_number(&b, "revision", e->revision);
    reply_put_number(&b, "historyEvents", e->events);
    put_frames(&b, e);
    return json_built(&b);
}

const struct json_node *reply_worker(const struct stepfleet_worker *w, struct arena *a)
{
    static const char *const cordons[] = {[STEPFLEET_OPEN] = "open",
                                          [STEPFLEET_CORDONED] = "cordoned",
                                          [STEPFLEET_DRAINED] = "drained"};
    struct json_builder b = json_build_object(a);
    struct json_builder offers = json_build_array(a);
    const struct json_node *labels;
    struct err err;

    reply_put_text(&b, "name", w->name);
    reply_put_text(&b, "software", w->software);
    reply_put_number(&b, "slots", w->slots);
    reply_put_number(&b, "leased", w->leased);
    json_put(&b, SLICE("draining"), json_bool(w->draining));
    reply_put_text(&b, "cordon", cordons[w->cordon]);
    json_put(&b, SLICE("absent"), json_bool(w->absent));
    reply_put_time(&b, "helloDate", w->hello_ms);
    reply_put_number(&b, "seenAgoMilliseconds", w->seen_ago_ms > 0 ? (uint64_t)w->seen_ago_ms : 0);
    for (size_t i = 0; i < w->offer_count; i++) {
        struct json_builder o = json_build_object(a);

        reply_put_text(&o, "function", w->offers[i].function);
        reply_put_number(&o, "slots", w->offers[i].slots);
        json_push(&offers, json_built(&o));
    }
    json_put(&b, SLICE("offers"), json_built(&offers));
    if (json_parse(slice_str(w->labels), a, &labels, &err) == OK) {
        json_put(&b, SLICE("labels"), labels);
    }
    return json_built(&b);
}

const struct json_node *reply_health(const struct stepfleet_health *h, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *store;
    struct err err;

    reply_put_text(&b, "software", h->software);
    reply_put_number(&b, "epoch", h->epoch);
    reply_put_number(&b, "protocolVersionMin", h->version_min);
    reply_put_number(&b, "protocolVersionMax", h->version_max);
    reply_put_number(&b, "upMilliseconds", h->up_ms > 0 ? (uint64_t)h->up_ms : 0);
    reply_put_text(&b, "account", h->account);
    reply_put_text(&b, "region", h->region);
    reply_put_number(&b, "openExecutions", h->open_executions);
    reply_put_number(&b, "workers", h->workers);
    reply_put_number(&b, "slots", h->slots);
    reply_put_number(&b, "readyTasks", h->ready_tasks);
    reply_put_number(&b, "unofferedTasks", h->unoffered_tasks);
    reply_put_number(&b, "leasedTasks", h->leased_tasks);
    reply_put_number(&b, "deadLetters", h->dead_letters);
    reply_put_number(&b, "stalls", h->stalls);
    reply_put_number(&b, "diskFreeBytes", h->disk_free_bytes);
    reply_put_number(&b, "diskSizeBytes", h->disk_size_bytes);
    reply_put_number(&b, "diskReserveBytes", h->disk_reserve_bytes);
    json_put(&b, SLICE("shortOfDisk"), json_bool(h->short_of_disk));
    reply_put_number(&b, "refusedForDisk", h->refused_for_disk);
    reply_put_number(&b, "hotExecutions", h->hot_executions);
    reply_put_number(&b, "batches", h->batches);
    reply_put_number(&b, "transitions", h->transitions);
    reply_put_number(&b, "expired", h->expired);
    reply_put_number(&b, "archived", h->archived);
    reply_put_text(&b, "archiveProblem", h->archive_problem);
    reply_put_number(&b, "deliveriesWaiting", h->deliveries_waiting);
    reply_put_number(&b, "eventsBuried", h->events_buried);
    reply_put_number(&b, "eventsLost", h->events_lost);
    if (h->restored_name[0] != '\0') {
        reply_put_text(&b, "restoredFrom", h->restored_name);
        reply_put_time(&b, "restoredMadeDate", h->restored_made_ms);
        reply_put_time(&b, "restoredDate", h->restored_ms);
        reply_put_number(&b, "restoredExecutions", h->restored_executions);
    }
    reply_put_text(&b, "objectsRoot", h->objects_root);
    reply_put_text(&b, "objectsEndpoint", h->objects_endpoint);
    reply_put_text(&b, "objectsRegion", h->objects_region);
    if (json_parse(slice_make(h->store.ptr, h->store.len), a, &store, &err) == OK) {
        json_put(&b, SLICE("store"), store);
    }
    return json_built(&b);
}

/* Seconds from 1970 to the year 10000: no clock says more. */
static const double seconds_max = 253402300800;

int64_t reply_event_ms(const struct json_node *event)
{
    const struct json_node *t = json_member(event, SLICE("timestamp"));
    double seconds;
    int64_t ms;

    if (json_double(t, &seconds)) { /* as AWS's JSON protocol: seconds with a fraction */
        return seconds >= 0 && seconds < seconds_max ? (int64_t)(seconds * 1000 + 0.5) : 0;
    }
    return text_parse_time(json_text(t), &ms) ? ms : 0;
}

const struct json_node *reply_history_event(const struct json_node *event, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        json_put(&b, json_key(event, e), e);
    }
    reply_put_time(&b, "timestamp", reply_event_ms(event));
    return json_built(&b);
}
