/* SPDX-License-Identifier: Apache-2.0 */
/* Who may sign requests, as the face's thread sees it: a copy of the ledger's access keys, which
 * the loop's thread renews, and what their secrets make for a day. A secret never changes, so what
 * was made once stays good for as long as there is the key. */
#ifndef STEPFLEET_API_HTTP_SIGNERS_H
#define STEPFLEET_API_HTTP_SIGNERS_H

#include <pthread.h>

#include "coordinator/http/sigv4.h"
#include "coordinator/ledger/ledger.h"

enum {
    SIGNERS_MADE = 64,
    SIGNERS_SCOPE_BYTES = 128, /* "AKIA.../20261123/us-east-1/states/aws4_request" */
};

struct signer {
    struct slice id;
    struct slice secret;
    enum access_role role;
};

/* What signs a scope, made once. */
struct signing_key {
    size_t len;                     /* 0: none yet */
    char what[SIGNERS_SCOPE_BYTES]; /* access key and scope */
    struct sign_mac key;
};

struct signers {
    /* The loop's: */
    uint64_t seen; /* ledger_keys_version() */

    /* The face's thread: */
    uint64_t seed; /* where in `made`: not to be told from outside */
    struct signing_key made[SIGNERS_MADE];

    pthread_mutex_t lock;
    /* locked: */
    struct arena arena;
    struct signer *all;
    size_t count;
};

void signers_init(struct signers *s, uint64_t seed);
void signers_fini(struct signers *s);
/* The ledger's access keys, where they have changed. On the loop's thread. */
void signers_renew(struct signers *s, const struct ledger *l);
/* aws_access.find, its `arg` the signers. On the face's thread. */
bool signers_find(void *arg,
                  const struct sigv4_claim *claim,
                  struct arena *a,
                  struct sign_mac *key,
                  enum access_role *role);

#endif
