/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/settings.h"

#include <string.h>

#include "client/s3/settings.h"
#include "coordinator/api/rpc/server.h"
#include "coordinator/bindings.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { PRESIGNED_SECONDS = 300, PRESIGNED_SECONDS_MAX = 24 * 3600 };

static const char *
choose(const char *option, struct config *file, const char *key, const char *otherwise)
{
    const char *set = config_get(file, "coordinator", key, NULL);

    return option != NULL ? option : set != NULL ? set : otherwise;
}

enum err_code settings_read_log(const struct settings_line *line,
                                struct config *file,
                                struct log_settings *log,
                                struct err *err)
{
    const char *text = choose(line->log, file, "log", "info");

    if (!log_parse_level(slice_str(text), &log->level)) {
        return err_set(err, ERR_CONFIG, "log = %s: expected debug, info, warn or error", text);
    }
    text = choose(NULL, file, "log_format", "text");
    if (!log_parse_format(slice_str(text), &log->format)) {
        return err_set(err, ERR_CONFIG, "log_format = %s: expected text or json", text);
    }
    return OK;
}

static enum err_code read_account(const char *text, uint64_t *out, struct err *err)
{
    if (strlen(text) != 12 || !text_parse_u64(slice_str(text), out)) {
        return err_set(err, ERR_CONFIG, "account = %s: expected twelve digits", text);
    }
    return OK;
}

static enum err_code read_lease(struct config *file, int64_t *out, struct err *err)
{
    int64_t ms;
    enum err_code rc = config_duration_ms(file, "coordinator", "lease", 15000, &ms, err);

    if (rc != OK) {
        return rc;
    }
    if (ms < LIMIT_LEASE_MS_MIN || ms > LIMIT_LEASE_MS_MAX) {
        return err_set(err, ERR_CONFIG, "lease: from %dms to %dh", LIMIT_LEASE_MS_MIN,
                       LIMIT_LEASE_MS_MAX / (60 * 60 * 1000));
    }
    *out = ms;
    return OK;
}

/* Never none: how many pieces CLEAN has must be the same after a restart. */
static enum err_code read_job_clean(struct config *file, int64_t *out, struct err *err)
{
    int64_t ms;
    enum err_code rc =
        config_duration_ms(file, "coordinator", "job_clean_up", LIMIT_JOB_CLEAN_MS, &ms, err);

    if (rc == OK && ms < LIMIT_JOB_CLEAN_MS_MIN) {
        rc = err_set(err, ERR_CONFIG, "job_clean_up: at least %dms", LIMIT_JOB_CLEAN_MS_MIN);
    }
    if (rc == OK) {
        *out = ms;
    }
    return rc;
}

static enum err_code read_retention(struct config *file, struct shell_config *out, struct err *err)
{
    struct ledger_config *l = &out->ledger;
    const int64_t day_ms = 24 * 60 * 60 * 1000;
    enum err_code rc = config_duration_ms(file, "coordinator", "retention",
                                          LIMIT_RETENTION_DAYS * day_ms, &l->retention_ms, err);

    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "retention_express",
                                LIMIT_RETENTION_EXPRESS_DAYS * day_ms, &l->retention_express_ms,
                                err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "retention_outputs",
                                LIMIT_RETENTION_OUTPUTS_DAYS * day_ms, &out->sweeper.outputs_ms,
                                err);
    }
    return rc;
}

/* Kept where the outputs of stages are. */
static enum err_code read_archive(struct config *file, struct shell_config *out, struct err *err)
{
    const char *archive = config_get(file, "coordinator", "archive", NULL);

    if (archive == NULL) {
        return OK;
    }
    if (!out->ledger.objects) {
        return err_set(err, ERR_CONFIG, "archive: there is no object store: see [objects]");
    }
    return archive_place_parse(archive, &out->archive, err);
}

/* AWS's quotas, and how far they are lifted. */
static enum err_code read_limits(struct config *file, struct ledger_config *l, struct err *err)
{
    uint64_t payload;
    enum err_code rc =
        config_bytes(file, "limits", "payload_bytes", LIMIT_PAYLOAD_BYTES, &payload, err);

