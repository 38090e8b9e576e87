/* SPDX-License-Identifier: Apache-2.0 */
/* Between aws_json.c (the table, names, fields of messages), aws_read.c and aws_write.c. */
#ifndef STEPFLEET_API_AWS_INTERNAL_H
#define STEPFLEET_API_AWS_INTERNAL_H

#include "coordinator/api/aws_json.h"

/* The line behind, NULL where the operation ends. */
const struct aws_row *aws_row_next(const struct aws_row *r);

char aws_upper(char c);
char aws_lower(char c);
/* The same value, the first letter of each member's name as the other side has it: what is data in
 * our messages (a logging configuration, a history event) has AWS's HTTP names. */
const struct json_node *
aws_renamed(const struct json_node *v, char (*first)(char c), struct arena *a);

/* A place in a message: its descriptor's field and where it lies. */
struct place {
    const ProtobufCFieldDescriptor *field;
    char *at;
};

bool place_find(const ProtobufCMessage *m, const char *name, struct place *out);
/* It is there. */
struct place place_of(const ProtobufCMessage *m, const char *name);
/* The has_ companion of a field, where it has one. */
bool place_has(const ProtobufCMessage *m, const char *name, struct place *out);
struct slice place_text(const struct place *p);
int64_t place_number(const struct place *p);
bool place_flag(const struct place *p);

#endif
