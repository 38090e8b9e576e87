/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet deploy: the resources of a CloudFormation template, shown as a difference to what there
 * is, then made and changed. */
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/deploy.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

struct deployment {
    const char *file;
    const char *stack;          /* NULL: as the file */
    struct arg_list parameters; /* "NAME=VALUE" */
    bool dry_run;
    bool partial;
};

/* "NAME=VALUE", or as the AWS CLI has it, "ParameterKey=NAME,ParameterValue=VALUE". False: it is
 * neither. */
static bool read_parameter(struct slice whole, struct slice *name, struct slice *value)
{
    static const struct slice key = SLICE_INIT("ParameterKey=");
    static const struct slice then = SLICE_INIT(",ParameterValue=");
    size_t end = slice_starts_with(whole, key) ? slice_find(whole, ',') : whole.len;

    if (end < whole.len && slice_starts_with(slice_from(whole, end), then)) {
        *name = slice_from(slice_head(whole, end), key.len);
        *value = slice_from(whole, end + then.len);
        return name->len != 0;
    }
    end = slice_find(whole, '=');
    *name = slice_head(whole, end);
    *value = slice_from(whole, end + 1);
    return end != 0 && end != whole.len;
}

/* {"NAME": "VALUE"}. */
static int
read_parameters(struct cli *cli, const struct arg_list *given, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct err err;

    for (size_t i = 0; i < given->count; i++) {
        struct slice whole = slice_str(given->items[i]);
        struct slice name;
        struct slice value;

        if (!read_parameter(whole, &name, &value)) {
            (void)err_set(&err, ERR_USAGE, "--parameter takes NAME=VALUE, not \"%s\"",
                          given->items[i]);
            return cli_usage(cli, &err);
        }
        if (!text_is_utf8(whole)) {
            (void)err_set(&err, ERR_USAGE, "--parameter %.*s is not UTF-8", SLICE_FMT(name));
            return cli_usage(cli, &err);
        }
        json_put(&b, name, json_string(&cli->arena, value));
    }
    *out = json_built(&b);
    return CLI_DONE;
}

/* "Stack" of "cdk.out/Stack.template.json". */
static struct slice stack_name(const char *file)
{
    struct slice name = slice_str(file);
    size_t slash = slice_rfind(name, '/');

    name = slash != name.len ? slice_from(name, slash + 1) : name;
    return slice_head(name, slice_find(name, '.'));
}

static int read_template(struct cli *cli, const char *file, const struct json_node **out)
{
    struct slice text;
    struct err err;
    int rc = cli_read_file(cli, file, LIMIT_FRAME_BYTES, &text);

    if (rc == CLI_DONE) {
        rc = cli_check_json(cli, file, text, out);
    }
    if (rc == CLI_DONE && !template_is(*out)) {
        (void)err_set(&err, ERR_USAGE,
                      "%s is no CloudFormation template: an object with Resources. A definition "
                      "alone is for `machine create`",
                      file);
        return cli_usage(cli, &err);
    }
    return rc;
}

static int make_plan(struct cli *cli, const struct deployment *d, struct deploy_plan *out)
{
    const struct json_node *document = NULL;
    const struct json_node *given = NULL;
    struct name_place *place = ARENA_NEW(&cli->arena, struct name_place);
    struct template_scope scope;
    struct template_stack stack;
    struct err err;
    int rc;

    if ((rc = read_parameters(cli, &d->parameters, &given)) != CLI_DONE ||
        (rc = read_template(cli, d->file, &document)) != CLI_DONE ||
        (rc = cli_place(cli, place)) != CLI_DONE) {
        return rc;
    }
    scope = template_open(document, place, &cli->arena);
    scope.given = given;
    scope.stack = d->stack != NULL ? slice_str(d->stack) : stack_name(d->file);
    if (template_stack_read(&scope, deploy_properties, &stack, &err) != OK ||
        deploy_plan_begin(&scope, &stack, out, &err) != OK) {
        err_wrap(&err, "%s", d->file);
        return cli_usage(cli, &err);
    }
    return deploy_plan_compare(cli, out);
}

