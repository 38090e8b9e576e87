/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: what there is beside what the template asks for. */
#include "client/cli/deploy.h"

#include <stdio.h>

#include "proto/base/text.h"

static const char not_yet[] = "not yet known here";

struct fate {
    struct slice type;
    const char *word;
    const struct deploy_kind *kind;
    enum deploy_change change; /* where there is no kind */
    const char *why;
};

#define APPLIED(module)                                &deploy_##module, DEPLOY_SAME, ""
#define LEFT(why)                                      NULL, DEPLOY_LEFT, why
#define LATER                                          NULL, DEPLOY_LATER, not_yet
#define RESOURCE(type, word, property, arn, ref, fate) {SLICE_INIT(type), word, fate},
static const struct fate fates[] = {
#include "client/cli/resource.def"
};
#undef RESOURCE
#undef LATER
#undef LEFT
#undef APPLIED

/* The last row takes any. */
static const struct fate *fate_of(struct slice type)
{
    size_t i = 0;

    while (i + 1 < sizeof(fates) / sizeof(fates[0]) && !text_glob(fates[i].type, type)) {
        i++;
    }
    return &fates[i];
}

const char *const *deploy_properties(struct slice type)
{
    const struct deploy_kind *kind = fate_of(type)->kind;

    return kind != NULL ? kind->properties : NULL;
}

size_t deploy_plan_count(const struct deploy_plan *plan, enum deploy_change change)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->count; i++) {
        count += plan->items[i].change == change;
    }
    return count;
}

/* ---- One resource ---- */

static bool is_read(const struct deploy_kind *kind, struct slice name)
{
    for (const char *const *p = kind->properties; *p != NULL; p++) {
        if (slice_eq_str(name, *p)) {
            return true;
        }
    }
    return false;
}

static const struct json_node *ignored_properties(const struct deploy_item *item, struct arena *a)
{
    const struct json_node *all = json_member(item->resource.source, SLICE("Properties"));
    struct json_builder list = json_build_array(a);

    for (const struct json_node *e = json_first(all); e != NULL; e = json_next(all, e)) {
        if (!is_read(item->kind, json_key(all, e))) {
            json_push(&list, json_string(a, json_key(all, e)));
        }
    }
    return json_built(&list);
}

/* The members of `have` that `want` has, too: of the others the template says nothing. */
static const struct json_node *
alike(const struct json_node *have, const struct json_node *want, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(want); e != NULL; e = json_next(want, e)) {
        const struct json_node *v = json_member(have, json_key(want, e));

        if (v != NULL) {
            json_put(&b, json_key(want, e), v);
        }
    }
    return json_built(&b);
}

static bool is_changed(const struct deploy_item *item, struct slice member)
{
    const struct json_node *want_it = json_member(item->want, member);
    const struct json_node *have_it = json_member(item->have, member);

    return want_it != NULL && (have_it == NULL || !json_equal(have_it, want_it));
}

static int refuse_fixed(const struct deploy_item *item)
{
    (void)fprintf(stderr,
                  "stepfleet: %s %.*s: its %s cannot change: delete it, or give it another name\n",
                  item->word, SLICE_FMT(item->resource.name), item->kind->fixed);
    return CLI_REFUSED;
}

static int compare(struct cli *cli, struct deploy_item *item)
{
    struct slice fixed = slice_str(item->kind->fixed);
    int rc = item->kind->read(cli, &item->resource, &item->have);

    if (rc != CLI_DONE) {
        return rc;
    }
    item->change = DEPLOY_CREATE;
    if (item->have != NULL) {
        item->have = alike(item->have, item->want, &cli->arena);
        difference_find(item->have, item->want, &cli->arena, &item->differences);
        item->change = item->differences.count != 0 ? DEPLOY_UPDATE : DEPLOY_SAME;
    }
    if (item->change == DEPLOY_UPDATE && fixed.len != 0 && is_changed(item, fixed)) {
        return refuse_fixed(item);
    }
    if (item->change != DEPLOY_SAME && item->kind->check != NULL) {
        return item->kind->check(cli, item);
    }
    return CLI_DONE;
}

