/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cert/certificate.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

enum {
    SERIAL_BITS = 159,     /* positive, and within the twenty bytes of RFC 5280 */
    HOST_NAME_CHARS = 253, /* of a DNS name */
    CLOCK_SKEW_S = 3600,   /* good from an hour ago: clocks of machines differ */
};

static enum err_code openssl_fail(const char *what, struct err *err)
{
    char why[256] = "unknown";
    unsigned long code = ERR_peek_last_error();

    if (code != 0) {
        ERR_error_string_n(code, why, sizeof(why));
    }
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "%s: %s", what, why);
}

/* ---- PEM ---- */

static struct slice bio_take(BIO *bio, struct arena *a)
{
    char *at;
    long bytes = BIO_get_mem_data(bio, &at);
    struct slice s = arena_copy(a, slice_make(at, (size_t)bytes));

    BIO_free(bio);
    return s;
}

static struct slice certificate_pem(X509 *x, struct arena *a)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_X509(bio, x) != 1) {
        die_no_memory(0);
    }
    return bio_take(bio, a);
}

static struct slice key_pem(EVP_PKEY *key, struct arena *a)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        die_no_memory(0);
    }
    return bio_take(bio, a);
}

static BIO *bio_of(struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

    if (bio == NULL) {
        die_no_memory(pem.len);
    }
    return bio;
}

/* NULL: there is none. */
static X509 *certificate_of(struct slice pem)
{
    BIO *bio = bio_of(pem);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return x;
}

static EVP_PKEY *key_of(struct slice pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

    BIO_free(bio);
    return key;
}

/* ---- making ---- */

static bool put_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool ok = n != NULL && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;

    BN_free(n);
    return ok;
}

static bool put_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

/* What all have: version, number, time, subject, key. `issuer` may be the certificate itself. */
static X509 *
certificate_new(const char *name, X509 *issuer, uint32_t days, EVP_PKEY *key, struct err *err)
{
    X509 *x = X509_new();
    X509_NAME *subject = x != NULL ? X509_get_subject_name(x) : NULL;
    bool ok = subject != NULL && X509_set_version(x, X509_VERSION_3) == 1 && put_serial(x) &&
              X509_gmtime_adj(X509_getm_notBefore(x), -CLOCK_SKEW_S) != NULL &&
              X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) != NULL &&
              X509_set_pubkey(x, key) == 1 &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name,
                                         -1, -1, 0) == 1;

    ok = ok && X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x)) == 1;
    if (!ok) {
        (void)openssl_fail("a certificate cannot be made", err);
        X509_free(x);
        return NULL;
    }
    return x;
}

static bool authority_extensions(X509 *x)
{
    return put_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           put_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           put_extension(x, x, NID_subject_key_identifier, "hash");
}

enum err_code certificate_authority(const char *name,
                                    uint32_t days,
                                    struct arena *a,
                                    struct certificate_pair *out,
                                    struct err *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key != NULL ? certificate_new(name, NULL, days, key, err) : NULL;
    enum err_code rc = OK;

    if (x == NULL) {
        rc = key == NULL ? openssl_fail("no key", err) : ERR_CONFIG;
    } else if (!authority_extensions(x) || X509_sign(x, key, EVP_sha256()) == 0) {
        rc = openssl_fail("the authority cannot be signed", err);
    } else {
        *out = (struct certificate_pair){certificate_pem(x, a), key_pem(key, a)};
    }
    X509_free(x);
    EVP_PKEY_free(key);
    return rc;
}

/* Letters, digits, '-', '_' and '.', and "*." before them: nothing that has a meaning in OpenSSL's
 * own text form of extensions. */
static bool is_host_name(struct slice name)
{
    name = slice_starts_with(name, SLICE("*.")) ? slice_from(name, 2) : name;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return name.len != 0 && name.len <= HOST_NAME_CHARS && name.ptr[0] != '.' && name.ptr[0] != '-';
}

static bool is_address(const char *name)
{
    unsigned char any[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, any) == 1 || inet_pton(AF_INET6, name, any) == 1;
}

static enum err_code
names_text(const char *const *names, size_t count, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (is_address(names[i])) {
            buf_printf(out, "%sIP:%s,DNS:%s", i != 0 ? "," : "", names[i], names[i]);
        } else if (is_host_name(slice_str(names[i]))) {
            buf_printf(out, "%sDNS:%s", i != 0 ? "," : "", names[i]);
        } else {
            return err_set(err, ERR_CONFIG, "\"%.100s\" is neither a host's name nor an address",
                           names[i]);
        }
    }
    buf_put_u8(out, '\0');
    return OK;
}

static bool server_extensions(X509 *x, X509 *authority, const char *names)
{
    return put_extension(x, authority, NID_basic_constraints, "critical,CA:FALSE") &&
           put_extension(x, authority, NID_key_usage, "critical,digitalSignature") &&
           put_extension(x, authority, NID_ext_key_usage, "serverAuth") &&
           put_extension(x, authority, NID_subject_alt_name, names) &&
           put_extension(x, authority, NID_subject_key_identifier, "hash") &&
           put_extension(x, authority, NID_authority_key_identifier, "keyid");
}

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
};

