/* SPDX-License-Identifier: Apache-2.0 */
/* See diagnostics.h. */
#include "coordinator/asl/diagnostics.h"

#include <stdio.h>

struct asl_place asl_place_member(const struct asl_place *up, struct slice name)
{
    return (struct asl_place){.up = up, .name = name};
}

struct asl_place asl_place_element(const struct asl_place *up, size_t index)
{
    return (struct asl_place){.up = up, .index = index, .element = true};
}

/* Names of states are short; what is not is cut, so that a hundred diagnostics stay small. */
enum { PLACE_NAME_BYTES = 512 };

struct slice asl_text_cut(struct slice s, size_t len)
{
    if (s.len <= len) {
        return s;
    }
    while (len > 0 && ((unsigned char)s.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return slice_head(s, len);
}

/* Bytes of one link, written to `out` where that is not NULL. */
static size_t link_text(const struct asl_place *at, char *out, size_t bytes)
{
    struct slice name = asl_text_cut(at->name, PLACE_NAME_BYTES);
    int n = at->element ? snprintf(out, bytes, "[%zu]", at->index)
                        : snprintf(out, bytes, "/%.*s", SLICE_FMT(name));

    return n < 0 ? 0 : (size_t)n;
}

struct slice asl_place_print(const struct asl_place *at, struct arena *a)
{
    char link[PLACE_NAME_BYTES + 2];
    size_t len = 0;
    char *end;

    if (at->up == NULL) {
        return SLICE("/");
    }
    for (const struct asl_place *up = at; up->up != NULL; up = up->up) {
        len += link_text(up, NULL, 0);
    }
    end = (char *)arena_alloc(a, len) + len;
    for (const struct asl_place *up = at; up->up != NULL; up = up->up) {
        size_t bytes = link_text(up, link, sizeof(link));

        end -= bytes;
        memcpy(end, link, bytes);
    }
    return slice_make(end, len);
}

const struct asl_place *asl_place_keep(const struct asl_place *at, struct arena *a)
{
    struct asl_place *copy;

    if (at->kept) {
        return at;
    }
    copy = ARENA_NEW(a, struct asl_place);
    *copy = *at;
    copy->kept = true;
    copy->up = at->up == NULL ? NULL : asl_place_keep(at->up, a);
    return copy;
}

bool asl_diagnostics_full(const struct asl_diagnostics *found)
{
    return found->count >= ASL_DIAGNOSTICS_MAX;
}

void asl_diagnostics_add(struct asl_diagnostics *found,
                         struct arena *a,
                         enum asl_severity severity,
                         const char *code,
                         struct slice message,
                         struct slice location)
{
    if (asl_diagnostics_full(found) ||
        (severity == ASL_WARNING && found->count >= ASL_DIAGNOSTICS_MAX / 2)) {
        return;
    }
    if (found->count == found->cap) {
        size_t cap = found->cap == 0 ? 8 : found->cap * 2;

        found->items = arena_grow(a, found->items, found->cap * sizeof(found->items[0]),
                                  cap * sizeof(found->items[0]));
        found->cap = cap;
    }
    found->items[found->count++] = (struct asl_diagnostic){severity, code, message, location};
}

enum err_code asl_diagnostics_report(const struct asl_diagnostics *found,
                                     size_t first,
                                     struct arena *a,
                                     struct err *err)
{
    struct slice list = SLICE("");

    for (size_t i = first; i < found->count && list.len < ERR_MSG_BYTES; i++) {
        const struct asl_diagnostic *d = &found->items[i];

        if (d->severity == ASL_ERROR) {
            struct slice where = d->location.ptr != NULL ? d->location : SLICE("null");

            list = arena_printf(a, "%.*s%s%s: %.*s at %.*s", SLICE_FMT(list),
                                list.len == 0 ? "" : ", ", d->code, SLICE_FMT(d->message),
                                SLICE_FMT(where));
        }
    }
    return list.len == 0 ? OK
                         : err_set(err, ERR_INVALID_DEFINITION,
                                   "Invalid State Machine Definition: '%.*s'", SLICE_FMT(list));
}
