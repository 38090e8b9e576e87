/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/sign.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

enum { BLOCK_BYTES = 64 };

const struct slice sign_empty_hash =
    SLICE_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
const struct slice sign_unsigned_payload = SLICE_INIT("UNSIGNED-PAYLOAD");

static bool sign_is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

struct slice sign_encode(struct slice s, bool keep_slash, struct arena *a)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, s.len * 3);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (sign_is_unreserved(c) || (c == '/' && keep_slash)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 15];
        }
    }
    return slice_make(out, n);
}

bool sign_decode(struct slice s, struct arena *a, struct slice *out)
{
    char *p = arena_alloc(a, s.len);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%') {
            if (s.len - i < 3 || !text_parse_hex(slice_make(s.ptr + i + 1, 2), p + n)) {
                return false;
            }
            n++;
            i += 2;
        } else {
            p[n++] = s.ptr[i] == '+' ? ' ' : s.ptr[i];
        }
    }
    *out = slice_make(p, n);
    return true;
}

static int sign_pair_compare(const void *left, const void *right)
{
    const struct sign_pair *l = left;
    const struct sign_pair *r = right;
    int c = slice_cmp(l->name, r->name);

    return c != 0 ? c : slice_cmp(l->value, r->value);
}

/* Insertion sort: there are a handful, and qsort may allocate. */
static void sign_sort(struct sign_pair *pairs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sign_pair moving = pairs[i];
        size_t at = i;

        while (at > 0 && sign_pair_compare(&pairs[at - 1], &moving) > 0) {
            pairs[at] = pairs[at - 1];
            at--;
        }
        pairs[at] = moving;
    }
}

struct slice sign_query(const struct sign_pair *pairs, size_t count, struct arena *a)
{
    struct sign_pair *sorted = ARENA_ARRAY(a, count, struct sign_pair);
    struct slice out = {"", 0};

    for (size_t i = 0; i < count; i++) {
        sorted[i].name = sign_encode(pairs[i].name, false, a);
        sorted[i].value = sign_encode(pairs[i].value, false, a);
    }
    sign_sort(sorted, count);
    for (size_t i = 0; i < count; i++) {
        out = arena_printf(a, "%.*s%s%.*s=%.*s", SLICE_FMT(out), i == 0 ? "" : "&",
                           SLICE_FMT(sorted[i].name), SLICE_FMT(sorted[i].value));
    }
    return out;
}

void sign_time(int64_t now_ms, char out[SIGN_TIME_BYTES])
{
    char full[TEXT_TIME_BYTES]; /* 2013-05-24T00:00:00.000Z */

    (void)text_format_time(now_ms, full);
    memcpy(out, full, 4);
    memcpy(out + 4, full + 5, 2);
    memcpy(out + 6, full + 8, 3);
    memcpy(out + 9, full + 11, 2);
    memcpy(out + 11, full + 14, 2);
    memcpy(out + 13, full + 17, 2);
    out[15] = 'Z';
}

/* ---- digests ---- */

/* Looked up once: with EVP_sha256(), and in HMAC(), OpenSSL does it each time, under locks. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(sha256 != NULL);
}

static EVP_MD_CTX *digest_new(void)
{
    EVP_MD_CTX *c;
    int rv = pthread_once(&sha256_once, sha256_fetch);

    c = EVP_MD_CTX_new();
    assert(rv == 0 && c != NULL);
    (void)rv;
    return c;
}

/* SHA-256 of one after the other. */
static struct sign_mac digest_of(EVP_MD_CTX *c, struct slice one, struct slice other)
{
    struct sign_mac out;
    int ok = EVP_DigestInit_ex2(c, sha256, NULL) == 1 &&
             EVP_DigestUpdate(c, one.ptr, one.len) == 1 &&
             EVP_DigestUpdate(c, other.ptr, other.len) == 1 &&
             EVP_DigestFinal_ex(c, out.bytes, NULL) == 1;

    assert(ok);
    (void)ok;
    return out;
}

void sign_hash(struct slice body, char out[SIGN_HEX_BYTES])
{
    EVP_MD_CTX *c = digest_new();
    struct sign_mac digest = digest_of(c, body, SLICE(""));

    EVP_MD_CTX_free(c);
    text_format_hex(digest.bytes, sizeof(digest.bytes), out);
}

static struct slice sign_mac_slice(const struct sign_mac *mac)
{
    return slice_make(mac->bytes, sizeof(mac->bytes));
}

/* The key, padded to a block, with each byte changed so. */
static struct slice key_pad(struct slice key, unsigned char with, unsigned char out[BLOCK_BYTES])
{
    for (size_t i = 0; i < BLOCK_BYTES; i++) {
        out[i] = (unsigned char)((i < key.len ? (unsigned char)key.ptr[i] : 0) ^ with);
    }
    return slice_make(out, BLOCK_BYTES);
}

/* HMAC-SHA256. Source: RFC 2104. */
static struct sign_mac sign_hmac(struct slice key, struct slice text)
{
    EVP_MD_CTX *c = digest_new();
    unsigned char pad[BLOCK_BYTES];
    struct sign_mac hashed;
    struct sign_mac mac;

