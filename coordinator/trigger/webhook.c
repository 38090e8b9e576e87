/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/webhook.h"

#include "proto/base/limits.h"

/* ---- connections ---- */

static const struct {
    const char *type;
    const char *member;
    const char *name;
    const char *secret;
} kinds[] = {
    [WEBHOOK_API_KEY] = {"API_KEY", "ApiKeyAuthParameters", "ApiKeyName", "ApiKeyValue"},
    [WEBHOOK_BASIC] = {"BASIC", "BasicAuthParameters", "Username", "Password"},
};

const char *webhook_auth_type(const struct webhook_auth *auth)
{
    return kinds[auth->kind].type;
}

/* What may stand in a header's value. */
static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) {
            return false;
        }
    }
    return s.len != 0 && s.len <= LIMIT_WEBHOOK_SECRET_BYTES;
}

/* A header's name that is not one of those that a request has by itself. */
static bool is_header(struct slice s)
{
    static const struct slice own[] = {
        SLICE_INIT("host"),         SLICE_INIT("content-length"), SLICE_INIT("transfer-encoding"),
        SLICE_INIT("content-type"), SLICE_INIT("connection"),     SLICE_INIT("expect"),
    };
    char lower[LIMIT_WEBHOOK_SECRET_BYTES];

    for (size_t i = 0; i < s.len && i < sizeof(lower); i++) {
        char c = s.ptr[i];

        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (!((lower[i] >= 'a' && lower[i] <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '_')) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (slice_eq(slice_make(lower, s.len), own[i])) {
            return false;
        }
    }
    return s.len != 0 && s.len <= sizeof(lower) &&
           !slice_starts_with(slice_make(lower, s.len), SLICE("webhook-"));
}

static bool is_good(const struct webhook_auth *auth)
{
    switch (auth->kind) {
    case WEBHOOK_API_KEY: return is_header(auth->name) && is_visible(auth->secret);
    case WEBHOOK_BASIC: break;
    }
    return is_visible(auth->name) && slice_find(auth->name, ':') == auth->name.len &&
           is_visible(auth->secret);
}

static void take(const struct json_node *from, const char *member, struct slice *out)
{
    const struct json_node *v = json_member(from, slice_str(member));

    if (json_is(v, JSON_STRING)) {
        *out = json_text(v);
    }
}

static enum err_code read_type(struct slice type, struct webhook_auth *auth, struct err *err)
{
    for (int i = WEBHOOK_API_KEY; i <= WEBHOOK_BASIC; i++) {
        if (slice_eq_str(type, kinds[i].type)) {
            *auth = (int)auth->kind == i ? *auth
                                         : (struct webhook_auth){.kind = (enum webhook_auth_kind)i};
            return OK;
        }
    }
    if (type.len == 0 && auth->kind != 0) {
        return OK;
    }
    return err_set(
        err, ERR_VALIDATION,
        "Parameter AuthorizationType is not valid. Reason: it is API_KEY or BASIC here.");
}

enum err_code webhook_auth_read(struct slice type,
                                const struct json_node *parameters,
                                struct webhook_auth *auth,
                                struct err *err)
{
    struct webhook_auth read = *auth;
    const struct json_node *own;
    enum err_code rc = read_type(type, &read, err);

    if (rc != OK) {
        return rc;
    }
    own = json_member(parameters, slice_str(kinds[read.kind].member));
    if (json_count(parameters) != (own != NULL)) {
        return err_set(err, ERR_VALIDATION,
                       "Parameter AuthParameters is not valid. Reason: of a connection that is %s "
                       "there are %s alone here.",
                       kinds[read.kind].type, kinds[read.kind].member);
    }
    take(own, kinds[read.kind].name, &read.name);
    take(own, kinds[read.kind].secret, &read.secret);
    if (!is_good(&read)) {
        return err_set(err, ERR_VALIDATION,
                       "Parameter AuthParameters is not valid. Reason: %s has a %s and a %s that a "
                       "header can hold.",
                       kinds[read.kind].member, kinds[read.kind].name, kinds[read.kind].secret);
    }
    *auth = read;
    return OK;
}

const struct json_node *webhook_auth_json(const struct webhook_auth *auth, struct arena *a)
{
    struct json_builder all = json_build_object(a);
    struct json_builder own = json_build_object(a);

    json_put(&own, slice_str(kinds[auth->kind].name), json_string(a, auth->name));
    json_put(&all, slice_str(kinds[auth->kind].member), json_built(&own));
    return json_built(&all);
}

/* ---- destinations ---- */

static bool is_loopback(struct slice host)
{
    return slice_eq_str(host, "localhost") || slice_eq_str(host, "127.0.0.1") ||
           slice_eq_str(host, "[::1]");
}

/* "HOST[:PORT]" up to the path. */
static struct slice authority_of(struct slice rest)
{
    size_t end = 0;

    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?' && rest.ptr[end] != '#') {
        end++;
    }
    return slice_head(rest, end);
}

static struct slice host_of(struct slice authority)
{
    size_t bracket = slice_find(authority, ']');

    return bracket < authority.len ? slice_head(authority, bracket + 1)
                                   : slice_head(authority, slice_find(authority, ':'));
}

bool webhook_is_endpoint(struct slice url)
{
    bool safe = slice_starts_with(url, SLICE("https://"));
    struct slice authority = authority_of(slice_from(url, safe ? 8 : 7));

    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.ptr[i] <= 0x20 || (unsigned char)url.ptr[i] >= 0x7f ||
            url.ptr[i] == '\\') {
            return false;
        }
    }
    if (url.len > LIMIT_WEBHOOK_URL_BYTES || host_of(authority).len == 0 ||
        slice_find(authority, '@') != authority.len) {
        return false;
    }
    return safe || (slice_starts_with(url, SLICE("http://")) && is_loopback(host_of(authority)));
}

bool webhook_is_method(struct slice method)
{
    static const char *const methods[] = {"POST", "GET",   "HEAD",  "OPTIONS",
                                          "PUT",  "PATCH", "DELETE"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (slice_eq_str(method, methods[i])) {
            return true;
        }
    }
    return false;
}

enum webhook_verdict webhook_judge(long status)
{
    if (status >= 200 && status < 300) {
        return WEBHOOK_TAKEN;
    }
    return status == 401 || status == 407 || status == 409 || status == 429 || status >= 500
               ? WEBHOOK_AGAIN
               : WEBHOOK_REFUSED;
}
