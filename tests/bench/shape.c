/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/shape.h"

#include <stdio.h>

#include "coordinator/store/keys.h"
#include "coordinator/store/store.h"
#include "tests/bench/process.h"

struct family {
    uint64_t rows;
    uint64_t bytes;
};

static struct store *open_store(const char *dir)
{
    const struct store_config c = {.dir = dir};
    struct store *s;
    struct err err;

    if (store_open_rocks(&c, &s, &err) != OK) {
        bench_die("%s", err.msg);
    }
    return s;
}

static void end_rows(struct store_iterator *i)
{
    struct err err;

    if (store_iterator_end(i, &err) != OK) {
        bench_die("%s", err.msg);
    }
}

/* Count a family; the row in its middle is kept. */
static struct family count_family(struct store *store,
                                  enum store_cf cf,
                                  struct arena *a,
                                  struct slice *k,
                                  struct slice *v)
{
    struct family f = {0};
    struct slice key;
    struct slice value;
    struct store_iterator *i = store_iterate(store, cf, SLICE(""), SLICE(""), false);

    while (store_next(i, &key, &value)) {
        /* Kept at 1, 2, 4, 8, ...: the last of them is in the latter half. */
        if ((f.rows & (f.rows + 1)) == 0) {
            *k = arena_copy(a, key);
            *v = arena_copy(a, value);
        }
        f.rows++;
        f.bytes += key.len + value.len;
    }
    end_rows(i);
    return f;
}

static void take_records(struct shape *s, struct store *store, struct slice of)
{
    uint64_t account;
    uint64_t execution;
    uint64_t sequence;
    struct key from;
    struct key to;
    struct slice key;
    struct slice value;
    struct store_iterator *i;

    if (!key_execution_parse(of, &account, &execution, &sequence)) {
        bench_die("a key of EXECUTION cannot be read");
    }
    from = key_execution_prefix(account, execution);
    to = key_after(&from);
    i = store_iterate(store, CF_EXECUTION, key_slice(&from), key_slice(&to), false);
    while (store_next(i, &key, &value) && s->record_count < SHAPE_RECORDS_MAX) {
        s->record[s->record_count++] = arena_copy(&s->memory, value);
    }
    end_rows(i);
}

void shape_measure(struct shape *s, const char *dir)
{
    struct store *store = open_store(dir);
    struct slice key = SLICE("");
    struct slice value;
    struct slice index_key = SLICE("");
    struct family records;
    struct family names;
    struct family index;
    double n;

    *s = (struct shape){0};
    records = count_family(store, CF_EXECUTION, &s->memory, &key, &value);
    names = count_family(store, CF_NAME, &s->memory, &s->name_key, &s->name_row);
    index = count_family(store, CF_INDEX, &s->memory, &index_key, &s->index_row);
    if (names.rows == 0 || records.rows == 0 || index.rows == 0) {
        bench_die("no execution is in %s", dir);
    }
    n = (double)names.rows;
    s->records = (double)records.rows / n;
    /* The index's line of an execution is put at its start, deleted and put at its end. */
    s->rows = s->records + 4;
    s->bytes = (double)(records.bytes + names.bytes + 2 * index.bytes) / n + (double)index_key.len;
    take_records(s, store, key);
    store_close(store);
}

static void put(FILE *f, struct slice bytes)
{
    uint32_t len = (uint32_t)bytes.len;

    if (fwrite(&len, sizeof(len), 1, f) != 1 || fwrite(bytes.ptr, 1, len, f) != len) {
        bench_die("cannot write a shape");
    }
}

static struct slice get(FILE *f, struct arena *a)
{
    uint32_t len;
    char *bytes;

    if (fread(&len, sizeof(len), 1, f) != 1) {
        bench_die("a shape ends early");
    }
    bytes = arena_alloc(a, len);
    if (fread(bytes, 1, len, f) != len) {
        bench_die("a shape ends early");
    }
    return slice_make(bytes, len);
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *f = fopen(path, mode);

    if (f == NULL) {
        bench_die("cannot open %s", path);
    }
    return f;
}

void shape_save(const struct shape *s, const char *path)
{
    FILE *f = open_file(path, "we");

    put(f, s->name_key);
    put(f, s->name_row);
    put(f, s->index_row);
    put(f, slice_make(&s->record_count, sizeof(s->record_count)));
    for (size_t i = 0; i < s->record_count; i++) {
        put(f, s->record[i]);
    }
    if (fclose(f) != 0) {
        bench_die("cannot write %s", path);
    }
}

void shape_load(struct shape *s, const char *path)
{
    FILE *f = open_file(path, "re");
    struct slice count;

    *s = (struct shape){0};
    s->name_key = get(f, &s->memory);
    s->name_row = get(f, &s->memory);
    s->index_row = get(f, &s->memory);
    count = get(f, &s->memory);
    if (count.len != sizeof(s->record_count)) {
        bench_die("%s is no shape", path);
    }
    memcpy(&s->record_count, count.ptr, count.len);
    for (size_t i = 0; i < s->record_count; i++) {
        s->record[i] = get(f, &s->memory);
    }
    (void)fclose(f);
}

void shape_fini(struct shape *s)
{
    arena_fini(&s->memory);
}
