/* SPDX-License-Identifier: Apache-2.0 */
/* A server as the configuration has it: where it is, and whose keys sign there. */
#ifndef STEPFLEET_S3_SITE_H
#define STEPFLEET_S3_SITE_H

#include "client/s3/request.h"
#include "client/s3/s3.h"

/* What `site` points into is *text, to be freed after it, on failure too. ERR_CONFIG: no server's
 * address, or neither keys nor a signer. */
enum err_code
site_open(const struct s3_config *config, struct request_site *site, char **text, struct err *err);

#endif
