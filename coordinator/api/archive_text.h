/* SPDX-License-Identifier: Apache-2.0 */
/* An ended execution as text to be kept: JSON Lines, the first DescribeExecution's reply, each
 * other an event of GetExecutionHistory, exactly as AWS's clients get them over HTTP. And where it
 * is kept:
 *
 *     PREFIX/MACHINE/YYYY/MM/DD/NAME-HHMMSSmmm.jsonl
 *
 * by when the execution was started, in UTC: by machine and day it can be listed, by its name
 * found; and as a name may be used again once its execution is gone, the time makes the key its
 * own. The same execution has the same key again. */
#ifndef STEPFLEET_API_ARCHIVE_TEXT_H
#define STEPFLEET_API_ARCHIVE_TEXT_H

#include "coordinator/api/api.h"
#include "coordinator/ledger/read.h"

/* Where archives are kept; slices are the caller's. */
struct archive_place {
    struct slice bucket;
    struct slice prefix; /* without slashes at its ends; may be empty */
};

/* "s3://bucket/prefix" or "s3://bucket". ERR_CONFIG. */
enum err_code archive_place_parse(const char *text, struct archive_place *out, struct err *err);
/* In `a`. */
struct slice
archive_key(const struct archive_place *p, const struct execution_header *h, struct arena *a);

/* Takes a line, with its end; an error ends the reading and is given back. */
struct archive_sink {
    enum err_code (*line)(struct archive_sink *s, struct slice line, struct err *err);
    enum err_code rc; /* what line() has given */
};
/* All lines of the execution whose header was read from `source`; memory of one record at a time.
 * `s->rc` tells whose error it was. */
enum err_code archive_write(struct api *api,
                            const struct record_source *source,
                            const struct execution_header *h,
                            struct archive_sink *s,
                            struct err *err);

#endif
