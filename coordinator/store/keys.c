/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of every column family, made and parsed: the layout is in keys.h. Times are never negative
 * here (milliseconds since 1970), so that big-endian bytes sort as they do. */
#include "coordinator/store/keys.h"

#include <assert.h>

#include "coordinator/store/kind.h"

static void key_u8(struct key *k, uint8_t v)
{
    assert(k->len < sizeof(k->bytes));
    k->bytes[k->len++] = (char)v;
}

static void key_u32(struct key *k, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        key_u8(k, (uint8_t)(v >> shift));
    }
}

static void key_u64(struct key *k, uint64_t v)
{
    key_u32(k, (uint32_t)(v >> 32));
    key_u32(k, (uint32_t)v);
}

static void key_ms(struct key *k, int64_t ms)
{
    assert(ms >= 0);
    key_u64(k, (uint64_t)ms);
}

static void key_put(struct key *k, struct slice s)
{
    assert(s.len <= sizeof(k->bytes) - k->len);
    if (s.len != 0) {
        memcpy(k->bytes + k->len, s.ptr, s.len);
    }
    k->len += s.len;
}

/* Only what is used is set: a key is 512 bytes, most of them are 24. */
static void key_begin(struct key *k, uint64_t account)
{
    k->len = 0;
    key_u64(k, account);
}

/* An account's rows of one kind: where a family's rows are told apart by a byte. */
static struct key key_kind(uint64_t account, enum row_kind kind)
{
    struct key k;

    key_begin(&k, account);
    key_u8(&k, (uint8_t)row_kind_letter(kind));
    return k;
}

struct key key_meta(const char *what)
{
    struct key k;

    k.len = 0;
    key_put(&k, slice_str(what));
    return k;
}

struct key key_machine(uint64_t account, struct slice name)
{
    struct key k = key_machines(account);

    key_put(&k, name);
    return k;
}

struct key key_machines(uint64_t account)
{
    return key_kind(account, ROW_MACHINE);
}

struct key key_machine_counter(uint64_t account)
{
    return key_kind(account, ROW_MACHINE_LAST);
}

struct key key_activity(uint64_t account, struct slice name)
{
    struct key k = key_activities(account);

    key_put(&k, name);
    return k;
}

struct key key_activities(uint64_t account)
{
    return key_kind(account, ROW_ACTIVITY);
}

struct key key_rule(uint64_t account, struct slice name)
{
    struct key k = key_rules(account);

    key_put(&k, name);
    return k;
}

struct key key_rules(uint64_t account)
{
    return key_kind(account, ROW_RULE);
}

struct key key_function(uint64_t account, struct slice name)
{
    struct key k = key_functions(account);

    key_put(&k, name);
    return k;
}

struct key key_functions(uint64_t account)
{
    return key_kind(account, ROW_FUNCTION);
}

struct key key_cordon(uint64_t account, struct slice worker)
{
    struct key k = key_cordons(account);

    key_put(&k, worker);
    return k;
}

struct key key_cordons(uint64_t account)
{
    return key_kind(account, ROW_CORDON);
}

struct key key_webhook(uint64_t account, uint8_t kind, struct slice name)
{
    struct key k = key_webhooks(account);

    key_u8(&k, kind);
    key_put(&k, name);
    return k;
}

struct key key_webhooks(uint64_t account)
{
    return key_kind(account, ROW_WEBHOOK);
}

struct key key_topic(uint64_t account, struct slice name)
{
    struct key k = key_topics(account);

    key_put(&k, name);
    return k;
}

struct key key_topics(uint64_t account)
{
    return key_kind(account, ROW_TOPIC);
}

struct key key_subscription(uint64_t account, struct slice id)
{
    struct key k = key_subscriptions(account);

    key_put(&k, id);
    return k;
}

struct key key_subscriptions(uint64_t account)
{
    return key_kind(account, ROW_SUBSCRIPTION);
}

struct key key_access(uint64_t account, struct slice id)
{
    struct key k = key_accesses(account);

    key_put(&k, id);
    return k;
}

struct key key_accesses(uint64_t account)
{
    return key_kind(account, ROW_ACCESS_KEY);
}

