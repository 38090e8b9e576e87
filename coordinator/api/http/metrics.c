/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/metrics.h"

#include "coordinator/api/http/exposition.h"
#include "coordinator/disk.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/ledger/topic.h"
#include "proto/base/text.h"

static void put_distribution(struct buf *out,
                             const char *name,
                             const char *help,
                             const struct histogram *h,
                             const struct histogram_scale *s)
{
    exposition_family(out, name, "histogram", help);
    exposition_histogram(out, name, NULL, h, s);
}

/* One counter for each of a few kinds. */
static void put_kinds(struct buf *out,
                      const char *name,
                      const char *help,
                      const char *label,
                      const char *const *kinds,
                      const uint64_t *values,
                      size_t count)
{
    exposition_family(out, name, "counter", help);
    for (size_t i = 0; i < count; i++) {
        exposition_number(out, name, &(struct exposition_labels){.kind = label, .is = kinds[i]},
                          values[i]);
    }
}

/* ---- machines ---- */

struct machine_view {
    struct exposition_labels labels;
    const struct machine_figures *figures;
    size_t running;
};

static void put_started(struct buf *out, struct machine_view *v)
{
    exposition_number(out, "stepfleet_executions_started_total", &v->labels, v->figures->started);
}

static void put_redriven(struct buf *out, struct machine_view *v)
{
    exposition_number(out, "stepfleet_executions_redriven_total", &v->labels, v->figures->redriven);
}

static void put_running(struct buf *out, struct machine_view *v)
{
    exposition_number(out, "stepfleet_executions_running", &v->labels, v->running);
}

static void put_ended(struct buf *out, struct machine_view *v)
{
    static const char *const words[] = {
        [EXECUTION_SUCCEEDED] = "succeeded",
        [EXECUTION_FAILED] = "failed",
        [EXECUTION_TIMED_OUT] = "timed_out",
        [EXECUTION_ABORTED] = "aborted",
    };

    for (unsigned i = EXECUTION_SUCCEEDED; i <= EXECUTION_ABORTED; i++) {
        v->labels.kind = "status";
        v->labels.is = words[i];
        exposition_number(out, "stepfleet_executions_ended_total", &v->labels,
                          v->figures->ended[i]);
    }
}

static void put_duration(struct buf *out, struct machine_view *v)
{
    exposition_histogram(out, "stepfleet_execution_duration_seconds", &v->labels,
                         &v->figures->duration, &histogram_ms);
}

/* A family of all machines. */
static void put_machines(const struct api *api,
                         struct buf *out,
                         void (*put)(struct buf *out, struct machine_view *v))
{
    const struct figures *f = ledger_figures(api->ledger);
    size_t running = ledger_open_count(api->ledger);
    struct machine_view other = {
        {.name = "machine", .value = SLICE(METRICS_OTHER)}, &f->machines, 0};

    LIST_EACH(n, &f->machines_named)
    {
        const struct machine_figures *m = container_of(n, struct machine_figures, link);
        const struct ledger_machine *machine = m->owner;
        struct machine_view v = {
            {.name = "machine", .value = machine->name}, m, machine->open_executions};

        running -= machine->open_executions;
        put(out, &v);
    }
    other.running = running;
    put(out, &other);
}

static void put_executions(const struct api *api, struct buf *out)
{
    exposition_family(out, "stepfleet_executions_started_total", "counter",
                      "Executions that were started.");
    put_machines(api, out, put_started);
    exposition_family(out, "stepfleet_executions_redriven_total", "counter",
                      "Executions that were redriven.");
    put_machines(api, out, put_redriven);
    exposition_family(out, "stepfleet_executions_ended_total", "counter",
                      "Executions that ended, by how they did.");
    put_machines(api, out, put_ended);
    exposition_family(out, "stepfleet_executions_running", "gauge", "Executions that run.");
    put_machines(api, out, put_running);
    exposition_family(out, "stepfleet_execution_duration_seconds", "histogram",
                      "From an execution's start to its end, of those that ended.");
    put_machines(api, out, put_duration);
    exposition_gauge(out, "stepfleet_executions_in_memory",
                     "Executions in memory; the others wait.", ledger_hot_count(api->ledger));
    exposition_counter(out, "stepfleet_transitions_total", "State transitions.",
                       ledger_transitions(api->ledger));
    exposition_counter(out, "stepfleet_executions_expired_total",
                       "Ended executions that went as they were kept for long enough.",
                       ledger_retention_figures(api->ledger)->expired);
}

/* ---- stages ---- */

