/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet queue: create, list, show, purge, delete; send and receive. */
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

/* ---- create ---- */

/* "KEY=VALUE"; the value may hold '=', too, and may be empty. */
static int read_attributes(struct cli *cli,
                           const struct arg_list *given,
                           bool fifo,
                           struct stepfleet_tag *out,
                           size_t *count)
{
    struct err err;

    *count = 0;
    for (size_t i = 0; i < given->count; i++) {
        struct slice text = slice_str(given->items[i]);
        size_t equals = slice_find(text, '=');

        if (equals == 0 || equals == text.len) {
            (void)err_set(&err, ERR_USAGE, "\"%s\" is no attribute: expected NAME=VALUE",
                          given->items[i]);
            return cli_usage(cli, &err);
        }
        out[(*count)++] = (struct stepfleet_tag){arena_str(&cli->arena, slice_head(text, equals)),
                                                 given->items[i] + equals + 1};
    }
    if (fifo) {
        out[(*count)++] = (struct stepfleet_tag){"FifoQueue", "true"};
    }
    return CLI_DONE;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    struct arg_list given = {.count = 0};
    bool fifo = false;
    const struct arg options[] = {
        {"--attribute", 0, ARG_LIST, &given, 0},
        {"--fifo", 0, ARG_FLAG, &fifo, 0},
    };
    struct args a = {options, 2, &name, 1, 1, 0};
    struct stepfleet_tag attributes[ARG_LIST_MOST + 1];
    struct stepfleet_queue *queue;
    struct stepfleet_error error;
    size_t count;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = read_attributes(cli, &given, fifo, attributes, &count)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_queue_create(cli->client, name, attributes, count, &queue, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, queue);
    if (cli->json) {
        struct json_builder b = json_build_object(&cli->arena);

        reply_put_text(&b, "queueArn", queue->arn);
        cli_put_json(cli, json_built(&b));
    } else {
        buf_printf(&cli->out, "%s\n", queue->arn);
    }
    return CLI_DONE;
}

static const struct command command_queue_create = {
    .name = "create",
    .summary = "make one; one that is there with these attributes is fine",
    .help = "Usage: stepfleet queue create NAME [--fifo] [--attribute NAME=VALUE]...\n"
            "\n"
            "Makes a queue and prints its ARN. The name of a FIFO queue ends in .fifo.\n"
            "\n"
            "  --fifo                  a FIFO queue\n"
            "  --attribute NAME=VALUE  as SQS has them; may be given again\n"
            "\n"
            "Examples:\n"
            "  stepfleet queue create dead\n"
            "  stepfleet queue create work --attribute VisibilityTimeout=600 --attribute \\\n"
            "    'RedrivePolicy={\"deadLetterTargetArn\":\"ARN\",\"maxReceiveCount\":3}'\n",
    .run = run_create,
};

/* ---- list ---- */

