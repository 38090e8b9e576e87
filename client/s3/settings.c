/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/settings.h"

#include <stdlib.h>
#include <string.h>

static const char asks_coordinator[] = "coordinator";

/* NULL where it is not set, or empty. */
static const char *variable(const char *name)
{
    const char *v = getenv(name);

    return v != NULL && v[0] != '\0' ? v : NULL;
}

static const char *setting(struct config *file, const char *key, const char *name)
{
    const char *v = file != NULL ? config_get(file, "objects", key, NULL) : NULL;

    return v != NULL && v[0] != '\0' ? v : variable(name);
}

static const char *keep(struct arena *a, const char *s)
{
    return s != NULL ? arena_str(a, slice_str(s)) : NULL;
}

/* The three secrets: from the credentials file where one is named, else from the environment. */
static enum err_code
load_credentials(const char *path, struct arena *a, struct s3_config *out, struct err *err)
{
    struct config c;
    enum err_code rc;

    if (path != NULL && strcmp(path, asks_coordinator) == 0) {
        return OK;
    }
    if (path == NULL) {
        out->access_key = keep(a, variable("AWS_ACCESS_KEY_ID"));
        out->secret_key = keep(a, variable("AWS_SECRET_ACCESS_KEY"));
        out->session_token = keep(a, variable("AWS_SESSION_TOKEN"));
        return OK;
    }
    rc = config_load(path, &c, err);
    if (rc != OK) {
        err_wrap(err, "load credentials");
        return rc;
    }
    out->access_key = keep(a, config_get(&c, "default", "aws_access_key_id", NULL));
    out->secret_key = keep(a, config_get(&c, "default", "aws_secret_access_key", NULL));
    out->session_token = keep(a, config_get(&c, "default", "aws_session_token", NULL));
    config_fini(&c);
    return OK;
}

static enum err_code load_payload(struct config *file, bool *sign, struct err *err)
{
    const char *text = file != NULL ? config_get(file, "objects", "payload", "protected") : "";

    *sign = strcmp(text, "signed") == 0;
    if (file != NULL && !*sign && strcmp(text, "protected") != 0) {
        return err_set(err, ERR_CONFIG, "%s: payload = %s: signed or protected", file->path, text);
    }
    return OK;
}

/* Keys for a server there must be, or a coordinator that has them. One of the two is a mistake. */
static enum err_code
settle_keys(struct s3_config *c, enum s3_settings_of of, const char *credentials, struct err *err)
{
    bool named = credentials != NULL && strcmp(credentials, asks_coordinator) == 0;
    bool none = c->access_key == NULL && c->secret_key == NULL;

    if (named && of == S3_SETTINGS_COORDINATOR) {
        return err_set(err, ERR_CONFIG,
                       "credentials = coordinator: that is for workers; the coordinator itself "
                       "needs the keys");
    }
    c->keyless =
        c->endpoint != NULL && of == S3_SETTINGS_WORKER && (named || (none && credentials == NULL));
    if (c->endpoint == NULL || c->keyless || (c->access_key != NULL && c->secret_key != NULL)) {
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "the object store %s needs credentials: set AWS_ACCESS_KEY_ID and "
                   "AWS_SECRET_ACCESS_KEY, or credentials = FILE with a [default] section",
                   c->endpoint);
}

enum err_code s3_settings_load(struct config *file,
                               enum s3_settings_of of,
                               struct arena *a,
                               struct s3_config *out,
                               struct err *err)
{
    struct s3_config c = {0};
    const char *credentials =
        file != NULL ? config_get(file, "objects", "credentials", NULL) : NULL;
    enum err_code rc;

    c.root = keep(a, setting(file, "root", "STEPFLEET_OBJECTS_ROOT"));
    c.endpoint = keep(a, setting(file, "endpoint", "S3_ENDPOINT"));
    c.region = keep(a, setting(file, "region", "AWS_REGION"));
    c.ca = keep(a, setting(file, "ca", "AWS_CA_BUNDLE"));
    if (c.region == NULL) {
        c.region = "us-east-1";
    }
    if (c.root != NULL && c.endpoint != NULL) {
        return err_set(err, ERR_CONFIG,
                       "the object store is both a directory (%s) and a server (%s): choose one",
                       c.root, c.endpoint);
    }
    rc = load_payload(file, &c.sign_payload, err);
    rc = rc != OK ? rc : load_credentials(credentials, a, &c, err);
    rc = rc != OK ? rc : settle_keys(&c, of, credentials, err);
    if (rc == OK) {
        *out = c;
    }
    return rc;
}
