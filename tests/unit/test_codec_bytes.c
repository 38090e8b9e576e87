/* SPDX-License-Identifier: Apache-2.0 */
/* Transition records byte by byte: versions 1 and 2 are read, each byte means one thing, and a
 * usual transition stays small. */
#include "tests/lib/record_same.h"

/* ---- Versions 1 and 2 ---- */

/* What the program that wrote version 1 left behind: the start of an execution, a step with an
 * upload that is to be completed, a redrive. */
static const char v1_start[] =
    "01011d7b22657865637574696f6e4964223a2272756e2d31222c226e223a317d040000f6a89aedc06804c783f4"
    "f59d03000000000572756e3d61726e3a6177733a7374617465733a65752d776573742d313a3131313131313131"
    "313131313a657865637574696f6e3a6d616368696e653a72756e3c61726e3a6177733a7374617465733a65752d"
    "776573742d313a3131313131313131313131313a73746174654d616368696e653a6d616368696e65096d616368"
    "696e652561726e3a6177733a69616d3a3a3131313131313131313131313a726f6c652f726f6c65e06675343904"
    "3481000000010300200801100d0301012668010008d804000182040103000001c0cf2400";
static const char v1_intent[] =
    "0100010800f6a89aedc0680880bab7030001b40f010b000041ac1f01020a776f726b65722d310201010101f08a"
    "0cd08c010362036b047532036d0370047b7d";
static const char v1_redrive[] =
    "0100210b00b4c89aedc0680c80bab70301004d00000000000000020025400201266c0159bd1f08c60112018205"
    "0113bd1f005903f08a0cd08c01";
/* And version 2: a grant, and redrives with a client token and without. */
static const char v2_lease[] =
    "020001010084a99aedc06805f2b9b70301002814010a776f726b65722d3101e30801050d00090080f7c4d5060c"
    "01f08a0cd08c01";
static const char v2_redrive[] =
    "0200210b00b4c89aedc0680c80bab70301008987868584838281020025400201266c0159bd1f08c6011201820a"
    "0113bd1f005903f08a0cd08c01";
static const char v2_redrive_without_token[] =
    "0200210b00b4c89aedc0680c80bab70302000000000000000000020025400201266c0159bd1f08c6011201820a"
    "0113bd1f005903f08a0cd08c01";

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct slice from_hex(const char *hex, struct arena *a)
{
    size_t len = strlen(hex) / 2;
    char *bytes = arena_alloc(a, len);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    }
    return slice_make(bytes, len);
}

/* `hex` is a record of an old version that shows `s`; no beginning of it is one. */
static void old_shows(const char *hex, const struct step *s)
{
    struct arena a = {0};
    struct slice bytes = from_hex(hex, &a);
    struct record r;
    struct err err;

    assert_int_equal(record_decode(bytes, &a, &r, &err), OK);
    same_record(s, s->header.sequence, &r);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(record_decode(slice_head(bytes, len), &a, &r, &err), ERR_CORRUPT);
    }
    comes_back(s, &(struct buf){0}); /* in this version */
    arena_fini(&a);
}

static void test_codec_bytes__version_1_start(void **state)
{
    int64_t now_ms = 1795410840123;
    struct history_event events[3] = {
        {.type = HISTORY_EXECUTION_STARTED, .state = ASL_NONE},
        {.type = HISTORY_TASK_STATE_ENTERED},
        {.type = HISTORY_LAMBDA_FUNCTION_SCHEDULED,
         .previous = 2,
         .entered_ms = now_ms,
         .timeout_s = 300},
    };
    struct frame f = {.parent = ASL_NONE,
                      .status = FRAME_READY,
                      .entered_event = 2,
                      .entered_ms = now_ms,
                      .last_event = 3,
                      .attempt = 1,
                      .timeout_ms = 300000,
                      .input.ref = DOC_REF(0, 0)};
    struct doc doc = {.ref = DOC_REF(0, 0), .text = SLICE("{\"executionId\":\"run-1\",\"n\":1}")};
    struct step s = {.events = events,
                     .event_count = 3,
                     .frames = &f,
                     .frame_count = 1,
                     .docs = &doc,
                     .doc_count = 1};

    (void)state;
    for (uint64_t i = 0; i < 3; i++) {
        events[i].id = i + 1;
        events[i].time_ms = now_ms;
        events[i].doc.ref = DOC_REF(0, 0);
    }
    s.header = (struct execution_header){
        .account = 111111111111,
        .name = SLICE("run"),
        .arn = SLICE("arn:aws:states:eu-west-1:111111111111:execution:machine:run"),
        .machine_arn = SLICE("arn:aws:states:eu-west-1:111111111111:stateMachine:machine"),
        .machine_name = SLICE("machine"),
        .role_arn = SLICE("arn:aws:iam::111111111111:role/role"),
        .seed = 0x81340439347566e0,
        .start_ms = now_ms,
        .record_docs = 1,
        .next_event = 4,
        .next_frame = 1,
        .open_frames = 1,
        .input.ref = DOC_REF(0, 0),
    };
    old_shows(v1_start, &s);
}