static enum err_code want(struct template_scope *s, struct deploy_item *item, struct err *err)
{
    struct template_at resources = {NULL, SLICE("Resources"), 0};
    struct template_at own = {&resources, item->resource.id, 0};
    struct template_at properties = {&own, SLICE("Properties"), 0};
    enum err_code rc;

    s->at = &properties;
    if (text_is_name(item->resource.name)) {
        rc = item->kind->want(s, &item->resource, &item->want, err);
    } else {
        rc = template_refuse(s, err, "\"%.*s\" is no name for it: 1 to 80 characters, no spaces",
                             SLICE_FMT(slice_head(item->resource.name, TEMPLATE_NAME_SHOWN)));
    }
    s->at = NULL;
    return rc;
}

/* ---- All of them ---- */

enum err_code deploy_plan_begin(struct template_scope *s,
                                const struct template_stack *stack,
                                struct deploy_plan *out,
                                struct err *err)
{
    struct deploy_plan plan = {
        .items = ARENA_ARRAY(s->a, stack->count + 1, struct deploy_item),
        .count = stack->count,
    };

    for (size_t i = 0; i < plan.count; i++) {
        struct deploy_item *item = &plan.items[i];
        const struct fate *fate = fate_of(stack->resources[i].type);

        *item = (struct deploy_item){.resource = stack->resources[i],
                                     .word = fate->word,
                                     .why = fate->why,
                                     .kind = fate->kind,
                                     .change = fate->change};
        if (item->kind == NULL) {
            continue;
        }
        if (want(s, item, err) != OK) {
            return err->code;
        }
        if (item->want == NULL) {
            item->kind = NULL;
            item->change = DEPLOY_LATER;
            item->why = not_yet;
            continue;
        }
        item->ignored = ignored_properties(item, s->a);
    }
    *out = plan;
    return OK;
}

int deploy_plan_compare(struct cli *cli, struct deploy_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        int rc = plan->items[i].kind != NULL ? compare(cli, &plan->items[i]) : CLI_DONE;

        if (rc != CLI_DONE) {
            return rc;
        }
    }
    return CLI_DONE;
}

static void say_how_far(const struct deploy_plan *plan, const struct deploy_item *failed)
{
    size_t done = 0;

    for (size_t i = 0; i < plan->count; i++) {
        done += plan->items[i].done;
    }
    (void)fprintf(stderr,
                  "stepfleet: that was %s %.*s; %zu of %zu changes were made before it, and to "
                  "deploy again goes on from there\n",
                  failed->word, SLICE_FMT(failed->resource.name), done,
                  deploy_plan_count(plan, DEPLOY_CREATE) + deploy_plan_count(plan, DEPLOY_UPDATE));
}

int deploy_plan_apply(struct cli *cli, struct deploy_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct deploy_item *item = &plan->items[i];
        int rc;

        if (item->change != DEPLOY_CREATE && item->change != DEPLOY_UPDATE) {
            continue;
        }
        rc = item->kind->apply(cli, item);
        if (rc != CLI_DONE) {
            say_how_far(plan, item);
            return rc;
        }
        item->done = true;
    }
    return CLI_DONE;
}

/* ---- for the kinds ---- */

void deploy_put(struct json_builder *b, const char *member, const char *text)
{
    json_put(b, slice_str(member), json_string(b->a, slice_str(text)));
}

void deploy_put_text(struct json_builder *b,
                     const char *member,
                     const struct json_node *properties,
                     const char *property,
                     const char *standard)
{
    const struct json_node *v = json_member(properties, slice_str(property));

    json_put(b, slice_str(member),
             json_is(v, JSON_STRING) ? v : json_string(b->a, slice_str(standard)));
}

const char *deploy_text(struct cli *cli, const struct json_node *from, const char *member)
{
    return arena_str(&cli->arena, json_text(json_member(from, slice_str(member))));
}
