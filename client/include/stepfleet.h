/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Stepfleet's client library: everything a program needs to define state machines, run executions
 * and look at them. Link with `pkg-config --libs stepfleet`.
 *
 * Rules that hold for every function here:
 *
 *  - Text that goes in is UTF-8 and is borrowed for the call. Names and ARNs are NUL-terminated;
 * JSON documents are pointer and length (struct stepfleet_bytes) and need no NUL.
 *  - A reply that comes out (a `struct X **out`) is one block: everything it points to lives until
 *    stepfleet_release(reply), and is the caller's alone. No text in a reply is NULL: absent is "".
 *  - Times are milliseconds since 1970 (UTC); 0 where there is none. Sizes are bytes.
 *  - Functions that can fail return the code and fill `error` (which may be NULL); then `*out` is
 *    untouched. There is no last error and no other state outside the connection.
 *  - Threads: one connection may be used by any number of threads at once; each call is a request
 * of its own. Only stepfleet_close() must be alone.
 *  - Blocking: a call returns within the connection's timeout. Calls that are safe to repeat are
 * sent again, with growing random pauses, until then; the others never are once they have left.
 *  - Where memory runs out the process ends (abort): nothing is ever half done.
 *
 * Source: PROTOCOL.md, which says for each operation what it does, refuses and repeats.
 */
#ifndef STEPFLEET_H
#define STEPFLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define STEPFLEET_API __attribute__((visibility("default")))

/** A run of bytes. In a request ptr NULL means absent, which is not the same as empty. */
struct stepfleet_bytes {
    const char *ptr;
    size_t len;
};

/** What went wrong. The numbers are those of the wire and never change; one that this version of
 * the library does not know becomes STEPFLEET_INTERNAL, with its name in the message. */
enum stepfleet_code {
    STEPFLEET_OK = 0,
    STEPFLEET_INTERNAL = 1,
    STEPFLEET_NO_MEMORY = 2,
    STEPFLEET_IO = 3,
    STEPFLEET_NO_SPACE = 4,
    STEPFLEET_CORRUPT = 5,
    STEPFLEET_CANCELLED = 6,
    STEPFLEET_TIMED_OUT = 7,   /**< no answer in time: whether it was done is not known */
    STEPFLEET_UNAVAILABLE = 8, /**< the coordinator cannot be reached */
    STEPFLEET_BUSY = 9,
    STEPFLEET_IN_USE = 10,
    STEPFLEET_NOT_FOUND = 11,
    STEPFLEET_PRECONDITION = 12,
    STEPFLEET_DENIED = 13,
    STEPFLEET_CONFIG = 14, /**< the coordinator's URL is not one that is accepted */
    STEPFLEET_USAGE = 15,
    STEPFLEET_JSON = 16,
    STEPFLEET_MESSAGE = 17,
    STEPFLEET_TOO_LARGE = 18,
    STEPFLEET_VERSION_MISMATCH = 19, /**< library and coordinator speak no common version */
    STEPFLEET_UNKNOWN_METHOD = 20,
    STEPFLEET_LEASE_LOST = 21,
    STEPFLEET_WORKER_UNKNOWN = 22,
    STEPFLEET_INTEGRITY = 23,
    STEPFLEET_INVALID_ARN = 40,
    STEPFLEET_INVALID_NAME = 41,
    STEPFLEET_INVALID_DEFINITION = 42,
    STEPFLEET_INVALID_EXECUTION_INPUT = 43,
    STEPFLEET_INVALID_TOKEN = 44,
    STEPFLEET_VALIDATION = 45,
    STEPFLEET_MISSING_PARAMETER = 46,
    STEPFLEET_MACHINE_DOES_NOT_EXIST = 47,
    STEPFLEET_MACHINE_EXISTS = 48,
    STEPFLEET_MACHINE_DELETING = 49,
    STEPFLEET_MACHINE_TYPE = 50,
    STEPFLEET_MACHINE_LIMIT = 51,
    STEPFLEET_EXECUTION_DOES_NOT_EXIST = 52,
    STEPFLEET_EXECUTION_EXISTS = 53,
    STEPFLEET_EXECUTION_LIMIT = 54,
    STEPFLEET_NOT_REDRIVABLE = 55,
    STEPFLEET_CONFLICT = 56,
    STEPFLEET_TASK_DOES_NOT_EXIST = 57,
    STEPFLEET_TASK_TIMED_OUT = 58, /**< the task is over: what it ended with is settled */
    STEPFLEET_INVALID_OUTPUT = 59,
    STEPFLEET_ACTIVITY_DOES_NOT_EXIST = 60,
    STEPFLEET_ACTIVITY_LIMIT = 61,
    STEPFLEET_ACTIVITY_WORKERS = 62,
    STEPFLEET_JOB_NOT_FOUND = 63,     /**< no such job, or job run */
    STEPFLEET_JOB_RUNS = 64,          /**< MaxConcurrentRuns of it are running */
    STEPFLEET_SIGNATURE_MISSING = 65, /**< of HTTP, like those that follow */
    STEPFLEET_SIGNATURE_INCOMPLETE = 66,
    STEPFLEET_SIGNATURE_INVALID = 67,
    STEPFLEET_KEY_UNKNOWN = 68,
    STEPFLEET_QUOTA = 69,
    STEPFLEET_TAGS = 70,
    STEPFLEET_LOGGING = 71,
    STEPFLEET_QUEUE_DOES_NOT_EXIST = 100,
    STEPFLEET_QUEUE_EXISTS = 101,
    STEPFLEET_QUEUE_FULL = 102,
    STEPFLEET_QUEUE_PURGING = 103,
    STEPFLEET_QUEUE_ATTRIBUTE = 104,
    STEPFLEET_QUEUE_VALUE = 105,
    STEPFLEET_QUEUE_PARAMETER = 106,
    STEPFLEET_QUEUE_MISSING = 107,
    STEPFLEET_RECEIPT = 108,
    STEPFLEET_NOT_IN_FLIGHT = 109,
    STEPFLEET_CONTENTS = 110,
    STEPFLEET_BATCH_EMPTY = 111,
    STEPFLEET_BATCH_ENTRIES = 112,
    STEPFLEET_BATCH_IDS = 113,
    STEPFLEET_BATCH_ID = 114,
    STEPFLEET_BATCH_LONG = 115,
    STEPFLEET_QUEUE_RESOURCE = 116,
    STEPFLEET_QUEUE_OPERATION = 117,
    STEPFLEET_TOPIC_PARAMETER = 120,
    STEPFLEET_TOPIC_VALUE = 121,
    STEPFLEET_TOPIC_NOT_FOUND = 122,
    STEPFLEET_TOPIC_LIMIT = 123,
    STEPFLEET_TOPIC_SUBSCRIPTIONS = 124,
    STEPFLEET_TOPIC_FILTERS = 125,
    STEPFLEET_PIPE_NOT_FOUND = 135,
    STEPFLEET_RULE_DOES_NOT_EXIST = 160,
    STEPFLEET_RULE_LIMIT = 161,
    STEPFLEET_EVENT_PATTERN = 170,
    STEPFLEET_WEBHOOK_EXISTS = 171
};

enum { STEPFLEET_ERROR_NAME_BYTES = 64, STEPFLEET_ERROR_MESSAGE_BYTES = 1024 };

struct stepfleet_error {
    enum stepfleet_code code;
    char name[STEPFLEET_ERROR_NAME_BYTES]; /**< AWS's where it has one: "ExecutionDoesNotExist" */
    char message[STEPFLEET_ERROR_MESSAGE_BYTES];
};

/* ---- The connection ---- */

struct stepfleet;

/** Zeroed: all defaults. */
struct stepfleet_options {
    const char *coordinator; /**< NULL: STEPFLEET_COORDINATOR in the environment, else
                                  "tcp://127.0.0.1:7233" */
    uint32_t connect_ms;     /**< how long a first connection is tried; 0: 2,000 */
    uint32_t timeout_ms;     /**< of one call, repeats included; 0: 30,000 */
    const char *ca;         /**< the authority (PEM) that signed the certificate of a coordinator at
                                 tls+tcp://HOST:PORT. NULL: STEPFLEET_CA in the environment */
    const char *token_file; /**< a token, in a file that its owner alone may read; read again when
                                 it changes. NULL: STEPFLEET_TOKEN_FILE in the environment, else
                                 none is shown */
};

/** The library's version, "0.1.0". A static string. */
STEPFLEET_API const char *stepfleet_version(void);

/**
 * Make a connection. Nothing is sent yet: the first call connects, and later ones reconnect.
 *
 * @param options   borrowed for the call; NULL: all defaults
 * @param[out] out  the connection
 * @return STEPFLEET_OK; STEPFLEET_CONFIG: not a tcp:// URL of this machine's loopback nor an ipc://
 *         one (the wire is not encrypted yet, so it does not leave the machine)
 *
 * Owner: caller, until stepfleet_close(). Threads: any. Blocks: no.
 * Source: PROTOCOL.md, Transport.
 */
