/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket's lifecycle configuration as XML: its rules are told apart, ours by its ID, and those of
 * others are kept as they are written. Pure; bytes come from the network.
 *
 * Source: AWS S3 API reference, PutBucketLifecycleConfiguration. */
#ifndef STEPFLEET_S3_LIFECYCLE_H
#define STEPFLEET_S3_LIFECYCLE_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"

#define LIFECYCLE_ID "stepfleet-outputs"

struct lifecycle_rule {
    struct slice raw; /* what stands between <Rule> and </Rule> */
    struct slice id;
    struct slice prefix; /* of the keys it is for; empty: all, or as a tag or size says */
    bool enabled;
    uint64_t days;       /* objects expire after; 0: not by their age */
    uint64_t abort_days; /* uploads that are not completed are aborted after; 0: not */
};

struct lifecycle {
    struct lifecycle_rule *rules; /* in the order they stand */
    size_t count;
};

/* In `a`; slices borrow from it and `xml`. An empty text has no rules. False: it is not one. */
bool lifecycle_read(struct slice xml, struct arena *a, struct lifecycle *out);
/* Ours goes, where it is there; with days > 0 it comes again, behind all others: objects below the
 * prefix expire after so many days, uploads there as well. */
void lifecycle_set(struct lifecycle *l, struct slice prefix, uint64_t days, struct arena *a);
/* Empty where there are no rules. */
struct slice lifecycle_write(const struct lifecycle *l, struct arena *a);

#endif
