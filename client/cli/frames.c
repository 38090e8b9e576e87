/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/frames.h"

enum { NOT_CHOSEN, CHOSEN, WRITTEN };

struct tree {
    const struct stepfleet_frame *frames;
    size_t count;
    unsigned char *marks; /* of each frame */
    struct frame_line *out;
    size_t lines;
};

/* The frame it belongs to, or count. */
static size_t parent_of(const struct tree *t, size_t at)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->frames[at].parent != 0 && t->frames[i].id == t->frames[at].parent - 1) {
            return i;
        }
    }
    return t->count;
}

static unsigned depth_of(const struct tree *t, size_t at)
{
    unsigned depth = 0;

    for (at = parent_of(t, at); at < t->count && depth < t->count; at = parent_of(t, at)) {
        depth++;
    }
    return depth;
}

/* Level by level, until there are `most`. */
static void choose(struct tree *t, size_t most, const unsigned *depths)
{
    size_t chosen = 0;

    for (unsigned depth = 0; depth < t->count; depth++) {
        for (size_t i = 0; i < t->count && chosen < most; i++) {
            if (depths[i] == depth) {
                t->marks[i] = CHOSEN;
                chosen++;
            }
        }
    }
}

static void write_below(struct tree *t, size_t parent, unsigned depth)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->marks[i] == CHOSEN && parent_of(t, i) == parent) {
            t->marks[i] = WRITTEN;
            t->out[t->lines++] = (struct frame_line){&t->frames[i], depth};
            write_below(t, i, depth + 1);
        }
    }
}

size_t frames_tree(const struct stepfleet_frame *frames,
                   size_t count,
                   size_t most,
                   struct arena *a,
                   struct frame_line *out)
{
    struct tree t = {
        .frames = frames,
        .count = count,
        .marks = ARENA_ARRAY(a, count, unsigned char),
        .out = out,
    };
    unsigned *depths = ARENA_ARRAY(a, count, unsigned);

    for (size_t i = 0; i < count; i++) {
        depths[i] = depth_of(&t, i);
    }
    choose(&t, most, depths);
    write_below(&t, count, 0);
    return t.lines;
}
