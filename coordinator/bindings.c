/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/bindings.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

bool bindings_find(const void *arg,
                   struct slice service,
                   struct slice action,
                   struct slice *handler)
{
    const struct bindings *b = arg;

    for (size_t i = 0; i < b->count; i++) {
        if (slice_eq(b->items[i].service, service) && slice_eq(b->items[i].action, action)) {
            *handler = b->items[i].handler;
            return true;
        }
    }
    return false;
}

/* Letters, digits, '-' and, between the parts of a service, ':'. */
static bool is_part(struct slice s, bool colons)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || (colons && c == ':'))) {
            return false;
        }
    }
    return s.len != 0;
}

static enum err_code binding_parse(const struct config *file,
                                   const struct config_entry *e,
                                   struct binding *out,
                                   struct err *err)
{
    struct slice key = slice_str(e->key);
    size_t colon = slice_rfind(key, ':');

    out->service = slice_head(key, colon);
    out->action = slice_from(key, colon + 1);
    out->handler = slice_str(e->value);
    if (slice_find(out->action, '.') != out->action.len) {
        return err_set(err, ERR_CONFIG,
                       "%s:%d: %s: a binding is for all patterns: leave \"%.*s\" away", file->path,
                       e->line, e->key,
                       SLICE_FMT(slice_from(out->action, slice_find(out->action, '.'))));
    }
    if (!is_part(out->service, true) || !is_part(out->action, false)) {
        return err_set(err, ERR_CONFIG,
                       "%s:%d: %s: expected SERVICE:ACTION, as in arn:aws:states:::SERVICE:ACTION",
                       file->path, e->line, e->key);
    }
    if (slice_eq_str(out->service, "lambda")) {
        return err_set(err, ERR_CONFIG,
                       "%s:%d: %s: functions are offered by workers under their own names",
                       file->path, e->line, e->key);
    }
    if (!text_is_function_name(out->handler)) {
        return err_set(err, ERR_CONFIG, "%s:%d: %s = %.300s: expected the name of a function",
                       file->path, e->line, e->key, e->value);
    }
    return OK;
}

static enum err_code
binding_add(struct config *file, struct config_entry *e, struct bindings *out, struct err *err)
{
    struct slice twice;
    struct binding b;
    enum err_code rc = binding_parse(file, e, &b, err);

    if (rc == OK && bindings_find(out, b.service, b.action, &twice)) {
        rc = err_set(err, ERR_CONFIG, "%s:%d: %s is bound twice", file->path, e->line, e->key);
    }
    if (rc == OK && out->count == LIMIT_BINDINGS) {
        rc = err_set(err, ERR_CONFIG, "%s:%d: more than %d integrations are bound", file->path,
                     e->line, LIMIT_BINDINGS);
    }
    if (rc == OK) {
        e->used = true;
        out->items[out->count++] = b;
    }
    return rc;
}

enum err_code
bindings_read(struct config *file, struct arena *a, struct bindings *out, struct err *err)
{
    enum err_code rc = OK;

    *out = (struct bindings){.items = ARENA_ARRAY(a, LIMIT_BINDINGS, struct binding)};
    for (size_t i = 0; i < file->count && rc == OK; i++) {
        struct config_entry *e = &file->entries[i];

        if (strcmp(e->section, "bind") == 0 && e->key[0] != '\0') {
            rc = binding_add(file, e, out, err);
        }
    }
    return rc;
}
