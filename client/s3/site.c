/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/site.h"

#include <string.h>

/* Copy a text of the configuration behind those copied before. */
static struct slice site_keep(char **at, struct slice s)
{
    struct slice kept = slice_make(*at, s.len);

    if (s.len > 0) {
        memcpy(*at, s.ptr, s.len);
    }
    *at += s.len;
    return kept;
}

static enum err_code site_check_keys(const struct s3_config *config, struct err *err)
{
    if (config->keyless) {
        return config->signer != NULL
                   ? OK
                   : err_set(err, ERR_CONFIG, "the S3 store's keys are not here, and nobody signs");
    }
    if (!request_is_header_value(slice_str(config->access_key)) ||
        !request_is_header_value(slice_str(config->session_token)) ||
        !request_is_header_value(slice_str(config->region)) ||
        slice_str(config->access_key).len == 0 || slice_str(config->secret_key).len == 0) {
        return err_set(err, ERR_CONFIG, "the S3 access key, secret key and region must be set");
    }
    return OK;
}

enum err_code
site_open(const struct s3_config *config, struct request_site *site, char **text, struct err *err)
{
    struct slice endpoint = slice_str(config->endpoint);
    struct slice access_key = slice_str(config->access_key);
    struct slice secret_key = slice_str(config->secret_key);
    struct slice token = slice_str(config->session_token);
    struct slice region = slice_str(config->region);
    enum err_code rc = site_check_keys(config, err);
    char *at;

    *text = NULL;
    if (rc != OK) {
        return rc;
    }
    region = region.len != 0 ? region : SLICE("us-east-1");
    at = *text = mem_alloc(endpoint.len + access_key.len + secret_key.len + token.len + region.len);
    endpoint = site_keep(&at, endpoint);
    site->keys.access_key = site_keep(&at, access_key);
    site->keys.secret_key = site_keep(&at, secret_key);
    site->keys.region = site_keep(&at, region);
    site->session_token = site_keep(&at, token);
    site->signer = config->keyless ? config->signer : NULL;
    rc = request_site_parse(endpoint, site, err);
    site->sign_payload = config->sign_payload || !(site->tls || site->loopback);
    return rc;
}
