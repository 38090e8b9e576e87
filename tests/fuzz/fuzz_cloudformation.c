/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a CloudFormation template: refused with a message, or a state machine with a name
 * and a definition, the same again when its name is said; and as a stack: refused, or its resources
 * in an order, with what is wanted of them. */
#include <assert.h>

#include "client/cli/deploy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct name_place place = {SLICE_INIT("us-east-1"), SLICE_INIT("111111111111")};

static void resolve(const struct json_node *document, struct arena *a)
{
    struct template_machine m = {0};
    struct template_machine again = {0};
    struct err err = {0};
    enum err_code rc = template_resolve(document, (struct slice){0}, &place, a, &m, &err);

    if (rc != OK) {
        assert(rc == ERR_USAGE || rc == ERR_INVALID_DEFINITION);
        assert(err.code == rc && err.msg[0] != '\0' && m.definition.ptr == NULL);
        return;
    }
    assert(m.definition.ptr != NULL);
    assert(m.type.len == 0 || m.type.ptr != NULL);
    if (m.resource.len > 0) { /* an empty name is none that can be said */
        assert(template_resolve(document, m.resource, &place, a, &again, &err) == OK);
        assert(slice_eq(again.resource, m.resource) && slice_eq(again.definition, m.definition));
        assert(slice_eq(again.type, m.type) && slice_eq(again.role_arn, m.role_arn));
    }
}

static void plan(const struct json_node *document, struct arena *a)
{
    struct template_scope s = template_open(document, &place, a);
    struct template_stack stack = {0};
    struct deploy_plan p = {0};
    struct err err = {0};
    enum err_code rc;

    s.stack = SLICE("stack");
    rc = template_stack_read(&s, deploy_properties, &stack, &err);
    if (rc == OK) {
        rc = deploy_plan_begin(&s, &stack, &p, &err);
    }
    if (rc != OK) {
        assert(rc == ERR_USAGE || rc == ERR_INVALID_DEFINITION);
        assert(err.code == rc && err.msg[0] != '\0' && p.items == NULL);
        return;
    }
    for (size_t i = 0; i < p.count; i++) {
        struct differences d;

        assert((p.items[i].kind != NULL) == (p.items[i].want != NULL));
        if (i > 0 && p.items[i].want != NULL && p.items[i - 1].want != NULL) {
            difference_find(p.items[i - 1].want, p.items[i].want, a, &d);
            assert((d.count == 0) == json_equal(p.items[i - 1].want, p.items[i].want));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_node *document;
    struct arena a = {0};
    struct err err;

    if (json_parse(slice_make(data, size), &a, &document, &err) == OK && template_is(document)) {
        resolve(document, &a);
        plan(document, &a);
    }
    arena_fini(&a);
    return 0;
}
