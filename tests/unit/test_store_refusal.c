/* SPDX-License-Identifier: Apache-2.0 */
/* Everything but the log: tables, MANIFEST, CURRENT, the number beside the log, the lock, the
 * format, a disk that is full. Opening refuses with the right code and a message that names what is
 * wrong. */
#include <rocksdb/c.h>

#include "coordinator/store/crc32c.h"
#include "tests/lib/damage.h"

/* ---- Tables ---- */

static void test_store_refusal__table_cut(void **state)
{
    char path[512];

    find(*state, "", ".sst", path);
    cut(path, size_of(path) - 1);
    stays_refused(*state, "is damaged: Corruption");
}

static void test_store_refusal__table_lost(void **state)
{
    char path[512];

    find(*state, "", ".sst", path);
    assert_int_equal(unlink(path), 0);
    stays_refused(*state, "No such file or directory");
}

static void flips_in_table(struct fixture *f, const char *path)
{
    off_t size = size_of(path);

    for (int part = 1; part < 8; part++) {
        off_t at = size * part / 16; /* rows are in front, their index behind */

        flip(path, at, 0x04);
        refuses(f, ERR_CORRUPT, "checksum mismatch");
        flip(path, at, 0x04);
    }
}

static void test_store_refusal__table_flipped(void **state)
{
    struct fixture *f = *state;
    DIR *d = opendir(f->dir);
    struct dirent *e;
    char path[512];
    struct store *s;
    int tables = 0;

    while ((e = readdir(d)) != NULL) {
        path_of(f, e->d_name, path);
        if (slice_ends_with(slice_str(path), SLICE(".sst")) && size_of(path) > 8000) {
            flips_in_table(f, path);
            tables++;
        }
    }
    (void)closedir(d);
    assert_true(tables > 0);
    s = open_ok(f);
    has_batches(s, BATCHES);
    store_close(s);
}

/* Not verified, damage is found at the read at the latest. */
static void test_store_refusal__table_flipped_and_not_verified(void **state)
{
    struct fixture *f = *state;
    struct store_config c = {.dir = f->dir};
    char path[512];
    struct store *s;
    struct buf b = {0};
    struct err err = {OK, ""};
    struct slice key;
    struct slice value;
    struct store_iterator *i;
    enum err_code rc = OK;

    for (int n = 0; n < 100 && rc == OK; n++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%06d.sst", n);
        path_of(f, name, path);
        if (access(path, F_OK) == 0 && size_of(path) > 8000) {
            flip(path, 3000, 1);
        }
    }
    assert_int_equal(store_open_rocks(&c, &s, &err), OK);
    for (unsigned n = 1; n <= OLD_BATCHES && rc == OK; n++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%06u", n);
        rc = store_get(s, CF_EXECUTION, slice_str(name), &b, &err);
    }
    assert_int_equal(rc, ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "is damaged"));
    i = store_iterate(s, CF_EXECUTION, (struct slice){0}, (struct slice){0}, false);
    while (store_next(i, &key, &value)) {
    }
    assert_int_equal(store_iterator_end(i, &err), ERR_CORRUPT);
    store_close(s);
    buf_fini(&b);
}

/* ---- What RocksDB knows of itself ---- */

static void test_store_refusal__manifest_cut(void **state)
{
    char path[512];
    off_t size;

    find(*state, "MANIFEST-", "", path);
    size = size_of(path);
    cut(path, size - 1);
    stays_refused(*state, "is missing or cut off");
    cut(path, size / 2);
    stays_refused(*state, "is missing or cut off");
    assert_int_equal(unlink(path), 0);
    stays_refused(*state, "is missing or cut off");
}

static void test_store_refusal__manifest_flipped(void **state)
{
    char path[512];
    off_t size;

    find(*state, "MANIFEST-", "", path);
    size = size_of(path);
    for (off_t at = 0; at < size; at += 37) {
        flip(path, at, 1);
        refuses(*state, ERR_CORRUPT, "is damaged: Corruption");
        flip(path, at, 1);
    }
}

