/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/schedule_field.h"

#include <assert.h>

#include "proto/base/text.h"

enum { NAME_LETTERS = 3, DIGITS_MOST = 4 };

int64_t schedule_set_next(const struct schedule_set *s, int64_t from, int64_t most)
{
    for (int64_t n = from; n <= most; n++) {
        if (schedule_set_has(s, n)) {
            return n;
        }
    }
    return -1;
}

static void set_add(struct schedule_set *s, int64_t n)
{
    assert(n >= 0 && n < 256);
    s->bits[n / 64] |= (uint64_t)1 << (n % 64);
}

static char capital(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_name(const char *name, struct slice text)
{
    return capital(text.ptr[0]) == name[0] && capital(text.ptr[1]) == name[1] &&
           capital(text.ptr[2]) == name[2];
}

static bool name_value(const struct schedule_field *f, struct slice text, int64_t *out)
{
    if (f->names == NULL || text.len != NAME_LETTERS) {
        return false;
    }
    for (int64_t i = 0; i <= f->most - f->least; i++) {
        if (is_name(f->names + i * NAME_LETTERS, text)) {
            *out = f->least + i;
            return true;
        }
    }
    return false;
}

bool schedule_value(const struct schedule_field *f, struct slice text, int64_t *out)
{
    uint64_t v;

    if (name_value(f, text, out)) {
        return true;
    }
    if (text.len > DIGITS_MOST || !text_parse_u64(text, &v) || v < (uint64_t)f->least ||
        v > (uint64_t)f->most) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}

/* "/STEP" is cut off the item; without it 1. A step is at most the field's largest value. */
static bool take_step(const struct schedule_field *f, struct slice *item, int64_t *step)
{
    size_t slash = slice_find(*item, '/');
    struct slice text = slice_from(*item, slash + 1);
    uint64_t v;

    *step = 1;
    if (slash >= item->len) {
        return true;
    }
    if (text.len > DIGITS_MOST || !text_parse_u64(text, &v) || v < 1 || v > (uint64_t)f->most) {
        return false;
    }
    *step = (int64_t)v;
    *item = slice_head(*item, slash);
    return true;
}

/* "*", "A" or "A-B". A alone with a step goes on to the field's end. */
static bool take_range(const struct schedule_field *f,
                       struct slice item,
                       bool stepped,
                       int64_t *from,
                       int64_t *to)
{
    size_t dash = slice_find(item, '-');

    if (slice_eq(item, SLICE("*"))) {
        *from = f->least;
        *to = f->most;
        return true;
    }
    if (!schedule_value(f, slice_head(item, dash), from)) {
        return false;
    }
    if (dash != item.len) {
        return schedule_value(f, slice_from(item, dash + 1), to) && (*to >= *from || f->wraps);
    }
    *to = stepped ? f->most : *from;
    return true;
}

static bool add_item(const struct schedule_field *f, struct slice item, struct schedule_set *out)
{
    int64_t size = f->most - f->least + 1;
    size_t whole = item.len;
    int64_t step;
    int64_t from;
    int64_t to;

    if (!take_step(f, &item, &step) || !take_range(f, item, item.len != whole, &from, &to)) {
        return false;
    }
    to += to < from ? size : 0;
    for (int64_t n = from; n <= to; n += step) {
        set_add(out, (n - f->least) % size);
    }
    return true;
}

bool schedule_list(const struct schedule_field *f, struct slice text, struct schedule_set *out)
{
    struct schedule_set set = {{0}};
    bool more;

    do {
        size_t comma = slice_find(text, ',');

        more = comma != text.len;
        if (!add_item(f, slice_head(text, comma), &set)) {
            return false;
        }
        text = slice_from(text, comma + 1);
    } while (more);
    *out = set;
    return true;
}
