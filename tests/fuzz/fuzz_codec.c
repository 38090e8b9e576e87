/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as each value of the store. The first byte says which. A record that decodes is encoded
 * and decoded again, and must be the same bytes the second time as the first. */
#include <assert.h>

#include "coordinator/store/codec.h"
#include "coordinator/store/keys.h"
#include "coordinator/store/row_delivery.h"
#include "coordinator/store/row_fleet.h"
#include "coordinator/store/row_rule.h"
#include "coordinator/store/row_version.h"
#include "coordinator/store/row_webhook.h"

static void encode_again(const struct record *r, struct buf *out)
{
    struct step s = {
        .header = r->header,
        .frames = r->frames,
        .frame_count = r->frame_count,
        .events = r->events,
        .event_count = r->event_count,
        .docs = r->docs,
        .doc_count = r->doc_count,
    };

    record_encode(&s, r->lowest, out);
}

static void fuzz_record(struct slice bytes)
{
    struct arena a = {0};
    struct buf once = {0};
    struct buf twice = {0};
    struct record r;
    struct record again;
    struct err err;

    if (record_decode(bytes, &a, &r, &err) == OK) {
        encode_again(&r, &once);
        assert(record_decode(buf_slice(&once), &a, &again, &err) == OK);
        encode_again(&again, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
        for (unsigned i = 0; i < r.doc_count; i++) {
            struct slice text;

            assert(record_doc(bytes, i, &text, &err) == OK);
            assert(slice_eq(text, r.docs[i].text));
        }
    }
    buf_fini(&once);
    buf_fini(&twice);
    arena_fini(&a);
}

static void fuzz_rows(uint8_t which, struct slice bytes)
{
    struct machine_row machine;
    struct revision_row revision;
    struct name_row name;
    struct index_row index;
    struct activity_row activity;
    struct access_row access;
    struct versions_row versions;
    struct tags_row tags;
    struct rule_row rule;
    struct delivery_row delivery;
    struct webhook_row webhook;
    struct fleet_terms terms;
    enum fleet_cordon cordon;
    struct arena a = {0};
    struct slice text;
    struct err err;

    switch (which) {
    case 1: (void)machine_row_decode(bytes, &machine, &err); break;
    case 2: (void)revision_row_decode(bytes, &revision, &err); break;
    case 3: (void)name_row_decode(bytes, &name, &err); break;
    case 4: (void)index_row_decode(bytes, &index, &err); break;
    case 5: (void)activity_row_decode(bytes, &activity, &err); break;
    case 6: (void)access_row_decode(bytes, &access, &err); break;
    case 7: (void)versions_row_decode(bytes, &a, &versions, &err); break;
    case 8: (void)tags_row_decode(bytes, &a, &tags, &err); break;
    case 9: (void)rule_row_decode(bytes, &a, &rule, &err); break;
    case 10: (void)delivery_row_decode(bytes, &delivery, &err); break;
    case 11: (void)webhook_row_decode(bytes, &webhook, &err); break;
    case 12: (void)terms_row_decode(bytes, &a, &terms, &err); break;
    case 13: (void)cordon_row_decode(bytes, &cordon, &err); break;
    default: (void)record_doc(bytes, which, &text, &err); break;
    }
    arena_fini(&a);
}

static void fuzz_keys(struct slice bytes)
{
    uint64_t account;
    uint64_t number;
    uint64_t other;
    int64_t ms;
    enum execution_status status;

    if (key_index_parse(bytes, &account, &status, &number, &ms, &other)) {
        struct key k = key_index(account, status, number, ms, other);

        assert(slice_eq(key_slice(&k), bytes));
    }
    if (key_execution_parse(bytes, &account, &number, &other)) {
        struct key k = key_execution(account, number, other);

        assert(slice_eq(key_slice(&k), bytes));
    }
    if (key_timer_parse(bytes, &account, &ms, &number)) {
        struct key k = key_timer(account, ms, number);

        assert(slice_eq(key_slice(&k), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make(data, size);

    if (size == 0) {
        return 0;
    }
    bytes = slice_from(bytes, 1);
    if (data[0] == 0) {
        fuzz_record(bytes);
    } else {
        fuzz_rows(data[0], bytes);
        fuzz_keys(bytes);
    }
    return 0;
}
