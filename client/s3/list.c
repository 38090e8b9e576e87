/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of the directory store, in the order S3 gives them: keys by their bytes. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "client/s3/file.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"

/* The names in one directory, a '/' behind those of directories: so they sort as keys do. */
struct names {
    struct slice *items;
    size_t count;
    size_t cap;
};

static int name_compare(const void *left, const void *right)
{
    return slice_cmp(*(const struct slice *)left, *(const struct slice *)right);
}

static bool entry_is_directory(const char *path, const struct dirent *d)
{
    struct stat st;
    char *full;
    bool is;

    if (d->d_type != DT_UNKNOWN && d->d_type != DT_LNK) {
        return d->d_type == DT_DIR;
    }
    full = mem_alloc(strlen(path) + strlen(d->d_name) + 2);
    (void)stpcpy(stpcpy(stpcpy(full, path), "/"), d->d_name);
    is = stat(full, &st) == 0 && S_ISDIR(st.st_mode);
    mem_free(full);
    return is;
}

/* No such directory is an empty one. */
static enum err_code
names_read(const char *path, struct arena *a, struct names *out, struct err *err)
{
    DIR *dir = opendir(path);
    struct dirent *d;

    *out = (struct names){0};
    if (dir == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? OK : file_error(err, "list", path);
    }
    while ((d = readdir(dir)) != NULL) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) {
            continue;
        }
        if (out->count == out->cap) {
            size_t cap = out->cap == 0 ? 32 : out->cap * 2;

            out->items = arena_grow(a, out->items, out->cap * sizeof(out->items[0]),
                                    cap * sizeof(out->items[0]));
            out->cap = cap;
        }
        out->items[out->count++] =
            arena_printf(a, "%s%s", d->d_name, entry_is_directory(path, d) ? "/" : "");
    }
    (void)closedir(dir);
    if (out->count > 0) {
        qsort(out->items, out->count, sizeof(out->items[0]), name_compare);
    }
    return OK;
}

struct listing {
    struct buf path; /* of where we are, no NUL */
    size_t skip;     /* length of root/bucket/ */
    struct slice prefix;
    bool (*each)(void *arg, const struct s3_entry *e);
    void *arg;
    bool stopped;
};

static char *listing_path(struct listing *l)
{
    (void)buf_reserve(&l->path, 1);
    l->path.ptr[l->path.len] = '\0';
    return l->path.ptr;
}

static struct slice listing_key(const struct listing *l)
{
    return slice_from(buf_slice(&l->path), l->skip);
}

static int64_t stat_time_ms(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static void listing_give(struct listing *l)
{
    struct s3_entry e = {.key = listing_key(l)};
    struct stat st;

    if (slice_starts_with(e.key, l->prefix) && stat(listing_path(l), &st) == 0 &&
        S_ISREG(st.st_mode)) {
        e.key = listing_key(l);
        e.size_bytes = (uint64_t)st.st_size;
        e.time_ms = stat_time_ms(&st);
        l->stopped = !l->each(l->arg, &e);
    }
}

/* Can anything below this directory have the prefix? */
static bool listing_may_hold(const struct listing *l)
{
    struct slice key = listing_key(l);

    return slice_starts_with(key, l->prefix) || slice_starts_with(l->prefix, key);
}

/* Recursion ends since a key has at most LIMIT_KEY_BYTES. */
static enum err_code listing_walk(struct listing *l, struct err *err)
{
    struct arena a = {0};
    struct names names;
    size_t len = l->path.len;
    enum err_code rc = names_read(listing_path(l), &a, &names, err);

    for (size_t i = 0; rc == OK && !l->stopped && i < names.count; i++) {
        buf_put_slice(&l->path, names.items[i]);
        if (listing_key(l).len > LIMIT_KEY_BYTES) {
            l->path.len = len;
            continue;
        }
        if (!slice_ends_with(names.items[i], SLICE("/"))) {
            listing_give(l);
        } else if (listing_may_hold(l)) {
            rc = listing_walk(l, err);
        }
        l->path.len = len;
    }
    arena_fini(&a);
    return rc;
}

static enum err_code
list_objects(struct file_client *c, struct slice bucket, struct listing *l, struct err *err)
{
    enum err_code rc;

    buf_put_str(&l->path, c->root);
    buf_put_str(&l->path, "/");
    buf_put_slice(&l->path, bucket);
    buf_put_str(&l->path, "/");
    l->skip = l->path.len;
    rc = listing_walk(l, err);
    buf_fini(&l->path);
    return rc;
}

static int entry_compare(const void *left, const void *right)
{
    const struct s3_entry *l = left;
    const struct s3_entry *r = right;
    int c = slice_cmp(l->key, r->key);

    return c != 0 ? c : (l->time_ms > r->time_ms) - (l->time_ms < r->time_ms);
}

/* Entries of all whole records; what is half made or half removed is not an upload. */
static size_t uploads_read(struct file_client *c,
                           struct slice bucket,
                           struct slice prefix,
                           const struct names *names,
                           struct arena *a,
                           struct s3_entry *out)
{
    size_t count = 0;

    for (size_t i = 0; i < names->count; i++) {
        struct slice id = slice_head(names->items[i], FILE_ID_BYTES);
        struct file_record r;

        if (names->items[i].len == FILE_ID_BYTES + 1 && file_is_id(id) &&
            file_record_read(file_upload_path(c, id, "upload", a), a, &r, NULL) == OK &&
            slice_eq(r.bucket, bucket) && slice_starts_with(r.key, prefix)) {
            out[count++] =
                (struct s3_entry){.key = r.key, .upload_id = id, .time_ms = r.created_ms};
        }
    }
    return count;
}

static enum err_code
list_uploads(struct file_client *c, struct slice bucket, struct listing *l, struct err *err)
{
    struct arena a = {0};
    struct names names;
    struct s3_entry *entries;
    size_t count = 0;
    enum err_code rc = names_read(file_upload_path(c, SLICE(""), "", &a), &a, &names, err);

    if (rc == OK && names.count > 0) {
        entries = ARENA_ARRAY(&a, names.count, struct s3_entry);
        count = uploads_read(c, bucket, l->prefix, &names, &a, entries);
        if (count > 0) {
            qsort(entries, count, sizeof(entries[0]), entry_compare);
        }
        for (size_t i = 0; i < count && !l->stopped; i++) {
            l->stopped = !l->each(l->arg, &entries[i]);
        }
    }
    arena_fini(&a);
    return rc;
}

enum err_code file_list(struct s3_client *client,
                        struct slice bucket,
                        struct slice prefix,
                        bool uploads,
                        bool (*each)(void *arg, const struct s3_entry *e),
                        void *arg,
                        struct err *err)
{
    struct file_client *c = (struct file_client *)client;
    struct listing l = {.prefix = prefix, .each = each, .arg = arg};

    return uploads ? list_uploads(c, bucket, &l, err) : list_objects(c, bucket, &l, err);
}
