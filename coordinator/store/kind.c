/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/kind.h"

#include "coordinator/store/backend.h"

struct kind {
    enum store_cf cf;
    char letter;
    const char *shape;
    const char *word;
};

static const struct kind kinds[] = {
#define ROW_KIND(kind, family, letter, shape, word)                                                \
    [ROW_##kind] = {CF_##family, letter, shape, word},
#include "coordinator/store/kind.def"
#undef ROW_KIND
};

enum store_cf row_kind_cf(enum row_kind kind)
{
    return kinds[kind].cf;
}

char row_kind_letter(enum row_kind kind)
{
    return kinds[kind].letter;
}

const char *row_kind_word(enum row_kind kind)
{
    return kinds[kind].word;
}

/* A name before a zero byte; what follows it has a fixed width, and may hold zeros itself. */
static struct slice take_name(struct cursor *c, const char *rest)
{
    size_t behind = 1;
    struct slice name;

    for (; *rest != '\0'; rest++) {
        behind += sizeof(uint64_t);
    }
    if ((size_t)(c->end - c->ptr) < behind) {
        c->bad = true;
        return (struct slice){NULL, 0};
    }
    name = cursor_take(c, (size_t)(c->end - c->ptr) - behind);
    c->bad |= cursor_u8(c) != 0;
    return name;
}

static void take_part(struct cursor *c, const char *shape, struct row_key *out)
{
    uint64_t *number = &out->numbers[out->number_count];

    switch (*shape) {
    case 'q': *number = cursor_u64be(c); break;
    case 'n': *number = ~cursor_u64be(c); break;
    case 'd': *number = cursor_u32be(c); break;
    case 'b': *number = cursor_u8(c); break;
    case 'z': out->name = take_name(c, shape + 1); return;
    default: out->name = cursor_take(c, (size_t)(c->end - c->ptr)); return;
    }
    out->number_count++;
}

static bool parse_as(enum row_kind kind, struct slice key, struct row_key *out)
{
    struct cursor c = cursor_make(key);
    struct row_key k = {.kind = kind};

    k.account = kinds[kind].cf != CF_META ? cursor_u64be(&c) : 0;
    if (kinds[kind].letter != 0 && cursor_u8(&c) != (uint8_t)kinds[kind].letter) {
        return false;
    }
    for (const char *s = kinds[kind].shape; *s != '\0'; s++) {
        take_part(&c, s, &k);
    }
    if (c.bad || !cursor_done(&c)) {
        return false;
    }
    *out = k;
    return true;
}

bool row_key_parse(enum store_cf cf, struct slice key, struct row_key *out)
{
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        if (kinds[kind].cf == cf && parse_as((enum row_kind)kind, key, out)) {
            return true;
        }
    }
    return false;
}

static void print_bytes(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c > ' ' && c < 0x7f && c != '\\') {
            buf_put_u8(out, c);
        } else {
            buf_printf(out, "\\x%02x", c);
        }
    }
}

void row_key_print(enum store_cf cf, struct slice key, struct buf *out)
{
    struct row_key k;
    size_t number = 0;

    if (!row_key_parse(cf, key, &k)) {
        buf_printf(out, "family %s key ", store_cf_name(cf));
        print_bytes(key, out);
        return;
    }
    if (cf != CF_META) {
        buf_printf(out, "account %llu, ", (unsigned long long)k.account);
    }
    buf_put_str(out, kinds[k.kind].word);
    for (const char *s = kinds[k.kind].shape; *s != '\0'; s++) {
        buf_put_u8(out, ' ');
        if (*s == 'z' || *s == 's') {
            print_bytes(k.name, out);
        } else {
            buf_printf(out, "%llu", (unsigned long long)k.numbers[number++]);
        }
    }
}
