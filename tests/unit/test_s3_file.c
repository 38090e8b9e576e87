/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store through the public interface: streams, completion and its doubts, lists, keys
 * that would leave the store. Each test has a directory of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "client/s3/s3.h"

struct fixture {
    char root[64];
    struct s3_client *c;
    struct arena a;
    struct err err;
};

static const struct slice bucket = SLICE_INIT("bucket");
static const struct slice mark = SLICE_INIT("execution/state/1/77");

static int setup(void **state)
{
    static struct fixture f;
    struct s3_config config = {.root = f.root};

    f = (struct fixture){.root = "/tmp/test_s3_file.XXXXXX"};
    *state = &f;
    return mkdtemp(f.root) != NULL && s3_client_new(&config, &f.c, &f.err) == OK ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    s3_client_free(f->c);
    arena_fini(&f->a);
    return nftw(f->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static char *path_of(struct fixture *f, const char *below)
{
    return arena_str(&f->a, arena_printf(&f->a, "%s/%s", f->root, below));
}

static void write_stream(struct s3_writer *w, size_t bytes)
{
    struct err err;

    while (s3_writer_bytes(w) < bytes) {
        size_t left = bytes - (size_t)s3_writer_bytes(w);
        char *where;
        size_t room;

        assert_int_equal(s3_writer_reserve(w, &where, &room, &err), OK);
        assert_true(room > 0);
        room = room < left ? room : left;
        for (size_t i = 0; i < room; i++) {
            where[i] = (char)((s3_writer_bytes(w) + i) * 7 / 5);
        }
        s3_writer_commit(w, room);
    }
}

static struct s3_writer *open_writer(struct fixture *f, struct slice key)
{
    struct s3_writer *w = NULL;

    assert_int_equal(s3_writer_open(f->c, bucket, key, SLICE(""), mark, &w, &f->err), OK);
    return w;
}

/* An upload that is ready to be completed; the writer is closed, as on the machine that wrote it.
 */
struct ready {
    struct slice id;
    struct s3_part part;
};

static struct ready make_ready(struct fixture *f, struct slice key, size_t bytes)
{
    struct s3_writer *w = open_writer(f, key);
    const struct s3_part *parts;
    struct ready ready;
    size_t count;
    bool done = false;

    write_stream(w, bytes);
    s3_writer_end(w);
    assert_int_equal(s3_writer_done(w, &done, &parts, &count, &f->err), OK);
    assert_true(done && count == 1 && parts[0].number == 1 && parts[0].bytes == bytes);
    ready = (struct ready){arena_copy(&f->a, s3_writer_upload_id(w)), parts[0]};
    s3_writer_close(w);
    return ready;
}

static enum err_code
complete(struct fixture *f, struct slice key, const struct ready *ready, struct s3_object *object)
{
    return s3_complete(f->c, bucket, key, ready->id, mark, &ready->part, 1, object, &f->err);
}

static void assert_stream(struct fixture *f, struct slice key, size_t bytes)
{
    struct s3_reader *r;
    struct slice some;
    bool end = false;

    assert_int_equal(s3_reader_open(f->c, bucket, key, &r, &f->err), OK);
    while (s3_reader_peek(r, &some, &end, &f->err) == OK && !end) {
        for (size_t i = 0; i < some.len; i++) {
            assert_int_equal(some.ptr[i], (char)((s3_reader_bytes(r) + i) * 7 / 5));
        }
        s3_reader_consume(r, some.len);
    }
    assert_true(end);
    assert_int_equal(s3_reader_bytes(r), bytes);
    s3_reader_close(r);
}

static void test_file__streams_of_all_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 262143, 262144, 262145, 1000003};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct ready ready = make_ready(f, SLICE("a/b/c"), sizes[i]);
        struct s3_object object;

        assert_int_equal(complete(f, SLICE("a/b/c"), &ready, &object), OK);
        assert_int_equal(object.size_bytes, sizes[i]);
        assert_string_equal(object.etag, ready.part.etag);
        assert_stream(f, SLICE("a/b/c"), sizes[i]);
    }
}

static void test_file__nothing_is_visible_before_completion(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object;

    assert_int_equal(s3_head(f->c, bucket, SLICE("k"), &object, &f->err), ERR_NOT_FOUND);
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    assert_int_equal(s3_head(f->c, bucket, SLICE("k"), &object, &f->err), OK);
    assert_string_equal(object.etag, ready.part.etag);
    assert_int_equal(access(path_of(f, ".uploads"), F_OK), 0);
    assert_int_equal(rmdir(path_of(f, ".uploads")), 0); /* nothing was left in it */
}

