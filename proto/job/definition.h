/* SPDX-License-Identifier: Apache-2.0 */
/* What a job is: definition text to an immutable checked struct, and back. Strict: a member nobody
 * knows, a wrong type, a value out of range and settings that contradict each other are refused,
 * all of them in one message that names each place. Pure; all memory from the arena given.
 *
 * Words that AWS has (MaxAttempts, BackoffRate, Timeout, NumberOfWorkers) mean what they mean
 * there: MaxAttempts are the tries after the first. 0 is "chosen by us" or "no bound" wherever a
 * default is 0. Source: AWS Glue's CreateJob and StartJobRun; Amazon States Language, Retry. */
#ifndef STEPFLEET_JOB_DEFINITION_H
#define STEPFLEET_JOB_DEFINITION_H

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum job_format {
    JOB_FORMAT_AUTO, /* input: by the object's name and first bytes; output: as the input */
    JOB_FORMAT_LINES,
    JOB_FORMAT_JSONL,
    JOB_FORMAT_CSV,
    JOB_FORMAT_JSON,  /* one array */
    JOB_FORMAT_WHOLE, /* an object is a record, and so a shard */
};

enum job_layout {
    JOB_LAYOUT_OBJECT, /* one object */
    JOB_LAYOUT_PARTS,  /* one a shard, and a manifest */
};

enum job_bad_records {
    JOB_BAD_RECORDS_HANDLER, /* nobody looks, unless the handler fails: then the first one is named
                              */
    JOB_BAD_RECORDS_FAIL,    /* the first one fails the run, whatever the handler thinks of it */
    JOB_BAD_RECORDS_REJECT,  /* they are put aside, up to a bound */
};

enum job_shuffle {
    JOB_SHUFFLE_NONE,
    JOB_SHUFFLE_GROUP,
    JOB_SHUFFLE_SORT,
    JOB_SHUFFLE_DISTINCT,
    JOB_SHUFFLE_JOIN,
};

struct job_input_settings {
    enum job_format format;
    char delimiter; /* CSV and AUTO alone, and so the next two */
    bool header;
    bool quoted_line_breaks;
};

struct job_retry {
    uint32_t max_attempts; /* tries after the first */
    int64_t interval_ms;   /* before the first of them */
    double backoff_rate;   /* each wait is so much longer, */
    int64_t max_delay_ms;  /* up to this */
};

struct job_bad_record_settings {
    enum job_bad_records policy;
    uint64_t max_count; /* REJECT: more fail the run at once; 0: no bound */
    double max_percent; /* REJECT: of all records read, judged at the end; 0: no bound */
};

struct job_key {
    struct slice path;   /* into a JSON record; empty: `column`, or the whole record */
    struct slice column; /* a CSV header's name */
    bool number;         /* compared as numbers, else as bytes */
    bool descending;     /* SORT alone */
};

struct job_shuffle_settings {
    enum job_shuffle kind;
    const struct job_key *keys;
    size_t key_count;
    uint32_t partitions;  /* 0: the plan chooses */
    struct slice handler; /* of the reduce phase; empty: records go through as they are */
};

struct job_argument {
    struct slice key; /* "--input-key" */
    struct slice value;
};

struct job_arguments {
    const struct job_argument *items; /* in order of their keys */
    size_t count;
};

struct job_definition {
    struct slice handler; /* of MAP; empty: a shuffle's records go into it as they are */
    struct job_input_settings input;
    enum job_format output_format;
    enum job_layout layout;
    uint64_t shard_bytes; /* 0: chosen from the input's size and the workers there are */
    uint32_t shard_count; /* 0: likewise. At most one of both is given. */
    uint32_t workers;     /* NumberOfWorkers: attempts at once; 0: no bound but the fleet's slots */
    uint32_t max_concurrent_runs;
    uint32_t timeout_minutes;
    struct job_retry retry;
    struct job_bad_record_settings bad_records;
    struct job_shuffle_settings shuffle;
    bool speculate;
    struct job_arguments default_arguments;
};

/**
 * Check and keep a definition.
 *
 * @param text  JSON, up to LIMIT_DEFINITION_BYTES; copied where something of it is kept
 * @param[out] out  all of it in `a`, with every default filled in
 * @return OK; ERR_INVALID_DEFINITION with what is wrong and where: "Invalid Job Definition:
 *         'SCHEMA_VALIDATION_FAILED: Maximum value is 100 at /Retry/MaxAttempts, ...'"
 */
enum err_code job_definition_parse(struct slice text,
                                   struct arena *a,
                                   const struct job_definition **out,
                                   struct err *err);

/* Compact JSON with every member written out: parsed, it gives an equal definition. */
struct slice job_definition_print(const struct job_definition *d, struct arena *a);

/* "csv", as definitions have it. */
const char *job_format_name(enum job_format format);

#endif
