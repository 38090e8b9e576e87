/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row.h"

enum err_code
row_begin(struct cursor *c, const char *what, uint8_t newest, uint8_t *version, struct err *err)
{
    uint8_t v = cursor_u8(c);

    if (c->bad || v == 0) {
        return err_set(err, ERR_CORRUPT, "a %s row has no format version", what);
    }
    if (v > newest) {
        return err_set(err, ERR_VERSION,
                       "a %s row has format version %u, this program knows up to %u", what,
                       (unsigned)v, (unsigned)newest);
    }
    if (version != NULL) {
        *version = v;
    }
    return OK;
}

enum err_code row_end(const struct cursor *c, const char *what, struct err *err)
{
    if (c->bad || !cursor_done(c)) {
        return err_set(err, ERR_CORRUPT, "a %s row is malformed: %s", what,
                       c->bad ? "it ends too early, or a value is none" : "bytes are left over");
    }
    return OK;
}

uint32_t row_u32(struct cursor *c)
{
    uint64_t v = cursor_varint(c);

    c->bad = c->bad || v > UINT32_MAX;
    return c->bad ? 0 : (uint32_t)v;
}