STEPFLEET_API enum stepfleet_code stepfleet_open(const struct stepfleet_options *options,
                                                 struct stepfleet **out,
                                                 struct stepfleet_error *error);

/** End the connection; NULL is fine. No other thread may be in a call. Replies stay valid. */
STEPFLEET_API void stepfleet_close(struct stepfleet *c);

/** The URL it speaks to. Lives as long as the connection. */
STEPFLEET_API const char *stepfleet_coordinator(const struct stepfleet *c);

/** Free a reply that any function here gave; NULL is fine. */
STEPFLEET_API void stepfleet_release(void *reply);

/* ---- State machines ---- */

struct stepfleet_machine_spec {
    const char *name;                  /**< 1 .. 80 characters */
    struct stepfleet_bytes definition; /**< Amazon States Language, at most 1 MiB */
    const char *type;                  /**< "STANDARD" (also NULL) or "EXPRESS" */
    const char *role_arn;              /**< kept and shown; NULL: none */
    struct stepfleet_bytes logging;    /**< JSON object as AWS's loggingConfiguration; or absent */
};

/** Reply of stepfleet_machine_create() and stepfleet_machine_update(). */
struct stepfleet_machine_change {
    const char *arn;
    int64_t time_ms;
    uint32_t revision;           /**< from 1 */
    const char *const *warnings; /**< what in the definition is legal but surely not meant */
    size_t warning_count;
};

struct stepfleet_machine {
    const char *arn;
    const char *name;
    const char *type;                  /**< "STANDARD" or "EXPRESS" */
    const char *status;                /**< "ACTIVE" or "DELETING" */
    struct stepfleet_bytes definition; /**< as it was given; empty in lists */
    const char *role_arn;
    uint32_t revision;
    int64_t created_ms;
    int64_t updated_ms;
    const char *const *functions; /**< that its tasks need */
    size_t function_count;
    const char *const *missing; /**< those of them that no worker offers now */
    size_t missing_count;
    struct stepfleet_bytes logging; /**< JSON object as AWS's loggingConfiguration */
};

