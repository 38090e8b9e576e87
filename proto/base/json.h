/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as an immutable tape: strict RFC 8259, UTF-8 checked, depth-limited, numbers kept as
 * written, the last of duplicate keys wins. A value is a pointer to its node; NULL means "no such
 * value". Nodes stand in preorder, so a container and all it holds are one run of nodes; a built
 * document may refer to a subtree of another (shared, never copied). Pure; all memory from the
 * arena given. Source: RFC 8259; depth and size limits in limits.h. */
#ifndef STEPFLEET_BASE_JSON_H
#define STEPFLEET_BASE_JSON_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_node; /* 16 or 24 bytes; only json.c looks inside */

/**
 * Parse `text` whole (leading and trailing white space allowed).
 *
 * @param text  borrowed: must live as long as the value, which points into it
 * @param[out] out  the value, in `a`
 * @return OK; ERR_JSON with line, column and what was expected; ERR_TOO_LARGE (depth, 256 MiB)
 */
enum err_code
json_parse(struct slice text, struct arena *a, const struct json_node **out, struct err *err);

/* True where `text` is already the compact form json_write would give (no white space between
 * tokens, no duplicate keys, canonical escapes), so that it can be passed on as it is. */
bool json_is_compact(struct slice text);

/* NULL reads as JSON_NULL with json_type; test for NULL first where absence matters. */
enum json_type json_type(const struct json_node *v);
static inline bool json_is(const struct json_node *v, enum json_type type)
{
    return v != NULL && json_type(v) == type;
}
bool json_is_bool(const struct json_node *v);

/* The bytes of a string, decoded (a lone surrogate is kept as its three-byte form, and is written
 * back as \uXXXX); the source text of a number. Empty for anything else. Lives as long as the
 * value. */
struct slice json_text(const struct json_node *v);

/* Number of elements or members; 0 for scalars. */
size_t json_count(const struct json_node *v);

/* Containers in containers, the value itself included; 0 for scalars. Values that duplicate keys
 * put out of sight count. A built value may be deeper than json_parse takes (LIMIT_JSON_DEPTH):
 * ask before keeping its text. At once, no walk. */
size_t json_depth(const struct json_node *v);

/* Elements of an array: for (e = json_first(v); e != NULL; e = json_next(v, e)). For an object the
 * same walk gives the members' values, and json_key(v, e) the name of the member at `e`. */
const struct json_node *json_first(const struct json_node *container);
const struct json_node *json_next(const struct json_node *container, const struct json_node *at);
struct slice json_key(const struct json_node *object, const struct json_node *at);
/* `at` as returned by the walk may be a reference to a shared subtree: all readers follow it. */

const struct json_node *json_member(const struct json_node *object, struct slice key);
const struct json_node *json_element(const struct json_node *array, size_t index);

/* False where it is not a number, not integral ("1.0" and "1e2" are), or out of range. */
bool json_i64(const struct json_node *v, int64_t *out);
/* Nearest double; false where not a number. Independent of the locale. */
bool json_double(const struct json_node *v, double *out);
/* Is the number written as an integer (no fraction, no exponent)? */
bool json_is_integer_text(const struct json_node *v);

/* Deep equality: objects regardless of order, numbers by value (1 equals 1.0). */
bool json_equal(const struct json_node *x, const struct json_node *y);

/* Append as compact JSON text, UTF-8 unescaped except for quote, backslash, controls. */
void json_write(const struct json_node *v, struct buf *out);
/* The same into the arena. */
struct slice json_print(const struct json_node *v, struct arena *a);
/* Bytes json_write would append, without writing. */
size_t json_written_bytes(const struct json_node *v);
/* With two spaces of indent and newlines, for people. */
void json_write_pretty(const struct json_node *v, struct buf *out);
/* Append `s` as a JSON string literal, quotes included. Bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct slice s, struct buf *out);

/* Building. Scalars and containers are made in any order and put together by reference; what is put
 * in must live as long as the result. Text given must be UTF-8 and live as long as the result. */
const struct json_node *json_null(void);
const struct json_node *json_bool(bool b);
const struct json_node *json_string(struct arena *a, struct slice text);
const struct json_node *json_number_text(struct arena *a, struct slice text); /* a valid number */
const struct json_node *json_integer(struct arena *a, int64_t v);
const struct json_node *json_real(struct arena *a, double v); /* shortest text that reads back */

struct json_builder {
    struct arena *a;
    struct json_slot *slots; /* key, value pairs */
    size_t count;
    size_t cap;
    bool object;
};

struct json_builder json_build_object(struct arena *a);
struct json_builder json_build_array(struct arena *a);
/* A key added again replaces the earlier value in its place. Keys live as long as the result. */
void json_put(struct json_builder *b, struct slice key, const struct json_node *v);
void json_push(struct json_builder *b, const struct json_node *v);
const struct json_node *json_built(struct json_builder *b);

#endif
