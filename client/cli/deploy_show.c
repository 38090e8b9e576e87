/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: a line a resource, and below it what is different; and the same as JSON. */
#include "client/cli/deploy.h"
#include "client/cli/needs.h"
#include "client/cli/reply_json.h"

static const struct shown {
    const char *word;
    const char *json;
    enum style style;
} shown[] = {
    [DEPLOY_CREATE] = {"create", "CREATE", STYLE_GOOD},
    [DEPLOY_UPDATE] = {"update", "UPDATE", STYLE_BUSY},
    [DEPLOY_SAME] = {"unchanged", "NONE", STYLE_PLAIN},
    [DEPLOY_LEFT] = {"left out", "LEFT_OUT", STYLE_PLAIN},
    [DEPLOY_LATER] = {"unknown", "UNKNOWN", STYLE_BAD},
};

/* What people call it; the type where there is no other word. */
static struct slice kind_word(const struct deploy_item *item)
{
    return item->word[0] != '\0' ? slice_str(item->word) : item->resource.type;
}

static size_t differences_shown(const struct deploy_item *item)
{
    return item->differences.count < DIFFERENCES_SHOWN ? item->differences.count
                                                       : DIFFERENCES_SHOWN;
}

/* What the tasks of all machines in the plan need. */
static struct needs plan_needs(const struct deploy_plan *plan, struct arena *a)
{
    struct needs n = needs_none(a);

    for (size_t i = 0; i < plan->count; i++) {
        const struct json_node *text = json_member(plan->items[i].want, SLICE("definition"));
        const struct json_node *definition;

        if (text != NULL && json_parse(json_text(text), a, &definition, NULL) == OK) {
            needs_add(&n, definition);
        }
    }
    return n;
}

/* ---- For people ---- */

static void put_row(struct table *t,
                    const char *what,
                    enum style style,
                    struct slice kind,
                    struct slice name,
                    struct slice why)
{
    table_cell(t, slice_str(what), style);
    table_text(t, kind);
    table_text(t, name);
    table_text(t, why);
}

static void put_differences(struct table *t, const struct deploy_item *item)
{
    struct slice none = {0};

    for (size_t i = 0; i < differences_shown(item); i++) {
        const struct difference *d = &item->differences.items[i];

        put_row(t, "", STYLE_PLAIN, none, arena_printf(t->a, "  %.*s", SLICE_FMT(d->path)),
                difference_text(d, t->a));
    }
    if (item->differences.count > DIFFERENCES_SHOWN) {
        put_row(t, "", STYLE_PLAIN, none,
                arena_printf(t->a, "  and %zu more", item->differences.count - DIFFERENCES_SHOWN),
                none);
    }
}

/* "without A, B"; empty: nothing is ignored. */
static struct slice without(const struct deploy_item *item, struct arena *a)
{
    struct slice out = {0};

    for (const struct json_node *e = json_first(item->ignored); e != NULL;
         e = json_next(item->ignored, e)) {
        out = arena_printf(a, "%.*s%s%.*s", SLICE_FMT(out), out.len != 0 ? ", " : "without ",
                           SLICE_FMT(json_text(e)));
    }
    return out;
}

static void put_item(struct table *t, const struct deploy_item *item)
{
    const struct shown *s = &shown[item->change];
    struct slice why = item->kind != NULL ? without(item, t->a) : slice_str(item->why);

    put_row(t, s->word, s->style, kind_word(item), item->resource.name, why);
    put_differences(t, item);
}

/* The members' names, separated by spaces. */
static struct slice names_of(struct json_builder *set, struct arena *a)
{
    const struct json_node *names = json_built(set);
    struct buf b = {0};
    struct slice out;

    for (const struct json_node *e = json_first(names); e != NULL; e = json_next(names, e)) {
        buf_printf(&b, "%s%.*s", b.len != 0 ? " " : "", SLICE_FMT(json_key(names, e)));
    }
    out = table_clean(arena_copy(a, buf_slice(&b)), a);
    buf_fini(&b);
    return out;
}

void deploy_show(struct cli *cli, const struct deploy_plan *plan)
{
    struct needs needs = plan_needs(plan, &cli->arena);
    struct slice functions = names_of(&needs.functions, &cli->arena);
    struct slice jobs = names_of(&needs.jobs, &cli->arena);
    struct table t;

    table_init(&t, &cli->arena, "CHANGE|KIND|NAME|REMARK");
    for (size_t i = 0; i < plan->count; i++) {
        put_item(&t, &plan->items[i]);
    }
    cli_put_table(cli, &t);
    if (functions.len != 0) {
        buf_printf(&cli->out,
                   "\nBind these in a worker's configuration, each as [function NAME]:\n  %.*s\n",
                   SLICE_FMT(functions));
    }
    if (jobs.len != 0) {
        buf_printf(&cli->out, "\nMake these with `stepfleet job create`:\n  %.*s\n",
                   SLICE_FMT(jobs));
    }
}

/* ---- As JSON ---- */

static const struct json_node *difference_json(const struct difference *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("path"), json_string(a, d->path));
    if (d->from != NULL) {
        json_put(&b, SLICE("from"), d->from);
    }
    if (d->to != NULL) {
        json_put(&b, SLICE("to"), d->to);
    }
    return json_built(&b);
}

static const struct json_node *item_json(const struct deploy_item *item, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder list = json_build_array(a);

    json_put(&b, SLICE("logicalId"), json_string(a, item->resource.id));
    json_put(&b, SLICE("type"), json_string(a, item->resource.type));
    json_put(&b, SLICE("name"), json_string(a, item->resource.name));
    if (item->resource.arn.len != 0) {
        json_put(&b, SLICE("arn"), json_string(a, item->resource.arn));
    }
    reply_put_text(&b, "change", shown[item->change].json);
    if (item->kind == NULL) {
        reply_put_text(&b, "reason", item->why);
        return json_built(&b);
    }
    for (size_t i = 0; i < differences_shown(item); i++) {
        json_push(&list, difference_json(&item->differences.items[i], a));
    }
    json_put(&b, SLICE("differences"), json_built(&list));
    reply_put_number(&b, "differenceCount", item->differences.count);
    json_put(&b, SLICE("ignoredProperties"), item->ignored);
    json_put(&b, SLICE("done"), json_bool(item->done));
    return json_built(&b);
}

static const struct json_node *names_json(struct json_builder *set, struct arena *a)
{
    const struct json_node *names = json_built(set);
    struct json_builder list = json_build_array(a);

    for (const struct json_node *e = json_first(names); e != NULL; e = json_next(names, e)) {
        json_push(&list, json_string(a, json_key(names, e)));
    }
    return json_built(&list);
}

void deploy_show_json(struct cli *cli, const struct deploy_plan *plan, bool dry_run)
{
    struct arena *a = &cli->arena;
    struct needs needs = plan_needs(plan, a);
    struct json_builder b = json_build_object(a);
    struct json_builder list = json_build_array(a);

    for (size_t i = 0; i < plan->count; i++) {
        json_push(&list, item_json(&plan->items[i], a));
    }
    json_put(&b, SLICE("dryRun"), json_bool(dry_run));
    json_put(&b, SLICE("complete"), json_bool(deploy_plan_count(plan, DEPLOY_LATER) == 0));
    json_put(&b, SLICE("resources"), json_built(&list));
    json_put(&b, SLICE("functions"), names_json(&needs.functions, a));
    json_put(&b, SLICE("jobs"), names_json(&needs.jobs, a));
    cli_put_json(cli, json_built(&b));
}
