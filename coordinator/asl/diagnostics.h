/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a definition, and where: AWS's codes and texts, places as AWS writes them
 * ("/States/Choose/Choices[0]/Next"), and the one message CreateStateMachine answers with.
 * Source: recorded answers of CreateStateMachine and ValidateStateMachineDefinition. */
#ifndef STEPFLEET_ASL_DIAGNOSTICS_H
#define STEPFLEET_ASL_DIAGNOSTICS_H

#include "coordinator/asl/machine.h"

/* A place in the document: a chain on the stack, written out only where something is wrong. */
struct asl_place {
    const struct asl_place *up; /* NULL: this is the whole document */
    struct slice name;          /* of a member */
    size_t index;               /* of an element */
    bool element;
    bool kept; /* it and all above it are in an arena */
};

struct asl_place asl_place_member(const struct asl_place *up, struct slice name);
struct asl_place asl_place_element(const struct asl_place *up, size_t index);
/* "/" for the document, "/States/A" and "[0]" for what is in it. */
struct slice asl_place_print(const struct asl_place *at, struct arena *a);
/* The place for longer than the stack: what is kept already is shared. */
const struct asl_place *asl_place_keep(const struct asl_place *at, struct arena *a);

/* The first bytes of UTF-8 text, at most `len`, whole characters only: what messages show of it. */
struct slice asl_text_cut(struct slice s, size_t len);

/* Would one more be dropped? Then nobody need write its text. */
bool asl_diagnostics_full(const struct asl_diagnostics *found);
/* Append one; past ASL_DIAGNOSTICS_MAX it is dropped, a warning past half of that, so that
 * warnings never hide errors. `message` and `location` must live as long as
 * `found`; a location of {NULL, 0} means that there is none. `items` grows in `a`. */
void asl_diagnostics_add(struct asl_diagnostics *found,
                         struct arena *a,
                         enum asl_severity severity,
                         const char *code,
                         struct slice message,
                         struct slice location);

/* ERR_INVALID_DEFINITION with all that is ASL_ERROR, from item `first` on, in AWS's one line; OK
 * where there is none. */
enum err_code asl_diagnostics_report(const struct asl_diagnostics *found,
                                     size_t first,
                                     struct arena *a,
                                     struct err *err);

#endif
