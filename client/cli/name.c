/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/name.h"

#include "proto/base/text.h"

/* The part of an ARN after its n-th colon. */
static struct slice after_colons(struct slice s, unsigned n)
{
    for (; n > 0; n--) {
        s = slice_from(s, slice_find(s, ':') + 1);
    }
    return s;
}

struct slice name_of_version(struct slice version)
{
    return name_is_arn(version) ? after_colons(version, 6) : version;
}

struct slice name_of_machine(struct slice machine)
{
    struct slice s = name_of_version(machine);

    return slice_head(s, slice_find(s, ':'));
}

struct slice name_of_execution(struct slice arn)
{
    struct slice s = name_is_arn(arn) ? after_colons(arn, 7) : arn;

    return slice_head(s, slice_find(s, ':'));
}

static enum err_code check_name(struct slice name, const char *what, struct err *err)
{
    if (!text_is_name(name)) {
        return err_set(err, ERR_USAGE, "\"%.*s\" is not the name of %s", SLICE_FMT(name), what);
    }
    return OK;
}

enum err_code name_execution_arn(struct slice given,
                                 struct slice machine,
                                 const struct name_place *place,
                                 struct arena *a,
                                 struct slice *out,
                                 struct err *err)
{
    size_t slash = slice_find(given, '/');
    struct slice name = given;
    bool express;

    if (name_is_arn(given)) {
        *out = given;
        return OK;
    }
    if (slash != given.len) {
        machine = slice_head(given, slash);
        name = slice_from(given, slash + 1);
    }
    if (machine.len == 0) {
        return err_set(err, ERR_USAGE,
                       "which machine's execution is \"%.*s\"? Say MACHINE/%.*s, --machine MACHINE "
                       "or give the ARN",
                       SLICE_FMT(given), SLICE_FMT(given));
    }
    machine = name_of_machine(machine);
    if (check_name(machine, "a machine", err) != OK ||
        check_name(slice_head(name, slice_find(name, ':')), "an execution", err) != OK) {
        return ERR_USAGE;
    }
    express = slice_find(name, ':') != name.len;
    *out = arena_printf(a, "arn:aws:states:%.*s:%.*s:%s:%.*s:%.*s", SLICE_FMT(place->region),
                        SLICE_FMT(place->account), express ? "express" : "execution",
                        SLICE_FMT(machine), SLICE_FMT(name));
    return OK;
}
