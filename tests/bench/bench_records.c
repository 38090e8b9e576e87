/* SPDX-License-Identifier: Apache-2.0 */
/* Records for the bench of jobs, and the handlers that are measured with them, as someone who cares
 * would write them: plain C, no library, large reads and writes.
 *
 *   generate BYTES  lines of JSON until there are so many bytes, the same each time; the first
 *                   member is a unique id of sixteen digits in no order
 *   filter          of the lines on stdin with level "error" and a latency above 250: id, user and
 *                   latency, a line each, as they are written there
 *   walk            the same, and every line is read from its first member on
 *   wait MICROS     each line as it is, after so long
 *   compute MICROS  each line as it is, after so much processor time
 *
 * `filter` looks only at lines that can match: those that hold the quoted word, or a backslash,
 * behind which it could be written in another way. Members are compared as JSON means them: at the
 * top level alone, escapes read, the last of a name counts, white space anywhere. What is not
 * looked at is not checked. Exit status: 0, 1 with the reason on stderr, 2 wrong usage. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 1024 * 1024,
    WRITE_BYTES = 256 * 1024,
    RECORD_BYTES = 1024, /* more than one that is generated here has */
};

static const double latency_above = 250;
static const char level_wanted[] = "error";
static const char quoted_wanted[] = "\"error\"";

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_records: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- Output ---- */

static char output[WRITE_BYTES];
static size_t output_bytes;

static void flush_output(void)
{
    size_t done = 0;

    while (done < output_bytes) {
        ssize_t n = write(STDOUT_FILENO, output + done, output_bytes - done);

        if (n < 0 && errno != EINTR) {
            die("write");
        }
        done += n > 0 ? (size_t)n : 0;
    }
    output_bytes = 0;
}

static void put(const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = WRITE_BYTES - output_bytes;
        size_t n = len < room ? len : room;

        memcpy(output + output_bytes, bytes, n);
        output_bytes += n;
        bytes += n;
        len -= n;
        if (output_bytes == WRITE_BYTES) {
            flush_output();
        }
    }
}

/* ---- Input: whole lines, as many as a read brings ---- */

/* One that does not end with a line break is a line, too. */
static void each_stretch(void (*take)(const char *p, const char *end))
{
    size_t room = 2 * READ_BYTES;
    char *bytes = malloc(room);
    size_t have = 0;
    ssize_t n;

    while (bytes != NULL && (n = read(STDIN_FILENO, bytes + have, READ_BYTES)) != 0) {
        const char *last;
        size_t whole;

        if (n < 0 && errno != EINTR) {
            die("read");
        }
        last = n > 0 ? memrchr(bytes + have, '\n', (size_t)n) : NULL;
        have += n > 0 ? (size_t)n : 0;
        whole = last != NULL ? (size_t)(last + 1 - bytes) : 0;
        if (whole != 0) {
            take(bytes, bytes + whole);
        }
        have -= whole;
        memmove(bytes, bytes + whole, have);
        if (room - have < READ_BYTES) {
            room *= 2;
            bytes = realloc(bytes, room);
        }
    }
    if (bytes == NULL) {
        die("memory");
    }
    if (have != 0) {
        take(bytes, bytes + have);
    }
    free(bytes);
}

/* ---- JSON, as far as it is needed ---- */

static const char *skip_space(const char *p, const char *end)
{
    while (p != end && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }
    return p;
}

/* Behind the string that begins at p; NULL: it does not end. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p != end; p++) {
        if (*p == '"') {
            return p + 1;
        }
        if (*p == '\\' && ++p == end) {
            break;
        }
    }
    return NULL;
}

static const char *skip_nested(const char *p, const char *end)
{
    int depth = 0;

    while (p != NULL && p != end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
        if (depth == 0) {
            return p;
        }
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
    const char *from = p;

    if (p != end && *p == '"') {
        return skip_string(p, end);
    }
    if (p != end && (*p == '{' || *p == '[')) {
        return skip_nested(p, end);
    }
    while (p != end && *p != ',' && *p != '}' && *p != ' ' && *p != '\t' && *p != '\r') {
        p++;
    }
    return p != from ? p : NULL;
}

/* The character behind a backslash; *p goes behind all of it. Past U+007F: none that is wanted. */
static int unescape(const char **p)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *name;
    char digits[5] = "";

    if (**p == 'u') {
        memcpy(digits, *p + 1, 4);
        *p += 5;
        return (int)strtol(digits, NULL, 16);
    }
    name = memchr(names, **p, sizeof(names) - 1);
    ++*p;
    return name != NULL ? meant[name - names] : -1;
}

