/* SPDX-License-Identifier: Apache-2.0 */
/* Map, inline: one frame an item, at most so many at once. The items are one document; the parent
 * keeps where in its text the next one begins, so that beginning an iteration costs its item alone.
 * Source: Amazon States Language, states. */
#include "coordinator/engine/step.h"

/* ItemsPath over the effective input; the same document where it is the input itself. */
static bool find_items(struct turn *t, struct frame *f, struct value *out, struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    struct value raw = value_of_doc(f->input);
    struct value effective;
    struct asl_scope_data s;
    uint64_t seed = 0;
    const struct json_node *items;

    if (!flow_path(t, f, &st->input_path, "InputPath", &raw, &effective, why)) {
        return false;
    }
    s = turn_scope(t, f, asl_path_uses(st->map.items_path.path) | ASL_USES_INPUT, &effective,
                   &seed);
    if (!asl_map_items(&st->map, &s, &items, why)) {
        return false;
    }
    *out = items == effective.node ? effective : value_of_node(items);
    return true;
}

static bool find_concurrency(struct turn *t, struct frame *f, uint32_t *out, struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    const struct asl_path *path = st->map.max_concurrency.path;
    struct value raw = value_of_doc(f->input);
    struct value effective;
    struct asl_scope_data s;
    uint64_t seed = 0;
    int64_t most;

    if (!flow_path(t, f, &st->input_path, "InputPath", &raw, &effective, why)) {
        return false;
    }
    s = turn_scope(t, f, asl_path_uses(path), &effective, &seed);
    if (!asl_map_concurrency(&st->map, &s, &most, why)) {
        return false;
    }
    *out = most <= 0 || most > LIMIT_MAP_CONCURRENCY ? LIMIT_MAP_CONCURRENCY : (uint32_t)most;
    return true;
}

/* At entry, for a retry, and where a redrive runs all items again. */
static void begin(struct turn *t, struct frame *f)
{
    struct value items;
    struct failure why = {0};
    uint32_t concurrency;
    size_t count;

    if (!find_concurrency(t, f, &concurrency, &why) || !find_items(t, f, &items, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    count = json_count(value_node(t, &items));
    if (!join_begin(t, f, count, concurrency, &why)) {
        flow_evaluation_failed(t, f, why);
        return;
    }
    f->items = value_keep(t, &items, &f->input);
    f->items_at = 1; /* past the bracket */
    turn_record(t, f, HISTORY_MAP_STATE_STARTED)->index = count;
    if (count == 0) {
        join_finish(t, f);
    } else {
        turn_queue(t, f);
    }
}

/* The bytes of the JSON value at `at` of compact text. */
static size_t value_bytes(struct slice text, size_t at)
{
    size_t from = at;
    unsigned depth = 0;
    bool quoted = false;

    for (; at < text.len; at++) {
        char c = text.ptr[at];

        if (quoted) {
            at += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            break;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return at - from;
}

/* The item that comes next; *len bytes of the text. */
static bool next_item(struct turn *t, const struct frame *f, struct value *out, size_t *len)
{
    struct slice text = f->items.text;

    if (text.ptr == NULL || f->items_at >= text.len) {
        turn_break(t, ERR_INTERNAL, "a Map's items are not loaded");
        return false;
    }
    *len = value_bytes(text, (size_t)f->items_at);
    *out = value_of_text(slice_head(slice_from(text, (size_t)f->items_at), *len));
    return true;
}

/* ItemSelector over the Map's effective input, with the item in the context; else the item. */
static bool select_input(struct turn *t,
                         const struct frame *f,
                         struct value *item,
                         struct value *out,
                         struct failure *why)
{
    const struct asl_state *st = frame_state(t, f);
    uint64_t seed =
        chance_seed(t->h, CHANCE_PARAMETERS, f->entered_event, f->first_child + f->child_next);
    struct frame seen = *f;
    struct value raw = value_of_doc(f->input);
    struct value effective;

    *out = *item;
    if (st->map.item_selector == NULL) {
        return true;
    }
    seen.item = item->doc;
    seen.item_index = f->child_next;
    if (!flow_path(t, f, &st->input_path, "InputPath", &raw, &effective, why) ||
        !flow_template(t, &seen, st->map.item_selector, seed, &effective, out, why)) {
        return false;
    }
    if (value_too_large(t, out)) {
        *why = flow_too_large(t, st->name);
        return false;
    }
    return true;
}

void map_spawn(struct turn *t, struct frame *f)
{
    struct frame *child;
    struct value item;
    struct value input;
    struct failure why = {0};
    struct history_event *e;
    size_t len;

    if (!next_item(t, f, &item, &len)) {
        return;
    }
    (void)value_keep(t, &item, &f->items);
    if (!select_input(t, f, &item, &input, &why)) {
        if (!failure_is_runtime(why)) {
            join_stop(t, f);
        }
        flow_evaluation_failed(t, f, why);
        return;
    }
    child = join_child(t, f, frame_state(t, f)->map.processor);
    child->item = item.doc;
    child->item_index = child->index;
    child->input = value_keep(t, &input, &item.doc);
    f->items_at += len + 1;
    e = turn_record_leaf(t, f->last_event, HISTORY_MAP_ITERATION_STARTED, f->state);
    e->index = child->index;
    child->last_event = e->id;
}

const struct engine_kind state_map = {
    .enter = begin,
    .resume = begin,
    .entered = HISTORY_MAP_STATE_ENTERED,
    .exited = HISTORY_MAP_STATE_EXITED,
    .failed = HISTORY_MAP_STATE_FAILED,
    .aborted = HISTORY_MAP_STATE_ABORTED,
};
