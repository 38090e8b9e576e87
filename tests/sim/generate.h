/* SPDX-License-Identifier: Apache-2.0 */
/* Writing random machines, for the files that do it: generate.c (scopes and the states that steer),
 * generate_task.c (tasks and what becomes of their failures), generate_data.c (documents,
 * templates, rules).
 *
 * What is between two states of a scope is always a base document: an object with at least
 *   {"n": number, "s": text, "b": boolean, "w": seconds, "t": time, "items": array,
 *    "o": {"k": text, "z": null, "list": array}}
 * so that most paths find something. What ends a scope may be anything. What is made of a whole
 * document never goes back into one, so that none grows without bound. */
#ifndef STEPFLEET_TESTS_SIM_GENERATE_H
#define STEPFLEET_TESTS_SIM_GENERATE_H

#include "tests/sim/model.h"

#define LABEL_NONE UINT32_MAX /* "End" */

struct generator {
    uint64_t chance;
    struct buf text;
    unsigned labels;   /* of states, given out: "s0", "s1", .. */
    unsigned promised; /* states that are yet to have one */
    unsigned scopes;
    bool express;
    bool tokens;
    bool children;
    unsigned deadline_s;
    const struct model_machine *below;
    unsigned below_count;
};

/* A state beside the sequence, to be written when the state that leads to it is. */
struct aside {
    enum { ASIDE_MEND, ASIDE_FAIL, ASIDE_SUCCEED, ASIDE_TELL } is;
    unsigned label;
    unsigned next;
    bool error_alone; /* its input's Cause cannot be told: only Error is looked at */
};

enum { ASIDES = 8, ENTRIES = 6 };

struct scope {
    unsigned id;
    unsigned depth;
    const struct scope *outer;
    bool variables; /* v<id> (a number) and u<id> are set by its first state */
    bool items;     /* it is in a Map: one object would be all items' */
    bool sick;      /* something in it fails with "Sick": no States.ALL around it */
    bool vague;     /* something in it fails with a cause that cannot be told */
    unsigned first; /* label of the first state of its sequence; the others follow */
    unsigned count;
    unsigned at; /* being written */
    unsigned written;
    struct aside asides[ASIDES];
    unsigned aside_count;
};

/* Where a state stands. */
struct place {
    struct scope *scope;
    unsigned label;
    unsigned next;
};
static inline bool place_is_end(const struct place *p)
{
    return p->next == LABEL_NONE;
}

unsigned gen_below(struct generator *g, unsigned n);
bool gen_one_in(struct generator *g, unsigned n);
void gen_put(struct generator *g, const char *text);
#define gen_putf(g, ...) buf_printf(&(g)->text, __VA_ARGS__)
#define GEN_ANY(g, list) ((list)[gen_below((g), sizeof(list) / sizeof((list)[0]))])

/* ---- generate.c ---- */

bool gen_has_room(const struct generator *g, unsigned states);
void gen_open(struct generator *g, const struct place *p, const char *type);
void gen_close(struct generator *g);
/* "Next" or "End". */
void gen_next(struct generator *g, const struct place *p);
/* A label for a state beside the sequence; LABEL_NONE where there is no room. */
unsigned gen_aside(struct generator *g, struct scope *s, struct aside aside);
/* A label that comes later in the scope; LABEL_NONE: there is none. */
unsigned gen_later(struct generator *g, const struct scope *s);

/* ---- generate_data.c ---- */

/* The members of a base document over `$`, a base document. */
void gen_base_template(struct generator *g);
/* A small template over a base document: an object. */
void gen_template(struct generator *g, const struct scope *s);
/* ,"Assign": now and then. `source` is a path over what the state gives, or NULL. */
void gen_assign(struct generator *g, const struct scope *s, const char *source);
void gen_rule(struct generator *g, const struct scope *s, unsigned depth);
/* A literal base document. */
void gen_base_document(struct generator *g);

/* ---- generate_task.c ---- */

void gen_task(struct generator *g, const struct place *p);
/* A chain of stages, from the place's label to its next, that hand objects on. */
void gen_stages(struct generator *g, const struct place *p);
/* Retry and Catch of a Parallel or Map around `inner`. */
void gen_join_handlers(struct generator *g, const struct place *p, const struct scope *inner);
/* ResultPath, or more where the scope ends. `base`: the result is a base document. */
void gen_result_place(struct generator *g, const struct place *p, bool base);

#endif
