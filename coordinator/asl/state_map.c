/* SPDX-License-Identifier: Apache-2.0 */
/* Map: its processor is a scope, which runs once for each item. The old names Iterator and
 * Parameters stand for ItemProcessor and ItemSelector. What distributed Maps have beside is in
 * distributed.c. Source: Amazon States Language, states. */
#include "coordinator/asl/parse.h"

/* How the processor runs. */
struct mode {
    bool distributed;
    bool express; /* its executions, where it is distributed */
};

/* `express`: the Map runs in an Express execution. */
static struct mode parse_mode(const struct parse_at *processor, bool express)
{
    static const char *const required[] = {"ExecutionType", NULL};
    static const char *const modes[] = {"INLINE", "DISTRIBUTED", NULL};
    static const char *const types[] = {"STANDARD", "EXPRESS", NULL};
    struct mode mode = {0};
    struct asl_place place;
    struct parse_at config;

    if (!parse_part(processor, "ProcessorConfig", &place, &config)) {
        return mode;
    }
    parse_fields(&config, OWNER_PROCESSOR_CONFIG);
    mode.distributed = parse_form(&config, "Mode", modes) == 1;
    mode.express = parse_word(&config, "ExecutionType", types) == 1;
    if (mode.distributed) {
        parse_required(&config, required);
    } else if (parse_has(&config, "ExecutionType")) {
        parse_error(&config, NULL, "Field 'ExecutionType' is not supported");
    }
    if (mode.distributed && express) {
        parse_error(&config, "Mode",
                    "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' "
                    "state machines");
    }
    return mode;
}

static void parse_processor(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"ItemProcessor", "Iterator", NULL};
    struct parsed_scope inner = parse_scope_in(at, st);
    int which = parse_one_of(at, names, false);
    struct asl_place place;
    struct parse_at processor;
    struct mode mode;

    if (which < 0 || !parse_part(at, names[which], &place, &processor)) {
        return;
    }
    parse_fields(&processor, OWNER_PROCESSOR);
    mode = parse_mode(&processor, inner.express);
    st->map.distributed = mode.distributed;
    if (mode.distributed) {
        parse_not_supported(at, NULL, "Map with Mode 'DISTRIBUTED' is not supported yet");
        parse_distributed(at);
        inner.up = ASL_NONE;
        inner.express = mode.express;
    } else {
        parse_inline(at);
    }
    st->map.processor = parse_scope(&processor, &inner);
}

/* ItemSelector, or Parameters, which every kind's parser has read already. */
static void parse_selector(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"ItemSelector", "Parameters", NULL};

    parse_one_of(at, names, true);
    parse_template(at, "ItemSelector", &st->map.item_selector);
    if (st->map.item_selector == NULL) {
        st->map.item_selector = st->parameters;
    }
    st->parameters = NULL;
}

/* Where the items come from. */
static void parse_items(const struct parse_at *at, struct asl_map *m)
{
    const struct json_node *items = json_member(at->doc, SLICE("Items"));

    if (at->language == ASL_JSONPATH) {
        parse_path_field(at, "ItemsPath", &m->items_path);
        if (m->items_path.is == ASL_PATH_NULL) {
            parse_error(at, "ItemsPath", "Expected value of type [STRING]");
        }
    } else if (items != NULL && !parse_expression(at, "Items") && !json_is(items, JSON_ARRAY) &&
               !(m->distributed && json_is(items, JSON_OBJECT))) {
        parse_error(at, "Items", "Expected value of type [ARRAY]");
    }
}

void state_map_parse(const struct parse_at *at, struct asl_state *st)
{
    st->map.processor = ASL_NONE;
    parse_selector(at, st);
    parse_count(at, "MaxConcurrency", "MaxConcurrencyPath", INT32_MAX, &st->map.max_concurrency);
    parse_tolerated(at);
    parse_processor(at, st);
    parse_items(at, &st->map);
    parse_retry(at, st);
    parse_catch(at, st);
}
