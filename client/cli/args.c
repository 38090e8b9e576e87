/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/args.h"

#include "proto/base/text.h"

enum { NEAREST_LETTERS = 32, NEAREST_SLIPS = 2 };

/* ---- Nearness: the optimal string alignment distance, rows of a small table. ---- */

static unsigned least3(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

static unsigned distance(struct slice x, struct slice y)
{
    unsigned d[NEAREST_LETTERS + 1][NEAREST_LETTERS + 1];

    if (x.len > NEAREST_LETTERS || y.len > NEAREST_LETTERS) {
        return NEAREST_LETTERS;
    }
    for (size_t i = 0; i <= x.len; i++) {
        for (size_t k = 0; k <= y.len; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = (unsigned)(i + k);
                continue;
            }
            d[i][k] = least3(d[i - 1][k] + 1, d[i][k - 1] + 1,
                             d[i - 1][k - 1] + (x.ptr[i - 1] != y.ptr[k - 1]));
            if (i > 1 && k > 1 && x.ptr[i - 1] == y.ptr[k - 2] && x.ptr[i - 2] == y.ptr[k - 1] &&
                d[i - 2][k - 2] + 1 < d[i][k]) {
                d[i][k] = d[i - 2][k - 2] + 1;
            }
        }
    }
    return d[x.len][y.len];
}

size_t args_nearest(struct slice given, const char *const *names, size_t count)
{
    unsigned best = NEAREST_SLIPS + 1;
    size_t found = count;

    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_str(names[i]);
        unsigned slips = distance(given, name);

        if (given.len >= 3 && slice_starts_with(name, given)) {
            slips = 1;
        }
        if (slips < best && slips * 2 < name.len) {
            best = slips;
            found = i;
        }
    }
    return found;
}

/* ---- Parsing ---- */

enum { OPTIONS_MOST = 32 };

static enum err_code unknown_option(const struct args *a, struct slice given, struct err *err)
{
    const char *names[OPTIONS_MOST];
    size_t count = a->option_count < OPTIONS_MOST ? a->option_count : OPTIONS_MOST;
    size_t near;

    for (size_t i = 0; i < count; i++) {
        names[i] = a->options[i].name;
    }
    near = args_nearest(given, names, count);
    if (near == count) {
        return err_set(err, ERR_USAGE, "there is no option %.*s", SLICE_FMT(given));
    }
    return err_set(err, ERR_USAGE, "there is no option %.*s; did you mean %s?", SLICE_FMT(given),
                   names[near]);
}

static const struct arg *find_option(const struct args *a, struct slice given)
{
    for (size_t i = 0; i < a->option_count; i++) {
        const struct arg *o = &a->options[i];

        if (slice_eq_str(given, o->name) ||
            (o->letter != 0 && given.len == 2 && given.ptr[1] == o->letter)) {
            return o;
        }
    }
    return NULL;
}

static enum err_code list_value(const struct arg *o, const char *value, struct err *err)
{
    struct arg_list *list = o->out;

    if (list->count == ARG_LIST_MOST) {
        return err_set(err, ERR_USAGE, "%s is given more than %d times", o->name, ARG_LIST_MOST);
    }
    list->items[list->count++] = value;
    return OK;
}

static enum err_code store_value(const struct arg *o, const char *value, struct err *err)
{
    uint64_t number;

    if (o->kind == ARG_TEXT) {
        *(const char **)o->out = value;
        return OK;
    }
    if (o->kind == ARG_LIST) {
        return list_value(o, value, err);
    }
    if (!text_parse_u64(slice_str(value), &number) || number < 1 || number > o->most) {
        return err_set(err, ERR_USAGE, "%s takes a number from 1 to %u, not \"%s\"", o->name,
                       o->most, value);
    }
    *(uint32_t *)o->out = (uint32_t)number;
    return OK;
}

/* One option at argv[*at]; *at moves past its value. */
static enum err_code
parse_option(struct args *a, int argc, char *const *argv, int *at, struct err *err)
{
    struct slice whole = slice_str(argv[*at]);
    size_t equals = slice_starts_with(whole, SLICE("--")) ? slice_find(whole, '=') : whole.len;
    struct slice name = slice_head(whole, equals);
    const struct arg *o = find_option(a, name);

    if (o == NULL) {
        return unknown_option(a, name, err);
    }
    if (o->kind == ARG_FLAG) {
        if (equals != whole.len) {
            return err_set(err, ERR_USAGE, "%s takes no value", o->name);
        }
        *(bool *)o->out = true;
        return OK;
    }
    if (equals != whole.len) {
        return store_value(o, whole.ptr + equals + 1, err);
    }
    if (*at + 1 >= argc) {
        return err_set(err, ERR_USAGE, "%.*s needs a value", SLICE_FMT(name));
    }
    (*at)++;
    return store_value(o, argv[*at], err);
}

static enum err_code operand(struct args *a, const char *value, struct err *err)
{
    if (a->operand_count == a->operands_most) {
        return err_set(err, ERR_USAGE, "\"%s\" is one argument too many", value);
    }
    a->operands[a->operand_count++] = value;
    return OK;
}

enum err_code args_parse(struct args *a, int argc, char *const *argv, struct err *err)
{
    bool options = true;

    a->operand_count = 0;
    for (int i = 0; i < argc; i++) {
        enum err_code rc;

        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            continue;
        }
        if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = parse_option(a, argc, argv, &i, err);
        } else {
            rc = operand(a, argv[i], err);
        }
        if (rc != OK) {
            return rc;
        }
    }
    if (a->operand_count < a->operands_least) {
        return err_set(err, ERR_USAGE, "an argument is missing");
    }
    return OK;
}
