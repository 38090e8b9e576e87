/* SPDX-License-Identifier: Apache-2.0 */
/* The little of XML that S3 answers are made of: elements, text, the five entities and character
 * references. Attributes, comments and processing instructions are passed over; document types,
 * CDATA (no store sends it) and anything deeper than XML_DEPTH are refused. Bytes come from the
 * network: every malformed text ends in XML_BAD, never in a read past the end. Pure. */
#ifndef STEPFLEET_S3_XML_H
#define STEPFLEET_S3_XML_H

#include "proto/base/arena.h"
#include "proto/base/slice.h"

enum { XML_DEPTH = 12 };

enum xml_kind {
    XML_OPEN,  /* value: name without its prefix; it is the innermost of names[] now */
    XML_CLOSE, /* value: name; depth no longer counts it */
    XML_TEXT,  /* value: raw text, entities still in it */
    XML_END,   /* the document is complete */
    XML_BAD,
};

struct xml {
    struct slice text;
    size_t at;
    unsigned depth;
    bool empty;  /* the last tag was <x/>: its close comes next */
    bool begun;  /* the root was seen */
    bool broken; /* XML_BAD was given; it is given forever */
    struct slice names[XML_DEPTH];
};

void xml_init(struct xml *x, struct slice text);
/* The next thing. */
enum xml_kind xml_next(struct xml *x, struct slice *value);
/* Raw text with its entities resolved; false where one is malformed. */
bool xml_decode(struct slice raw, struct arena *a, struct slice *out);
/* The text with what XML cannot hold in text escaped. */
struct slice xml_encode(struct slice s, struct arena *a);

#endif
