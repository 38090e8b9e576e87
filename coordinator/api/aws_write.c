/* SPDX-License-Identifier: Apache-2.0 */
/* Our messages to AWS's JSON. */
#include "coordinator/api/aws_internal.h"
#include "proto/base/text.h"

struct writer {
    enum aws_style style;
    struct arena *a;
};

static const struct json_node *time_value(const struct writer *w, int64_t ms)
{
    switch (w->style) {
    case AWS_HTTP:
        return json_number_text(w->a, arena_printf(w->a, "%lld.%03lld", (long long)(ms / 1000),
                                                   (long long)(ms % 1000)));
    case AWS_SDK: return json_string(w->a, text_time(ms, w->a));
    case AWS_OPTIMIZED: return json_integer(w->a, ms);
    }
    return json_null();
}

/* A history event's own time is in seconds. */
static const struct json_node *event_value(const struct writer *w, struct slice text)
{
    const struct json_node *v;
    const struct json_node *time;
    struct json_builder b;
    struct err err;
    double seconds;

    if (json_parse(text, w->a, &v, &err) != OK || w->style == AWS_HTTP) {
        return v;
    }
    b = json_build_object(w->a);
    time = json_member(v, SLICE("timestamp"));
    v = aws_renamed(v, aws_upper, w->a);
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        json_put(&b, json_key(v, e), e);
    }
    if (json_double(time, &seconds)) {
        json_put(&b, SLICE("Timestamp"), time_value(w, (int64_t)(seconds * 1000 + 0.5)));
    }
    return json_built(&b);
}

static const struct json_node *events_value(const struct writer *w, const struct place *p)
{
    const ProtobufCBinaryData *items = *(ProtobufCBinaryData **)(void *)p->at;
    struct json_builder list = json_build_array(w->a);
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    size_t count;

    memcpy(&count, (const char *)m + p->field->quantifier_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        json_push(&list, event_value(w, message_slice(items[i])));
    }
    return json_built(&list);
}

static const struct json_node *object_value(const struct writer *w, struct slice text)
{
    const struct json_node *v;
    struct err err;

    if (json_parse(text, w->a, &v, &err) != OK) {
        return NULL;
    }
    return w->style == AWS_HTTP ? v : aws_renamed(v, aws_upper, w->a);
}

/* Were documents left out, as they were not asked for? */
static bool is_bare(const ProtobufCMessage *m)
{
    struct place p;

    return place_find(m, "without_data", &p) && place_flag(&p);
}

static const struct json_node *included_value(const struct writer *w, const struct place *p)
{
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "included", w->a), json_bool(!is_bare(m)));
    return json_built(&b);
}

static const struct json_node *enabled_value(const struct writer *w, const struct place *p)
{
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "enabled", w->a), json_bool(place_flag(p)));
    return json_built(&b);
}

static const struct json_node *own_key_value(const struct writer *w)
{
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "type", w->a), json_string(w->a, SLICE("AWS_OWNED_KEY")));
    return json_built(&b);
}

/* AWS bills 64 MB and 100 ms at a time. */
static const struct json_node *billed_value(const struct writer *w, const struct place *p)
{
    enum { UNIT_MB = 64, UNIT_MS = 100 };
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    struct place start = place_of(m, "start_ms");
    int64_t ms = place_number(p) - place_number(&start);
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "billedMemoryUsedInMB", w->a), json_integer(w->a, UNIT_MB));
    json_put(&b, aws_name(w->style, "billedDurationInMilliseconds", w->a),
             json_integer(w->a, (ms + UNIT_MS - 1) / UNIT_MS * UNIT_MS));
    return json_built(&b);
}

static size_t count_of(const struct place *p)
{
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    size_t count;

    memcpy(&count, (const char *)m + p->field->quantifier_offset, sizeof(count));
    return count;
}

static const struct json_node *texts_value(const struct writer *w, const struct place *p)
{
    char *const *items = *(char ***)(void *)p->at;
    struct json_builder list = json_build_array(w->a);

    for (size_t i = 0; i < count_of(p); i++) {
        json_push(&list, json_string(w->a, slice_str(items[i])));
    }
    return json_built(&list);
}

static const struct json_node *map_value(const struct writer *w, const struct place *p)
{
    Stepfleet__Tag *const *items = *(Stepfleet__Tag ***)(void *)p->at;
    struct json_builder b = json_build_object(w->a);

    for (size_t i = 0; i < count_of(p); i++) {
        json_put(&b, slice_str(items[i]->key), json_string(w->a, slice_str(items[i]->value)));
    }
    return json_built(&b);
}

