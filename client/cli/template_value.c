/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/template_value.h"

/* What a resource is called, and what Ref and its Arn attribute give. Formats: R region, A account,
 * N name. */
struct resource_kind {
    const char *type;
    const char *name_property;
    const char *arn;
    bool ref_is_arn;
};

static const struct resource_kind resource_kinds[] = {
    {"AWS::Lambda::Function", "FunctionName", "arn:aws:lambda:R:A:function:N", false},
    {"AWS::Glue::Job", "Name", "arn:aws:glue:R:A:job/N", false},
    {"AWS::S3::Bucket", "BucketName", "arn:aws:s3:::N", false},
    {"AWS::SNS::Topic", "TopicName", "arn:aws:sns:R:A:N", true},
    {"AWS::SQS::Queue", "QueueName", "arn:aws:sqs:R:A:N", false},
    {"AWS::IAM::Role", "RoleName", "arn:aws:iam::A:role/N", false},
    {"AWS::Logs::LogGroup", "LogGroupName", "arn:aws:logs:R:A:log-group:N:*", false},
    {"AWS::DynamoDB::Table", "TableName", "arn:aws:dynamodb:R:A:table/N", false},
    {"AWS::StepFunctions::StateMachine", "StateMachineName", "arn:aws:states:R:A:stateMachine:N",
     true},
    {"AWS::StepFunctions::Activity", "Name", "arn:aws:states:R:A:activity:N", true},
};

static const struct resource_kind *resource_kind(const struct json_node *resource)
{
    struct slice type = json_text(json_member(resource, SLICE("Type")));

    for (size_t i = 0; i < sizeof(resource_kinds) / sizeof(resource_kinds[0]); i++) {
        if (slice_eq_str(type, resource_kinds[i].type)) {
            return &resource_kinds[i];
        }
    }
    return NULL;
}

/* The resource's own name: a property of it, or its logical id. */
static enum err_code resource_name(struct template_scope *s,
                                   struct slice id,
                                   const struct json_node *resource,
                                   const struct resource_kind *kind,
                                   struct slice *out,
                                   struct err *err)
{
    const struct json_node *name =
        json_member(json_member(resource, SLICE("Properties")), slice_str(kind->name_property));

    if (name == NULL) {
        *out = id;
        return OK;
    }
    return template_value(s, name, out, err);
}

/* The ARN's format with its letters filled in; they stand alone between colons and slashes. */
static struct slice fill_arn(struct template_scope *s, const char *format, struct slice name)
{
    struct buf b = {0};
    struct slice out;