static void
put_stage_ends(struct buf *out, struct exposition_labels labels, const struct stage_figures *s)
{
    static const char *const words[] = {
        [STAGE_SUCCEEDED] = "succeeded", [STAGE_FAILED] = "failed",
        [STAGE_TIMED_OUT] = "timed_out", [STAGE_LOST] = "lost",
        [STAGE_UNOFFERED] = "unoffered",
    };

    labels.kind = "outcome";
    for (unsigned i = 0; i < STAGE_OUTCOMES; i++) {
        labels.is = words[i];
        exposition_number(out, "stepfleet_stage_attempts_total", &labels, s->ended[i]);
    }
}

static void
put_stage_bytes(struct buf *out, struct exposition_labels labels, const struct stage_figures *s)
{
    labels.kind = "direction";
    labels.is = "read";
    exposition_number(out, "stepfleet_stage_object_bytes_total", &labels, s->bytes_in);
    labels.is = "written";
    exposition_number(out, "stepfleet_stage_object_bytes_total", &labels, s->bytes_out);
}

static void
put_stage_duration(struct buf *out, struct exposition_labels labels, const struct stage_figures *s)
{
    exposition_histogram(out, "stepfleet_stage_duration_seconds", &labels, &s->duration,
                         &histogram_ms);
}

/* A family of all functions. */
static void put_stages(const struct figures *f,
                       struct buf *out,
                       void (*put)(struct buf *out,
                                   struct exposition_labels labels,
                                   const struct stage_figures *s))
{
    struct exposition_labels labels = {.name = "function", .value = SLICE(METRICS_OTHER)};

    put(out, labels, f->stages_other);
    LIST_EACH(n, &f->stages_named)
    {
        const struct stage_figures *s = container_of(n, struct stage_figures, link);

        labels.value = slice_make(s->name, s->name_len);
        put(out, labels, s);
    }
}

static void put_functions(const struct figures *f, struct buf *out)
{
    exposition_family(out, "stepfleet_stage_attempts_total", "counter",
                      "Attempts of stages that ended, by how they did.");
    put_stages(f, out, put_stage_ends);
    exposition_family(out, "stepfleet_stage_duration_seconds", "histogram",
                      "From an attempt's grant to its end.");
    put_stages(f, out, put_stage_duration);
    exposition_family(out, "stepfleet_stage_object_bytes_total", "counter",
                      "Bytes of objects that stages read and wrote, as workers say.");
    put_stages(f, out, put_stage_bytes);
}

/* ---- workers ---- */

static void put_workers(struct fleet *fleet, const struct figures *f, struct buf *out)
{
    struct fleet_totals t;

    fleet_totals(fleet, &t);
    exposition_gauge(out, "stepfleet_workers", "Workers that are registered.", t.workers);
    exposition_gauge(out, "stepfleet_workers_draining", "Of them, those that take no more.",
                     t.draining);
    exposition_gauge(out, "stepfleet_worker_slots", "Tasks that all workers can do at once.",
                     t.slots);
    exposition_counter(out, "stepfleet_workers_lost_total",
                       "Workers that were not heard of any more.", f->workers_lost);
    exposition_gauge(out, "stepfleet_tasks_ready", "Tasks that wait for a worker.",
                     fleet_ready_count(fleet));
    exposition_gauge(out, "stepfleet_tasks_unoffered",
                     "Of them, those whose function no worker offers.",
                     fleet_unoffered_count(fleet));
    exposition_gauge(out, "stepfleet_leases", "Tasks that workers have.",
                     fleet_leased_count(fleet));
    exposition_counter(out, "stepfleet_leases_granted_total", "Leases of stages that were granted.",
                       f->grants);
}

/* ---- queues ---- */

/* Of one, or of all that have no figures of their own. */
struct queue_view {
    struct exposition_labels labels;
    const struct queue_figures *figures;
    struct queue_counts counts;
    int64_t age_ms;
    uint64_t dead_letters; /* that lie in it; UINT64_MAX: it is for none */
};

static struct queue_view queue_view_of(const struct ledger *l, const struct ledger_queue *q)
{
    struct queue_view v = {
        .labels = {.name = "queue", .value = q->name},
        .figures = q->figures,
        .age_ms = ledger_queue_age_ms(l, q),
        .dead_letters = UINT64_MAX,
    };

    queue_counts(q->core, &v.counts);
    if (q->is_dead_letters) {
        v.dead_letters = v.counts.total;
    }
    return v;
}

