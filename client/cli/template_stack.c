/* SPDX-License-Identifier: Apache-2.0 */
/* All resources of a template, each after those it depends on. Among those that could come next the
 * template's order holds, so that the same template always gives the same order. */
#include <float.h>

#include "client/cli/template.h"
#include "proto/base/text.h"

enum {
    RESOURCES_MOST = 500
}; /* CloudFormation's quota: the order costs its cube, a tenth of a second */

/* ---- Parameters ---- */

static bool is_allowed(const struct json_node *parameter, struct slice value)
{
    const struct json_node *allowed = json_member(parameter, SLICE("AllowedValues"));

    for (const struct json_node *e = json_first(allowed); e != NULL; e = json_next(allowed, e)) {
        if (slice_eq(json_text(e), value)) {
            return true;
        }
    }
    return allowed == NULL;
}

/* A bound that the parameter has, as a number or a text; else the other. */
static double bound(const struct json_node *parameter, const char *name, double otherwise)
{
    double v;

    return text_parse_double(json_text(json_member(parameter, slice_str(name))), &v) ? v
                                                                                     : otherwise;
}

static bool is_within(const struct json_node *parameter, struct slice value)
{
    bool number = slice_eq_str(json_text(json_member(parameter, SLICE("Type"))), "Number");
    double length = (double)text_code_points(value);
    double v = 0;

    if (number && !text_parse_double(value, &v)) {
        return false;
    }
    return length >= bound(parameter, "MinLength", 0) &&
           length <= bound(parameter, "MaxLength", DBL_MAX) &&
           (!number || (v >= bound(parameter, "MinValue", -DBL_MAX) &&
                        v <= bound(parameter, "MaxValue", DBL_MAX)));
}

static enum err_code check_given(const struct template_scope *s, struct err *err)
{
    for (const struct json_node *e = json_first(s->given); e != NULL; e = json_next(s->given, e)) {
        struct slice name = json_key(s->given, e);
        const struct json_node *parameter = template_entry(s, "Parameters", name);

        if (parameter == NULL) {
            return err_set(err, ERR_USAGE, "the template has no parameter \"%.*s\"",
                           SLICE_FMT(slice_head(name, TEMPLATE_NAME_SHOWN)));
        }
        if (!is_allowed(parameter, json_text(e)) || !is_within(parameter, json_text(e))) {
            return err_set(err, ERR_USAGE,
                           "\"%.*s\" is none of the values that parameter \"%.*s\" allows",
                           SLICE_FMT(slice_head(json_text(e), TEMPLATE_NAME_SHOWN)),
                           SLICE_FMT(slice_head(name, TEMPLATE_NAME_SHOWN)));
        }
    }
    return OK;
}

static enum err_code check_parameters(const struct template_scope *s, struct err *err)
{
    const struct json_node *parameters = json_member(s->document, SLICE("Parameters"));
    enum err_code rc = check_given(s, err);

    for (const struct json_node *e = json_first(parameters); e != NULL && rc == OK;
         e = json_next(parameters, e)) {
        struct slice name = json_key(parameters, e);

        if (json_member(e, SLICE("Default")) == NULL && json_member(s->given, name) == NULL) {
            rc = err_set(err, ERR_USAGE,
                         "parameter \"%.*s\" has no default: say --parameter %.*s=VALUE",
                         SLICE_FMT(slice_head(name, TEMPLATE_NAME_SHOWN)),
                         SLICE_FMT(slice_head(name, TEMPLATE_NAME_SHOWN)));
        }
    }
    return rc;
}

/* ---- One resource ---- */

struct reading {
    struct template_scope *s;
    const struct json_node *resources;
    struct template_resource *all; /* in the template's order */
    bool *made;
    bool *needs; /* count * count: row i has what i depends on */
    size_t count;
};

static size_t place_of(const struct reading *r, struct slice id)
{
    size_t i = 0;

    while (i < r->count && !slice_eq(r->all[i].id, id)) {
        i++;
    }
    return i;
}

static enum err_code
depend_on(struct reading *r, size_t i, const struct json_node *name, struct err *err)
{
    size_t place = place_of(r, json_text(name));

    if (!json_is(name, JSON_STRING) || place == r->count) {
        return template_unknown(r->s, "the resource", json_text(name), err);
    }
    r->needs[i * r->count + place] = true;
    return OK;
}

/* "Id" or ["Id", ...]. */
static enum err_code read_depends(struct reading *r, size_t i, struct err *err)
{
    const struct json_node *v = json_member(r->all[i].source, SLICE("DependsOn"));
    struct template_at at = {r->s->at, SLICE("DependsOn"), 0};
    enum err_code rc = OK;

    r->s->at = &at;
    if (json_is(v, JSON_ARRAY)) {
        for (const struct json_node *e = json_first(v); e != NULL && rc == OK;
             e = json_next(v, e)) {
            rc = depend_on(r, i, e, err);
        }
    } else if (v != NULL) {
        rc = depend_on(r, i, v, err);
    }
    r->s->at = at.up;
    return rc;
}

