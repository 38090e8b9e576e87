/* SPDX-License-Identifier: Apache-2.0 */
/* Internet addresses as event patterns compare them: version 4 in dotted decimals, version 6 in
 * groups of hexadecimals, and ranges of them. Pure. Source: RFC 4291, section 2.2 (without
 * addresses of version 4 inside); event-ruler for the ranges and their texts. */
#ifndef STEPFLEET_TRIGGER_ADDRESS_H
#define STEPFLEET_TRIGGER_ADDRESS_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct address {
    size_t len; /* 4 or 16 */
    uint8_t bytes[16];
};

/* From `low` to `high`, both of one length. */
struct address_range {
    struct address low;
    struct address high;
};

/* False: it is none. */
bool address_parse(struct slice s, struct address *out);
bool address_in(const struct address *a, const struct address_range *r);
/* "10.0.0.0/24": from the address given (as AWS has it, whatever its lower bits are) to the last
 * of its network. ERR_VALIDATION in AWS's words. */
enum err_code address_range_parse(struct slice cidr, struct address_range *out, struct err *err);

#endif
