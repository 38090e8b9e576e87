/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over TLS: the link's thread hands them over, and takes their answers. */
#include <pthread.h>

#include "coordinator/api/rpc/request.h"
#include "coordinator/link/link.h"

struct secure_request {
    struct rpc_request request;
    struct rpc_secure *secure;
    struct list all; /* secure.all */
    uint32_t number;
    struct buf frame;           /* until there is room for the answer */
    struct link_answer *answer; /* from ANSWERED on */
};

struct rpc_secure {
    struct rpc_server *server;
    struct link *link; /* NULL: closed */
    pthread_mutex_t lock;
    struct list all; /* locked: requests that are not answered yet */
};

static struct secure_request *secure_of(struct rpc_request *r)
{
    return container_of(r, struct secure_request, request);
}

/* ---- answers: the loop's thread ---- */

static char *room(struct rpc_request *r, size_t bytes)
{
    struct secure_request *q = secure_of(r);
    char *frame;

    buf_fini(&q->frame);
    q->answer = link_answer_new(r->connection, q->number, bytes, &frame);
    return frame;
}

static void request_free(struct secure_request *q)
{
    buf_fini(&q->frame);
    mem_free(q->answer);
    audit_drop(q->request.audit);
    mem_free(q);
}

static void send_answer(struct rpc_request *r)
{
    struct secure_request *q = secure_of(r);
    struct rpc_secure *s = q->secure;

    (void)pthread_mutex_lock(&s->lock);
    list_remove(&q->all);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->link != NULL) {
        link_answer(s->link, q->answer);
        q->answer = NULL;
    }
    request_free(q);
}

static const struct rpc_transport transport = {room, send_answer};

/* ---- the link's thread ---- */

static void arrived(void *arg, const struct link_request *r)
{
    struct rpc_secure *s = arg;
    struct secure_request *q = mem_zalloc(1, sizeof(*q));

    q->secure = s;
    q->number = r->number;
    q->frame = r->frame;
    list_init(&q->all);
    q->request.transport = &transport;
    q->request.server = s->server;
    q->request.state = RPC_ARRIVED;
    q->request.connection = r->connection;
    q->request.who = *r->who;
    q->request.frame = buf_slice(&q->frame);
    list_init(&q->request.link);
    list_init(&q->request.opened);
    (void)pthread_mutex_lock(&s->lock);
    list_push_back(&s->all, &q->all);
    (void)pthread_mutex_unlock(&s->lock);
    rpc_arrived(s->server, &q->request);
}

static void gone(void *arg, uint64_t connection)
{
    rpc_gone(((struct rpc_secure *)arg)->server, connection);
}

static void sent(void *arg)
{
    rpc_sent(((struct rpc_secure *)arg)->server);
}

/* ---- opening and closing ---- */

enum err_code rpc_secure_open(struct rpc_server *server,
                              const struct rpc_config *config,
                              struct rpc_secure **out,
                              struct err *err)
{
    struct rpc_secure *s = mem_zalloc(1, sizeof(*s));
    const struct link_hooks hooks = {s, arrived, gone, sent};
    const struct link_config link = {
        .listen = config->listen,
        .certificate = config->certificate,
        .key = config->key,
        .access = config->access,
    };

    s->server = server;
    list_init(&s->all);
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return link_open(&link, &hooks, &s->link, err);
}

void rpc_secure_renewed(struct rpc_secure *s)
{
    link_renewed(s->link);
}

void rpc_secure_close(struct rpc_secure *s)
{
    if (s->link != NULL) {
        link_close(s->link);
        s->link = NULL;
    }
}

void rpc_secure_free(struct rpc_secure *s)
{
    struct list *n;

    while ((n = list_pop_front(&s->all)) != NULL) {
        request_free(container_of(n, struct secure_request, all));
    }
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
