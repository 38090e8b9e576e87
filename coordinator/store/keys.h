/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of every column family: with codec.h the only description of the format on disk.
 * All numbers big-endian, so that rows sort by value; names are at the end or length-prefixed.
 * Every kind has its line in kind.def.
 *
 *   META       "format" | "epoch" | "batch" | "buckets" | "settled" | "token_key" |
 *              "notices" | "waiters" | "executions" | "restored"
 *   MACHINE    account u64, 'n', name                      -> machine row (current)
 *              account u64, 'r', machine u64, revision u32 -> revision row (definition)
 *              account u64, 'c'                            -> last machine number given
 *              account u64, 'a', name                      -> activity row
 *              account u64, 'k', access key                -> access key row
 *              account u64, 'v', machine u64               -> versions row: versions, aliases
 *              account u64, 't', kind, name                -> tags row: of a machine 'm', activity
 *                                                             'a', queue 'q', topic 't', pipe 'p'
 *              account u64, 'p', name                      -> pipe row
 *              account u64, 's', name                      -> rule row (schedule, pattern,
 *                                                             targets)
 *              account u64, 'w', kind u8, name              -> webhook row: a connection 1, an API
 *                                                             destination 2
 *              account u64, 'f', function                  -> function row: what is asked of it
 *              account u64, 'h', worker                    -> cordon row
 *   NAME       account u64, machine u64, name              -> execution id, start
 *   INDEX      account u64, status u8, machine u64, ~start_ms u64, ~execution u64 -> index row
 *   EXECUTION  account u64, execution u64, sequence u64    -> transition record
 *   JOB        account u64, 'd', name                      -> job row
 *              account u64, 'r', run u64                   -> job run row
 *              account u64, 'n', run id                    -> run u64
 *              account u64, 'l', name, 0, ~run u64         -> empty: a job's runs, newest first
 *              account u64, 'o', run u64                   -> empty: it is not over, or rows of its
 *                                                             pieces are left
 *              account u64, 't', name                      -> run u64: of a deleted job, those
 *                                                             below it are to go
 *              account u64, 'c'                            -> run u64: at least so many were given
 *              account u64, 's', run u64, chunk u32        -> bytes of 8,192 shards, varints
 *              account u64, 'p', run u64, phase u8, piece u32 -> piece row
 *   QUEUE      account u64, 'n', name                      -> queue row
 *              account u64, 'g'                            -> last number or generation given
 *              account u64, 'm', generation u64, due_ms u64, number u64 -> message row
 *              account u64, 's', generation u64, due_ms u64, number u64 -> state of a received one
 *              account u64, 'c', generation u64            -> counters of those messages
 *              account u64, 'x', queue u64, number u64     -> deduplication row, of a batch
 *              account u64, 't', queue u64                 -> its move tasks
 *              account u64, 'z', queue or generation u64   -> empty: rows under it are to go
 *              account u64, 'o', name                      -> topic row
 *              account u64, 'b', id                        -> subscription row
 *              account u64, 'd', number u64                -> delivery row: an event to a target
 *   TIMER      account u64, due_ms u64, execution u64      -> empty
 *
 * "executions" holds the last number an execution was given, as of the last time that any went.
 * "token_key" holds 32 random bytes: the secret that task tokens are made with, and that must stay
 * as it is for as long as any of them is to be known again. */
#ifndef STEPFLEET_STORE_KEYS_H
#define STEPFLEET_STORE_KEYS_H

#include "coordinator/engine/engine.h"
#include "coordinator/trigger/queue.h"
#include "proto/base/buf.h"

enum { KEY_BYTES_MAX = 512 }; /* a name is at most 80 characters of at most 4 bytes */

struct key {
    size_t len;
    char bytes[KEY_BYTES_MAX];
};
static inline struct slice key_slice(const struct key *k)
{
    return slice_make(k->bytes, k->len);
}

