/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file as each program reads it: refused with a message that names it, or settings
 * within their bounds, whose every text ends. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/bindings.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "worker/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void refused(enum err_code rc, const struct err *err)
{
    assert(rc == ERR_CONFIG || rc == ERR_NOT_FOUND || rc == ERR_USAGE);
    assert(err->code == rc && err->msg[0] != '\0');
}

static void fuzz_bindings(struct config *c, struct arena *a)
{
    struct bindings b;
    struct err err;
    struct slice handler;
    enum err_code rc = bindings_read(c, a, &b, &err);

    if (rc != OK) {
        refused(rc, &err);
        return;
    }
    assert(b.count <= LIMIT_BINDINGS);
    for (size_t i = 0; i < b.count; i++) {
        assert(bindings_find(&b, b.items[i].service, b.items[i].action, &handler));
        assert(slice_eq(handler, b.items[i].handler) && text_is_function_name(handler));
    }
}

/* Every entry as every kind of value. */
static void fuzz_values(struct config *c)
{
    struct err err;
    uint64_t n;
    int64_t ms;
    bool yes;

    for (size_t i = 0; i < c->count; i++) {
        const struct config_entry *e = &c->entries[i];

        assert(strchr(e->key, '\n') == NULL && strchr(e->value, '\n') == NULL);
        assert(config_get(c, e->section, e->key, NULL) != NULL && e->used);
        if (config_u64(c, e->section, e->key, 1, 1000, 0, &n, &err) == OK) {
            assert(n >= 1 && n <= 1000);
        }
        if (config_duration_ms(c, e->section, e->key, 0, &ms, &err) == OK) {
            assert(ms >= 0);
        }
        (void)config_bytes(c, e->section, e->key, 0, &n, &err);
        (void)config_bool(c, e->section, e->key, false, &yes, &err);
    }
    assert(config_check_used(c, &err) == OK);
}

static void fuzz_worker(const char *path)
{
    struct settings_line line = {.file = path};
    struct settings s;
    struct err err;
    enum err_code rc = settings_load(&line, &s, &err);

    if (rc != OK) {
        refused(rc, &err);
    } else {
        for (size_t i = 0; i < s.function_count; i++) {
            const struct handler_function *f = &s.functions[i];

            assert(text_is_function_name(slice_str(f->name)));
            assert(f->kind == HANDLER_ECHO || f->kind == HANDLER_PIECES ||
                   (f->argc > 0 && f->argv[f->argc] == NULL));
            assert(f->output_max_bytes <= SETTINGS_OUTPUT_MAX);
        }
    }
    settings_fini(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    int fd = process_memory_file(slice_make(data, size), &err);
    struct config c;
    struct arena a = {0};
    char path[64];
    enum err_code rc;

    assert(fd >= 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = config_load(path, &c, &err);
    if (rc != OK) {
        refused(rc, &err);
    } else {
        fuzz_bindings(&c, &a);
        fuzz_values(&c);
        config_fini(&c);
    }
    fuzz_worker(path);
    process_close(&fd);
    arena_fini(&a);
    return 0;
}
