/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/audit.h"

#include <pthread.h>
#include <string.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

struct audit {
    struct audit_file *file;
    pthread_mutex_t lock;
    /* locked: refusals of strangers */
    int64_t second;
    unsigned count; /* in it */
};

struct audit_entry {
    struct audit *audit;
    struct buf asked;    /* the members that are known at the beginning */
    struct buf resource; /* as JSON */
    struct buf outcome;  /* likewise */
    bool stranger;
};

/* ---- what is recorded ---- */

/* What goes through what control has set up. */
static bool is_data(unsigned method)
{
    switch (method) {
    case RPC_ACTIVITY_TASK:
    case RPC_TASK_SUCCESS:
    case RPC_TASK_FAILURE:
    case RPC_TASK_HEARTBEAT:
    case RPC_MESSAGE_SEND:
    case RPC_MESSAGE_SEND_BATCH:
    case RPC_MESSAGE_RECEIVE:
    case RPC_MESSAGE_DELETE:
    case RPC_MESSAGE_DELETE_BATCH:
    case RPC_MESSAGE_HIDE:
    case RPC_MESSAGE_HIDE_BATCH:
    case RPC_PUBLISH:
    case RPC_PUBLISH_BATCH:
    case RPC_EVENTS_PUT: return true;
    default: return false;
    }
}

bool audit_is_control(unsigned method)
{
    int role = role_of_method(method);

    return (role == ROLE_RUN || role == ROLE_ADMIN) && method != RPC_KEY_LIST && !is_data(method);
}

bool audit_is_refusal(enum err_code code)
{
    switch ((int)code) {
    case ERR_DENIED:
    case ERR_NO_TOKEN:
    case ERR_TOKEN:
    case ERR_SIGNATURE_MISSING:
    case ERR_SIGNATURE_INCOMPLETE:
    case ERR_SIGNATURE_INVALID:
    case ERR_KEY_UNKNOWN: return true;
    default: return false;
    }
}

/* ---- members ---- */

static const char *kind_name(enum caller_kind kind)
{
    switch (kind) {
    case CALLER_LOCAL: return "open";
    case CALLER_TASK: return "task";
    case CALLER_KEY: return "key";
    case CALLER_CONTROL: return "token";
    case CALLER_WORKER: return "worker";
    case CALLER_STRANGER: return "stranger";
    }
    return "";
}

/* Cut between two characters. */
static struct slice cut(struct slice s)
{
    if (s.len <= LIMIT_AUDIT_TEXT_BYTES) {
        return s;
    }
    s.len = LIMIT_AUDIT_TEXT_BYTES;
    while (s.len != 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80) {
        s.len--;
    }
    return s;
}

static void put_member(struct buf *out, const char *name, struct slice text)
{
    buf_printf(out, ",\"%s\":", name);
    json_write_string(cut(text), out);
}

/* The first of these fields that the message has and that says something; else empty. */
static struct slice first_field(const ProtobufCMessage *m, const char *const *names, size_t count)
{
    for (size_t i = 0; m != NULL && i < count; i++) {
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(m->descriptor, names[i]);
        const char *text =
            f != NULL && f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED
                ? *(char *const *)(const void *)((const char *)m + f->offset)
                : NULL;

        if (text != NULL && text[0] != '\0') {
            return slice_str(text);
        }
    }
    return SLICE("");
}

/* What a request is about: the nearest name of it. */
static struct slice asked_resource(const ProtobufCMessage *request)
{
    static const char *const names[] = {
        "execution", "alias", "version",      "activity", "run",    "rule",   "machine",
        "resource",  "topic", "map_run",      "pipe",     "key",    "worker", "function",
        "queue",     "job",   "subscription", "name",     "source", "handle"};

    return first_field(request, names, sizeof(names) / sizeof(names[0]));
}

/* What a reply says was made. */
static struct slice made_resource(const ProtobufCMessage *reply)
{
    static const char *const names[] = {"execution_arn", "arn", "run", "id"};

    return first_field(reply, names, sizeof(names) / sizeof(names[0]));
}

/* ---- entries ---- */

