/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a JSON text, found by skipping over all before it; what comes behind is not read. */
#include "proto/base/json.h"
#include "worker/items/key.h"

static const char *skip_space(const char *p, const char *end)
{
    while (p != end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

/* Behind the closing quote of the string whose opening one is at p, or NULL. */
static const char *skip_string(const char *p, const char *end)
{
    const char *from = ++p;

    for (;;) {
        const char *slash;

        p = memchr(p, '"', (size_t)(end - p));
        if (p == NULL) {
            return NULL;
        }
        for (slash = p; slash != from && slash[-1] == '\\'; slash--) {
        }
        p++;
        if ((p - slash) % 2 == 1) {
            return p;
        }
    }
}

static const char *skip_container(const char *p, const char *end)
{
    size_t depth = 0;

    while (p != end) {
        switch (*p) {
        case '{':
        case '[': depth++; break;
        case '}':
        case ']':
            if (--depth == 0) {
                return p + 1;
            }
            break;
        case '"':
            p = skip_string(p, end);
            if (p == NULL) {
                return NULL;
            }
            continue;
        default: break;
        }
        p++;
    }
    return NULL;
}

/* Behind the value at p, or NULL. */
static const char *skip_value(const char *p, const char *end)
{
    const char *from = p;

    if (p == end) {
        return NULL;
    }
    if (*p == '"') {
        return skip_string(p, end);
    }
    if (*p == '{' || *p == '[') {
        return skip_container(p, end);
    }
    while (p != end && memchr(",]}: \t\r\n\"[{", *p, 11) == NULL) {
        p++;
    }
    return p != from ? p : NULL;
}

/* Does the name, with its quotes, say `want`? */
static bool name_is(struct slice name, struct slice want, struct arena *work)
{
    const struct json_node *v;
    struct slice inner = slice_make(name.ptr + 1, name.len - 2);

    if (slice_find(inner, '\\') == inner.len) {
        return slice_eq(inner, want);
    }
    return json_parse(name, work, &v, NULL) == OK && slice_eq(json_text(v), want);
}

/* The value of member `want` of the object at *at, whose first byte will be *at. */
static enum key_found
find_member(const char **at, const char *end, struct slice want, struct arena *work)
{
    const char *p = skip_space(*at + 1, end);

    if (p != end && *p == '}') {
        return KEY_MISSING;
    }
    for (;;) {
        const char *name = p;

        p = p != end && *p == '"' ? skip_string(p, end) : NULL;
        if (p == NULL) {
            return KEY_WRONG;
        }
        *at = skip_space(p, end);
        if (*at == end || **at != ':') {
            return KEY_WRONG;
        }
        *at = skip_space(*at + 1, end);
        if (name_is(slice_make(name, (size_t)(p - name)), want, work)) {
            return KEY_FOUND;
        }
        p = skip_value(*at, end);
        p = p != NULL ? skip_space(p, end) : end;
        if (p == end || *p != ',') {
            return p != end && *p == '}' ? KEY_MISSING : KEY_WRONG;
        }
        p = skip_space(p + 1, end);
    }
}

enum key_found items_key_path(struct slice text,
                              const struct slice *members,
                              size_t count,
                              struct arena *work,
                              struct slice *out)
{
    const char *end = slice_end(text);
    const char *at = skip_space(text.ptr, end);
    const char *behind;

    for (size_t i = 0; i < count; i++) {
        enum key_found found;

        if (at == end || *at != '{') {
            return at == end ? KEY_WRONG : KEY_MISSING;
        }
        found = find_member(&at, end, members[i], work);
        if (found != KEY_FOUND) {
            return found;
        }
    }
    behind = skip_value(at, end);
    if (behind == NULL) {
        return KEY_WRONG;
    }
    *out = slice_make(at, (size_t)(behind - at));
    return KEY_FOUND;
}
