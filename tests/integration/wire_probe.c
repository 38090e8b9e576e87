/* SPDX-License-Identifier: Apache-2.0 */
/* Says to a coordinator what no honest program would, over nng: one command a line on stdin, one
 * answer a line on stdout.
 *
 *   frame HEX                      these bytes, whatever they are
 *   call METHOD VERSION ID HEX     an envelope and this body
 *   fill METHOD BYTES              a request that nng makes BYTES long: an unknown field fills it
 *   hello NAME MIN MAX             a worker that speaks these versions, with one function, "f"
 *   park WORKER                    a poll that nobody waits for: "parked"
 *   open COUNT                     so many connections, on each a poll of worker 1, none closed
 *
 * An answer is "STATUS version=V method=M id=I worker=W speaks=MIN-MAX MESSAGE", STATUS an error's
 * public name; or "none REASON" where there is none in time. Source: PROTOCOL.md. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/limits.h"
#include "proto/wire.h"

enum { ANSWER_MS = 3000, NNG_HEADER_BYTES = 4, PARKED_MAX = 64 };

static const char *url;
static nng_socket link_socket;
static nng_ctx parked[PARKED_MAX];
static nng_aio *parked_aio[PARKED_MAX];
static size_t parked_count;

static void must(int rv, const char *what)
{
    if (rv != 0) {
        (void)printf("none %s: %s\n", what, nng_strerror(rv));
        exit(EXIT_FAILURE);
    }
}

static nng_socket link_open(void)
{
    nng_socket s;

    must(nng_req0_open(&s), "open");
    (void)nng_socket_set_ms(s, NNG_OPT_RECVTIMEO, ANSWER_MS);
    (void)nng_socket_set_ms(s, NNG_OPT_SENDTIMEO, ANSWER_MS);
    (void)nng_socket_set_ms(s, NNG_OPT_REQ_RESENDTIME, -1);
    must(nng_dial(s, url, NULL, 0), "dial");
    return s;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_hex(struct buf *out, const char *hex)
{
    for (; digit(hex[0]) >= 0 && digit(hex[1]) >= 0; hex += 2) {
        char byte = (char)(digit(hex[0]) * 16 + digit(hex[1]));

        buf_put(out, &byte, 1);
    }
}

static void put_envelope(struct buf *out, unsigned version, unsigned method, uint64_t id)
{
    struct envelope e = {
        .version = (uint16_t)version,
        .method = (uint16_t)method,
        .request_id = id,
    };
    char bytes[WIRE_HEADER_BYTES];

    envelope_encode(&e, bytes);
    buf_put(out, bytes, sizeof(bytes));
}

static void put_message(struct buf *out, const ProtobufCMessage *m)
{
    size_t bytes = protobuf_c_message_get_packed_size(m);
    uint8_t *packed = mem_alloc(bytes + 1);

    (void)protobuf_c_message_pack(m, packed);
    buf_put(out, packed, bytes);
    mem_free(packed);
}

/* ---- answers ---- */

/* On one line, whatever is in it. */
static void say_text(const char *text)
{
    for (; *text != '\0'; text++) {
        (void)putchar((unsigned char)*text < 0x20 ? ' ' : *text);
    }
    (void)putchar('\n');
}

static void say_body(const struct envelope *e, struct arena *a)
{
    const Stepfleet__ErrorBody *error = NULL;
    const Stepfleet__WorkerHelloReply *hello = NULL;

    if (e->status != OK) {
        error = message_unpack(&stepfleet__error_body__descriptor, e->body, a, NULL);
    } else if (e->method == RPC_WORKER_HELLO) {
        hello = message_unpack(rpc_reply(e->method), e->body, a, NULL);
    }
    (void)printf("%s version=%u method=%u id=%llu worker=%llu",
                 err_name(err_from_number(e->status)), hello != NULL ? hello->version : e->version,
                 e->method, (unsigned long long)e->request_id,
                 hello != NULL ? (unsigned long long)hello->worker : 0);
    (void)printf(" speaks=%u-%u ", error != NULL ? error->version_min : 0,
                 error != NULL ? error->version_max : 0);
    say_text(error != NULL ? error->message : "");
}

/* The answer must itself be of the protocol. */
static void say_answer(nng_msg *m)
{
    struct slice frame = slice_make(nng_msg_body(m), nng_msg_len(m));
    struct arena a = {0};
    struct envelope e;
    struct err err;
    enum err_code rc = envelope_decode(frame, &e, &err);

    if (rc == OK) {
        say_body(&e, &a);
    } else {
        (void)printf("none not an answer: %s\n", err.msg);
    }
    arena_fini(&a);
}