/* What came of it, on stderr; the exit code where all went well so far. */
static int sum_up(const struct deployment *d, const struct deploy_plan *plan)
{
    size_t creates = deploy_plan_count(plan, DEPLOY_CREATE);
    size_t updates = deploy_plan_count(plan, DEPLOY_UPDATE);
    size_t later = deploy_plan_count(plan, DEPLOY_LATER);

    if (creates + updates == 0) {
        (void)fprintf(stderr, "stepfleet: nothing to change\n");
    } else {
        (void)fprintf(stderr, "stepfleet: %s%zu created, %zu updated\n",
                      d->dry_run ? "nothing was done; it would be " : "", creates, updates);
    }
    if (later == 0) {
        return CLI_DONE;
    }
    (void)fprintf(stderr, "stepfleet: %zu of the resources %s not known here yet%s\n", later,
                  later == 1 ? "is" : "are",
                  d->partial ? "" : "; --partial says that this is fine");
    return d->partial ? CLI_DONE : CLI_FAILED;
}

static int deploy(struct cli *cli, const struct deployment *d)
{
    struct deploy_plan plan;
    int rc = make_plan(cli, d, &plan);

    if (rc != CLI_DONE) {
        return rc;
    }
    if (!cli->json) {
        deploy_show(cli, &plan);
        rc = cli_flush(cli);
    }
    if (rc == CLI_DONE && !d->dry_run) {
        rc = deploy_plan_apply(cli, &plan);
    }
    if (cli->json) {
        deploy_show_json(cli, &plan, d->dry_run);
    }
    return rc == CLI_DONE ? sum_up(d, &plan) : rc;
}

static int run_deploy(struct cli *cli, int argc, char **argv)
{
    struct deployment d = {0};
    const struct arg options[] = {
        {"--stack", 0, ARG_TEXT, &d.stack, 0},
        {"--parameter", 'p', ARG_LIST, &d.parameters, 0},
        {"--dry-run", 0, ARG_FLAG, &d.dry_run, 0},
        {"--partial", 0, ARG_FLAG, &d.partial, 0},
    };
    struct args a = {options, 4, &d.file, 1, 1, 0};
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    if (d.stack == NULL && strcmp(d.file, "-") == 0) {
        (void)err_set(&err, ERR_USAGE, "standard input has no name: which --stack is it?");
        return cli_usage(cli, &err);
    }
    return deploy(cli, &d);
}

const struct command command_deploy = {
    .name = "deploy",
    .summary = "what a CloudFormation template asks for",
    .help = "Usage: stepfleet deploy TEMPLATE [-p|--parameter NAME=VALUE]... [--stack NAME]\n"
            "                        [--dry-run] [--partial]\n"
            "\n"
            "Reads a CloudFormation template in JSON, as the AWS CDK writes them (- for standard\n"
            "input), shows what is different from what there is, and makes and changes it, each\n"
            "thing after those it depends on. What is the same stays as it is; nothing is ever\n"
            "deleted. State machines, activities, queues, topics, subscriptions, pipes and\n"
            "schedules are deployed; what needs no deployment here (permissions, functions'\n"
            "code, buckets, ...) is left out, and named with the reason.\n"
            "A resource without a name of its own is called STACK-LOGICALID.\n"
            "\n"
            "Definitions are checked before anything is changed. The functions that the tasks\n"
            "name are listed: they are bound to code in a worker's configuration.\n"
            "\n"
            "  --parameter  a parameter's value, over its default; the AWS CLI's form will do:\n"
            "               ParameterKey=NAME,ParameterValue=VALUE\n"
            "  --dry-run    show the difference only\n"
            "  --stack      the stack's name; without it the file's, up to the first dot\n"
            "  --partial    resources that are not known here are no failure: exit code 0\n"
            "\n"
            "Exit code 1 where resources are not known here yet: all others were deployed.\n"
            "\n"
            "Examples:\n"
            "  cdk synth && stepfleet deploy cdk.out/Stack.template.json --dry-run\n"
            "  stepfleet deploy cdk.out/Stack.template.json -p Stage=beta\n"
            "  stepfleet deploy t.json --json | jq '.resources[] | select(.change != \"NONE\")'\n",
    .run = run_deploy,
};
