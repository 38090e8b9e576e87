/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 4, Capping: at most `perSubject` candidates a subject (25 without that parameter), those
 * with the most dependents first, then by the package's name. Candidates come by subject, so that
 * one subject's are all that is ever in memory. As a job (capping.job.json) it caps each shard, and
 * then what all shards have of a subject: the best of the best are the best of all. The format, and
 * how a worker gives the event and takes the result, are described in mainjob.py. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/text.h"

enum {
    LINE_BYTES_MAX = 1024 * 1024, /* of one record */
    EVENT_BYTES_MAX = 1024 * 1024,
    PER_SUBJECT = 25,
};

struct candidate {
    struct slice text; /* the record as it came */
    struct slice package;
    int64_t dependents;
};

struct capping {
    struct arena arena; /* of the subject being read */
    struct arena event_arena;
    const char *stage;
    int64_t per_subject;
    struct slice subject; /* in `arena` */
    struct candidate *candidates;
    size_t count;
    size_t cap;
    unsigned long line;
    unsigned long read;
    unsigned long written;
    enum { LAST_NOTHING, LAST_OPEN, LAST_RECORD, LAST_COMMA, LAST_CLOSE } last;
};

/* ---- The result and the failure ---- */

static void say(struct slice text)
{
    const char *fd = getenv("STEPFLEET_RESULT_FD");
    ssize_t n = write(fd != NULL ? atoi(fd) : STDERR_FILENO, text.ptr, text.len);

    (void)n; /* nobody listens: the exit status says it all the same */
}

/* End the program: Retry and Catch see the type. */
static _Noreturn void __attribute__((format(printf, 2, 3)))
fail(const char *type, const char *fmt, ...)
{
    char message[1024];
    struct buf text = {0};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    buf_printf(&text, "{\"errorType\":\"%s\",\"errorMessage\":", type);
    json_write_string(slice_str(message), &text);
    buf_put_str(&text, "}\n");
    say(buf_slice(&text));
    exit(EXIT_FAILURE);
}

static _Noreturn void fail_input(const struct capping *c, const char *why)
{
    fail("MainJob.BadInput", "input, line %lu: %s", c->line, why);
}

/* ---- The event ---- */

static const struct json_node *read_event(struct arena *a)
{
    const char *fd = getenv("STEPFLEET_EVENT_FD");
    char *text = arena_alloc(a, EVENT_BYTES_MAX);
    const struct json_node *event;
    struct err err;
    size_t len = 0;
    FILE *in;

    if (fd == NULL) {
        return NULL;
    }
    in = fdopen(atoi(fd), "r");
    if (in != NULL) {
        len = fread(text, 1, EVENT_BYTES_MAX, in);
        (void)fclose(in);
    }
    if (json_parse(slice_make(text, len), a, &event, &err) != OK) {
        fail("MainJob.BadEvent", "the event: %s", err.msg);
    }
    return event;
}

/* A stage's initialData, or what a job's --initial-data says as text. */
static const struct json_node *initial_data(const struct json_node *event, struct arena *a)
{
    const struct json_node *arguments = json_member(event, SLICE("arguments"));
    const struct json_node *text = json_member(arguments, SLICE("--initial-data"));
    const struct json_node *initial = json_member(event, SLICE("initialData"));
    struct err err;

    if (text != NULL && json_parse(json_text(text), a, &initial, &err) != OK) {
        fail("MainJob.BadEvent", "--initial-data: %s", err.msg);
    }
    return initial;
}

/* "Capping", or of a job's piece "mainjob-capping.MAP.7". */
static struct slice stage_name(const struct json_node *event, struct arena *a)
{
    const struct json_node *job = json_member(event, SLICE("jobName"));

    if (job == NULL) {
        return json_text(json_member(event, SLICE("currentStage")));
    }
    return arena_printf(a, "%.*s.%.*s.%.*s", SLICE_FMT(json_text(job)),
                        SLICE_FMT(json_text(json_member(event, SLICE("phase")))),
                        SLICE_FMT(json_print(json_member(event, SLICE("piece")), a)));
}

/* The parameter, and a look at "failAt" (see mainjob.py). */
static void take_event(struct capping *c)
{
    const struct json_node *event = read_event(&c->event_arena);
    const struct json_node *initial = initial_data(event, &c->event_arena);
    const struct json_node *parameters = json_member(initial, SLICE("parameters"));
    const struct json_node *per_subject = json_member(parameters, SLICE("perSubject"));
    struct slice stage = stage_name(event, &c->event_arena);
    const char *faults = getenv("MAINJOB_FAULTS");
    const char *flag;

    c->stage = arena_str(&c->event_arena, stage);
    c->per_subject = PER_SUBJECT;
    if (per_subject != NULL && (!json_i64(per_subject, &c->per_subject) || c->per_subject < 0)) {
        fail("MainJob.BadParameter", "perSubject is a number from 0");
    }
    if (faults != NULL && stage.len != 0 &&
        slice_eq(json_text(json_member(initial, SLICE("failAt"))), stage)) {
        flag = arena_printf(&c->event_arena, "%s/%s%c", faults, c->stage, '\0').ptr;
        if (access(flag, F_OK) == 0) {
            fail("MainJob.InjectedFailure", "%s fails as long as %s exists", c->stage, flag);
        }
    }
}

/* ---- Candidates ---- */

static int compare(const void *x, const void *y)
{
    const struct candidate *a = x;
    const struct candidate *b = y;

    if (a->dependents != b->dependents) {
        return a->dependents > b->dependents ? -1 : 1;
    }
    return slice_cmp(a->package, b->package);
}

