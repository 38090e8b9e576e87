/* SPDX-License-Identifier: Apache-2.0 */
/* The small rows of codec.h: machines, revisions, names, index lines, activities, access keys. A
 * version byte,
 * then the members in a fixed order. A later version is refused by number; bytes left over are
 * malformed. */
#include "coordinator/store/codec.h"
#include "coordinator/store/row.h"

/* An index row says version 2 where it has a version or an alias, a machine row where it is traced.
 */
enum { ROW_VERSION = 1, INDEX_VERSION_STARTED = 2, MACHINE_VERSION_TRACED = 2 };

/* Flags of a machine row. */
enum { MACHINE_EXPRESS = 1, MACHINE_DELETING = 2, MACHINE_ALL_V1 = 3, MACHINE_TRACED = 4 };

void machine_row_encode(const struct machine_row *r, struct buf *out)
{
    buf_put_u8(out, r->traced ? MACHINE_VERSION_TRACED : ROW_VERSION);
    buf_put_u8(out,
               (uint8_t)((r->express ? MACHINE_EXPRESS : 0) | (r->deleting ? MACHINE_DELETING : 0) |
                         (r->traced ? MACHINE_TRACED : 0)));
    buf_put_varint(out, r->machine);
    buf_put_varint(out, r->revision);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->updated_ms);
    buf_put_bytes(out, r->name);
    buf_put_bytes(out, r->role_arn);
    buf_put_bytes(out, r->logging);
}

enum err_code machine_row_decode(struct slice bytes, struct machine_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct machine_row r = {0};
    uint8_t version;
    enum err_code rc = row_begin(&c, "machine", MACHINE_VERSION_TRACED, &version, err);
    uint8_t flags;

    if (rc != OK) {
        return rc;
    }
    flags = cursor_u8(&c);
    r.traced = version == MACHINE_VERSION_TRACED;
    c.bad = c.bad || (flags & ~MACHINE_ALL_V1) != (r.traced ? MACHINE_TRACED : 0);
    r.express = (flags & MACHINE_EXPRESS) != 0;
    r.deleting = (flags & MACHINE_DELETING) != 0;
    r.machine = cursor_varint(&c);
    r.revision = row_u32(&c);
    r.created_ms = cursor_svarint(&c);
    r.updated_ms = cursor_svarint(&c);
    r.name = cursor_bytes(&c);
    r.role_arn = cursor_bytes(&c);
    r.logging = cursor_bytes(&c);
    rc = row_end(&c, "machine", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void revision_row_encode(const struct revision_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_bytes(out, r->definition);
    buf_put_bytes(out, r->role_arn);
}

enum err_code revision_row_decode(struct slice bytes, struct revision_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct revision_row r = {0};
    enum err_code rc = row_begin(&c, "revision", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    r.definition = cursor_bytes(&c);
    r.role_arn = cursor_bytes(&c);
    rc = row_end(&c, "revision", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void name_row_encode(const struct name_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, r->execution);
    buf_put_svarint(out, r->start_ms);
}

enum err_code name_row_decode(struct slice bytes, struct name_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct name_row r = {0};
    enum err_code rc = row_begin(&c, "name", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.execution = cursor_varint(&c);
    r.start_ms = cursor_svarint(&c);
    rc = row_end(&c, "name", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void index_row_encode(const struct index_row *r, struct buf *out)
{
    bool started = r->version != 0 || r->alias.len != 0;

    buf_put_u8(out, started ? INDEX_VERSION_STARTED : ROW_VERSION);
    buf_put_bytes(out, r->name);
    buf_put_svarint(out, r->stop_ms);
    buf_put_varint(out, r->redrive_count);
    buf_put_svarint(out, r->redrive_ms);
    buf_put_svarint(out, r->parked_ms);
    if (started) {
        buf_put_varint(out, r->version);
        buf_put_bytes(out, r->alias);
    }
}

enum err_code index_row_decode(struct slice bytes, struct index_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct index_row r = {0};
    uint8_t version;
    enum err_code rc = row_begin(&c, "index", INDEX_VERSION_STARTED, &version, err);

    if (rc != OK) {
        return rc;
    }
    r.name = cursor_bytes(&c);
    r.stop_ms = cursor_svarint(&c);
    r.redrive_count = row_u32(&c);
    r.redrive_ms = cursor_svarint(&c);
    r.parked_ms = cursor_svarint(&c);
    if (version == INDEX_VERSION_STARTED) {
        r.version = row_u32(&c);
        r.alias = cursor_bytes(&c);
    }
    rc = row_end(&c, "index", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void activity_row_encode(const struct activity_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
}

enum err_code activity_row_decode(struct slice bytes, struct activity_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct activity_row r = {0};
    enum err_code rc = row_begin(&c, "activity", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    rc = row_end(&c, "activity", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void access_row_encode(const struct access_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_u8(out, (uint8_t)r->role);
    buf_put_bytes(out, r->secret);
    buf_put_bytes(out, r->note);
}

enum err_code access_row_decode(struct slice bytes, struct access_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct access_row r = {0};
    enum err_code rc = row_begin(&c, "access key", ROW_VERSION, NULL, err);
    uint8_t role;

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    role = cursor_u8(&c);
    c.bad = c.bad || role < ROLE_READ || role > ROLE_ADMIN;
    r.role = (enum access_role)role;
    r.secret = cursor_bytes(&c);
    r.note = cursor_bytes(&c);
    rc = row_end(&c, "access key", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
