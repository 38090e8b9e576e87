/* SPDX-License-Identifier: Apache-2.0 */
/* The whole interface of client/s3 against a real store, as a program that tests drive.
 *
 *     s3_check all BUCKET               every function; ends with "ok"
 *     s3_check put BUCKET KEY BYTES     stream made-up bytes up and complete
 *     s3_check verify BUCKET KEY BYTES  stream down and compare with the made-up bytes
 *     s3_check cat BUCKET FROM TO       reader to writer in one thread; says how fast, how large
 *     s3_check splice BUCKET FROM TO    made-up bytes: a few by hand, the rest copied by the store
 *     s3_check list BUCKET [PREFIX]     keys and sizes
 *     s3_check uploads BUCKET           keys of unfinished uploads
 *     s3_check head BUCKET KEY          size and mark
 *
 * The store is S3_ENDPOINT, S3_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or the directory
 * S3_ROOT; S3_PART_BYTES, S3_PARALLEL, S3_POOL_BYTES, S3_SPILL, S3_SIGN, S3_ATTEMPTS and
 * S3_STALL_MS set the rest. With S3_NAP_MS put and verify pause for so long where half of the bytes
 * have gone. On an error the last line says "error NAME: message" and the status is 1. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "client/s3/s3.h"
#include "proto/base/hash.h"
#include "proto/base/text.h"

enum {
    CHECK_PART_BYTES = 5 * 1024 * 1024,
    CHECK_PIECE_BYTES = 64 * 1024,
};

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            return err_set(err, ERR_INTERNAL, "line %d: not true: %s", __LINE__, #cond);           \
        }                                                                                          \
    } while (0)

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum err_code try_rc = (call);                                                             \
        if (try_rc != OK) {                                                                        \
            err_wrap(err, "line %d", __LINE__);                                                    \
            return try_rc;                                                                         \
        }                                                                                          \
    } while (0)

static uint64_t setting(const char *name)
{
    uint64_t v = 0;

    (void)text_parse_u64(slice_str(getenv(name)), &v);
    return v;
}

static enum err_code client_open(struct s3_client **out, struct err *err)
{
    struct s3_config config = {
        .root = getenv("S3_ROOT"),
        .endpoint = getenv("S3_ENDPOINT"),
        .region = getenv("S3_REGION"),
        .access_key = getenv("AWS_ACCESS_KEY_ID"),
        .secret_key = getenv("AWS_SECRET_ACCESS_KEY"),
        .session_token = getenv("AWS_SESSION_TOKEN"),
        .ca = getenv("AWS_CA_BUNDLE"),
        .part_bytes = (size_t)setting("S3_PART_BYTES"),
        .parallel = (unsigned)setting("S3_PARALLEL"),
        .attempts_max = (unsigned)setting("S3_ATTEMPTS"),
        .stall_ms = (int64_t)setting("S3_STALL_MS"),
        .pool_bytes = (size_t)setting("S3_POOL_BYTES"),
        .sign_payload = setting("S3_SIGN") != 0,
        .spill = getenv("S3_SPILL"),
    };

    return s3_client_new(&config, out, err);
}

static double now_s(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The made-up bytes at `at`: any stretch can be made anew, and no two blocks are alike. */
static void made_up(uint64_t at, char *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(hash_u64((at + i) / 8) >> ((at + i) % 8 * 8));
    }
}

static enum err_code writer_finish(struct s3_client *c,
                                   struct s3_writer *w,
                                   const struct s3_part **parts,
                                   size_t *count,
                                   struct err *err)
{
    bool done = false;

    s3_writer_end(w);
    for (;;) {
        TRY(s3_writer_done(w, &done, parts, count, err));
        if (done) {
            return OK;
        }
        TRY(s3_wait(c, NULL, 0, -1, err));
    }
}

/* Once, where half of the bytes have gone: as a handler does that computes. Transfers are watched
 * all the while. */
static enum err_code nap_at_half(struct s3_client *c, uint64_t at, uint64_t bytes, struct err *err)
{
    static bool napped;
    double end = now_s() + (double)setting("S3_NAP_MS") / 1000;

    if (napped || at < bytes / 2) {
        return OK;
    }
    napped = true;
    while (now_s() < end) {
        TRY(s3_wait(c, NULL, 0, 100, err));
    }
    return OK;
}