    if (rc == OK && (payload < LIMIT_PAYLOAD_BYTES || payload > LIMIT_PAYLOAD_BYTES_MAX)) {
        rc = err_set(err, ERR_CONFIG, "payload_bytes: from %d (AWS's quota) to %d",
                     LIMIT_PAYLOAD_BYTES, LIMIT_PAYLOAD_BYTES_MAX);
    }
    if (rc == OK) {
        rc = config_u64(file, "limits", "history_events", LIMIT_HISTORY_EVENTS,
                        LIMIT_HISTORY_EVENTS_MAX, LIMIT_HISTORY_EVENTS, &l->history_events, err);
    }
    if (rc == OK) {
        l->payload_bytes = (size_t)payload;
    }
    return rc;
}

static enum err_code read_metrics(struct config *file, struct scrape_access *out, struct err *err)
{
    static const char *const modes[] = {
        [SCRAPE_OFF] = "off",
        [SCRAPE_OPEN] = "open",
        [SCRAPE_TOKEN] = "token",
    };
    const char *text = config_get(file, "http", "metrics", modes[SCRAPE_OFF]);

    out->tokens = config_get(file, "http", "metrics_tokens", NULL);
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(text, modes[i]) == 0) {
            out->mode = (enum scrape_mode)i;
            return OK;
        }
    }
    return err_set(err, ERR_CONFIG, "metrics = %s: expected off, open or token", text);
}

/* Where AWS's clients come in, and who may. */
static enum err_code read_http(const struct settings_line *line,
                               struct config *file,
                               struct http_face_config *out,
                               struct err *err)
{
    const char *listen = config_get(file, "http", "listen", NULL);
    const char *access = config_get(file, "http", "access", "keys");
    enum err_code rc;

    out->http.listen = line->http != NULL ? line->http : listen;
    out->http.certificate = config_get(file, "http", "certificate", NULL);
    out->http.key = config_get(file, "http", "key", NULL);
    out->open = line->open || strcmp(access, "open") == 0;
    if (strcmp(access, "open") != 0 && strcmp(access, "keys") != 0) {
        return err_set(err, ERR_CONFIG, "access = %s: expected keys or open", access);
    }
    rc = read_metrics(file, &out->metrics, err);
    if (rc != OK) {
        return rc;
    }
    return out->http.listen != NULL ? http_face_check(out, err) : OK;
}

/* What is traced, and where that is told. */
static enum err_code
read_trace(struct config *file, struct arena *a, struct shell_config *out, struct err *err)
{
    const char *machines = config_get(file, "trace", "machines", "enabled");
    struct ledger_tracing *t = &out->ledger.tracing;
    uint64_t percent;
    enum err_code rc = otlp_settings_load(file, a, &out->trace, err);

    if (rc == OK) {
        rc = config_u64(file, "trace", "percent", 0, 100, 100, &percent, err);
    }
    if (rc != OK) {
        return rc;
    }
    if (strcmp(machines, "all") != 0 && strcmp(machines, "enabled") != 0) {
        return err_set(err, ERR_CONFIG, "machines = %s: expected all or enabled", machines);
    }
    t->all = strcmp(machines, "all") == 0;
    t->sample = (double)percent / 100;
    return OK;
}

static enum err_code
read_bindings(struct config *file, struct arena *a, struct ledger_config *l, struct err *err)
{
    struct bindings *b = ARENA_NEW(a, struct bindings);

    l->bound = bindings_find;
    l->bound_arg = b;
    return bindings_read(file, a, b, err);
}

/* For a database that is made now; an older one has its own. */
static struct slice fresh_secret(struct arena *a)
{
    enum { SECRET_BYTES = 32 };
    void *bytes = arena_alloc(a, SECRET_BYTES);

    clock_random(bytes, SECRET_BYTES);
    return slice_make(bytes, SECRET_BYTES);
}