static void test_store_refusal__current(void **state)
{
    struct fixture *f = *state;
    char path[512];

    path_of(f, "CURRENT", path);
    cut(path, 0);
    stays_refused(f, "it names no MANIFEST");
    append(path, "garbage\n", 8);
    stays_refused(f, "it names no MANIFEST");
    cut(path, 0);
    append(path, "MANIFEST-000001\n", 16);
    stays_refused(f, "older than MANIFEST-");
    cut(path, 0);
    append(path, "MANIFEST-999999\n", 16);
    stays_refused(f, "MANIFEST-999999");
    assert_int_equal(unlink(path), 0);
    stays_refused(f, "it names no MANIFEST");
}

static void test_store_refusal__everything_lost_but_the_number(void **state)
{
    struct fixture *f = *state;
    DIR *d = opendir(f->dir);
    struct dirent *e;
    char path[512];

    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.' && strcmp(e->d_name, "synced") != 0) {
            path_of(f, e->d_name, path);
            assert_int_equal(unlink(path), 0);
        }
    }
    (void)closedir(d);
    stays_refused(f, "it names no MANIFEST");
}

/* ---- What is known beside the log ---- */

static void accepts(struct fixture *f, unsigned batches)
{
    struct store_config c = {.dir = f->dir, .verify = true, .accept_loss = true};
    struct store *s = NULL;
    struct err err = {OK, ""};

    if (store_open_rocks(&c, &s, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    has_batches(s, batches);
    store_close(s);
    s = open_ok(f); /* and from now on as ever */
    has_batches(s, batches);
    store_close(s);
}

static void test_store_refusal__number_lost(void **state)
{
    char path[512];

    path_of(*state, "synced", path);
    assert_int_equal(unlink(path), 0);
    stays_refused(*state, "the file synced, which tells what was synced, is missing");
    accepts(*state, BATCHES);
}

static void test_store_refusal__number_damaged(void **state)
{
    char path[512];

    path_of(*state, "synced", path);
    for (off_t at = 0; at < 36; at++) {
        flip(path, at, 0x40);
        refuses(*state, ERR_CORRUPT, "synced is damaged");
        flip(path, at, 0x40);
    }
    cut(path, 20);
    stays_refused(*state, "synced is damaged");
    cut(path, 0);
    stays_refused(*state, "synced is damaged");
    accepts(*state, BATCHES);
}

static void test_store_refusal__loss_is_accepted_by_command_alone(void **state)
{
    struct fixture *f = *state;
    char path[512];
    off_t size;

    find(f, "", ".log", path);
    size = size_of(path);
    flip(path, size - size / (BATCHES - OLD_BATCHES) * 2 + 50, 1);
    stays_refused(f, "what was synced after it would be lost");
    accepts(f, BATCHES - 2);
}

static void test_store_refusal__nothing_to_accept(void **state)
{
    struct fixture *f = *state;
    struct store_config c = {.dir = f->dir, .accept_loss = true};
    char path[512];
    struct store *s = NULL;
    struct err err;

    path_of(f, "CURRENT", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_open_rocks(&c, &s, &err), ERR_CORRUPT);
}

static void test_store_refusal__an_unfinished_creation_is_finished(void **state)
{
    struct fixture *f = *state;
    char path[512];
    struct store *s;

    remove_dir(f->dir);
    assert_int_equal(mkdir(f->dir, 0700), 0);
    path_of(f, "synced", path);
    append(path, "", 0);
    s = open_ok(f);
    has_batches(s, 0);
    store_close(s);
    s = open_ok(f);
    store_close(s);
}

/* ---- Not damage, but no good either ---- */

/* Our own lock, held before a log is looked at: RocksDB's own would come too late. */
static void test_store_refusal__two_at_once(void **state)
{
    struct store *s = open_ok(*state);
    struct store *other = NULL;
    struct err err;

    assert_int_equal(open_store(*state, &other, &err), ERR_IN_USE);
    assert_non_null(strstr(err.msg, "another coordinator uses"));
    assert_true(slice_ends_with(slice_str(err.msg), SLICE("(lock held)")));
    store_close(s);
    s = open_ok(*state);
    has_batches(s, BATCHES);
    store_close(s);
}

static void test_store_refusal__a_later_format(void **state)
{
    struct store *s = open_ok(*state);
    struct store_batch *b = store_batch_new(s);
    struct err err;

    store_put(b, CF_META, SLICE("format"), slice_make("\0\0\0\0\0\0\0\2", 8));
    assert_int_equal(store_write(s, b, &err), OK);
    store_batch_free(b);
    store_close(s);
    refuses(*state, ERR_VERSION, "has format 2");
}

/* Every file's bytes, by their sum. */
static uint32_t sum_of(const struct fixture *f)
{
    DIR *d = opendir(f->dir);
    struct dirent *e;
    uint32_t sum = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        struct buf bytes = {0};
        char path[512];
        int fd;

        path_of(f, e->d_name, path);
        fd = open(path, O_RDONLY);
        if (e->d_type == DT_REG) {
            size_t size = (size_t)size_of(path);

            assert_int_equal(read(fd, buf_reserve(&bytes, size), size), (ssize_t)size);
            sum += crc32c(crc32c(0, e->d_name, strlen(e->d_name)), bytes.ptr, size);
        }
        close(fd);
        buf_fini(&bytes);
    }
    (void)closedir(d);
    return sum;
}

/* Such a one is known by the file beside the log, before anything is touched. */
static void test_store_refusal__a_later_format_stays_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct store_config accepting = {.dir = f->dir, .accept_loss = true};
    struct store *s = NULL;
    struct buf sum = {0};
    char bytes[32];
    char path[512];
    struct err err;
    uint32_t before;
    int fd;

    path_of(f, "synced", path);
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    bytes[7] = '0' + 2;
    buf_put_u32le(&sum, crc32c(0, bytes, sizeof(bytes)));
    assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    assert_int_equal(pwrite(fd, sum.ptr, sum.len, sizeof(bytes)), 4);
    close(fd);
    buf_fini(&sum);
    before = sum_of(f);
    refuses(f, ERR_VERSION, "has format 2, this program knows format 1");
    assert_int_equal(store_open_rocks(&accepting, &s, &err), ERR_VERSION);
    assert_int_equal(store_look_rocks(f->dir, &s, &err), ERR_VERSION);
    assert_int_equal(sum_of(f), before);
}

