/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet bucket: what the object store does by itself with the outputs of stages. */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "client/cli/store.h"
#include "client/s3/lifecycle.h"
#include "client/s3/s3.h"

enum { DAYS = 7, DAYS_MOST = 36500 };

static const struct json_node *rule_json(const struct lifecycle_rule *r, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("id"), json_string(a, r->id));
    json_put(&b, SLICE("prefix"), json_string(a, r->prefix));
    json_put(&b, SLICE("enabled"), json_bool(r->enabled));
    reply_put_number(&b, "days", r->days);
    reply_put_number(&b, "abortUploadsAfterDays", r->abort_days);
    return json_built(&b);
}

static void put_days(struct table *t, uint64_t days, struct arena *a)
{
    table_text(t, days != 0 ? arena_printf(a, "%" PRIu64 " days", days) : SLICE("-"));
}

static void put_rules(struct cli *cli, const struct lifecycle *l)
{
    struct json_builder list = json_build_array(&cli->arena);
    struct table t;

    table_init(&t, &cli->arena, "RULE|PREFIX|STATUS|EXPIRES|UPLOADS");
    for (size_t i = 0; i < l->count; i++) {
        const struct lifecycle_rule *r = &l->rules[i];

        table_text(&t, r->id);
        table_text(&t, r->prefix);
        table_str(&t, r->enabled ? "on" : "off");
        put_days(&t, r->days, &cli->arena);
        put_days(&t, r->abort_days, &cli->arena);
        json_push(&list, rule_json(r, &cli->arena));
    }
    cli_put_list(cli, "rules", &list, &t);
}

/* What is asked for, and what is to be there then. */
struct lifecycle_wish {
    struct slice bucket;
    struct slice prefix;
    uint64_t days; /* 0: no rule of ours */
    bool show;     /* nothing is changed */
};

static enum err_code change(struct s3_client *c,
                            const struct lifecycle_wish *w,
                            struct arena *a,
                            struct lifecycle *out,
                            struct err *err)
{
    struct slice xml;
    enum err_code rc = s3_lifecycle_get(c, w->bucket, a, &xml, err);

    if (rc == OK && !lifecycle_read(xml, a, out)) {
        rc = err_set(err, ERR_INTEGRITY, "the lifecycle of s3://%.*s cannot be read",
                     SLICE_FMT(w->bucket));
    }
    if (rc == OK && !w->show) {
        lifecycle_set(out, w->prefix, w->days, a);
        rc = s3_lifecycle_put(c, w->bucket, lifecycle_write(out, a), err);
    }
    return rc;
}

static int run_lifecycle(struct cli *cli, int argc, char **argv)
{
    const char *bucket = NULL;
    const char *prefix = "executions/";
    uint32_t days = DAYS;
    bool show = false;
    bool gone = false;
    const struct arg options[] = {
        {"--days", 0, ARG_NUMBER, &days, DAYS_MOST},
        {"--prefix", 0, ARG_TEXT, &prefix, 0},
        {"--show", 0, ARG_FLAG, &show, 0},
        {"--remove", 0, ARG_FLAG, &gone, 0},
    };
    struct args a = {options, 4, &bucket, 1, 1, 0};
    struct lifecycle_wish wish;
    struct s3_client *client;
    struct lifecycle rules;
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = store_client(cli, &client)) != CLI_DONE) {
        return rc;
    }
    wish = (struct lifecycle_wish){.bucket = slice_str(bucket),
                                   .prefix = slice_str(prefix),
                                   .days = gone ? 0 : days,
                                   .show = show};
    if (change(client, &wish, &cli->arena, &rules, &err) != OK) {
        rc = store_error(&err);
    } else {
        put_rules(cli, &rules);
    }
    s3_client_free(client);
    return rc;
}

static const struct command command_bucket_lifecycle = {
    .name = "lifecycle",
    .summary = "have the store remove old outputs by itself",
    .help = "Usage: stepfleet bucket lifecycle BUCKET [--days N] [--prefix PREFIX]\n"
            "                                  [--show | --remove]\n"
            "\n"
            "Gives a bucket of an S3 server the rule stepfleet-outputs: objects below PREFIX are\n"
            "removed N days after they were written, uploads that were not completed as well.\n"
            "Rules of others stay as they are; all there are then are listed. The store looks\n"
            "once a day, and knows nothing of executions that run: let N be longer than any of\n"
            "them. Where the store is, the coordinator says; credentials are AWS_ACCESS_KEY_ID,\n"
            "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. In a directory the coordinator itself\n"
            "removes old outputs (retention_outputs of its configuration).\n"
            "\n"
            "  --days N         default 7\n"
            "  --prefix PREFIX  default executions/, where stages write\n"
            "  --show           change nothing\n"
            "  --remove         take the rule away\n"
            "\n"
            "Examples:\n"
            "  stepfleet bucket lifecycle work\n"
            "  stepfleet bucket lifecycle work --days 30\n"
            "  stepfleet bucket lifecycle work --show --json | jq '.rules[].id'\n",
    .run = run_lifecycle,
};

static const struct command *const bucket_commands[] = {
    &command_bucket_lifecycle,
};

static int run_bucket(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(bucket_commands) / sizeof(bucket_commands[0]) };

    return cli_group(cli, bucket_commands, COUNT, argc, argv, "bucket what? lifecycle");
}

const struct command command_bucket = {
    .name = "bucket",
    .summary = "buckets that stages write to: lifecycle",
    .help = "Usage: stepfleet bucket COMMAND ...\n"
            "\n"
            "  lifecycle BUCKET  have the store remove old outputs by itself\n"
            "\n"
            "Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet bucket lifecycle work --days 7\n",
    .run = run_bucket,
};
