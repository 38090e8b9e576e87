/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks, as EventBridge has them: a connection (how one shows who one is), an API destination
 * (where to, how, how often), and what an answer means. Pure.
 *
 * Sources: Amazon EventBridge, "API destinations" and "Connections". */
#ifndef STEPFLEET_TRIGGER_WEBHOOK_H
#define STEPFLEET_TRIGGER_WEBHOOK_H

#include "proto/base/json.h"

enum webhook_auth_kind { WEBHOOK_API_KEY = 1, WEBHOOK_BASIC = 2 };

struct webhook_auth {
    enum webhook_auth_kind kind;
    struct slice name;   /* of the header; of the user */
    struct slice secret; /* the key; the password. Requests are signed with it, too */
};

/**
 * AuthorizationType ("API_KEY", "BASIC") and AuthParameters.
 *
 * @param[in,out] auth  what is not given stays, as long as the type does; borrows
 * @return OK; ERR_VALIDATION: it is none, or says what there is not here; never with the secret
 */
enum err_code webhook_auth_read(struct slice type,
                                const struct json_node *parameters,
                                struct webhook_auth *auth,
                                struct err *err);
const char *webhook_auth_type(const struct webhook_auth *auth);
/* AuthParameters without the secret. */
const struct json_node *webhook_auth_json(const struct webhook_auth *auth, struct arena *a);

/* https, or http to this machine's own loopback; no user, no white space. */
bool webhook_is_endpoint(struct slice url);
bool webhook_is_method(struct slice method);

enum webhook_verdict { WEBHOOK_TAKEN, WEBHOOK_AGAIN, WEBHOOK_REFUSED };
/* Of an HTTP status. Again: 401, 407, 409, 429 and 5xx, as AWS has it; redirects are refusals. */
enum webhook_verdict webhook_judge(long status);

#endif
