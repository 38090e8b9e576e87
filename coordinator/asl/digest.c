/* SPDX-License-Identifier: Apache-2.0 */
/* See digest.h. MD5, SHA-1 and SHA-256 work on 64-byte blocks of 32-bit words, SHA-384 and SHA-512
 * on 128-byte blocks of 64-bit words; all pad the same way, with the length in bits at the end. */
#include "coordinator/asl/digest.h"

struct narrow {
    uint32_t h[8];
};

struct wide {
    uint64_t h[8];
};

static uint32_t rotl32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t rotr32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint64_t rotr64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint32_t load32be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t load32le(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void md5_block(struct narrow *s, const uint8_t *block)
{
    static const uint8_t turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const uint32_t k[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391};
    uint32_t a = s->h[0];
    uint32_t b = s->h[1];
    uint32_t c = s->h[2];
    uint32_t d = s->h[3];

    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16;
        uint32_t f = round == 0   ? (b & c) | (~b & d)
                     : round == 1 ? (d & b) | (~d & c)
                     : round == 2 ? b ^ c ^ d
                                  : c ^ (b | ~d);
        unsigned word = (round == 0   ? i
                         : round == 1 ? 5 * i + 1
                         : round == 2 ? 3 * i + 5
                                      : 7 * i) %
                        16;
        uint32_t turned = rotl32(a + f + k[i] + load32le(block + 4 * word), turns[round][i % 4]);

        a = d;
        d = c;
        c = b;
        b += turned;
    }
    s->h[0] += a;
    s->h[1] += b;
    s->h[2] += c;
    s->h[3] += d;
}