struct key key_versions(uint64_t account, uint64_t machine)
{
    struct key k = key_versions_all(account);

    key_u64(&k, machine);
    return k;
}

struct key key_versions_all(uint64_t account)
{
    return key_kind(account, ROW_VERSIONS);
}

struct key key_pipe(uint64_t account, struct slice name)
{
    struct key k = key_pipes(account);

    key_put(&k, name);
    return k;
}

struct key key_pipes(uint64_t account)
{
    return key_kind(account, ROW_PIPE);
}

struct key key_tags(uint64_t account, struct slice place)
{
    struct key k = key_tags_all(account);

    key_put(&k, place);
    return k;
}

struct key key_tags_all(uint64_t account)
{
    return key_kind(account, ROW_TAGS);
}

struct key key_revision(uint64_t account, uint64_t machine, uint32_t revision)
{
    struct key k = key_kind(account, ROW_REVISION);

    key_u64(&k, machine);
    key_u32(&k, revision);
    return k;
}

struct key key_name(uint64_t account, uint64_t machine, struct slice name)
{
    struct key k;

    key_begin(&k, account);
    key_u64(&k, machine);
    key_put(&k, name);
    return k;
}

struct key key_index(uint64_t account,
                     enum execution_status status,
                     uint64_t machine,
                     int64_t start_ms,
                     uint64_t execution)
{
    struct key k = key_index_machine(account, status, machine);

    assert(start_ms >= 0);
    key_u64(&k, ~(uint64_t)start_ms);
    key_u64(&k, ~execution);
    return k;
}

struct key key_index_status(uint64_t account, enum execution_status status)
{
    struct key k;

    key_begin(&k, account);
    key_u8(&k, (uint8_t)status);
    return k;
}

struct key key_index_machine(uint64_t account, enum execution_status status, uint64_t machine)
{
    struct key k = key_index_status(account, status);

    key_u64(&k, machine);
    return k;
}

/* A time as it stands in a key; anything above the greatest is malformed. */
static int64_t cursor_ms(struct cursor *c, uint64_t mask)
{
    uint64_t v = cursor_u64be(c) ^ mask;

    if (v > INT64_MAX) {
        c->bad = true;
        return 0;
    }
    return (int64_t)v;
}

bool key_index_parse(struct slice key,
                     uint64_t *account,
                     enum execution_status *status,
                     uint64_t *machine,
                     int64_t *start_ms,
                     uint64_t *execution)
{
    struct cursor c = cursor_make(key);
    uint64_t account_ = cursor_u64be(&c);
    uint8_t status_ = cursor_u8(&c);
    uint64_t machine_ = cursor_u64be(&c);
    int64_t start_ms_ = cursor_ms(&c, UINT64_MAX);
    uint64_t execution_ = ~cursor_u64be(&c);

    if (c.bad || !cursor_done(&c) || status_ > EXECUTION_PENDING_REDRIVE) {
        return false;
    }
    *account = account_;
    *status = (enum execution_status)status_;
    *machine = machine_;
    *start_ms = start_ms_;
    *execution = execution_;
    return true;
}

struct key key_execution(uint64_t account, uint64_t execution, uint64_t sequence)
{
    struct key k = key_execution_prefix(account, execution);

    key_u64(&k, sequence);
    return k;
}

struct key key_execution_prefix(uint64_t account, uint64_t execution)
{
    struct key k;

    key_begin(&k, account);
    key_u64(&k, execution);
    return k;
}

bool key_execution_parse(struct slice key,
                         uint64_t *account,
                         uint64_t *execution,
                         uint64_t *sequence)
{
    struct cursor c = cursor_make(key);
    uint64_t account_ = cursor_u64be(&c);
    uint64_t execution_ = cursor_u64be(&c);
    uint64_t sequence_ = cursor_u64be(&c);

    if (c.bad || !cursor_done(&c)) {
        return false;
    }
    *account = account_;
    *execution = execution_;
    *sequence = sequence_;
    return true;
}

/* ---- jobs ---- */