static void test_file__complete_twice(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object = {0};

    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    object = (struct s3_object){0};
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    assert_int_equal(object.size_bytes, 10);
}

/* On a file system without attributes the ETag alone says whose the object is. */
static void test_file__complete_twice_without_mark(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object;

    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    (void)removexattr(path_of(f, "bucket/k"), "user.stepfleet.mark");
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    assert_string_equal(object.mark, "");
}

/* The other way round: moved to another machine's disk, the mark is what is left. */
static void test_file__complete_twice_by_mark(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object;

    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    if (object.mark[0] == '\0') {
        skip(); /* no attributes here */
    }
    ready.part.etag[0] ^= 1;
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    ready.part.bytes++;
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), ERR_NOT_FOUND);
}

/* A crash between the rename and the removal of the upload's directory. */
static void test_file__complete_after_half_a_completion(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object;
    char *data = arena_str(
        &f->a, arena_printf(&f->a, "%s/.uploads/%.*s/data", f->root, SLICE_FMT(ready.id)));

    assert_int_equal(mkdir(path_of(f, "bucket"), 0777), 0);
    assert_int_equal(rename(data, path_of(f, "bucket/k")), 0);
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
    assert_int_equal(rmdir(path_of(f, ".uploads")), 0);
}

static void test_file__anothers_object_is_not_ours(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct s3_object object;

    assert_int_equal(s3_abort(f->c, bucket, SLICE("k"), ready.id, &f->err), OK);
    assert_int_equal(s3_abort(f->c, bucket, SLICE("k"), ready.id, &f->err), OK);
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), ERR_NOT_FOUND);
    assert_int_equal(s3_put(f->c, bucket, SLICE("k"), SLICE(""), SLICE("0123456789"), &f->err), OK);
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), ERR_NOT_FOUND);
}

static void test_file__upload_of_another_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ready ready = make_ready(f, SLICE("k"), 10);
    struct ready other = ready;
    struct s3_object object;

    assert_int_equal(complete(f, SLICE("other"), &ready, &object), ERR_NOT_FOUND);
    assert_int_equal(s3_abort(f->c, bucket, SLICE("other"), ready.id, &f->err), OK);
    other.part.bytes++;
    assert_int_equal(complete(f, SLICE("k"), &other, &object), ERR_VALIDATION);
    other.id = SLICE("../../bucket");
    assert_int_equal(complete(f, SLICE("k"), &other, &object), ERR_NOT_FOUND);
    assert_int_equal(complete(f, SLICE("k"), &ready, &object), OK);
}

static void test_file__keys_that_leave_the_store(void **state)
{
    static const struct slice bad[] = {
        SLICE_INIT(".."), SLICE_INIT("../x"),  SLICE_INIT("a/../x"), SLICE_INIT("a/.."),
        SLICE_INIT("."),  SLICE_INIT("a/./x"), SLICE_INIT("/x"),     SLICE_INIT("a//x"),
        SLICE_INIT("a/"), SLICE_INIT("/"),     SLICE_INIT(""),       SLICE_INIT("a\0b"),
    };
    struct fixture *f = *state;
    struct s3_object object;
    struct s3_writer *w;
    char key[1025];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(s3_put(f->c, bucket, bad[i], SLICE(""), SLICE("x"), &f->err),
                         ERR_VALIDATION);
        assert_int_equal(s3_head(f->c, bucket, bad[i], &object, &f->err), ERR_VALIDATION);
        assert_int_equal(s3_delete(f->c, bucket, bad[i], &f->err), ERR_VALIDATION);
        assert_int_equal(s3_writer_open(f->c, bucket, bad[i], SLICE(""), mark, &w, &f->err),
                         ERR_VALIDATION);
    }
    assert_int_equal(s3_head(f->c, SLICE(".uploads"), SLICE("k"), &object, &f->err),
                     ERR_VALIDATION);
    assert_int_equal(s3_head(f->c, SLICE(".."), SLICE("k"), &object, &f->err), ERR_VALIDATION);
    memset(key, 'k', sizeof(key));
    key[255] = key[511] = key[767] = key[1023] = '/';
    assert_int_equal(s3_put(f->c, bucket, slice_make(key, 1023), SLICE(""), SLICE("x"), &f->err),
                     OK);
    key[1023] = 'k';
    assert_int_equal(s3_put(f->c, bucket, slice_make(key, 1024), SLICE(""), SLICE("x"), &f->err),
                     ERR_VALIDATION); /* 256 bytes in the last part */
    assert_int_equal(s3_put(f->c, bucket, slice_make(key, 1025), SLICE(""), SLICE("x"), &f->err),
                     ERR_VALIDATION);
    assert_int_equal(s3_put(f->c, bucket, SLICE("..a/.b"), SLICE(""), SLICE("x"), &f->err), OK);
}

