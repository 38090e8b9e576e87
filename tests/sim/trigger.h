/* SPDX-License-Identifier: Apache-2.0 */
/* Queues, topics, pipes, rules and events in the simulator: the product's own, with
 *
 *   trigger.c         what a world has of them, and each message that was sent or seen
 *   client_trigger.c  clients that make them, send, receive, delete, hide, purge, move
 *   client_event.c    clients that put events, and redrive what makes some
 *   check_trigger.c   looks into the ledger after each turn and each second
 *   check_message.c   at the end: where each message is, what pipes and schedules started
 *   check_event.c     at the end: which events came where
 *
 *   clients ---> plain ----.          clients ---> line.fifo ---> dead.fifo
 *      '-> topic ---> to-standard --- pipe, FIRE_AND_FORGET ---> executions of "ps"
 *                  to-express ------- pipe, REQUEST_RESPONSE --> runs of "px"
 *                            '---> dead (or dead.fifo) --- move tasks ---> where it came from
 *      changes of "ps" --- rule ---> events, perhaps events.fifo and executions of "noted"
 *      PutEvents --------- rule ---> events
 *
 * What must hold:
 *  - of what was acknowledged nothing is lost: it was received and its deletion asked for by the
 *    latest receipt, or purged, or too old, or started what it was to start, or it is received when
 *    all queues are emptied at the end; and then no row is left of it;
 *  - nothing is received that was not sent; of a FIFO queue nothing is there twice within five
 *    minutes;
 *  - no receipt is given twice; counts grow by one and pass neither what was asked for nor
 *    maxReceiveCount; what is hidden stays so, across crashes; an older receipt deletes nothing;
 *  - a FIFO group is received in the order of sending, and gives nothing while one of it is out;
 *  - a message of the Standard pipe is in the input of exactly one execution, in its group's order,
 *    or is a dead letter; one of the Express pipe is gone only if a run of it has succeeded, and
 *    did not name it as failed;
 *  - a rule starts one execution a target at the last time that is due, each time but those that
 *    passed meanwhile, and its row never says more; where a quota refuses starts they come later,
 *    each once;
 *  - each change of status of an execution of "ps" is one event, which comes once to each target of
 *    its rule, with the same id, however late; what did not happen, or was undone by a crash, is
 *    none. RUNNING comes before its end, where both were sent when they happened;
 *  - an event that was put and acknowledged comes once to whom its rule names; one that was asked
 *    for again may come as often as it was asked for. */
#ifndef STEPFLEET_TESTS_SIM_TRIGGER_H
#define STEPFLEET_TESTS_SIM_TRIGGER_H

#include "coordinator/trigger/receipt.h"
#include "proto/base/text.h"
#include "tests/sim/sim.h"

enum sim_queue_of {
    QUEUE_OF_DEAD, /* first: others name them */
    QUEUE_OF_DEAD_FIFO,
    QUEUE_OF_PLAIN,
    QUEUE_OF_LINE,
    QUEUE_OF_STANDARD,
    QUEUE_OF_EXPRESS,
    SIM_QUEUES,
};

struct sim_queue {
    char name[24];
    bool fifo;
    bool piped; /* no client receives from it */
    bool subscribed;
    bool by_content; /* repeats are told by their bodies */
    unsigned visibility_s;
    unsigned delay_s;
    unsigned retention_s; /* 0: AWS's four days, which no world lasts */
    unsigned receives;    /* maxReceiveCount; 0: none */
    struct sim_queue *dead;
    unsigned unanswered; /* receives that were asked for and not answered (yet) */
    int64_t purge_us;    /* first asked for then; 0: never */
    int64_t purged_us;   /* acknowledged */
    bool move_asked;     /* of dead letters: back to where they came from */
};

/* A body: sent to one queue, or published to all that are subscribed. */
struct sim_parcel {
    char fails[8]; /* what a run of it does: "never", "once", "partly", "slow", "always" */
    unsigned group;
    struct sim_queue *queue; /* NULL: published */
    bool told;
    int64_t asked_us;
};

/* A message, by its id: of one parcel there are several where it was sent again. */
struct sim_letter {
    struct hash_node by_id;
    struct list link; /* sim_triggers.order */
    char id[TEXT_UUID_BYTES + 1];
    unsigned parcel;
    bool firm; /* else a crash may undo it: a run was all that was seen of it */
    struct sim_queue *origin;
    struct sim_queue *where; /* it was received last; NULL: never */
    int64_t dead_us;         /* first seen among the dead letters then; 0: never */
    bool told;               /* its send was acknowledged with that id */
    int64_t told_us;
    char sequence[24];
    int64_t sent_ms;  /* in `origin`, as told at a receive; 0: never */
    int64_t first_ms; /* likewise */
    /* In `where`: */
    uint64_t counts; /* bits of the receive counts seen */
    unsigned received;
    unsigned count;     /* the most */
    int64_t hidden_ms;  /* not before that by the coordinator's clock; 0: unknown */
    struct token token; /* the latest receipt's */
    const char *receipt;
    const char *old_receipt; /* of the receive before; NULL: none */
    unsigned deleted_count;  /* its deletion by the receipt of that count was acknowledged, */
    int64_t deleted_us;      /* then; 0: never */
    bool delete_asked;       /* by the latest receipt there was */
    bool drained;
    unsigned starts; /* executions with it in their input */
    int64_t start_ms;
    bool succeeded; /* a run with it did, and did not name it */
};

enum { SIM_RULES = 2, SIM_RULE_SEEN = 1024, SIM_MESSAGES = 1000 };