/* Does the string [from, to), with its quotes, say `want`, which is ASCII? */
static bool string_is(const char *from, const char *to, const char *want, size_t len)
{
    size_t i = 0;

    if ((size_t)(to - from) == len + 2 && memcmp(from + 1, want, len) == 0) {
        return true;
    }
    if (memchr(from, '\\', (size_t)(to - from)) == NULL) {
        return false;
    }
    for (from++, to--; from != to && i < len; i++) {
        int c = *from++;

        if (c == '\\') {
            c = to - from >= (*from == 'u' ? 5 : 1) ? unescape(&from) : -1;
        }
        if (c != want[i]) {
            return false;
        }
    }
    return from == to && i == len;
}

/* ---- filter ---- */

enum { ID, USER, LATENCY, LEVEL, MEMBERS };

static const struct {
    const char *name;
    size_t len;
} members[MEMBERS] = {{"id", 2}, {"user", 4}, {"latency", 7}, {"level", 5}};

struct span {
    const char *from;
    const char *to;
};

/* The values of the members above, of an object on one line. False: it is none. */
static bool find_members(const char *p, const char *end, struct span found[MEMBERS])
{
    p = skip_space(p, end);
    if (p == end || *p != '{') {
        return false;
    }
    p = skip_space(p + 1, end);
    if (p != end && *p == '}') {
        return true;
    }
    for (;;) {
        struct span name = {p, p != end && *p == '"' ? skip_string(p, end) : NULL};
        struct span value;

        if (name.to == NULL || (p = skip_space(name.to, end)) == end || *p != ':') {
            return false;
        }
        value.from = skip_space(p + 1, end);
        value.to = skip_value(value.from, end);
        if (value.to == NULL || (p = skip_space(value.to, end)) == end) {
            return false;
        }
        for (size_t i = 0; i < MEMBERS; i++) {
            if (string_is(name.from, name.to, members[i].name, members[i].len)) {
                found[i] = value;
            }
        }
        if (*p != ',') {
            return *p == '}' && skip_space(p + 1, end) == end;
        }
        p = skip_space(p + 1, end);
    }
}

static void put_member(const char *before, struct span value)
{
    put(before, strlen(before));
    if (value.from == NULL) {
        put("null", 4);
    } else {
        put(value.from, (size_t)(value.to - value.from));
    }
}

/* A number ends before what no number holds: strtod() does not run past the line. */
static bool matches(const struct span found[MEMBERS])
{
    const struct span *level = &found[LEVEL];

    return level->from != NULL && *level->from == '"' &&
           string_is(level->from, level->to, level_wanted, sizeof(level_wanted) - 1) &&
           found[LATENCY].from != NULL && *found[LATENCY].from != '"' &&
           strtod(found[LATENCY].from, NULL) > latency_above;
}

static void filter_line(const char *p, const char *end)
{
    struct span found[MEMBERS] = {{NULL, NULL}};

    if (skip_space(p, end) == end) {
        return;
    }
    if (!find_members(p, end, found)) {
        (void)fprintf(stderr, "bench_records: no object: %.*s\n",
                      (int)(end - p < 200 ? end - p : 200), p);
        exit(1);
    }
    if (matches(found)) {
        put_member("{\"id\":", found[ID]);
        put_member(",\"user\":", found[USER]);
        put_member(",\"latency\":", found[LATENCY]);
        put("}\n", 2);
    }
}

/* Where the line break at or behind p is, or the end. */
static const char *line_end(const char *p, const char *end)
{
    const char *found = memchr(p, '\n', (size_t)(end - p));

    return found != NULL ? found : end;
}

static void walk_stretch(const char *p, const char *end)
{
    while (p < end) {
        const char *stop = line_end(p, end);

        filter_line(p, stop);
        p = stop + 1;
    }
}

static const char *find_wanted(const char *p, const char *end)
{
    const char *found = memmem(p, (size_t)(end - p), quoted_wanted, sizeof(quoted_wanted) - 1);

    return found != NULL ? found : end;
}

static const char *find_escape(const char *p, const char *end)
{
    const char *found = memchr(p, '\\', (size_t)(end - p));

    return found != NULL ? found : end;
}

static void filter_stretch(const char *p, const char *end)
{
    const char *wanted = NULL; /* the next one at or behind p, once it was looked for */
    const char *escape = NULL;

    while (p < end) {
        const char *hint;
        const char *before;
        const char *stop;

        wanted = wanted == NULL || wanted < p ? find_wanted(p, end) : wanted;
        escape = escape == NULL || escape < p ? find_escape(p, end) : escape;
        hint = wanted < escape ? wanted : escape;
        if (hint == end) {
            break;
        }
        before = memrchr(p, '\n', (size_t)(hint - p));
        stop = line_end(hint, end);
        filter_line(before != NULL ? before + 1 : p, stop);
        p = stop + 1;
    }
}

/* ---- wait, compute ---- */

static int64_t micros;

