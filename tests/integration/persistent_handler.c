/* SPDX-License-Identifier: Apache-2.0 */
/* A persistent handler in C, for test_persistent.py: what it does, its event says. */
#include "stepfleet_handler.h"

static int has(const struct stepfleet_task *t, const char *word)
{
    return strstr(t->event, word) != NULL;
}

/* Every other line, and a count. */
static void copy_lines(struct stepfleet_task *t)
{
    char text[80];
    const char *line;
    size_t bytes;
    unsigned long lines = 0;

    while (stepfleet_line(t, &line, &bytes)) {
        if (lines++ % 2 == 0) {
            stepfleet_write(t, line, bytes);
        }
        if (has(t, "\"early\"")) {
            break;
        }
    }
    (void)snprintf(text, sizeof(text), "{\"pid\":%ld,\"lines\":%lu,\"counters\":{\"lines\":%lu}}",
                   (long)getpid(), lines, lines);
    stepfleet_result(t, text, strlen(text));
}

static void copy_bytes(struct stepfleet_task *t)
{
    static char bytes[100000];
    size_t n;

    while ((n = stepfleet_read(t, bytes, sizeof(bytes))) != 0) {
        stepfleet_write(t, bytes, n);
    }
}

static void tell(struct stepfleet_task *t)
{
    char text[4096];

    (void)snprintf(
        text, sizeof(text),
        "{\"pid\":%ld,\"state\":\"%s\",\"attempt\":%ld,\"directory\":\"%s\",\"function\":"
        "\"%s\",\"version\":\"%s\",\"request\":\"%s\",\"time\":%d,\"event\":%s}",
        (long)getpid(), t->state, t->attempt, t->directory, t->function, t->version, t->request_id,
        t->deadline_ms != 0, t->event_bytes < 1000 ? t->event : "null");
    stepfleet_result(t, text, strlen(text));
}

static int handle(struct stepfleet_task *t)
{
    if (has(t, "\"fail\"")) {
        return stepfleet_fail(t, "Own \"Error\"", "it\nfailed");
    }
    if (has(t, "\"return\"")) {
        return 7;
    }
    if (has(t, "\"die\"")) {
        fprintf(stderr, "dying\n");
        _exit(3);
    }
    if (has(t, "\"large\"")) {
        static char much[STEPFLEET_FRAME_BYTES + 2];

        memset(much, '1', sizeof(much));
        stepfleet_result(t, much, sizeof(much));
        return 0;
    }
    if (has(t, "\"print\"")) {
        printf("this is no frame\n");
        fprintf(stderr, "of task %s\n", t->event);
    }
    if (has(t, "\"lines\"") || has(t, "\"early\"")) {
        copy_lines(t);
    } else if (has(t, "\"bytes\"")) {
        copy_bytes(t);
    } else {
        stepfleet_note(t, "about to tell");
        tell(t);
    }
    return 0;
}

int main(void)
{
    return stepfleet_serve(handle);
}