static void test_store_refusal__looking_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct store *other = NULL;
    struct store *s = NULL;
    struct err err = {OK, ""};
    uint32_t before = sum_of(f);

    if (store_look_rocks(f->dir, &s, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    has_batches(s, BATCHES);
    refuses(f, ERR_IN_USE, "another coordinator uses");
    store_close(s);
    assert_int_equal(sum_of(f), before);
    s = open_ok(f);
    assert_int_equal(store_look_rocks(f->dir, &other, &err), ERR_IN_USE);
    assert_non_null(strstr(err.msg, "stop it first"));
    store_close(s);
    assert_int_equal(store_look_rocks("/nonexistent-directory", &s, &err), ERR_NOT_FOUND);
}

static void test_store_refusal__no_place_for_it(void **state)
{
    struct store_config c = {.dir = "/nonexistent-directory/below"};
    struct store *s = NULL;
    struct err err;

    (void)state;
    assert_int_equal(store_open_rocks(&c, &s, &err), ERR_IO);
    assert_non_null(strstr(err.msg, "/nonexistent-directory/below"));
}

/* A write that fails for real: the log may grow no further. Nothing is taken after it, and what was
 * acknowledged is there afterwards. */
static void test_store_refusal__a_failed_write_is_the_last(void **state)
{
    struct fixture *f = *state;
    struct store *s = open_ok(f);
    struct rlimit was;
    struct rlimit low;
    struct err err;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    low = was;
    low.rlim_cur = 256 * 1024; /* more than RocksDB's own log of what it does has by now */
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_int_equal(write_batch(s, BATCHES + 1, 1000000, &err), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_non_null(strstr(err.msg, "write batch 101"));
    assert_int_equal(write_batch(s, BATCHES + 1, 10, &err), ERR_IO);
    assert_non_null(strstr(err.msg, "nothing is written any more"));
    assert_int_equal(store_batch_number(s), BATCHES);
    has_batches(s, BATCHES);
    store_close(s);
    s = open_ok(f);
    has_batches(s, BATCHES);
    store_close(s);
}

/* A small disk of this process's own; false where that is not allowed. */
static bool mount_small(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0) {
        char map[32];

        (void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || access("/proc/self/uid_map", W_OK) != 0) {
            return false;
        }
        append("/proc/self/uid_map", map, strlen(map));
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, "size=2m") == 0;
}

enum { FULL_DISK_IMPOSSIBLE = 77 };

static int full_disk(const struct fixture *f)
{
    struct store *s;
    struct err err = {OK, ""};
    unsigned n = 1;

    if (!mount_small(f->dir)) {
        return FULL_DISK_IMPOSSIBLE;
    }
    if (open_store(f, &s, &err) != OK) {
        return 1;
    }
    while (n < 1000 && write_batch(s, n, 20000, &err) == OK) {
        n++;
    }
    if (err.code != ERR_NO_SPACE || strstr(err.msg, "is full") == NULL || n < 10) {
        return 2;
    }
    err.code = OK;
    return write_batch(s, n, 1, &err) == ERR_NO_SPACE && store_batch_number(s) == n - 1 ? 0 : 3;
}

static void test_store_refusal__full_disk(void **state)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(full_disk(*state));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == FULL_DISK_IMPOSSIBLE) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- A database of a version before ---- */

