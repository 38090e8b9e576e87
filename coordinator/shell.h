/* SPDX-License-Identifier: Apache-2.0 */
/* The thin shell around the ledger: a libuv loop that makes turns, a thread that writes batches,
 * threads that ask the object store, and the sweeper. Nothing here decides. */
#ifndef STEPFLEET_COORDINATOR_SHELL_H
#define STEPFLEET_COORDINATOR_SHELL_H

#include "client/otlp/otlp.h"
#include "client/s3/s3.h"
#include "coordinator/api/archive_text.h"
#include "coordinator/api/http/face.h"
#include "coordinator/disk.h"
#include "coordinator/ledger/ledger.h"
#include "coordinator/sweeper.h"

struct shell_config {
    const char *data;        /* directory of the database */
    const char *listen;      /* URL */
    const char *certificate; /* PEM files; NULL: none, and no TLS */
    const char *key;
    const char *tokens; /* their file; NULL: none is asked for */
    struct disk_reserve disk_reserve;
    const char *backups;   /* directory of backups; NULL: none are made */
    const char *audit_log; /* file, or "-"; NULL: there is none */
    struct http_face_config http;
    struct otlp_config trace;     /* no endpoint: nothing is traced */
    const char *execution_logs;   /* directory; NULL: no log records are written */
    struct archive_place archive; /* of ended executions, in `objects`; no bucket: none */
    struct s3_config objects;     /* neither root nor endpoint: no object store */
    unsigned presigned_s;         /* URLs signed for workers are good for so long */
    struct ledger_config ledger;
    bool verify;      /* read the whole database at start */
    bool accept_loss; /* open a database that lost what was synced: an operator said so */
    struct sweeper_config sweeper;
    int64_t stop_ms; /* a graceful stop takes at most so long */
    int ready_fd;    /* written to once it serves; -1: none */
};

/* Runs until SIGTERM or SIGINT. @return OK, or why it could not start or go on. */
enum err_code shell_run(const struct shell_config *config, struct err *err);

#endif
