/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/names.h"

#include <assert.h>
#include <string.h>

#include "proto/base/arena.h"

void names_fini(struct names *n)
{
    mem_free(n->each);
    *n = (struct names){0};
}

size_t names_seek(const struct names *n, struct slice name)
{
    size_t from = 0;
    size_t to = n->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (slice_cmp(*n->each[middle], name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

size_t names_page(const struct names *n, struct slice prefix, struct slice after)
{
    size_t at;

    if (after.len == 0 || slice_cmp(after, prefix) < 0) {
        return names_seek(n, prefix);
    }
    at = names_seek(n, after);
    return at < n->count && slice_eq(*n->each[at], after) ? at + 1 : at;
}

void names_insert(struct names *n, struct slice *name)
{
    size_t at = names_seek(n, *name);

    assert(at == n->count || !slice_eq(*n->each[at], *name));
    if (n->count == n->cap) {
        n->cap = n->cap != 0 ? 2 * n->cap : 16;
        n->each = mem_realloc(n->each, n->cap * sizeof(*n->each));
    }
    memmove(n->each + at + 1, n->each + at, (n->count - at) * sizeof(*n->each));
    n->each[at] = name;
    n->count++;
}

void names_remove(struct names *n, const struct slice *name)
{
    size_t at = names_seek(n, *name);

    assert(at < n->count && n->each[at] == name);
    n->count--;
    memmove(n->each + at, n->each + at + 1, (n->count - at) * sizeof(*n->each));
}