/* As a version that did not know that family leaves it. */
static void drop_family(const struct fixture *f, const char *name)
{
    rocksdb_options_t *plain = rocksdb_options_create();
    const rocksdb_options_t *options[16];
    rocksdb_column_family_handle_t *families[16];
    char *text = NULL;
    size_t count;
    char **names = rocksdb_list_column_families(plain, f->dir, &count, &text);
    rocksdb_t *db;

    assert_null(text);
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        options[i] = plain;
    }
    db = rocksdb_open_column_families(plain, f->dir, (int)count, (const char *const *)names,
                                      options, families, &text);
    assert_null(text);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            rocksdb_drop_column_family(db, families[i], &text);
            assert_null(text);
        }
        rocksdb_column_family_handle_destroy(families[i]);
    }
    rocksdb_close(db);
    rocksdb_list_column_families_destroy(names, count);
    rocksdb_options_destroy(plain);
}

/* One without queues, then one without jobs, too. */
static void test_store_refusal__an_older_database_gets_the_families_it_lacks(void **state)
{
    struct fixture *f = *state;
    struct store *s;

    for (unsigned i = 0; i < 3; i++) {
        if (i < 2) {
            drop_family(f, "queue");
        }
        if (i == 1) {
            drop_family(f, "job");
        }
        s = open_ok(f);
        has_batches(s, BATCHES + i);
        write_batches(s, BATCHES + i + 1, BATCHES + i + 1);
        store_close(s);
    }
}

/* No version had queues and no jobs. */
static void test_store_refusal__a_family_before_one_that_is_there_must_be(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    struct err err = {OK, ""};

    drop_family(f, "job");
    assert_int_not_equal(open_store(f, &s, &err), OK);
    assert_non_null(strstr(err.msg, "job"));
}

static void test_store_refusal__any_other_family_must_be_there(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    struct err err = {OK, ""};

    drop_family(f, "timer");
    assert_int_not_equal(open_store(f, &s, &err), OK);
    assert_non_null(strstr(err.msg, "timer"));
    drop_family(f, "queue");
    drop_family(f, "job");
    assert_int_not_equal(open_store(f, &s, &err), OK);
    assert_int_not_equal(open_store(f, &s, &err), OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_store_refusal__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_cut),
        TEST(table_lost),
        TEST(table_flipped),
        TEST(table_flipped_and_not_verified),
        TEST(manifest_cut),
        TEST(manifest_flipped),
        TEST(current),
        TEST(everything_lost_but_the_number),
        TEST(number_lost),
        TEST(number_damaged),
        TEST(loss_is_accepted_by_command_alone),
        TEST(nothing_to_accept),
        TEST(an_unfinished_creation_is_finished),
        TEST(two_at_once),
        TEST(a_later_format),
        TEST(a_later_format_stays_as_it_is),
        TEST(looking_changes_nothing),
        TEST(no_place_for_it),
        TEST(an_older_database_gets_the_families_it_lacks),
        TEST(a_family_before_one_that_is_there_must_be),
        TEST(any_other_family_must_be_there),
        TEST(a_failed_write_is_the_last),
        TEST(full_disk),
    };

    return cmocka_run_group_tests(tests, setup_whole, teardown_whole);
}