static void test_codec_bytes__version_1_upload(void **state)
{
    int64_t entered_ms = 1795410840123;
    uint32_t retries[] = {1};
    struct frame f = {
        .parent = ASL_NONE,
        .status = FRAME_COMMITTING,
        .entered_event = 2,
        .entered_ms = entered_ms,
        .last_event = 7,
        .attempt = 2,
        .retry_count = 1,
        .retries = retries,
        .retrier_count = 1,
        .started = true,
        .timeout_ms = 99000,
        .heartbeat_ms = 9000,
        .granted_ms = entered_ms + 2006,
        .token = {1, 2},
        .worker = SLICE("worker-1"),
        .output = {SLICE("b"), SLICE("k"), SLICE("u2"), SLICE("m"), SLICE("p"), SLICE("{}")},
        .input.ref = DOC_REF(0, 0),
    };
    struct step s = {.header = {.sequence = 8,
                                .deadline_ms = entered_ms + 3600000,
                                .next_event = 8,
                                .next_frame = 1,
                                .open_frames = 1},
                     .frames = &f,
                     .frame_count = 1};

    (void)state;
    old_shows(v1_intent, &s);
}

/* An execution whose task failed goes on. */
static void redrive_step(struct step *s, struct history_event events[2], struct frame *f)
{
    int64_t entered_ms = 1795410840123;
    int64_t now_ms = entered_ms + 2015;

    events[0] = (struct history_event){.type = HISTORY_EXECUTION_REDRIVEN,
                                       .id = 10,
                                       .previous = 9,
                                       .time_ms = now_ms,
                                       .state = ASL_NONE,
                                       .retry_count = 1};
    events[1] = (struct history_event){.type = HISTORY_LAMBDA_FUNCTION_SCHEDULED,
                                       .id = 11,
                                       .previous = 10,
                                       .time_ms = now_ms,
                                       .doc.ref = DOC_REF(0, 0),
                                       .entered_ms = entered_ms,
                                       .timeout_s = 99,
                                       .heartbeat_s = 9};
    *f = (struct frame){.parent = ASL_NONE,
                        .status = FRAME_READY,
                        .entered_event = 2,
                        .entered_ms = entered_ms,
                        .last_event = 11,
                        .attempt = 3,
                        .timeout_ms = 99000,
                        .heartbeat_ms = 9000,
                        .input.ref = DOC_REF(0, 0)};
    *s = (struct step){.header = {.sequence = 11,
                                  .deadline_ms = now_ms + 3600000,
                                  .redrive_count = 1,
                                  .redrive_ms = now_ms,
                                  .next_event = 12,
                                  .next_frame = 1,
                                  .open_frames = 1},
                       .events = events,
                       .event_count = 2,
                       .frames = f,
                       .frame_count = 1};
}

static void test_codec_bytes__version_1_redrive(void **state)
{
    struct history_event events[2];
    struct frame f;
    struct step s;

    (void)state;
    redrive_step(&s, events, &f);
    s.header.redrive_tokens[0] = 77;
    old_shows(v1_redrive, &s);
}

/* It had one token, and none behind it. */
static void test_codec_bytes__version_2_redrive(void **state)
{
    struct history_event events[2];
    struct frame f;
    struct step s;

    (void)state;
    redrive_step(&s, events, &f);
    s.header.redrive_tokens[0] = 0x8182838485868789;
    old_shows(v2_redrive, &s);
    s.header.redrive_tokens[0] = 0;
    s.header.redrive_count = 2;
    old_shows(v2_redrive_without_token, &s);
}