static enum err_code
writer_make_up(struct s3_client *c, struct s3_writer *w, uint64_t bytes, struct err *err)
{
    while (s3_writer_bytes(w) < bytes) {
        char *where;
        size_t room;
        uint64_t left = bytes - s3_writer_bytes(w);

        TRY(nap_at_half(c, s3_writer_bytes(w), bytes, err));

        TRY(s3_writer_reserve(w, &where, &room, err));
        if (room == 0) {
            TRY(s3_wait(c, NULL, 0, -1, err));
            continue;
        }
        room = room < CHECK_PIECE_BYTES ? room : CHECK_PIECE_BYTES;
        room = room < left ? room : (size_t)left;
        made_up(s3_writer_bytes(w), where, room);
        s3_writer_commit(w, room);
    }
    return OK;
}

static enum err_code writer_complete(struct s3_client *c,
                                     struct s3_writer *w,
                                     struct slice bucket,
                                     struct slice key,
                                     struct slice mark,
                                     unsigned times,
                                     struct s3_object *object,
                                     struct err *err)
{
    const struct s3_part *parts;
    size_t count;

    TRY(writer_finish(c, w, &parts, &count, err));
    for (unsigned i = 0; i < times; i++) {
        TRY(s3_complete(c, bucket, key, s3_writer_upload_id(w), mark, parts, count, object, err));
    }
    return OK;
}

/* Stream up and complete `times` times. */
static enum err_code do_put(struct s3_client *c,
                            struct slice bucket,
                            struct slice key,
                            uint64_t bytes,
                            unsigned times,
                            struct err *err)
{
    struct slice mark = SLICE("mark-of-s3-check");
    struct s3_object object = {0};
    struct s3_writer *w;
    enum err_code rc;

    TRY(s3_writer_open(c, bucket, key, SLICE("application/json"), mark, &w, err));
    rc = writer_make_up(c, w, bytes, err);
    if (rc == OK) {
        rc = writer_complete(c, w, bucket, key, mark, times, &object, err);
    }
    s3_writer_close(w);
    if (rc == OK && (object.size_bytes != bytes || !slice_eq_str(mark, object.mark))) {
        rc = err_set(err, ERR_INTERNAL, "completed as %llu bytes with mark '%s'",
                     (unsigned long long)object.size_bytes, object.mark);
    }
    return rc;
}

static enum err_code
reader_compare(struct s3_client *c, struct s3_reader *r, uint64_t bytes, struct err *err)
{
    static char expected[CHECK_PIECE_BYTES];

    for (;;) {
        struct slice some;
        bool end = false;

        TRY(nap_at_half(c, s3_reader_bytes(r), bytes, err));
        TRY(s3_reader_peek(r, &some, &end, err));
        if (end) {
            CHECK(s3_reader_bytes(r) == bytes);
            return OK;
        }
        some = slice_head(some, sizeof(expected));
        if (some.len == 0) {
            TRY(s3_wait(c, NULL, 0, -1, err));
            continue;
        }
        made_up(s3_reader_bytes(r), expected, some.len);
        CHECK(memcmp(some.ptr, expected, some.len) == 0);
        s3_reader_consume(r, some.len);
    }
}

static enum err_code do_verify(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               uint64_t bytes,
                               struct err *err)
{
    struct s3_reader *r;
    enum err_code rc;

    TRY(s3_reader_open(c, bucket, key, &r, err));
    rc = reader_compare(c, r, bytes, err);
    s3_reader_close(r);
    return rc;
}

static enum err_code
pump(struct s3_client *c, struct s3_reader *r, struct s3_writer *w, struct err *err)
{
    for (;;) {
        struct slice some;
        bool end = false;
        char *where;
        size_t room = 0;

        TRY(s3_reader_peek(r, &some, &end, err));
        if (end) {
            return OK;
        }
        if (some.len > 0) {
            TRY(s3_writer_reserve(w, &where, &room, err));
        }
        room = room < some.len ? room : some.len;
        if (room == 0) {
            TRY(s3_wait(c, NULL, 0, -1, err));
            continue;
        }
        memcpy(where, some.ptr, room);
        s3_writer_commit(w, room);
        s3_reader_consume(r, room);
    }
}

