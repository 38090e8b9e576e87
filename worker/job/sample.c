/* SPDX-License-Identifier: Apache-2.0 */
/* Splitters of a sort: keys of records here and there in the input, so that partitions get about as
 * much each. They are the input's keys, and what MAP's handler makes of its records may have
 * others: the order is right whatever the splitters are, and only the partitions' sizes suffer. So
 * what cannot be read as a key is stepped over, and no sample at all is as good as one partition.
 */
#include <stdlib.h>

#include "worker/items/key.h"
#include "worker/items/partition.h"
#include "worker/job/plan.h"
#include "worker/job/shuffle.h"

enum {
    SAMPLE_PLACES = 64,
    SAMPLE_BYTES = 65536,    /* read at each */
    SAMPLE_KEYS = 256,       /* taken at each */
    SAMPLE_KEY_BYTES = 4096, /* longer ones make poor splitters */
};

struct sample {
    struct plan *plan;
    struct items_keys keys;
    struct slice *list; /* in the plan's memory */
    size_t count;
    size_t cap;
};

static void sample_take(struct sample *m, const struct items_record *record, struct buf *key)
{
    struct err err;

    buf_reset(key);
    if (items_keys_make(&m->keys, record, key, &err) != OK || key->len > SAMPLE_KEY_BYTES) {
        return;
    }
    if (m->count == m->cap) {
        m->cap = m->cap == 0 ? 1024 : m->cap * 2;
        m->list = mem_realloc(m->list, m->cap * sizeof(m->list[0]));
    }
    m->list[m->count++] = arena_copy(&m->plan->texts, buf_slice(key));
}

/* The records that are whole in these bytes of a shard. */
static void sample_records(struct sample *m, const struct items_shard *at, struct slice bytes)
{
    struct items_records records;
    struct items_record record;
    struct buf key = {0};
    struct err err;
    size_t skip = 0;

    if (!items_needs_scan(&m->plan->options) && at->from != 0) { /* it may begin amid a line */
        skip = slice_find(bytes, '\n') + 1;
        skip = skip < bytes.len ? skip : bytes.len;
    }
    items_records_init(&records, &m->plan->options, at->from + skip, SAMPLE_BYTES);
    items_records_feed(&records, slice_from(bytes, skip));
    for (int i = 0; i < SAMPLE_KEYS && items_records_next(&records, &record, &err) == ITEMS_RECORD;
         i++) {
        sample_take(m, &record, &key);
    }
    items_records_fini(&records);
    buf_fini(&key);
}

static bool sample_shard(struct sample *m, const struct plan_shard *shard)
{
    const struct plan_object *o = &m->plan->objects[shard->object];
    struct job_task *t = m->plan->task;
    struct s3_range range = {.from = shard->at.from, .to = shard->at.to, .etag = o->etag};
    struct buf bytes = {0};
    struct err err;
    bool well;

    if (o->packing != PLAN_PLAIN) {
        return true;
    }
    range.to = range.to - range.from > SAMPLE_BYTES ? range.from + SAMPLE_BYTES : range.to;
    well = task_read_range(t, t->places.input_bucket, o->key, &range, &bytes, &err) == OK;
    if (well) {
        sample_records(m, &shard->at, buf_slice(&bytes));
    } else {
        task_fail_input(t, o->key, &err);
    }
    buf_fini(&bytes);
    return well;
}

static int key_order(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void sample_split(struct sample *m, uint32_t partitions, struct slice **out, size_t *count)
{
    if (m->count != 0) {
        qsort(m->list, m->count, sizeof(m->list[0]), key_order);
        *out = ARENA_ARRAY(&m->plan->texts, partitions, struct slice);
        *count = items_partition_splitters(m->list, m->count, partitions, *out);
    }
    mem_free(m->list);
}

bool plan_sample(struct plan *p, uint32_t partitions, struct slice **out, size_t *count)
{
    const struct job_definition *d = p->task->definition;
    struct items_key_spec specs[LIMIT_JOB_KEYS];
    struct sample m = {.plan = p};
    size_t step = p->shard_count / SAMPLE_PLACES + 1;
    struct slice header;
    struct err err;
    bool well = true;

    *count = 0;
    if (d->shuffle.kind != JOB_SHUFFLE_SORT || partitions < 2 || p->shard_count == 0) {
        return true;
    }
    header = p->objects[p->shards[0].object].header;
    if (items_keys_init(&m.keys, specs, shuffle_keys(d, specs), &p->options, header, &err) != OK) {
        return true;
    }
    for (size_t i = 0; well && i < p->shard_count; i += step) {
        well = sample_shard(&m, &p->shards[i]);
    }
    items_keys_fini(&m.keys);
    sample_split(&m, partitions, out, count);
    return well;
}
