/* SPDX-License-Identifier: Apache-2.0 */
/* A piece as its lease has it, taken apart; and what all phases do with the object store and say of
 * their end. All of it belongs to the task's thread; texts are in the stream's memory. */
#ifndef STEPFLEET_JOB_TASK_H
#define STEPFLEET_JOB_TASK_H

#include "proto/job/arguments.h"
#include "proto/job/piece.h"
#include "worker/handler/stream.h"
#include "worker/items/format.h"

struct job_task {
    struct stream *s;
    enum job_phase phase;
    uint32_t piece;
    uint32_t shards;
    uint32_t partitions;
    uint32_t slots;
    struct slice run;
    const struct job_definition *definition;
    struct job_places places;
    struct token self;     /* of the lease */
    struct token plan;     /* whose plan counts */
    struct token *winners; /* of the phase before, by piece; zero: of the only attempt */
    size_t winner_count;
    struct slice prefix; /* of temporary objects' keys */
    struct lease_piece_result done;
};

/* False: the lease makes no sense here, and the stream has failed. */
bool task_read(struct job_task *t, struct stream *s);

/* Keys of temporary objects; kinds as job_temporary_name()'s. */
struct slice task_key(struct job_task *t, char kind, uint32_t piece, struct token token);
struct slice task_own_key(struct job_task *t, char kind);
/* "<directory of the output key>/rejected.jsonl" */
struct slice task_rejected_key(struct job_task *t);

/* ---- How it ends ---- */

/* What a failed read of the run's input means. */
void task_fail_input(struct job_task *t, struct slice key, const struct err *err);
/* Of what the run itself wrote, or is writing. */
void task_fail_store(struct job_task *t, const char *what, struct slice key, const struct err *err);
/* The piece is done: bytes_in and bytes_out are the stream's. */
void task_succeed(struct job_task *t);
/* The handler's own result, where it gave one: {"counters": {"name": 1}}. False: failed. */
bool task_take_counters(struct job_task *t);

/* ---- Blocking, but for being told to stop: then ERR_CANCELLED ---- */

/* Bytes of an object; fewer where it ends before. */
enum err_code task_read_range(struct job_task *t,
                              struct slice bucket,
                              struct slice key,
                              const struct s3_range *range,
                              struct buf *out,
                              struct err *err);
enum err_code
task_write(struct job_task *t, struct s3_writer *w, struct slice bytes, struct err *err);
/* The writer's last byte is there: make its object visible, under the mark it was begun with. */
enum err_code task_complete(struct job_task *t,
                            struct s3_writer *w,
                            struct slice bucket,
                            struct slice key,
                            struct slice mark,
                            struct err *err);
/* The next bytes of a reader; none: its end. */
enum err_code
task_peek(struct job_task *t, struct s3_reader *r, struct slice *out, struct err *err);

/* Is the lease's function one that a piece's records can be streamed through? Else it fails. */
bool task_is_stream(struct job_task *t);

/* Append a record behind others that have been put together anew. *any: there was one. */
void task_put_record(const struct items_options *o,
                     struct slice record,
                     bool *any,
                     struct buf *out);

/* What the definition says of the formats; the input's may be AUTO yet. */
struct items_options task_input_options(const struct job_task *t);
/* `input` is settled. */
struct items_options task_output_options(const struct job_task *t,
                                         const struct items_options *input);

#endif
