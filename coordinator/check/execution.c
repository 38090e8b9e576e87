/* SPDX-License-Identifier: Apache-2.0 */
/* Executions: their records go by in the order of their numbers, and each is held against its other
 * rows when its last record has gone by. */
#include "coordinator/check/internal.h"
#include "coordinator/ledger/read.h"

static const char unreadable[] = "the execution cannot be read, nor go on";

/* The name its rows have: of an Express execution, which need not be the only one of its name, with
 * what follows it in the ARN. */
static struct slice name_of(const struct execution_header *h)
{
    size_t tail = slice_rfind(h->arn, ':') + 1;

    return h->express && tail > h->name.len ? slice_from(h->arn, tail - h->name.len - 1) : h->name;
}

static struct key index_of(const struct passing *p)
{
    return key_index(p->account, p->last.status, p->first.machine, p->first.start_ms, p->id);
}

/* ---- an execution as a whole ---- */

static void check_line(struct check *c, const struct passing *p)
{
    struct slice at = key_slice(&p->key);
    struct index_row row;
    struct err err;

    if (!check_has(c, CF_INDEX, index_of(p))) {
        check_fault_at(c, CF_EXECUTION, at,
                       p->last.status == EXECUTION_RUNNING
                           ? "it is not listed, and does not go on after a start"
                           : "it is not listed, and never deleted",
                       "the execution is %s and has no line in the list of these",
                       execution_status_name(p->last.status));
        return;
    }
    if (c->rc != OK || index_row_decode(buf_slice(&c->value), &row, &err) != OK) {
        return; /* told with the line */
    }
    if (!slice_eq(row.name, name_of(&p->first)) || row.stop_ms != p->last.stop_ms ||
        row.redrive_count != p->last.redrive_count) {
        check_fault_at(c, CF_EXECUTION, at, "the list says what is not so",
                       "its line in the list has another name, end or number of redrives");
    }
}

static void check_named(struct check *c, const struct passing *p)
{
    struct slice at = key_slice(&p->key);
    struct name_row row;
    struct err err;

    if (!check_has(c, CF_NAME, key_name(p->account, p->first.machine, name_of(&p->first)))) {
        check_fault_at(c, CF_EXECUTION, at, "it cannot be found, and its name is given again",
                       "there is no row of its name");
    } else if (c->rc == OK && name_row_decode(buf_slice(&c->value), &row, &err) == OK &&
               (row.execution != p->id || row.start_ms != p->first.start_ms)) {
        check_fault_at(c, CF_EXECUTION, at, "it cannot be found by its name",
                       "its name leads to execution %llu", (unsigned long long)row.execution);
    }
}

/* All that a start would load. */
static void check_running(struct check *c, const struct passing *p)
{
    struct slice at = key_slice(&p->key);
    struct record_source source = {.store = c->store, .account = p->account, .execution = p->id};
    struct image image;
    struct err err;

    if (!numbers_has(&c->machines, p->account, p->first.machine)) {
        check_fault_at(c, CF_EXECUTION, at, "it does not go on",
                       "it is RUNNING, and its machine %llu is gone",
                       (unsigned long long)p->first.machine);
    }
    if (!check_has(c, CF_MACHINE, key_revision(p->account, p->first.machine, p->first.revision))) {
        check_fault_at(c, CF_EXECUTION, at, "it does not go on",
                       "it is RUNNING by revision %u of machine %llu, which is not there",
                       p->first.revision, (unsigned long long)p->first.machine);
    }
    arena_reset(&c->arena);
    if (image_read(&source, &c->arena, &image, &err) != OK) {
        check_fault_at(c, CF_EXECUTION, at, unreadable, "%s", err.msg);
    }
}

void check_record_end(struct check *c)
{
    struct passing *p = &c->passing;

    if (!p->any || p->broken) {
        return;
    }
    if (p->last.next_event != p->next_event) {
        check_fault_at(c, CF_EXECUTION, key_slice(&p->key), "its history is shown with a hole",
                       "its history has events up to %llu, not %llu",
                       (unsigned long long)(p->next_event - 1),
                       (unsigned long long)(p->last.next_event - 1));
    }
    check_line(c, p);
    check_named(c, p);
    if (p->last.status == EXECUTION_RUNNING) {
        check_running(c, p);
    }
}

/* ---- records ---- */

static void begin(struct check *c, const struct row_key *k)
{
    struct passing *p = &c->passing;
    struct arena kept = p->arena;

    check_record_end(c);
    arena_reset(&kept);
    *p = (struct passing){
        .any = true, .account = k->account, .id = k->numbers[0], .next_event = 1, .arena = kept};
}

static void check_events(struct check *c, const struct record *r)
{
    struct passing *p = &c->passing;

    for (size_t i = 0; i < r->event_count; i++) {
        if (r->events[i].id != p->next_event) {
            check_fault(c, "its history is shown with a hole", "event %llu follows event %llu",
                        (unsigned long long)r->events[i].id,
                        (unsigned long long)(p->next_event - 1));
            p->broken = true;
            return;
        }
        p->next_event++;
    }
}

