/* SPDX-License-Identifier: Apache-2.0 */
/* The values of every column family. Each begins with a format version byte; decoders take every
 * version up to theirs and refuse later ones. Decoders read bytes nobody vouches for: malformed is
 * ERR_CORRUPT, never a crash. Decoded slices borrow from the bytes given, unless said otherwise.
 *
 * A transition record (one put a transition) holds: what changed in the header, the changed frames
 * whole, the history events, the new documents, and the lowest sequence a load still needs. The
 * record of sequence 0 holds the whole header. So a load reads record 0, the last record, and those
 * from its `lowest` on. Small: varints, differences to the event before, state numbers, document
 * refs. */
#ifndef STEPFLEET_STORE_CODEC_H
#define STEPFLEET_STORE_CODEC_H

#include "coordinator/engine/engine.h"
#include "proto/base/buf.h"

/* Of documents other than `docs` there are refs only: no text, no node. */
struct record {
    struct execution_header header; /* after this record, `rules` NULL; of a later record than 0:
                                       the fixed fields (ids, names, arns, start, parent, input ref)
                                       are empty until joined */
    bool whole_header;              /* sequence 0 */
    uint64_t lowest; /* sequence; documents referred to by frames are not counted: they
                        are found by their ref */
    struct frame *frames;
    size_t frame_count;
    struct history_event *events;
    size_t event_count;
    struct doc *docs; /* with their texts */
    size_t doc_count;
};

/* Append a record made of a step. `lowest` as above. */
void record_encode(const struct step *s, uint64_t lowest, struct buf *out);
/* Arrays in `a`; slices borrow from `bytes`. What execution_check() would end the program for is
 * ERR_CORRUPT, as far as it shows in one record: not how many frames there are in all, not the
 * length of a history (a rule), not a place in a document's text (items_at). */
enum err_code
record_decode(struct slice bytes, struct arena *a, struct record *out, struct err *err);
/* Only one document's text: for reads by ref. ERR_NOT_FOUND where there is no such slot. */
enum err_code record_doc(struct slice bytes, unsigned slot, struct slice *out, struct err *err);
/* Put the fixed fields of record 0's header into a later one. */
void record_join(const struct execution_header *first, struct execution_header *later);

struct machine_row {
    uint64_t machine;  /* number */
    uint32_t revision; /* current */
    bool express;
    bool deleting;
    int64_t created_ms;
    int64_t updated_ms;
    struct slice name;
    struct slice role_arn;
    struct slice logging; /* JSON text of loggingConfiguration; may be empty */
    bool traced;          /* tracingConfiguration: kept and shown */
};
void machine_row_encode(const struct machine_row *r, struct buf *out);
enum err_code machine_row_decode(struct slice bytes, struct machine_row *out, struct err *err);

struct revision_row {
    int64_t created_ms;
    struct slice definition;
    struct slice role_arn;
};
void revision_row_encode(const struct revision_row *r, struct buf *out);
enum err_code revision_row_decode(struct slice bytes, struct revision_row *out, struct err *err);

struct name_row {
    uint64_t execution;
    int64_t start_ms;
};
void name_row_encode(const struct name_row *r, struct buf *out);
enum err_code name_row_decode(struct slice bytes, struct name_row *out, struct err *err);

/* A line of a list, and for RUNNING whether it is parked. */
struct index_row {
    struct slice name;
    int64_t stop_ms; /* 0: open */
    uint32_t redrive_count;
    int64_t redrive_ms;
    int64_t parked_ms;  /* due time of its TIMER row; 0: not parked, load at start */
    uint32_t version;   /* it was started by; 0: none */
    struct slice alias; /* likewise; empty: none */
};
void index_row_encode(const struct index_row *r, struct buf *out);
enum err_code index_row_decode(struct slice bytes, struct index_row *out, struct err *err);

/* What an access key may do: each what those before it may, too. */
enum access_role { ROLE_READ = 1, ROLE_RUN = 2, ROLE_ADMIN = 3 };

/* The secret itself: a signature can be checked by nothing less. */
struct access_row {
    int64_t created_ms;
    enum access_role role;
    struct slice secret;
    struct slice note; /* whose it is, as its maker says; may be empty */
};
void access_row_encode(const struct access_row *r, struct buf *out);
enum err_code access_row_decode(struct slice bytes, struct access_row *out, struct err *err);

struct activity_row {
    int64_t created_ms;
};
void activity_row_encode(const struct activity_row *r, struct buf *out);
enum err_code activity_row_decode(struct slice bytes, struct activity_row *out, struct err *err);

#endif
