/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/http/place.h"

#include <arpa/inet.h>

#include "proto/base/text.h"

enum { BACKLOG = 1024 };

static bool host_parse(struct slice host, uint16_t port, struct place *out)
{
    char text[INET6_ADDRSTRLEN];
    bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

    host = slice_eq_str(host, "localhost") ? SLICE("127.0.0.1") : host;
    host = bracketed ? slice_make(host.ptr + 1, host.len - 2) : host;
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    memset(&out->at, 0, sizeof(out->at));
    if (!bracketed && inet_pton(AF_INET, text, &out->at.v4.sin_addr) == 1) {
        out->at.v4.sin_family = AF_INET;
        out->at.v4.sin_port = htons(port);
        out->local = ntohl(out->at.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return true;
    }
    if (bracketed && inet_pton(AF_INET6, text, &out->at.v6.sin6_addr) == 1) {
        out->at.v6.sin6_family = AF_INET6;
        out->at.v6.sin6_port = htons(port);
        out->local = IN6_IS_ADDR_LOOPBACK(&out->at.v6.sin6_addr);
        return true;
    }
    return false;
}

bool place_parse(struct slice address, struct place *out)
{
    size_t colon = slice_rfind(address, ':');
    uint64_t port;

    return colon < address.len && text_parse_u64(slice_from(address, colon + 1), &port) &&
           port <= UINT16_MAX && host_parse(slice_head(address, colon), (uint16_t)port, out);
}

enum err_code place_listen(const struct place *place,
                           uv_tcp_t *listener,
                           uv_connection_cb on_connection,
                           unsigned *port,
                           struct err *err)
{
    union place_address at;
    int len = sizeof(at);
    int rv = uv_tcp_bind(listener, &place->at.any, 0);

    if (rv == 0) {
        rv = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
    }
    if (rv == 0) {
        rv = uv_tcp_getsockname(listener, &at.any, &len);
    }
    if (rv == UV_EADDRINUSE) {
        return err_set(err, ERR_IN_USE, "something listens there already");
    }
    if (rv != 0) {
        return err_set(err, ERR_IO, "%s", uv_strerror(rv));
    }
    *port = ntohs(at.any.sa_family == AF_INET ? at.v4.sin_port : at.v6.sin6_port);
    return OK;
}

void place_name(const union place_address *at, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (at->any.sa_family == AF_INET) {
        (void)uv_ip4_name(&at->v4, host, sizeof(host));
        (void)snprintf(out, size, "%s:%u", host, ntohs(at->v4.sin_port));
    } else {
        (void)uv_ip6_name(&at->v6, host, sizeof(host));
        (void)snprintf(out, size, "[%s]:%u", host, ntohs(at->v6.sin6_port));
    }
}