static void say_cat(const struct s3_client *c, uint64_t bytes, double seconds)
{
    struct s3_stats stats = s3_client_stats(c);
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    printf("%llu bytes in %.2f s, %.0f MB/s, %ld KiB resident at most, %.2f s CPU, %llu requests, "
           "%llu retries\n",
           (unsigned long long)bytes, seconds, (double)bytes / 1e6 / seconds, usage.ru_maxrss,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
           (unsigned long long)stats.requests, (unsigned long long)stats.retries);
}

static enum err_code do_cat(struct s3_client *c,
                            struct slice bucket,
                            struct slice from,
                            struct slice to,
                            struct err *err)
{
    double begun = now_s();
    struct s3_object object;
    struct s3_reader *r;
    struct s3_writer *w;
    enum err_code rc;

    TRY(s3_reader_open(c, bucket, from, &r, err));
    rc = s3_writer_open(c, bucket, to, SLICE(""), SLICE("cat"), &w, err);
    if (rc == OK) {
        rc = pump(c, r, w, err);
        if (rc == OK) {
            rc = writer_complete(c, w, bucket, to, SLICE("cat"), 1, &object, err);
        }
        if (rc == OK) {
            say_cat(c, object.size_bytes, now_s() - begun);
        }
        s3_writer_close(w);
    }
    s3_reader_close(r);
    return rc;
}

/* Bytes [from, to) of an object that was made up. */
static enum err_code verify_range(struct s3_client *c,
                                  struct slice bucket,
                                  struct slice key,
                                  const struct s3_range *range,
                                  uint64_t expected,
                                  struct err *err)
{
    static char bytes[CHECK_PIECE_BYTES];
    struct s3_reader *r;
    bool end = false;
    enum err_code rc = s3_reader_open_range(c, bucket, key, range, &r, err);

    if (rc != OK) {
        return rc;
    }
    while (rc == OK && !end) {
        struct slice some;

        rc = s3_reader_peek(r, &some, &end, err);
        if (rc == OK && !end && some.len == 0) {
            rc = s3_wait(c, NULL, 0, -1, err);
        } else if (rc == OK && !end) {
            some = slice_head(some, sizeof(bytes));
            made_up(range->from + s3_reader_bytes(r), bytes, some.len);
            rc = memcmp(some.ptr, bytes, some.len) == 0
                     ? OK
                     : err_set(err, ERR_INTERNAL, "other bytes in a range");
            s3_reader_consume(r, some.len);
        }
    }
    if (rc == OK && s3_reader_bytes(r) != expected) {
        rc = err_set(err, ERR_INTERNAL, "a range of %llu bytes",
                     (unsigned long long)s3_reader_bytes(r));
    }
    s3_reader_close(r);
    return rc;
}

static enum err_code splice_copy(struct s3_client *c,
                                 struct s3_writer *w,
                                 struct slice bucket,
                                 struct slice from,
                                 const struct s3_range *range,
                                 struct err *err)
{
    bool begun = false;

    while (!begun) {
        TRY(s3_writer_copy(w, bucket, from, range, &begun, err));
        if (!begun) {
            TRY(s3_wait(c, NULL, 0, -1, err));
        }
    }
    return OK;
}

/* Five bytes by hand, as many as a copy needs before it, then two copies, and the last byte. */
static enum err_code splice_all(struct s3_client *c,
                                struct s3_writer *w,
                                struct slice bucket,
                                struct slice from,
                                struct err *err)
{
    struct s3_object object;
    struct s3_range range = {0};

    TRY(s3_head(c, bucket, from, &object, err));
    range.etag = slice_str(object.etag);
    TRY(writer_make_up(c, w, 5, err));
    TRY(writer_make_up(c, w, 5 + s3_writer_short(w), err));
    CHECK(s3_writer_short(w) == 0);
    for (int i = 0; i < 2; i++) {
        range.from = s3_writer_bytes(w);
        range.to = i == 0 ? range.from + CHECK_PART_BYTES : object.size_bytes - 1;
        TRY(splice_copy(c, w, bucket, from, &range, err));
    }
    return writer_make_up(c, w, object.size_bytes, err);
}

static enum err_code do_splice(struct s3_client *c,
                               struct slice bucket,
                               struct slice from,
                               struct slice to,
                               struct err *err)
{
    struct s3_object object;
    struct s3_writer *w;
    enum err_code rc;

    TRY(s3_writer_open(c, bucket, to, SLICE(""), SLICE("splice"), &w, err));
    rc = splice_all(c, w, bucket, from, err);
    if (rc == OK) {
        rc = writer_complete(c, w, bucket, to, SLICE("splice"), 1, &object, err);
    }
    s3_writer_close(w);
    return rc;
}

