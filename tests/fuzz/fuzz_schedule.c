/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a schedule expression, asked for the times after any other: refused in AWS's words,
 * or times that grow, that are found again from just before them, and that are whole minutes. */
#include <assert.h>

#include "coordinator/trigger/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(const struct schedule *s, int64_t after_ms)
{
    for (int i = 0; i < 4; i++) {
        int64_t next = after_ms;
        int64_t again;

        if (!schedule_next(s, 0, after_ms, &next)) {
            assert(next == after_ms);
            return;
        }
        assert(next > after_ms);
        assert(schedule_next(s, 0, next - 1, &again) && again == next);
        assert(s->kind != SCHEDULE_CRON || next % 60000 == 0);
        after_ms = next;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct schedule s;
    int64_t after_ms;

    if (size < sizeof(after_ms)) {
        return 0;
    }
    memcpy(&after_ms, data, sizeof(after_ms));
    if (schedule_compile(slice_make(data + sizeof(after_ms), size - sizeof(after_ms)), &s, &err) !=
        OK) {
        assert(err.code == ERR_VALIDATION && err.msg[0] != '\0');
        return 0;
    }
    follow(&s, after_ms);
    return 0;
}
