/* SPDX-License-Identifier: Apache-2.0 */
/* A job's definition: refused with a message, or one that is the same after printing and parsing
 * again; and its arguments as places, none of which leads out of where it belongs. */
#include <assert.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/job/arguments.h"
#include "proto/job/definition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(const struct job_arguments *in)
{
    struct job_places p;
    struct err err = {0};

    if (job_places_find(in, &p, &err) != OK) {
        assert(err.code == ERR_VALIDATION && err.msg[0] != '\0');
        return;
    }
    assert(text_is_key_part(p.input_bucket) && text_is_key_part(p.output_bucket));
    assert(text_is_key(p.output_key));
    assert(p.input_kind == JOB_INPUT_PREFIX || text_is_key(p.input));
}

static void check_definition(const struct job_definition *d, struct arena *a)
{
    struct slice text = job_definition_print(d, a);
    const struct job_definition *again;

    assert(d->timeout_minutes >= 1 && d->timeout_minutes <= LIMIT_JOB_TIMEOUT_MINUTES);
    assert(d->shuffle.key_count <= LIMIT_JOB_KEYS);
    assert(text_is_function_name(d->handler) || /* one that shuffles alone has none */
           (d->handler.len == 0 && d->shuffle.kind != JOB_SHUFFLE_NONE));
    assert(d->retry.interval_ms <= d->retry.max_delay_ms);
    /* Control characters are longer in text than they were: past the bound it is refused. */
    if (text.len <= LIMIT_DEFINITION_BYTES) {
        assert(job_definition_parse(text, a, &again, NULL) == OK);
        assert(slice_eq(job_definition_print(again, a), text));
    }
    check_places(&d->default_arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct job_definition *d;
    struct arena a = {0};
    struct err err = {0};

    if (job_definition_parse(slice_make(data, size), &a, &d, &err) == OK) {
        check_definition(d, &a);
    } else {
        assert(err.code == ERR_INVALID_DEFINITION && err.msg[0] != '\0');
    }
    arena_fini(&a);
    return 0;
}
