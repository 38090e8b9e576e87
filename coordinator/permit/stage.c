/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/permit/permit.h"

void permit_of_stage(const struct stage_places *places, struct slice upload_id, struct permit *out)
{
    *out = (struct permit){.count = 0};
    if (places->input_key.len != 0) {
        permit_add(out, (struct permit_rule){.actions = 1U << PERMIT_READ,
                                             .bucket = places->bucket,
                                             .key = places->input_key});
    }
    permit_add_output(out, places->bucket, places->output_key, upload_id);
}
