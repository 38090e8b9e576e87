/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of rows there are (kind.def), and a key taken apart by its kind's shape: for who reads
 * keys of any kind. */
#ifndef STEPFLEET_STORE_KIND_H
#define STEPFLEET_STORE_KIND_H

#include "coordinator/store/store.h"
#include "proto/base/buf.h"

enum row_kind {
#define ROW_KIND(kind, family, letter, shape, word) ROW_##kind,
#include "coordinator/store/kind.def"
#undef ROW_KIND
    ROW_KINDS
};

enum { ROW_KEY_NUMBERS = 4 };

struct row_key {
    enum row_kind kind;
    uint64_t account;                  /* META: 0 */
    uint64_t numbers[ROW_KEY_NUMBERS]; /* in the order of the shape */
    size_t number_count;
    struct slice name; /* borrows from the key */
};

enum store_cf row_kind_cf(enum row_kind kind);
char row_kind_letter(enum row_kind kind); /* 0: it has none */
const char *row_kind_word(enum row_kind kind);
/* False: no kind of that family has such keys. */
bool row_key_parse(enum store_cf cf, struct slice key, struct row_key *out);
/* For people: "account 42 queue jobs", numbers in decimal. Of a key that does not parse: its family
 * and its bytes. What is not printable is \xNN. */
void row_key_print(enum store_cf cf, struct slice key, struct buf *out);

#endif