static void check_header(struct check *c, const struct row_key *k, const struct record *r)
{
    struct passing *p = &c->passing;

    if (r->header.sequence != k->numbers[1] || r->lowest > r->header.sequence ||
        (r->whole_header && (r->header.id != p->id || r->header.account != p->account)) ||
        r->whole_header != (k->numbers[1] == 0)) {
        check_fault(c, unreadable, "the record is that of another place");
        p->broken = true;
    }
}

void check_record(struct check *c, const struct row_key *k, struct slice value)
{
    struct passing *p = &c->passing;
    struct record r;
    struct err err;

    if (!p->any || p->account != k->account || p->id != k->numbers[0]) {
        begin(c, k);
    }
    memcpy(p->key.bytes, c->key.ptr, c->key.len);
    p->key.len = c->key.len;
    if (p->broken) {
        return;
    }
    if (k->numbers[1] != p->sequence) {
        check_fault(c, unreadable, "record %llu comes where record %llu has to",
                    (unsigned long long)k->numbers[1], (unsigned long long)p->sequence);
        p->broken = true;
        return;
    }
    if (p->sequence == 0) {
        value = arena_copy(&p->arena, value);
    }
    if (!check_decoded(c, record_decode(value, p->sequence == 0 ? &p->arena : &c->arena, &r, &err),
                       &err)) {
        p->broken = true;
        return;
    }
    check_header(c, k, &r);
    if (!p->broken) {
        check_events(c, &r);
    }
    p->first = p->sequence == 0 ? r.header : p->first;
    p->last = r.header;
    p->sequence++;
}

/* ---- rows that lead to executions ---- */

void check_name(struct check *c, const struct row_key *k, struct slice value)
{
    struct name_row row;
    struct err err;

    if (check_decoded(c, name_row_decode(value, &row, &err), &err) &&
        !check_has(c, CF_EXECUTION, key_execution(k->account, row.execution, 0))) {
        check_fault(c, "no execution can have that name", "there is no execution %llu",
                    (unsigned long long)row.execution);
    }
}

/* The status of an execution's last record; false: there is none that can be read. */
static bool last_status(struct check *c, uint64_t account, uint64_t id, enum execution_status *out)
{
    struct key from = key_execution_prefix(account, id);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(c->store, CF_EXECUTION, key_slice(&from), key_slice(&to), true);
    struct record r;
    struct slice key;
    struct slice value;
    bool found = store_next(i, &key, &value) && record_decode(value, &c->arena, &r, NULL) == OK;
    enum err_code rc = store_iterator_end(i, &c->err);

    c->rc = rc;
    if (found) {
        *out = r.header.status;
    }
    return found && rc == OK;
}

void check_index(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t id = k->numbers[3];
    enum execution_status status;
    struct index_row row;
    struct err err;

    if (!check_decoded(c, index_row_decode(value, &row, &err), &err)) {
        return;
    }
    if (k->numbers[0] > EXECUTION_PENDING_REDRIVE) {
        check_fault(c, "nothing reads it", "there is no such status");
    } else if (!check_has(c, CF_EXECUTION, key_execution(k->account, id, 0))) {
        check_fault(c, "it is listed, and cannot be shown", "there is no execution %llu",
                    (unsigned long long)id);
    } else if (last_status(c, k->account, id, &status) && status != k->numbers[0]) {
        check_fault(c, "it is listed twice", "the execution is %s", execution_status_name(status));
    }
    if (row.parked_ms != 0 && !check_has(c, CF_TIMER, key_timer(k->account, row.parked_ms, id))) {
        check_fault(c, "it does not go on when it is due",
                    "it is parked until %lld and has no timer", (long long)row.parked_ms);
    }
}

/* The execution's line says that it is parked until then. */
void check_timer(struct check *c, const struct row_key *k, struct slice value)
{
    uint64_t id = k->numbers[1];
    struct record first;
    struct index_row row = {0};
    struct key key = key_execution(k->account, id, 0);

    check_empty(c, k, value);
    if (!check_has(c, CF_EXECUTION, key)) {
        check_fault(c, "it is logged when it is due", "there is no execution %llu",
                    (unsigned long long)id);
        return;
    }
    if (c->rc != OK || record_decode(buf_slice(&c->value), &c->arena, &first, NULL) != OK) {
        return; /* told with the record */
    }
    key = key_index(k->account, EXECUTION_RUNNING, first.header.machine, first.header.start_ms, id);
    if (!check_has(c, CF_INDEX, key) ||
        (c->rc == OK && (index_row_decode(buf_slice(&c->value), &row, NULL) != OK ||
                         (uint64_t)row.parked_ms != k->numbers[0]))) {
        check_fault(c, "it is loaded for nothing", "its execution is not parked until then");
    }
}