/* It does not know which process holds it. */
static void test_codec_bytes__version_2_lease(void **state)
{
    int64_t entered_ms = 1795410840123;
    struct history_event started = {.type = HISTORY_LAMBDA_FUNCTION_STARTED,
                                    .id = 4,
                                    .previous = 3,
                                    .time_ms = entered_ms + 7,
                                    .worker = SLICE("worker-1")};
    struct frame f = {.parent = ASL_NONE,
                      .status = FRAME_LEASED,
                      .entered_event = 2,
                      .entered_ms = entered_ms,
                      .last_event = 4,
                      .attempt = 1,
                      .started = true,
                      .timeout_ms = 99000,
                      .heartbeat_ms = 9000,
                      .granted_ms = entered_ms + 7,
                      .token = {1790000000, 12},
                      .worker = SLICE("worker-1"),
                      .holder = 0,
                      .input.ref = DOC_REF(0, 0)};
    struct step s = {.header = {.sequence = 1,
                                .deadline_ms = entered_ms + 3600000,
                                .next_event = 5,
                                .next_frame = 1,
                                .open_frames = 1},
                     .events = &started,
                     .event_count = 1,
                     .frames = &f,
                     .frame_count = 1};

    (void)state;
    old_shows(v2_lease, &s);
}

/* ---- Byte by byte ---- */

/* Documents; flags, sequence 1, nothing back, base 0, next event 5. Then events, and frames. */
#define HEAD(version, flags) version "\0" flags "\1\0\0\5"
/* A frame's beginning: state 0, entered by event 4, which is its last; document 0. */
#define FRAME(flags) "\1" flags "\1\1\0\0\1"
#define WHOLE(kind, parent)                                                                        \
    "\0\4\0\0\0\5\0\0\0\0" kind "\0\0\0\0\0\0\0\0\0\0\0\0\0\0" parent "\0\0\0\0"

#define TOKEN       "12345678" /* a redrive's */
#define FOUR_TOKENS TOKEN TOKEN TOKEN TOKEN
/* Granted at the base, under the token (1, 1), to "w". */
#define LEASED FRAME("\143") "\0\1\1\3w"

static void test_codec_bytes__bytes_mean_one_thing(void **state)
{
    static const struct {
        struct slice bytes;
        enum err_code rc;
    } cases[] = {
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\0")), OK},
        {SLICE_INIT(HEAD("\1", "\0") "\0" FRAME("\0")), OK},
        /* Statuses. */
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\13")), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\17")), ERR_CORRUPT},
        /* An item's index, as a difference to the frame's: UINT32_MAX, one more, -1. */
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\100") "\1\376\377\377\377\37"), OK},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\100") "\1\200\200\200\200\40"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\100") "\1\1"), ERR_CORRUPT},
        /* Variables: one; two; one twice; none; no value; more than there are bytes. */
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\1\3a\1"), OK},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\2\3a\1\3b\1"), OK},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\2\3a\1\1\1"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\1\3a\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\2\3a\1"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\2") "\377\377\377\377\377\17"),
         ERR_CORRUPT},
        /* Answers: the last kind there is, and the next. */
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\250\200\100") "\2\0\0\0"), OK},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\250\200\100") "\3\0\0\0"), ERR_CORRUPT},
        /* Flags past the last, of header, frame, whole header, event and its rest. */
        {SLICE_INIT(HEAD("\2", "\200\4") "\0\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\200\1")), ERR_CORRUPT},
        {SLICE_INIT("\2" WHOLE("\10", "")), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\1\0\20\200\1\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\1\0\20\100\200\10\0"), ERR_CORRUPT},
        /* What version 1 does not know: bytes of variables, an item, a result, a parent. */
        {SLICE_INIT(HEAD("\2", "\200\2") "\1\0\0"), OK},
        {SLICE_INIT(HEAD("\1", "\200\2") "\1\0\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\1\0\20\100\100\1\0\0"), OK},
        {SLICE_INIT(HEAD("\1", "\0") "\1\0\20\100\100\1\0\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\200\200\1") "\1"), OK},
        {SLICE_INIT(HEAD("\1", "\0") "\0" FRAME("\200\100") "\1"), ERR_CORRUPT},
        {SLICE_INIT("\2" WHOLE("\0", "")), OK},
        {SLICE_INIT("\2" WHOLE("\4", "\1\2\3\4")), OK},
        {SLICE_INIT("\4" WHOLE("\10", "\1\3a")), OK},
        /* A trace header: unknown to version 4. */
        {SLICE_INIT("\4" WHOLE("\20", "\3a")), ERR_CORRUPT},
        {SLICE_INIT("\5" WHOLE("\20", "\3a")), OK},
        {SLICE_INIT("\5" WHOLE("\40", "\3a")), ERR_CORRUPT},
        {SLICE_INIT("\6" WHOLE("\0", "")), ERR_VERSION},
        {SLICE_INIT("\1" WHOLE("\0", "\0")), OK},
        {SLICE_INIT("\1" WHOLE("\0", "\1")), ERR_CORRUPT},
        {SLICE_INIT("\1" WHOLE("\4", "\1\2\3\4\0")), ERR_CORRUPT},
        /* Client tokens of redrives: one in version 2; none, eight, and nine; a byte short. */
        {SLICE_INIT(HEAD("\2", "\40") "\1\0" TOKEN "\0\0"), OK},
        {SLICE_INIT(HEAD("\3", "\40") "\1\0\0\0\0"), OK},
        {SLICE_INIT(HEAD("\3", "\40") "\1\0\10" FOUR_TOKENS FOUR_TOKENS "\0\0"), OK},
        {SLICE_INIT(HEAD("\3", "\40") "\1\0\11" FOUR_TOKENS FOUR_TOKENS TOKEN "\0\0"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\3", "\40") "\1\0\2" TOKEN "1234567"), ERR_CORRUPT},
        /* Who holds a lease: unknown to version 2; UINT32_MAX, and one more. */
        {SLICE_INIT(HEAD("\2", "\0") "\0" LEASED), OK},
        {SLICE_INIT(HEAD("\3", "\0") "\0" LEASED), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\2", "\0") "\0" LEASED "\1"), ERR_CORRUPT},
        {SLICE_INIT(HEAD("\3", "\0") "\0" LEASED "\377\377\377\377\17"), OK},
        {SLICE_INIT(HEAD("\3", "\0") "\0" LEASED "\200\200\200\200\20"), ERR_CORRUPT},
    };
    struct arena a = {0};
    struct record r;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum err_code rc = record_decode(cases[i].bytes, &a, &r, &err);

        if (rc != cases[i].rc) {
            fail_msg("case %zu: %d", i, (int)rc);
        }
    }
    assert_true(arena_held_bytes(&a) < 128 * 1024);
    arena_fini(&a);
}