static void put(struct capping *c, struct slice text)
{
    const char *before = c->written == 0 ? "[\n" : ",\n";

    if (fputs(before, stdout) == EOF || fwrite(text.ptr, 1, text.len, stdout) != text.len) {
        fail("MainJob.Output", "the output cannot be written");
    }
    c->written++;
}

/* The subject's candidates are all there: write the best. */
static void end_subject(struct capping *c)
{
    if (c->count != 0) {
        qsort(c->candidates, c->count, sizeof(*c->candidates), compare);
    }
    for (size_t i = 0; i < c->count && (int64_t)i < c->per_subject; i++) {
        put(c, c->candidates[i].text);
    }
    arena_reset(&c->arena);
    c->subject = SLICE("");
    c->candidates = NULL;
    c->count = c->cap = 0;
}

static void add(struct capping *c, struct candidate candidate)
{
    if (c->count == c->cap) {
        size_t cap = c->cap != 0 ? c->cap * 2 : 64;

        c->candidates = arena_grow(&c->arena, c->candidates, c->cap * sizeof(candidate),
                                   cap * sizeof(candidate));
        c->cap = cap;
    }
    c->candidates[c->count++] = candidate;
}

static void take_record(struct capping *c, struct slice line, struct arena *scratch)
{
    const struct json_node *record;
    struct candidate candidate;
    struct slice subject;
    struct err err;
    int order;

    if (json_parse(line, scratch, &record, &err) != OK) {
        fail_input(c, err.msg);
    }
    subject = json_text(json_member(json_member(record, SLICE("subject")), SLICE("id")));
    candidate.package =
        json_text(json_member(json_member(record, SLICE("package")), SLICE("name")));
    if (subject.len == 0 || candidate.package.len == 0 ||
        !json_i64(json_member(record, SLICE("dependents")), &candidate.dependents)) {
        fail_input(c, "not a candidate: it has subject.id, package.name and dependents");
    }
    order = slice_cmp(subject, c->subject);
    if (order < 0) {
        fail_input(c, "its subject comes before the last one's");
    }
    if (order > 0) {
        end_subject(c);
        c->subject = arena_copy(&c->arena, subject);
    }
    candidate.text = arena_copy(&c->arena, line);
    candidate.package = arena_copy(&c->arena, candidate.package);
    add(c, candidate);
    c->read++;
}

/* ---- The stream ---- */

/* The next line without its newline; false at the end. */
static bool next_line(struct capping *c, char *bytes, struct slice *out)
{
    c->line++;
    if (fgets(bytes, LINE_BYTES_MAX, stdin) == NULL) {
        return false;
    }
    *out = slice_str(bytes);
    if (slice_ends_with(*out, SLICE("\n"))) {
        out->len--;
    } else if (feof(stdin) == 0) {
        fail_input(c, "not a line, or one that is too long");
    }
    return true;
}

static bool is_mark(char ch)
{
    return ch == '[' || ch == ',' || ch == ']' || ch == ' ' || ch == '\t' || ch == '\r';
}

/* What stands around records. */
static void take_mark(struct capping *c, char mark)
{
    if (mark == '[' && c->last == LAST_NOTHING) {
        c->last = LAST_OPEN;
    } else if (mark == ',' && c->last == LAST_RECORD) {
        c->last = LAST_COMMA;
    } else if (mark == ']' && (c->last == LAST_OPEN || c->last == LAST_RECORD)) {
        c->last = LAST_CLOSE;
    } else if (mark == '[' || mark == ',' || mark == ']') {
        fail_input(c, "a bracket or comma where it does not belong");
    }
}

/* Nothing or one record, between any marks. */
static void take_line(struct capping *c, struct slice line, struct arena *scratch)
{
    size_t len;

    for (; line.len != 0 && is_mark(line.ptr[0]); line = slice_from(line, 1)) {
        take_mark(c, line.ptr[0]);
    }
    for (len = line.len; len != 0 && is_mark(line.ptr[len - 1]);) {
        len--;
    }
    if (len != 0) {
        if (c->last != LAST_OPEN && c->last != LAST_COMMA) {
            fail_input(c, "no bracket or comma before this record");
        }
        take_record(c, slice_head(line, len), scratch);
        c->last = LAST_RECORD;
    }
    for (; len < line.len; len++) {
        take_mark(c, line.ptr[len]);
    }
}

static void take_records(struct capping *c)
{
    char *bytes = mem_alloc(LINE_BYTES_MAX);
    struct arena scratch = {0};
    struct slice line;

    while (next_line(c, bytes, &line)) {
        take_line(c, line, &scratch);
        arena_reset(&scratch);
    }
    if (ferror(stdin) != 0 || c->last != LAST_CLOSE) {
        fail_input(c, "the input ends without its \"]\"");
    }
    end_subject(c);
    arena_fini(&scratch);
    mem_free(bytes);
}

int main(void)
{
    struct capping c = {0};
    struct buf result = {0};

    take_event(&c);
    take_records(&c);
    if (fputs(c.written == 0 ? "[\n]\n" : "\n]\n", stdout) == EOF || fflush(stdout) == EOF) {
        fail("MainJob.Output", "the output cannot be written");
    }
    buf_put_str(&result, "{\"status\":\"SUCCESS\",\"stage\":");
    json_write_string(slice_str(c.stage), &result);
    buf_printf(&result, ",\"recordsRead\":%lu,\"recordsWritten\":%lu}\n", c.read, c.written);
    say(buf_slice(&result));
    buf_fini(&result);
    arena_fini(&c.event_arena);
    arena_fini(&c.arena);
    return EXIT_SUCCESS;
}
