/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/settings.h"

#include <stdlib.h>
#include <string.h>

static const char *setting(struct config *file, const char *key, const char *variable)
{
    const char *v = file != NULL ? config_get(file, "objects", key, NULL) : NULL;

    if (v == NULL) {
        v = getenv(variable);
    }
    return v != NULL && v[0] != '\0' ? v : NULL;
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

    if (path == NULL) {
        out->access_key = keep(a, getenv("AWS_ACCESS_KEY_ID"));
        out->secret_key = keep(a, getenv("AWS_SECRET_ACCESS_KEY"));
        out->session_token = keep(a, getenv("AWS_SESSION_TOKEN"));
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

enum err_code
s3_settings_load(struct config *file, struct arena *a, struct s3_config *out, struct err *err)
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
    if (rc != OK) {
        return rc;
    }
    if (c.endpoint != NULL && (c.access_key == NULL || c.secret_key == NULL)) {
        return err_set(err, ERR_CONFIG,
                       "the object store %s needs credentials: set AWS_ACCESS_KEY_ID and "
                       "AWS_SECRET_ACCESS_KEY, or credentials = FILE with a [default] section",
                       c.endpoint);
    }
    *out = c;
    return OK;
}
