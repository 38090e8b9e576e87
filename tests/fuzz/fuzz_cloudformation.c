/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a CloudFormation template: refused with a message, or a state machine with a name
 * and a definition, the same again when its name is said. */
#include <assert.h>

#include "client/cli/template.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_node *document;
    struct arena a = {0};
    struct err err;

    if (json_parse(slice_make(data, size), &a, &document, &err) == OK && template_is(document)) {
        resolve(document, &a);
    }
    arena_fini(&a);
    return 0;
}