    for (const char *p = format; *p != '\0'; p++) {
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

static enum err_code unknown(const char *what, struct slice name, struct err *err)
{
    return err_set(err, ERR_INVALID_DEFINITION, "%s \"%.*s\" of the template is not understood",
                   what, SLICE_FMT(slice_head(name, 200)));
}

/* Ref, or with `attribute` Fn::GetAtt, of a resource. */
static enum err_code resource_value(struct template_scope *s,
                                    struct slice id,
                                    struct slice attribute,
                                    struct slice *out,
                                    struct err *err)
{
    const struct json_node *resource = json_member(s->resources, id);
    const struct resource_kind *kind = resource_kind(resource);
    struct slice name;
    enum err_code rc;

    if (resource == NULL) {
        return unknown("the reference", id, err);
    }
    if (kind == NULL) {
        return unknown("the reference to a resource of type",
                       json_text(json_member(resource, SLICE("Type"))), err);
    }
    rc = resource_name(s, id, resource, kind, &name, err);
    if (rc != OK) {
        return rc;
    }
    if (attribute.len == 0 && slice_eq_str(slice_str(kind->type), "AWS::SQS::Queue")) {
        *out = arena_printf(s->a, "https://sqs.%.*s.amazonaws.com/%.*s/%.*s",
                            SLICE_FMT(s->place->region), SLICE_FMT(s->place->account),
                            SLICE_FMT(name));
    } else if (attribute.len == 0 ? kind->ref_is_arn : slice_eq_str(attribute, "Arn")) {
        *out = fill_arn(s, kind->arn, name);
    } else if (attribute.len == 0 || slice_eq_str(attribute, "Name") ||
               slice_eq_str(attribute, kind->name_property)) {
        *out = name;
    } else {
        return unknown("the attribute", attribute, err);
    }
    return OK;
}

static enum err_code
value_ref(struct template_scope *s, struct slice name, struct slice *out, struct err *err)
{
    const struct json_node *parameter = json_member(s->parameters, name);
    const struct json_node *standard = json_member(parameter, SLICE("Default"));

    if (slice_eq_str(name, "AWS::Partition")) {
        *out = SLICE("aws");
    } else if (slice_eq_str(name, "AWS::Region")) {
        *out = s->place->region;
    } else if (slice_eq_str(name, "AWS::AccountId")) {
        *out = s->place->account;
    } else if (slice_eq_str(name, "AWS::URLSuffix")) {
        *out = SLICE("amazonaws.com");
    } else if (json_is(standard, JSON_STRING) || json_is(standard, JSON_NUMBER)) {
        *out = json_text(standard);
    } else if (parameter != NULL) {
        return unknown("the parameter without a Default", name, err);
    } else {
        return resource_value(s, name, SLICE(""), out, err);
    }
    return OK;
}

/* ["Id", "Attribute"] or "Id.Attribute". */
static enum err_code value_attribute(struct template_scope *s,
                                     const struct json_node *v,
                                     struct slice *out,
                                     struct err *err)
{
    struct slice id = json_text(v);
    struct slice attribute;

    if (json_is(v, JSON_ARRAY)) {
        id = json_text(json_element(v, 0));
        attribute = json_text(json_element(v, 1));
    } else {
        size_t dot = slice_find(id, '.');

        attribute = slice_from(id, dot + 1);
        id = slice_head(id, dot);
    }
    if (id.len == 0 || attribute.len == 0) {
        return unknown("the argument of", SLICE("Fn::GetAtt"), err);
    }
    return resource_value(s, id, attribute, out, err);
}

static enum err_code
value_join(struct template_scope *s, const struct json_node *v, struct slice *out, struct err *err)
{
    const struct json_node *separator = json_element(v, 0);
    const struct json_node *parts = json_element(v, 1);
    struct buf b = {0};
    enum err_code rc = OK;

    if (!json_is(separator, JSON_STRING) || !json_is(parts, JSON_ARRAY)) {
        return unknown("the argument of", SLICE("Fn::Join"), err);
    }
    for (const struct json_node *e = json_first(parts); e != NULL; e = json_next(parts, e)) {
        struct slice part;

        rc = template_value(s, e, &part, err);
        if (rc != OK) {
            goto out;
        }
        if (e != json_first(parts)) {
            buf_put_slice(&b, json_text(separator));
        }
        buf_put_slice(&b, part);
    }
    *out = arena_copy(s->a, buf_slice(&b));
out:
    buf_fini(&b);
    return rc;
}

static enum err_code substituted(struct template_scope *s,
                                 struct slice name,
                                 const struct json_node *given,
                                 struct slice *out,
                                 struct err *err)
{
    const struct json_node *v = json_member(given, name);
    size_t dot = slice_find(name, '.');

    if (v != NULL) {
        return template_value(s, v, out, err);
    }
    if (dot != name.len) {
        return resource_value(s, slice_head(name, dot), slice_from(name, dot + 1), out, err);
    }
    return value_ref(s, name, out, err);
}

/* Put what "${NAME}" at the head of `*rest` stands for, and step over it. */
static enum err_code put_variable(struct template_scope *s,
                                  struct slice *rest,
                                  const struct json_node *given,
                                  bool only_given,
                                  struct buf *b,
                                  struct err *err)
{
    size_t end = slice_find(*rest, '}');
    struct slice name = slice_from(slice_head(*rest, end), 2);
    struct slice value = slice_head(*rest, end + 1);
    enum err_code rc = OK;

    if (end == rest->len) {
        return unknown("the open ${ in", *rest, err);
    }
    if (slice_starts_with(name, SLICE("!")) && !only_given) {
        buf_put_str(b, "${");
        value = slice_from(value, 3);
    } else if (!only_given || json_member(given, name) != NULL) {
        rc = substituted(s, name, given, &value, err);
    }
    if (rc == OK) {
        buf_put_slice(b, value);
        *rest = slice_from(*rest, end + 1);
    }
    return rc;
}

enum err_code template_substitute(struct template_scope *s,
                                  struct slice text,
                                  const struct json_node *given,
                                  bool only_given,
                                  struct slice *out,
                                  struct err *err)
{
    struct buf b = {0};
    enum err_code rc = OK;

    while (text.len != 0 && rc == OK) {
        size_t dollar = slice_find(text, '$');

        buf_put_slice(&b, slice_head(text, dollar));
        text = slice_from(text, dollar);
        if (slice_starts_with(text, SLICE("${"))) {
            rc = put_variable(s, &text, given, only_given, &b, err);
        } else if (text.len != 0) {
            buf_put_u8(&b, '$');
            text = slice_from(text, 1);
        }
    }
    if (rc == OK) {
        *out = arena_copy(s->a, buf_slice(&b));
    }
    buf_fini(&b);
    return rc;
}

/* "text" or ["text", {variables}]. */
static enum err_code
value_sub(struct template_scope *s, const struct json_node *v, struct slice *out, struct err *err)
{
    const struct json_node *text = json_is(v, JSON_ARRAY) ? json_element(v, 0) : v;
    const struct json_node *given = json_is(v, JSON_ARRAY) ? json_element(v, 1) : NULL;

    if (!json_is(text, JSON_STRING)) {
        return unknown("the argument of", SLICE("Fn::Sub"), err);
    }
    return template_substitute(s, json_text(text), given, false, out, err);
}

static enum err_code value_function(struct template_scope *s,
                                    const struct json_node *v,
                                    struct slice *out,
                                    struct err *err)
{
    const struct json_node *argument = json_first(v);
    struct slice name = json_key(v, argument);

    if (slice_eq_str(name, "Fn::Join")) {
        return value_join(s, argument, out, err);
    }
    if (slice_eq_str(name, "Ref")) {
        return value_ref(s, json_text(argument), out, err);
    }
    if (slice_eq_str(name, "Fn::GetAtt")) {
        return value_attribute(s, argument, out, err);
    }
    if (slice_eq_str(name, "Fn::Sub")) {
        return value_sub(s, argument, out, err);
    }
    return unknown("the function", name, err);
}

enum err_code template_value(struct template_scope *s,
                             const struct json_node *v,
                             struct slice *out,
                             struct err *err)
{
    enum err_code rc;

    if (json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER)) {
        *out = json_text(v);
        return OK;
    }
    if (!json_is(v, JSON_OBJECT) || json_count(v) != 1) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "the template has a value that is neither a string nor one function");
    }
    if (s->depth == TEMPLATE_DEPTH) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "the template's functions and names refer to one another more than %d deep",
                       TEMPLATE_DEPTH);
    }
    s->depth++;
    rc = value_function(s, v, out, err);
    s->depth--;
    return rc;
}
