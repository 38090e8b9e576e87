/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/backup/backup.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

static const char partial_suffix[] = ".partial";

/* ---- making one ---- */

struct making {
    struct arena arena;
    const char *root;
    const char *partial;
    const char *db;
    const char *whole;
    struct file_progress *progress;
    struct manifest manifest;
};

/* What a crash left: "." NAME ".partial". */
static enum err_code remove_partial(struct making *m, struct err *err)
{
    struct file_list all;
    enum err_code rc = files_list(m->root, &m->arena, &all, err);

    for (size_t i = 0; rc == OK && i < all.count; i++) {
        struct slice name = all.files[i].name;

        if (name.ptr[0] == '.' && slice_ends_with(name, SLICE(".partial"))) {
            rc = files_remove(path_of(m->root, name, &m->arena), &m->arena, err);
        }
    }
    return rc;
}

static enum err_code sum_all(struct making *m, struct err *err)
{
    struct file_list all;
    enum err_code rc = files_list(m->db, &m->arena, &all, err);
    uint64_t of_bytes = 0;

    m->manifest.files = ARENA_ARRAY(&m->arena, all.count, struct manifest_file);
    for (size_t i = 0; i < all.count; i++) {
        of_bytes += all.files[i].bytes;
    }
    atomic_store(&m->progress->of_bytes, of_bytes);
    for (size_t i = 0; rc == OK && i < all.count; i++) {
        struct manifest_file *f = &m->manifest.files[m->manifest.count++];

        f->name = all.files[i].name;
        rc = file_sum(path_of(m->db, f->name, &m->arena), f, m->progress, err);
    }
    return rc;
}

static enum err_code put_manifest(struct making *m, struct err *err)
{
    struct buf text = {0};
    enum err_code rc;

    manifest_print(&m->manifest, &text);
    rc = file_put(path_of(m->partial, SLICE("manifest"), &m->arena), buf_slice(&text), err);
    buf_fini(&text);
    return rc;
}

/* From here on it is there. */
static enum err_code put_in_place(struct making *m, struct err *err)
{
    enum err_code rc = directory_sync(m->db, err);

    rc = rc == OK ? directory_sync(m->partial, err) : rc;
    if (rc == OK && rename(m->partial, m->whole) != 0) {
        rc = files_error("rename", m->partial, err);
    }
    return rc == OK ? directory_sync(m->root, err) : rc;
}

static enum err_code make(struct making *m, struct store *store, struct err *err)
{
    enum err_code rc;

    if (path_exists(m->whole)) {
        return err_set(err, ERR_CONFLICT, "there is a backup in %s already", m->whole);
    }
    rc = directory_make(m->root, err);
    rc = rc == OK ? remove_partial(m, err) : rc;
    rc = rc == OK ? directory_make(m->partial, err) : rc;
    m->manifest.batch = store_batch_number(store);
    rc = rc == OK ? store_copy(store, m->db, err) : rc;
    rc = rc == OK ? sum_all(m, err) : rc;
    rc = rc == OK ? put_manifest(m, err) : rc;
    return rc == OK ? put_in_place(m, err) : rc;
}

enum err_code backup_make(struct store *store,
                          const char *root,
                          const char *name,
                          int64_t now_ms,
                          uint64_t executions,
                          struct file_progress *progress,
                          struct err *err)
{
    struct making m = {.root = root, .progress = progress};
    struct err unused;
    enum err_code rc;

    m.manifest.made_ms = now_ms;
    m.manifest.executions = executions;
    m.whole = path_of(root, slice_str(name), &m.arena);
    m.partial = path_of(root, arena_printf(&m.arena, ".%s%s", name, partial_suffix), &m.arena);
    m.db = path_of(m.partial, SLICE("db"), &m.arena);
    rc = make(&m, store, err);
    if (rc != OK && rc != ERR_CONFLICT) {
        (void)files_remove(m.partial, &m.arena, &unused);
    }
    arena_fini(&m.arena);
    return rc;
}

bool backup_exists(const char *root, const char *name)
{
    struct arena a = {0};
    bool exists = path_exists(path_of(root, slice_str(name), &a));

    arena_fini(&a);
    return exists;
}

/* ---- listing ---- */

static enum err_code
manifest_read(const char *backup, struct arena *a, struct manifest *out, struct err *err)
{
    const char *path = path_of(backup, SLICE("manifest"), a);
    struct slice text;
    enum err_code rc = file_get(path, LIMIT_BACKUP_MANIFEST_BYTES, a, &text, err);

    rc = rc == OK ? manifest_parse(text, a, out, err) : rc;
    if (rc == ERR_CORRUPT) {
        err_wrap(err, "%s", path);
    }
    return rc;
}

static int by_name(const void *x, const void *y)
{
    return slice_cmp(((const struct backup_found *)x)->name,
                     ((const struct backup_found *)y)->name);
}

enum err_code backup_list(const char *root,
                          struct arena *a,
                          struct backup_found **out,
                          size_t *count,
                          struct err *err)
{
    struct file_list all = {0};
    enum err_code rc = path_exists(root) ? files_list(root, a, &all, err) : OK;