static bool print_entry(void *arg, const struct s3_entry *e)
{
    (void)arg;
    printf("%llu %.*s\n", (unsigned long long)e->size_bytes, SLICE_FMT(e->key));
    return true;
}

static enum err_code
do_head(struct s3_client *c, struct slice bucket, struct slice key, struct err *err)
{
    struct s3_object object;

    TRY(s3_head(c, bucket, key, &object, err));
    printf("%llu %s\n", (unsigned long long)object.size_bytes, object.mark);
    return OK;
}

/* ---- all: every function, in order of how much the later ones need the earlier ones ---- */

static enum err_code all_sizes(struct s3_client *c, struct slice bucket, struct err *err)
{
    static const uint64_t sizes[] = {0,
                                     1,
                                     CHECK_PART_BYTES / 2,
                                     CHECK_PART_BYTES - 1,
                                     CHECK_PART_BYTES,
                                     CHECK_PART_BYTES + 1,
                                     3 * CHECK_PART_BYTES + 7};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        TRY(do_put(c, bucket, SLICE("sizes/x"), sizes[i], 2, err));
        TRY(do_verify(c, bucket, SLICE("sizes/x"), sizes[i], err));
    }
    TRY(do_cat(c, bucket, SLICE("sizes/x"), SLICE("sizes/y"), err));
    return do_verify(c, bucket, SLICE("sizes/y"), 3 * CHECK_PART_BYTES + 7, err);
}

static enum err_code all_small(struct s3_client *c, struct slice bucket, struct err *err)
{
    struct slice key = SLICE("small/object");
    struct s3_object object;
    struct arena a = {0};
    struct slice got;
    uint64_t requests;

    TRY(s3_put(c, bucket, key, SLICE("text/plain"), SLICE("some bytes"), err));
    requests = s3_client_stats(c).requests;
    TRY(s3_get(c, bucket, key, 10, &a, &got, err));
    CHECK(s3_client_stats(c).requests - requests <= 1);
    CHECK(slice_eq(got, SLICE("some bytes")));
    CHECK(s3_get(c, bucket, key, 9, &a, &got, err) == ERR_TOO_LARGE);
    TRY(s3_head(c, bucket, key, &object, err));
    CHECK(object.size_bytes == 10 && object.mark[0] == '\0' && object.etag[0] != '"');
    TRY(s3_put(c, bucket, key, SLICE(""), SLICE(""), err));
    TRY(s3_get(c, bucket, key, 0, &a, &got, err));
    CHECK(got.len == 0);
    TRY(s3_delete(c, bucket, key, err));
    TRY(s3_delete(c, bucket, key, err));
    CHECK(s3_head(c, bucket, key, &object, err) == ERR_NOT_FOUND);
    CHECK(s3_get(c, bucket, key, 9, &a, &got, err) == ERR_NOT_FOUND);
    arena_fini(&a);
    return OK;
}

static enum err_code all_refused(struct s3_client *c, struct slice bucket, struct err *err)
{
    struct s3_object object;
    char key[1025];

    memset(key, 'k', sizeof(key));
    CHECK(s3_head(c, SLICE("a/b"), SLICE("k"), &object, err) == ERR_VALIDATION);
    CHECK(s3_head(c, SLICE(".."), SLICE("k"), &object, err) == ERR_VALIDATION);
    CHECK(s3_head(c, bucket, SLICE(""), &object, err) == ERR_VALIDATION);
    CHECK(s3_head(c, bucket, SLICE("a\0b"), &object, err) == ERR_VALIDATION);
    CHECK(s3_head(c, bucket, slice_make(key, 1025), &object, err) == ERR_VALIDATION);
    CHECK(s3_put(c, bucket, SLICE("k"), SLICE("a\r\nx-evil: 1"), SLICE(""), err) == ERR_VALIDATION);
    return OK;
}

static const struct slice odd_keys[] = {
    SLICE_INIT("odd/!'()*;:@&=,?#[]"), SLICE_INIT("odd/a b/\xc3\xbc+%=&(1).json"),
    SLICE_INIT("odd/a%2Fb"),           SLICE_INIT("odd/a+b"),
    SLICE_INIT("odd/plain"),           SLICE_INIT("odd/quote\"<&>'"),
    SLICE_INIT("odd/~tilde_-."),
};
enum { ODD_KEYS = sizeof(odd_keys) / sizeof(odd_keys[0]) };

