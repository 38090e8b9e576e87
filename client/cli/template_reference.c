/* SPDX-License-Identifier: Apache-2.0 */
/* What names stand for: parameters, pseudo-parameters and resources. */
#include "client/cli/template_value.h"
#include "proto/base/text.h"

enum ref { REF_NAME, REF_ARN, REF_QUEUE_URL };

struct resource_kind {
    struct slice type;
    const char *name_property;
    const char *arn;
    enum ref ref;
};

static const struct resource_kind resource_kinds[] = {
#define RESOURCE(type, word, property, arn, ref, fate) {SLICE_INIT(type), property, arn, ref},
#include "client/cli/resource.def"
#undef RESOURCE
};

/* The last row takes any. */
static const struct resource_kind *resource_kind(const struct json_node *resource)
{
    struct slice type = json_text(json_member(resource, SLICE("Type")));
    size_t i = 0;

    while (i + 1 < sizeof(resource_kinds) / sizeof(resource_kinds[0]) &&
           !text_glob(resource_kinds[i].type, type)) {
        i++;
    }
    return &resource_kinds[i];
}

/* ---- Resources ---- */

/* Of one without a name: STACK-ID, and ".fifo" where queues and topics must end so. */
static struct slice
made_name(struct template_scope *s, struct slice id, const struct json_node *resource)
{
    const struct json_node *properties = json_member(resource, SLICE("Properties"));
    bool fifo = json_is(json_member(properties, SLICE("FifoQueue")), JSON_TRUE) ||
                json_is(json_member(properties, SLICE("FifoTopic")), JSON_TRUE);

    return arena_printf(s->a, "%.*s%s%.*s%s", SLICE_FMT(s->stack), s->stack.len != 0 ? "-" : "",
                        SLICE_FMT(id), fifo ? ".fifo" : "");
}

enum err_code template_name(struct template_scope *s,
                            struct slice id,
                            const struct json_node *resource,
                            struct slice *out,
                            struct err *err)
{
    struct slice property = slice_str(resource_kind(resource)->name_property);
    const struct json_node *name =
        json_member(json_member(resource, SLICE("Properties")), property);
    struct template_at resources = {NULL, SLICE("Resources"), 0};
    struct template_at own = {&resources, id, 0};
    struct template_at properties = {&own, SLICE("Properties"), 0};
    struct template_at at = {&properties, property, 0};
    const struct template_at *from = s->at;
    enum err_code rc;

    if (name == NULL) {
        *out = made_name(s, id, resource);
        return OK;
    }
    s->at = &at;
    rc = template_text(s, name, out, err);
    s->at = from;
    return rc;
}