    if (key.len > BLOCK_BYTES) {
        hashed = digest_of(c, key, SLICE(""));
        key = sign_mac_slice(&hashed);
    }
    mac = digest_of(c, key_pad(key, 0x36, pad), text);
    mac = digest_of(c, key_pad(key, 0x5C, pad), sign_mac_slice(&mac));
    OPENSSL_cleanse(pad, sizeof(pad));
    EVP_MD_CTX_free(c);
    return mac;
}

/* ---- the canonical request ---- */

/* Without blanks around, inner runs of blanks as one. */
static struct slice sign_trim(struct slice value, struct arena *a)
{
    char *out = arena_alloc(a, value.len);
    size_t n = 0;

    for (size_t i = 0; i < value.len; i++) {
        bool blank = value.ptr[i] == ' ' || value.ptr[i] == '\t';

        if (!blank) {
            out[n++] = value.ptr[i];
        } else if (n > 0 && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    return slice_make(out, n > 0 && out[n - 1] == ' ' ? n - 1 : n);
}

static const struct sign_pair *sign_headers_sorted(const struct sign_request *r, struct arena *a)
{
    struct sign_pair *sorted = ARENA_ARRAY(a, r->header_count, struct sign_pair);

    for (size_t i = 0; i < r->header_count; i++) {
        sorted[i] = (struct sign_pair){r->headers[i].name, sign_trim(r->headers[i].value, a)};
    }
    sign_sort(sorted, r->header_count);
    return sorted;
}

/* The buffer's bytes; it is gone. */
static struct slice take_text(struct buf *b, struct arena *a)
{
    struct slice copy = arena_copy(a, buf_slice(b));

    buf_fini(b);
    return copy;
}

static struct slice sign_header_names(const struct sign_pair *sorted, size_t count, struct arena *a)
{
    struct buf b = {0};

    for (size_t i = 0; i < count; i++) {
        buf_put_str(&b, i == 0 ? "" : ";");
        buf_put_slice(&b, sorted[i].name);
    }
    return take_text(&b, a);
}

struct slice sign_names(const struct sign_request *r, struct arena *a)
{
    return sign_header_names(sign_headers_sorted(r, a), r->header_count, a);
}

static void put_line(struct buf *b, struct slice line)
{
    buf_put_slice(b, line);
    buf_put_str(b, "\n");
}

struct slice sign_canonical(const struct sign_request *r, struct arena *a)
{
    const struct sign_pair *sorted = sign_headers_sorted(r, a);
    struct buf b = {0};

    put_line(&b, r->method);
    put_line(&b, r->path);
    put_line(&b, r->query);
    for (size_t i = 0; i < r->header_count; i++) {
        buf_put_slice(&b, sorted[i].name);
        buf_put_str(&b, ":");
        put_line(&b, sorted[i].value);
    }
    put_line(&b, SLICE(""));
    put_line(&b, sign_header_names(sorted, r->header_count, a));
    buf_put_slice(&b, r->payload_hash);
    return take_text(&b, a);
}

/* ---- signatures ---- */

struct slice sign_scope_text(const struct sign_scope *scope, struct arena *a)
{
    return arena_printf(a, "%.*s/%.*s/%.*s/aws4_request", SLICE_FMT(scope->date),
                        SLICE_FMT(scope->region), SLICE_FMT(scope->service));
}

struct sign_mac sign_key(struct slice secret_key, const struct sign_scope *scope, struct arena *a)
{
    struct sign_mac k = sign_hmac(arena_printf(a, "AWS4%.*s", SLICE_FMT(secret_key)), scope->date);

    k = sign_hmac(sign_mac_slice(&k), scope->region);
    k = sign_hmac(sign_mac_slice(&k), scope->service);
    return sign_hmac(sign_mac_slice(&k), SLICE("aws4_request"));
}

void sign_signature(const struct sign_mac *key,
                    const struct sign_scope *scope,
                    struct slice time,
                    struct slice canonical,
                    struct arena *a,
                    char out[SIGN_HEX_BYTES])
{
    char hash[SIGN_HEX_BYTES];
    struct sign_mac mac;

    sign_hash(canonical, hash);
    mac = sign_hmac(sign_mac_slice(key),
                    arena_printf(a, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", SLICE_FMT(time),
                                 SLICE_FMT(sign_scope_text(scope, a)), SIGN_HEX_BYTES, hash));
    text_format_hex(mac.bytes, sizeof(mac.bytes), out);
}

struct slice
sign_authorization(const struct sign_keys *keys, const struct sign_request *r, struct arena *a)
{
    const struct sign_scope scope = {
        .date = slice_make(r->time, SIGN_DATE_BYTES),
        .region = keys->region,
        .service = SLICE("s3"),
    };
    struct slice names = sign_names(r, a);
    struct sign_mac key = sign_key(keys->secret_key, &scope, a);
    char signature[SIGN_HEX_BYTES];

    sign_signature(&key, &scope, slice_make(r->time, SIGN_TIME_BYTES), sign_canonical(r, a), a,
                   signature);
    return arena_printf(a,
                        "AWS4-HMAC-SHA256 Credential=%.*s/%.*s,SignedHeaders=%.*s,Signature=%.*s",
                        SLICE_FMT(keys->access_key), SLICE_FMT(sign_scope_text(&scope, a)),
                        SLICE_FMT(names), SIGN_HEX_BYTES, signature);
}
