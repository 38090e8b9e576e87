/* SPDX-License-Identifier: Apache-2.0 */
/* Other JSON libraries over the same text, each where it is to be had: one call parses the whole
 * text, one writes what was parsed last as compact text. */
#ifndef STEPFLEET_BENCH_JSON_PEERS_H
#define STEPFLEET_BENCH_JSON_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct json_peer {
    const char *name;
    void *(*open)(const char *text, size_t len); /* copies what it needs: not measured */
    bool (*parse)(void *p);                      /* lets go of what was parsed before */
    size_t (*write)(void *p);                    /* bytes written */
    void (*close)(void *p);
};

/* NULL: it is not installed. */
const struct json_peer *json_peer_jansson(void);
/* Only where it was there when this was built (STEPFLEET_HAVE_SIMDJSON). */
const struct json_peer *json_peer_simdjson(void);

#ifdef __cplusplus
}
#endif

#endif
