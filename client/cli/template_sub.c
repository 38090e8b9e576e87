/* SPDX-License-Identifier: Apache-2.0 */
/* ${NAME} in texts: Fn::Sub, and DefinitionSubstitutions. */
#include "client/cli/template_value.h"

static enum err_code substituted(struct template_scope *s,
                                 struct slice name,
                                 const struct json_node *given,
                                 struct slice *out,
                                 struct err *err)
{
    const struct json_node *v = json_member(given, name);
    size_t dot = slice_find(name, '.');
    enum err_code rc = OK;

    if (v == NULL && dot != name.len) {
        rc = template_attribute(s, slice_head(name, dot), slice_from(name, dot + 1), &v, err);
    } else if (v == NULL) {
        rc = template_ref(s, name, &v, err);
    }
    return rc == OK ? template_text(s, v, out, err) : rc;
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
        return template_unknown(s, "the open ${ in", *rest, err);
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