static void queue_view_add(struct queue_view *sum, const struct queue_view *v)
{
    sum->counts.visible += v->counts.visible;
    sum->counts.in_flight += v->counts.in_flight;
    sum->counts.delayed += v->counts.delayed;
    sum->age_ms = v->age_ms > sum->age_ms ? v->age_ms : sum->age_ms;
    sum->dead_letters += v->dead_letters != UINT64_MAX ? v->dead_letters : 0;
}

/* The last one is that of all others. In the turn's arena. */
static struct queue_view *queue_views(const struct api *api, size_t *count)
{
    const struct figures *f = ledger_figures(api->ledger);
    struct queue_view *all =
        ARENA_ARRAY(ledger_turn_arena(api->ledger), f->queue_count + 1, struct queue_view);
    struct queue_view *other = &all[f->queue_count];
    struct ledger_queue *q = NULL;
    size_t bucket = 0;

    ledger_queues_mark(api->ledger);
    *count = 0;
    *other = (struct queue_view){{.name = "queue", .value = SLICE(METRICS_OTHER)},
                                 .figures = &f->queues};
    while ((q = ledger_queue_each(api->ledger, &bucket, q)) != NULL) {
        struct queue_view v = queue_view_of(api->ledger, q);

        if (q->figures == &f->queues) {
            queue_view_add(other, &v);
        } else {
            all[(*count)++] = v;
        }
    }
    (*count)++;
    return all;
}

static void put_queue_messages(struct buf *out, const struct queue_view *v)
{
    struct exposition_labels labels = v->labels;
    const struct {
        const char *is;
        uint64_t count;
    } states[] = {
        {"visible", v->counts.visible},
        {"in_flight", v->counts.in_flight},
        {"delayed", v->counts.delayed},
    };

    labels.kind = "state";
    for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        labels.is = states[i].is;
        exposition_number(out, "stepfleet_queue_messages", &labels, states[i].count);
    }
}

static void put_queue_age(struct buf *out, const struct queue_view *v)
{
    exposition_fraction(out, "stepfleet_queue_oldest_message_age_seconds", &v->labels,
                        (uint64_t)v->age_ms, 1000);
}

static void put_queue_dead_letters(struct buf *out, const struct queue_view *v)
{
    if (v->dead_letters != UINT64_MAX) {
        exposition_number(out, "stepfleet_queue_dead_letters", &v->labels, v->dead_letters);
    }
}

static void put_queue_sent(struct buf *out, const struct queue_view *v)
{
    exposition_number(out, "stepfleet_queue_sent_total", &v->labels, v->figures->sent);
}

static void put_queue_received(struct buf *out, const struct queue_view *v)
{
    exposition_number(out, "stepfleet_queue_received_total", &v->labels, v->figures->received);
}

static void put_queue_deleted(struct buf *out, const struct queue_view *v)
{
    exposition_number(out, "stepfleet_queue_deleted_total", &v->labels, v->figures->deleted);
}

static void put_queue_buried(struct buf *out, const struct queue_view *v)
{
    exposition_number(out, "stepfleet_queue_dead_lettered_total", &v->labels, v->figures->buried);
}

static void put_queues(const struct api *api, struct buf *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        void (*put)(struct buf *out, const struct queue_view *v);
    } families[] = {
        {"stepfleet_queue_messages", "gauge", "Messages in a queue.", put_queue_messages},
        {"stepfleet_queue_oldest_message_age_seconds", "gauge",
         "Since when its oldest message could have been received.", put_queue_age},
        {"stepfleet_queue_dead_letters", "gauge", "Messages in a queue that is for dead letters.",
         put_queue_dead_letters},
        {"stepfleet_queue_sent_total", "counter", "Messages that came into it.", put_queue_sent},
        {"stepfleet_queue_received_total", "counter", "Receives of its messages, by pipes too.",
         put_queue_received},
        {"stepfleet_queue_deleted_total", "counter", "Messages that were deleted by who received.",
         put_queue_deleted},
        {"stepfleet_queue_dead_lettered_total", "counter",
         "Messages that went to its dead-letter queue.", put_queue_buried},
    };
    size_t count;
    const struct queue_view *all = queue_views(api, &count);

    for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        exposition_family(out, families[i].name, families[i].type, families[i].help);
        for (size_t q = 0; q < count; q++) {
            families[i].put(out, &all[q]);
        }
    }
}

/* ---- what goes out ---- */

