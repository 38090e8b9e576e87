/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of workers and functions, and the figures of functions. */
#include "client/src/client.h"

enum stepfleet_code stepfleet_worker_cordon(struct stepfleet *c,
                                            const char *worker,
                                            enum stepfleet_cordon cordon,
                                            struct stepfleet_cordoned *out,
                                            struct stepfleet_error *error)
{
    Stepfleet__WorkerCordonRequest q = STEPFLEET__WORKER_CORDON_REQUEST__INIT;
    const Stepfleet__WorkerCordonReply *m;
    void *reply;
    void *message;
    enum stepfleet_code rc;

    q.worker = text_to(worker);
    q.cordon = (uint32_t)cordon;
    rc = client_fetch(c, RPC_WORKER_CORDON, &q.base, sizeof(*out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = (struct stepfleet_cordoned){m->registered, m->leased};
        stepfleet_release(reply);
    }
    return rc;
}

/* ---- functions ---- */

static void
function_fill(struct stepfleet_function *out, const Stepfleet__FunctionTerms *m, struct arena *a)
{
    *out = (struct stepfleet_function){
        .name = m->function,
        .labels = tags_of(m->labels, m->n_labels, a),
        .concurrency = m->concurrency,
        .rate_milli = m->rate_milli,
        .priority = m->priority,
    };
}

static enum stepfleet_code function_fetch(struct stepfleet *c,
                                          enum rpc method,
                                          const ProtobufCMessage *request,
                                          struct stepfleet_function **out,
                                          struct stepfleet_error *error)
{
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, method, request, sizeof(**out), &reply, &message, error);

    if (rc == STEPFLEET_OK) {
        *out = reply;
        function_fill(*out, message, reply_arena(reply));
    }
    return rc;
}

enum stepfleet_code stepfleet_function_set(struct stepfleet *c,
                                           const char *function,
                                           const struct stepfleet_function_change *change,
                                           struct stepfleet_function **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__FunctionSetRequest q = STEPFLEET__FUNCTION_SET_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.function = text_to(function);
    q.has_labels = change->labels != NULL;
    if (q.has_labels) {
        q.labels = tags_to(change->labels->tags, change->labels->count, &a);
        q.n_labels = change->labels->count;
    }
    q.has_concurrency = change->concurrency != NULL;
    q.concurrency = q.has_concurrency ? *change->concurrency : 0;
    q.has_rate = change->rate_milli != NULL;
    q.rate_milli = q.has_rate ? *change->rate_milli : 0;
    q.has_priority = change->priority != NULL;
    q.priority = q.has_priority ? *change->priority : 0;
    rc = function_fetch(c, RPC_FUNCTION_SET, &q.base, out, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_function_describe(struct stepfleet *c,
                                                const char *function,
                                                struct stepfleet_function **out,
                                                struct stepfleet_error *error)
{
    Stepfleet__FunctionRequest q = STEPFLEET__FUNCTION_REQUEST__INIT;

    q.function = text_to(function);
    return function_fetch(c, RPC_FUNCTION_DESCRIBE, &q.base, out, error);
}

enum stepfleet_code stepfleet_function_list(struct stepfleet *c,
                                            const char *next_token,
                                            struct stepfleet_function_page **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__PageRequest q = STEPFLEET__PAGE_REQUEST__INIT;
    const Stepfleet__FunctionListReply *m;
    struct stepfleet_function *functions;
    void *reply;
    void *message;
    enum stepfleet_code rc;

    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_FUNCTION_LIST, &q.base, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    functions = ARENA_ARRAY(reply_arena(reply), m->n_functions, struct stepfleet_function);
    for (size_t i = 0; i < m->n_functions; i++) {
        function_fill(&functions[i], m->functions[i], reply_arena(reply));
    }
    *out = reply;
    **out = (struct stepfleet_function_page){functions, m->n_functions, m->next_token};
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_function_reset(struct stepfleet *c, const char *function, struct stepfleet_error *error)
{
    Stepfleet__FunctionRequest q = STEPFLEET__FUNCTION_REQUEST__INIT;

    q.function = text_to(function);
    return client_tell(c, RPC_FUNCTION_RESET, &q.base, error);
}

/* ---- figures ---- */

static void
scale_fill(struct stepfleet_scale *out, const Stepfleet__ScaleFigures *m, struct arena *a)
{
    *out = (struct stepfleet_scale){
        .function = m->function,
        .labels = tags_of(m->labels, m->n_labels, a),
        .ready = m->ready,
        .leased = m->leased,
        .workers = m->workers,
        .slots = m->slots,
        .wanted = m->wanted,
        .oldest_ms = m->oldest_ms,
    };
}

enum stepfleet_code stepfleet_scale(struct stepfleet *c,
                                    const char *function,
                                    const char *next_token,
                                    struct stepfleet_scale_page **out,
                                    struct stepfleet_error *error)
{
    Stepfleet__ScaleRequest q = STEPFLEET__SCALE_REQUEST__INIT;
    const Stepfleet__ScaleReply *m;
    struct stepfleet_scale *functions;
    void *reply;
    void *message;
    enum stepfleet_code rc;

    q.function = text_to(function);
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_SCALE, &q.base, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    functions = ARENA_ARRAY(reply_arena(reply), m->n_functions, struct stepfleet_scale);
    for (size_t i = 0; i < m->n_functions; i++) {
        scale_fill(&functions[i], m->functions[i], reply_arena(reply));
    }
    *out = reply;
    **out = (struct stepfleet_scale_page){functions, m->n_functions, m->next_token};
    return STEPFLEET_OK;
}
