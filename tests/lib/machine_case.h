/* SPDX-License-Identifier: Apache-2.0 */
/* Random definitions for tests: every kind of state, scopes in scopes, with retriers, catchers,
 * paths, templates and variables, now and then of the sort that fails when it runs. All of them can
 * be created. */
#ifndef STEPFLEET_TESTS_LIB_MACHINE_CASE_H
#define STEPFLEET_TESTS_LIB_MACHINE_CASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"

enum { MACHINE_CASE_DEPTH = 3, MACHINE_CASE_STATES = 40 };

struct machine_case {
    uint64_t chance;
    struct buf text;
    unsigned states; /* so far, named s0, s1, .. */
    unsigned scopes;
};

/* A state under construction: `at` of the `count` states that begin with s<first>. */
struct machine_place {
    unsigned scope;
    unsigned first;
    unsigned count;
    unsigned at;
    unsigned depth;
};

static unsigned case_below(uint64_t *chance, size_t n)
{
    *chance = hash_u64(*chance + 0x9e3779b97f4a7c15u);
    return (unsigned)(*chance % n);
}

static bool one_in(struct machine_case *m, unsigned n)
{
    return case_below(&m->chance, n) == 0;
}

static void put(struct machine_case *m, const char *text)
{
    buf_put_slice(&m->text, slice_str(text));
}

