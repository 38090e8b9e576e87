/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: of a database that is written to, there and back; and what is refused. */
#include "coordinator/backup/backup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const int64_t made_ms = 1700000000000;

struct world {
    char dir[64];
    struct arena a;
    const char *data;
    const char *root;
    const char *one; /* the backup of that name */
    const char *other;
    struct store *store;
};

static struct store *open_database(const char *dir)
{
    struct store_config c = {.dir = dir};
    struct store *s;
    struct err err;

    if (store_open_rocks(&c, &s, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    return s;
}

static void put(struct store *s, const char *key, const char *value)
{
    struct store_batch *b = store_batch_new(s);
    struct err err;

    store_put(b, CF_NAME, slice_str(key), slice_str(value));
    assert_int_equal(store_write(s, b, &err), OK);
    store_batch_free(b);
}

static bool has(struct store *s, const char *key)
{
    struct buf b = {0};
    struct err err;
    enum err_code rc = store_get(s, CF_NAME, slice_str(key), &b, &err);

    buf_fini(&b);
    return rc == OK;
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    (void)snprintf(w->dir, sizeof(w->dir), "%s/backup-XXXXXX",
                   getenv("TMPDIR") != NULL && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR")
                                                                             : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    w->data = path_of(w->dir, SLICE("data"), &w->a);
    w->root = path_of(w->dir, SLICE("backups"), &w->a);
    w->one = path_of(w->root, SLICE("one"), &w->a);
    w->other = path_of(w->dir, SLICE("other"), &w->a);
    w->store = open_database(w->data);
    put(w->store, "before", "1");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    struct err err;

    store_close(w->store);
    assert_int_equal(files_remove(w->dir, &w->a, &err), OK);
    arena_fini(&w->a);
    free(w);
    return 0;
}

static enum err_code make(struct world *w, const char *name, struct err *err)
{
    struct file_progress progress = {0};

    return backup_make(w->store, w->root, name, made_ms, 7, &progress, err);
}

static enum err_code restore(struct world *w, struct err *err)
{
    struct backup_origin origin;

    return backup_restore(w->one, w->other, made_ms + 1000, &origin, err);
}

/* The path of the largest file of the backup's database. */
static const char *largest(struct world *w)
{
    const char *db = path_of(w->one, SLICE("db"), &w->a);
    struct file_list all;
    struct file_entry best = {.bytes = 0};
    struct err err;

    assert_int_equal(files_list(db, &w->a, &all, &err), OK);
    for (size_t i = 0; i < all.count; i++) {
        best = all.files[i].bytes > best.bytes ? all.files[i] : best;
    }
    return path_of(db, best.name, &w->a);
}

/* ---- tests ---- */

static void test_backup__comes_back_with_all_that_was_before_it(void **state)
{
    struct world *w = *state;
    struct backup_origin origin;
    struct store *s;
    struct err err;

    assert_int_equal(make(w, "one", &err), OK);
    put(w->store, "after", "1");
    assert_int_equal(backup_restore(w->one, w->other, made_ms + 1000, &origin, &err), OK);
    assert_string_equal(origin.name, "one");
    assert_int_equal(origin.executions, 7);
    s = open_database(w->other);
    assert_true(has(s, "before"));
    assert_false(has(s, "after"));
    put(s, "again", "1");
    store_close(s);

    assert_int_equal(backup_origin(w->other, &origin, &err), OK);
    assert_string_equal(origin.name, "one");
    assert_int_equal(origin.made_ms, made_ms);
    assert_int_equal(origin.restored_ms, made_ms + 1000);
    assert_int_equal(backup_origin(w->data, &origin, &err), OK);
    assert_string_equal(origin.name, "");
}

static void test_backup__is_listed_by_name_and_has_no_namesake(void **state)
{
    struct world *w = *state;
    struct backup_found *found;
    size_t count;
    struct err err;

    assert_int_equal(backup_list(w->root, &w->a, &found, &count, &err), OK);
    assert_int_equal(count, 0);
    assert_int_equal(make(w, "two", &err), OK);
    assert_int_equal(make(w, "one", &err), OK);
    assert_int_equal(make(w, "one", &err), ERR_CONFLICT);
    assert_true(backup_exists(w->root, "one"));
    assert_false(backup_exists(w->root, "three"));
    assert_int_equal(backup_list(w->root, &w->a, &found, &count, &err), OK);
    assert_int_equal(count, 2);
    assert_true(slice_eq_str(found[0].name, "one") && slice_eq_str(found[1].name, "two"));
    assert_int_equal(found[0].manifest.made_ms, made_ms);
    assert_true(found[0].manifest.count > 3);
}

static void test_backup__half_made_is_none_and_goes_with_the_next(void **state)
{
    struct world *w = *state;
    const char *partial = path_of(w->root, SLICE(".one.partial"), &w->a);
    struct backup_found *found;
    size_t count;
    struct err err;

    assert_int_equal(directory_make(w->root, &err), OK);
    assert_int_equal(directory_make(partial, &err), OK);
    assert_int_equal(file_put(path_of(partial, SLICE("x"), &w->a), SLICE("x"), &err), OK);
    assert_int_equal(backup_list(w->root, &w->a, &found, &count, &err), OK);
    assert_int_equal(count, 0);
    assert_int_equal(make(w, "two", &err), OK);
    assert_false(path_exists(partial));
}

static void test_backup__that_is_stopped_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct file_progress progress = {.stop = true};
    struct file_list all;
    struct err err;

    assert_int_equal(backup_make(w->store, w->root, "one", made_ms, 0, &progress, &err),
                     ERR_CANCELLED);
    assert_int_equal(files_list(w->root, &w->a, &all, &err), OK);
    assert_int_equal(all.count, 0);
}

static void test_backup__is_refused_where_a_file_was_changed(void **state)
{
    struct world *w = *state;
    const char *path;
    struct err err;
    FILE *f;

    assert_int_equal(make(w, "one", &err), OK);
    path = largest(w);
    f = fopen(path, "r+");
    assert_non_null(f);
    (void)fseek(f, 100, SEEK_SET);
    (void)fputc(fgetc(f) ^ 1, f);
    (void)fclose(f);
    assert_int_equal(restore(w, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(restore(w, &err), ERR_CORRUPT); /* over what the first one left */
    assert_non_null(strstr(err.msg, "missing"));
}

static void test_backup__is_refused_without_a_whole_manifest(void **state)
{
    struct world *w = *state;
    const char *path = path_of(w->one, SLICE("manifest"), &w->a);
    struct backup_found *found;
    size_t count;
    struct stat st;
    struct err err;

    assert_int_equal(make(w, "one", &err), OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_int_equal(restore(w, &err), ERR_CORRUPT);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(backup_list(w->root, &w->a, &found, &count, &err), OK);
    assert_int_equal(found[0].damage.code, ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(restore(w, &err), ERR_CORRUPT);
}

static void test_backup__is_not_restored_over_something(void **state)
{
    struct world *w = *state;
    struct backup_origin origin;
    struct err err;

    assert_int_equal(make(w, "one", &err), OK);
    assert_int_equal(backup_restore(w->one, w->data, made_ms, &origin, &err), ERR_CONFLICT);
    assert_true(has(w->store, "before"));
    assert_int_equal(backup_restore(w->one, w->other, made_ms - 1, &origin, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "clock"));
}

/* ---- manifests ---- */

static enum err_code parse(const char *text)
{
    struct arena a = {0};
    struct manifest m;
    struct err err;
    enum err_code rc = manifest_parse(slice_str(text), &a, &m, &err);

    arena_fini(&a);
    return rc;
}

static void test_backup__names_are_no_paths(void **state)
{
    (void)state;
    assert_true(manifest_is_name(SLICE("2026-11-24_a.b")));
    assert_false(manifest_is_name(SLICE("")));
    assert_false(manifest_is_name(SLICE(".")));
    assert_false(manifest_is_name(SLICE("..")));
    assert_false(manifest_is_name(SLICE(".hidden")));
    assert_false(manifest_is_name(SLICE("a/b")));
    assert_false(manifest_is_name(SLICE("a b")));
    assert_false(manifest_is_name(SLICE("a\nb")));
    assert_true(manifest_is_name(
        SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_false(manifest_is_name(
        SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

static void test_backup__manifests_are_held_to_their_sum(void **state)
{
    struct arena a = {0};
    struct manifest_file file = {.bytes = 5, .crc = 0x89abcdef, .name = SLICE("000012.sst")};
    struct manifest m = {
        .made_ms = made_ms, .batch = 3, .executions = 2, .files = &file, .count = 1};
    struct manifest back;
    struct buf text = {0};
    struct err err;

    (void)state;
    manifest_print(&m, &text);
    assert_int_equal(manifest_parse(buf_slice(&text), &a, &back, &err), OK);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.files[0].crc, 0x89abcdef);
    assert_true(slice_eq(back.files[0].name, file.name));
    assert_int_equal(back.made_ms, made_ms);
    for (size_t i = 0; i < text.len; i++) {
        text.ptr[i] ^= 1;
        assert_int_equal(manifest_parse(buf_slice(&text), &a, &back, &err), ERR_CORRUPT);
        text.ptr[i] ^= 1;
        assert_int_equal(manifest_parse(slice_make(text.ptr, i), &a, &back, &err), ERR_CORRUPT);
    }
    assert_int_equal(parse(""), ERR_CORRUPT);
    assert_int_equal(parse("stepfleet backup 2\n"), ERR_CORRUPT);
    buf_fini(&text);
    arena_fini(&a);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(test_backup__comes_back_with_all_that_was_before_it),
        WITH(test_backup__is_listed_by_name_and_has_no_namesake),
        WITH(test_backup__half_made_is_none_and_goes_with_the_next),
        WITH(test_backup__that_is_stopped_leaves_nothing),
        WITH(test_backup__is_refused_where_a_file_was_changed),
        WITH(test_backup__is_refused_without_a_whole_manifest),
        WITH(test_backup__is_not_restored_over_something),
        cmocka_unit_test(test_backup__names_are_no_paths),
        cmocka_unit_test(test_backup__manifests_are_held_to_their_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
