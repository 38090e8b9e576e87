/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/wildcard.h"

/* What stands before, between or behind stars. */
struct piece {
    struct slice text;
    /* Of each of its prefixes the length of the longest proper prefix that is its suffix, too. */
    const uint32_t *back;
};

struct wildcard {
    struct piece *pieces;
    size_t count; /* one more than there are stars */
};

/* ---- compiling ---- */

static const uint32_t *make_back(struct slice text, struct arena *a)
{
    uint32_t *back = ARENA_ARRAY(a, text.len, uint32_t);
    uint32_t n = 0;

    for (size_t i = 1; i < text.len; i++) {
        while (n != 0 && text.ptr[n] != text.ptr[i]) {
            n = back[n - 1];
        }
        n += text.ptr[n] == text.ptr[i] ? 1 : 0;
        back[i] = n;
    }
    return back;
}

/* One character of a pattern into `to`; false: a star. AWS counts positions with a quote before the
 * text. */
static enum err_code
take_character(struct slice p, size_t *at, char *to, bool *star, struct err *err)
{
    char c = p.ptr[*at];
    char next = *at + 1 < p.len ? p.ptr[*at + 1] : '\0';

    *star = c == '*';
    if (c == '*' && next == '*') {
        return err_set(err, ERR_VALIDATION, "Consecutive wildcard characters at pos %zu", *at + 1);
    }
    if (c == '\\' && next != '*' && next != '\\') {
        return err_set(err, ERR_VALIDATION, "Invalid escape character at pos %zu", *at + 1);
    }
    *to = c == '\\' ? next : c;
    *at += c == '\\' ? 2 : 1;
    return OK;
}

static void end_piece(struct wildcard *w, const char *from, const char *to)
{
    w->pieces[w->count++].text = slice_make(from, (size_t)(to - from));
}

enum err_code wildcard_compile(struct slice pattern,
                               struct arena *a,
                               const struct wildcard **out,
                               struct err *err)
{
    struct wildcard *w = ARENA_NEW(a, struct wildcard);
    char *text = arena_alloc(a, pattern.len);
    char *from = text;
    size_t at = 0;

    /* Stars do not stand side by side. */
    w->pieces = ARENA_ARRAY(a, pattern.len / 2 + 2, struct piece);
    while (at < pattern.len) {
        bool star;
        enum err_code rc = take_character(pattern, &at, text, &star, err);

        if (rc != OK) {
            return rc;
        }
        if (star) {
            end_piece(w, from, text);
            from = text;
        } else {
            text++;
        }
    }
    end_piece(w, from, text);
    for (size_t i = 1; i + 1 < w->count; i++) {
        w->pieces[i].back = make_back(w->pieces[i].text, a);
    }
    *out = w;
    return OK;
}

/* ---- matching ---- */

/* What stands behind the first place of the piece in `s`; ptr NULL: it is not there. */
static struct slice after_piece(const struct piece *p, struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; n < p->text.len; i++) {
        if (i == s.len) {
            return (struct slice){NULL, 0};
        }
        while (n != 0 && p->text.ptr[n] != s.ptr[i]) {
            n = p->back[n - 1];
        }
        n += p->text.ptr[n] == s.ptr[i] ? 1 : 0;
        if (n == p->text.len) {
            return slice_make(s.ptr + i + 1, s.len - i - 1);
        }
    }
    return s;
}

bool wildcard_matches(const struct wildcard *w, struct slice s)
{
    struct slice first = w->pieces[0].text;
    struct slice last = w->pieces[w->count - 1].text;

    if (w->count == 1) {
        return slice_eq(s, first);
    }
    if (s.len < first.len + last.len || !slice_starts_with(s, first) || !slice_ends_with(s, last)) {
        return false;
    }
    s = slice_make(slice_from(s, first.len).ptr, s.len - first.len - last.len);
    for (size_t i = 1; i + 1 < w->count; i++) {
        s = w->pieces[i].text.len != 0 ? after_piece(&w->pieces[i], s) : s;
        if (w->pieces[i].text.len != 0 && s.ptr == NULL) {
            return false;
        }
    }
    return true;
}
