/* SPDX-License-Identifier: Apache-2.0 */
/* simdjson's document object model, with one parser that keeps its buffers, as its manual says. */
#include <simdjson.h>

#include "tests/bench/json_peers.h"

namespace
{

struct text {
    text(const char *ptr, size_t len) : bytes(ptr, len)
    {
    }

    simdjson::padded_string bytes;
    simdjson::dom::parser parser;
    simdjson::dom::element value;
};

void *peer_open(const char *bytes, size_t len)
{
    return new text(bytes, len);
}

bool peer_parse(void *p)
{
    text *t = static_cast<text *>(p);

    return t->parser.parse(t->bytes).get(t->value) == simdjson::SUCCESS;
}

size_t peer_write(void *p)
{
    return simdjson::minify(static_cast<text *>(p)->value).size();
}

void peer_close(void *p)
{
    delete static_cast<text *>(p);
}

const json_peer peer = {"simdjson", peer_open, peer_parse, peer_write, peer_close};

} // namespace

const json_peer *json_peer_simdjson(void)
{
    return &peer;
}