static enum err_code
read_properties(struct reading *r, size_t i, const char *const *names, struct err *err)
{
    struct template_resource *resource = &r->all[i];
    const struct json_node *properties = json_member(resource->source, SLICE("Properties"));
    struct template_at at = {r->s->at, SLICE("Properties"), 0};
    enum err_code rc;

    r->s->at = &at;
    if (properties != NULL && !json_is(properties, JSON_OBJECT)) {
        rc = template_refuse(r->s, err, "properties are an object");
    } else {
        rc = template_properties(r->s, properties, names, &resource->properties, err);
    }
    r->s->at = at.up;
    return rc;
}

static enum err_code
read_resource(struct reading *r, size_t i, template_wanted wanted, struct err *err)
{
    struct template_resource *resource = &r->all[i];
    const struct json_node *type = json_member(resource->source, SLICE("Type"));
    const char *const *names;
    enum err_code rc;

    resource->type = json_text(type);
    if (!json_is(type, JSON_STRING)) {
        return template_refuse(r->s, err, "a resource is an object with a Type");
    }
    rc = template_is_made(r->s, resource->source, &r->made[i], err);
    if (rc != OK || !r->made[i]) {
        return rc;
    }
    rc = read_depends(r, i, err);
    names = wanted(resource->type);
    if (rc != OK || names == NULL) {
        resource->name = resource->id;
        return rc;
    }
    r->s->referred = &r->needs[i * r->count];
    rc = template_name(r->s, resource->id, resource->source, &resource->name, err);
    if (rc == OK) {
        resource->arn = template_arn(r->s, resource->source, resource->name);
        rc = read_properties(r, i, names, err);
    }
    r->s->referred = NULL;
    return rc;
}

static enum err_code read_all(struct reading *r, template_wanted wanted, struct err *err)
{
    struct template_at resources = {NULL, SLICE("Resources"), 0};
    enum err_code rc = OK;
    size_t i = 0;

    for (const struct json_node *e = json_first(r->resources); e != NULL;
         e = json_next(r->resources, e), i++) {
        r->all[i].id = json_key(r->resources, e);
        r->all[i].source = e;
    }
    for (i = 0; i < r->count && rc == OK; i++) {
        struct template_at at = {&resources, r->all[i].id, 0};

        r->s->at = &at;
        rc = read_resource(r, i, wanted, err);
    }
    r->s->at = NULL;
    return rc;
}

/* ---- The order ---- */

/* Does it wait for one that is made and not placed yet? */
static bool waits(const struct reading *r, const bool *placed, size_t i)
{
    for (size_t k = 0; k < r->count; k++) {
        if (r->needs[i * r->count + k] && r->made[k] && !placed[k]) {
            return true;
        }
    }
    return false;
}

static enum err_code refuse_circle(const struct reading *r, const bool *placed, struct err *err)
{
    struct buf b = {0};

    for (size_t i = 0; i < r->count; i++) {
        if (r->made[i] && !placed[i]) {
            buf_printf(&b, "%s%.*s", b.len != 0 ? ", " : "", SLICE_FMT(r->all[i].id));
        }
    }
    (void)err_set(err, ERR_INVALID_DEFINITION,
                  "/Resources: resources depend on one another in a circle, among these: %.*s",
                  SLICE_FMT(slice_head(buf_slice(&b), TEMPLATE_NAME_SHOWN)));
    buf_fini(&b);
    return ERR_INVALID_DEFINITION;
}

/* The first that waits for nothing, again and again. */
static enum err_code
put_in_order(const struct reading *r, struct template_stack *out, struct err *err)
{
    bool *placed = ARENA_ARRAY(r->s->a, r->count + 1, bool);
    size_t left = 0;

    for (size_t i = 0; i < r->count; i++) {
        left += r->made[i];
    }
    out->resources = ARENA_ARRAY(r->s->a, left + 1, struct template_resource);
    out->count = 0;
    while (out->count < left) {
        size_t i = 0;

        while (i < r->count && (!r->made[i] || placed[i] || waits(r, placed, i))) {
            i++;
        }
        if (i == r->count) {
            return refuse_circle(r, placed, err);
        }
        placed[i] = true;
        out->resources[out->count++] = r->all[i];
    }
    return OK;
}

enum err_code template_stack_read(struct template_scope *s,
                                  template_wanted wanted,
                                  struct template_stack *out,
                                  struct err *err)
{
    const struct json_node *resources = json_member(s->document, SLICE("Resources"));
    size_t count = json_count(resources);
    struct template_stack stack = {0};
    struct reading r = {.s = s, .resources = resources, .count = count};
    enum err_code rc;

    if (!json_is(resources, JSON_OBJECT) || count == 0) {
        return err_set(err, ERR_INVALID_DEFINITION, "/Resources: a template has at least one");
    }
    if (count > RESOURCES_MOST) {
        return err_set(err, ERR_INVALID_DEFINITION, "/Resources: a template has at most %d",
                       RESOURCES_MOST);
    }
    if (json_member(s->document, SLICE("Transform")) != NULL) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "/Transform: only AWS can carry a macro out; give the processed template");
    }
    r.all = ARENA_ARRAY(s->a, count, struct template_resource);
    r.made = ARENA_ARRAY(s->a, count, bool);
    r.needs = ARENA_ARRAY(s->a, count * count, bool);
    rc = check_parameters(s, err);
    if (rc == OK) {
        rc = read_all(&r, wanted, err);
    }
    if (rc == OK) {
        rc = put_in_order(&r, &stack, err);
    }
    if (rc == OK) {
        *out = stack;
    }
    return rc;
}
