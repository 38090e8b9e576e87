/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: INI with [section] and [section NAME], `key = value`, comments with # or ;.
 * A program says which keys it knows; an unknown one is an error that names file, line and key. */
#ifndef STEPFLEET_HOST_CONFIG_H
#define STEPFLEET_HOST_CONFIG_H

#include "proto/base/arena.h"
#include "proto/base/err.h"

struct config_entry {
    const char *section; /* "function Stage1"; "" before the first */
    const char *key;
    const char *value;
    int line;
    bool used; /* set by the getters */
};

struct config {
    const char *path;
    struct config_entry *entries;
    size_t count;
    size_t cap;
    struct arena arena; /* owns all text */
};

/* ERR_NOT_FOUND, ERR_CONFIG with file and line. */
enum err_code config_load(const char *path, struct config *out, struct err *err);
void config_fini(struct config *c);

/* The last value of the key, or `otherwise` (may be NULL). Marks it used. */
const char *
config_get(struct config *c, const char *section, const char *key, const char *otherwise);
/* Numbers, durations and sizes with their checks; `otherwise` where absent. */
enum err_code config_u64(struct config *c,
                         const char *section,
                         const char *key,
                         uint64_t least,
                         uint64_t most,
                         uint64_t otherwise,
                         uint64_t *out,
                         struct err *err);
enum err_code config_duration_ms(struct config *c,
                                 const char *section,
                                 const char *key,
                                 int64_t otherwise,
                                 int64_t *out,
                                 struct err *err);
enum err_code config_bytes(struct config *c,
                           const char *section,
                           const char *key,
                           uint64_t otherwise,
                           uint64_t *out,
                           struct err *err);
enum err_code config_bool(struct config *c,
                          const char *section,
                          const char *key,
                          bool otherwise,
                          bool *out,
                          struct err *err);
/* The next section whose name is "kind NAME", from *at on (start with 0); NULL at the end. Each
 * name once. Returns the whole section name; *name is the NAME part. */
const char *config_next_section(struct config *c, const char *kind, size_t *at, const char **name);
/* ERR_CONFIG naming the first entry nobody asked for. */
enum err_code config_check_used(const struct config *c, struct err *err);

#endif