/* Where workers and clients come in, and with which tokens. */
static enum err_code check_access(const struct shell_config *c, struct err *err)
{
    struct access *access = NULL;
    enum err_code rc = access_open(c->tokens, &access, err);
    const struct rpc_config rpc = {
        .access = access,
        .listen = c->listen,
        .certificate = c->certificate,
        .key = c->key,
    };

    if (rc == OK) {
        rc = rpc_server_check(&rpc, err);
    }
    access_close(access);
    return rc;
}

/* How long a URL is good for that was signed for a worker. */
static enum err_code read_presigned(struct config *file, unsigned *out, struct err *err)
{
    int64_t ms;
    enum err_code rc =
        config_duration_ms(file, "objects", "presigned", PRESIGNED_SECONDS * 1000, &ms, err);

    if (rc == OK && (ms < 1000 || ms > PRESIGNED_SECONDS_MAX * 1000)) {
        rc = err_set(err, ERR_CONFIG, "%s: presigned: 1s to 1d", file->path);
    }
    if (rc == OK) {
        *out = (unsigned)(ms / 1000);
    }
    return rc;
}

enum err_code settings_read(const struct settings_line *line,
                            struct config *file,
                            struct arena *a,
                            struct shell_config *out,
                            struct err *err)
{
    struct ledger_config *l = &out->ledger;
    enum err_code rc;

    out->data = choose(line->data, file, "data", "/var/lib/stepfleet");
    out->listen = choose(line->listen, file, "listen", "tcp://127.0.0.1:7233");
    out->certificate = choose(NULL, file, "certificate", NULL);
    out->key = choose(NULL, file, "key", NULL);
    out->tokens = choose(NULL, file, "tokens", NULL);
    out->audit_log = choose(NULL, file, "audit_log", NULL);
    out->backups = config_get(file, "backup", "directory", NULL);
    out->execution_logs = choose(line->execution_logs, file, "execution_logs", NULL);
    out->ready_fd = line->ready_fd;
    out->accept_loss = line->accept_loss;
    l->region = choose(NULL, file, "region", "us-east-1");
    l->seed = clock_random_u64();
    l->secret = fresh_secret(a);
    rc = check_access(out, err);
    if (rc == OK) {
        rc = read_account(choose(NULL, file, "account", "123456789012"), &l->account, err);
    }
    if (rc == OK) {
        rc = disk_reserve_parse(config_get(file, "coordinator", "disk_reserve", NULL),
                                &out->disk_reserve, err);
    }
    if (rc == OK) {
        rc = read_lease(file, &l->fleet.lease_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "no_function", 60000, &l->fleet.no_function_ms,
                                err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "stop", 10000, &out->stop_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "sweep_interval", 600000,
                                &out->sweeper.sweep_interval_ms, err);
    }
    if (rc == OK) {
        rc = config_duration_ms(file, "coordinator", "sweep_age", 3600000,
                                &out->sweeper.sweep_age_ms, err);
    }
    if (rc == OK) {
        rc = read_job_clean(file, &l->job_clean_ms, err);
    }
    if (rc == OK) {
        rc = read_retention(file, out, err);
    }
    if (rc == OK) {
        rc = config_bool(file, "coordinator", "verify", true, &out->verify, err);
    }
    if (rc == OK) {
        rc = read_limits(file, l, err);
    }
    if (rc == OK) {
        rc = read_http(line, file, &out->http, err);
    }
    if (rc == OK) {
        rc = read_trace(file, a, out, err);
    }
    if (rc == OK) {
        rc = read_bindings(file, a, l, err);
    }
    if (rc == OK) {
        rc = s3_settings_load(file, S3_SETTINGS_COORDINATOR, a, &out->objects, err);
    }
    if (rc == OK) {
        rc = read_presigned(file, &out->presigned_s, err);
    }
    if (rc == OK && line->objects != NULL) {
        out->objects = (struct s3_config){.root = line->objects, .region = out->objects.region};
    }
    out->sweeper.root = out->objects.root;
    out->sweeper.account = l->account;
    l->objects = out->objects.root != NULL || out->objects.endpoint != NULL;
    if (rc == OK) {
        rc = read_archive(file, out, err);
    }
    return rc == OK ? config_check_used(file, err) : rc;
}