struct seen {
    size_t count;
    bool wrong;
};

static bool see_odd(void *arg, const struct s3_entry *e)
{
    struct seen *seen = arg;

    seen->wrong = seen->wrong || seen->count >= ODD_KEYS ||
                  !slice_eq(e->key, odd_keys[seen->count]) || e->size_bytes != 3 || e->time_ms <= 0;
    seen->count++;
    return true;
}

static bool see_first(void *arg, const struct s3_entry *e)
{
    (void)e;
    ((struct seen *)arg)->count++;
    return false;
}

static enum err_code all_odd_keys(struct s3_client *c, struct slice bucket, struct err *err)
{
    struct seen seen = {0};
    struct arena a = {0};
    struct slice got;

    for (size_t i = 0; i < ODD_KEYS; i++) {
        TRY(s3_put(c, bucket, odd_keys[i], SLICE(""), SLICE("abc"), err));
        TRY(s3_get(c, bucket, odd_keys[i], 3, &a, &got, err));
    }
    TRY(s3_list(c, bucket, SLICE("odd/"), see_odd, &seen, err));
    CHECK(seen.count == ODD_KEYS && !seen.wrong);
    seen.count = 0;
    TRY(s3_list(c, bucket, SLICE("odd/"), see_first, &seen, err));
    CHECK(seen.count == 1);
    seen.count = 0;
    TRY(s3_list(c, bucket, SLICE("no such prefix"), see_first, &seen, err));
    CHECK(seen.count == 0);
    for (size_t i = 0; i < ODD_KEYS; i++) {
        TRY(s3_delete(c, bucket, odd_keys[i], err));
    }
    arena_fini(&a);
    return OK;
}

struct seen_upload {
    struct slice key;
    struct slice id;
    unsigned found;
};

static bool see_upload(void *arg, const struct s3_entry *e)
{
    struct seen_upload *seen = arg;

    seen->found += slice_eq(e->key, seen->key) && slice_eq(e->upload_id, seen->id);
    return true;
}

/* List, abort twice; then neither completing nor listing finds it. */
static enum err_code
all_one_upload(struct s3_client *c, struct slice bucket, struct seen_upload *seen, struct err *err)
{
    struct s3_part part = {.number = 1, .bytes = 1, .etag = "0123456789abcdef0123456789abcdef"};
    struct s3_object object;

    TRY(s3_list_uploads(c, bucket, SLICE("up/"), see_upload, seen, err));
    CHECK(seen->found == 1);
    TRY(s3_abort(c, bucket, seen->key, seen->id, err));
    TRY(s3_abort(c, bucket, seen->key, seen->id, err));
    TRY(s3_list_uploads(c, bucket, SLICE("up/"), see_upload, seen, err));
    CHECK(seen->found == 1);
    CHECK(s3_complete(c, bucket, seen->key, seen->id, SLICE("m"), &part, 1, &object, err) ==
          ERR_NOT_FOUND);
    return OK;
}

static enum err_code all_uploads(struct s3_client *c, struct slice bucket, struct err *err)
{
    struct seen_upload seen = {.key = SLICE("up/a b/\xc3\xbc+%=&(1).json")};
    struct s3_writer *w;
    enum err_code rc;

    TRY(s3_writer_open(c, bucket, seen.key, SLICE(""), SLICE("m"), &w, err));
    seen.id = s3_writer_upload_id(w);
    rc = all_one_upload(c, bucket, &seen, err);
    s3_writer_close(w);
    return rc;
}

static enum err_code all_ranges(struct s3_client *c, struct slice bucket, struct err *err)
{
    static const struct s3_range good[] = {
        {0, 1, {"", 0}},       {0, UINT64_MAX, {"", 0}},    {7, 4000, {"", 0}},
        {3999, 9000, {"", 0}}, {2000, UINT64_MAX, {"", 0}},
    };
    struct slice key = SLICE("ranges");
    struct s3_range range = {10, 20, {"", 0}};
    struct s3_object object;

    TRY(do_put(c, bucket, key, 4000, 1, err));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t to = good[i].to < 4000 ? good[i].to : 4000;