static void test_codec_bytes__usual_attempts(void **state)
{
    static const struct slice now = SLICE_INIT(HEAD("\2", "\0") "\0" FRAME("\0"));
    static const struct slice v1 = SLICE_INIT(HEAD("\1", "\0") "\0" FRAME("\0"));
    struct arena a = {0};
    struct record r;
    struct err err;

    (void)state;
    assert_int_equal(record_decode(now, &a, &r, &err), OK);
    assert_int_equal(r.frames[0].attempt, 0);
    assert_int_equal(record_decode(v1, &a, &r, &err), OK);
    assert_int_equal(r.frames[0].attempt, 1);
    arena_fini(&a);
}

/* ---- Sizes ---- */

/* What a stage's report leaves: its end, the next stage's begin, and that one's grant. */
static void echo_step(struct step *s, struct history_event events[5], struct frame *f)
{
    static const enum history_type types[5] = {HISTORY_TASK_SUCCEEDED, HISTORY_TASK_STATE_EXITED,
                                               HISTORY_TASK_STATE_ENTERED, HISTORY_TASK_SCHEDULED,
                                               HISTORY_TASK_STARTED};
    int64_t now_ms = 1790000000123;

    *s = (struct step){.events = events, .event_count = 5, .frames = f, .frame_count = 1};
    s->header = (struct execution_header){
        .sequence = 7, .next_event = 41, .next_frame = 1, .open_frames = 1};
    for (int i = 0; i < 5; i++) {
        events[i] = (struct history_event){.type = types[i],
                                           .id = 36 + (uint64_t)i,
                                           .previous = 35 + (uint64_t)i,
                                           .time_ms = now_ms,
                                           .state = i < 2 ? 6 : 7,
                                           .doc = {.ref = i < 4 ? DOC_REF(0, 0) : 0}};
    }
    events[0].wrapped = true;
    events[3].entered_ms = now_ms;
    events[3].timeout_s = 300;
    events[4].worker = SLICE("worker-17.example");
    *f = (struct frame){.parent = ASL_NONE,
                        .state = 7,
                        .status = FRAME_LEASED,
                        .entered_event = 38,
                        .entered_ms = now_ms,
                        .last_event = 40,
                        .attempt = 1,
                        .started = true,
                        .timeout_ms = 300000,
                        .granted_ms = now_ms,
                        .token = {1790000000, 123456},
                        .worker = SLICE("worker-17.example"),
                        .holder = 0xfedcba98,
                        .input = {.ref = DOC_REF(0, 0)}};
}

