/* SPDX-License-Identifier: Apache-2.0 */
/* Documents, lazily: a value passed on keeps its ref and is neither parsed nor printed; one that is
 * looked into is parsed once; one that was made is printed once. No text is kept twice in a record,
 * and none that the state already has as its input.
 * Invariant: a record's documents number at most 255 (DOC_SLOT has eight bits). */
#include "coordinator/engine/step.h"

struct value value_of_doc(struct doc d)
{
    return (struct value){.doc = d, .node = d.node};
}

struct value value_of_node(const struct json_node *n)
{
    return (struct value){.node = n};
}

struct value value_of_text(struct slice compact)
{
    return (struct value){.doc = {.text = compact}};
}

static void remember(struct turn *t, struct slice text, const struct json_node *node)
{
    unsigned at = t->parsed_next++ % TURN_PARSED;

    t->parsed[at].text = text;
    t->parsed[at].node = node;
}

/* Documents passed from state to state keep their address through a turn. */
static const struct json_node *remembered(const struct turn *t, struct slice text)
{
    for (unsigned i = 0; i < TURN_PARSED; i++) {
        if (t->parsed[i].text.ptr == text.ptr && t->parsed[i].text.len == text.len) {
            return t->parsed[i].node;
        }
    }
    return NULL;
}

const struct json_node *value_node(struct turn *t, struct value *v)
{
    if (v->node != NULL) {
        return v->node;
    }
    if (v->doc.text.ptr == NULL) {
        turn_break(t, ERR_INTERNAL, "a document the step needs is not loaded");
        return v->node = json_null();
    }
    v->node = remembered(t, v->doc.text);
    if (v->node != NULL) {
        return v->node;
    }
    if (json_parse(v->doc.text, t->a, &v->node, t->err) != OK) {
        turn_break(t, ERR_CORRUPT, "a kept document is not JSON");
        return v->node = json_null();
    }
    remember(t, v->doc.text, v->node);
    return v->node;
}

bool value_read(struct turn *t, struct slice text, struct value *out)
{
    const struct json_node *node;

    if (json_parse(text, t->a, &node, NULL) != OK) {
        return false;
    }
    *out = value_of_node(node);
    if (json_is_compact(text)) {
        out->doc.text = text;
        remember(t, text, node);
    }
    return true;
}

struct slice value_text(struct turn *t, struct value *v)
{
    if (v->doc.text.ptr == NULL && v->doc.ref == 0) {
        v->doc.text = json_print(v->node, t->a);
        remember(t, v->doc.text, v->node);
    }
    return v->doc.text;
}

bool value_too_large(struct turn *t, struct value *v)
{
    bool deep = v->node != NULL && json_depth(v->node) > LIMIT_JSON_DEPTH;

    return deep || value_text(t, v).len > rules_payload_bytes(t->h);
}

struct doc value_keep(struct turn *t, struct value *v, const struct doc *known)
{
    struct step *out = t->out;
    struct slice text = value_text(t, v);

    if (v->doc.ref != 0) {
        return v->doc;
    }
    if (known != NULL && known->ref != 0 && known->text.ptr != NULL &&
        slice_eq(known->text, text)) {
        return v->doc = *known;
    }
    for (size_t i = 0; i < out->doc_count; i++) {
        if (slice_eq(out->docs[i].text, text)) {
            return v->doc = out->docs[i];
        }
    }
    if (t->h->record_docs >= TURN_DOCS_MAX) {
        turn_break(t, ERR_TOO_LARGE, "the record has all the documents it can hold");
        return v->doc;
    }
    if (out->doc_count == out->doc_cap) {
        size_t want = out->doc_cap == 0 ? 8 : out->doc_cap * 2;

        out->docs = arena_grow(t->a, out->docs, out->doc_cap * sizeof(*out->docs),
                               want * sizeof(*out->docs));
        out->doc_cap = want;
    }
    v->doc.ref = DOC_REF(t->h->sequence, t->h->record_docs);
    t->h->record_docs++;
    out->docs[out->doc_count++] = v->doc;
    return v->doc;
}
