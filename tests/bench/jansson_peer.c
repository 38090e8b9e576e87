/* SPDX-License-Identifier: Apache-2.0 */
/* jansson, loaded at run time into a name space of its own: it and proto/base/json.h give the same
 * names to other functions. What is declared here is its documented interface. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/json_peers.h"

enum { JANSSON_COMPACT = 0x20 };

static struct {
    void *(*loadb)(const char *text, size_t len, size_t flags, void *error);
    char *(*dumps)(const void *value, size_t flags);
    void (*delete)(void *value);
} jansson;

struct text {
    const char *ptr;
    size_t len;
    void *value;
};

static void *peer_open(const char *text, size_t len)
{
    struct text *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        abort();
    }
    t->ptr = text;
    t->len = len;
    return t;
}

/* A value nobody else refers to is deleted with all it holds. */
static void forget(struct text *t)
{
    if (t->value != NULL) {
        jansson.delete(t->value);
        t->value = NULL;
    }
}

static bool peer_parse(void *p)
{
    struct text *t = p;

    forget(t);
    t->value = jansson.loadb(t->ptr, t->len, 0, NULL);
    return t->value != NULL;
}

static size_t peer_write(void *p)
{
    struct text *t = p;
    char *text = jansson.dumps(t->value, JANSSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text);

    free(text);
    return len;
}

static void peer_close(void *p)
{
    forget(p);
    free(p);
}

const struct json_peer *json_peer_jansson(void)
{
    static const struct json_peer peer = {"jansson", peer_open, peer_parse, peer_write, peer_close};
    void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        return NULL;
    }
    *(void **)&jansson.loadb = dlsym(library, "json_loadb");
    *(void **)&jansson.dumps = dlsym(library, "json_dumps");
    *(void **)&jansson.delete = dlsym(library, "json_delete");
    return jansson.loadb == NULL || jansson.dumps == NULL || jansson.delete == NULL ? NULL : &peer;
}
