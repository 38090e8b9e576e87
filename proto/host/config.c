/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024 };

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 && strchr(" \t\r", s.ptr[s.len - 1]) != NULL) {
        s.len--;
    }
    return s;
}

static void config_add(struct config *c, struct config_entry e)
{
    if (c->count == c->cap) {
        size_t cap = c->cap != 0 ? c->cap * 2 : 32;

        c->entries = arena_grow(&c->arena, c->entries, c->cap * sizeof(e), cap * sizeof(e));
        c->cap = cap;
    }
    c->entries[c->count++] = e;
}

static enum err_code
config_line(struct config *c, struct slice line, int number, const char **section, struct err *err)
{
    size_t eq = slice_find(line, '=');
    struct slice key = trim(slice_head(line, eq));

    if (line.ptr[0] == '[') {
        if (line.ptr[line.len - 1] != ']') {
            return err_set(err, ERR_CONFIG, "%s:%d: a section ends with ']'", c->path, number);
        }
        *section = arena_str(&c->arena, trim(slice_make(line.ptr + 1, line.len - 2)));
        config_add(c, (struct config_entry){*section, "", "", number, true});
        return OK;
    }
    if (eq == line.len || key.len == 0) {
        return err_set(err, ERR_CONFIG, "%s:%d: expected \"key = value\" or \"[section]\"", c->path,
                       number);
    }
    config_add(c, (struct config_entry){
                      *section,
                      arena_str(&c->arena, key),
                      arena_str(&c->arena, trim(slice_from(line, eq + 1))),
                      number,
                      false,
                  });
    return OK;
}

static enum err_code config_parse(struct config *c, struct slice text, struct err *err)
{
    const char *section = "";
    enum err_code rc = OK;

    if (memchr(text.ptr, '\0', text.len) != NULL) {
        return err_set(err, ERR_CONFIG, "%s: not a text file", c->path);
    }
    for (int number = 1; text.len > 0 && rc == OK; number++) {
        size_t end = slice_find(text, '\n');
        struct slice line = trim(slice_head(text, end));

        text = slice_from(text, end + 1);
        if (line.len > 0 && line.ptr[0] != '#' && line.ptr[0] != ';') {
            rc = config_line(c, line, number, &section, err);
        }
    }
    return rc;
}

enum err_code config_load(const char *path, struct config *out, struct err *err)
{
    FILE *f = fopen(path, "re");
    enum err_code rc;
    char *text;
    size_t len;

    *out = (struct config){0};
    if (f == NULL) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG, "%s: %s", path,
                       strerror(errno));
    }
    out->path = arena_str(&out->arena, slice_str(path));
    text = arena_alloc(&out->arena, CONFIG_BYTES_MAX);
    len = fread(text, 1, CONFIG_BYTES_MAX, f);
    if (ferror(f) != 0) {
        rc = err_set(err, ERR_CONFIG, "%s: cannot be read", path);
    } else if (len == CONFIG_BYTES_MAX) {
        rc = err_set(err, ERR_CONFIG, "%s: longer than %d bytes", path, CONFIG_BYTES_MAX);
    } else {
        rc = config_parse(out, slice_make(text, len), err);
    }
    (void)fclose(f);
    if (rc != OK) {
        config_fini(out);
    }
    return rc;
}

void config_fini(struct config *c)
{
    arena_fini(&c->arena);
    *c = (struct config){0};
}

static struct config_entry *config_find(struct config *c, const char *section, const char *key)
{
    struct config_entry *found = NULL;

    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->entries[i].section, section) == 0 && strcmp(c->entries[i].key, key) == 0) {
            c->entries[i].used = true;
            found = &c->entries[i];
        }
    }
    return found;
}

const char *
config_get(struct config *c, const char *section, const char *key, const char *otherwise)
{
    const struct config_entry *e = config_find(c, section, key);

    return e != NULL ? e->value : otherwise;
}

static enum err_code config_bad(const struct config *c,
                                const struct config_entry *e,
                                const char *expected,
                                struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s:%d: %s = %s: expected %s", c->path, e->line, e->key,
                   e->value, expected);
}

enum err_code config_u64(struct config *c,
                         const char *section,
                         const char *key,
                         uint64_t least,
                         uint64_t most,
                         uint64_t otherwise,
                         uint64_t *out,
                         struct err *err)
{
    const struct config_entry *e = config_find(c, section, key);
    uint64_t v = otherwise;
    char expected[96];

    if (e != NULL && (!text_parse_u64(slice_str(e->value), &v) || v < least || v > most)) {
        (void)snprintf(expected, sizeof(expected), "a number from %" PRIu64 " to %" PRIu64, least,
                       most);
        return config_bad(c, e, expected, err);
    }
    *out = v;
    return OK;
}

enum err_code config_duration_ms(struct config *c,
                                 const char *section,
                                 const char *key,
                                 int64_t otherwise,
                                 int64_t *out,
                                 struct err *err)
{
    const struct config_entry *e = config_find(c, section, key);
    int64_t v = otherwise;

    if (e != NULL && !text_parse_duration_ms(slice_str(e->value), &v)) {
        return config_bad(c, e, "a duration such as 500ms, 20s, 10m", err);
    }
    *out = v;
    return OK;
}

enum err_code config_bytes(struct config *c,
                           const char *section,
                           const char *key,
                           uint64_t otherwise,
                           uint64_t *out,
                           struct err *err)
{
    const struct config_entry *e = config_find(c, section, key);
    uint64_t v = otherwise;

    if (e != NULL && !text_parse_bytes(slice_str(e->value), &v)) {
        return config_bad(c, e, "a size such as 64MiB", err);
    }
    *out = v;
    return OK;
}

enum err_code config_bool(struct config *c,
                          const char *section,
                          const char *key,
                          bool otherwise,
                          bool *out,
                          struct err *err)
{
    const struct config_entry *e = config_find(c, section, key);
    bool v = otherwise;

    if (e != NULL) {
        v = strcmp(e->value, "yes") == 0 || strcmp(e->value, "true") == 0;
        if (!v && strcmp(e->value, "no") != 0 && strcmp(e->value, "false") != 0) {
            return config_bad(c, e, "yes or no", err);
        }
    }
    *out = v;
    return OK;
}

const char *config_next_section(struct config *c, const char *kind, size_t *at, const char **name)
{
    size_t n = strlen(kind);

    while (*at < c->count) {
        const struct config_entry *e = &c->entries[(*at)++];

        if (e->key[0] == '\0' && strncmp(e->section, kind, n) == 0 && e->section[n] == ' ') {
            *name = e->section + n + 1;
            while (**name == ' ') {
                (*name)++;
            }
            return e->section;
        }
    }
    return NULL;
}

enum err_code config_check_used(const struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!c->entries[i].used) {
            return err_set(err, ERR_CONFIG, "%s:%d: unknown key \"%s\" in section [%s]", c->path,
                           c->entries[i].line, c->entries[i].key, c->entries[i].section);
        }
    }
    return OK;
}
