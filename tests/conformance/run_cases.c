/* SPDX-License-Identifier: Apache-2.0 */
/* Runs conformance cases through parser and engine, in one process under a fake clock: timers fire
 * at once, tasks are played from the case. One JSON object a case goes to stdout:
 *     {"id", "status", "output", "error", "cause", "history"}
 * Cases whose definition the parser refuses are named and counted on stderr, and have no result.
 *
 * With --check each result is compared with the case's own "expect" (status, output, error, cause,
 * and history's type, id, previousEventId and details, as the case's author wrote them), and the
 * exit status says whether all agree.
 *
 * usage: conformance_cases [--check] CASES.jsonl... > results.jsonl */
#include "tests/conformance/player.h"

#include <stdio.h>
#include <stdlib.h>

struct tally {
    unsigned accepted;
    unsigned refused;
    unsigned failed; /* --check */
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

static void run_line(struct slice line, bool check, struct tally *tally)
{
    struct arena a;
    struct err err = {0};
    const struct json_node *c;
    const struct json_node *result;
    struct slice id;
    struct slice text;

    arena_init(&a);
    if (json_parse(line, &a, &c, &err) != OK) {
        (void)fprintf(stderr, "not a case: %s\n", err.msg);
        tally->failed++;
        arena_fini(&a);
        return;
    }
    id = json_text(json_member(c, SLICE("id")));
    result = player_run(c, &a, &err);
    if (result == NULL) {
        tally->refused++;
        (void)fprintf(stderr, "refused %.*s: %s\n", SLICE_FMT(id), err.msg);
    } else {
        tally->accepted++;
        text = json_print(result, &a);
        (void)printf("%.*s\n", SLICE_FMT(text));
        if (check && !player_agrees(c, result, &a)) {
            tally->failed++;
            (void)fprintf(stderr, "FAILED %.*s\n", SLICE_FMT(id));
        }
    }
    arena_fini(&a);
}

static bool run_file(const char *path, bool check, struct tally *tally)
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
            run_line(line, check, tally);
        }
    }
    mem_free(text);
    return true;
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    bool check = argc > 1 && slice_eq_str(SLICE("--check"), argv[1]);
    bool read = true;

    for (int i = check ? 2 : 1; i < argc; i++) {
        read = run_file(argv[i], check, &tally) && read;
    }
    (void)fprintf(stderr, "%u run, %u refused by the parser, %u differ\n", tally.accepted,
                  tally.refused, tally.failed);
    return read && tally.failed == 0 && (!check || tally.refused == 0) ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
}
