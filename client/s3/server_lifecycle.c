/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket's lifecycle configuration, asked of a server. */
#include "client/s3/digest.h"
#include "client/s3/server.h"
#include "proto/base/text.h"

enum { LIFECYCLE_BYTES_MAX = 4 * 1024 * 1024 }; /* a thousand rules, as AWS allows */

static void
lifecycle_call(struct call *c, struct s3_client *client, const char *method, struct slice bucket)
{
    call_init(c, (struct server *)client, method, bucket, SLICE(""));
    c->transfer.text_max = LIFECYCLE_BYTES_MAX;
    request_add_query(&c->transfer.request, SLICE("lifecycle"), SLICE(""));
}

/* No such bucket is an error, a bucket without a lifecycle is not. */
static bool has_none(struct call *c)
{
    struct answer_error e;

    return answer_error_read(buf_slice(&c->transfer.text), &c->arena, &e) &&
           slice_eq_str(e.code, "NoSuchLifecycleConfiguration");
}

enum err_code server_lifecycle_get(struct s3_client *client,
                                   struct slice bucket,
                                   struct arena *a,
                                   struct slice *out,
                                   struct err *err)
{
    struct call c;
    enum err_code rc;

    lifecycle_call(&c, client, "GET", bucket);
    rc = call_run(&c, err);
    if (rc == OK) {
        *out = arena_copy(a, buf_slice(&c.transfer.text));
    } else if (rc == ERR_NOT_FOUND && has_none(&c)) {
        *out = (struct slice){"", 0};
        rc = OK;
    }
    call_fini(&c);
    return rc;
}

/* AWS asks for a checksum here, and has always known this one. */
static void add_md5(struct call *c, struct slice body)
{
    unsigned char md5[DIGEST_BYTES_MAX];
    struct digest d = {0};
    size_t len;

    digest_begin(&d, EVP_md5());
    digest_add(&d, body);
    len = digest_end(&d, md5);
    digest_fini(&d);
    request_add_header(&c->transfer.request, SLICE("content-md5"),
                       text_base64(slice_make((const char *)md5, len), &c->arena));
}

enum err_code server_lifecycle_put(struct s3_client *client,
                                   struct slice bucket,
                                   struct slice xml,
                                   struct err *err)
{
    struct call c;
    enum err_code rc;

    lifecycle_call(&c, client, xml.len != 0 ? "PUT" : "DELETE", bucket);
    if (xml.len != 0) {
        request_add_header(&c.transfer.request, SLICE("content-type"), SLICE("application/xml"));
        add_md5(&c, xml);
        call_set_body(&c, xml);
    }
    rc = call_run(&c, err);
    call_fini(&c);
    return rc;
}
