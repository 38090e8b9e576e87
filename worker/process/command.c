/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/process/command.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct splitter {
    struct slice rest;
    char *out; /* of the word being read */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* What stands between quotes; false where they do not end. */
static bool split_quoted(struct splitter *s, char quote)
{
    s->rest = slice_from(s->rest, 1);
    while (s->rest.len > 0 && s->rest.ptr[0] != quote) {
        if (quote == '"' && s->rest.len > 1 && s->rest.ptr[0] == '\\' &&
            (s->rest.ptr[1] == '"' || s->rest.ptr[1] == '\\')) {
            s->rest = slice_from(s->rest, 1);
        }
        *s->out++ = s->rest.ptr[0];
        s->rest = slice_from(s->rest, 1);
    }
    if (s->rest.len == 0) {
        return false;
    }
    s->rest = slice_from(s->rest, 1);
    return true;
}

static bool split_word(struct splitter *s)
{
    while (s->rest.len > 0 && !is_blank(s->rest.ptr[0])) {
        char c = s->rest.ptr[0];

        if (c == '\'' || c == '"') {
            if (!split_quoted(s, c)) {
                return false;
            }
            continue;
        }
        if (c == '\\' && s->rest.len > 1) {
            s->rest = slice_from(s->rest, 1);
        }
        *s->out++ = s->rest.ptr[0];
        s->rest = slice_from(s->rest, 1);
    }
    *s->out++ = '\0';
    return true;
}

enum err_code
command_split(struct slice line, struct arena *a, char ***argv, size_t *argc, struct err *err)
{
    /* A word takes at least one character and a blank, the last one no blank. */
    char **words = ARENA_ARRAY(a, line.len / 2 + 2, char *);
    struct splitter s = {line, arena_alloc(a, line.len + 1)};
    size_t count = 0;

    if (memchr(line.ptr, '\0', line.len) != NULL) {
        return err_set(err, ERR_CONFIG, "the command holds a NUL");
    }
    for (;;) {
        while (s.rest.len > 0 && is_blank(s.rest.ptr[0])) {
            s.rest = slice_from(s.rest, 1);
        }
        if (s.rest.len == 0) {
            break;
        }
        words[count++] = s.out;
        if (!split_word(&s)) {
            return err_set(err, ERR_CONFIG, "a quote in the command does not end: %.*s",
                           SLICE_FMT(line));
        }
    }
    if (count == 0) {
        return err_set(err, ERR_CONFIG, "the command is empty");
    }
    *argv = words;
    *argc = count;
    return OK;
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

const char *command_resolve(const char *name, const char *path, struct arena *a)
{
    struct slice rest = slice_str(path);

    if (strchr(name, '/') != NULL) {
        return is_program(name) ? name : NULL;
    }
    while (rest.len > 0) {
        struct slice directory = slice_head(rest, slice_find(rest, ':'));
        const char *full = arena_printf(a, "%.*s/%s%c", SLICE_FMT(directory), name, '\0').ptr;

        if (directory.len > 0 && is_program(full)) {
            return full;
        }
        rest = slice_from(rest, directory.len + 1);
    }
    return NULL;
}
