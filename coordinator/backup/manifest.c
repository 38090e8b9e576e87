/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/backup/manifest.h"

#include <string.h>

#include "coordinator/store/crc32c.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static const char first_line[] = "stepfleet backup 1\n";

bool manifest_is_name(struct slice name)
{
    if (name.len == 0 || name.len > LIMIT_BACKUP_NAME_BYTES || name.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '.' || c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

uint64_t manifest_bytes(const struct manifest *m)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < m->count; i++) {
        bytes += m->files[i].bytes;
    }
    return bytes;
}

void manifest_print(const struct manifest *m, struct buf *out)
{
    size_t from = out->len;
    char made[TEXT_TIME_BYTES];
    size_t len = text_format_time(m->made_ms, made);

    buf_put_str(out, first_line);
    buf_printf(out, "made %.*s\nbatch %llu\nexecutions %llu\n", (int)len, made,
               (unsigned long long)m->batch, (unsigned long long)m->executions);
    for (size_t i = 0; i < m->count; i++) {
        const struct manifest_file *f = &m->files[i];

        buf_printf(out, "file %llu %08x %.*s\n", (unsigned long long)f->bytes, f->crc,
                   SLICE_FMT(f->name));
    }
    buf_printf(out, "end %08x\n", crc32c(0, out->ptr + from, out->len - from));
}

/* ---- parsing ---- */

struct lines {
    struct slice left;
    size_t number; /* of the line taken last */
};

/* Up to the next '\n', which must be there. */
static bool take_line(struct lines *l, struct slice *out)
{
    size_t end = slice_find(l->left, '\n');

    if (end == l->left.len) {
        return false;
    }
    *out = slice_head(l->left, end);
    l->left = slice_from(l->left, end + 1);
    l->number++;
    return true;
}

/* What stands behind `word` and a space. */
static bool take_member(struct lines *l, const char *word, struct slice *out)
{
    struct slice line;

    if (!take_line(l, &line) || !slice_starts_with(line, slice_str(word))) {
        return false;
    }
    *out = slice_from(line, strlen(word));
    return true;
}

/* Up to a space, which is skipped. */
static struct slice take_field(struct slice *text)
{
    size_t end = slice_find(*text, ' ');
    struct slice field = slice_head(*text, end);

    *text = slice_from(*text, end < text->len ? end + 1 : end);
    return field;
}

static bool parse_crc(struct slice text, uint32_t *out)
{
    uint8_t bytes[4];

    if (text.len != 2 * sizeof(bytes) || !text_parse_hex(text, bytes)) {
        return false;
    }
    *out = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static bool parse_file(struct slice text, struct manifest_file *out)
{
    return text_parse_u64(take_field(&text), &out->bytes) &&
           parse_crc(take_field(&text), &out->crc) && manifest_is_name(out->name = text);
}

static bool parse_head(struct lines *l, struct manifest *out)
{
    struct slice line;

    return take_member(l, "stepfleet backup ", &line) && slice_eq_str(line, "1") &&
           take_member(l, "made ", &line) && text_parse_time(line, &out->made_ms) &&
           take_member(l, "batch ", &line) && text_parse_u64(line, &out->batch) &&
           take_member(l, "executions ", &line) && text_parse_u64(line, &out->executions);
}

static size_t count_lines(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n';
    }
    return n;
}

static bool parse_files(struct lines *l, struct manifest *out)
{
    struct slice line;
    struct slice text = SLICE("file ");

    while (slice_starts_with(l->left, text)) {
        if (!take_member(l, "file ", &line) || !parse_file(line, &out->files[out->count])) {
            return false;
        }
        out->count++;
    }
    return true;
}

enum err_code
manifest_parse(struct slice text, struct arena *a, struct manifest *out, struct err *err)
{
    struct lines l = {.left = text};
    struct manifest m = {.count = 0};
    struct slice line;
    size_t before;
    uint32_t crc;

    m.files = ARENA_ARRAY(a, count_lines(text), struct manifest_file);
    if (!parse_head(&l, &m) || !parse_files(&l, &m)) {
        return err_set(err, ERR_CORRUPT, "it is no manifest of a backup: line %zu is wrong",
                       l.number + (l.number == 0));
    }
    before = text.len - l.left.len;
    if (!take_member(&l, "end ", &line) || l.left.len != 0 || !parse_crc(line, &crc) ||
        crc != crc32c(0, text.ptr, before)) {
        return err_set(err, ERR_CORRUPT, "its end is missing, or it was changed");
    }
    *out = m;
    return OK;
}
