/* SPDX-License-Identifier: Apache-2.0 */
/* Where stage outputs are kept, as every program reads it: section [objects] of its configuration,
 * then the environment (STEPFLEET_OBJECTS_ROOT, S3_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CA_BUNDLE). Secrets come from the environment or a
 * credentials file, never from the configuration itself or a command line.
 *
 *     [objects]
 *     # either a directory
 *     root = /var/lib/stepfleet/objects
 *     # or a server
 *     endpoint = http://127.0.0.1:9701
 *     region = us-east-1
 *     # of https: who is trusted beside or instead of the system's authorities
 *     ca = /etc/stepfleet/ca.crt
 *     # a file; or `coordinator`: a worker has no keys, the coordinator signs its requests, which
 *     # is a worker's default where neither a file nor the environment has keys
 *     credentials = /etc/stepfleet/credentials
 *     # what is stored is signed (SHA-256): always, or only where neither TLS nor loopback
 *     # protects it on its way, which is the default
 *     payload = signed
 *
 * and the credentials file, of which AWS's own tools write the same:
 *
 *     [default]
 *     aws_access_key_id = ...
 *     aws_secret_access_key = ...
 */
#ifndef STEPFLEET_S3_SETTINGS_H
#define STEPFLEET_S3_SETTINGS_H

#include "client/s3/s3.h"
#include "proto/host/config.h"

/* Who reads them: a worker may be without a server's keys, `keyless`. */
enum s3_settings_of { S3_SETTINGS_COORDINATOR, S3_SETTINGS_WORKER };

/* `file` may be NULL: environment only. Strings live in `a`. Neither root nor endpoint: both NULL.
 */
enum err_code s3_settings_load(struct config *file,
                               enum s3_settings_of of,
                               struct arena *a,
                               struct s3_config *out,
                               struct err *err);

#endif
