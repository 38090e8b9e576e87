/* SPDX-License-Identifier: Apache-2.0 */
/* The pure engine alone, one thread and no disk, over whole executions: states entered a second for
 * a chain of ten Pass states, a loop of Choice states, and a Map of 10,000 items; for the Map also
 * what a state costs in its first and in its last tenth. Frames and documents are kept as a ledger
 * keeps them: copied out of each step.
 *
 * usage: bench_machine [seconds a case] */
#include "coordinator/engine/engine.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAP_ITEMS = 10000, TENTHS = 10 };

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* One execution at a time. */
struct host {
    const struct asl_machine *m;
    struct execution_header header;
    struct frame **frames; /* by number */
    size_t frame_cap;
    uint32_t *queue; /* frames that can go on, as they became so */
    size_t queue_count;
    size_t queue_cap;
    struct arena keep; /* of the execution */
    struct arena a;    /* of the step */
    uint64_t entered;  /* states, in all executions */
    int64_t tenth_ns[TENTHS];
    uint64_t tenth_entered[TENTHS];
};

static const struct frame *find(const void *arg, uint32_t id)
{
    const struct host *h = arg;

    return id < h->frame_cap ? h->frames[id] : NULL;
}

static void settle(struct doc *d, const struct step *s, const struct slice *kept)
{
    if (d->ref != 0 && DOC_SEQUENCE(d->ref) == s->header.sequence) {
        d->text = kept[DOC_SLOT(d->ref)];
    }
    d->node = NULL;
}

static void
take_frame(struct host *h, const struct step *s, const struct frame *f, const struct slice *kept)
{
    struct frame *mine;

    if (f->id >= h->frame_cap) {
        size_t cap = f->id * 2 + 16;

        h->frames = mem_realloc(h->frames, cap * sizeof(*h->frames));
        memset(h->frames + h->frame_cap, 0, (cap - h->frame_cap) * sizeof(*h->frames));
        h->frame_cap = cap;
    }
    if (h->frames[f->id] == NULL) {
        h->frames[f->id] = ARENA_NEW(&h->keep, struct frame);
    }
    mine = h->frames[f->id];
    *mine = *f;
    settle(&mine->input, s, kept);
    settle(&mine->items, s, kept);
    settle(&mine->item, s, kept);
    settle(&mine->result, s, kept);
}

static void take(struct host *h, const struct step *s)
{
    struct slice *kept = ARENA_ARRAY(&h->a, s->doc_count, struct slice);

    for (size_t i = 0; i < s->doc_count; i++) {
        kept[i] = arena_copy(&h->keep, s->docs[i].text);
    }
    for (size_t i = 0; i < s->frame_count; i++) {
        take_frame(h, s, &s->frames[i], kept);
    }
    for (size_t i = 0; i < s->event_count; i++) {
        enum history_type type = s->events[i].type;

        h->entered += type == HISTORY_PASS_STATE_ENTERED || type == HISTORY_CHOICE_STATE_ENTERED ||
                      type == HISTORY_MAP_STATE_ENTERED || type == HISTORY_SUCCEED_STATE_ENTERED;
    }
    h->header = s->header;
    settle(&h->header.input, s, kept);
}

/* Those that can still go on stay in their order; those that can since this step come last. */
static void requeue(struct host *h, const struct step *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->queue_count; i++) {
        const struct frame *f = find(h, h->queue[i]);
        bool stepped = false;

        for (size_t k = 0; k < s->frame_count && !stepped; k++) {
            stepped = s->frames[k].id == f->id;
        }
        if (!stepped) {
            h->queue[kept++] = f->id;
        }
    }
    h->queue_count = kept;
    if (h->queue_cap < kept + s->frame_count) {
        h->queue_cap = (kept + s->frame_count) * 2;
        h->queue = mem_realloc(h->queue, h->queue_cap * sizeof(*h->queue));
    }
    for (size_t i = 0; i < s->frame_count; i++) {
        if (frame_is_runnable(&s->frames[i])) {
            h->queue[h->queue_count++] = s->frames[i].id;
        }
    }
}

/* False: it has ended. */
static bool step(struct host *h, struct engine_event *ev)
{
    struct frame_set set = {.find = find, .arg = h};
    struct step s = {0};
    struct err err;
    enum step_status status;

    h->header.sequence++;
    h->header.record_docs = 0;
    ev->now_ms = 2;
    status = engine_step(h->m, &h->header, &set, ev, &h->a, &s, &err);
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        (void)fprintf(stderr, "a step failed: %d\n", (int)status);
        exit(EXIT_FAILURE);
    }
    take(h, &s);
    requeue(h, &s);
    *ev = (struct engine_event){
        .kind = ENGINE_CONTINUE,
        .runnable = h->queue,
        .runnable_count =
            h->queue_count < LIMIT_STEP_TRANSITIONS ? h->queue_count : LIMIT_STEP_TRANSITIONS,
    };
    arena_reset(&h->a);
    return h->header.status == EXECUTION_RUNNING;
}