/* Does the field say something? */
static bool is_given(const ProtobufCMessage *m, const struct aws_row *row, const struct place *p)
{
    struct place has;

    if (row->form == AWS_INCLUDED && is_bare(m)) {
        return true;
    }
    if (place_has(m, row->field, &has)) {
        return place_flag(&has);
    }
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT:
    case AWS_OBJECT:
    case AWS_INCLUDED: return place_text(p).len != 0;
    case AWS_NUMBER:
    case AWS_TIME:
    case AWS_BILLED: return place_number(p) != 0;
    case AWS_FLAG:
    case AWS_ENABLED:
    case AWS_NOT_FLAG: return place_flag(p);
    case AWS_LIST:
    case AWS_TEXTS:
    case AWS_MAP: return count_of(p) != 0;
    case AWS_INTEGER:
    case AWS_EVENTS:
    case AWS_NO_LIST:
    case AWS_WHOLE:
    case AWS_OWN_KEY: break;
    }
    return true;
}

static const struct json_node *
value_of(const struct writer *w, const struct aws_row *row, const struct place *p)
{
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT: return json_string(w->a, place_text(p));
    case AWS_OBJECT: return object_value(w, place_text(p));
    case AWS_NUMBER: return json_integer(w->a, place_number(p));
    case AWS_FLAG: return json_bool(place_flag(p));
    case AWS_NOT_FLAG: return json_bool(!place_flag(p));
    case AWS_TIME: return time_value(w, place_number(p));
    case AWS_TEXTS: return texts_value(w, p);
    case AWS_MAP: return map_value(w, p);
    case AWS_EVENTS: return events_value(w, p);
    case AWS_INCLUDED: return included_value(w, p);
    case AWS_BILLED: return billed_value(w, p);
    case AWS_ENABLED: return enabled_value(w, p);
    case AWS_OWN_KEY: return own_key_value(w);
    case AWS_NO_LIST: {
        struct json_builder none = json_build_array(w->a);

        return json_built(&none);
    }
    case AWS_INTEGER: break;
    case AWS_LIST:
    case AWS_WHOLE: break; /* list_value(), item_value(): they need the lines behind */
    }
    return NULL;
}

static void put_member(const struct writer *w,
                       struct json_builder *b,
                       const struct aws_row *row,
                       const ProtobufCMessage *m)
{
    struct place p = place_of(m, row->field);
    const struct json_node *v;

    if (!row->must && !is_given(m, row, &p)) {
        return;
    }
    v = value_of(w, row, &p);
    if (v != NULL) {
        json_put(b, aws_name(w->style, row->name, w->a), v);
    }
}

/* By the AWS_ITEM lines behind. */
static const struct json_node *
item_value(const struct writer *w, const struct aws_row *row, const ProtobufCMessage *m)
{
    struct json_builder b = json_build_object(w->a);

    for (const struct aws_row *r = aws_row_next(row); r != NULL && r->kind == AWS_ROW_ITEM;
         r = aws_row_next(r)) {
        put_member(w, &b, r, m);
    }
    return json_built(&b);
}

static const struct json_node *
list_value(const struct writer *w, const struct aws_row *list, const ProtobufCMessage *m)
{
    struct place p = place_of(m, list->field);
    ProtobufCMessage *const *items = *(ProtobufCMessage ***)(void *)p.at;
    struct json_builder out = json_build_array(w->a);
    size_t count;

    memcpy(&count, (const char *)m + p.field->quantifier_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        json_push(&out, item_value(w, list, items[i]));
    }
    return json_built(&out);
}

const struct json_node *aws_reply(const struct aws_row *operation,
                                  enum aws_style style,
                                  const ProtobufCMessage *m,
                                  struct arena *a)
{
    struct writer w = {style, a};
    struct json_builder b = json_build_object(a);

    for (const struct aws_row *r = aws_row_next(operation); r != NULL; r = aws_row_next(r)) {
        if (r->kind != AWS_ROW_OUT) {
            continue;
        }
        if (r->form == AWS_LIST) {
            struct place p = place_of(m, r->field);

            if (!r->must && count_of(&p) == 0) {
                continue;
            }
            json_put(&b, aws_name(style, r->name, a), list_value(&w, r, m));
        } else if (r->form == AWS_WHOLE) {
            json_put(&b, aws_name(style, r->name, a), item_value(&w, r, m));
        } else {
            put_member(&w, &b, r, m);
        }
    }
    return json_built(&b);
}
