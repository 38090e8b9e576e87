/* SPDX-License-Identifier: Apache-2.0 */
/* Plays conformance cases in one process and prints one result a line, as a checker of cases reads
 * it. With --check it compares them itself: a result has "agrees" then, and the exit status says
 * whether all do.
 *
 * usage: conformance_cases [--check] [--class CLASS]... CASES.jsonl... > results.jsonl
 *        conformance_cases --tell QUESTION.json: see tell.h */
#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/player.h"
#include "tests/conformance/script.h"
#include "tests/conformance/tell.h"

enum { CLASSES_MAX = 16, REASONS_MAX = 16 };

struct options {
    bool check;
    const char *classes[CLASSES_MAX]; /* none: all */
    size_t class_count;
};

struct tally {
    unsigned run;
    unsigned failed; /* not a case; with --check: does not agree */
    struct {
        const char *reason;
        unsigned count;
    } left_out[REASONS_MAX];
};

static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    long size;

    if (f == NULL) {
        return NULL;
    }
    if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        text = mem_alloc((size_t)size + 1);
        *len = fread(text, 1, (size_t)size, f);
    }
    (void)fclose(f);
    return text;
}

static bool is_asked_for(const struct options *o, const struct json_node *c)
{
    struct slice class = json_text(json_member(c, SLICE("class")));

    for (size_t i = 0; i < o->class_count; i++) {
        if (slice_eq_str(class, o->classes[i])) {
            return true;
        }
    }
    return o->class_count == 0;
}

static void leave_out(struct tally *t, const char *reason)
{
    size_t i = 0;

    while (t->left_out[i].reason != NULL && t->left_out[i].reason != reason) {
        i++;
    }
    t->left_out[i].reason = reason;
    t->left_out[i].count++;
}

static const struct json_node *
with_agreement(const struct json_node *result, struct agreement g, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder parts = json_build_object(a);

    json_put(&parts, SLICE("result"), json_bool(g.result));
    json_put(&parts, SLICE("history"), json_bool(g.history));
    json_put(&parts, SLICE("cause"), json_bool(g.cause));
    for (const struct json_node *e = json_first(result); e != NULL; e = json_next(result, e)) {
        json_put(&b, json_key(result, e), e);
    }
    json_put(&b, SLICE("agrees"), json_built(&parts));
    return json_built(&b);
}

static void
run_case(const struct json_node *c, const struct options *o, struct tally *t, struct arena *a)
{
    const char *refusal = script_refusal(c);
    const struct json_node *result;
    struct slice text;

    if (refusal != NULL) {
        leave_out(t, refusal);
        return;
    }
    result = player_run(c, a);
    t->run++;
    if (o->check) {
        struct agreement g = player_agrees(c, result, a);

        t->failed += !(g.result && g.history && g.cause);
        result = with_agreement(result, g, a);
    }
    text = json_print(result, a);
    (void)printf("%.*s\n", SLICE_FMT(text));
}

static void run_line(struct slice line, const struct options *o, struct tally *t)
{
    struct arena a;
    struct err err = {0};
    const struct json_node *c;

    arena_init(&a);
    if (json_parse(line, &a, &c, &err) != OK) {
        (void)fprintf(stderr, "not a case: %s\n", err.msg);
        t->failed++;
    } else if (is_asked_for(o, c)) {
        run_case(c, o, t, &a);
    }
    arena_fini(&a);
}

static bool run_file(const char *path, const struct options *o, struct tally *t)
{
    size_t len = 0;
    char *text = read_file(path, &len);
    struct slice rest = {text, len};

    if (text == NULL) {
        (void)fprintf(stderr, "%s cannot be read\n", path);
        return false;
    }
    while (rest.len > 0) {
        struct slice line = slice_head(rest, slice_find(rest, '\n'));

        rest = slice_from(rest, line.len + 1);
        if (line.len > 0) {
            run_line(line, o, t);
        }
    }
    mem_free(text);
    return true;
}

static int tell_file(const char *path)
{
    struct arena a = {0};
    size_t len = 0;
    char *text = read_file(path, &len);
    const struct json_node *question;
    int status = EXIT_FAILURE;
    struct slice answer;

    if (text != NULL && json_parse(slice_make(text, len), &a, &question, NULL) == OK) {
        answer = json_print(tell(question, &a), &a);
        (void)printf("%.*s\n", SLICE_FMT(answer));
        status = EXIT_SUCCESS;
    }
    mem_free(text);
    arena_fini(&a);
    return status;
}

/* How many arguments it took; 0: it is no option. */
static int take_option(struct options *o, int argc, char **argv, int at)
{
    if (slice_eq_str(SLICE("--check"), argv[at])) {
        o->check = true;
        return 1;
    }
    if (slice_eq_str(SLICE("--class"), argv[at]) && at + 1 < argc && o->class_count < CLASSES_MAX) {
        o->classes[o->class_count++] = argv[at + 1];
        return 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct tally t = {0};
    bool read = true;
    int i = 1;
    int taken;

    if (argc == 3 && slice_eq_str(SLICE("--tell"), argv[1])) {
        return tell_file(argv[2]);
    }
    while (i < argc && (taken = take_option(&o, argc, argv, i)) > 0) {
        i += taken;
    }
    for (; i < argc; i++) {
        read = run_file(argv[i], &o, &t) && read;
    }
    for (size_t n = 0; t.left_out[n].reason != NULL; n++) {
        (void)fprintf(stderr, "%u left out: %s\n", t.left_out[n].count, t.left_out[n].reason);
    }
    (void)fprintf(stderr, o.check ? "%u run, %u differ\n" : "%u run, %u are no cases\n", t.run,
                  t.failed);
    return read && t.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