static void sha1_block(struct narrow *s, const uint8_t *block)
{
    uint32_t w[80];
    uint32_t v[5];

    for (unsigned i = 0; i < 80; i++) {
        w[i] = i < 16 ? load32be(block + 4 * i)
                      : rotl32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    memcpy(v, s->h, sizeof(v));
    for (unsigned i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999
                     : i < 40 ? (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1
                     : i < 60 ? ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdc
                              : (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
        uint32_t next = rotl32(v[0], 5) + f + v[4] + w[i];

        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotl32(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (unsigned i = 0; i < 5; i++) {
        s->h[i] += v[i];
    }
}

/* The first 64 bits of the fractional parts of the cube roots of the first 80 primes: SHA-512's;
 * the upper halves of the first 64 are SHA-256's. */
static const uint64_t sha_k[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

static void sha256_block(struct narrow *s, const uint8_t *block)
{
    uint32_t w[64];
    uint32_t v[8];

    for (unsigned i = 0; i < 64; i++) {
        w[i] = i < 16 ? load32be(block + 4 * i)
                      : (rotr32(w[i - 2], 17) ^ rotr32(w[i - 2], 19) ^ w[i - 2] >> 10) + w[i - 7] +
                            (rotr32(w[i - 15], 7) ^ rotr32(w[i - 15], 18) ^ w[i - 15] >> 3) +
                            w[i - 16];
    }
    memcpy(v, s->h, sizeof(v));
    for (unsigned i = 0; i < 64; i++) {
        uint32_t one = v[7] + (rotr32(v[4], 6) ^ rotr32(v[4], 11) ^ rotr32(v[4], 25)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + (uint32_t)(sha_k[i] >> 32) + w[i];
        uint32_t two = (rotr32(v[0], 2) ^ rotr32(v[0], 13) ^ rotr32(v[0], 22)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] += v[i];
    }
}

static void sha512_block(struct wide *s, const uint8_t *block)
{
    uint64_t w[80];
    uint64_t v[8];

    for (unsigned i = 0; i < 80; i++) {
        w[i] = i < 16
                   ? (uint64_t)load32be(block + 8 * i) << 32 | load32be(block + 8 * i + 4)
                   : (rotr64(w[i - 2], 19) ^ rotr64(w[i - 2], 61) ^ w[i - 2] >> 6) + w[i - 7] +
                         (rotr64(w[i - 15], 1) ^ rotr64(w[i - 15], 8) ^ w[i - 15] >> 7) + w[i - 16];
    }
    memcpy(v, s->h, sizeof(v));
    for (unsigned i = 0; i < 80; i++) {
        uint64_t one = v[7] + (rotr64(v[4], 14) ^ rotr64(v[4], 18) ^ rotr64(v[4], 41)) +
                       ((v[4] & v[5]) ^ (~v[4] & v[6])) + sha_k[i] + w[i];
        uint64_t two = (rotr64(v[0], 28) ^ rotr64(v[0], 34) ^ rotr64(v[0], 39)) +
                       ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) {
        s->h[i] += v[i];
    }
}

/* The data's tail, 0x80, zeros and the length in bits: one block or two. Returns the bytes used. */
static size_t pad(struct slice data, size_t block_bytes, bool little, uint8_t out[256])
{
    size_t tail = data.len % block_bytes;
    size_t length_bytes = block_bytes / 8;
    size_t total = tail + 1 + length_bytes <= block_bytes ? block_bytes : 2 * block_bytes;
    uint64_t bits = (uint64_t)data.len * 8;

    memset(out, 0, total);
    if (tail > 0) {
        memcpy(out, data.ptr + data.len - tail, tail);
    }
    out[tail] = 0x80;
    for (size_t i = 0; i < 8; i++) {
        size_t place = little ? total - 8 + i : total - 1 - i;

        out[place] = (uint8_t)(bits >> (8 * i));
    }
    return total;
}

static void narrow_run(struct narrow *s,
                       void (*block)(struct narrow *, const uint8_t *),
                       struct slice data,
                       bool little)
{
    uint8_t last[256];
    size_t total = pad(data, 64, little, last);

    for (size_t i = 0; i + 64 <= data.len; i += 64) {
        block(s, (const uint8_t *)data.ptr + i);
    }
    for (size_t i = 0; i < total; i += 64) {
        block(s, last + i);
    }
}

static size_t narrow_out(const struct narrow *s, size_t bytes, bool little, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(s->h[i / 4] >> (little ? 8 * (i % 4) : 24 - 8 * (i % 4)));
    }
    return bytes;
}

static size_t wide_digest(struct wide s, struct slice data, size_t bytes, uint8_t *out)
{
    uint8_t last[256];
    size_t total = pad(data, 128, false, last);

    for (size_t i = 0; i + 128 <= data.len; i += 128) {
        sha512_block(&s, (const uint8_t *)data.ptr + i);
    }
    for (size_t i = 0; i < total; i += 128) {
        sha512_block(&s, last + i);
    }
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(s.h[i / 8] >> (56 - 8 * (i % 8)));
    }
    return bytes;
}

size_t digest_compute(struct slice algorithm, struct slice data, uint8_t out[DIGEST_BYTES_MAX])
{
    static const struct narrow one = {{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
    static const struct narrow sha256 = {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    static const struct wide sha384 = {{0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17,
                                        0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511,
                                        0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}};
    static const struct wide sha512 = {{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                        0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                        0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}};
    struct narrow s = one;

    if (slice_eq_str(algorithm, "MD5")) {
        narrow_run(&s, md5_block, data, true);
        return narrow_out(&s, 16, true, out);
    }
    if (slice_eq_str(algorithm, "SHA-1")) {
        narrow_run(&s, sha1_block, data, false);
        return narrow_out(&s, 20, false, out);
    }
    if (slice_eq_str(algorithm, "SHA-256")) {
        s = sha256;
        narrow_run(&s, sha256_block, data, false);
        return narrow_out(&s, 32, false, out);
    }
    if (slice_eq_str(algorithm, "SHA-384")) {
        return wide_digest(sha384, data, 48, out);
    }
    return slice_eq_str(algorithm, "SHA-512") ? wide_digest(sha512, data, 64, out) : 0;
}
