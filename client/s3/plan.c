/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/plan.h"

#include <assert.h>

#include "proto/base/limits.h"

uint64_t plan_part_bytes(uint64_t base_bytes, uint32_t number)
{
    uint64_t bytes = base_bytes;

    assert(number >= 1);
    if (number > LIMIT_PARTS) {
        return 0;
    }
    for (uint32_t at = PLAN_STEADY_PARTS; at < number && bytes < PLAN_PART_BYTES_MAX;
         at += PLAN_DOUBLE_PARTS) {
        bytes *= 2;
    }
    return bytes < PLAN_PART_BYTES_MAX ? bytes : PLAN_PART_BYTES_MAX;
}

uint64_t plan_pool_bytes(uint64_t base_bytes, unsigned parallel)
{
    return base_bytes * parallel + base_bytes / 4;
}

int64_t plan_backoff_ms(unsigned failed, uint64_t random)
{
    uint64_t most = PLAN_BACKOFF_BASE_MS;

    assert(failed >= 1);
    for (unsigned i = 1; i < failed && most < PLAN_BACKOFF_CAP_MS; i++) {
        most *= 2;
    }
    most = most < PLAN_BACKOFF_CAP_MS ? most : PLAN_BACKOFF_CAP_MS;
    return (int64_t)(random % (most + 1));
}

int64_t plan_retry_ms(struct plan_tries *tries,
                      unsigned attempts_max,
                      bool away,
                      int64_t now_ms,
                      uint64_t random)
{
    int64_t patience_ms = (int64_t)(attempts_max - 1) * PLAN_BACKOFF_CAP_MS;

    assert(attempts_max >= 1);
    if (tries->failed == 0) {
        tries->first_ms = now_ms;
    }
    if (tries->failed < UINT32_MAX) {
        tries->failed++;
    }
    if (tries->failed >= attempts_max && (!away || now_ms - tries->first_ms >= patience_ms)) {
        return -1;
    }
    return plan_backoff_ms(tries->failed, random);
}
