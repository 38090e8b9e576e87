/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream of bytes is made of: records of one of five formats.
 *
 *  lines  each line is a record, the empty ones too; '\n' ends it, a '\r' before that is content
 *  jsonl  each line that is not blank is a JSON text
 *  csv    RFC 4180 with any delimiter; a quote stands only around a whole field; empty lines are no
 *         records; the first record may be a header, which is no record of any shard
 *  json   one array; its elements are the records
 *  whole  the object is one record
 *
 * A byte order mark before CSV or JSON is stepped over. Pure. */
#ifndef STEPFLEET_ITEMS_FORMAT_H
#define STEPFLEET_ITEMS_FORMAT_H

#include "proto/base/slice.h"

enum items_format {
    ITEMS_AUTO, /* to be told by items_options_settle(); all else wants a settled one */
    ITEMS_LINES,
    ITEMS_JSONL,
    ITEMS_CSV,
    ITEMS_JSON,
    ITEMS_WHOLE,
};

struct items_options {
    enum items_format format;
    char delimiter;     /* csv; 0: ',', or a tab where AUTO finds a .tsv */
    bool header;        /* csv: the first record names the columns */
    bool quoted_breaks; /* csv: quoted fields may hold line breaks: it cannot be cut blindly */
};

/* False: no format has that name ("auto", "lines", "jsonl", "csv", "json", "whole"). */
bool items_format_parse(struct slice name, enum items_format *out);
const char *items_format_name(enum items_format format);

/* May it stand between fields? Any ASCII byte but quote, line breaks, NUL and digits or letters. */
bool items_delimiter_valid(char c);

/**
 * The options with AUTO and an unset delimiter replaced.
 *
 * @param key   the object's; its extension counts first
 * @param head  its first bytes, the more the surer; 4 KiB are plenty
 */
struct items_options
items_options_settle(const struct items_options *o, struct slice key, struct slice head);

/* Must a planner read the whole object to know where it can be cut? */
bool items_needs_scan(const struct items_options *o);

/**
 * Length of the header, its line break and a byte order mark included, where it is the first line:
 * of what items_split() cuts. (Of what is scanned the scan tells it.)
 *
 * @param head   the object's first bytes
 * @param whole  there are no others
 * @return false: `head` does not hold all of it yet. Length 0 where the options ask for none.
 */
bool items_header_bytes(const struct items_options *o, struct slice head, bool whole, size_t *out);

#endif