static void put_deliveries(const struct figures *f, struct buf *out)
{
    static const char *const words[] = {
        [DELIVERIES_DONE] = "delivered",
        [DELIVERIES_FAILED] = "failed",
        [DELIVERIES_BURIED] = "dead_lettered",
        [DELIVERIES_DROPPED] = "dropped",
    };

    put_kinds(out, "stepfleet_rule_deliveries_total",
              "Deliveries of rules to targets; one that failed may be tried again.", "outcome",
              words, f->rule_deliveries, DELIVERY_FIGURES);
    put_kinds(out, "stepfleet_topic_deliveries_total",
              "Deliveries of topics to queues; one that failed became a dead letter or is dropped.",
              "outcome", words, f->topic_deliveries, DELIVERY_FIGURES);
    exposition_counter(out, "stepfleet_pipe_executions_total", "Executions that pipes started.",
                       f->pipe_starts);
    exposition_counter(
        out, "stepfleet_pipe_failures_total",
        "Batches of pipes whose execution did not start, or was waited for and failed.",
        f->pipe_failures);
}

static void put_objects(const struct figures *f, struct buf *out)
{
    static const char *const words[] = {
        [OBJECTS_COMPLETE] = "complete",
        [OBJECTS_ABORT] = "abort",
        [OBJECTS_SWEEP] = "sweep",
    };

    put_kinds(out, "stepfleet_object_requests_total",
              "Requests of the coordinator to the object store.", "operation", words, f->objects,
              OBJECT_FIGURES);
    put_kinds(out, "stepfleet_object_errors_total", "Of them, those that failed.", "operation",
              words, f->object_errors, OBJECT_FIGURES);
}

static void put_loop(const struct api *api, const struct figures *f, struct buf *out)
{
    put_distribution(out, "stepfleet_commit_duration_seconds", "Writing and syncing a batch.",
                     &f->commits, &histogram_us);
    put_distribution(out, "stepfleet_commit_bytes", "Size of a batch.", &f->batches,
                     &histogram_bytes);
    put_distribution(out, "stepfleet_turn_duration_seconds",
                     "One turn of the loop, which does nothing else meanwhile.", &f->turns,
                     &histogram_us);
    exposition_counter(out, "stepfleet_loop_stalls_total",
                       "Turns that began so late that leases were extended.", f->stalls);
    exposition_gauge(out, "stepfleet_requests_parked", "Polls and waits that are parked.",
                     api->deadlines.count);
}

static void put_disk(const struct api *api, const struct figures *f, struct buf *out)
{
    const struct disk *d = api->hooks.disk;

    if (d != NULL && d->size_bytes != 0) {
        exposition_gauge(out, "stepfleet_disk_size_bytes", "Of the file system the database is on.",
                         d->size_bytes);
        exposition_gauge(out, "stepfleet_disk_free_bytes",
                         "Of it, what the coordinator may still use.", d->free_bytes);
        exposition_gauge(out, "stepfleet_disk_reserve_bytes", "Of it, what is kept for what runs.",
                         d->reserve_bytes);
    }
    exposition_gauge(out, "stepfleet_disk_short",
                     "1: no more than the reserve is free, and nothing new is taken on.",
                     ledger_is_short(api->ledger) ? 1 : 0);
    exposition_counter(out, "stepfleet_disk_refused_requests_total",
                       "Requests that were refused meanwhile.", f->refused_short);
}

void metrics_put_ledger(const struct api *api, struct buf *out)
{
    const struct figures *f = ledger_figures(api->ledger);
    struct fleet *fleet = ledger_fleet(api->ledger);

    exposition_family(out, "stepfleet_build_info", "gauge", "1, with the version as a label.");
    exposition_number(out, "stepfleet_build_info",
                      &(struct exposition_labels){.kind = "version", .is = STEPFLEET_VERSION}, 1);
    exposition_gauge(out, "stepfleet_epoch", "Grows with each start of a database.",
                     ledger_epoch(api->ledger));
    put_executions(api, out);
    put_functions(f, out);
    put_workers(fleet, f, out);
    put_queues(api, out);
    exposition_gauge(out, "stepfleet_machines", "State machines.",
                     ledger_machine_count(api->ledger));
    exposition_gauge(out, "stepfleet_queues", "Queues.", ledger_queue_count(api->ledger));
    exposition_gauge(out, "stepfleet_topics", "Topics.", ledger_topic_count(api->ledger));
    exposition_gauge(out, "stepfleet_pipes", "Pipes.", ledger_pipe_count(api->ledger));
    exposition_gauge(out, "stepfleet_rules", "Rules and schedules.",
                     ledger_rule_count(api->ledger));
    put_deliveries(f, out);
    exposition_gauge(out, "stepfleet_rule_deliveries_waiting",
                     "Deliveries of rules that are under way, or tried again.",
                     ledger_delivery_figures(api->ledger).waiting);
    put_objects(f, out);
    put_disk(api, f, out);
    put_loop(api, f, out);
}
