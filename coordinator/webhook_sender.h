/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of webhooks, all of them at once on a thread of their own with libcurl: signed, with
 * what the connection says one is, for at most five seconds; no redirect is followed. A server that
 * never answers keeps none of the others waiting; whoever puts them bounds how many there are. */
#ifndef STEPFLEET_COORDINATOR_WEBHOOK_SENDER_H
#define STEPFLEET_COORDINATOR_WEBHOOK_SENDER_H

#include "coordinator/ledger/webhook.h"

struct webhook_sender;

/**
 * @param done  called on any thread: something is to be taken
 * @return NULL: no thread can be started
 */
struct webhook_sender *webhook_sender_open(void (*done)(void *arg), void *arg);
/* At once: what is under way is cut off. All requests are the ledger's again. */
void webhook_sender_close(struct webhook_sender *s);
/* Borrowed until it is taken. Threads: any. */
void webhook_sender_put(struct webhook_sender *s, struct webhook_request *r);
/* Those that are done: webhook_request.link, to the end of `out`. Threads: any. */
void webhook_sender_take(struct webhook_sender *s, struct list *out);

#endif