static void run_once(struct host *h, struct slice input)
{
    struct engine_event ev = {.kind = ENGINE_START, .seed = 1};
    bool more = true;

    h->queue_count = 0;
    h->header = (struct execution_header){
        .account = 1,
        .name = SLICE("run"),
        .arn = SLICE("arn:aws:states:r:1:execution:m:run"),
        .machine_arn = SLICE("arn:aws:states:r:1:stateMachine:m"),
        .machine_name = SLICE("m"),
        .role_arn = SLICE("arn:aws:iam::1:role/r"),
        .express = true, /* no quota of events */
        .input = {.text = input},
    };
    while (more) {
        uint64_t before = h->entered;
        int64_t began = now_ns();
        const struct frame *top;
        uint32_t tenth = 0;

        more = step(h, &ev);
        top = h->frames[0];
        if (top->child_count >= TENTHS) {
            tenth = (top->child_next - 1) / (top->child_count / TENTHS);
            tenth = tenth < TENTHS ? tenth : TENTHS - 1;
        }
        h->tenth_ns[tenth] += now_ns() - began;
        h->tenth_entered[tenth] += h->entered - before;
    }
    if (h->header.status != EXECUTION_SUCCEEDED) {
        (void)fprintf(stderr, "the execution ended otherwise: %.*s\n", SLICE_FMT(h->header.cause));
        exit(EXIT_FAILURE);
    }
    if (h->frames != NULL) {
        memset(h->frames, 0, h->frame_cap * sizeof(*h->frames));
    }
    arena_reset(&h->keep);
}

static double nanoseconds(const struct host *h, unsigned tenth)
{
    return (double)h->tenth_ns[tenth] / (double)(h->tenth_entered[tenth] + 1);
}

static void measure(const char *name, const char *definition, struct slice input, double seconds)
{
    struct host h = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m;
    struct arena texts = {0};
    struct err err;
    int64_t began;
    double took;

    if (asl_machine_parse(slice_str(definition), NULL, &texts, &found, &m, &err) != OK) {
        (void)fprintf(stderr, "%s\n", err.msg);
        exit(EXIT_FAILURE);
    }
    h.m = m;
    run_once(&h, input);
    h.entered = 0;
    memset(h.tenth_ns, 0, sizeof(h.tenth_ns));
    memset(h.tenth_entered, 0, sizeof(h.tenth_entered));
    began = now_ns();
    while ((double)(now_ns() - began) < seconds * 1e9) {
        run_once(&h, input);
    }
    took = (double)(now_ns() - began) / 1e9;
    (void)printf("%-34s %10.0f states/s  %6.0f ns a state\n", name, (double)h.entered / took,
                 took * 1e9 / (double)h.entered);
    if (h.tenth_entered[TENTHS - 1] > 0) {
        (void)printf("%-34s first tenth %.0f ns, last tenth %.0f ns a state: %.2fx\n", "",
                     nanoseconds(&h, 1), nanoseconds(&h, TENTHS - 2),
                     nanoseconds(&h, TENTHS - 2) / nanoseconds(&h, 1));
    }
    mem_free(h.frames);
    mem_free(h.queue);
    arena_fini(&h.keep);
    arena_fini(&h.a);
    arena_fini(&texts);
    asl_machine_free(m);
}

static void put(struct buf *b, const char *text)
{
    buf_put_slice(b, slice_str(text));
}

static void write_chain(struct buf *b)
{
    char state[128];

    put(b, "{\"StartAt\":\"S0\",\"States\":{");
    for (int i = 0; i < 10; i++) {
        (void)snprintf(state, sizeof(state), "%s\"S%d\":{\"Type\":\"Pass\",\"Next\":\"S%d\"}",
                       i == 0 ? "" : ",", i, i + 1);
        put(b, state);
    }
    put(b, ",\"S10\":{\"Type\":\"Succeed\"}}}");
    buf_put_u8(b, 0);
}

/* A counter that Choice rules look at from several sides, a thousand times. */
static const char choices[] =
    "{\"StartAt\":\"Add\",\"States\":{\"Add\":{\"Type\":\"Pass\",\"Parameters\":{\"n.$\":"
    "\"States.MathAdd($.n, 1)\",\"kind.$\":\"$.kind\"},\"Next\":\"C1\"},"
    "\"C1\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.kind\",\"StringEquals\":\"a\","
    "\"Next\":\"C2\"},{\"Variable\":\"$.kind\",\"StringMatches\":\"b*d\",\"Next\":\"C2\"}],"
    "\"Default\":\"C2\"},"
    "\"C2\":{\"Type\":\"Choice\",\"Choices\":[{\"And\":[{\"Variable\":\"$.n\",\"IsNumeric\":true},"
    "{\"Variable\":\"$.n\",\"NumericGreaterThan\":2000}],\"Next\":\"C3\"}],\"Default\":\"C3\"},"
    "\"C3\":{\"Type\":\"Choice\",\"Choices\":[{\"Not\":{\"Variable\":\"$.missing\",\"IsPresent\":"
    "true},\"Next\":\"C4\"}],\"Default\":\"C4\"},"
    "\"C4\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.n\",\"NumericEquals\":1000,"
    "\"Next\":\"End\"}],\"Default\":\"Add\"},\"End\":{\"Type\":\"Succeed\"}}}";

static const char map[] =
    "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"P\","
    "\"States\":{\"P\":{\"Type\":\"Pass\",\"Next\":\"Q\"},\"Q\":{\"Type\":\"Pass\",\"End\":true}}},"
    "\"End\":true}}}";

static void write_items(struct buf *b)
{
    char item[64];

    for (int i = 0; i < MAP_ITEMS; i++) {
        (void)snprintf(item, sizeof(item), "%s{\"number\":%d}", i == 0 ? "[" : ",", i);
        put(b, item);
    }
    put(b, "]");
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    struct buf chain = {0};
    struct buf items = {0};

    write_chain(&chain);
    write_items(&items);
    measure("ten Pass states", chain.ptr, SLICE("{\"id\":42,\"name\":\"something\"}"), seconds);
    measure("Choice states, a thousand rounds", choices, SLICE("{\"n\":0,\"kind\":\"bcd\"}"),
            seconds);
    measure("Map of 10,000 items, two Pass each", map, buf_slice(&items), seconds);
    buf_fini(&chain);
    buf_fini(&items);
    return EXIT_SUCCESS;
}
