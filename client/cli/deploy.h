/* SPDX-License-Identifier: Apache-2.0 */
/* What `stepfleet deploy` does with the resources of a template: each is compared with what there
 * is, and made or changed where they differ. Nothing is ever deleted.
 *
 * To add a type: its row in resource.def says APPLIED(x), and deploy_x.c has deploy_x. A kind says
 * what it wants of the template and what there is in the same form, a JSON object; from there on
 * nothing knows what kind it is. */
#ifndef STEPFLEET_CLI_DEPLOY_H
#define STEPFLEET_CLI_DEPLOY_H

#include "client/cli/cli.h"
#include "client/cli/difference.h"
#include "client/cli/template.h"

enum deploy_change { DEPLOY_CREATE, DEPLOY_UPDATE, DEPLOY_SAME, DEPLOY_LEFT, DEPLOY_LATER };

struct deploy_kind;

/* One resource and what is to be done with it. */
struct deploy_item {
    struct template_resource resource;
    const char *word;               /* "state machine" */
    const char *why;                /* it is left out */
    const struct deploy_kind *kind; /* NULL: it is not applied */
    const struct json_node *want;
    const struct json_node *have;    /* NULL: there is none; of `want`'s members alone */
    const struct json_node *ignored; /* array: properties that mean nothing here */
    struct differences differences;
    enum deploy_change change;
    bool done;
};

struct deploy_plan {
    struct deploy_item *items; /* in the order in which they are applied */
    size_t count;
};

struct deploy_kind {
    const char *const *properties; /* that are read of the template, ended by NULL */
    const char *fixed; /* the member that nothing changes once the thing is there; NULL: none */
    /* What the template asks for; NULL: more than is known here yet. Pure. */
    enum err_code (*want)(struct template_scope *s,
                          const struct template_resource *resource,
                          const struct json_node **out,
                          struct err *err);
    /* What there is, with all the members `want` may have; NULL: nothing. CLI_DONE or an exit code.
     */
    int (*read)(struct cli *cli,
                const struct template_resource *resource,
                const struct json_node **out);
    /* Would the coordinator take it? Says what is wrong. NULL: nobody knows before. */
    int (*check)(struct cli *cli, const struct deploy_item *item);
    /* Make it or change it. */
    int (*apply)(struct cli *cli, const struct deploy_item *item);
};

extern const struct deploy_kind deploy_machine;
extern const struct deploy_kind deploy_activity;
extern const struct deploy_kind deploy_queue;
extern const struct deploy_kind deploy_topic;
extern const struct deploy_kind deploy_subscription;
extern const struct deploy_kind deploy_pipe;
extern const struct deploy_kind deploy_rule;
extern const struct deploy_kind deploy_connection;
extern const struct deploy_kind deploy_destination;

/* The properties of a type that are read (template_wanted). */
const char *const *deploy_properties(struct slice type);
/* What the template asks for. Pure: what is wrong with it is said before the coordinator is asked
 * anything. ERR_INVALID_DEFINITION, with the place. */
enum err_code deploy_plan_begin(struct template_scope *s,
                                const struct template_stack *stack,
                                struct deploy_plan *out,
                                struct err *err);
/* Look at what there is; CLI_DONE or an exit code. Nothing is changed. */
int deploy_plan_compare(struct cli *cli, struct deploy_plan *plan);
/* Carry it out, up to the first that fails. */
int deploy_plan_apply(struct cli *cli, struct deploy_plan *plan);
size_t deploy_plan_count(const struct deploy_plan *plan, enum deploy_change change);

/* deploy_show.c: the plan for people, and as JSON. */
void deploy_show(struct cli *cli, const struct deploy_plan *plan);
void deploy_show_json(struct cli *cli, const struct deploy_plan *plan, bool dry_run);

/* deploy_attributes.c: properties that are attributes of the API, by the same names. Put into `out`
 * those that a template has, and those that there are; and for the API those that differ. */
void deploy_attributes_want(const struct json_node *properties,
                            const char *const *names,
                            struct arena *a,
                            struct json_builder *out);
void deploy_attributes_have(const struct stepfleet_tags *attributes,
                            struct arena *a,
                            struct json_builder *out);
struct stepfleet_tags deploy_attributes_changed(struct cli *cli,
                                                const struct deploy_item *item,
                                                const char *const *names);
/* Of a thing that is its attributes and its tags alone. `fifo`: the attribute that the API does not
 * say where it is false. */
enum err_code deploy_attributed_want(struct template_scope *s,
                                     const struct json_node *properties,
                                     const char *const *names,
                                     struct slice fifo,
                                     const struct json_node **out,
                                     struct err *err);
int deploy_attributed_read(struct cli *cli,
                           const char *arn,
                           const struct stepfleet_tags *attributes,
                           const struct json_node **out);

/* deploy.c. A member that is a text, an empty one too. */
void deploy_put(struct json_builder *b, const char *member, const char *text);
/* A property's text under the name of a member, or the standard one where there is none.
 */
void deploy_put_text(struct json_builder *b,
                     const char *member,
                     const struct json_node *properties,
                     const char *property,
                     const char *standard);
/* A member's text; "" where it has none. */
const char *deploy_text(struct cli *cli, const struct json_node *from, const char *member);

/* deploy_tags.c: Tags, [{"Key", "Value"}], as {key: value}; absent: NULL. */
enum err_code deploy_tags_want(struct template_scope *s,
                               const struct json_node *properties,
                               const struct json_node **out,
                               struct err *err);
int deploy_tags_read(struct cli *cli, const char *arn, const struct json_node **out);
/* Those that the template asks for. */
struct stepfleet_tags deploy_tags_wanted(struct cli *cli, const struct deploy_item *item);
/* Make the tags of `item` what the template asks for. */
int deploy_tags_apply(struct cli *cli, const char *arn, const struct deploy_item *item);

#endif
