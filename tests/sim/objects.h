/* SPDX-License-Identifier: Apache-2.0 */
/* The object store's parts, for the files that are it: objects.c (uploads that the coordinator
 * completes, and how requests travel), objects_job.c (what workers do themselves in job runs). */
#ifndef STEPFLEET_TESTS_SIM_OBJECTS_H
#define STEPFLEET_TESTS_SIM_OBJECTS_H

#include "tests/sim/sim.h"

enum upload_state { UPLOAD_OPEN, UPLOAD_DONE, UPLOAD_ABORTED };

struct upload {
    struct hash_node by_id;
    struct list link; /* in sim_objects.uploads */
    enum upload_state state;
    bool listed; /* DONE: it is listed yet, beside its object */
    bool put;    /* its bytes are there */
    bool own;    /* its worker completes it: a temporary object of a job run */
    int64_t begun_us;
    char id[24];
    char *bucket;
    char *key;
    char *mark;
    char *bytes;
    size_t len;
};

struct object {
    struct hash_node by_key;
    const struct upload *upload; /* whose bytes it shows */
    bool damaged;                /* they were taken away */
};

/* The last attempt of a state entry that wrote. */
struct entry {
    struct hash_node by_name;
    uint64_t attempt;
    char *name; /* of the mark: "ARN/state entry" */
};

struct sim_objects {
    struct hash uploads_by_id;
    struct list uploads; /* in the order they were begun */
    size_t open;
    uint64_t last_upload;
    struct hash objects;
    struct hash entries;
    int64_t slow_until_us;
};

/* A request. Texts are in `arena`. */
struct store_op {
    struct sim_node *from;
    uint64_t life; /* its, when it asked */
    void (*carry)(struct sim *s, struct store_op *op);
    void (*answer)(struct sim *s, struct store_op *op);
    int64_t late_us; /* that much later than others */
    bool lost;
    enum err_code rc;
    bool found;
    const struct upload *upload; /* BEGIN: the one begun */
    struct slice bucket;
    struct slice key;
    struct slice mark;
    struct slice upload_id;
    struct slice bytes;
    struct object_request *request; /* the ledger's */
    void (*begun)(struct sim *s, void *arg, const char *upload_id);
    void (*done)(struct sim *s, void *arg, enum err_code rc);
    void (*read)(struct sim *s, void *arg, enum err_code rc, struct slice bytes);
    bool uploads; /* CLEAN: those, or else objects */
    void *arg;
    struct arena arena;
};

/* ---- objects.c ---- */

struct upload *upload_find(struct sim *s, struct slice id);
struct object *object_find(struct sim *s, const char *bucket, const char *key);
struct upload *upload_new(struct sim *s, const struct store_op *op);
/* The upload is done, and its bytes are what its key shows. */
void object_show(struct sim *s, struct upload *u);
/* A request of a node in that life; objects_op_begin() sends it. */
struct store_op *objects_op_new(struct sim_node *from, uint64_t life);
void objects_op_begin(struct sim *s, struct store_op *op);
void objects_answer_done(struct sim *s, struct store_op *op);

#endif