    *count = 0;
    *out = ARENA_ARRAY(a, all.count, struct backup_found);
    for (size_t i = 0; rc == OK && i < all.count && *count < LIMIT_BACKUPS; i++) {
        struct backup_found *f = &(*out)[*count];

        if (manifest_is_name(all.files[i].name)) {
            *f = (struct backup_found){.name = all.files[i].name};
            (void)manifest_read(path_of(root, f->name, a), a, &f->manifest, &f->damage);
            ++*count;
        }
    }
    if (*count != 0) {
        qsort(*out, *count, sizeof(**out), by_name);
    }
    return rc;
}

/* ---- the way back ---- */

static const char origin_first[] = "stepfleet restored 1\n";

/* Empty, or what a restoring that was interrupted left, which is removed. */
static enum err_code make_empty(const char *data, struct arena *a, struct err *err)
{
    struct file_list all;
    enum err_code rc = directory_make(data, err);

    rc = rc == OK ? files_list(data, a, &all, err) : rc;
    if (rc != OK) {
        return rc;
    }
    if (all.count != 0 && !path_exists(path_of(data, SLICE("restoring"), a))) {
        return err_set(err, ERR_CONFLICT,
                       "%s is not empty (%.*s is there): restore into another directory, or move "
                       "away what is there",
                       data, SLICE_FMT(all.files[0].name));
    }
    for (size_t i = 0; rc == OK && i < all.count; i++) {
        if (!slice_eq_str(all.files[i].name, "restoring")) {
            rc = files_remove(path_of(data, all.files[i].name, a), a, err);
        }
    }
    return rc == OK ? file_put(path_of(data, SLICE("restoring"), a), SLICE(""), err) : rc;
}

static enum err_code copy_all(const char *from,
                              const char *data,
                              const struct manifest *m,
                              struct arena *a,
                              struct err *err)
{
    const char *db = path_of(from, SLICE("db"), a);
    enum err_code rc = OK;

    for (size_t i = 0; rc == OK && i < m->count; i++) {
        const struct manifest_file *f = &m->files[i];

        rc = file_copy(path_of(db, f->name, a), path_of(data, f->name, a), f, err);
    }
    return rc;
}

static enum err_code
put_origin(const char *data, const struct backup_origin *o, struct arena *a, struct err *err)
{
    struct slice text =
        arena_printf(a, "%smade %.*s\nrestored %.*s\nexecutions %llu\nof %s\n", origin_first,
                     SLICE_FMT(text_time(o->made_ms, a)), SLICE_FMT(text_time(o->restored_ms, a)),
                     (unsigned long long)o->executions, o->name);

    return file_put(path_of(data, SLICE("restored"), a), text, err);
}

/* The last part of a path. */
static void take_name(struct backup_origin *out, struct slice path)
{
    while (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    path = slice_from(path, slice_rfind(path, '/') + 1);
    (void)snprintf(out->name, sizeof(out->name), "%.*s", SLICE_FMT(path));
}

static enum err_code restore(const char *from,
                             const char *data,
                             struct backup_origin *out,
                             struct arena *a,
                             struct err *err)
{
    struct manifest m;
    enum err_code rc = manifest_read(from, a, &m, err);

    if (rc != OK) {
        return rc;
    }
    out->made_ms = m.made_ms;
    out->executions = m.executions;
    if (out->restored_ms < m.made_ms) {
        return err_set(err, ERR_CONFLICT,
                       "the backup was made at %.*s, and this host's clock says %.*s: set it right",
                       SLICE_FMT(text_time(m.made_ms, a)),
                       SLICE_FMT(text_time(out->restored_ms, a)));
    }
    rc = make_empty(data, a, err);
    rc = rc == OK ? copy_all(from, data, &m, a, err) : rc;
    rc = rc == OK ? put_origin(data, out, a, err) : rc;
    rc = rc == OK ? store_adopt(data, m.batch, err) : rc;
    if (rc == OK && unlink(path_of(data, SLICE("restoring"), a)) != 0) {
        rc = files_error("remove restoring in", data, err);
    }
    return rc == OK ? directory_sync(data, err) : rc;
}

enum err_code backup_restore(const char *from,
                             const char *data,
                             int64_t now_ms,
                             struct backup_origin *out,
                             struct err *err)
{
    struct arena a = {0};
    enum err_code rc;

    *out = (struct backup_origin){.restored_ms = now_ms};
    take_name(out, slice_str(from));
    rc = restore(from, data, out, &a, err);
    arena_fini(&a);
    return rc;
}

static bool parse_origin(char *text, struct backup_origin *out)
{
    char made[32];
    char restored[32];
    unsigned long long executions;

    if (sscanf(text, "stepfleet restored 1\nmade %31s\nrestored %31s\nexecutions %llu\nof %64s\n",
               made, restored, &executions, out->name) != 4) {
        return false;
    }
    out->executions = executions;
    return text_parse_time(slice_str(made), &out->made_ms) &&
           text_parse_time(slice_str(restored), &out->restored_ms);
}

enum err_code backup_origin(const char *data, struct backup_origin *out, struct err *err)
{
    struct arena a = {0};
    const char *path = path_of(data, SLICE("restored"), &a);
    struct slice text;
    enum err_code rc = OK;

    *out = (struct backup_origin){.made_ms = 0};
    if (path_exists(path)) {
        rc = file_get(path, 1024, &a, &text, err);
        if (rc == OK && !parse_origin(arena_str(&a, text), out)) {
            *out = (struct backup_origin){.made_ms = 0};
            rc = err_set(err, ERR_CORRUPT, "%s cannot be read: remove it", path);
        }
    }
    arena_fini(&a);
    return rc;
}
