/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a row of a queue, by the first of them: refused as damaged, or written again as they
 * were; and as a receipt handle. */
#include <assert.h>

#include "coordinator/store/row_queue.h"
#include "coordinator/trigger/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written again it is read as the same. Varints have more than one spelling, so that the bytes may
 * be others the first time. */
#define AGAIN(type, decode_it, encode_it)                                                          \
    do {                                                                                           \
        struct type row_ = {0};                                                                    \
        struct type back_ = {0};                                                                   \
        struct buf first_ = {0};                                                                   \
        struct buf second_ = {0};                                                                  \
        if (decode_it(bytes, &row_) == OK) {                                                       \
            encode_it(&row_, &first_);                                                             \
            assert(decode_it(buf_slice(&first_), &back_) == OK);                                   \
            encode_it(&back_, &second_);                                                           \
            assert(slice_eq(buf_slice(&first_), buf_slice(&second_)));                             \
        }                                                                                          \
        buf_fini(&first_);                                                                         \
        buf_fini(&second_);                                                                        \
    } while (0)

static struct arena arena;

#define DECODE_QUEUE(b, r)   queue_row_decode((b), (r), NULL)
#define DECODE_MESSAGE(b, r) message_row_decode((b), (r), NULL)
#define DECODE_STATE(b, r)   queue_state_decode((b), (r), NULL)
#define DECODE_COUNTER(b, r) queue_counter_decode((b), (r), NULL)
#define DECODE_DEDUP(b, r)   dedup_row_decode((b), &arena, (r), NULL)
#define DECODE_MOVES(b, r)   move_row_decode((b), &arena, (r), NULL)

static void receipt(struct slice text)
{
    struct receipt r;

    if (receipt_parse(text, &r)) {
        assert(slice_eq(receipt_text(&r, &arena), text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from(slice_make(data, size), 1);
    struct message_attribute *items;
    size_t n;

    switch (size == 0 ? 0 : data[0] % 8) {
    case 0: AGAIN(queue_row, DECODE_QUEUE, queue_row_encode); break;
    case 1: AGAIN(message_row, DECODE_MESSAGE, message_row_encode); break;
    case 2: AGAIN(queue_state, DECODE_STATE, queue_state_encode); break;
    case 3: AGAIN(queue_counter_row, DECODE_COUNTER, queue_counter_encode); break;
    case 4: AGAIN(dedup_row, DECODE_DEDUP, dedup_row_encode); break;
    case 5: AGAIN(move_row, DECODE_MOVES, move_row_encode); break;
    case 6: (void)message_attributes_decode(bytes, &arena, &items, &n, NULL); break;
    default: receipt(bytes); break;
    }
    arena_reset(&arena);
    return 0;
}