static void test_file__marks_and_values(void **state)
{
    struct fixture *f = *state;
    struct s3_writer *w;
    char text[256];

    memset(text, 'm', sizeof(text));
    assert_int_equal(
        s3_writer_open(f->c, bucket, SLICE("k"), SLICE(""), slice_make(text, 256), &w, &f->err),
        ERR_VALIDATION);
    assert_int_equal(
        s3_writer_open(f->c, bucket, SLICE("k"), SLICE(""), SLICE("a\nb"), &w, &f->err),
        ERR_VALIDATION);
    assert_int_equal(
        s3_writer_open(f->c, bucket, SLICE("k"), SLICE(""), slice_make(text, 255), &w, &f->err),
        OK);
    s3_writer_close(w);
}

static void test_file__a_file_is_no_directory(void **state)
{
    struct fixture *f = *state;
    struct s3_object object;

    assert_int_equal(s3_put(f->c, bucket, SLICE("a"), SLICE(""), SLICE("x"), &f->err), OK);
    assert_int_equal(s3_put(f->c, bucket, SLICE("a/b"), SLICE(""), SLICE("x"), &f->err),
                     ERR_CONFLICT);
    assert_int_equal(s3_head(f->c, bucket, SLICE("a/b"), &object, &f->err), ERR_NOT_FOUND);
    assert_int_equal(s3_put(f->c, bucket, SLICE("c/d"), SLICE(""), SLICE("x"), &f->err), OK);
    assert_int_equal(s3_head(f->c, bucket, SLICE("c"), &object, &f->err), ERR_NOT_FOUND);
    assert_int_equal(s3_put(f->c, bucket, SLICE("c"), SLICE(""), SLICE("x"), &f->err),
                     ERR_CONFLICT);
    assert_int_equal(s3_delete(f->c, bucket, SLICE("c/d"), &f->err), OK);
    assert_int_equal(s3_put(f->c, bucket, SLICE("c"), SLICE(""), SLICE("x"), &f->err), OK);
}

static void test_file__small_objects(void **state)
{
    struct fixture *f = *state;
    struct slice got;

    assert_int_equal(s3_put(f->c, bucket, SLICE("k"), SLICE(""), SLICE("0123456789"), &f->err), OK);
    assert_int_equal(s3_get(f->c, bucket, SLICE("k"), 10, &f->a, &got, &f->err), OK);
    assert_true(slice_eq(got, SLICE("0123456789")));
    assert_int_equal(s3_get(f->c, bucket, SLICE("k"), 9, &f->a, &got, &f->err), ERR_TOO_LARGE);
    assert_int_equal(s3_delete(f->c, bucket, SLICE("k"), &f->err), OK);
    assert_int_equal(s3_delete(f->c, bucket, SLICE("k"), &f->err), OK);
    assert_int_equal(s3_get(f->c, bucket, SLICE("k"), 9, &f->a, &got, &f->err), ERR_NOT_FOUND);
}

/* An object that is replaced while it is read is read to its own end. */
static void test_file__replaced_while_read(void **state)
{
    struct fixture *f = *state;
    struct s3_reader *r;
    struct slice some;
    bool end;

    assert_int_equal(s3_put(f->c, bucket, SLICE("k"), SLICE(""), SLICE("old"), &f->err), OK);
    assert_int_equal(s3_reader_open(f->c, bucket, SLICE("k"), &r, &f->err), OK);
    assert_int_equal(s3_put(f->c, bucket, SLICE("k"), SLICE(""), SLICE("newer"), &f->err), OK);
    assert_int_equal(s3_reader_peek(r, &some, &end, &f->err), OK);
    assert_true(slice_eq(some, SLICE("old")));
    s3_reader_close(r);
}

static void test_file__cut_off_while_read(void **state)
{
    struct fixture *f = *state;
    struct s3_reader *r;
    struct slice some;
    bool end;

    assert_int_equal(s3_put(f->c, bucket, SLICE("k"), SLICE(""), SLICE("12345"), &f->err), OK);
    assert_int_equal(s3_reader_open(f->c, bucket, SLICE("k"), &r, &f->err), OK);
    assert_int_equal(truncate(path_of(f, "bucket/k"), 3), 0);
    assert_int_equal(s3_reader_peek(r, &some, &end, &f->err), ERR_PRECONDITION);
    s3_reader_close(r);
}

