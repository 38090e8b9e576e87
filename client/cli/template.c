/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/template.h"

bool template_is(const struct json_node *document)
{
    return json_is(json_member(document, SLICE("Resources")), JSON_OBJECT) &&
           json_member(document, SLICE("States")) == NULL;
}

static bool is_machine(const struct json_node *resource)
{
    return slice_eq_str(json_text(json_member(resource, SLICE("Type"))),
                        "AWS::StepFunctions::StateMachine");
}

/* Every machine's logical id, for the message that asks which one is meant. */
static struct slice machine_ids(const struct json_node *resources, struct arena *a)
{
    struct buf b = {0};
    struct slice out;

    for (const struct json_node *e = json_first(resources); e != NULL;
         e = json_next(resources, e)) {
        if (is_machine(e)) {
            buf_put_str(&b, b.len != 0 ? ", " : "");
            buf_put_slice(&b, json_key(resources, e));
        }
    }
    out = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

/* The machine of that id; without one, the only machine. */
static enum err_code find_machine(const struct json_node *resources,
                                  struct slice id,
                                  struct arena *a,
                                  struct slice *found_id,
                                  const struct json_node **out,
                                  struct err *err)
{
    size_t count = 0;

    for (const struct json_node *e = json_first(resources); e != NULL;
         e = json_next(resources, e)) {
        if (is_machine(e) && (id.len == 0 || slice_eq(json_key(resources, e), id))) {
            *out = e;
            *found_id = json_key(resources, e);
            count++;
        }
    }
    if (count == 1) {
        return OK;
    }
    if (count > 1) {
        return err_set(err, ERR_USAGE,
                       "the template has several state machines; say which with --resource: %.*s",
                       SLICE_FMT(machine_ids(resources, a)));
    }
    if (id.len != 0) {
        return err_set(err, ERR_USAGE, "the template has no state machine \"%.*s\"; it has: %.*s",
                       SLICE_FMT(id), SLICE_FMT(machine_ids(resources, a)));
    }
    return err_set(err, ERR_USAGE, "the template has no AWS::StepFunctions::StateMachine");
}

/* A property's text; empty: it is not there. */
static enum err_code property_text(struct template_scope *s,
                                   const struct json_node *properties,
                                   const char *name,
                                   struct slice *out,
                                   struct err *err)
{
    const struct json_node *v = json_member(properties, slice_str(name));
    struct template_at at = {s->at, slice_str(name), 0};
    enum err_code rc = OK;

    *out = SLICE("");
    if (v != NULL) {
        s->at = &at;
        rc = template_text(s, v, out, err);
        s->at = at.up;
    }
    return rc;
}

static enum err_code read_definition(struct template_scope *s,
                                     const struct json_node *properties,
                                     struct slice *out,
                                     struct err *err)
{
    const struct json_node *object = json_member(properties, SLICE("Definition"));
    const struct json_node *given = json_member(properties, SLICE("DefinitionSubstitutions"));
    struct slice text;
    enum err_code rc = property_text(s, properties, "DefinitionString", &text, err);

    if (rc != OK) {
        return rc;
    }
    if (text.len == 0 && json_is(object, JSON_OBJECT)) {
        text = json_print(object, s->a);
    }
    if (text.len == 0) {
        return template_refuse(
            s, err,
            "the state machine has neither DefinitionString nor Definition; one kept in "
            "S3 (DefinitionS3Location) must be given as a file of its own");
    }
    if (given == NULL) {
        *out = text;
        return OK;
    }
    return template_substitute(s, text, given, true, out, err);
}

enum err_code template_machine_read(struct template_scope *s,
                                    const struct json_node *properties,
                                    struct template_machine *out,
                                    struct err *err)
{
    struct template_machine m = {.resource = out->resource};
    enum err_code rc = read_definition(s, properties, &m.definition, err);

    if (rc == OK) {
        rc = property_text(s, properties, "StateMachineType", &m.type, err);
    }
    if (rc == OK) {
        rc = property_text(s, properties, "RoleArn", &m.role_arn, err);
    }
    if (rc == OK) {
        *out = m;
    }
    return rc;
}

enum err_code template_resolve(const struct json_node *document,
                               struct slice resource,
                               const struct name_place *place,
                               struct arena *a,
                               struct template_machine *out,
                               struct err *err)
{
    static const char *const names[] = {TEMPLATE_MACHINE_PROPERTIES, NULL};
    struct template_scope scope = template_open(document, place, a);
    const struct json_node *resources = json_member(document, SLICE("Resources"));
    struct template_machine m = {0};
    const struct json_node *found = NULL;
    const struct json_node *properties = NULL;
    struct template_at at[3] = {{NULL, SLICE("Resources"), 0}};
    enum err_code rc = find_machine(resources, resource, a, &m.resource, &found, err);

    if (rc != OK) {
        return rc;
    }
    at[1] = (struct template_at){&at[0], m.resource, 0};
    at[2] = (struct template_at){&at[1], SLICE("Properties"), 0};
    scope.at = &at[2];
    rc = template_properties(&scope, json_member(found, SLICE("Properties")), names, &properties,
                             err);
    if (rc == OK) {
        rc = template_machine_read(&scope, properties, &m, err);
    }
    if (rc == OK) {
        *out = m;
    }
    return rc;
}