static void putf(struct machine_case *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void putf(struct machine_case *m, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(m, text);
}

#define ANY_OF(m, list) ((list)[case_below(&(m)->chance, sizeof(list) / sizeof((list)[0]))])

/* ---- fields ---- */

static const char *any_template(struct machine_case *m)
{
    static const char *const templates[] = {
        "{\"all.$\":\"$\",\"items\":[1,[2],{\"x\":3}],\"x\":1}",
        "{\"index.$\":\"$$.Map.Item.Index\"}",
        "{\"u.$\":\"States.UUID()\",\"r.$\":\"States.MathRandom(1, 9)\"}",
        "{\"name.$\":\"$$.State.Name\",\"items\":[]}",
        "{\"x.$\":\"$.x\"}",
        "{\"redrives.$\":\"$$.Execution.RedriveCount\",\"items\":[3,4]}",
        "{\"items.$\":\"States.ArrayRange(1, 5, 1)\",\"x\":1,\"again.$\":\"States.Array($, $)\"}",
        "{\"entered.$\":\"$$.State.EnteredTime\",\"long\":\"012345678901234567890123\"}",
    };

    return one_in(m, 2) ? ANY_OF(m, templates) : templates[0];
}

/* A name belongs to its scope: none inside may shadow it. */
static void put_assign(struct machine_case *m, const struct machine_place *p)
{
    static const char *const values[] = {"1", "\"0123456789\"", "{\"a\":[1,2]}"};
    unsigned name = case_below(&m->chance, 3);

    if (one_in(m, 3)) {
        putf(m, ",\"Assign\":{\"v%u_%u\":%s", p->scope, name, ANY_OF(m, values));
        if (one_in(m, 3)) {
            putf(m, ",\"w%u_%u.$\":\"$\"", p->scope, name);
        }
        if (one_in(m, 30)) {
            putf(m, ",\"n%u.$\":\"$.no\"", p->scope);
        }
        put(m, "}");
    }
}

static void put_paths(struct machine_case *m, bool has_result)
{
    static const char *const results[] = {"\"$.r\"", "\"$.a.b\"", "null", "\"$.x[0]\""};
    static const char *const paths[] = {"\"$\"", "null", "\"$.items\"", "\"$.x\""};

    if (has_result && one_in(m, 2)) {
        putf(m, ",\"ResultPath\":%s", one_in(m, 10) ? ANY_OF(m, results) : results[0]);
    }
    if (one_in(m, 20)) {
        putf(m, ",\"InputPath\":%s", ANY_OF(m, paths));
    }
    if (one_in(m, 20)) {
        putf(m, ",\"OutputPath\":%s", ANY_OF(m, paths));
    }
}

static void put_template(struct machine_case *m, const char *field, unsigned one_of)
{
    if (one_in(m, one_of)) {
        putf(m, ",\"%s\":%s", field, any_template(m));
    }
}

static void put_handlers(struct machine_case *m, const struct machine_place *p)
{
    static const char *const errors[] = {
        "States.ALL",
        "States.TaskFailed",
        "States.Timeout",
        "E1",
        "E2",
        "States.DataLimitExceeded",
        "States.BranchFailed",
        "States.HeartbeatTimeout",
        "States.ReferencePathConflict",
    };
    static const char *const places[] = {"", ",\"ResultPath\":null", ",\"ResultPath\":\"$.error\"",
                                         ",\"ResultPath\":\"$.x[0]\""};

    if (one_in(m, 2)) {
        putf(m, ",\"Retry\":[{\"ErrorEquals\":[\"%s\"],\"MaxAttempts\":%u%s}]", ANY_OF(m, errors),
             case_below(&m->chance, 3), one_in(m, 3) ? ",\"JitterStrategy\":\"FULL\"" : "");
    }
    if (one_in(m, 2)) {
        putf(m, ",\"Catch\":[{\"ErrorEquals\":[\"%s\"],\"Next\":\"s%u\"%s", ANY_OF(m, errors),
             p->first + case_below(&m->chance, p->count), ANY_OF(m, places));
        put_assign(m, p);
        put(m, "}]");
    }
}

static void put_next(struct machine_case *m, const struct machine_place *p)
{
    if (p->at + 1 == p->count) {
        put(m, ",\"End\":true");
    } else {
        putf(m, ",\"Next\":\"s%u\"", p->first + p->at + 1);
    }
}

/* ---- states ---- */

static void put_scope(struct machine_case *m, unsigned depth);

static void put_pass(struct machine_case *m, const struct machine_place *p)
{
    put(m, "\"Type\":\"Pass\"");
    if (one_in(m, 3)) {
        put(m, ",\"Result\":{\"items\":[1,2,3,4],\"x\":1}");
    } else {
        put_template(m, "Parameters", 2);
    }
    put_paths(m, true);
    put_assign(m, p);
    put_next(m, p);
}

static void put_wait(struct machine_case *m, const struct machine_place *p)
{
    put(m, one_in(m, 10) ? "\"Type\":\"Wait\",\"SecondsPath\":\"$.x\""
                         : "\"Type\":\"Wait\",\"Seconds\":3");
    put_paths(m, false);
    put_assign(m, p);
    put_next(m, p);
}

static void put_choice(struct machine_case *m, const struct machine_place *p)
{
    putf(m,
         "\"Type\":\"Choice\",\"Default\":\"s%u\",\"Choices\":[{\"Variable\":\"$.x\",%s,"
         "\"Next\":\"s%u\"",
         p->first + p->at + 1, one_in(m, 4) ? "\"NumericEquals\":1" : "\"IsPresent\":true",
         p->first + case_below(&m->chance, p->count));
    put_assign(m, p);
    put(m, "}]");
    put_paths(m, false);
    put_assign(m, p);
}

static void put_end(struct machine_case *m, const struct machine_place *p)
{
    static const char *const ends[] = {"\"Type\":\"Succeed\"",
                                       "\"Type\":\"Fail\",\"Error\":\"E1\",\"Cause\":\"why\"",
                                       "\"Type\":\"Fail\",\"ErrorPath\":\"$.x\""};

    if (p->at + 1 == p->count) {
        put(m, ANY_OF(m, ends));
    } else {
        put_pass(m, p);
    }
}

/* Each way to carry a task, with the parameters that it must have around a template of any sort. */
static void put_resource(struct machine_case *m)
{
    static const struct {
        const char *resource;
        const char *parameters;
    } tasks[] = {
        {"aws:lambda:eu-west-1:111111111111:function:F", "%s"},
        {"aws:states:::lambda:invoke", "{\"FunctionName\":\"F\",\"Payload\":%s}"},
        {"aws:states:::lambda:invoke",
         "{\"FunctionName\":\"F\",\"Payload\":%s,\"LogType\":\"Tail\"}"},
        {"aws:states:::lambda:invoke",
         "{\"FunctionName\":\"F\",\"Payload\":%s,\"InvocationType\":\"Event\"}"},
        {"aws:states:::lambda:invoke",
         "{\"FunctionName\":\"F\",\"Payload\":%s,\"InvocationType\":\"DryRun\"}"},
        {"aws:states:::lambda:invoke.waitForTaskToken",
         "{\"FunctionName\":\"F\",\"ClientContext.$\":\"$$.Task.Token\",\"Payload\":%s}"},
        {"aws:states:eu-west-1:111111111111:activity:act", "%s"},
        {"aws:states:eu-west-1:111111111111:activity:act", "%s"},
        {"aws:states:eu-west-1:111111111111:activity:gone", "%s"},
        {"aws:states:::states:startExecution", "{\"StateMachineArn\":\"m\",\"Input\":%s}"},
        {"aws:states:::states:startExecution.sync", "{\"StateMachineArn\":\"m\",\"Input\":%s}"},
        {"aws:states:::states:startExecution.sync:2", "{\"StateMachineArn\":\"m\",\"Input\":%s}"},
        {"aws:states:::states:startExecution.waitForTaskToken",
         "{\"StateMachineArn\":\"m\",\"Name.$\":\"$$.Task.Token\",\"Input\":%s}"},
        {"aws:states:::glue:startJobRun", "{\"JobName\":\"j\",\"Arguments\":%s}"},
        {"aws:states:::glue:startJobRun.sync", "{\"JobName\":\"j\",\"Arguments\":%s}"},
        {"aws:states:::sqs:sendMessage.waitForTaskToken",
         "{\"QueueUrl\":\"q\",\"MessageBody\":{\"t.$\":\"$$.Task.Token\",\"all\":%s}}"},
    };
    unsigned which = case_below(&m->chance, sizeof(tasks) / sizeof(tasks[0]));
    const char *parameters = tasks[which].parameters;
    size_t before = slice_find(slice_str(parameters), '%');

    putf(m, "\"Type\":\"Task\",\"Resource\":\"arn:%s\",\"Parameters\":", tasks[which].resource);
    buf_put(&m->text, parameters, before);
    put(m, any_template(m));
    put(m, parameters + before + 2);
}

static void put_task(struct machine_case *m, const struct machine_place *p)
{
    put_resource(m);
    if (one_in(m, 3)) {
        put(m, one_in(m, 10) ? ",\"TimeoutSecondsPath\":\"$.x\"" : ",\"TimeoutSeconds\":5");
    }
    if (one_in(m, 3)) {
        put(m, ",\"HeartbeatSeconds\":2");
    }
    put_template(m, "ResultSelector", 3);
    put_paths(m, true);
    put_assign(m, p);
    put_handlers(m, p);
    put_next(m, p);
}

static void put_join_fields(struct machine_case *m, const struct machine_place *p)
{
    put_template(m, "ResultSelector", 4);
    put_paths(m, true);
    put_assign(m, p);
    put_handlers(m, p);
    put_next(m, p);
}

static void put_parallel(struct machine_case *m, const struct machine_place *p)
{
    unsigned branches = 1 + case_below(&m->chance, 3);

    put(m, "\"Type\":\"Parallel\",\"Branches\":");
    for (unsigned i = 0; i < branches; i++) {
        put(m, i == 0 ? "[" : ",");
        put_scope(m, p->depth + 1);
    }
    put(m, "]");
    put_template(m, "Parameters", 3);
    put_join_fields(m, p);
}

static void put_map(struct machine_case *m, const struct machine_place *p)
{
    putf(m, "\"Type\":\"Map\",\"ItemsPath\":\"%s\",\"MaxConcurrency\":%u,\"ItemProcessor\":",
         one_in(m, 10) ? "$.items" : "$$.Execution.Input.items", case_below(&m->chance, 4));
    put_scope(m, p->depth + 1);
    put_template(m, "ItemSelector", 3);
    put_join_fields(m, p);
}

static void put_state(struct machine_case *m, const struct machine_place *p)
{
    static void (*const flat[])(struct machine_case *, const struct machine_place *) = {
        put_pass, put_wait, put_end, put_task, put_task, put_choice};
    bool last = p->at + 1 == p->count;

    putf(m, "%s\"s%u\":{", p->at == 0 ? "" : ",", p->first + p->at);
    if (p->depth < MACHINE_CASE_DEPTH && m->states < MACHINE_CASE_STATES && one_in(m, 3)) {
        (one_in(m, 2) ? put_parallel : put_map)(m, p);
    } else {
        flat[case_below(&m->chance, last ? 5 : 6)](m, p);
    }
    put(m, "}");
}

static void put_scope(struct machine_case *m, unsigned depth)
{
    struct machine_place p = {.scope = m->scopes++,
                              .first = m->states,
                              .count = 1 + case_below(&m->chance, 4),
                              .depth = depth};

    m->states += p.count;
    putf(m, "{\"StartAt\":\"s%u\",\"States\":{", p.first);
    for (; p.at < p.count; p.at++) {
        put_state(m, &p);
    }
    put(m, depth == 0 && one_in(m, 4) ? "},\"TimeoutSeconds\":30}" : "}}");
}

/* The definition, NUL-terminated, to be released by buf_fini(). */
static void machine_case(uint64_t chance, struct buf *out)
{
    struct machine_case m = {.chance = chance};

    put_scope(&m, 0);
    buf_put(&m.text, "", 1);
    *out = m.text;
}

#endif