struct gathered {
    struct arena *a;
    struct slice text; /* keys, each with a blank behind it */
    size_t stop_after;
    size_t count;
};

static bool gather(void *arg, const struct s3_entry *e)
{
    struct gathered *g = arg;

    g->text = arena_printf(g->a, "%.*s%.*s ", SLICE_FMT(g->text), SLICE_FMT(e->key));
    assert_true(e->time_ms > 0);
    return ++g->count != g->stop_after;
}

static void
assert_list(struct fixture *f, const char *prefix, size_t stop_after, const char *expected)
{
    struct gathered g = {.a = &f->a, .stop_after = stop_after};

    assert_int_equal(s3_list(f->c, bucket, slice_str(prefix), gather, &g, &f->err), OK);
    assert_string_equal(arena_str(&f->a, g.text), expected);
}

/* In the order of the keys' bytes, where '/' is 2F: behind '.', before '0'. */
static void test_file__list(void **state)
{
    static const char *const keys[] = {"a/z", "a.b", "a0", "a/b/c", "b", ".hidden"};
    struct fixture *f = *state;

    assert_list(f, "", 0, "");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        assert_int_equal(s3_put(f->c, bucket, slice_str(keys[i]), SLICE(""), SLICE("x"), &f->err),
                         OK);
    }
    assert_list(f, "", 0, ".hidden a.b a/b/c a/z a0 b ");
    assert_list(f, "a/", 0, "a/b/c a/z ");
    assert_list(f, "a/b", 0, "a/b/c ");
    assert_list(f, "a", 2, "a.b a/b/c ");
    assert_list(f, "../", 0, "");
    assert_list(f, "c", 0, "");
}

static void test_file__list_uploads(void **state)
{
    struct fixture *f = *state;
    struct gathered g = {.a = &f->a};
    struct ready b = make_ready(f, SLICE("p/b \n%"), 1);
    struct ready a = make_ready(f, SLICE("p/a"), 1);

    (void)make_ready(f, SLICE("q"), 1);
    assert_int_equal(mkdir(path_of(f, ".uploads/junk"), 0777), 0);
    assert_int_equal(s3_list_uploads(f->c, bucket, SLICE("p/"), gather, &g, &f->err), OK);
    assert_string_equal(arena_str(&f->a, g.text), "p/a p/b \n% ");
    assert_int_equal(s3_abort(f->c, bucket, SLICE("p/a"), a.id, &f->err), OK);
    assert_int_equal(s3_abort(f->c, bucket, SLICE("p/b \n%"), b.id, &f->err), OK);
    g = (struct gathered){.a = &f->a};
    assert_int_equal(s3_list_uploads(f->c, bucket, SLICE("p/"), gather, &g, &f->err), OK);
    assert_int_equal(g.count, 0);
    assert_int_equal(s3_list_uploads(f->c, SLICE("other"), SLICE(""), gather, &g, &f->err), OK);
    assert_int_equal(g.count, 0);
}

/* Bytes that moved end the next wait at once; then it sleeps until a descriptor is ready. */
static void test_file__wait(void **state)
{
    struct fixture *f = *state;
    struct s3_writer *w = open_writer(f, SLICE("k"));
    struct pollfd fd = {.events = POLLIN};
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    fd.fd = pipes[0];
    assert_int_equal(s3_wait(f->c, NULL, 0, -1, &f->err), OK);
    write_stream(w, 10);
    assert_int_equal(s3_wait(f->c, &fd, 1, -1, &f->err), OK);
    assert_int_equal(fd.revents, 0);
    assert_int_equal(close(pipes[1]), 0);
    assert_int_equal(s3_wait(f->c, &fd, 1, -1, &f->err), OK);
    assert_int_equal(fd.revents, POLLHUP);
    assert_int_equal(close(pipes[0]), 0);
    s3_writer_close(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file__streams_of_all_sizes),
        TEST(test_file__nothing_is_visible_before_completion),
        TEST(test_file__complete_twice),
        TEST(test_file__complete_twice_without_mark),
        TEST(test_file__complete_twice_by_mark),
        TEST(test_file__complete_after_half_a_completion),
        TEST(test_file__anothers_object_is_not_ours),
        TEST(test_file__upload_of_another_key_is_refused),
        TEST(test_file__keys_that_leave_the_store),
        TEST(test_file__marks_and_values),
        TEST(test_file__a_file_is_no_directory),
        TEST(test_file__small_objects),
        TEST(test_file__replaced_while_read),
        TEST(test_file__cut_off_while_read),
        TEST(test_file__list),
        TEST(test_file__list_uploads),
        TEST(test_file__wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