static enum err_code
authority_load(const struct certificate_pair *pair, struct authority *out, struct err *err)
{
    out->certificate = certificate_of(pair->certificate);
    out->key = key_of(pair->key);
    if (out->certificate == NULL) {
        return openssl_fail("the authority's certificate cannot be read", err);
    }
    if (out->key == NULL) {
        return openssl_fail("the authority's key cannot be read", err);
    }
    if (X509_check_private_key(out->certificate, out->key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_CONFIG, "the authority's key is not its certificate's");
    }
    if (X509_check_ca(out->certificate) == 0) {
        return err_set(err, ERR_CONFIG, "it is no authority: it may not sign certificates");
    }
    if (X509_cmp_current_time(X509_get0_notAfter(out->certificate)) <= 0) {
        return err_set(err, ERR_CONFIG, "the authority's certificate has expired: make another");
    }
    return OK;
}

static bool outlives(const X509 *x, const X509 *other)
{
    return ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(other)) > 0;
}

enum err_code certificate_issue(const struct certificate_pair *pair,
                                const char *const *names,
                                size_t count,
                                uint32_t days,
                                struct arena *a,
                                struct certificate_pair *out,
                                struct err *err)
{
    struct authority ca = {NULL, NULL};
    struct buf alternatives = {0};
    EVP_PKEY *key = NULL;
    X509 *x = NULL;
    enum err_code rc = names_text(names, count, &alternatives, err);

    if (rc == OK) {
        rc = authority_load(pair, &ca, err);
    }
    if (rc != OK) {
        goto out;
    }
    key = EVP_EC_gen("P-256");
    x = key != NULL ? certificate_new("stepfleet", ca.certificate, days, key, err) : NULL;
    if (x == NULL) {
        rc = key == NULL ? openssl_fail("no key", err) : ERR_CONFIG;
        goto out;
    }
    if (outlives(x, ca.certificate)) {
        (void)X509_set1_notAfter(x, X509_get0_notAfter(ca.certificate));
    }
    if (!server_extensions(x, ca.certificate, alternatives.ptr) ||
        X509_sign(x, ca.key, EVP_sha256()) == 0) {
        rc = openssl_fail("the certificate cannot be signed", err);
        goto out;
    }
    *out = (struct certificate_pair){certificate_pem(x, a), key_pem(key, a)};
out:
    X509_free(x);
    EVP_PKEY_free(key);
    X509_free(ca.certificate);
    EVP_PKEY_free(ca.key);
    buf_fini(&alternatives);
    return rc;
}

/* ---- reading ---- */

static struct slice name_text(const X509_NAME *name, struct arena *a)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
        die_no_memory(0);
    }
    return bio_take(bio, a);
}

static struct slice fingerprint(const X509 *x, struct arena *a)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    struct buf text = {0};
    struct slice s;

    (void)X509_digest(x, EVP_sha256(), digest, &bytes);
    for (unsigned i = 0; i < bytes; i++) {
        buf_printf(&text, "%s%02X", i != 0 ? ":" : "", digest[i]);
    }
    s = arena_copy(a, buf_slice(&text));
    buf_fini(&text);
    return s;
}

static int64_t time_ms(const ASN1_TIME *t)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

/* NULL: a kind that servers are not found by. */
static const char *alternative(const GENERAL_NAME *g, struct arena *a)
{
    char text[INET6_ADDRSTRLEN];
    const ASN1_STRING *s = GENERAL_NAME_get0_value(g, NULL);
    int family;

    if (g->type == GEN_DNS) {
        return arena_str(a, slice_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)));
    }
    if (g->type != GEN_IPADD) {
        return NULL;
    }
    family = ASN1_STRING_length(s) == sizeof(struct in_addr) ? AF_INET : AF_INET6;
    if (family == AF_INET6 && ASN1_STRING_length(s) != sizeof(struct in6_addr)) {
        return NULL;
    }
    return arena_str(a, slice_str(inet_ntop(family, ASN1_STRING_get0_data(s), text, sizeof(text))));
}

static bool has_name(const struct certificate_view *v, const char *name)
{
    for (size_t i = 0; i < v->name_count; i++) {
        if (strcmp(v->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void view_names(const X509 *x, struct arena *a, struct certificate_view *out)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int count = sk_GENERAL_NAME_num(all); /* -1: none */

    out->names = ARENA_ARRAY(a, count > 0 ? (size_t)count : 0, const char *);
    for (int i = 0; i < count; i++) {
        const char *name = alternative(sk_GENERAL_NAME_value(all, i), a);

        if (name != NULL && !has_name(out, name)) {
            out->names[out->name_count++] = name;
        }
    }
    GENERAL_NAMES_free(all);
}

enum err_code
certificate_view(struct slice pem, struct arena *a, struct certificate_view *out, struct err *err)
{
    X509 *x = certificate_of(pem);

    if (x == NULL) {
        ERR_clear_error();
        return err_set(err, ERR_CONFIG, "there is no certificate in it (PEM)");
    }
    *out = (struct certificate_view){
        .subject = name_text(X509_get_subject_name(x), a),
        .issuer = name_text(X509_get_issuer_name(x), a),
        .fingerprint = fingerprint(x, a),
        .from_ms = time_ms(X509_get0_notBefore(x)),
        .until_ms = time_ms(X509_get0_notAfter(x)),
        .authority = X509_check_ca(x) != 0,
    };
    view_names(x, a, out);
    X509_free(x);
    return OK;
}
