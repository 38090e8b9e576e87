/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/tokens.h"

#include <stdlib.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- words of a line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word; empty at the end of the line. */
static struct slice take_word(struct slice *line)
{
    size_t at = 0;
    size_t end;
    struct slice word;

    while (at < line->len && is_blank(line->ptr[at])) {
        at++;
    }
    end = at;
    while (end < line->len && !is_blank(line->ptr[end])) {
        end++;
    }
    word = slice_make(line->ptr + at, end - at);
    *line = slice_from(*line, end);
    return word;
}

/* ---- a line ---- */

static enum err_code
read_globs(struct slice text, struct arena *a, struct token_row *row, struct err *err)
{
    struct slice *globs;

    text = arena_copy(a, text);
    globs = ARENA_ARRAY(a, text.len / 2 + 1, struct slice);
    row->globs = globs;
    for (bool more = true; more;) {
        size_t comma = slice_find(text, ',');
        struct slice glob = slice_head(text, comma);

        if (glob.len == 0 || glob.len > LIMIT_NAME_CHARS ||
            row->glob_count == LIMIT_WORKER_FUNCTIONS) {
            return err_set(err, ERR_CONFIG, "functions= has up to %d patterns of 1 to %d bytes",
                           LIMIT_WORKER_FUNCTIONS, LIMIT_NAME_CHARS);
        }
        globs[row->glob_count++] = glob;
        more = comma < text.len;
        text = slice_from(text, comma + 1);
    }
    return OK;
}

static enum err_code
read_option(struct slice word, struct arena *a, struct token_row *row, struct err *err)
{
    struct slice functions = SLICE("functions=");
    struct slice role = SLICE("role=");

    if (row->kind == TOKEN_WORKER && row->globs == NULL && slice_starts_with(word, functions)) {
        return read_globs(slice_from(word, functions.len), a, row, err);
    }
    if (row->kind == TOKEN_CONTROL && slice_starts_with(word, role) &&
        role_parse(slice_from(word, role.len), &row->role)) {
        return OK;
    }
    return err_set(err, ERR_CONFIG, "\"%.*s\": expected %s", SLICE_FMT(slice_head(word, 60)),
                   row->kind == TOKEN_WORKER ? "functions=GLOB,GLOB"
                                             : "role=read, role=run or role=admin");
}

static enum err_code
read_row(struct slice line, struct arena *a, struct token_row *row, struct err *err)
{
    struct slice kind = take_word(&line);
    struct slice name = take_word(&line);
    struct slice digest = take_word(&line);
    struct slice word;
    enum err_code rc = OK;

    *row = (struct token_row){.role = ROLE_RUN};
    if (slice_eq_str(kind, "worker")) {
        row->kind = TOKEN_WORKER;
    } else if (slice_eq_str(kind, "control")) {
        row->kind = TOKEN_CONTROL;
    } else {
        return err_set(err, ERR_CONFIG, "it begins with worker or control");
    }
    if (!text_is_function_name(name)) {
        return err_set(err, ERR_CONFIG, "the name is 1 to %d printable characters",
                       LIMIT_NAME_CHARS);
    }
    if (digest.len != 2 * TOKEN_DIGEST_BYTES || !text_parse_hex(digest, row->digest)) {
        return err_set(err, ERR_CONFIG, "after the name stands a SHA-256 in hexadecimal");
    }
    row->name = arena_copy(a, name);
    while (rc == OK && (word = take_word(&line)).len != 0) {
        rc = read_option(word, a, row, err);
    }
    return rc;
}

/* ---- the file ---- */

static int by_digest(const void *x, const void *y)
{
    const struct token_row *a = x;
    const struct token_row *b = y;

    return memcmp(a->digest, b->digest, TOKEN_DIGEST_BYTES);
}

static size_t count_lines(struct slice text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++) {
        lines += text.ptr[i] == '\n';
    }
    return lines;
}

static enum err_code check_distinct(const struct tokens *t, struct err *err)
{
    for (size_t i = 1; i < t->count; i++) {
        if (by_digest(&t->rows[i - 1], &t->rows[i]) == 0) {
            return err_set(err, ERR_CONFIG, "%.*s and %.*s have one secret",
                           SLICE_FMT(t->rows[i - 1].name), SLICE_FMT(t->rows[i].name));
        }
    }
    return OK;
}

enum err_code tokens_parse(struct slice text, struct arena *a, struct tokens *out, struct err *err)
{
    struct tokens t = {ARENA_ARRAY(a, count_lines(text), struct token_row), 0};
    enum err_code rc = OK;

    for (size_t number = 1; text.len != 0; number++) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_head(text, end);
        struct slice rest = line;
        struct slice first = take_word(&rest);

        text = slice_from(text, end + 1);
        if (first.len == 0 || first.ptr[0] == '#') {
            continue;
        }
        if (t.count == LIMIT_TOKENS) {
            return err_set(err, ERR_CONFIG, "there are more than %d tokens", LIMIT_TOKENS);
        }
        rc = read_row(line, a, &t.rows[t.count], err);
        if (rc != OK) {
            err_wrap(err, "line %zu", number);
            return rc;
        }
        t.count++;
    }
    qsort(t.rows, t.count, sizeof(t.rows[0]), by_digest);
    rc = check_distinct(&t, err);
    if (rc == OK) {
        *out = t;
    }
    return rc;
}

const struct token_row *tokens_find(const struct tokens *t, const uint8_t *digest)
{
    struct token_row key;

    memcpy(key.digest, digest, TOKEN_DIGEST_BYTES);
    return t->count == 0 ? NULL : bsearch(&key, t->rows, t->count, sizeof(t->rows[0]), by_digest);
}

bool token_offers(const struct token_row *row, struct slice function)
{
    if (row->kind != TOKEN_WORKER) {
        return false;
    }
    for (size_t i = 0; i < row->glob_count; i++) {
        if (text_glob(row->globs[i], function)) {
            return true;
        }
    }
    return row->glob_count == 0;
}
