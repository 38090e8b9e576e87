/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/s3/s3.h"
#include "proto/base/limits.h"
#include "proto/stage.h"

/* ---- Which object ---- */

/* The walk through a history: which events belong to the stage. A byte an event, since a history
 * may be lifted to LIMIT_HISTORY_EVENTS_MAX of them. */
struct place_search {
    struct slice stage;
    struct buf ours; /* by event id less one: 1 where the event is the stage's */
    struct arena *kept;
    struct arena page;
};

/* The handler's event in a scheduled event: the Payload of lambda:invoke, or the whole input. */
static const struct json_node *scheduled_payload(const struct json_node *event, struct arena *a)
{
    const struct json_node *task = json_member(event, SLICE("taskScheduledEventDetails"));
    const struct json_node *lambda =
        json_member(event, SLICE("lambdaFunctionScheduledEventDetails"));
    struct slice text = json_text(json_member(lambda, SLICE("input")));
    const struct json_node *parsed;
    struct err err;

    if (task != NULL) {
        text = json_text(json_member(task, SLICE("parameters")));
    }
    if (text.len == 0 || json_parse(text, a, &parsed, &err) != OK) {
        return NULL;
    }
    if (task != NULL && json_member(parsed, SLICE("Payload")) != NULL) {
        return json_member(parsed, SLICE("Payload"));
    }
    return parsed;
}

/* Whether the event belongs to the stage: by the name of the state it enters, else as the event
 * does that it follows from. Events come in the order of their ids, from 1. */
static bool event_is_ours(struct place_search *s, const struct json_node *event)
{
    const struct json_node *entered = json_member(event, SLICE("stateEnteredEventDetails"));
    struct slice name = json_text(json_member(entered, SLICE("name")));
    int64_t previous = 0;
    bool ours = name.len != 0 && slice_eq(name, s->stage);

    (void)json_i64(json_member(event, SLICE("previousEventId")), &previous);
    if (name.len == 0 && previous > 0 && (uint64_t)previous <= s->ours.len) {
        ours = s->ours.ptr[previous - 1] != 0;
    }
    buf_put_u8(&s->ours, ours);
    return ours;
}

static bool
event_place(struct place_search *s, struct stepfleet_bytes text, struct store_place *out)
{
    struct stage_places places;
    const struct json_node *payload;
    const struct json_node *event;
    struct err err;
    bool ours;

    if (json_parse(cli_slice(text), &s->page, &event, &err) != OK) {
        buf_put_u8(&s->ours, 0);
        return false;
    }
    ours = event_is_ours(s, event);
    payload = scheduled_payload(event, &s->page);
    if (payload == NULL ||
        (!ours && !slice_eq(json_text(json_member(payload, SLICE("currentStage"))), s->stage)) ||
        stage_find_places(payload, &s->page, &places, &err) != OK) {
        return false;
    }
    out->bucket = arena_copy(s->kept, places.bucket);
    out->key = arena_copy(s->kept, places.output_key);
    return true;
}

/* Page after page until it is found. */
static int search_pages(struct cli *cli,
                        const char *arn,
                        struct place_search *s,
                        struct store_place *out,
                        bool *found)
{
    struct stepfleet_history_query q = {.execution = arn, .max_results = LIMIT_PAGE_DEFAULT};

    *found = false;
    do {
        struct stepfleet_history_page *page;
        struct stepfleet_error error;

        if (stepfleet_execution_history(cli->client, &q, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        for (size_t i = 0; i < page->count && !*found; i++) {
            *found = event_place(s, page->events[i], out);
        }
        arena_reset(&s->page);
        q.next_token = arena_str(s->kept, slice_str(page->next_token));
        stepfleet_release(page);
    } while (!*found && q.next_token[0] != '\0');
    return CLI_DONE;
}

int store_find_place(struct cli *cli, const char *arn, const char *stage, struct store_place *out)
{
    struct place_search s = {.stage = slice_str(stage), .kept = &cli->arena};
    bool found;
    int rc = search_pages(cli, arn, &s, out, &found);

    arena_fini(&s.page);
    buf_fini(&s.ours);
    if (rc == CLI_DONE && !found) {
        (void)fprintf(
            stderr,
            "stepfleet: the execution has scheduled no stage \"%s\" with a workflowBucket "
            "yet; --bucket says where to look all the same\n",
            stage);
        return CLI_REFUSED;
    }
    return rc;
}

/* ---- The object ---- */

int store_error(const struct err *err)
{
    (void)fprintf(stderr, "stepfleet: %s: %s\n", err_name(err->code), err->msg);
    return err->code == ERR_UNAVAILABLE || err->code == ERR_TIMED_OUT ? CLI_UNREACHABLE
                                                                      : CLI_REFUSED;
}

/* The coordinator says where, the environment says who. */
static int store_config(struct cli *cli, struct s3_config *out)
{
    struct stepfleet_health *h;
    struct stepfleet_error error;

    if (stepfleet_health(cli->client, &h, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, h);
    *out = (struct s3_config){
        .root = h->objects_root[0] != '\0' ? h->objects_root : NULL,
        .endpoint = h->objects_endpoint[0] != '\0' ? h->objects_endpoint : NULL,
        .region = h->objects_region[0] != '\0' ? h->objects_region : "us-east-1",
        .ca = getenv("AWS_CA_BUNDLE"),
        .access_key = getenv("AWS_ACCESS_KEY_ID"),
        .secret_key = getenv("AWS_SECRET_ACCESS_KEY"),
        .session_token = getenv("AWS_SESSION_TOKEN"),
    };
    if (out->root == NULL && out->endpoint == NULL) {
        (void)fprintf(stderr, "stepfleet: the coordinator has no object store\n");
        return CLI_REFUSED;
    }
    if (out->root == NULL && (out->access_key == NULL || out->secret_key == NULL)) {
        (void)fprintf(stderr,
                      "stepfleet: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set: "
                      "outputs are at %s\n",
                      out->endpoint);
        return CLI_USAGE;
    }
    return CLI_DONE;
}

/* Bytes as they come, until the end. CLI_LOCAL where writing failed. */
static int pump(struct s3_client *client, struct s3_reader *reader, int fd, struct err *err)
{
    for (;;) {
        struct slice bytes = {0};
        bool end = false;

        if (s3_reader_peek(reader, &bytes, &end, err) != OK) {
            return store_error(err);
        }
        if (end) {
            return CLI_DONE;
        }
        if (bytes.len == 0) {
            if (s3_wait(client, NULL, 0, -1, err) != OK) {
                return store_error(err);
            }
            continue;
        }
        if (cli_write(fd, bytes, err) != OK) {
            return cli_local(err);
        }
        s3_reader_consume(reader, bytes.len);
    }
}

int store_client(struct cli *cli, struct s3_client **out)
{
    struct s3_config config;
    struct err err;
    int rc = cli_connect(cli);

    if (rc == CLI_DONE) {
        rc = store_config(cli, &config);
    }
    if (rc == CLI_DONE && s3_client_new(&config, out, &err) != OK) {
        rc = store_error(&err);
    }
    return rc;
}

int store_stream(struct cli *cli, const struct store_place *place, int fd)
{
    struct s3_client *client = NULL;
    struct s3_reader *reader = NULL;
    struct err err;
    int rc = store_client(cli, &client);

    if (rc != CLI_DONE) {
        return rc;
    }
    if (s3_reader_open(client, place->bucket, place->key, &reader, &err) != OK) {
        rc = store_error(&err);
    } else {
        rc = pump(client, reader, fd, &err);
        s3_reader_close(reader);
    }
    s3_client_free(client);
    return rc;
}
