/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tokens: a line each, of which the coordinator knows no more than the SHA-256 of the
 * secret. `#` begins a comment line.
 *
 *   worker  NAME SHA256 [functions=GLOB,GLOB...]     all functions where none are named
 *   control NAME SHA256 [role=read|run|admin]        run where none is named
 *
 * A name may stand in several lines of its kind: while a secret is exchanged for another, both are
 * good. Pure. */
#ifndef STEPFLEET_ACCESS_TOKENS_H
#define STEPFLEET_ACCESS_TOKENS_H

#include "coordinator/access/role.h"

enum { TOKEN_DIGEST_BYTES = 32 };

enum token_kind { TOKEN_WORKER, TOKEN_CONTROL };

struct token_row {
    enum token_kind kind;
    struct slice name;
    uint8_t digest[TOKEN_DIGEST_BYTES];
    enum access_role role;     /* of control */
    const struct slice *globs; /* of workers: functions; none: all */
    size_t glob_count;
};

/* Lives in the arena it was read into. */
struct tokens {
    struct token_row *rows; /* by digest */
    size_t count;
};

/* ERR_CONFIG with the line's number. Nothing points into `text` afterwards. */
enum err_code tokens_parse(struct slice text, struct arena *a, struct tokens *out, struct err *err);
/* NULL: there is none of that digest. */
const struct token_row *tokens_find(const struct tokens *t, const uint8_t *digest);
/* May a worker of this token offer the function? Never of a control token. */
bool token_offers(const struct token_row *row, struct slice function);

#endif
