/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/lifecycle.h"

#include <inttypes.h>

#include "client/s3/xml.h"
#include "proto/base/text.h"

enum { RULE_DEPTH = 2 }; /* LifecycleConfiguration, Rule */

/* Where the text stands: the innermost elements, from the outermost one of a rule on. */
static bool is_at(const struct xml *x, const char *const *path, unsigned length)
{
    if (x->depth != RULE_DEPTH + length) {
        return false;
    }
    for (unsigned i = 0; i < length; i++) {
        if (!slice_eq_str(x->names[RULE_DEPTH + i], path[i])) {
            return false;
        }
    }
    return true;
}
#define IS_AT(x, ...)                                                                              \
    is_at(x, (const char *const[]){__VA_ARGS__},                                                   \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static bool
take_text(const struct xml *x, struct slice raw, struct arena *a, struct lifecycle_rule *r)
{
    struct slice text;

    if (!xml_decode(raw, a, &text)) {
        return false;
    }
    if (IS_AT(x, "ID")) {
        r->id = text;
    } else if (IS_AT(x, "Prefix") || IS_AT(x, "Filter", "Prefix") ||
               IS_AT(x, "Filter", "And", "Prefix")) {
        r->prefix = text;
    } else if (IS_AT(x, "Status")) {
        r->enabled = slice_eq_str(text, "Enabled");
    } else if (IS_AT(x, "Expiration", "Days")) {
        return text_parse_u64(text, &r->days);
    } else if (IS_AT(x, "AbortIncompleteMultipartUpload", "DaysAfterInitiation")) {
        return text_parse_u64(text, &r->abort_days);
    }
    return true;
}

static struct lifecycle_rule *rule_add(struct lifecycle *l, struct arena *a)
{
    size_t bytes = l->count * sizeof(*l->rules);

    l->rules = arena_grow(a, l->rules, bytes, bytes + sizeof(*l->rules));
    l->rules[l->count] = (struct lifecycle_rule){0};
    return &l->rules[l->count++];
}

/* From behind <Rule> to </Rule>. */
static bool rule_read(struct xml *x, struct arena *a, struct lifecycle_rule *r)
{
    size_t from = x->at;
    struct slice value;

    for (;;) {
        size_t before = x->at;

        switch (xml_next(x, &value)) {
        case XML_TEXT:
            if (!take_text(x, value, a, r)) {
                return false;
            }
            break;
        case XML_CLOSE:
            if (x->depth < RULE_DEPTH) {
                r->raw = slice_make(x->text.ptr + from, before - from);
                return true;
            }
            break;
        case XML_OPEN: break;
        case XML_END:
        case XML_BAD: return false;
        }
    }
}

bool lifecycle_read(struct slice xml, struct arena *a, struct lifecycle *out)
{
    struct lifecycle l = {0};
    struct slice value;
    struct xml x;
    enum xml_kind kind;

    *out = l;
    if (xml.len == 0) {
        return true;
    }
    xml_init(&x, xml);
    while ((kind = xml_next(&x, &value)) != XML_END) {
        bool rule = kind == XML_OPEN && x.depth == RULE_DEPTH && slice_eq_str(value, "Rule");

        if (kind == XML_BAD || !slice_eq_str(x.names[0], "LifecycleConfiguration") ||
            (rule && !rule_read(&x, a, rule_add(&l, a)))) {
            return false;
        }
    }
    *out = l;
    return true;
}

void lifecycle_set(struct lifecycle *l, struct slice prefix, uint64_t days, struct arena *a)
{
    size_t left = 0;

    for (size_t i = 0; i < l->count; i++) {
        if (!slice_eq_str(l->rules[i].id, LIFECYCLE_ID)) {
            l->rules[left++] = l->rules[i];
        }
    }
    l->count = left;
    if (days != 0) {
        struct lifecycle_rule *r = rule_add(l, a);

        *r = (struct lifecycle_rule){.id = SLICE(LIFECYCLE_ID),
                                     .prefix = prefix,
                                     .enabled = true,
                                     .days = days,
                                     .abort_days = days};
        r->raw = arena_printf(a,
                              "<ID>" LIFECYCLE_ID "</ID><Filter><Prefix>%.*s</Prefix></Filter>"
                              "<Status>Enabled</Status><Expiration><Days>%" PRIu64
                              "</Days></Expiration><AbortIncompleteMultipartUpload>"
                              "<DaysAfterInitiation>%" PRIu64 "</DaysAfterInitiation>"
                              "</AbortIncompleteMultipartUpload>",
                              SLICE_FMT(xml_encode(prefix, a)), days, days);
    }
}

struct slice lifecycle_write(const struct lifecycle *l, struct arena *a)
{
    struct buf out = {0};
    struct slice text = {"", 0};

    if (l->count != 0) {
        buf_put_str(&out, "<LifecycleConfiguration "
                          "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (size_t i = 0; i < l->count; i++) {
            buf_put_str(&out, "<Rule>");
            buf_put_slice(&out, l->rules[i].raw);
            buf_put_str(&out, "</Rule>");
        }
        buf_put_str(&out, "</LifecycleConfiguration>");
        text = arena_copy(a, buf_slice(&out));
    }
    buf_fini(&out);
    return text;
}
