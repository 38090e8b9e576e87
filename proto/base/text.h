/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, times, ids and checked text, independent of locale and time zone. Pure. */
#ifndef STEPFLEET_BASE_TEXT_H
#define STEPFLEET_BASE_TEXT_H

#include "proto/base/arena.h"
#include "proto/base/slice.h"

/* Decimal digits only; false on overflow or anything else. */
bool text_parse_u64(struct slice s, uint64_t *out);
/* As above with an optional leading '-'. */
bool text_parse_i64(struct slice s, int64_t *out);
/* "64", "64k", "64KiB", "2M", "1GiB" (powers of 1024) to bytes. */
bool text_parse_bytes(struct slice s, uint64_t *out);
/* "500ms", "20s", "10m", "2h", "1d" (a plain number is seconds) to milliseconds. */
bool text_parse_duration_ms(struct slice s, int64_t *out);

/* Decimal or scientific text to the nearest double, and the shortest text that reads back, in
 * Java's Double.toString spirit as JSON allows it ("1.0E10" is written 1.0E10). */
bool text_parse_double(struct slice s, double *out);
/* Decimal or scientific text as AWS's attributes have it: "+1", ".5" and "1." are numbers, too. */
bool text_is_number(struct slice s);
enum { TEXT_DOUBLE_BYTES = 32 };
size_t text_format_double(double v, char out[TEXT_DOUBLE_BYTES]);

/* "2026-11-23T05:14:00.123Z": RFC 3339 in UTC with milliseconds, from ms since 1970. */
enum { TEXT_TIME_BYTES = 32 };
size_t text_format_time(int64_t ms, char out[TEXT_TIME_BYTES]);
struct slice text_time(int64_t ms, struct arena *a);
/* "Mon, 23 Nov 2026 05:14:00 GMT", as HTTP's Date header has it; from 1970 on. */
struct slice text_http_date(int64_t ms, struct arena *a);
/* RFC 3339 with 'T', 'Z' or an offset, and any fraction of a second (cut to ms); strict. */
bool text_parse_time(struct slice s, int64_t *ms);

/* "8-4-4-4-12" lower-case hexadecimal of 16 bytes, version 4 bits set. */
enum { TEXT_UUID_BYTES = 36 };
void text_format_uuid(const uint8_t bytes[16], char out[TEXT_UUID_BYTES]);

/* Lower-case hexadecimal; out holds 2 * len. */
void text_format_hex(const void *bytes, size_t len, char *out);
/* False where odd or not hexadecimal; out holds len / 2. */
bool text_parse_hex(struct slice s, void *out);

/* Base64 with padding. */
struct slice text_base64(struct slice bytes, struct arena *a);
/* False: it is not, or is more than `size` bytes. */
bool text_parse_base64(struct slice s, uint8_t *out, size_t size, size_t *len);

bool text_is_utf8(struct slice s);
/* Number of code points of valid UTF-8. */
size_t text_code_points(struct slice s);

/* AWS's rule for the names of machines and executions: 1..80 characters, none of white space,
 * ? * < > { } [ ] " # % \ ^ | ~ ` $ & , ; : / or controls. */
bool text_is_name(struct slice s);
/* The name of a function or handler as workers offer it: 1..80 printable ASCII characters without
 * spaces. */
bool text_is_function_name(struct slice s);

/* One component of an object's key, or a bucket's name: nothing that a directory or a store could
 * read as more than a name. UTF-8; not empty, not "." or ".."; no '/', backslash or control. */
bool text_is_key_part(struct slice s);
/* A whole key, checked component by component: 1..LIMIT_KEY_BYTES bytes. */
bool text_is_key(struct slice key);

/* A name with '*' for any run and '?' for any one byte. */
bool text_glob(struct slice pattern, struct slice s);

#endif