static void ask(const struct buf *frame)
{
    nng_msg *m;
    int rv;

    must(nng_msg_alloc(&m, 0), "message");
    must(nng_msg_append(m, frame->ptr, frame->len), "message");
    rv = nng_sendmsg(link_socket, m, 0);
    if (rv != 0) {
        nng_msg_free(m);
    } else {
        rv = nng_recvmsg(link_socket, &m, 0);
    }
    if (rv != 0) {
        (void)printf("none %s\n", nng_strerror(rv));
        return;
    }
    say_answer(m);
    nng_msg_free(m);
}

/* ---- commands ---- */

/* Field 15 is in no request: a good body of any length. */
static void put_filler(struct buf *out, size_t bytes)
{
    size_t head = out->len;
    size_t length = bytes - head - NNG_HEADER_BYTES - 1 - 4; /* the tag and a length of 4 bytes */
    char *filler = mem_zalloc(length, 1);
    const char tag[5] = {
        (char)(15 << 3 | 2),         (char)(length | 0x80),       (char)(length >> 7 | 0x80),
        (char)(length >> 14 | 0x80), (char)(length >> 21 & 0x7f),
    };

    buf_put(out, tag, sizeof(tag));
    buf_put(out, filler, length);
    mem_free(filler);
}

static void put_hello(struct buf *out, char *name, unsigned least, unsigned most)
{
    Stepfleet__WorkerHelloRequest m = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};
    char software[] = "wire_probe 0";
    char function[] = "f";

    offer.function = function;
    offer.slots = 1;
    m.name = name;
    m.instance = 1;
    m.version_min = least;
    m.version_max = most;
    m.software = software;
    m.slots = 1;
    m.offers = offers;
    m.n_offers = 1;
    put_envelope(out, WIRE_VERSION_MAX, RPC_WORKER_HELLO, 1);
    put_message(out, &m.base);
}

static void send_poll(nng_ctx ctx, nng_aio *aio, uint64_t worker)
{
    Stepfleet__PollRequest poll = STEPFLEET__POLL_REQUEST__INIT;
    struct buf frame = {0};
    nng_msg *m;

    poll.worker = worker;
    put_envelope(&frame, WIRE_VERSION_MAX, RPC_WORKER_POLL, 1);
    put_message(&frame, &poll.base);
    must(nng_msg_alloc(&m, 0), "message");
    must(nng_msg_append(m, frame.ptr, frame.len), "message");
    buf_fini(&frame);
    nng_aio_set_msg(aio, m);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
    must(nng_aio_result(aio), "send a poll");
}

static void park(uint64_t worker)
{
    size_t i = parked_count++ % PARKED_MAX;

    must(nng_ctx_open(&parked[i], link_socket), "context");
    must(nng_aio_alloc(&parked_aio[i], NULL, NULL), "context");
    send_poll(parked[i], parked_aio[i], worker);
    nng_ctx_recv(parked[i], parked_aio[i]); /* asked for, never looked at */
    (void)printf("parked\n");
}

/* Opened and kept: they are dropped when this program is killed, as a client that dies drops them.
 */
static void open_many(size_t count)
{
    nng_aio *aio;
    nng_ctx ctx;

    must(nng_aio_alloc(&aio, NULL, NULL), "context");
    for (size_t i = 0; i < count; i++) {
        must(nng_ctx_open(&ctx, link_open()), "context");
        send_poll(ctx, aio, 1);
    }
    nng_aio_free(aio);
    (void)printf("opened %zu\n", count);
}

static void command(const char *line)
{
    struct buf frame = {0};
    unsigned long long id;
    unsigned long long bytes;
    unsigned method;
    unsigned version;
    char name[1024];
    int at = 0;

    if (strncmp(line, "frame ", 6) == 0) {
        put_hex(&frame, line + 6);
        ask(&frame);
    } else if (sscanf(line, "call %u %u %llu %n", &method, &version, &id, &at) == 3) {
        put_envelope(&frame, version, method, id);
        put_hex(&frame, line + at);
        ask(&frame);
    } else if (sscanf(line, "fill %u %llu", &method, &bytes) == 2) {
        put_envelope(&frame, WIRE_VERSION_MAX, method, 1);
        put_filler(&frame, (size_t)bytes);
        ask(&frame);
    } else if (sscanf(line, "hello %1023s %u %u", name, &method, &version) == 3) {
        put_hello(&frame, name, method, version);
        ask(&frame);
    } else if (sscanf(line, "park %llu", &id) == 1) {
        park(id);
    } else if (sscanf(line, "open %llu", &bytes) == 1) {
        open_many((size_t)bytes);
    } else {
        (void)printf("none what is that?\n");
    }
    buf_fini(&frame);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: wire_probe URL\n");
        return 2;
    }
    url = argv[1];
    link_socket = link_open();
    while (getline(&line, &room, stdin) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        command(line);
        (void)fflush(stdout);
    }
    free(line);
    (void)fflush(stdout);
    _exit(EXIT_SUCCESS); /* connections are dropped, not closed */
}