struct sim_rule {
    const char *name;
    const char *expression;
    unsigned targets;
    int64_t began_ms;
    bool armed;                  /* it has targets, */
    int64_t base_ms;             /* from then on */
    int64_t seen[SIM_RULE_SEEN]; /* values its row had on disk, growing */
    unsigned seen_count;
};

enum sim_event_queue {
    EVENT_QUEUE, /* a standard one; no client receives from it before the end */
    EVENT_LINE,  /* of one group; likewise */
    SIM_EVENT_QUEUES,
};

/* A rule by event pattern. */
struct sim_listener {
    const char *name;
    const char *pattern;
    bool starts; /* beside the standard queue it has "noted" for a target, */
    bool lines;  /* and the FIFO queue */
};

enum sim_listener_of { LISTENER_CHANGES, LISTENER_POSTS, SIM_LISTENERS };

enum { SIM_POSTS = 64 };

/* PutEvents of one event. */
struct sim_post {
    bool wanted; /* a rule listens */
    unsigned tries;
    char id[TEXT_UUID_BYTES + 1]; /* as acknowledged */
};

struct sim_triggers {
    struct arena arena;
    struct sim_queue queues[SIM_QUEUES];
    struct sim_queue event_queues[SIM_EVENT_QUEUES];
    struct sim_rule rules[SIM_RULES];
    struct sim_listener listeners[SIM_LISTENERS];
    bool ends_only;      /* the rule of executions does not want RUNNING */
    bool narrow;         /* a turn has room for few deliveries */
    bool crowded;        /* it is, or a quota refuses starts: those of rules come later, too */
    bool named;          /* executions of the Standard pipe are called as their first message */
    unsigned batches[2]; /* of the Standard and the Express pipe */
    unsigned windows[2]; /* seconds */
    struct sim_parcel parcels[SIM_MESSAGES];
    unsigned sent; /* parcels */
    struct hash letters;
    struct list order;    /* the same, as they became known */
    struct hash receipts; /* all that were given */
    unsigned open;        /* errands that are not answered */
    unsigned made;        /* steps of the setting up */
    bool over;            /* no client receives any more */
    size_t runs;          /* of "px", that have ended */
    uint64_t receives;
    uint64_t dead;
    uint64_t piped;
    uint64_t ticks;
    struct sim_post posts[SIM_POSTS];
    unsigned posted;
    uint64_t heard; /* events, in all places */
    void (*ready)(struct sim *s);
};

/* ---- trigger.c ---- */

void triggers_open(struct sim *s);
/* The message of that id and body, new where there is none; `queue` is where it was seen, or
 * where it came from. A body that nobody sent is a violation.
 *
 * @param firm  that it is there is on disk */
struct sim_letter *triggers_letter(struct sim *s,
                                   struct slice id,
                                   struct slice body,
                                   struct sim_queue *queue,
                                   bool firm);
/* What a message says of itself, as a number; 0: nothing. */
int64_t triggers_told_number(const Stepfleet__Message *m, const char *name);
struct sim_queue *triggers_queue(struct sim *s, struct slice name);

/* A receive as it was asked for. */
struct sim_receive {
    struct sim_queue *queue;
    int64_t us;
    int64_t wall_ms; /* the coordinator's clock at that moment, in its life */
    uint64_t life;
    int64_t visibility_ms;
};
struct sim_receive triggers_ask(struct sim *s, struct sim_queue *q, int64_t visibility_ms);
/* One message of its answer. */
struct sim_letter *
triggers_received(struct sim *s, const struct sim_receive *r, const Stepfleet__Message *m);
/* All of its answer was taken in. */
void triggers_check_groups(struct sim *s,
                           const struct sim_receive *r,
                           struct sim_letter *const *got,
                           size_t count);
/* An execution has moved: what pipes wait for. */
void triggers_moved(struct sim *s, uint64_t execution);

/* ---- client_trigger.c ---- */

/* One more thing is made, then `ready` goes on. False: all is there. */
bool client_make_trigger(struct sim *s, void (*ready)(struct sim *s));
void client_triggers_begin(struct sim *s);
bool client_triggers_are_done(const struct sim *s);
Stepfleet__Tag *trigger_tag(struct arena *a, const char *key, struct slice value);

/* ---- client_event.c ---- */

/* Some client may put an event. */
void client_post(struct sim *s);
/* An execution of "ps" has failed: some client may redrive it. The ARN is copied. */
void client_redrive_later(struct sim *s, struct slice arn, unsigned redrives);

/* ---- check_trigger.c ---- */

void triggers_turn_begin(struct sim *s);
void triggers_check_turn(struct sim *s);
void triggers_check_rows(struct sim *s);
/* Deliveries of events that are yet to be tried, again or at all. */
uint64_t triggers_deliveries(struct sim *s);
/* When all queues are empty: what is on disk of messages yet, or NULL. */
const char *triggers_left(struct sim *s);

/* ---- check_message.c ---- */

/* Faults have stopped: rules end, pipes run until their queues are empty, the others are emptied.
 */
void triggers_end(struct sim *s);
/* All executions have ended. */
void triggers_check_world(struct sim *s);
/* Each execution of a machine that has not gone. */
typedef void execution_see(struct sim *s,
                           void *arg,
                           const Stepfleet__ExecutionDetail *d,
                           const struct json_node *input);
void triggers_each_execution(struct sim *s, const char *machine, execution_see *see, void *arg);

/* ---- check_event.c ---- */

/* All executions have ended, and nothing is to be delivered: empties the queues of events, and
 * holds what was in them to what happened. */
void events_check_world(struct sim *s);

#endif
