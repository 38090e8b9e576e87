/* SPDX-License-Identifier: Apache-2.0 */
/* What one attempt may ask of the object store, where its worker holds no keys and the coordinator
 * signs for it. Pure: what is asked is taken apart (ask.c) and held against the few places that the
 * attempt's own lease speaks of (stage.c, piece.c). What no rule names is refused: another
 * execution's key, another bucket, an upload that is not the attempt's, a query or header that we
 * do not send ourselves.
 *
 * Keys are compared as they are, never decoded: a signed path says '%' as %25. One with a "." or
 * ".." between slashes or with a control character is refused whatever the rules say, since a
 * store, or what stands before it, may make another key of it. Source: PROTOCOL.md, WORKER_SIGN. */
#ifndef STEPFLEET_PERMIT_PERMIT_H
#define STEPFLEET_PERMIT_PERMIT_H

#include "client/s3/request.h"
#include "proto/job/arguments.h"
#include "proto/job/piece.h"
#include "proto/stage.h"

enum permit_action {
    PERMIT_READ, /* GET, HEAD */
    PERMIT_PUT,
    PERMIT_DELETE,
    PERMIT_LIST,
    PERMIT_LIST_UPLOADS,
    PERMIT_UPLOAD_BEGIN,
    PERMIT_UPLOAD_PART,
    PERMIT_UPLOAD_LOOK,
    PERMIT_UPLOAD_COMPLETE,
    PERMIT_UPLOAD_ABORT,
};

/* A request, as far as it matters to whom it is permitted. */
struct permit_ask {
    enum permit_action action;
    struct slice bucket;
    struct slice key;       /* of a list: the prefix, which may be empty */
    struct slice upload_id; /* of PERMIT_UPLOAD_PART and those behind it */
    bool copies;            /* the part is of another object: */
    struct slice from_bucket;
    struct slice from_key;
};

/* Which of them a request is; texts are the request's, or in `a`. ERR_DENIED: none, exactly. */
enum err_code
permit_ask_read(const struct request *r, struct arena *a, struct permit_ask *out, struct err *err);

enum { PERMIT_RULES = 12 };

struct permit_rule {
    unsigned actions; /* 1 << PERMIT_... */
    struct slice bucket;
    struct slice key;
    bool below;             /* all keys that begin so */
    struct slice upload_id; /* this one alone; empty: any of its key */
};

struct permit {
    struct permit_rule rules[PERMIT_RULES];
    size_t count;
};

void permit_add(struct permit *p, struct permit_rule rule);
/* An upload that the coordinator completes: it may be begun, and once it was reported its parts may
 * be sent and it may be aborted. `upload_id`: empty: not yet. */
void permit_add_output(struct permit *p,
                       struct slice bucket,
                       struct slice key,
                       struct slice upload_id);
bool permit_allows(const struct permit *p, const struct permit_ask *ask);

/* Of a stage: its own input, and an upload at its own output's key. Texts are shared. */
void permit_of_stage(const struct stage_places *places, struct slice upload_id, struct permit *out);

/* A piece of a job run, as its lease has it. */
struct permit_piece {
    enum job_phase phase;
    uint32_t piece;
    struct token token; /* of the attempt */
    struct token plan;  /* whose plan counts */
    struct slice run;
    const struct job_definition *definition;
    const struct job_places *places;
    struct slice upload_id; /* JOIN: the one that was reported; empty: none yet */
};

/* The run's inputs, what the phase reads of the run's temporary objects, and what the attempt
 * itself writes. Of a run whose input is a manifest the whole of its input bucket can be read: what
 * the manifest names is not known here. */
void permit_of_piece(const struct permit_piece *p, struct arena *a, struct permit *out);

#endif
