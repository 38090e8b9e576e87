/* SPDX-License-Identifier: Apache-2.0 */
/* What all rows but an execution's records have in common: a format version first, nothing behind
 * the last field. Between the row_*.c. */
#ifndef STEPFLEET_STORE_ROW_H
#define STEPFLEET_STORE_ROW_H

#include "coordinator/store/codec.h"

/**
 * The version, 1 to `newest`.
 *
 * @param what          the row's kind, for messages
 * @param[out] version  NULL: there is but one
 * @return OK; ERR_CORRUPT: there is none; ERR_VERSION: a later program wrote it
 */
enum err_code
row_begin(struct cursor *c, const char *what, uint8_t newest, uint8_t *version, struct err *err);
/* ERR_CORRUPT: something was not as it has to be, or it ends too early or too late. */
enum err_code row_end(const struct cursor *c, const char *what, struct err *err);
/* A varint that has 32 bits. */
uint32_t row_u32(struct cursor *c);

#endif
