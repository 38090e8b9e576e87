/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dial.h"

#include <errno.h>
#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { HOST_BYTES = 256, DIAL_RENEW_MS = 1000 };

static const struct slice scheme = SLICE_INIT("tls+tcp://");

bool dial_is_tls(const char *url)
{
    return slice_starts_with(slice_str(url), scheme);
}

/* "host:7233" or "[fd00::1]:7233": the host, without brackets. False: it has none, or no port. */
static bool host_of(const char *url, char out[HOST_BYTES])
{
    struct slice address = slice_from(slice_str(url), scheme.len);
    size_t colon = slice_rfind(address, ':');
    struct slice host = slice_head(address, colon);
    uint64_t port;

    if (colon == address.len || !text_parse_u64(slice_from(address, colon + 1), &port) ||
        port == 0 || port > UINT16_MAX) {
        return false;
    }
    if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = slice_make(host.ptr + 1, host.len - 2);
    }
    if (host.len == 0 || host.len >= HOST_BYTES) {
        return false;
    }
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

enum err_code dial_check_tls(const char *url, const char *ca, struct err *err)
{
    char host[HOST_BYTES];

    if (!host_of(url, host)) {
        return err_set(err, ERR_CONFIG, "%s: expected tls+tcp://HOST:PORT", url);
    }
    if (ca == NULL) {
        return err_set(err, ERR_CONFIG,
                       "%s: which authority signed its certificate? name its file (--ca, ca in the "
                       "configuration, STEPFLEET_CA)",
                       url);
    }
    if (access(ca, R_OK) != 0) {
        return err_set(err, ERR_CONFIG, "cannot read the authority's file %s: %s", ca,
                       strerror(errno));
    }
    return OK;
}

static int config_make(const char *url, const char *ca, nng_tls_config **out)
{
    char host[HOST_BYTES] = "";
    int rv = nng_tls_config_alloc(out, NNG_TLS_MODE_CLIENT);

    if (rv != 0) {
        return rv;
    }
    (void)host_of(url, host);
    rv = nng_tls_config_auth_mode(*out, NNG_TLS_AUTH_MODE_REQUIRED);
    if (rv == 0) {
        rv = nng_tls_config_server_name(*out, host);
    }
    if (rv == 0) {
        rv = nng_tls_config_ca_file(*out, ca);
    }
    if (rv != 0) {
        nng_tls_config_free(*out);
    }
    return rv;
}

static int dial_create(nng_socket socket, const char *url, const char *ca, nng_dialer *out)
{
    nng_tls_config *config;
    int rv = nng_dialer_create(out, socket, url);

    if (rv != 0 || !dial_is_tls(url)) {
        return rv;
    }
    rv = config_make(url, ca, &config);
    if (rv == 0) {
        rv = nng_dialer_set_ptr(*out, NNG_OPT_TLS_CONFIG, config);
        nng_tls_config_free(config); /* the dialler keeps it */
    }
    if (rv != 0) {
        (void)nng_dialer_close(*out);
    }
    return rv;
}

int dial_begin(struct dial *d, nng_socket socket, const char *url, const char *ca, int flags)
{
    int rv;

    *d = (struct dial){.socket = socket, .url = url, .ca = ca, .begun_ms = clock_mono_ms()};
    rv = dial_create(socket, url, ca, &d->dialer);
    if (rv == 0) {
        rv = nng_dialer_start(d->dialer, flags);
        if (rv != 0) {
            (void)nng_dialer_close(d->dialer);
        }
    }
    return rv;
}

void dial_renew(struct dial *d)
{
    if (clock_mono_ms() - d->begun_ms >= DIAL_RENEW_MS) {
        (void)nng_dialer_close(d->dialer);
        (void)dial_begin(d, d->socket, d->url, d->ca, NNG_FLAG_NONBLOCK);
    }
}

int dial_try(nng_socket socket, const char *url, const char *ca)
{
    nng_dialer dialer;
    int rv = dial_create(socket, url, ca, &dialer);

    return rv == 0 ? nng_dialer_start(dialer, 0) : rv;
}

void dial_explain(const char *url, const char *ca, int rv, struct err *err)
{
    if (rv == NNG_EPEERAUTH || rv == NNG_ECRYPTO) {
        (void)err_set(err, ERR_UNAVAILABLE,
                      "the certificate of the coordinator at %s is not to be trusted: it has "
                      "expired, is of another name than that, or is not signed by the authority in "
                      "%s (`stepfleet cert show` says what is in one)",
                      url, ca);
    } else {
        (void)err_set(err, ERR_UNAVAILABLE, "cannot reach the coordinator at %s: %s", url,
                      nng_strerror(rv));
    }
}
