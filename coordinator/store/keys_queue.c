/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the column family QUEUE; the layout is in keys.h. */
#include <assert.h>

#include "coordinator/store/keys.h"
#include "coordinator/store/kind.h"

static void put_u64(struct key *k, uint64_t v)
{
    assert(k->len + sizeof(v) <= sizeof(k->bytes));
    for (int shift = 56; shift >= 0; shift -= 8) {
        k->bytes[k->len++] = (char)(v >> shift);
    }
}

static struct key begin(uint64_t account, enum row_kind kind)
{
    struct key k;

    k.len = 0;
    put_u64(&k, account);
    k.bytes[k.len++] = row_kind_letter(kind);
    return k;
}

static struct key begin_of(uint64_t account, enum row_kind kind, uint64_t number)
{
    struct key k = begin(account, kind);

    put_u64(&k, number);
    return k;
}

static struct key placed(struct key k, struct queue_place place)
{
    assert(place.due_ms >= 0);
    put_u64(&k, (uint64_t)place.due_ms);
    put_u64(&k, place.number);
    return k;
}

struct key key_queue(uint64_t account, struct slice name)
{
    struct key k = key_queues(account);

    assert(name.len <= sizeof(k.bytes) - k.len);
    if (name.len != 0) {
        memcpy(k.bytes + k.len, name.ptr, name.len);
    }
    k.len += name.len;
    return k;
}

struct key key_queues(uint64_t account)
{
    return begin(account, ROW_QUEUE);
}

struct key key_queue_last(uint64_t account)
{
    return begin(account, ROW_QUEUE_LAST);
}

struct key key_message(uint64_t account, uint64_t generation, struct queue_place place)
{
    return placed(key_messages(account, generation), place);
}

struct key key_messages(uint64_t account, uint64_t generation)
{
    return begin_of(account, ROW_MESSAGE, generation);
}

struct key key_queue_state(uint64_t account, uint64_t generation, struct queue_place place)
{
    return placed(key_queue_states(account, generation), place);
}

struct key key_queue_states(uint64_t account, uint64_t generation)
{
    return begin_of(account, ROW_MESSAGE_STATE, generation);
}

bool key_place_parse(struct slice key, struct queue_place *out)
{
    struct cursor c;
    uint64_t due_ms;

    if (key.len < 2 * sizeof(uint64_t)) {
        return false;
    }
    c = cursor_make(slice_from(key, key.len - 2 * sizeof(uint64_t)));
    due_ms = cursor_u64be(&c);
    if (due_ms > INT64_MAX) {
        return false;
    }
    *out = (struct queue_place){(int64_t)due_ms, cursor_u64be(&c)};
    return true;
}

struct key key_queue_counter(uint64_t account, uint64_t generation)
{
    return begin_of(account, ROW_QUEUE_COUNTER, generation);
}

struct key key_dedup(uint64_t account, uint64_t queue, uint64_t first)
{
    struct key k = key_dedups(account, queue);

    put_u64(&k, first);
    return k;
}

struct key key_dedups(uint64_t account, uint64_t queue)
{
    return begin_of(account, ROW_DEDUP, queue);
}

struct key key_moves(uint64_t account, uint64_t queue)
{
    return begin_of(account, ROW_MOVES, queue);
}

struct key key_queue_sweep(uint64_t account, uint64_t generation)
{
    return begin_of(account, ROW_QUEUE_SWEEP, generation);
}

struct key key_queue_sweeps(uint64_t account)
{
    return begin(account, ROW_QUEUE_SWEEP);
}

struct key key_delivery(uint64_t account, uint64_t number)
{
    return begin_of(account, ROW_DELIVERY, number);
}

struct key key_deliveries(uint64_t account)
{
    return begin(account, ROW_DELIVERY);
}