static int64_t clock_us(clockid_t which)
{
    struct timespec t;

    (void)clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void wait_some(void)
{
    const struct timespec t = {micros / 1000000, micros % 1000000 * 1000};

    (void)nanosleep(&t, NULL);
}

static void compute_some(void)
{
    int64_t until_us = clock_us(CLOCK_PROCESS_CPUTIME_ID) + micros;

    while (clock_us(CLOCK_PROCESS_CPUTIME_ID) < until_us) {
    }
}

static void (*work)(void);

static void work_stretch(const char *p, const char *end)
{
    while (p < end) {
        const char *stop = line_end(p, end);
        size_t len = (size_t)(stop - p) + (stop != end);

        work();
        put(p, len);
        p += len;
    }
}

/* ---- generate ---- */

/* A permutation of all 64-bit numbers. Source: MurmurHash3's finalizer. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* As every JSON printer prints it: no zeros at its end but one behind the point. */
static int format_latency(uint64_t hundredths, char out[32])
{
    const char *form = hundredths % 10 != 0 ? "%" PRIu64 ".%02u" : "%" PRIu64 ".%u";
    unsigned rest = (unsigned)(hundredths % 100);

    return snprintf(out, 32, form, hundredths / 100, rest % 10 != 0 ? rest : rest / 10);
}

static const char *const levels[] = {"info",  "info", "debug", "info",
                                     "error", "info", "warn",  "info"};
static const char *const services[] = {"checkout", "search", "basket", "login", "stock"};
static const char *const texts[] = {
    "the upstream answered late, and its answer was taken from the cache",
    "a request as thousands of others, served from memory in good time",
    "nothing of note; the next record follows soon",
    "the reader said \\\"enough\\\" and closed the connection",
    "the previous \\\"error\\\" came again: the client tried once more",
};

/* Most texts are plain; an inner object has a level of its own, which sometimes is the wanted word.
 */
static size_t format_record(uint64_t i, char out[RECORD_BYTES])
{
    uint64_t a = mix(i + 1);
    uint64_t b = mix(a);
    unsigned seconds = (unsigned)(i / 50 % (28 * 86400));
    unsigned text = (unsigned)(b >> 24 & 31);
    char latency[32];

    (void)format_latency(b % 100000, latency);
    return (size_t)snprintf(
        out, RECORD_BYTES,
        "{\"id\":\"%016" PRIx64 "\",\"time\":\"2026-11-%02uT%02u:%02u:%02u.%03uZ\","
        "\"level\":\"%s\",\"service\":\"%s\",\"user\":\"u%08u\",\"session\":\"%016" PRIx64
        "%016" PRIx64
        "\",\"latency\":%s,\"status\":%u,\"bytes\":%u,\"path\":\"/v1/orders/%u/items\","
        "\"tags\":[\"eu-%u\",\"canary\"],\"client\":{\"ip\":\"10.%u.%u.%u\",\"level\":\"%s\","
        "\"agent\":\"Mozilla/5.0 (X11; Linux x86_64)\"},\"message\":\"%s\"}\n",
        a, seconds / 86400 + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60,
        (unsigned)(i % 50 * 20), levels[a % 8], services[b % 5], (unsigned)(b >> 40 & 0xfffff),
        mix(b), mix(b + 1), latency, 200 + (unsigned)(a >> 8 & 3) * 100,
        (unsigned)(b >> 8 & 0xffff), (unsigned)(a >> 16 & 0xffff), (unsigned)(a >> 4 & 3),
        (unsigned)(a >> 24 & 0xff), (unsigned)(a >> 32 & 0xff), (unsigned)(a >> 40 & 0xff),
        b >> 32 & 31 ? "plain" : "error", texts[text < 5 ? text : text % 3]);
}

static void generate(uint64_t bytes)
{
    char record[RECORD_BYTES];
    uint64_t done = 0;

    for (uint64_t i = 0; done < bytes; i++) {
        size_t len = format_record(i, record);

        put(record, len);
        done += len;
    }
}

/* ---- */

static const struct {
    const char *name;
    bool number;
    void (*stretch)(const char *p, const char *end); /* NULL: generate */
    void (*work)(void);
} commands[] = {
    {"generate", true, NULL, NULL},
    {"filter", false, filter_stretch, NULL},
    {"walk", false, walk_stretch, NULL},
    {"wait", true, work_stretch, wait_some},
    {"compute", true, work_stretch, compute_some},
};

int main(int argc, char **argv)
{
    char *end = NULL;
    uint64_t number = argc > 2 ? strtoull(argv[2], &end, 10) : 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (argc < 2 || strcmp(argv[1], commands[i].name) != 0 ||
            argc != (commands[i].number ? 3 : 2) || (end != NULL && *end != '\0')) {
            continue;
        }
        micros = (int64_t)number;
        work = commands[i].work;
        if (commands[i].stretch != NULL) {
            each_stretch(commands[i].stretch);
        } else {
            generate(number);
        }
        flush_output();
        return 0;
    }
    (void)fprintf(stderr, "usage: bench_records generate BYTES | filter | walk | wait MICROS | "
                          "compute MICROS\n");
    return 2;
}