        TRY(verify_range(c, bucket, key, &good[i], to - good[i].from, err));
    }
    TRY(s3_head(c, bucket, key, &object, err));
    range.etag = slice_str(object.etag);
    TRY(verify_range(c, bucket, key, &range, 10, err));
    TRY(do_put(c, bucket, key, 4001, 1, err));
    CHECK(verify_range(c, bucket, key, &range, 10, err) == ERR_PRECONDITION);
    range = (struct s3_range){4001, 4002, SLICE("")};
    CHECK(verify_range(c, bucket, key, &range, 1, err) == ERR_PRECONDITION);
    range = (struct s3_range){5, 5, SLICE("")};
    CHECK(verify_range(c, bucket, key, &range, 0, err) == ERR_VALIDATION);
    return s3_delete(c, bucket, key, err);
}

static enum err_code all_splices(struct s3_client *c, struct slice bucket, struct err *err)
{
    const uint64_t bytes = 4 * (uint64_t)CHECK_PART_BYTES + 11;

    TRY(do_put(c, bucket, SLICE("splice from +%"), bytes, 1, err));
    TRY(do_splice(c, bucket, SLICE("splice from +%"), SLICE("spliced"), err));
    TRY(do_verify(c, bucket, SLICE("spliced"), bytes, err));
    TRY(s3_delete(c, bucket, SLICE("spliced"), err));
    return s3_delete(c, bucket, SLICE("splice from +%"), err);
}

static enum err_code do_all(struct s3_client *c, struct slice bucket, struct err *err)
{
    TRY(s3_bucket_create(c, bucket, err));
    TRY(s3_bucket_create(c, bucket, err));
    TRY(all_refused(c, bucket, err));
    TRY(all_small(c, bucket, err));
    TRY(all_odd_keys(c, bucket, err));
    TRY(all_uploads(c, bucket, err));
    TRY(all_sizes(c, bucket, err));
    TRY(all_ranges(c, bucket, err));
    TRY(all_splices(c, bucket, err));
    printf("ok\n");
    return OK;
}

static enum err_code run(struct s3_client *c, int argc, char **argv, struct err *err)
{
    struct slice command = slice_str(argc > 1 ? argv[1] : "");
    struct slice bucket = slice_str(argc > 2 ? argv[2] : "");
    struct slice key = slice_str(argc > 3 ? argv[3] : "");
    struct slice last = slice_str(argc > 4 ? argv[4] : "");
    uint64_t bytes = 0;

    if (slice_eq(command, SLICE("all"))) {
        return do_all(c, bucket, err);
    }
    if (slice_eq(command, SLICE("list"))) {
        return s3_list(c, bucket, key, print_entry, NULL, err);
    }
    if (slice_eq(command, SLICE("uploads"))) {
        return s3_list_uploads(c, bucket, key, print_entry, NULL, err);
    }
    if (slice_eq(command, SLICE("head"))) {
        return do_head(c, bucket, key, err);
    }
    if (slice_eq(command, SLICE("cat"))) {
        return do_cat(c, bucket, key, last, err);
    }
    if (slice_eq(command, SLICE("splice"))) {
        return do_splice(c, bucket, key, last, err);
    }
    if (slice_eq(command, SLICE("put")) && text_parse_u64(last, &bytes)) {
        return do_put(c, bucket, key, bytes, 1, err);
    }
    if (slice_eq(command, SLICE("verify")) && text_parse_u64(last, &bytes)) {
        return do_verify(c, bucket, key, bytes, err);
    }
    return err_set(err, ERR_USAGE,
                   "s3_check all|put|verify|cat|splice|list|uploads|head BUCKET ...");
}

int main(int argc, char **argv)
{
    struct s3_client *c = NULL;
    struct s3_stats stats;
    struct err err = {0};
    enum err_code rc = client_open(&c, &err);

    if (rc == OK) {
        rc = run(c, argc, argv, &err);
        stats = s3_client_stats(c);
        fprintf(stderr, "requests %llu retries %llu in %llu out %llu\n",
                (unsigned long long)stats.requests, (unsigned long long)stats.retries,
                (unsigned long long)stats.bytes_in, (unsigned long long)stats.bytes_out);
    }
    s3_client_free(c);
    if (rc != OK) {
        printf("error %s: %s\n", err_name(rc), err.msg);
        (void)fflush(stdout);
    }
    return rc == OK ? 0 : 1;
}