struct audit_entry *audit_begin(struct audit *a, const struct audit_asked *asked)
{
    const char *operation = asked->operation;
    struct audit_entry *e;

    if (a == NULL) {
        return NULL;
    }
    if (operation == NULL) {
        operation = rpc_name(asked->method);
    }
    e = mem_zalloc(1, sizeof(*e));
    e->audit = a;
    e->stranger = asked->who->kind == CALLER_STRANGER;
    put_member(&e->asked, "kind", slice_str(kind_name(asked->who->kind)));
    put_member(&e->asked, "who", slice_str(asked->who->name));
    put_member(&e->asked, "from", slice_str(asked->who->address));
    put_member(&e->asked, "operation", slice_str(operation != NULL ? operation : ""));
    put_member(&e->asked, "request", asked->request_id);
    json_write_string(cut(asked_resource(asked->request)), &e->resource);
    return e;
}

void audit_end(struct audit_entry *e, const char *error, const ProtobufCMessage *reply)
{
    struct slice made = made_resource(reply);

    if (e == NULL) {
        return;
    }
    if (made.len != 0) {
        buf_reset(&e->resource);
        json_write_string(cut(made), &e->resource);
    }
    json_write_string(slice_str(error != NULL ? error : "OK"), &e->outcome);
}

/* Whoever reaches the port may be refused as often as he likes: that must not fill the disk. */
static bool is_too_many(struct audit *a)
{
    int64_t second = clock_mono_ms() / 1000;
    bool many;

    (void)pthread_mutex_lock(&a->lock);
    if (second != a->second) {
        a->second = second;
        a->count = 0;
    }
    many = a->count == LIMIT_AUDIT_STRANGERS;
    a->count += !many;
    (void)pthread_mutex_unlock(&a->lock);
    return many;
}

void audit_put(struct audit_entry *e)
{
    struct buf line = {0};
    char time[TEXT_TIME_BYTES];

    if (e == NULL) {
        return;
    }
    if (e->stranger && is_too_many(e->audit)) {
        audit_file_lose(e->audit->file);
    } else {
        buf_put_str(&line, "{\"time\":\"");
        buf_put(&line, time, text_format_time(clock_wall_ms(), time));
        buf_put_str(&line, "\"");
        buf_put_slice(&line, buf_slice(&e->asked));
        buf_put_str(&line, ",\"resource\":");
        buf_put_slice(&line, buf_slice(&e->resource));
        buf_put_str(&line, ",\"outcome\":");
        buf_put_slice(&line, buf_slice(&e->outcome));
        buf_put_str(&line, "}\n");
        audit_file_put(e->audit->file, buf_slice(&line));
        buf_fini(&line);
    }
    audit_drop(e);
}

void audit_drop(struct audit_entry *e)
{
    if (e != NULL) {
        buf_fini(&e->asked);
        buf_fini(&e->resource);
        buf_fini(&e->outcome);
        mem_free(e);
    }
}

void audit_failed(struct audit *a,
                  const struct audit_asked *asked,
                  enum err_code code,
                  const char *error)
{
    struct audit_entry *e;

    if (a == NULL || (!audit_is_refusal(code) && !audit_is_control(asked->method))) {
        return;
    }
    e = audit_begin(a, asked);
    audit_end(e, error, NULL);
    audit_put(e);
}

/* ---- opening and closing ---- */

enum err_code audit_open(const char *path, struct audit **out, struct err *err)
{
    struct audit_file *file;
    enum err_code rc = audit_file_open(path, &file, err);

    if (rc == OK) {
        *out = mem_zalloc(1, sizeof(**out));
        (*out)->file = file;
        (void)pthread_mutex_init(&(*out)->lock, NULL);
    }
    return rc;
}

void audit_close(struct audit *a)
{
    if (a != NULL) {
        audit_file_close(a->file);
        (void)pthread_mutex_destroy(&a->lock);
        mem_free(a);
    }
}

void audit_reopen(struct audit *a)
{
    audit_file_reopen(a->file);
}

void audit_figures(const struct audit *a, struct audit_figures *out)
{
    audit_file_figures(a->file, out);
}