struct key key_meta(const char *what);
struct key key_machine(uint64_t account, struct slice name);
struct key key_machines(uint64_t account); /* prefix of all machine rows */
struct key key_machine_counter(uint64_t account);
struct key key_activity(uint64_t account, struct slice name);
struct key key_activities(uint64_t account); /* prefix of all activity rows */
struct key key_access(uint64_t account, struct slice id);
struct key key_accesses(uint64_t account); /* prefix of all access key rows */
struct key key_rule(uint64_t account, struct slice name);
struct key key_rules(uint64_t account); /* prefix of all rule rows */
struct key key_webhook(uint64_t account, uint8_t kind, struct slice name);
struct key key_webhooks(uint64_t account); /* prefix of all connections and API destinations */
struct key key_function(uint64_t account, struct slice name);
struct key key_functions(uint64_t account); /* prefix of all function rows */
struct key key_cordon(uint64_t account, struct slice worker);
struct key key_cordons(uint64_t account); /* prefix of all cordon rows */
struct key key_versions(uint64_t account, uint64_t machine);
struct key key_versions_all(uint64_t account); /* prefix */
struct key key_pipe(uint64_t account, struct slice name);
struct key key_pipes(uint64_t account);                    /* prefix of all pipe rows */
struct key key_tags(uint64_t account, struct slice place); /* kind and name */
struct key key_tags_all(uint64_t account);                 /* prefix */
struct key key_revision(uint64_t account, uint64_t machine, uint32_t revision);
struct key key_name(uint64_t account, uint64_t machine, struct slice name);
struct key key_index(uint64_t account,
                     enum execution_status status,
                     uint64_t machine,
                     int64_t start_ms,
                     uint64_t execution);
struct key key_index_status(uint64_t account, enum execution_status status); /* prefix */
struct key key_index_machine(uint64_t account, enum execution_status status, uint64_t machine);
bool key_index_parse(struct slice key,
                     uint64_t *account,
                     enum execution_status *status,
                     uint64_t *machine,
                     int64_t *start_ms,
                     uint64_t *execution);
struct key key_execution(uint64_t account, uint64_t execution, uint64_t sequence);
struct key key_execution_prefix(uint64_t account, uint64_t execution);
bool key_execution_parse(struct slice key,
                         uint64_t *account,
                         uint64_t *execution,
                         uint64_t *sequence);
struct key key_job(uint64_t account, struct slice name);
struct key key_jobs(uint64_t account); /* prefix of all job rows */
struct key key_job_run(uint64_t account, uint64_t run);
struct key key_job_runs(uint64_t account); /* prefix of all run rows */
struct key key_job_run_id(uint64_t account, struct slice id);
struct key key_job_line(uint64_t account, struct slice name, uint64_t run);
struct key key_job_lines(uint64_t account, struct slice name); /* prefix */
bool key_job_line_parse(struct slice key, uint64_t *run);
struct key key_job_open(uint64_t account, uint64_t run);
struct key key_job_opens(uint64_t account); /* prefix */
struct key key_job_sweep(uint64_t account, struct slice name);
struct key key_job_sweeps(uint64_t account); /* prefix */
struct key key_job_run_last(uint64_t account);
struct key key_job_sizes(uint64_t account, uint64_t run, uint32_t chunk);
struct key key_job_sizes_all(uint64_t account, uint64_t run); /* prefix */
struct key key_job_piece(uint64_t account, uint64_t run, unsigned phase, uint32_t piece);
struct key key_job_phase(uint64_t account, uint64_t run, unsigned phase); /* prefix */
struct key key_job_pieces(uint64_t account, uint64_t run);                /* prefix */
struct key key_topic(uint64_t account, struct slice name);
struct key key_topics(uint64_t account); /* prefix of all topic rows */
struct key key_subscription(uint64_t account, struct slice id);
struct key key_subscriptions(uint64_t account); /* prefix of all subscription rows */
struct key key_queue(uint64_t account, struct slice name);
struct key key_queues(uint64_t account); /* prefix of all queue rows */
struct key key_queue_last(uint64_t account);
struct key key_message(uint64_t account, uint64_t generation, struct queue_place place);
struct key key_messages(uint64_t account, uint64_t generation); /* prefix */
struct key key_queue_state(uint64_t account, uint64_t generation, struct queue_place place);
struct key key_queue_states(uint64_t account, uint64_t generation); /* prefix */
/* Of a message's or a state's key. */
bool key_place_parse(struct slice key, struct queue_place *out);
struct key key_queue_counter(uint64_t account, uint64_t generation);
struct key key_dedup(uint64_t account, uint64_t queue, uint64_t first);
struct key key_dedups(uint64_t account, uint64_t queue); /* prefix */
struct key key_moves(uint64_t account, uint64_t queue);
struct key key_queue_sweep(uint64_t account, uint64_t generation);
struct key key_queue_sweeps(uint64_t account); /* prefix */
struct key key_delivery(uint64_t account, uint64_t number);
struct key key_deliveries(uint64_t account); /* prefix */
struct key key_timer(uint64_t account, int64_t due_ms, uint64_t execution);
bool key_timer_parse(struct slice key, uint64_t *account, int64_t *due_ms, uint64_t *execution);
/* The least key above all that begin with `prefix`; empty where there is none. */
struct key key_after(const struct key *prefix);

#endif
