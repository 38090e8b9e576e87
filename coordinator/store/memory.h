/* SPDX-License-Identifier: Apache-2.0 */
/* What the store in memory can do beside store.h, for tests and the simulator. */
#ifndef STEPFLEET_STORE_MEMORY_H
#define STEPFLEET_STORE_MEMORY_H

#include "coordinator/store/store.h"

/* The write that would get this number fails with `code` and leaves nothing. 0: none does. */
void store_memory_fail(struct store *s, uint64_t number, enum err_code code);
/* Asked before each read, on its thread: what is not OK is what the read comes to. NULL: none. */
void store_memory_read_fault(struct store *s,
                             enum err_code (*fault)(void *arg, struct err *err),
                             void *arg);
/* Another program opens it after the last one has died: what failed is forgotten. */
void store_memory_reopen(struct store *s);

#endif