struct slice
template_arn(struct template_scope *s, const struct json_node *resource, struct slice name)
{
    struct buf b = {0};
    struct slice out;

    for (const char *p = resource_kind(resource)->arn; *p != '\0'; p++) {
        if (*p == 'R') {
            buf_put_slice(&b, s->place->region);
        } else if (*p == 'A') {
            buf_put_slice(&b, s->place->account);
        } else if (*p == 'N') {
            buf_put_slice(&b, name);
        } else {
            buf_put_u8(&b, (uint8_t)*p);
        }
    }
    out = arena_copy(s->a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

/* Note that the resource is needed. */
static void refer(struct template_scope *s, struct slice id)
{
    const struct json_node *resources = json_member(s->document, SLICE("Resources"));
    size_t i = 0;

    if (s->referred == NULL) {
        return;
    }
    for (const struct json_node *e = json_first(resources); e != NULL;
         e = json_next(resources, e), i++) {
        s->referred[i] = s->referred[i] || slice_eq(json_key(resources, e), id);
    }
}

/* The resource of that id, if Ref and Fn::GetAtt can say anything of it. */
static enum err_code find_resource(struct template_scope *s,
                                   struct slice id,
                                   const struct json_node **out,
                                   struct err *err)
{
    const struct json_node *resource = template_entry(s, "Resources", id);
    bool made = true;
    enum err_code rc;

    if (resource == NULL) {
        return template_unknown(s, "the reference", id, err);
    }
    if (resource_kind(resource)->arn[0] == '\0') {
        return template_unknown(s, "the reference to a resource of type",
                                json_text(json_member(resource, SLICE("Type"))), err);
    }
    rc = template_is_made(s, resource, &made, err);
    if (rc == OK && !made) {
        rc = template_refuse(s, err, "\"%.*s\" is not made, by its Condition",
                             SLICE_FMT(slice_head(id, TEMPLATE_NAME_SHOWN)));
    }
    if (rc == OK) {
        refer(s, id);
        *out = resource;
    }
    return rc;
}

static struct slice queue_url(struct template_scope *s, struct slice name)
{
    return arena_printf(s->a, "https://sqs.%.*s.amazonaws.com/%.*s/%.*s",
                        SLICE_FMT(s->place->region), SLICE_FMT(s->place->account), SLICE_FMT(name));
}

static enum err_code resource_ref(struct template_scope *s,
                                  struct slice id,
                                  const struct json_node **out,
                                  struct err *err)
{
    const struct json_node *resource = NULL;
    struct slice text;
    enum err_code rc = find_resource(s, id, &resource, err);

    if (rc == OK) {
        rc = template_name(s, id, resource, &text, err);
    }
    if (rc != OK) {
        return rc;
    }
    switch (resource_kind(resource)->ref) {
    case REF_NAME: break;
    case REF_ARN: text = template_arn(s, resource, text); break;
    case REF_QUEUE_URL: text = queue_url(s, text); break;
    }
    *out = json_string(s->a, text);
    return OK;
}

enum err_code template_attribute(struct template_scope *s,
                                 struct slice id,
                                 struct slice attribute,
                                 const struct json_node **out,
                                 struct err *err)
{
    const struct json_node *resource = NULL;
    const struct resource_kind *kind;
    struct slice text;
    enum err_code rc = find_resource(s, id, &resource, err);

    if (rc == OK) {
        rc = template_name(s, id, resource, &text, err);
    }
    if (rc != OK) {
        return rc;
    }
    kind = resource_kind(resource);
    if (slice_eq_str(attribute, "Arn") || slice_eq_str(attribute, "TopicArn")) {
        text = template_arn(s, resource, text);
    } else if (kind->ref == REF_QUEUE_URL && slice_eq_str(attribute, "QueueUrl")) {
        text = queue_url(s, text);
    } else if (!slice_eq_str(attribute, "Name") && !slice_eq_str(attribute, kind->name_property)) {
        return template_unknown(s, "the attribute", attribute, err);
    }
    *out = json_string(s->a, text);
    return OK;
}

/* ---- Parameters ---- */

/* "a, b" as a list, as CommaDelimitedList and List<...> are. */
static const struct json_node *list_of(struct slice text, struct arena *a)
{
    struct json_builder list = json_build_array(a);
    bool more;

    do {
        size_t comma = slice_find(text, ',');
        struct slice item = slice_head(text, comma);

        more = comma != text.len;
        while (slice_starts_with(item, SLICE(" "))) {
            item = slice_from(item, 1);
        }
        while (slice_ends_with(item, SLICE(" "))) {
            item = slice_head(item, item.len - 1);
        }
        json_push(&list, json_string(a, item));
        text = slice_from(text, comma + 1);
    } while (more);
    return json_built(&list);
}

static enum err_code parameter_value(struct template_scope *s,
                                     struct slice name,
                                     const struct json_node *parameter,
                                     const struct json_node **out,
                                     struct err *err)
{
    const struct json_node *value = json_member(s->given, name);
    struct slice type = json_text(json_member(parameter, SLICE("Type")));
    bool list = slice_eq_str(type, "CommaDelimitedList") || slice_starts_with(type, SLICE("List<"));

    if (value == NULL) {
        value = json_member(parameter, SLICE("Default"));
    }
    if (!json_is(value, JSON_STRING) && !json_is(value, JSON_NUMBER)) {
        return template_unknown(s, "the parameter without a value or a Default", name, err);
    }
    *out = list ? list_of(json_text(value), s->a) : json_string(s->a, json_text(value));
    return OK;
}

/* ---- Pseudo-parameters ---- */

static bool pseudo_text(struct template_scope *s, struct slice name, struct slice *out)
{
    struct slice stack = s->stack.len != 0 ? s->stack : SLICE("template");

    if (slice_eq_str(name, "AWS::Partition")) {
        *out = SLICE("aws");
    } else if (slice_eq_str(name, "AWS::Region")) {
        *out = s->place->region;
    } else if (slice_eq_str(name, "AWS::AccountId")) {
        *out = s->place->account;
    } else if (slice_eq_str(name, "AWS::URLSuffix")) {
        *out = SLICE("amazonaws.com");
    } else if (slice_eq_str(name, "AWS::StackName")) {
        *out = stack;
    } else if (slice_eq_str(name, "AWS::StackId")) {
        *out = arena_printf(s->a,
                            "arn:aws:cloudformation:%.*s:%.*s:stack/%.*s/"
                            "00000000-0000-4000-8000-000000000000",
                            SLICE_FMT(s->place->region), SLICE_FMT(s->place->account),
                            SLICE_FMT(stack));
    } else {
        return false;
    }
    return true;
}

enum err_code template_ref(struct template_scope *s,
                           struct slice name,
                           const struct json_node **out,
                           struct err *err)
{
    const struct json_node *parameter = template_entry(s, "Parameters", name);
    struct slice text;

    if (pseudo_text(s, name, &text)) {
        *out = json_string(s->a, text);
        return OK;
    }
    if (slice_eq_str(name, "AWS::NoValue")) {
        *out = NULL;
        return OK;
    }
    if (parameter != NULL) {
        return parameter_value(s, name, parameter, out, err);
    }
    return resource_ref(s, name, out, err);
}
