/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answered: header lines, what an error means, and the few documents that are needed.
 * Pure; everything comes from the network and is checked before it is believed.
 *
 * A verdict says three things: which error it is, whether the same request may be tried again, and
 * whether the server is away (cannot be reached, or says that it cannot serve now), which is ridden
 * out longer. */
#ifndef STEPFLEET_S3_ANSWER_H
#define STEPFLEET_S3_ANSWER_H

#include "client/s3/s3.h"

enum { ANSWER_ERROR_BYTES_MAX = 64 * 1024 }; /* of an error's body; the rest is not kept */

struct answer {
    unsigned status;
    struct s3_object object; /* ETag and mark; the size comes from length or size */
    bool has_length;
    uint64_t length; /* Content-Length */
    bool has_range;  /* Content-Range: bytes first-last/size */
    uint64_t first;
    uint64_t last;
    bool has_size; /* also from a 416, which has no range */
    uint64_t size;
    bool encrypted; /* the ETag is not the MD5 of what is read */
};

struct verdict {
    enum err_code rc;
    bool retry;
    bool away;
};

/* One header line, status lines included; a status line begins the answer anew. */
void answer_header(struct answer *n, struct slice line);

/* The name and sentence in an error document; empty where there is none. */
struct answer_error {
    struct slice code;
    struct slice message;
};
bool answer_error_read(struct slice body, struct arena *a, struct answer_error *out);
/* What a status and an error's name mean. 2xx with no name is OK. */
struct verdict answer_verdict(unsigned status, struct slice error_code);

/* Text of the child `name` of the root `root`; false where malformed or missing. */
bool answer_child(struct slice body,
                  struct slice root,
                  struct slice name,
                  struct arena *a,
                  struct slice *out);

/* A page of keys or of uploads. */
struct answer_page {
    struct s3_entry *entries;
    size_t count;
    bool truncated;
    struct slice next;           /* continuation token; NextKeyMarker */
    struct slice next_upload_id; /* NextUploadIdMarker */
};
/* False where the document is not one, or says that there is more and not where. */
bool answer_list_read(struct slice body, bool uploads, struct arena *a, struct answer_page *out);

#endif
