/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzzers share: the name libFuzzer calls, and what must hold of any input. */
#ifndef STEPFLEET_TESTS_FUZZ_FUZZ_H
#define STEPFLEET_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

#endif
