/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/http/tls.h"

#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "proto/base/arena.h"
#include "proto/host/log.h"

struct tls_context {
    SSL_CTX *ssl;
};

struct tls {
    SSL *ssl;
    BIO *in;
    BIO *out;
};

static enum err_code tls_fail(const char *what, const char *file, struct err *err)
{
    char why[256] = "unknown";
    unsigned long code = ERR_peek_last_error();

    if (code != 0) {
        ERR_error_string_n(code, why, sizeof(why));
    }
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "%s %s: %s", what, file, why);
}

/* Clients that offer HTTP/2 as well are told that it is HTTP/1.1. */
static int choose_protocol(SSL *ssl,
                           const unsigned char **out,
                           unsigned char *out_len,
                           const unsigned char *offered,
                           unsigned offered_len,
                           void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum err_code
tls_context_new(const char *certificate, const char *key, struct tls_context **out, struct err *err)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    enum err_code rc = OK;

    if (ssl == NULL) {
        die_no_memory(sizeof(*out));
    }
    (void)SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate) != 1) {
        rc = tls_fail("the certificate", certificate, err);
    } else if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1) {
        rc = tls_fail("the key", key, err);
    } else if (SSL_CTX_check_private_key(ssl) != 1) {
        rc = tls_fail("the key does not fit the certificate", key, err);
    }
    if (rc != OK) {
        SSL_CTX_free(ssl);
        return rc;
    }
    *out = mem_alloc(sizeof(**out));
    (*out)->ssl = ssl;
    return OK;
}

int64_t tls_context_expires_s(const struct tls_context *c)
{
    const X509 *certificate = SSL_CTX_get0_certificate(c->ssl);
    struct tm when;

    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) {
        return 0;
    }
    return timegm(&when);
}

void tls_context_free(struct tls_context *c)
{
    if (c != NULL) {
        SSL_CTX_free(c->ssl);
        mem_free(c);
    }
}

/* ---- files that change ---- */

static struct tls_file look_at_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (struct tls_file){st.st_ino, st.st_mtim}
                                : (struct tls_file){.inode = 0};
}

static bool is_same_file(const struct tls_file *a, const struct tls_file *b)
{
    return a->inode == b->inode && a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec;
}

static enum err_code load(struct tls_renewed *r, struct err *err)
{
    struct tls_context *context;
    enum err_code rc;

    r->seen[0] = look_at_file(r->certificate);
    r->seen[1] = look_at_file(r->key);
    rc = tls_context_new(r->certificate, r->key, &context, err);
    if (rc == OK) {
        tls_context_free(r->context); /* connections that have it keep it */
        r->context = context;
    }
    return rc;
}

enum err_code
tls_renewed_open(struct tls_renewed *r, const char *certificate, const char *key, struct err *err)
{
    *r = (struct tls_renewed){.certificate = certificate, .key = key};
    return load(r, err);
}

void tls_renewed_close(struct tls_renewed *r)
{
    tls_context_free(r->context);
    r->context = NULL;
}

void tls_renew(struct tls_renewed *r)
{
    const struct tls_file certificate = look_at_file(r->certificate);
    const struct tls_file key = look_at_file(r->key);
    struct err err;

    if (is_same_file(&certificate, &r->seen[0]) && is_same_file(&key, &r->seen[1])) {
        return;
    }
    if (load(r, &err) == OK) {
        log_info("certificate: file=%s", r->certificate);
    } else {
        log_error("the certificate stays as it was: %s", err.msg);
    }
}

/* ---- one connection ---- */

struct tls *tls_new(struct tls_context *c)
{
    struct tls *t = mem_zalloc(1, sizeof(*t));

    t->ssl = SSL_new(c->ssl);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
        die_no_memory(sizeof(*t));
    }
    SSL_set_bio(t->ssl, t->in, t->out); /* both are its own now */
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_free(struct tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        mem_free(t);
    }
}

void tls_feed(struct tls *t, struct slice wire)
{
    int n;

    assert(wire.len <= INT_MAX);
    n = BIO_write(t->in, wire.ptr, (int)wire.len);
    if (wire.len != 0 && n != (int)wire.len) {
        die_no_memory(wire.len);
    }
}

int tls_read(struct tls *t, char *out, int size)
{
    int n;
    int why;

    ERR_clear_error();
    n = SSL_read(t->ssl, out, size);
    if (n > 0) {
        return n;
    }
    why = SSL_get_error(t->ssl, n);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool tls_write(struct tls *t, struct slice plain)
{
    size_t n = 0;

    ERR_clear_error();
    while (plain.len != 0) {
        if (SSL_write_ex(t->ssl, plain.ptr, plain.len, &n) != 1) {
            ERR_clear_error();
            return false;
        }
        plain = slice_from(plain, n);
    }
    return true;
}

void tls_end(struct tls *t)
{
    ERR_clear_error();
    if (SSL_is_init_finished(t->ssl)) {
        (void)SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
}

void tls_wire(struct tls *t, struct buf *out)
{
    size_t pending = BIO_ctrl_pending(t->out);

    if (pending != 0) {
        int n = BIO_read(t->out, buf_reserve(out, pending), (int)pending);

        assert(n == (int)pending);
        out->len += (size_t)n;
    }
}
