/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, by the first of them: as a row of a topic or a subscription, refused or the same when
 * written again; as a body for several protocols; as settings of a subscription, which then give a
 * filter; as a message, whose Notification is JSON that says it. */
#include <assert.h>

#include "coordinator/store/row_topic.h"
#include "proto/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_topic(struct slice bytes, struct arena *a)
{
    struct topic_row row;
    struct buf once = {0};
    struct buf twice = {0};

    if (topic_row_decode(bytes, a, &row, NULL) == OK) {
        topic_row_encode(&row, &once);
        assert(topic_row_decode(buf_slice(&once), a, &row, NULL) == OK);
        topic_row_encode(&row, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

static void fuzz_subscription(struct slice bytes)
{
    struct subscription_row row;
    struct buf once = {0};
    struct buf twice = {0};

    if (subscription_row_decode(bytes, &row, NULL) == OK) {
        subscription_row_encode(&row, &once);
        assert(subscription_row_decode(buf_slice(&once), &row, NULL) == OK);
        subscription_row_encode(&row, &twice);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_fini(&once);
    buf_fini(&twice);
}

/* Lines of "NAME VALUE". */
static void fuzz_settings(struct slice text, struct arena *a)
{
    struct subscription_settings s = {0};
    const struct pattern *filter = NULL;

    while (text.len != 0) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_head(text, end);
        size_t space = slice_find(line, ' ');
        struct err err = {0};
        enum err_code rc =
            subscription_set(&s, slice_head(line, space), slice_from(line, space + 1), "x: ", &err);

        assert(rc == OK || (rc == ERR_TOPIC_PARAMETER && err.msg[0] == 'x'));
        text = slice_from(text, end + 1);
    }
    assert(subscription_filter(&s, a, &filter, NULL) == OK);
    assert((filter != NULL) == (s.filter.len != 0));
    (void)subscription_dead_letters(s.redrive, a);
}

/* The text is everything that a message has. */
static void fuzz_message(struct slice text, struct arena *a)
{
    struct topic_attribute attribute = {text, SLICE("String"), false, text};
    struct topic_message m = {.topic_arn = text,
                              .id = text,
                              .subject = text,
                              .body = text,
                              .attributes = &attribute,
                              .attribute_count = 1};
    const struct json_node *v = NULL;
    struct buf out = {0};
    struct err err = {0};

    assert(topic_message_check(&m, &err) == OK || err.msg[0] != '\0');
    topic_envelope(&m, text, SLICE("http://h"), a, &out);
    assert(json_parse(buf_slice(&out), a, &v, NULL) == OK);
    assert(!text_is_utf8(text) || slice_eq(json_text(json_member(v, SLICE("Message"))), text));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from(slice_make(data, size), 1);
    struct arena a = {0};
    struct slice body;

    switch (size == 0 ? 0 : data[0] % 5) {
    case 0: fuzz_topic(bytes, &a); break;
    case 1: fuzz_subscription(bytes); break;
    case 2: fuzz_settings(bytes, &a); break;
    case 3: fuzz_message(bytes, &a); break;
    default: (void)topic_body_of(bytes, &a, &body, NULL); break;
    }
    arena_fini(&a);
    return 0;
}
