/* SPDX-License-Identifier: Apache-2.0 */
/* Values as Java's maps, lists and boxed numbers: AWS's intrinsic functions print, compare and hash
 * those, and it shows. Integers and fractions are different numbers there (1 is not 1.0). Source:
 * Java's String.valueOf, Object.hashCode, Object.equals and java.util.Random; outputs AWS gave. */
#ifndef STEPFLEET_ASL_INTRINSIC_JAVA_H
#define STEPFLEET_ASL_INTRINSIC_JAVA_H

#include "proto/base/json.h"

/* {a=1, b=[x, null]}; strings without quotes. */
void java_write(const struct json_node *v, struct buf *out);
/* JSON as Jackson writes it: fractions as doubles, 1.10 as 1.1 and 1e10 as 1.0E10. */
void java_write_json(const struct json_node *v, struct buf *out);
uint32_t java_hash(const struct json_node *v);
bool java_equal(const struct json_node *x, const struct json_node *y);
/* new Random(seed).nextInt(bound); `bound` is above 0. */
int32_t java_random(int64_t seed, int32_t bound);

#endif
