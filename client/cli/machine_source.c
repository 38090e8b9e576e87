/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/machine_source.h"

#include "proto/base/limits.h"

static int
resolve_template(struct cli *cli, struct machine_source *source, const struct json_node *document)
{
    struct name_place place = {0};
    const struct json_node *ignored;
    struct err err;
    int rc = cli_place(cli, &place);

    if (rc != CLI_DONE) {
        return rc;
    }
    if (template_resolve(document, slice_str(source->resource), &place, &cli->arena,
                         &source->machine, &err) != OK) {
        err_wrap(&err, "%s", source->file);
        return cli_usage(cli, &err);
    }
    if (source->any_text) {
        return CLI_DONE;
    }
    return cli_check_json(cli, "the definition in the template", source->machine.definition,
                          &ignored);
}

int machine_source_load(struct cli *cli, struct machine_source *source)
{
    const struct json_node *document = NULL;
    struct slice text;
    struct err err;
    int rc = cli_read_file(cli, source->file, LIMIT_FRAME_BYTES, &text);

    if (rc == CLI_DONE && json_parse(text, &cli->arena, &document, &err) != OK) {
        document = NULL;
        if (!source->any_text) {
            err_wrap(&err, "%s is not JSON", source->file);
            return cli_usage(cli, &err);
        }
    }
    if (rc != CLI_DONE) {
        return rc;
    }
    if (document != NULL && template_is(document)) {
        return resolve_template(cli, source, document);
    }
    if (source->resource != NULL) {
        (void)err_set(&err, ERR_USAGE, "--resource is for templates, and %s is none", source->file);
        return cli_usage(cli, &err);
    }
    source->machine = (struct template_machine){.definition = text};
    return CLI_DONE;
}

const char *machine_source_chosen(struct cli *cli, const char *option, struct slice in_template)
{
    if (option != NULL) {
        return option;
    }
    return in_template.len != 0 ? arena_str(&cli->arena, in_template) : NULL;
}