/* An iteration of a Map over 10,000 items ends, and the next one begins and is granted. */
static void iteration_step(struct step *s, struct history_event events[7], struct frame frames[3])
{
    static const enum history_type types[7] = {
        HISTORY_TASK_SUCCEEDED,        HISTORY_TASK_STATE_EXITED,  HISTORY_MAP_ITERATION_SUCCEEDED,
        HISTORY_MAP_ITERATION_STARTED, HISTORY_TASK_STATE_ENTERED, HISTORY_TASK_SCHEDULED,
        HISTORY_TASK_STARTED};
    int64_t now_ms = 1790000000123;
    uint64_t sequence = 9042;

    *s = (struct step){.events = events, .event_count = 7, .frames = frames, .frame_count = 3};
    s->header = (struct execution_header){
        .sequence = sequence, .next_event = 24008, .next_frame = 10001, .open_frames = 41};
    for (int i = 0; i < 7; i++) {
        events[i] = (struct history_event){.type = types[i],
                                           .id = 24001 + (uint64_t)i,
                                           .previous = i == 0 ? 23877 : 24000 + (uint64_t)i,
                                           .time_ms = now_ms,
                                           .state = i == 2 || i == 3 ? 6 : 7,
                                           .doc = {.ref = DOC_REF(sequence, i > 3)}};
    }
    events[2].doc.ref = events[3].doc.ref = events[6].doc.ref = 0;
    events[2].index = 8998;
    events[3].index = 9038;
    events[3].previous = 17;
    events[5].entered_ms = now_ms;
    events[6].worker = SLICE("worker-17.example");
    frames[0] = (struct frame){.parent = ASL_NONE,
                               .state = 6,
                               .status = FRAME_JOIN,
                               .entered_event = 15,
                               .entered_ms = now_ms - 123456,
                               .last_event = 17,
                               .first_child = 1,
                               .child_count = 10000,
                               .child_next = 9039,
                               .child_open = 40,
                               .concurrency = 40,
                               .items_at = 197645,
                               .items.ref = DOC_REF(0, 0),
                               .input.ref = DOC_REF(0, 0)};
    frames[1] = (struct frame){.id = 8999,
                               .parent = 0,
                               .scope = 1,
                               .index = 8998,
                               .state = 7,
                               .status = FRAME_DONE,
                               .entered_event = 23870,
                               .entered_ms = now_ms - 2345,
                               .last_event = 24003,
                               .item.ref = DOC_REF(8990, 0),
                               .item_index = 8998,
                               .result.ref = DOC_REF(sequence, 0)};
    frames[2] = (struct frame){.id = 9039,
                               .parent = 0,
                               .scope = 1,
                               .index = 9038,
                               .state = 7,
                               .status = FRAME_LEASED,
                               .entered_event = 24005,
                               .entered_ms = now_ms,
                               .last_event = 24007,
                               .attempt = 1,
                               .started = true,
                               .granted_ms = now_ms,
                               .token = {1790000000, 123456},
                               .worker = SLICE("worker-17.example"),
                               .holder = 0xfedcba98,
                               .item.ref = DOC_REF(sequence, 1),
                               .item_index = 9038,
                               .input.ref = DOC_REF(sequence, 1)};
}

static void is_small(const char *what, const struct step *s, size_t bytes_max)
{
    struct buf b = {0};

    record_encode(s, s->header.sequence, &b);
    print_message("%s: %zu bytes\n", what, b.len);
    assert_true(b.len <= bytes_max);
    buf_fini(&b);
    comes_back(s, &(struct buf){0});
}

static void test_codec_bytes__a_transition_is_small(void **state)
{
    struct history_event events[5];
    struct frame f;
    struct step s;

    (void)state;
    echo_step(&s, events, &f);
    is_small("an echo transition", &s, 81);
}

static void test_codec_bytes__an_iteration_is_small(void **state)
{
    struct history_event events[7];
    struct frame frames[3];
    struct step s;

    (void)state;
    iteration_step(&s, events, frames);
    is_small("an iteration's end and the next one's begin", &s, 150);
    s.frame_count = 2; /* its end alone */
    s.event_count = 3;
    s.header.next_event = 24004;
    is_small("an iteration's end", &s, 120);
    s.frames[1] = s.frames[2]; /* its begin alone */
    s.events += 3;
    s.event_count = 4;
    s.header.next_event = 24008;
    is_small("an iteration's begin", &s, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codec_bytes__version_1_start),
        cmocka_unit_test(test_codec_bytes__version_1_upload),
        cmocka_unit_test(test_codec_bytes__version_1_redrive),
        cmocka_unit_test(test_codec_bytes__version_2_redrive),
        cmocka_unit_test(test_codec_bytes__version_2_lease),
        cmocka_unit_test(test_codec_bytes__bytes_mean_one_thing),
        cmocka_unit_test(test_codec_bytes__usual_attempts),
        cmocka_unit_test(test_codec_bytes__a_transition_is_small),
        cmocka_unit_test(test_codec_bytes__an_iteration_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