struct key key_job(uint64_t account, struct slice name)
{
    struct key k = key_jobs(account);

    key_put(&k, name);
    return k;
}

struct key key_jobs(uint64_t account)
{
    return key_kind(account, ROW_JOB);
}

struct key key_job_run(uint64_t account, uint64_t run)
{
    struct key k = key_job_runs(account);

    key_u64(&k, run);
    return k;
}

struct key key_job_runs(uint64_t account)
{
    return key_kind(account, ROW_JOB_RUN);
}

struct key key_job_run_id(uint64_t account, struct slice id)
{
    struct key k = key_kind(account, ROW_JOB_RUN_ID);

    key_put(&k, id);
    return k;
}

struct key key_job_line(uint64_t account, struct slice name, uint64_t run)
{
    struct key k = key_job_lines(account, name);

    key_u64(&k, ~run);
    return k;
}

struct key key_job_lines(uint64_t account, struct slice name)
{
    struct key k = key_kind(account, ROW_JOB_LINE);

    key_put(&k, name);
    key_u8(&k, 0);
    return k;
}

bool key_job_line_parse(struct slice key, uint64_t *run)
{
    struct cursor c;

    if (key.len < sizeof(uint64_t)) {
        return false;
    }
    c = cursor_make(slice_from(key, key.len - sizeof(uint64_t)));
    *run = ~cursor_u64be(&c);
    return true;
}

struct key key_job_open(uint64_t account, uint64_t run)
{
    struct key k = key_job_opens(account);

    key_u64(&k, run);
    return k;
}

struct key key_job_opens(uint64_t account)
{
    return key_kind(account, ROW_JOB_OPEN);
}

struct key key_job_sweep(uint64_t account, struct slice name)
{
    struct key k = key_job_sweeps(account);

    key_put(&k, name);
    return k;
}

struct key key_job_sweeps(uint64_t account)
{
    return key_kind(account, ROW_JOB_SWEEP);
}

struct key key_job_run_last(uint64_t account)
{
    return key_kind(account, ROW_JOB_RUN_LAST);
}

struct key key_job_sizes(uint64_t account, uint64_t run, uint32_t chunk)
{
    struct key k = key_job_sizes_all(account, run);

    key_u32(&k, chunk);
    return k;
}

struct key key_job_sizes_all(uint64_t account, uint64_t run)
{
    struct key k = key_kind(account, ROW_JOB_SIZES);

    key_u64(&k, run);
    return k;
}

struct key key_job_piece(uint64_t account, uint64_t run, unsigned phase, uint32_t piece)
{
    struct key k = key_job_phase(account, run, phase);

    key_u32(&k, piece);
    return k;
}

struct key key_job_phase(uint64_t account, uint64_t run, unsigned phase)
{
    struct key k = key_job_pieces(account, run);

    key_u8(&k, (uint8_t)phase);
    return k;
}

struct key key_job_pieces(uint64_t account, uint64_t run)
{
    struct key k = key_kind(account, ROW_JOB_PIECE);

    key_u64(&k, run);
    return k;
}

struct key key_timer(uint64_t account, int64_t due_ms, uint64_t execution)
{
    struct key k;

    key_begin(&k, account);
    key_ms(&k, due_ms);
    key_u64(&k, execution);
    return k;
}

bool key_timer_parse(struct slice key, uint64_t *account, int64_t *due_ms, uint64_t *execution)
{
    struct cursor c = cursor_make(key);
    uint64_t account_ = cursor_u64be(&c);
    int64_t due_ms_ = cursor_ms(&c, 0);
    uint64_t execution_ = cursor_u64be(&c);

    if (c.bad || !cursor_done(&c)) {
        return false;
    }
    *account = account_;
    *due_ms = due_ms_;
    *execution = execution_;
    return true;
}

struct key key_after(const struct key *prefix)
{
    struct key k;

    k.len = 0;
    key_put(&k, key_slice(prefix));
    while (k.len > 0 && (uint8_t)k.bytes[k.len - 1] == UINT8_MAX) {
        k.len--;
    }
    if (k.len > 0) {
        k.bytes[k.len - 1]++;
    }
    return k;
}
