/* SPDX-License-Identifier: Apache-2.0 */
/* What one transition of a chain of tasks costs: TASK_SUCCEEDED, the next task's schedule and its
 * GRANTED gathered into one record, over a document of 1 KB. Prints nanoseconds a transition.
 *
 * usage: bench_engine [transitions] */
#include "coordinator/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DOCUMENT_BYTES = 1024 };

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct slice document(struct arena *a, int version)
{
    char *text = arena_alloc(a, DOCUMENT_BYTES);
    size_t len = 0;

    text[len++] = '{';
    for (int i = 0; len + 64 < DOCUMENT_BYTES; i++) {
        len += (size_t)snprintf(text + len, DOCUMENT_BYTES - len,
                                "%s\"member%02d\":{\"id\":%d,\"text\":\"something\"}",
                                i == 0 ? "" : ",", i, i * 1000 + version);
    }
    text[len++] = '}';
    return slice_make(text, len);
}

struct chain {
    const struct asl_machine *m;
    struct execution_header header;
    struct frame frame;
    struct arena keep;
    struct arena a;
    struct slice doc;
    struct slice docs[2]; /* results in turn: equal where the function echoes */
    uint64_t token;
};

static void start(struct chain *c)
{
    struct engine_event ev = {.kind = ENGINE_START, .now_ms = 1, .seed = 1};
    struct frame_set none = {.items = NULL};
    struct step s = {0};

    c->header.input.text = c->doc;
    if (engine_step(c->m, &c->header, &none, &ev, &c->keep, &s, NULL) != STEP_DONE) {
        abort();
    }
    c->header = s.header;
    c->frame = s.frames[0];
}

static void transition(struct chain *c)
{
    struct frame_set set = {.items = &c->frame, .count = 1};
    struct step s = {0};
    struct engine_event ev = {.now_ms = 2, .token = {1, c->token}};
    uint64_t input = c->header.input.ref;

    c->header.sequence++;
    c->header.record_docs = 0;
    if (c->token > 0) {
        ev.kind = ENGINE_TASK_SUCCEEDED;
        c->doc = c->docs[c->token % 2];
        ev.result = c->doc;
        (void)engine_step(c->m, &c->header, &set, &ev, &c->a, &s, NULL);
    }
    ev = (struct engine_event){
        .kind = ENGINE_TASK_GRANTED, .now_ms = 2, .token = {1, ++c->token}, .worker = SLICE("w")};
    if (engine_step(c->m, c->token > 1 ? &s.header : &c->header, &set, &ev, &c->a, &s, NULL) !=
        STEP_DONE) {
        abort();
    }
    c->header = s.header;
    c->header.input = (struct doc){.ref = input, .text = c->docs[0]};
    c->header.next_event = 7;
    c->frame = s.frames[0];
    c->frame.last_event = 6;
    c->frame.entered_event = 4;
    c->frame.input.text = c->doc;
    c->frame.worker = SLICE("w");
    arena_reset(&c->a);
}

static void measure(const char *name, const char *definition, bool echo, long count)
{
    struct chain c = {.header = {.account = 1,
                                 .name = SLICE("run"),
                                 .arn = SLICE("arn:aws:states:r:1:execution:m:run"),
                                 .machine_arn = SLICE("arn:aws:states:r:1:stateMachine:m"),
                                 .machine_name = SLICE("m"),
                                 .role_arn = SLICE("arn:aws:iam::1:role/r")}};
    struct asl_diagnostics found = {0};
    struct asl_machine *m;
    struct err err;
    int64_t began;

    arena_init(&c.keep);
    arena_init(&c.a);
    if (asl_machine_parse(slice_str(definition), NULL, &c.keep, &found, &m, &err) != OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(EXIT_FAILURE);
    }
    c.m = m;
    c.docs[0] = document(&c.keep, 0);
    c.docs[1] = document(&c.keep, echo ? 0 : 1);
    c.doc = c.docs[0];
    start(&c);
    transition(&c);
    began = now_ns();
    for (long i = 0; i < count; i++) {
        transition(&c);
    }
    (void)printf("%-44s %6lld ns a transition\n", name, (long long)((now_ns() - began) / count));
    arena_fini(&c.a);
    arena_fini(&c.keep);
    asl_machine_free(m);
}

#define LOOP(state)                                                                                \
    "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\"," state                               \
    ",\"Catch\":[{\"ErrorEquals\":"                                                                \
    "[\"States.ALL\"],\"Next\":\"S\"}],\"Next\":\"T\"},\"S\":{\"Type\":\"Succeed\"}}}"

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;

    measure("Lambda resource, echo", LOOP("\"Resource\":\"arn:aws:lambda:r:1:function:f\""), true,
            count);
    measure("Lambda resource, new results", LOOP("\"Resource\":\"arn:aws:lambda:r:1:function:f\""),
            false, count);
    measure("lambda:invoke, Payload $, result discarded",
            LOOP("\"Resource\":\"arn:aws:states:::lambda:invoke\",\"ResultPath\":null,"
                 "\"Parameters\":{\"FunctionName\":\"f\",\"Payload.$\":\"$\"}"),
            false, count);
    measure("lambda:invoke, OutputPath $.Payload",
            LOOP("\"Resource\":\"arn:aws:states:::lambda:invoke\",\"OutputPath\":\"$.Payload\","
                 "\"Parameters\":{\"FunctionName\":\"f\",\"Payload.$\":\"$\"}"),
            false, count);
    measure("lambda:invoke, ResultPath $.r",
            LOOP("\"Resource\":\"arn:aws:states:::lambda:invoke\",\"ResultPath\":\"$.r\","
                 "\"OutputPath\":\"$.r.Payload\","
                 "\"Parameters\":{\"FunctionName\":\"f\",\"Payload.$\":\"$\"}"),
            false, count);
    return EXIT_SUCCESS;
}