static int list_queues(struct cli *cli, struct listing *l)
{
    struct stepfleet_queue_page *page;
    struct stepfleet_error error;

    if (stepfleet_queue_list(cli->client, l->of, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        struct json_builder one = json_build_object(&cli->arena);

        reply_put_text(&one, "name", page->names[i]);
        json_push(&l->list, json_built(&one));
        table_str(&l->table, page->names[i]);
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind queues = {"queues", "NAME", 0, 1, list_queues};

    return listing_run(cli, argc, argv, &queues);
}

static const struct command command_queue_list = {
    .name = "list",
    .summary = "their names",
    .help = "Usage: stepfleet queue list [PREFIX]\n"
            "\n"
            "Lists queues by name, all of them or those that begin so.\n",
    .run = run_list,
};

/* ---- show ---- */

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *queue = NULL;
    struct args a = {NULL, 0, &queue, 1, 1, 0};
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_tags *attributes;
    struct stepfleet_error error;
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_queue_attributes(cli->client, queue, &attributes, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, attributes);
    table_init(&t, &cli->arena, "ATTRIBUTE|VALUE");
    for (size_t i = 0; i < attributes->count; i++) {
        reply_put_text(&b, attributes->tags[i].key, attributes->tags[i].value);
        table_str(&t, attributes->tags[i].key);
        table_str(&t, attributes->tags[i].value);
    }
    if (cli->json) {
        cli_put_json(cli, json_built(&b));
    } else {
        cli_put_table(cli, &t);
    }
    return CLI_DONE;
}

static const struct command command_queue_show = {
    .name = "show",
    .summary = "its attributes, and how many messages it has",
    .help = "Usage: stepfleet queue show QUEUE\n"
            "\n"
            "Shows all attributes of a queue (by name or ARN), as SQS calls them.\n"
            "\n"
            "Example:\n"
            "  stepfleet queue show work --json | jq -r .ApproximateNumberOfMessages\n",
    .run = run_show,
};

/* ---- send ---- */

static int run_send(struct cli *cli, int argc, char **argv)
{
    const char *operands[2] = {NULL};
    uint32_t delay_s = 0;
    struct stepfleet_message_new m = {0};
    const struct arg options[] = {
        {"--delay", 0, ARG_NUMBER, &delay_s, LIMIT_QUEUE_DELAY_S},
        {"--group", 0, ARG_TEXT, &m.group, 0},
        {"--dedup", 0, ARG_TEXT, &m.dedup, 0},
    };
    struct args a = {options, 3, operands, 2, 2, 0};
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_message_sent *sent;
    struct stepfleet_error error;
    struct slice body;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    body = slice_str(operands[1]);
    if (slice_eq_str(body, "-") &&
        (rc = cli_read_file(cli, "-", LIMIT_QUEUE_MESSAGE_BYTES, &body)) != CLI_DONE) {
        return rc;
    }
    if ((rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    m.body = cli_bytes(body);
    m.delay_s = delay_s != 0 ? &delay_s : NULL;
    if (stepfleet_message_send(cli->client, operands[0], &m, &sent, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, sent);
    if (cli->json) {
        reply_put_text(&b, "messageId", sent->message_id);
        reply_put_text(&b, "sequenceNumber", sent->sequence);
        cli_put_json(cli, json_built(&b));
    } else {
        buf_printf(&cli->out, "%s\n", sent->message_id);
    }
    return CLI_DONE;
}

static const struct command command_queue_send = {
    .name = "send",
    .summary = "a message",
    .help = "Usage: stepfleet queue send QUEUE BODY|- [--delay SECONDS] [--group GROUP]\n"
            "                            [--dedup ID]\n"
            "\n"
            "Sends a message, \"-\": what is on stdin, and prints its id.\n"
            "\n"
            "  --delay SECONDS  it may be received from then on: 1 to 900\n"
            "  --group GROUP    of a FIFO queue: it needs one\n"
            "  --dedup ID       of a FIFO queue: another message of this id within five\n"
            "                   minutes is this one again\n"
            "\n"
            "Example:\n"
            "  stepfleet queue send work '{\"order\": 7}'\n",
    .run = run_send,
};

/* ---- receive ---- */

static const struct json_node *message_json(const struct stepfleet_message *m, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "messageId", m->message_id);
    reply_put_text(&b, "receiptHandle", m->receipt);
    json_put(&b, SLICE("body"), json_string(a, cli_slice(m->body)));
    reply_put_number(&b, "receiveCount", m->receives);
    reply_put_time(&b, "sentDate", m->sent_ms);
    reply_put_text(&b, "messageGroupId", m->group);
    return json_built(&b);
}

static void put_messages(struct cli *cli, const struct stepfleet_messages *all)
{
    struct json_builder list = json_build_array(&cli->arena);
    struct json_builder b = json_build_object(&cli->arena);

    for (size_t i = 0; i < all->count; i++) {
        json_push(&list, message_json(&all->messages[i], &cli->arena));
        if (!cli->json) {
            buf_put_slice(&cli->out, cli_slice(all->messages[i].body));
            buf_put_str(&cli->out, "\n");
        }
    }
    if (cli->json) {
        json_put(&b, SLICE("messages"), json_built(&list));
        cli_put_json(cli, json_built(&b));
    }
}

/* What is printed is gone: not before it is written, so that nothing is lost on the way. */
static int delete_messages(struct cli *cli, const char *queue, const struct stepfleet_messages *all)
{
    struct stepfleet_error error;
    int rc = cli_flush(cli);

    for (size_t i = 0; i < all->count && rc == CLI_DONE; i++) {
        if (stepfleet_message_delete(cli->client, queue, all->messages[i].receipt, &error) !=
            STEPFLEET_OK) {
            rc = cli_refused(&error);
        }
    }
    return rc;
}

static int run_receive(struct cli *cli, int argc, char **argv)
{
    const char *queue = NULL;
    uint32_t visibility_s = 0;
    bool gone = false;
    struct stepfleet_receive how = {.max = 1};
    const struct arg options[] = {
        {"--max", 0, ARG_NUMBER, &how.max, LIMIT_QUEUE_BATCH},
        {"--wait", 0, ARG_NUMBER, &how.wait_s, LIMIT_QUEUE_WAIT_S},
        {"--visibility", 0, ARG_NUMBER, &visibility_s, LIMIT_QUEUE_VISIBILITY_S},
        {"--delete", 0, ARG_FLAG, &gone, 0},
    };
    struct args a = {options, 4, &queue, 1, 1, 0};
    struct stepfleet_messages *all;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    how.visibility_s = visibility_s != 0 ? &visibility_s : NULL;
    if (stepfleet_message_receive(cli->client, queue, &how, &all, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, all);
    if (all->count == 0) {
        (void)fprintf(stderr, "stepfleet: no message within %u s\n", how.wait_s);
        return CLI_FAILED;
    }
    put_messages(cli, all);
    return gone ? delete_messages(cli, queue, all) : CLI_DONE;
}

static const struct command command_queue_receive = {
    .name = "receive",
    .summary = "messages, and hide them from others",
    .help = "Usage: stepfleet queue receive QUEUE [--max N] [--wait SECONDS]\n"
            "                               [--visibility SECONDS] [--delete]\n"
            "\n"
            "Receives messages and prints their bodies, a line each. Others cannot receive them\n"
            "for the queue's visibility timeout; then they can again. Exit code 1 where none\n"
            "came in time.\n"
            "\n"
            "  --max N               at most so many: 1 to 10 (default 1)\n"
            "  --wait SECONDS        for the first one: 1 to 20 (default: not at all)\n"
            "  --visibility SECONDS  instead of the queue's: 1 to 43200\n"
            "  --delete              delete them when they are printed\n"
            "\n"
            "Example:\n"
            "  stepfleet queue receive work --wait 20 --delete\n",
    .run = run_receive,
};

/* ---- purge, delete ---- */

static int run_purge(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_queue_purge);
}

static const struct command command_queue_purge = {
    .name = "purge",
    .summary = "delete all its messages",
    .help = "Usage: stepfleet queue purge QUEUE\n"
            "\n"
            "Deletes all messages of a queue, those that are in flight included; once a minute.\n",
    .run = run_purge,
};

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_queue_delete);
}

static const struct command command_queue_delete = {
    .name = "delete",
    .summary = "delete one and its messages",
    .help = "Usage: stepfleet queue delete QUEUE\n"
            "\n"
            "Deletes a queue and all its messages. Who waits for some is told.\n",
    .run = run_delete,
};

/* ---- The group ---- */

static const struct command *const queue_commands[] = {
    &command_queue_create,  &command_queue_list,  &command_queue_show,   &command_queue_send,
    &command_queue_receive, &command_queue_purge, &command_queue_delete,
};

static int run_queue(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(queue_commands) / sizeof(queue_commands[0]) };

    return cli_group(cli, queue_commands, COUNT, argc, argv,
                     "queue what? create, list, show, send, receive, purge or delete");
}

const struct command command_queue = {
    .name = "queue",
    .summary = "queues of messages: create, list, show, send, receive, purge, delete",
    .help = "Usage: stepfleet queue create|list|show|send|receive|purge|delete ...\n"
            "\n"
            "Queues, as Amazon SQS has them; its clients reach the same ones over HTTP. Each\n"
            "command has its own --help.\n",
    .run = run_queue,
};
