/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/listing.h"

int listing_run(struct cli *cli, int argc, char **argv, const struct listing_kind *kind)
{
    struct listing l = {.of = "", .token = "", .list = json_build_array(&cli->arena)};
    struct args a = {NULL, 0, &l.of, kind->least, kind->most, 0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    table_init(&l.table, &cli->arena, kind->columns);
    do {
        rc = kind->page(cli, &l);
    } while (rc == CLI_DONE && l.token[0] != '\0');
    if (rc == CLI_DONE) {
        cli_put_list(cli, kind->member, &l.list, &l.table);
    }
    return rc;
}
