/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is started with: arguments, as AWS Glue has them, what overrides the definition's
 * settings, where input and output are, and a run's id. Pure.
 *
 *   --input-bucket B  and one of  --input-key K, --input-prefix P, --input-manifest K
 *   --output-key K    and, where it is not the input's, --output-bucket B
 *
 * Keys are checked against traversal component by component (text_is_key), and no output may lie
 * where its own run reads. Other arguments are the handler's. Source: StartJobRun. */
#ifndef STEPFLEET_JOB_ARGUMENTS_H
#define STEPFLEET_JOB_ARGUMENTS_H

#include "proto/base/json.h"
#include "proto/job/definition.h"

/**
 * Read an object of arguments: keys begin with "--", values are strings.
 *
 * @param object  NULL or a JSON object; copied
 * @param[out] out  in `a`, in order of their keys
 * @return ERR_VALIDATION: names the key and what is wrong with it
 */
enum err_code job_arguments_read(const struct json_node *object,
                                 struct arena *a,
                                 struct job_arguments *out,
                                 struct err *err);

/* The defaults, each replaced by the run's own of the same key; ERR_VALIDATION past the bounds.
 * Texts are shared with both. */
enum err_code job_arguments_merge(const struct job_arguments *defaults,
                                  const struct job_arguments *own,
                                  struct arena *a,
                                  struct job_arguments *out,
                                  struct err *err);

/* NULL: there is none of that key. */
const struct job_argument *job_arguments_find(const struct job_arguments *in, struct slice key);
const struct json_node *job_arguments_json(const struct job_arguments *in, struct arena *a);

enum job_input_kind { JOB_INPUT_KEY, JOB_INPUT_PREFIX, JOB_INPUT_MANIFEST };

struct job_places {
    enum job_input_kind input_kind;
    struct slice input_bucket;
    struct slice input; /* key of the object or manifest, or the prefix, which may end in '/' */
    struct slice output_bucket;
    struct slice output_key;
};

/* Where the run's data is. Texts are the arguments'. ERR_VALIDATION names the argument. */
enum err_code
job_places_find(const struct job_arguments *in, struct job_places *out, struct err *err);

/* What StartJobRun may say beside arguments. A member not given: negative, or empty. */
struct job_overrides {
    int64_t timeout_minutes;
    int64_t workers;
    struct slice worker_type; /* checked and kept for people: machines are the fleet's */
};

/**
 * Is what StartJobRun says in range, and what follows for the run?
 *
 * @param[out] timeout_minutes  the run's
 * @param[out] workers          the run's; 0: no bound
 */
enum err_code job_overrides_apply(const struct job_definition *d,
                                  const struct job_overrides *o,
                                  uint32_t *timeout_minutes,
                                  uint32_t *workers,
                                  struct err *err);

enum { JOB_RUN_ID_BYTES = 3 + 64 };

/* "jr_" and 64 hexadecimal digits of 32 random bytes. */
void job_run_id_format(const uint8_t chance[32], char out[JOB_RUN_ID_BYTES]);
bool job_run_id_is(struct slice s);

#endif
