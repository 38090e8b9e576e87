/* SPDX-License-Identifier: Apache-2.0 */
/* A private certificate authority, certificates signed by it, and what is in one: X.509 version 3
 * with keys on P-256, as PEM. What is issued is good for servers, under names that mbedTLS (nng's
 * link), OpenSSL (HTTP) and AWS's clients all find: an address stands in it as an address, and as
 * a name too, because mbedTLS 2.28 looks at names alone.
 *
 * No files in here. Everything made is in the arena given; a private key's memory is not wiped.
 * Sources: RFC 5280; mbedTLS 2.28, x509_crt_verify_name(). */
#ifndef STEPFLEET_CERT_CERTIFICATE_H
#define STEPFLEET_CERT_CERTIFICATE_H

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum {
    CERTIFICATE_NAMES = 32,       /* of one certificate */
    CERTIFICATE_DAYS_MAX = 36500, /* a hundred years: past it dates need another form */
};

/* A certificate and its key, both PEM. */
struct certificate_pair {
    struct slice certificate;
    struct slice key;
};

/* An authority of its own: it signs itself, and nothing but certificates of servers. */
enum err_code certificate_authority(const char *name,
                                    uint32_t days,
                                    struct arena *a,
                                    struct certificate_pair *out,
                                    struct err *err);

/**
 * A server's certificate, signed by an authority.
 *
 * @param names  host names ("*.example.org" too), IPv4 and IPv6 addresses; 1 to CERTIFICATE_NAMES
 * @param days   never longer than the authority's own
 * @return ERR_CONFIG: a name that cannot be, an authority that cannot be read or is over
 */
enum err_code certificate_issue(const struct certificate_pair *authority,
                                const char *const *names,
                                size_t count,
                                uint32_t days,
                                struct arena *a,
                                struct certificate_pair *out,
                                struct err *err);

/* What people ask of a certificate. */
struct certificate_view {
    struct slice subject;
    struct slice issuer;
    struct slice fingerprint; /* SHA-256, "AB:CD:..." */
    const char **names;       /* each once */
    size_t name_count;
    int64_t from_ms; /* since 1970 */
    int64_t until_ms;
    bool authority;
};

/* The first certificate of the text. ERR_CONFIG: there is none. */
enum err_code
certificate_view(struct slice pem, struct arena *a, struct certificate_view *out, struct err *err);

#endif