struct stepfleet_machine_page {
    const struct stepfleet_machine *machines; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/**
 * Make a state machine.
 *
 * @return STEPFLEET_OK, also where the very same one exists; STEPFLEET_MACHINE_EXISTS (another
 *         definition under that name); STEPFLEET_INVALID_DEFINITION (the message lists what is
 * wrong and where); STEPFLEET_INVALID_NAME; STEPFLEET_MACHINE_LIMIT; STEPFLEET_MACHINE_DELETING
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, MACHINE_CREATE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_machine_create(struct stepfleet *c,
                         const struct stepfleet_machine_spec *spec,
                         struct stepfleet_machine_change **out,
                         struct stepfleet_error *error);

/**
 * Give a machine a new definition, role or logging configuration, or several. Executions that run
 * keep the old definition.
 *
 * @param spec  name: ARN or name; what is absent or NULL stays as it is. The type never changes and
 *              is not read
 * @return STEPFLEET_OK (all as it was makes no new revision);
 *         STEPFLEET_MACHINE_DOES_NOT_EXIST; STEPFLEET_INVALID_DEFINITION; STEPFLEET_LOGGING;
 *         STEPFLEET_MISSING_PARAMETER (nothing given)
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, MACHINE_UPDATE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_machine_update(struct stepfleet *c,
                         const struct stepfleet_machine_spec *spec,
                         struct stepfleet_machine_change **out,
                         struct stepfleet_error *error);

/**
 * Everything about one machine.
 *
 * @param machine   ARN or name
 * @param revision  0: the current one
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_DOES_NOT_EXIST; STEPFLEET_INVALID_ARN
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, MACHINE_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_machine_describe(struct stepfleet *c,
                                                             const char *machine,
                                                             uint32_t revision,
                                                             struct stepfleet_machine **out,
                                                             struct stepfleet_error *error);

/**
 * Machines, a page at a time.
 *
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_INVALID_TOKEN; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, MACHINE_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_machine_list(struct stepfleet *c,
                                                         uint32_t max_results,
                                                         const char *next_token,
                                                         struct stepfleet_machine_page **out,
                                                         struct stepfleet_error *error);

/**
 * Delete a machine: its executions are stopped, then it goes. One that is gone is fine.
 *
 * @param machine  ARN or name
 * @return STEPFLEET_OK; STEPFLEET_INVALID_ARN
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, MACHINE_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_machine_delete(struct stepfleet *c, const char *machine, struct stepfleet_error *error);

/** Zeroed but for the definition: a Standard machine, everything that is found. */
struct stepfleet_validation_query {
    struct stepfleet_bytes definition; /**< Amazon States Language, at most 1 MiB */
    const char *type;                  /**< "STANDARD" (also NULL) or "EXPRESS" */
    const char *severity;              /**< "ERROR": no warnings; "WARNING" (also NULL): both */
    uint32_t max_results;              /**< 1 .. 100; 0: 100 */
};

/** One thing that is wrong with a definition, or surely not meant. */
struct stepfleet_diagnostic {
    const char *severity;            /**< "ERROR" or "WARNING" */
    const char *code;                /**< AWS's: "SCHEMA_VALIDATION_FAILED" */
    struct stepfleet_bytes message;  /**< for people */
    struct stepfleet_bytes location; /**< "/States/Stage1/Next"; ptr NULL: none */
};

struct stepfleet_validation {
    bool ok; /**< a machine could be made of it, as far as its text decides */
    const struct stepfleet_diagnostic *diagnostics;
    size_t count;
    bool truncated; /**< there are more */
};

/**
 * Check a definition as AWS's ValidateStateMachineDefinition does, all problems at once. Nothing is
 * kept.
 *
 * @return STEPFLEET_OK, whatever was found: see `ok`; STEPFLEET_VALIDATION (type, severity,
 *         max_results, a definition over 1 MiB)
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, MACHINE_VALIDATE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_machine_validate(struct stepfleet *c,
                           const struct stepfleet_validation_query *query,
                           struct stepfleet_validation **out,
                           struct stepfleet_error *error);

/* ---- Versions and aliases of machines, tags ---- */

/** A revision under a number of its own, for ever. Its ARN is the machine's and ":NUMBER". */
struct stepfleet_version {
    const char *arn;
    int64_t created_ms;
};

struct stepfleet_version_page {
    const struct stepfleet_version *versions; /**< newest first */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/** Where an alias sends a start. */
struct stepfleet_route {
    const char *version; /**< ARN, or "MACHINE:NUMBER" */
    uint32_t weight;     /**< of 100 */
};

/** A name for one or two versions of a machine. Its ARN is the machine's and ":NAME". */
struct stepfleet_alias {
    const char *arn;
    const char *name;
    const char *description;
    const struct stepfleet_route *routes;
    size_t route_count;
    int64_t created_ms;
    int64_t updated_ms;
};

struct stepfleet_alias_page {
    const struct stepfleet_alias *aliases; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

struct stepfleet_tag {
    const char *key;   /**< 1 to 128 characters */
    const char *value; /**< at most 256 characters */
};

struct stepfleet_tags {
    const struct stepfleet_tag *tags; /**< in the order they were set first */
    size_t count;
};

/**
 * Give the current revision of a machine a version. One that has a version keeps it.
 *
 * @param machine      ARN or name
 * @param description  at most 256 characters; NULL: none
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_DOES_NOT_EXIST; STEPFLEET_MACHINE_DELETING;
 *         STEPFLEET_VALIDATION; STEPFLEET_QUOTA (1,000 versions)
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, VERSION_PUBLISH.
 */
STEPFLEET_API enum stepfleet_code stepfleet_version_publish(struct stepfleet *c,
                                                            const char *machine,
                                                            const char *description,
                                                            struct stepfleet_version **out,
                                                            struct stepfleet_error *error);

/**
 * The versions of a machine, a page at a time.
 *
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_DOES_NOT_EXIST; STEPFLEET_INVALID_TOKEN
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, VERSION_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_version_list(struct stepfleet *c,
                                                         const char *machine,
                                                         uint32_t max_results,
                                                         const char *next_token,
                                                         struct stepfleet_version_page **out,
                                                         struct stepfleet_error *error);

/**
 * Delete a version; its number is not given again. One that is gone is fine.
 *
 * @param version  ARN, or "MACHINE:NUMBER"
 * @return STEPFLEET_OK; STEPFLEET_CONFLICT (an alias leads to it); STEPFLEET_VALIDATION
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, VERSION_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_version_delete(struct stepfleet *c, const char *version, struct stepfleet_error *error);

/**
 * Make an alias. The very same one again is fine.
 *
 * @param name         of letters, digits, '_', '-' and '.', not of digits alone; at most 80
 * @param description  at most 256 characters; NULL: none
 * @param routes       one or two versions of one machine; their weights add up to 100
 * @return STEPFLEET_OK; STEPFLEET_CONFLICT (another one of that name); STEPFLEET_NOT_FOUND (a
 *         version); STEPFLEET_VALIDATION; STEPFLEET_QUOTA (100 aliases)
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ALIAS_CREATE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_alias_create(struct stepfleet *c,
                                                         const char *name,
                                                         const char *description,
                                                         const struct stepfleet_route *routes,
                                                         size_t route_count,
                                                         struct stepfleet_alias **out,
                                                         struct stepfleet_error *error);

/**
 * Send an alias elsewhere, describe it otherwise, or both.
 *
 * @param alias        ARN, or "MACHINE:NAME"
 * @param description  NULL: unchanged
 * @param routes       none: unchanged
 * @return STEPFLEET_OK; STEPFLEET_NOT_FOUND; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ALIAS_UPDATE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_alias_update(struct stepfleet *c,
                                                         const char *alias,
                                                         const char *description,
                                                         const struct stepfleet_route *routes,
                                                         size_t route_count,
                                                         struct stepfleet_alias **out,
                                                         struct stepfleet_error *error);

/**
 * One alias, by ARN or "MACHINE:NAME".
 *
 * @return STEPFLEET_OK; STEPFLEET_NOT_FOUND
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ALIAS_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_alias_describe(struct stepfleet *c,
                                                           const char *alias,
                                                           struct stepfleet_alias **out,
                                                           struct stepfleet_error *error);

/**
 * The aliases of a machine, or those that lead to one of its versions, a page at a time.
 *
 * @param machine      ARN or name, of a version as well
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_DOES_NOT_EXIST
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ALIAS_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_alias_list(struct stepfleet *c,
                                                       const char *machine,
                                                       uint32_t max_results,
                                                       const char *next_token,
                                                       struct stepfleet_alias_page **out,
                                                       struct stepfleet_error *error);

/**
 * Delete an alias; executions it started go on. One that is gone is fine.
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, ALIAS_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_alias_delete(struct stepfleet *c, const char *alias, struct stepfleet_error *error);

/**
 * Set tags of a machine or an activity, beside those it has.
 *
 * @param resource  ARN
 * @return STEPFLEET_OK; STEPFLEET_NOT_FOUND; STEPFLEET_TAGS (over 50); STEPFLEET_VALIDATION
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, TAG.
 */
STEPFLEET_API enum stepfleet_code stepfleet_tag_put(struct stepfleet *c,
                                                    const char *resource,
                                                    const struct stepfleet_tag *tags,
                                                    size_t count,
                                                    struct stepfleet_error *error);

/**
 * Take tags off by their keys. Those that are gone are fine.
 *
 * @param resource  ARN
 * @return STEPFLEET_OK; STEPFLEET_NOT_FOUND
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, UNTAG.
 */
STEPFLEET_API enum stepfleet_code stepfleet_tag_remove(struct stepfleet *c,
                                                       const char *resource,
                                                       const char *const *keys,
                                                       size_t count,
                                                       struct stepfleet_error *error);

/**
 * The tags of a machine or an activity.
 *
 * @param resource  ARN
 * @return STEPFLEET_OK; STEPFLEET_NOT_FOUND
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, TAG_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_tag_list(struct stepfleet *c,
                                                     const char *resource,
                                                     struct stepfleet_tags **out,
                                                     struct stepfleet_error *error);

/* ---- Attributes of queues, topics, subscriptions, pipes, rules: what SQS, SNS and EventBridge
 * have ---- */

/*
 * What all of these return beside their own: STEPFLEET_OK; STEPFLEET_UNAVAILABLE;
 * STEPFLEET_TIMED_OUT. Attributes are pairs of their names and values as AWS's API has them.
 * Owner: caller releases what is given out. Threads: any. Blocks: to the timeout; repeated.
 */

/**
 * Set some attributes of a queue, by its name or ARN. Source: PROTOCOL.md, QUEUE_SET.
 *
 * @return as stepfleet_queue_create(); STEPFLEET_QUEUE_DOES_NOT_EXIST
 */
STEPFLEET_API enum stepfleet_code stepfleet_queue_set(struct stepfleet *c,
                                                      const char *queue,
                                                      const struct stepfleet_tag *attributes,
                                                      size_t count,
                                                      struct stepfleet_error *error);

/**
 * Make a topic. The very same one again is fine. Source: PROTOCOL.md, TOPIC_CREATE.
 *
 * @return STEPFLEET_TOPIC_PARAMETER; STEPFLEET_TOPIC_LIMIT
 */
STEPFLEET_API enum stepfleet_code stepfleet_topic_create(struct stepfleet *c,
                                                         const char *name,
                                                         const struct stepfleet_tag *attributes,
                                                         size_t count,
                                                         struct stepfleet_error *error);
/**
 * All attributes of a topic, by its ARN. Source: PROTOCOL.md, TOPIC_ATTRIBUTES.
 *
 * @return STEPFLEET_TOPIC_NOT_FOUND
 */
STEPFLEET_API enum stepfleet_code stepfleet_topic_attributes(struct stepfleet *c,
                                                             const char *topic,
                                                             struct stepfleet_tags **out,
                                                             struct stepfleet_error *error);
/** Set one of them. Source: PROTOCOL.md, TOPIC_SET. @return as the two above */
STEPFLEET_API enum stepfleet_code stepfleet_topic_set(struct stepfleet *c,
                                                      const char *topic,
                                                      const struct stepfleet_tag *attribute,
                                                      struct stepfleet_error *error);

struct stepfleet_subscription {
    const char *arn;
    const char *topic; /**< ARN */
    const char *protocol;
    const char *endpoint; /**< ARN of a queue */
};

struct stepfleet_subscription_page {
    const struct stepfleet_subscription *subscriptions;
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/**
 * Send what is published to a topic to a queue. The same again is fine. Source: PROTOCOL.md,
 * SUBSCRIBE.
 *
 * @param protocol  "sqs"
 * @param endpoint  the queue's ARN
 * @return STEPFLEET_TOPIC_NOT_FOUND; STEPFLEET_TOPIC_PARAMETER; STEPFLEET_TOPIC_SUBSCRIPTIONS
 */
STEPFLEET_API enum stepfleet_code stepfleet_subscribe(struct stepfleet *c,
                                                      const char *topic,
                                                      const char *protocol,
                                                      const char *endpoint,
                                                      const struct stepfleet_tag *attributes,
                                                      size_t count,
                                                      struct stepfleet_error *error);
/** Of a topic, by its ARN, a page at a time. Source: PROTOCOL.md, SUBSCRIPTION_LIST.
 * @return STEPFLEET_TOPIC_NOT_FOUND */
STEPFLEET_API enum stepfleet_code
stepfleet_subscription_list(struct stepfleet *c,
                            const char *topic,
                            const char *next_token,
                            struct stepfleet_subscription_page **out,
                            struct stepfleet_error *error);
/** Source: PROTOCOL.md, SUBSCRIPTION_ATTRIBUTES. @return STEPFLEET_TOPIC_NOT_FOUND */
STEPFLEET_API enum stepfleet_code stepfleet_subscription_attributes(struct stepfleet *c,
                                                                    const char *subscription,
                                                                    struct stepfleet_tags **out,
                                                                    struct stepfleet_error *error);
/** Source: PROTOCOL.md, SUBSCRIPTION_SET. @return as stepfleet_subscribe() */
STEPFLEET_API enum stepfleet_code stepfleet_subscription_set(struct stepfleet *c,
                                                             const char *subscription,
                                                             const struct stepfleet_tag *attribute,
                                                             struct stepfleet_error *error);

/** A pipe from a queue to a state machine. In a request NULL is absent. */
struct stepfleet_pipe {
    const char *name;
    const char *source; /**< ARN of a queue; it never changes */
    const char *target; /**< ARN of a state machine */
    const char *role_arn;
    const char *description;
    const char *desired_state;                /**< "RUNNING" (also NULL of a new one), "STOPPED" */
    const char *current_state;                /**< not read in a request, nor is the next */
    const char *state_reason;                 /**< why it does not run; empty: nothing is wrong */
    struct stepfleet_bytes source_parameters; /**< JSON objects as AWS's API has them */
    struct stepfleet_bytes target_parameters;
    struct stepfleet_bytes logging;
    struct stepfleet_tags tags; /**< those that a new one is made with; for the others: tag_list */
};

/**
 * Make a pipe. Source: PROTOCOL.md, PIPE_CREATE.
 *
 * @return STEPFLEET_CONFLICT (it exists); STEPFLEET_VALIDATION
 */
STEPFLEET_API enum stepfleet_code stepfleet_pipe_create(struct stepfleet *c,
                                                        const struct stepfleet_pipe *pipe,
                                                        struct stepfleet_error *error);
/**
 * Change one; what is absent stays as it is. Source: PROTOCOL.md, PIPE_UPDATE.
 *
 * @return STEPFLEET_PIPE_NOT_FOUND; STEPFLEET_VALIDATION; STEPFLEET_CONFLICT (its state)
 */
STEPFLEET_API enum stepfleet_code stepfleet_pipe_update(struct stepfleet *c,
                                                        const struct stepfleet_pipe *pipe,
                                                        struct stepfleet_error *error);
/** Source: PROTOCOL.md, PIPE_DESCRIBE. @return STEPFLEET_PIPE_NOT_FOUND */
STEPFLEET_API enum stepfleet_code stepfleet_pipe_describe(struct stepfleet *c,
                                                          const char *name,
                                                          struct stepfleet_pipe **out,
                                                          struct stepfleet_error *error);

/** A rule: by a schedule, by the events it wants, or by both. In a request NULL is absent. */
struct stepfleet_rule {
    const char *name;
    const char *expression; /**< "rate(5 minutes)", "cron(0 10 * * ? *)" */
    const char *state;      /**< "ENABLED" (also NULL), "DISABLED" */
    const char *description;
    const char *role_arn;
    const char *pattern; /**< JSON */
};

/** What gets a rule's events. What is NULL or "" is absent. */
struct stepfleet_rule_target {
    const char *id;
    const char *arn; /**< of a queue, topic, machine, function or API destination */
    const char *role_arn;
    const char *input; /**< JSON: this, whatever the event */
    const char *input_path;
    const char *transformer;  /**< JSON, as those below: InputTransformer, */
    const char *queue;        /**< SqsParameters, */
    const char *dead_letters; /**< DeadLetterConfig, */
    const char *retry;        /**< RetryPolicy */
};

struct stepfleet_rule_targets {
    const struct stepfleet_rule_target *targets; /**< by id */
    size_t count;
};

/**
 * Make a rule, or another of it; its targets stay. Source: PROTOCOL.md, RULE_PUT.
 *
 * @return STEPFLEET_VALIDATION; STEPFLEET_RULE_LIMIT (300 rules)
 */
STEPFLEET_API enum stepfleet_code stepfleet_rule_put(struct stepfleet *c,
                                                     const struct stepfleet_rule *rule,
                                                     struct stepfleet_error *error);
/** Source: PROTOCOL.md, RULE_DESCRIBE. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code stepfleet_rule_describe(struct stepfleet *c,
                                                          const char *name,
                                                          struct stepfleet_rule **out,
                                                          struct stepfleet_error *error);
/** Source: PROTOCOL.md, RULE_TARGETS_LIST. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code stepfleet_rule_targets(struct stepfleet *c,
                                                         const char *rule,
                                                         struct stepfleet_rule_targets **out,
                                                         struct stepfleet_error *error);
/**
 * Add targets, or change those of the same ids: all or none. Source: PROTOCOL.md, RULE_TARGETS_PUT.
 *
 * @return STEPFLEET_RULE_DOES_NOT_EXIST; STEPFLEET_VALIDATION; STEPFLEET_RULE_LIMIT (5 targets)
 */
STEPFLEET_API enum stepfleet_code
stepfleet_rule_targets_put(struct stepfleet *c,
                           const char *rule,
                           const struct stepfleet_rule_target *targets,
                           size_t count,
                           struct stepfleet_error *error);
/** Take targets away by their ids. Source: PROTOCOL.md, RULE_TARGETS_REMOVE.
 * @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code stepfleet_rule_targets_remove(struct stepfleet *c,
                                                                const char *rule,
                                                                const char *const *ids,
                                                                size_t count,
                                                                struct stepfleet_error *error);

struct stepfleet_rule_page {
    const struct stepfleet_rule *rules; /**< by name */
    size_t count;
    const char *next_token; /**< empty: that was the last page */
};
/** Rules whose names begin so. Source: PROTOCOL.md, RULE_LIST. */
STEPFLEET_API enum stepfleet_code stepfleet_rule_list(struct stepfleet *c,
                                                      const char *prefix,
                                                      uint32_t max_results,
                                                      const char *next_token,
                                                      struct stepfleet_rule_page **out,
                                                      struct stepfleet_error *error);
/** Source: PROTOCOL.md, RULE_ENABLE. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code
stepfleet_rule_enable(struct stepfleet *c, const char *name, struct stepfleet_error *error);
/** Source: PROTOCOL.md, RULE_DISABLE. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code
stepfleet_rule_disable(struct stepfleet *c, const char *name, struct stepfleet_error *error);
/** One without targets. Source: PROTOCOL.md, RULE_DELETE. @return STEPFLEET_VALIDATION */
STEPFLEET_API enum stepfleet_code
stepfleet_rule_delete(struct stepfleet *c, const char *name, struct stepfleet_error *error);

/** How a webhook is shown who asks. In a request NULL is absent. */
struct stepfleet_webhook_connection {
    const char *name;
    const char *arn;        /**< of replies */
    const char *type;       /**< "API_KEY", "BASIC" */
    const char *parameters; /**< JSON: AuthParameters; a reply has no secret in it */
    const char *description;
};

/** Where a webhook is: an API destination. In a request NULL, and 0, is absent. */
struct stepfleet_webhook_destination {
    const char *name;
    const char *arn;        /**< of replies */
    const char *connection; /**< its ARN, with or without the id at its end */
    const char *url;        /**< https, or http to the coordinator's own loopback */
    const char *method;
    uint32_t rate; /**< requests a second */
    const char *description;
};

/** Source: PROTOCOL.md, CONNECTION_CREATE. @return STEPFLEET_VALIDATION; STEPFLEET_WEBHOOK_EXISTS
 */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_connection_create(struct stepfleet *c,
                                    const struct stepfleet_webhook_connection *connection,
                                    struct stepfleet_error *error);
/** What is absent stays. Source: PROTOCOL.md, CONNECTION_UPDATE.
 * @return STEPFLEET_RULE_DOES_NOT_EXIST; STEPFLEET_VALIDATION */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_connection_update(struct stepfleet *c,
                                    const struct stepfleet_webhook_connection *connection,
                                    struct stepfleet_error *error);
/** Source: PROTOCOL.md, CONNECTION_DESCRIBE. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_connection_describe(struct stepfleet *c,
                                      const char *name,
                                      struct stepfleet_webhook_connection **out,
                                      struct stepfleet_error *error);
/** Source: PROTOCOL.md, DESTINATION_CREATE.
 * @return STEPFLEET_RULE_DOES_NOT_EXIST: there is no such connection; STEPFLEET_VALIDATION;
 *         STEPFLEET_WEBHOOK_EXISTS */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_destination_create(struct stepfleet *c,
                                     const struct stepfleet_webhook_destination *destination,
                                     struct stepfleet_error *error);
/** What is absent stays. Source: PROTOCOL.md, DESTINATION_UPDATE. Returns as the one above. */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_destination_update(struct stepfleet *c,
                                     const struct stepfleet_webhook_destination *destination,
                                     struct stepfleet_error *error);
/** Source: PROTOCOL.md, DESTINATION_DESCRIBE. @return STEPFLEET_RULE_DOES_NOT_EXIST */
STEPFLEET_API enum stepfleet_code
stepfleet_webhook_destination_describe(struct stepfleet *c,
                                       const char *name,
                                       struct stepfleet_webhook_destination **out,
                                       struct stepfleet_error *error);

/** What became of an event: its id, or why it was refused. */
struct stepfleet_event_put {
    const char *id;      /**< empty: refused */
    const char *code;    /**< "MalformedDetail" */
    const char *message; /**< likewise for people */
};
/**
 * Put an event on the bus `default`. Not safe to repeat: it is another event then. Source:
 * PROTOCOL.md, EVENTS_PUT.
 *
 * @param detail  JSON
 * @return STEPFLEET_OK, for a refused one as well; STEPFLEET_VALIDATION (too large)
 */
STEPFLEET_API enum stepfleet_code stepfleet_event_put(struct stepfleet *c,
                                                      const char *source,
                                                      const char *detail_type,
                                                      struct stepfleet_bytes detail,
                                                      struct stepfleet_event_put **out,
                                                      struct stepfleet_error *error);

/* ---- Executions ---- */

struct stepfleet_start {
    const char *machine;          /**< ARN or name; "NAME:2", "NAME:live": a version, an alias */
    const char *name;             /**< NULL: a UUID is made here, so that a repeat is harmless */
    struct stepfleet_bytes input; /**< JSON, at most 256 KiB; absent: {} */
};

struct stepfleet_started {
    const char *execution_arn;
    const char *name;
    int64_t start_ms;
};

/** What one open scope of an execution (top level, branch, iteration) does now. */
struct stepfleet_frame {
    const char *state;     /**< its name in the definition */
    const char *status;    /**< "READY", "LEASED", "TIMER", ... */
    const char *waits_for; /**< a sentence for people */
    uint32_t attempt;      /**< from 1; never starts over */
    uint32_t retry_count;
    int64_t entered_ms;
    int64_t due_ms;
    const char *worker;
    const char *function;
    uint32_t workers_offering; /**< how many workers offer the function */
    uint64_t bytes_in;         /**< of this attempt, so far */
    uint64_t bytes_out;
    const char *note; /**< the handler's last word on its progress */
    uint32_t id;
    uint32_t parent; /**< 1 + id of the frame whose Parallel or Map it is of; 0: the top level */
    uint32_t index;  /**< branch or iteration, from 0 */
};

struct stepfleet_execution {
    const char *execution_arn;
    const char *machine_arn;
    const char *name;
    const char *type;   /**< "STANDARD" or "EXPRESS" */
    const char *status; /**< "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT" or "ABORTED" */
    int64_t start_ms;
    int64_t stop_ms;
    struct stepfleet_bytes input;  /**< JSON; empty in lists */
    struct stepfleet_bytes output; /**< JSON; ptr NULL: none */
    const char *error;             /**< the failure's name; "" with has_error false: none */
    bool has_error;
    struct stepfleet_bytes cause; /**< ptr NULL: none */
    uint32_t redrive_count;
    int64_t redrive_ms;
    const char *redrive_status; /**< "REDRIVABLE" or "NOT_REDRIVABLE" */
    const char *redrive_reason;
    uint64_t events;   /**< history events so far */
    uint32_t revision; /**< of the machine's definition */
    const struct stepfleet_frame
        *frames; /**< at most 100: open ones first, parents before theirs */
    size_t frame_count;
    uint64_t frames_in_all; /**< of which `frames` are a part */
};

struct stepfleet_execution_page {
    const struct stepfleet_execution *executions; /**< newest first; without documents and frames */
    size_t count;
    const char *next_token;
};

/** Zeroed: all executions of all machines, the first page. */
struct stepfleet_execution_query {
    const char *machine;     /**< ARN or name, a version's or alias's too; NULL: all */
    const char *status;      /**< NULL: any */
    const char *name_prefix; /**< NULL: any */
    uint32_t max_results;    /**< 1 .. 1,000; 0: 100 */
    const char *next_token;
    int64_t since_ms; /**< started then or later; 0: whenever */
    int64_t until_ms; /**< started before; 0: whenever */
};

struct stepfleet_history_query {
    const char *execution; /**< ARN */
    bool reverse;          /**< newest first */
    bool without_data;     /**< leave inputs and outputs out */
    uint32_t max_results;  /**< 1 .. 1,000; 0: 100 */
    const char *next_token;
};

struct stepfleet_history_page {
    const struct stepfleet_bytes *events; /**< JSON objects as AWS's GetExecutionHistory */
    size_t count;
    const char *next_token;
};

/**
 * Start an execution. An Express one whose answer was lost may run twice: its names are not unique.
 *
 * @return STEPFLEET_OK, also where a running one of that name has the same input;
 *         STEPFLEET_EXECUTION_EXISTS; STEPFLEET_EXECUTION_LIMIT;
 *         STEPFLEET_INVALID_EXECUTION_INPUT; STEPFLEET_INVALID_NAME;
 *         STEPFLEET_MACHINE_DOES_NOT_EXIST; STEPFLEET_MACHINE_DELETING
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_START.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_start(struct stepfleet *c,
                                                            const struct stepfleet_start *start,
                                                            struct stepfleet_started **out,
                                                            struct stepfleet_error *error);

/**
 * Start a Standard execution and wait for its end, in one exchange. The same name and input give
 * the same execution, ended or not, so that a run may be asked for again after any error.
 *
 * @param wait_ms   at most 20,000: then it is described as it is; wait on by its ARN
 * @param[out] out  the execution; a failed one is STEPFLEET_OK too, see `status`
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_TYPE (the machine is EXPRESS);
 *         else as stepfleet_execution_start()
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: `wait_ms` and the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_RUN.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_run(struct stepfleet *c,
                                                          const struct stepfleet_start *start,
                                                          uint32_t wait_ms,
                                                          struct stepfleet_execution **out,
                                                          struct stepfleet_error *error);

/**
 * Run an Express execution and wait for its end. At most once: never repeated once it was sent, and
 * after an error it may or may not have run.
 *
 * @param[out] out  how it ended; a failed execution is STEPFLEET_OK too, see `status`
 * @return STEPFLEET_OK; STEPFLEET_MACHINE_TYPE (the machine is STANDARD); STEPFLEET_TIMED_OUT;
 *         else as stepfleet_execution_start()
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: up to 5 minutes and the timeout.
 * Source: PROTOCOL.md, EXECUTION_START_SYNC.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_execution_start_sync(struct stepfleet *c,
                               const struct stepfleet_start *start,
                               struct stepfleet_execution **out,
                               struct stepfleet_error *error);

/**
 * Everything about one execution, with what its open frames wait for.
 *
 * @param execution  ARN
 * @return STEPFLEET_OK; STEPFLEET_EXECUTION_DOES_NOT_EXIST; STEPFLEET_INVALID_ARN
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_describe(struct stepfleet *c,
                                                               const char *execution,
                                                               struct stepfleet_execution **out,
                                                               struct stepfleet_error *error);

/**
 * Executions, a page at a time.
 *
 * @return STEPFLEET_OK; STEPFLEET_INVALID_TOKEN; STEPFLEET_VALIDATION;
 *         STEPFLEET_MACHINE_DOES_NOT_EXIST
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_LIST.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_execution_list(struct stepfleet *c,
                         const struct stepfleet_execution_query *query,
                         struct stepfleet_execution_page **out,
                         struct stepfleet_error *error);

/**
 * An execution's history, a page at a time.
 *
 * @return STEPFLEET_OK; STEPFLEET_EXECUTION_DOES_NOT_EXIST; STEPFLEET_INVALID_ARN;
 *         STEPFLEET_INVALID_TOKEN
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_HISTORY.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_execution_history(struct stepfleet *c,
                            const struct stepfleet_history_query *query,
                            struct stepfleet_history_page **out,
                            struct stepfleet_error *error);

/**
 * Stop an execution: it ends ABORTED. One that has ended stays as it ended.
 *
 * @param execution     ARN
 * @param failure       name, at most 256 bytes; NULL: none
 * @param cause         at most 32 KiB; absent: none
 * @param[out] stop_ms  when it stopped; may be NULL
 * @return STEPFLEET_OK; STEPFLEET_EXECUTION_DOES_NOT_EXIST; STEPFLEET_INVALID_ARN
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, EXECUTION_STOP.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_stop(struct stepfleet *c,
                                                           const char *execution,
                                                           const char *failure,
                                                           struct stepfleet_bytes cause,
                                                           int64_t *stop_ms,
                                                           struct stepfleet_error *error);

/**
 * Let a failed, stopped or timed-out Standard execution go on at the state that failed.
 *
 * @param execution        ARN
 * @param client_token     makes a repeat harmless; NULL: one is made for this call
 * @param[out] redrive_ms  may be NULL
 * @return STEPFLEET_OK; STEPFLEET_NOT_REDRIVABLE; STEPFLEET_EXECUTION_DOES_NOT_EXIST
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, EXECUTION_REDRIVE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_redrive(struct stepfleet *c,
                                                              const char *execution,
                                                              const char *client_token,
                                                              int64_t *redrive_ms,
                                                              struct stepfleet_error *error);

/**
 * Wait until an execution has more than `seen` history events or has closed, or `wait_ms` is over:
 * then describe it.
 *
 * @param seen     UINT64_MAX: wait for its end only
 * @param wait_ms  at most 20,000; 0: at once
 * @return as stepfleet_execution_describe()
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: `wait_ms` and the timeout; repeated.
 * Source: PROTOCOL.md, EXECUTION_WAIT.
 */
STEPFLEET_API enum stepfleet_code stepfleet_execution_wait(struct stepfleet *c,
                                                           const char *execution,
                                                           uint64_t seen,
                                                           uint32_t wait_ms,
                                                           struct stepfleet_execution **out,
                                                           struct stepfleet_error *error);

/* ---- Jobs: one long stage, sharded over many workers ---- */

struct stepfleet_job {
    const char *name;
    struct stepfleet_bytes definition; /**< JSON, every member written out; empty in lists */
    int64_t created_ms;
    int64_t updated_ms;
    uint64_t open_runs;
};

struct stepfleet_job_page {
    const struct stepfleet_job *jobs; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/** What a run is started with. Zeroed members: the job's own. */
struct stepfleet_job_start {
    const char *job;
    const char *run; /**< its id, "jr_" and 64 hexadecimal digits; NULL or "": one is made */
    struct stepfleet_bytes arguments; /**< JSON object of strings, over the job's defaults */
    uint32_t timeout_minutes;
    uint32_t workers; /**< attempts at once */
    const char *worker_type;
};

struct stepfleet_job_started {
    const char *job;
    const char *run;
    const char *state; /**< "STARTING", "RUNNING", ... */
};

/** What a phase's pieces did together, or a piece alone. */
struct stepfleet_job_phase {
    const char *phase; /**< "PLAN", "MAP", "REDUCE", "JOIN", "CLEAN" */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t records_in;
    uint64_t records_out;
    uint64_t rejected;
};

struct stepfleet_job_counter {
    const char *name;
    uint64_t value;
};

/** A live attempt. */
struct stepfleet_job_attempt {
    uint32_t piece;
    const char *worker;
    int64_t started_ms;
    bool speculative; /**< another one is at the same piece */
    bool committing;
    uint64_t bytes_in; /**< as its worker said last */
    uint64_t bytes_out;
    struct stepfleet_bytes note;
};

/** A piece of a phase that was given to a worker at least once. */
struct stepfleet_job_piece {
    uint32_t piece;
    const char *status; /**< "waiting", "live", "done", "given up", "ended" with its phase */
    uint32_t failures;
    uint32_t losses;    /**< workers that were lost with it */
    const char *worker; /**< who did it, or failed it last */
    int64_t took_ms;
    int64_t due_ms; /**< of one that waits */
    const struct stepfleet_job_attempt *attempts;
    size_t attempt_count;
    struct stepfleet_job_phase result; /**< of one that is done; else `phase` is "" */
    uint64_t bytes_extra;              /**< done by attempts that another one overtook, about */
};

struct stepfleet_job_run {
    const char *run;
    const char *job;
    const char *state; /**< AWS Glue's: "WAITING", "STARTING", "RUNNING", "STOPPING", "STOPPED",
                            "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR" */
    const char *phase; /**< "PLAN" .. "CLEAN", "OVER" */
    int64_t created_ms;
    int64_t began_ms;
    int64_t ended_ms; /**< 0: not yet */
    const char *error;
    struct stepfleet_bytes cause;
    struct stepfleet_bytes arguments;  /**< JSON; empty in lists */
    struct stepfleet_bytes definition; /**< as it was at the start; empty in lists */
    uint32_t timeout_minutes;
    uint32_t workers; /**< 0: no bound */
    const char *worker_type;
    uint32_t shards;
    uint32_t partitions;
    uint32_t failures;    /**< of all phases: attempts that failed, */
    uint32_t losses;      /**< workers that were lost with one, */
    uint32_t speculated;  /**< pieces that were tried twice at once, */
    uint64_t bytes_extra; /**< and bytes of work done twice */
    /* Of the phase, until the run is over; 0 in lists: */
    uint32_t pieces;
    uint32_t waiting;
    uint32_t live;
    uint32_t done;
    uint32_t attempts_live;
    uint64_t bytes_all;
    uint64_t bytes_done;
    const struct stepfleet_job_attempt *attempts; /**< live ones: a thousand at most, the oldest */
    size_t attempt_count;
    const char *missing; /**< a function that is needed and no worker offers; "": none */
    const struct stepfleet_job_phase *phases; /**< those that have done something */
    size_t phase_count;
    const struct stepfleet_job_counter *counters;
    size_t counter_count;
    const struct stepfleet_job_piece *piece_states; /**< as asked for; none once it is over */
    size_t piece_count;
    uint32_t next_piece; /**< where they go on; 0: nowhere */
};

struct stepfleet_job_run_page {
    const struct stepfleet_job_run *runs; /**< newest first */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/** Which run, and which of its pieces are to be told beside. */
struct stepfleet_job_run_query {
    const char *run;
    const char *job;     /**< NULL: whichever it is */
    uint32_t phase;      /**< 0 PLAN, 1 MAP, 2 REDUCE, 3 JOIN, 4 CLEAN */
    uint32_t from_piece; /**< from which on */
    uint32_t max_pieces; /**< at most 1,000; 0: none */
};

/**
 * Make a job, or with `update` give the one there is another definition; runs keep theirs.
 *
 * @param definition  JSON
 * @return STEPFLEET_OK, also where the very same is there; STEPFLEET_CONFLICT: another definition,
 *         and no update; STEPFLEET_JOB_NOT_FOUND: nothing to update; STEPFLEET_INVALID_DEFINITION;
 *         STEPFLEET_INVALID_NAME
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_PUT.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_put(struct stepfleet *c,
                                                    const char *name,
                                                    struct stepfleet_bytes definition,
                                                    bool update,
                                                    struct stepfleet_job **out,
                                                    struct stepfleet_error *error);

/**
 * One job.
 *
 * @return STEPFLEET_OK; STEPFLEET_JOB_NOT_FOUND
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_describe(struct stepfleet *c,
                                                         const char *job,
                                                         struct stepfleet_job **out,
                                                         struct stepfleet_error *error);

/**
 * Jobs, a page at a time.
 *
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_list(struct stepfleet *c,
                                                     uint32_t max_results,
                                                     const char *next_token,
                                                     struct stepfleet_job_page **out,
                                                     struct stepfleet_error *error);

/**
 * Delete a job; its runs go on. One that is gone is fine.
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, JOB_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_job_delete(struct stepfleet *c, const char *job, struct stepfleet_error *error);

/**
 * Start a run of a job.
 *
 * @return STEPFLEET_OK; STEPFLEET_JOB_NOT_FOUND; STEPFLEET_JOB_RUNS (as many as may are running);
 *         STEPFLEET_VALIDATION (arguments); STEPFLEET_CONFLICT: a run of that id was started
 *         otherwise
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated under the id.
 * Source: PROTOCOL.md, JOB_RUN_START.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_run_start(struct stepfleet *c,
                                                          const struct stepfleet_job_start *start,
                                                          struct stepfleet_job_started **out,
                                                          struct stepfleet_error *error);

/**
 * A run: how far it is, who is at it, how it ended.
 *
 * @return STEPFLEET_OK; STEPFLEET_JOB_NOT_FOUND
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_RUN_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_job_run_describe(struct stepfleet *c,
                           const struct stepfleet_job_run_query *query,
                           struct stepfleet_job_run **out,
                           struct stepfleet_error *error);

/**
 * Runs of a job, newest first, a page at a time.
 *
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_JOB_NOT_FOUND; STEPFLEET_INVALID_TOKEN; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_RUN_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_run_list(struct stepfleet *c,
                                                         const char *job,
                                                         uint32_t max_results,
                                                         const char *next_token,
                                                         struct stepfleet_job_run_page **out,
                                                         struct stepfleet_error *error);

/**
 * Stop a run. One that has ended stays as it ended; one whose output is being committed may yet
 * succeed.
 *
 * @return STEPFLEET_OK; STEPFLEET_JOB_NOT_FOUND
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, JOB_RUN_STOP.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_run_stop(struct stepfleet *c,
                                                         const char *run,
                                                         struct stepfleet_job_started **out,
                                                         struct stepfleet_error *error);

/**
 * Wait until a run has ended, or `wait_ms` is over: then describe it.
 *
 * @param wait_ms  at most 20,000; 0: that
 * @return as stepfleet_job_run_describe()
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: `wait_ms` and the timeout; repeated.
 * Source: PROTOCOL.md, JOB_RUN_WAIT.
 */
STEPFLEET_API enum stepfleet_code stepfleet_job_run_wait(struct stepfleet *c,
                                                         const char *run,
                                                         uint32_t wait_ms,
                                                         struct stepfleet_job_run **out,
                                                         struct stepfleet_error *error);

/* ---- Activities and task tokens ---- */

struct stepfleet_activity {
    const char *arn;
    const char *name;
    int64_t created_ms;
    uint64_t waiting; /**< tasks that nobody took yet */
};

struct stepfleet_activity_page {
    const struct stepfleet_activity *activities; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/** A task to be done: end it with its token. */
struct stepfleet_activity_task {
    struct stepfleet_bytes
        token; /**< a secret: who has it ends the task; empty: there was no task */
    struct stepfleet_bytes input; /**< JSON */
};

/**
 * Make an activity, whose tasks are taken by whoever asks.
 *
 * @param name  1 .. 80 characters
 * @return STEPFLEET_OK, also where there is one; STEPFLEET_INVALID_NAME; STEPFLEET_ACTIVITY_LIMIT
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ACTIVITY_CREATE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_activity_create(struct stepfleet *c,
                                                            const char *name,
                                                            struct stepfleet_activity **out,
                                                            struct stepfleet_error *error);

/**
 * One activity.
 *
 * @param activity  ARN or name
 * @return STEPFLEET_OK; STEPFLEET_ACTIVITY_DOES_NOT_EXIST; STEPFLEET_INVALID_ARN
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ACTIVITY_DESCRIBE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_activity_describe(struct stepfleet *c,
                                                              const char *activity,
                                                              struct stepfleet_activity **out,
                                                              struct stepfleet_error *error);

/**
 * Activities, a page at a time.
 *
 * @param max_results  1 .. 1,000; 0: 100
 * @param next_token   of the page before; NULL or "": the first
 * @return STEPFLEET_OK; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, ACTIVITY_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_activity_list(struct stepfleet *c,
                                                          uint32_t max_results,
                                                          const char *next_token,
                                                          struct stepfleet_activity_page **out,
                                                          struct stepfleet_error *error);

/**
 * Delete an activity. Tasks that wait in it go on waiting until their timeout; calls that wait for
 * its tasks fail. One that is gone is fine.
 *
 * @param activity  ARN or name
 * @return STEPFLEET_OK; STEPFLEET_INVALID_ARN
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, ACTIVITY_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_activity_delete(struct stepfleet *c, const char *activity, struct stepfleet_error *error);

/**
 * Wait for a task of an activity and take it. A task whose answer was lost is out until its
 * timeout.
 *
 * @param activity  ARN or name
 * @param worker    name of who asks, for the history, at most 80 bytes; NULL: none
 * @param wait_ms   at most 60,000; 0: that
 * @param[out] out  with an empty token where none came in that time
 * @return STEPFLEET_OK; STEPFLEET_ACTIVITY_DOES_NOT_EXIST; STEPFLEET_ACTIVITY_WORKERS (1,000 wait);
 *         STEPFLEET_TIMED_OUT; STEPFLEET_BUSY
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: `wait_ms` and the timeout; not repeated once
 * it was sent. Source: PROTOCOL.md, ACTIVITY_TASK.
 */
STEPFLEET_API enum stepfleet_code stepfleet_activity_task(struct stepfleet *c,
                                                          const char *activity,
                                                          const char *worker,
                                                          uint32_t wait_ms,
                                                          struct stepfleet_activity_task **out,
                                                          struct stepfleet_error *error);

/**
 * The task of that token is done. The first end of a task counts.
 *
 * @param output  JSON, at most 256 KiB
 * @return STEPFLEET_OK; STEPFLEET_TASK_TIMED_OUT (it is over); STEPFLEET_TASK_DOES_NOT_EXIST;
 *         STEPFLEET_INVALID_TOKEN; STEPFLEET_INVALID_OUTPUT
 *
 * Threads: any. Blocks: to the timeout; repeated: a repeat whose first sending was done is answered
 * STEPFLEET_TASK_TIMED_OUT. Source: PROTOCOL.md, TASK_SUCCESS.
 */
STEPFLEET_API enum stepfleet_code stepfleet_task_success(struct stepfleet *c,
                                                         struct stepfleet_bytes token,
                                                         struct stepfleet_bytes output,
                                                         struct stepfleet_error *error);

/**
 * The task of that token has failed.
 *
 * @param failure  name, at most 256 bytes; NULL: none
 * @param cause    at most 32 KiB; absent: none
 * @return as stepfleet_task_success(); STEPFLEET_VALIDATION (too long)
 *
 * Threads: any. Blocks: to the timeout; repeated likewise. Source: PROTOCOL.md, TASK_FAILURE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_task_failure(struct stepfleet *c,
                                                         struct stepfleet_bytes token,
                                                         const char *failure,
                                                         struct stepfleet_bytes cause,
                                                         struct stepfleet_error *error);

/**
 * The task of that token gets on: its HeartbeatSeconds begin anew.
 *
 * @return as stepfleet_task_success()
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, TASK_HEARTBEAT.
 */
STEPFLEET_API enum stepfleet_code stepfleet_task_heartbeat(struct stepfleet *c,
                                                           struct stepfleet_bytes token,
                                                           struct stepfleet_error *error);

/* ---- Queues ---- */

/** Attributes are those of SQS, by its names and as its texts (struct stepfleet_tag). */
struct stepfleet_queue {
    const char *arn;
};

struct stepfleet_queue_page {
    const char *const *names; /**< by name */
    size_t count;
    const char *next_token; /**< empty: that was the last page */
};

/**
 * Make a queue, or find the one that is there with the same attributes.
 *
 * @param name  1 to 80 letters, digits, '-', '_'; of a FIFO queue it ends in ".fifo"
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_EXISTS (with others); STEPFLEET_QUEUE_ATTRIBUTE,
 *         STEPFLEET_QUEUE_VALUE, STEPFLEET_QUEUE_PARAMETER: one of them, or the name, is not valid
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, QUEUE_CREATE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_queue_create(struct stepfleet *c,
                                                         const char *name,
                                                         const struct stepfleet_tag *attributes,
                                                         size_t count,
                                                         struct stepfleet_queue **out,
                                                         struct stepfleet_error *error);

/**
 * A page of the names of queues that begin with `prefix`.
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, QUEUE_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_queue_list(struct stepfleet *c,
                                                       const char *prefix,
                                                       uint32_t max_results,
                                                       const char *next_token,
                                                       struct stepfleet_queue_page **out,
                                                       struct stepfleet_error *error);

/**
 * All attributes of a queue.
 *
 * @param queue  ARN or name, as with all that follow
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, QUEUE_ATTRIBUTES.
 */
STEPFLEET_API enum stepfleet_code stepfleet_queue_attributes(struct stepfleet *c,
                                                             const char *queue,
                                                             struct stepfleet_tags **out,
                                                             struct stepfleet_error *error);

/**
 * Delete all messages of a queue.
 *
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST; STEPFLEET_QUEUE_PURGING (within a minute of
 *         the last time: a repeat of this call may say so, too)
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, QUEUE_PURGE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_queue_purge(struct stepfleet *c, const char *queue, struct stepfleet_error *error);

/**
 * Delete a queue and its messages.
 *
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, QUEUE_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_queue_delete(struct stepfleet *c, const char *queue, struct stepfleet_error *error);

struct stepfleet_message_new {
    struct stepfleet_bytes body; /**< UTF-8, 1 byte to the queue's MaximumMessageSize */
    const uint32_t *delay_s;     /**< NULL: the queue's */
    const char *group;           /**< FIFO: must be given; NULL: none */
    const char *dedup;           /**< FIFO: another one of it within five minutes is a repeat */
};

struct stepfleet_message_sent {
    const char *message_id;
    const char *sequence; /**< of a FIFO queue: 20 digits that grow */
};

/**
 * Send a message. It is on disk when this returns. Without a deduplication id it is not repeated:
 * where the answer is lost, it may have been sent or not.
 *
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST; STEPFLEET_QUEUE_PARAMETER,
 *         STEPFLEET_QUEUE_MISSING, STEPFLEET_CONTENTS: it cannot be sent so
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated with `dedup`.
 * Source: PROTOCOL.md, MESSAGE_SEND.
 */
STEPFLEET_API enum stepfleet_code stepfleet_message_send(struct stepfleet *c,
                                                         const char *queue,
                                                         const struct stepfleet_message_new *m,
                                                         struct stepfleet_message_sent **out,
                                                         struct stepfleet_error *error);

struct stepfleet_receive {
    uint32_t max;                 /**< messages: up to 10; 0: 1 */
    uint32_t wait_s;              /**< for the first one: up to 20 */
    const uint32_t *visibility_s; /**< NULL: the queue's */
};

struct stepfleet_message {
    const char *message_id;
    const char *receipt; /**< deletes it */
    struct stepfleet_bytes body;
    const char *group;
    int64_t sent_ms;
    uint32_t receives; /**< this one included */
};

struct stepfleet_messages {
    const struct stepfleet_message *messages;
    size_t count; /**< 0: none came in time */
};

/**
 * Receive messages and hide them from others for their visibility timeout. Not repeated: messages
 * whose answer is lost are hidden for that time.
 *
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST; STEPFLEET_QUEUE_FULL (120,000 are in
 *         flight); STEPFLEET_QUEUE_PARAMETER
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: `wait_s`, then to the timeout.
 * Source: PROTOCOL.md, MESSAGE_RECEIVE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_message_receive(struct stepfleet *c,
                                                            const char *queue,
                                                            const struct stepfleet_receive *how,
                                                            struct stepfleet_messages **out,
                                                            struct stepfleet_error *error);

/**
 * Delete a message by the receipt of its last receive. One that is gone, or was received again, is
 * fine.
 *
 * @return STEPFLEET_OK; STEPFLEET_QUEUE_DOES_NOT_EXIST; STEPFLEET_RECEIPT (it is none);
 *         STEPFLEET_QUEUE_PARAMETER (FIFO: its time is over)
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, MESSAGE_DELETE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_message_delete(struct stepfleet *c,
                                                           const char *queue,
                                                           const char *receipt,
                                                           struct stepfleet_error *error);

/* ---- Access keys ---- */

/** Who may ask over HTTP, signing by it. */
struct stepfleet_key {
    const char *id;
    const char *role; /**< "read", "run", "admin" */
    const char *note;
    const char *secret; /**< of stepfleet_key_create() alone: nothing says it again */
    int64_t created_ms;
};

struct stepfleet_keys {
    const struct stepfleet_key *keys; /**< by id */
    size_t count;
};

/**
 * Make an access key.
 *
 * @param role  "read" (describe, list, history), "run" (and start, stop, redrive, end tasks) or
 *              "admin" (and create, update, delete)
 * @param note  whose it is, at most 256 bytes; NULL: nothing
 * @return STEPFLEET_OK; STEPFLEET_VALIDATION
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; not repeated: each is a new
 * key. Source: PROTOCOL.md, KEY_CREATE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_key_create(struct stepfleet *c,
                                                       const char *role,
                                                       const char *note,
                                                       struct stepfleet_key **out,
                                                       struct stepfleet_error *error);

/**
 * All access keys, without their secrets.
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, KEY_LIST.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_key_list(struct stepfleet *c, struct stepfleet_keys **out, struct stepfleet_error *error);

/**
 * Whatever is signed by that key from now on is refused. One that is gone is fine.
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, KEY_DELETE.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_key_delete(struct stepfleet *c, const char *id, struct stepfleet_error *error);

/* ---- Backups ---- */

struct stepfleet_backup {
    const char *name;
    const char *state;   /**< "MAKING", "DONE", "FAILED" */
    const char *problem; /**< why it failed; else "" */
    int64_t made_ms;
    uint64_t bytes;      /**< of its files; MAKING: of `of_bytes` */
    uint64_t of_bytes;   /**< MAKING: 0: not known yet */
    uint64_t files;      /**< DONE */
    uint64_t batch;      /**< DONE: it has this batch, and all before */
    uint64_t executions; /**< that ran when it was made */
};

struct stepfleet_backups {
    const struct stepfleet_backup
        *backups; /**< by name; first the one being made, or that failed */
    size_t count;
};

/**
 * Begin a copy of the coordinator's database, on its host; stepfleet_backup_list() says how far it
 * is. All that was acknowledged before is in it.
 *
 * @param name  1 to 64 letters, digits, '.', '-', '_'; no '.' first
 * @return STEPFLEET_OK; STEPFLEET_INVALID_NAME; STEPFLEET_VALIDATION (no directory is configured);
 *         STEPFLEET_CONFLICT (it is there, or another is being made)
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, BACKUP_START.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_backup_start(struct stepfleet *c, const char *name, struct stepfleet_error *error);

/**
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, BACKUP_LIST.
 */
STEPFLEET_API enum stepfleet_code stepfleet_backup_list(struct stepfleet *c,
                                                        struct stepfleet_backups **out,
                                                        struct stepfleet_error *error);

/* ---- The fleet ---- */

struct stepfleet_offer {
    const char *function;
    uint32_t slots;
};

/** What operators have said of a worker's name. */
enum stepfleet_cordon {
    STEPFLEET_OPEN,
    STEPFLEET_CORDONED, /**< it gets no new tasks */
    STEPFLEET_DRAINED,  /**< likewise, and hands back what it has not begun */
};

struct stepfleet_worker {
    const char *name;
    const char *software;
    const char *labels; /**< JSON object of strings */
    uint32_t slots;     /**< tasks it can do at once */
    uint32_t leased;    /**< tasks it does */
    bool draining;      /**< it says itself that it takes no more */
    enum stepfleet_cordon cordon;
    bool absent; /**< it is not registered: only its name is known, and that it is cordoned */
    int64_t seen_ago_ms; /**< since it was last heard */
    int64_t hello_ms;
    const struct stepfleet_offer *offers;
    size_t offer_count;
};

struct stepfleet_workers {
    const struct stepfleet_worker *workers;
    size_t count;
};

struct stepfleet_health {
    const char *software; /**< the coordinator's */
    uint64_t epoch;       /**< of its run */
    uint32_t version_min; /**< of the protocol */
    uint32_t version_max;
    int64_t up_ms;
    uint64_t ready_tasks;
    uint64_t leased_tasks;
    uint64_t hot_executions; /**< in memory */
    uint64_t batches;        /**< written since it started */
    uint64_t transitions;
    struct stepfleet_bytes store; /**< the database's figures: JSON */
    const char *objects_root;     /**< where outputs of stages are: a directory, */
    const char *objects_endpoint; /**< or a server; both "": nowhere */
    const char *objects_region;
    const char *account; /**< of every ARN */
    const char *region;
    uint64_t
        expired; /**< executions that went since it started: over for as long as they are kept */
    uint64_t archived;           /**< of them, so many were archived before */
    const char *archive_problem; /**< why none can be archived, and none goes; "": none */
    uint64_t deliveries_waiting; /**< of events to targets of rules, to be tried again */
    uint64_t events_buried;      /**< in dead-letter queues of rules, since it started, */
    uint64_t events_lost;        /**< and those that no such queue took */
    uint64_t open_executions;
    uint64_t workers;
    uint64_t slots;              /**< of all workers */
    uint64_t unoffered_tasks;    /**< of the ready ones: no worker offers their function */
    uint64_t dead_letters;       /**< messages that lie in queues that are for them */
    uint64_t stalls;             /**< of its loop, since it started */
    uint64_t disk_free_bytes;    /**< where the database is */
    uint64_t disk_size_bytes;    /**< 0: not known */
    uint64_t disk_reserve_bytes; /**< kept for what runs */
    bool short_of_disk;          /**< no more than that is free: nothing new is taken on */
    uint64_t refused_for_disk;   /**< requests, since it started */
    const char *restored_name;   /**< the backup its database was restored from; "": it was not */
    int64_t restored_made_ms;    /**< when that was made: what was acknowledged since is gone */
    int64_t restored_ms;
    uint64_t restored_executions; /**< that ran when it was made */
};

/**
 * The workers that are registered, and those that are cordoned and are not.
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, WORKERS.
 */
STEPFLEET_API enum stepfleet_code stepfleet_workers(struct stepfleet *c,
                                                    struct stepfleet_workers **out,
                                                    struct stepfleet_error *error);

struct stepfleet_cordoned {
    bool registered; /**< it is here; else what was said holds when it comes */
    uint32_t leased; /**< tasks it holds now */
};

/**
 * Say of a worker, by its name, whether it gets new tasks. That holds over restarts, its own and
 * the coordinator's, until something else is said.
 *
 * @return STEPFLEET_OK; STEPFLEET_INVALID_NAME; STEPFLEET_QUOTA (too many are cordoned)
 *
 * Threads: any. Blocks: to the timeout; repeated. Source: PROTOCOL.md, WORKER_CORDON.
 */
STEPFLEET_API enum stepfleet_code stepfleet_worker_cordon(struct stepfleet *c,
                                                          const char *worker,
                                                          enum stepfleet_cordon cordon,
                                                          struct stepfleet_cordoned *out,
                                                          struct stepfleet_error *error);

/** What is asked of a function; all zero: nothing. */
struct stepfleet_function {
    const char *name;
    struct stepfleet_tags labels; /**< its tasks go only to workers that carry them all */
    uint32_t concurrency;         /**< tasks leased at once; 0: as many as there are slots */
    uint32_t rate_milli;          /**< thousandths of a grant a second; 0: no limit */
    int32_t priority;             /**< between functions on a worker: the higher goes first */
};

struct stepfleet_function_page {
    const struct stepfleet_function *functions; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/** NULL: it stays as it was. */
struct stepfleet_function_change {
    const struct stepfleet_tags *labels;
    const uint32_t *concurrency;
    const uint32_t *rate_milli;
    const int32_t *priority;
};

/**
 * Ask something of a function, whether a worker offers it or not. What is leased stays so.
 *
 * @return STEPFLEET_OK; STEPFLEET_INVALID_NAME; STEPFLEET_VALIDATION; STEPFLEET_QUOTA
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, FUNCTION_SET.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_function_set(struct stepfleet *c,
                       const char *function,
                       const struct stepfleet_function_change *change,
                       struct stepfleet_function **out,
                       struct stepfleet_error *error);

/** What is asked of one. Source: PROTOCOL.md, FUNCTION_DESCRIBE. Otherwise as before. */
STEPFLEET_API enum stepfleet_code stepfleet_function_describe(struct stepfleet *c,
                                                              const char *function,
                                                              struct stepfleet_function **out,
                                                              struct stepfleet_error *error);

/** Functions that something is asked of, a page: "" for the first. Source: PROTOCOL.md,
 * FUNCTION_LIST. Otherwise as before. */
STEPFLEET_API enum stepfleet_code stepfleet_function_list(struct stepfleet *c,
                                                          const char *next_token,
                                                          struct stepfleet_function_page **out,
                                                          struct stepfleet_error *error);

/** Ask nothing of it any more. Source: PROTOCOL.md, FUNCTION_RESET. */
STEPFLEET_API enum stepfleet_code
stepfleet_function_reset(struct stepfleet *c, const char *function, struct stepfleet_error *error);

/** A function's figures, for whoever adds workers and takes them away. */
struct stepfleet_scale {
    const char *function;
    struct stepfleet_tags labels; /**< that its workers carry */
    uint64_t ready;               /**< tasks that wait */
    uint64_t leased;
    uint64_t workers;  /**< that offer it, carry its labels and take new tasks */
    uint64_t slots;    /**< of theirs for it */
    uint64_t wanted;   /**< workers for all that is leased and may be */
    int64_t oldest_ms; /**< how long its first task has been waiting; 0: none waits */
};

struct stepfleet_scale_page {
    const struct stepfleet_scale *functions; /**< by name */
    size_t count;
    const char *next_token; /**< "" on the last page */
};

/**
 * Figures of one function, known or not, or a page of all that have tasks, workers or limits.
 *
 * @param function    NULL: all
 * @param next_token  "" for the first page
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, SCALE.
 */
STEPFLEET_API enum stepfleet_code stepfleet_scale(struct stepfleet *c,
                                                  const char *function,
                                                  const char *next_token,
                                                  struct stepfleet_scale_page **out,
                                                  struct stepfleet_error *error);

/**
 * How the coordinator is.
 *
 * Owner: caller releases `*out`. Threads: any. Blocks: to the timeout; repeated.
 * Source: PROTOCOL.md, HEALTH.
 */
STEPFLEET_API enum stepfleet_code
stepfleet_health(struct stepfleet *c, struct stepfleet_health **out, struct stepfleet_error *error);

#ifdef __cplusplus
}
#endif

#endif
