/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles to text and back, exactly: whatever the plain arithmetic of doubles cannot give without
 * error is done with big integers, so every conversion is correctly rounded, and the text is the
 * shortest that reads back. Needs no locale and no rounding mode but the default one.
 * Sources: IEEE 754 binary64; Steele and White, "How to Print Floating-Point Numbers Accurately";
 * the notation is that of Java's Double.toString. */
#include <assert.h>
#include <float.h>
#include <math.h>

#include "proto/base/text.h"

_Static_assert(DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "IEEE 754 binary64");
_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic is that of doubles");

enum {
    BIG_WORDS = 128,    /* 4096 bits: 770 digits over 10^1100, and 10^330 over anything */
    DIGITS_MAX = 770,   /* a tie between two doubles has at most 767; the rest only breaks it */
    DIGITS_EXACT = 15,  /* so many decimal digits always survive in a double */
    DIGITS_ENOUGH = 17, /* so many always tell two doubles apart */
    POW10_EXACT = 22,   /* 10^22 is a double */
};

static const double pow10_exact[POW10_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* A natural number, least word first; no zero words on top. */
struct big {
    size_t len;
    uint32_t words[BIG_WORDS];
};

static void big_set(struct big *b, uint64_t v)
{
    b->words[0] = (uint32_t)v;
    b->words[1] = (uint32_t)(v >> 32);
    b->len = v >> 32 != 0 ? 2 : v != 0;
}

/* b = b * factor + add */
static void big_mul_add(struct big *b, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;

    for (size_t i = 0; i < b->len; i++) {
        carry += (uint64_t)b->words[i] * factor;
        b->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        assert(b->len < BIG_WORDS);
        b->words[b->len++] = (uint32_t)carry;
    }
}

static void big_mul_pow10(struct big *b, int64_t power)
{
    for (; power >= 9; power -= 9) {
        big_mul_add(b, 1000000000, 0);
    }
    for (; power > 0; power--) {
        big_mul_add(b, 10, 0);
    }
}

static void big_shift_left(struct big *b, int64_t bits)
{
    size_t whole = (size_t)bits / 32;

    if (b->len == 0) {
        return;
    }
    big_mul_add(b, UINT32_C(1) << (bits % 32), 0);
    assert(b->len + whole <= BIG_WORDS);
    memmove(b->words + whole, b->words, b->len * sizeof(b->words[0]));
    memset(b->words, 0, whole * sizeof(b->words[0]));
    b->len += whole;
}

static int64_t big_bits(const struct big *b)
{
    return b->len == 0 ? 0 : (int64_t)b->len * 32 - __builtin_clz(b->words[b->len - 1]);
}

static int big_cmp(const struct big *x, const struct big *y)
{
    if (x->len != y->len) {
        return x->len < y->len ? -1 : 1;
    }
    for (size_t i = x->len; i-- > 0;) {
        if (x->words[i] != y->words[i]) {
            return x->words[i] < y->words[i] ? -1 : 1;
        }
    }
    return 0;
}

/* x -= y, which is not greater. */
static void big_sub(struct big *x, const struct big *y)
{
    int64_t borrow = 0;

    for (size_t i = 0; i < x->len; i++) {
        int64_t d = (int64_t)x->words[i] - (i < y->len ? y->words[i] : 0) + borrow;

        x->words[i] = (uint32_t)d;
        borrow = d < 0 ? -1 : 0;
    }
    assert(borrow == 0);
    while (x->len != 0 && x->words[x->len - 1] == 0) {
        x->len--;
    }
}

/* A decimal as written: the significant digits, and the power of ten of a point before them:
 * 0.ddd * 10^point. */
struct decimal {
    bool negative;
    bool more; /* digits other than 0 follow those kept */
    size_t count;
    int64_t point;
    char digits[DIGITS_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Take digits off the front of s; `point` moves with each where they stand before the point. */
static size_t take_digits(struct slice *s, struct decimal *d, bool whole)
{
    size_t n = 0;

    for (; n < s->len && is_digit(s->ptr[n]); n++) {
        char c = s->ptr[n];

        if (c == '0' && d->count == 0) {
            d->point -= !whole;
            continue;
        }
        d->point += whole;
        if (d->count < DIGITS_MAX) {
            d->digits[d->count++] = c;
        } else {
            d->more |= c != '0';
        }
    }
    *s = slice_from(*s, n);
    return n;
}

static bool take_exponent(struct slice *s, int64_t *exponent)
{
    bool negative;
    int64_t v = 0;
    size_t n = 0;

    *exponent = 0;
    if (s->len == 0) {
        return true;
    }
    if ((s->ptr[0] | 0x20) != 'e') {
        return false;
    }
    *s = slice_from(*s, 1);
    negative = s->len != 0 && s->ptr[0] == '-';
    *s = slice_from(*s, negative || (s->len != 0 && s->ptr[0] == '+'));
    for (; n < s->len && is_digit(s->ptr[n]); n++) {
        v = v < INT64_MAX / 20 ? v * 10 + (s->ptr[n] - '0') : v;
    }
    *exponent = negative ? -v : v;
    *s = slice_from(*s, n);
    return n != 0;
}

static bool decimal_parse(struct slice s, struct decimal *d)
{
    int64_t exponent;

    d->count = 0;
    d->point = 0;
    d->more = false;
    d->negative = s.len != 0 && s.ptr[0] == '-';
    s = slice_from(s, d->negative);
    if (take_digits(&s, d, true) == 0) {
        return false;
    }
    if (s.len != 0 && s.ptr[0] == '.') {
        s = slice_from(s, 1);
        if (take_digits(&s, d, false) == 0) {
            return false;
        }
    }
    if (!take_exponent(&s, &exponent) || s.len != 0) {
        return false;
    }
    while (!d->more && d->count != 0 && d->digits[d->count - 1] == '0') {
        d->count--;
    }
    d->point += exponent;
    return true;
}

/* The sum of `mantissa` * 2^exponent and a bit less than its last bit where `sticky`, rounded to
 * the nearest double, halves to even. The mantissa has 63 or 64 bits. */
static double round_to_double(uint64_t mantissa, int64_t exponent, bool sticky)
{
    int64_t drop = 11 - __builtin_clzll(mantissa);
    uint64_t half;
    uint64_t rest;

    if (exponent + drop < -1074) {
        drop = -1074 - exponent; /* subnormal: fewer bits are left */
    }
    if (drop > 64) {
        return 0.0; /* less than half of the least */
    }
    half = UINT64_C(1) << (drop - 1);
    rest = drop == 64 ? mantissa : mantissa & ((UINT64_C(1) << drop) - 1);
    mantissa = drop == 64 ? 0 : mantissa >> drop;
    if (rest > half || (rest == half && (sticky || (mantissa & 1) != 0))) {
        mantissa++;
    }
    return ldexp((double)mantissa, (int)(exponent + drop));
}

/* num / den to the nearest double: 64 bits of the quotient, one by one, and whether any are left.
 */
static double big_ratio(struct big *num, struct big *den)
{
    int64_t shift = big_bits(num) - big_bits(den);
    uint64_t quotient = 0;

    if (shift >= 0) {
        big_shift_left(den, shift);
    } else {
        big_shift_left(num, -shift);
    }
    for (int i = 0; i < 64; i++) {
        quotient <<= 1;
        if (big_cmp(num, den) >= 0) {
            big_sub(num, den);
            quotient |= 1;
        }
        big_shift_left(num, 1);
    }
    return round_to_double(quotient, shift - 63, num->len != 0);
}

static double decimal_slow(const struct decimal *d)
{
    struct big num;
    struct big den;
    int64_t power = d->point - (int64_t)d->count;

    if (d->point > 310) {
        return HUGE_VAL;
    }
    if (d->point < -330) {
        return 0.0;
    }
    big_set(&num, 0);
    for (size_t i = 0; i < d->count; i++) {
        if (num.len == 0) {
            big_set(&num, (uint64_t)(d->digits[i] - '0'));
        } else {
            big_mul_add(&num, 10, (uint32_t)(d->digits[i] - '0'));
        }
    }
    if (d->more) {
        big_mul_add(&num, 10, 1);
        power--;
    }
    big_set(&den, 1);
    big_mul_pow10(power >= 0 ? &num : &den, power >= 0 ? power : -power);
    return big_ratio(&num, &den);
}

static double decimal_value(const struct decimal *d)
{
    int64_t power = d->point - (int64_t)d->count;
    uint64_t mantissa = 0;

    if (d->count == 0) {
        return 0.0;
    }
    if (d->count > DIGITS_EXACT || power > POW10_EXACT || power < -POW10_EXACT) {
        return decimal_slow(d);
    }
    /* Both are exact doubles, so the one operation rounds once. */
    for (size_t i = 0; i < d->count; i++) {
        mantissa = mantissa * 10 + (uint64_t)(d->digits[i] - '0');
    }
    return power >= 0 ? (double)mantissa * pow10_exact[power]
                      : (double)mantissa / pow10_exact[-power];
}

bool text_parse_double(struct slice s, double *out)
{
    struct decimal d;

    if (!decimal_parse(s, &d)) {
        return false;
    }
    *out = d.negative ? -decimal_value(&d) : decimal_value(&d);
    return true;
}

bool text_is_number(struct slice s)
{
    struct decimal d = {0};
    size_t digits;
    int64_t exponent;

    s = slice_from(s, s.len != 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'));
    digits = take_digits(&s, &d, true);
    if (s.len != 0 && s.ptr[0] == '.') {
        s = slice_from(s, 1);
        digits += take_digits(&s, &d, false);
    }
    return digits != 0 && take_exponent(&s, &exponent) && s.len == 0;
}

/* The digits of a finite v > 0: `count` of them, rounded to nearest, and the exponent of the first:
 * d.ddd * 10^exponent. `down` says that rounding went down. */
struct digits {
    size_t count;
    int exponent;
    bool down;
    char text[DIGITS_ENOUGH + 1];
};

/* One unit more in the last place. */
static void digits_increment(struct digits *d)
{
    size_t i = d->count;

    while (i > 0 && d->text[i - 1] == '9') {
        d->text[--i] = '0';
    }
    if (i > 0) {
        d->text[i - 1]++;
    } else {
        d->text[0] = '1'; /* 9.99 became 10.00: the zeros are there */
        d->exponent++;
    }
}

/* v as num / den, scaled to 1 <= num / den < 10 by 10^-exponent. */
static int digits_scale(double v, struct big *num, struct big *den)
{
    int binary;
    double fraction = frexp(v, &binary); /* 0.5 .. 1 */
    int exponent = (binary - 1) * 1233 / 4096 - (binary < 1);

    big_set(num, (uint64_t)ldexp(fraction, 53));
    big_set(den, 1);
    binary -= 53;
    big_shift_left(binary >= 0 ? num : den, binary >= 0 ? binary : -binary);
    big_mul_pow10(exponent >= 0 ? den : num, exponent >= 0 ? exponent : -exponent);
    if (big_cmp(num, den) < 0) {
        big_mul_add(num, 10, 0);
        exponent--;
    } else {
        struct big ten = *den;

        big_mul_add(&ten, 10, 0);
        if (big_cmp(num, &ten) >= 0) {
            *den = ten;
            exponent++;
        }
    }
    return exponent;
}

/* The next digit of num / den, which is below 10. */
static char digits_next(struct big *num, const struct big *den)
{
    char digit = '0';

    while (big_cmp(num, den) >= 0) {
        big_sub(num, den);
        digit++;
    }
    big_mul_add(num, 10, 0);
    return digit;
}

/* Exactly `count` digits of v, correctly rounded. */
static void digits_exact(double v, size_t count, struct digits *d)
{
    struct big num;
    struct big den;

    d->count = count;
    d->exponent = digits_scale(v, &num, &den);
    for (size_t i = 0; i < count; i++) {
        d->text[i] = digits_next(&num, &den);
    }
    /* What is left, in tenths of the last place. */
    big_mul_add(&den, 5, 0);
    d->down = big_cmp(&num, &den) < 0;
    if (!d->down) {
        digits_increment(d);
    }
}

static bool digits_read_back(const struct digits *d, double v)
{
    struct decimal back = {.count = d->count, .point = d->exponent + 1};

    memcpy(back.digits, d->text, d->count);
    return decimal_value(&back) == v;
}

/* Few digits, found in plain arithmetic: v * 10^k is a whole number that gives v back exactly. */
static bool digits_fast(double v, struct digits *d)
{
    for (int k = 0; k <= DIGITS_EXACT; k++) {
        double scaled = v * pow10_exact[k];
        uint64_t whole;

        if (scaled >= 1e15) {
            return false;
        }
        whole = (uint64_t)scaled;
        if (whole != 0 && (double)whole == scaled && scaled / pow10_exact[k] == v) {
            char text[DIGITS_ENOUGH + 1];
            size_t n = sizeof(text);

            for (; whole != 0; whole /= 10) {
                text[--n] = (char)('0' + whole % 10);
            }
            d->count = sizeof(text) - n;
            d->exponent = (int)d->count - 1 - k;
            memcpy(d->text, text + n, d->count);
            return true;
        }
    }
    return false;
}

/* The shortest digits that read back as v > 0 (two at least where v is subnormal, as Java has it);
 * of those the nearest to v. */
static void digits_shortest(double v, struct digits *d)
{
    if (digits_fast(v, d)) {
        return;
    }
    for (size_t count = v < DBL_MIN ? 2 : DIGITS_EXACT; count < DIGITS_ENOUGH; count++) {
        digits_exact(v, count, d);
        if (digits_read_back(d, v)) {
            return;
        }
        /* Above a power of two doubles are farther apart than below: the farther neighbour there
         * may read back where the nearer one below does not. */
        if (d->down) {
            digits_increment(d);
            if (digits_read_back(d, v)) {
                return;
            }
        }
    }
    digits_exact(v, DIGITS_ENOUGH, d);
}

/* Digit i, or 0 outside those there are. */
static char digits_at(const struct digits *d, int i)
{
    return i >= 0 && i < (int)d->count ? d->text[i] : '0';
}

static char *put_plain(char *p, const struct digits *d)
{
    int last = (int)d->count - 1;

    /* Digit `exponent` is that of the units. */
    for (int i = d->exponent < 0 ? d->exponent : 0; i <= d->exponent; i++) {
        *p++ = digits_at(d, i);
    }
    *p++ = '.';
    for (int i = d->exponent + 1; i <= last || i == d->exponent + 1; i++) {
        *p++ = digits_at(d, i);
    }
    return p;
}

static char *put_scientific(char *p, const struct digits *d)
{
    int exponent = d->exponent < 0 ? -d->exponent : d->exponent;

    *p++ = d->text[0];
    *p++ = '.';
    for (int i = 1; i < (int)d->count || i == 1; i++) {
        *p++ = digits_at(d, i);
    }
    *p++ = 'E';
    if (d->exponent < 0) {
        *p++ = '-';
    }
    if (exponent >= 100) {
        *p++ = (char)('0' + exponent / 100);
    }
    if (exponent >= 10) {
        *p++ = (char)('0' + exponent / 10 % 10);
    }
    *p++ = (char)('0' + exponent % 10);
    return p;
}

static size_t put_word(const char *word, char out[TEXT_DOUBLE_BYTES])
{
    size_t len = strlen(word);

    memcpy(out, word, len + 1);
    return len;
}

size_t text_format_double(double v, char out[TEXT_DOUBLE_BYTES])
{
    struct digits d;
    char *p = out;

    if (isnan(v)) {
        return put_word("NaN", out);
    }
    if (isinf(v)) {
        return put_word(v < 0 ? "-Infinity" : "Infinity", out);
    }
    if (v == 0) {
        return put_word(signbit(v) != 0 ? "-0.0" : "0.0", out);
    }
    if (v < 0) {
        *p++ = '-';
        v = -v;
    }
    digits_shortest(v, &d);
    while (d.count > 1 && d.text[d.count - 1] == '0') {
        d.count--;
    }
    p = v >= 1e-3 && v < 1e7 ? put_plain(p, &d) : put_scientific(p, &d);
    *p = '\0';
    return (size_t)(p - out);
}
