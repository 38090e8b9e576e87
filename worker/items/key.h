/* SPDX-License-Identifier: Apache-2.0 */
/* Sort keys: what a record is ordered, grouped or partitioned by, as bytes that compare (as
 * unsigned bytes, the shorter first) in the order that is wanted; keys are equal where what they
 * were made of is. A key has one or more parts. A part that is missing comes first, then one that
 * is null (in CSV: a number that is empty), then values; descending turns all of that round.
 *
 *  text    by bytes: UTF-8 in the order of code points. Of JSON: a string's characters; of any
 * other value its text as it is written number  by value, exactly, however long; 1, 1.0 and 10e-1
 * are equal. What is no number is an error
 *
 * Encoding, a part after another (all its bytes inverted where it descends):
 *   missing 01; null 02
 *   text    03, the bytes (00 as 00 FF), 00 00
 *   number  80: zero. C0, e, digits, 00: positive; 40 and the same inverted: negative. The value is
 *           0.digits * 10^e; e is one byte, 80 + e, for -60..60, else 10 or F0 and e + 2^31 in four
 *           bytes, big-endian; digits are pairs, one byte 1..100 each
 * Pure. */
#ifndef STEPFLEET_ITEMS_KEY_H
#define STEPFLEET_ITEMS_KEY_H

#include "proto/base/arena.h"
#include "worker/items/record.h"

enum items_key_type { ITEMS_KEY_TEXT, ITEMS_KEY_NUMBER };

struct items_key_spec {
    struct slice path;   /* json, jsonl: "$", "$.a.b", "$['a b']"; lines, whole: "$" alone */
    struct slice column; /* csv: a name of the header; without header the field's number, from 1 */
    enum items_key_type type;
    bool descending;
};

struct items_key_part {
    struct items_key_spec spec;  /* texts in the keys' arena */
    const struct slice *members; /* of the path */
    size_t member_count;
    size_t column; /* from 0 */
};

struct items_keys {
    struct items_options options;
    struct items_key_part parts[LIMIT_JOB_KEYS];
    size_t count;
    struct arena keep;
    struct arena work; /* escapes of one record */
    struct buf text;   /* a CSV field's value */
};

/**
 * @param specs   copied
 * @param header  csv: with or without line break
 * @return ERR_VALIDATION: a path that cannot be read, a column that is not there, none or more than
 *         LIMIT_JOB_KEYS of them
 */
enum err_code items_keys_init(struct items_keys *k,
                              const struct items_key_spec *specs,
                              size_t count,
                              const struct items_options *o,
                              struct slice header,
                              struct err *err);
void items_keys_fini(struct items_keys *k);

/* Append the record's key to `out`. No more of the record is read than the path leads to; of
 * members with one name the first counts. ERR_VALIDATION: the record is not what the path needs, or
 * no number; ERR_TOO_LARGE past LIMIT_SORT_KEY_BYTES. `out` is then as it was. */
enum err_code items_keys_make(struct items_keys *k,
                              const struct items_record *record,
                              struct buf *out,
                              struct err *err);

/* A decimal number's bytes, as above. False: it is none, and `out` is as it was. */
bool items_key_number(struct slice text, struct buf *out);

enum key_found { KEY_FOUND, KEY_MISSING, KEY_WRONG };
/* The text of the value that `members` lead to in a JSON text. KEY_WRONG: it is not JSON, as far as
 * it was read. `work` decodes names with escapes. */
enum key_found items_key_path(struct slice text,
                              const struct slice *members,
                              size_t count,
                              struct arena *work,
                              struct slice *out);

#endif
