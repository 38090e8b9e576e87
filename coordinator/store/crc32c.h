/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli), the sum RocksDB's log has. Source: RFC 3720, appendix B.4. */
#ifndef STEPFLEET_STORE_CRC32C_H
#define STEPFLEET_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of `len` bytes more after those whose sum is `crc` (0 at first). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
