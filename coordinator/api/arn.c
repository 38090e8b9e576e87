/* SPDX-License-Identifier: Apache-2.0 */
/* ARNs of machines, executions and activities, refused in AWS's words. Source: AWS Step Functions
 * API, ARNs. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum {
    ARN_PARTS = 9, /* arn:aws:states:R:A:express:MACHINE:NAME:UUID */
    ARN_NAME_BYTES =
        LIMIT_NAME_CHARS * 4 + 1 + TEXT_UUID_BYTES, /* of UTF-8; an Express one's UUID */
};

static size_t arn_split(struct slice text, struct slice parts[ARN_PARTS])
{
    size_t n = 0;

    while (n < ARN_PARTS - 1) {
        size_t colon = slice_find(text, ':');

        parts[n++] = slice_head(text, colon);
        if (colon == text.len) {
            return n;
        }
        text = slice_from(text, colon + 1);
    }
    parts[n++] = text;
    return n;
}

static enum err_code arn_invalid(struct slice text, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID_ARN, "Invalid Arn: '%s: %.*s'", why,
                   SLICE_FMT(slice_head(text, 300)));
}

/* The parts after the account. */
static bool arn_resource(const struct slice *parts, size_t n, struct arn *out)
{
    struct slice kind = parts[5];

    if (slice_eq_str(kind, "stateMachine") && n == 7) {
        *out = (struct arn){ARN_MACHINE, parts[6], {NULL, 0}};
        return true;
    }
    if (slice_eq_str(kind, "stateMachine") && n == 8 && parts[7].len != 0) {
        *out = (struct arn){ARN_MACHINE, parts[6], parts[7]};
        return true;
    }
    if (slice_eq_str(kind, "activity") && n == 7) {
        *out = (struct arn){ARN_ACTIVITY, parts[6], {NULL, 0}};
        return true;
    }
    if (slice_eq_str(kind, "execution") && n == 8) {
        *out = (struct arn){ARN_EXECUTION, parts[6], parts[7]};
        return true;
    }
    if (slice_eq_str(kind, "express") && n == 9) {
        struct slice name =
            slice_make(parts[7].ptr, (size_t)(parts[8].ptr + parts[8].len - parts[7].ptr));

        *out = (struct arn){ARN_EXPRESS, parts[6], name};
        return true;
    }
    return false;
}

enum err_code
arn_parse(const struct ledger_config *c, struct slice text, struct arn *out, struct err *err)
{
    struct slice parts[ARN_PARTS];
    size_t n = arn_split(text, parts);
    uint64_t account;

    if (!slice_eq_str(parts[0], "arn")) {
        return arn_invalid(text, "Invalid ARN prefix", err);
    }
    if (n < 7 || !slice_eq_str(parts[2], "states") || !arn_resource(parts, n, out) ||
        out->machine.len == 0) {
        return arn_invalid(text, "Resource type not valid in this context", err);
    }
    if (out->machine.len > ARN_NAME_BYTES || out->name.len > ARN_NAME_BYTES) {
        return arn_invalid(text, "Name too long", err); /* longer than any key */
    }
    if (!slice_eq_str(parts[3], c->region) || !text_parse_u64(parts[4], &account) ||
        account != c->account) {
        return err_set(err, ERR_NOT_FOUND, "the ARN is of another region or account: %.*s",
                       SLICE_FMT(text));
    }
    return OK;
}

static enum err_code no_machine(struct slice text, struct err *err)
{
    return err_set(err, ERR_MACHINE_DOES_NOT_EXIST, "State Machine Does Not Exist: '%.*s'",
                   SLICE_FMT(text));
}

/* The names in an ARN of that kind, or the bare name ("NAME:VERSION", "NAME:ALIAS"). As
 * arn_parse(). */
static enum err_code name_of(const struct ledger_config *c,
                             enum arn_kind kind,
                             struct slice text,
                             struct arn *out,
                             struct err *err)
{
    size_t colon = kind == ARN_MACHINE ? slice_find(text, ':') : text.len;
    struct arn arn = {kind, slice_head(text, colon), slice_from(text, colon + 1)};
    enum err_code rc = OK;

    if (slice_starts_with(text, SLICE("arn:")) || !text_is_name(arn.machine) ||
        colon + 1 == text.len) {
        rc = arn_parse(c, text, &arn, err);
    }
    if (rc == OK && arn.kind != kind) {
        rc = arn_invalid(text, "Resource type not valid in this context", err);
    }
    *out = arn;
    return rc;
}

enum err_code
find_machine(struct api *a, const char *text, struct ledger_machine **out, struct err *err)
{
    struct qualified at;
    enum err_code rc = find_qualified(a, text, &at, err);

    if (rc == OK && (at.version != NULL || at.alias != NULL)) {
        return no_machine(slice_str(text), err);
    }
    *out = rc == OK ? at.machine : NULL;
    return rc;
}

enum err_code machine_deleting(const struct ledger_machine *m, struct err *err)
{
    return err_set(err, ERR_MACHINE_DELETING, "State Machine is being deleted: '%.*s'",
                   SLICE_FMT(m->arn));
}

enum err_code
find_qualified(struct api *a, const char *text, struct qualified *out, struct err *err)
{
    struct arn arn;
    enum err_code rc =
        name_of(ledger_configuration(a->ledger), ARN_MACHINE, slice_str(text), &arn, err);

    if (rc == ERR_INVALID_ARN) {
        return rc;
    }
    *out = (struct qualified){0};
    out->machine = rc == OK ? ledger_machine_find(a->ledger, arn.machine) : NULL;
    if (out->machine == NULL) {
        return no_machine(slice_str(text), err);
    }
    return ledger_qualified(out->machine, arn.name, &out->version, &out->alias)
               ? OK
               : no_machine(slice_str(text), err);
}

enum err_code
find_activity(struct api *a, const char *text, struct ledger_activity **out, struct err *err)
{
    struct arn arn;
    enum err_code rc =
        name_of(ledger_configuration(a->ledger), ARN_ACTIVITY, slice_str(text), &arn, err);

    if (rc == ERR_INVALID_ARN) {
        return rc;
    }
    *out = rc == OK ? ledger_activity_find(a->ledger, arn.machine) : NULL;
    return *out != NULL
               ? OK
               : err_set(err, ERR_ACTIVITY_DOES_NOT_EXIST, "Activity Does Not Exist: '%s'", text);
}

enum err_code find_execution(struct api *a,
                             const char *text,
                             uint64_t *id,
                             struct ledger_machine **machine,
                             struct err *err)
{
    struct ledger_machine *m = NULL;
    struct arn arn;
    enum err_code rc = arn_parse(ledger_configuration(a->ledger), slice_str(text), &arn, err);

    if (rc == OK && arn.kind != ARN_EXECUTION && arn.kind != ARN_EXPRESS) {
        return arn_invalid(slice_str(text), "Resource type not valid in this context", err);
    }
    if (rc == OK) {
        m = ledger_machine_find(a->ledger, arn.machine);
        rc = m != NULL && m->express == (arn.kind == ARN_EXPRESS) ? OK : ERR_NOT_FOUND;
    }
    if (rc == OK) {
        rc = ledger_execution_find(a->ledger, m, arn.name, id, err);
    }
    if (rc == ERR_NOT_FOUND) {
        return err_set(err, ERR_EXECUTION_DOES_NOT_EXIST, "Execution Does Not Exist: '%s'", text);
    }
    if (rc == OK && machine != NULL) {
        *machine = m;
    }
    return rc;
}
