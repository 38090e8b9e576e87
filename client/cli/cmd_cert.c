/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet cert: a private certificate authority, certificates signed by it, and what is in one.
 * Nothing is asked of a coordinator. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cert/certificate.h"
#include "client/cli/commands.h"
#include "client/cli/human.h"
#include "client/cli/new_file.h"
#include "client/cli/reply_json.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum {
    AUTHORITY_DAYS = 3650,
    SERVER_DAYS = 397, /* what browsers and others accept of a server's */
    PEM_BYTES_MAX = 1024 * 1024,
    KEY_MODE = 0600,
    CERTIFICATE_MODE = 0644,
    DIRECTORY_MODE = 0755,
};

/* ---- files ---- */

static const char *path_in(struct cli *cli, const char *directory, const char *file)
{
    return arena_str(&cli->arena, arena_printf(&cli->arena, "%s/%s", directory, file));
}

/* Half of a pair is no use, and the other half may be of another. */
static enum err_code pair_is_new(const char *certificate, const char *key, struct err *err)
{
    const char *there = access(key, F_OK) == 0           ? key
                        : access(certificate, F_OK) == 0 ? certificate
                                                         : NULL;

    return there == NULL ? OK : err_set(err, ERR_IN_USE, "%s is there already (--force)", there);
}

/* The key first: a certificate that is seen has its key beside it. */
static int write_pair(struct cli *cli,
                      const struct certificate_pair *pair,
                      const char *directory,
                      const char *name,
                      bool force)
{
    const struct new_file key = {
        path_in(cli, directory, arena_str(&cli->arena, arena_printf(&cli->arena, "%s.key", name))),
        KEY_MODE, force};
    const struct new_file certificate = {
        path_in(cli, directory, arena_str(&cli->arena, arena_printf(&cli->arena, "%s.crt", name))),
        CERTIFICATE_MODE, force};
    struct json_builder b = json_build_object(&cli->arena);
    struct err err;

    if (mkdir(directory, DIRECTORY_MODE) != 0 && errno != EEXIST) {
        (void)err_set(&err, ERR_IO, "cannot make the directory %s: %s", directory, strerror(errno));
        return cli_local(&err);
    }
    if ((!force && pair_is_new(certificate.path, key.path, &err) != OK) ||
        new_file_write(&key, pair->key, &err) != OK ||
        new_file_write(&certificate, pair->certificate, &err) != OK) {
        return cli_local(&err);
    }
    reply_put_text(&b, "certificate", certificate.path);
    reply_put_text(&b, "key", key.path);
    if (cli->json) {
        cli_put_json(cli, json_built(&b));
    } else {
        buf_printf(&cli->out, "%s\n%s\n", certificate.path, key.path);
    }
    return CLI_DONE;
}

/* ---- ca ---- */

static int run_ca(struct cli *cli, int argc, char **argv)
{
    const char *out = NULL;
    const char *name = "Stepfleet private CA";
    uint32_t days = AUTHORITY_DAYS;
    bool force = false;
    const struct arg options[] = {
        {"--out", 'o', ARG_TEXT, &out, 0},
        {"--name", 0, ARG_TEXT, &name, 0},
        {"--days", 0, ARG_NUMBER, &days, CERTIFICATE_DAYS_MAX},
        {"--force", 0, ARG_FLAG, &force, 0},
    };
    struct args a = {.options = options, .option_count = 4};
    struct certificate_pair pair;
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    if (out == NULL) {
        (void)err_set(&err, ERR_USAGE, "--out: in which directory?");
        return cli_usage(cli, &err);
    }
    if (certificate_authority(name, days, &cli->arena, &pair, &err) != OK) {
        return cli_usage(cli, &err);
    }
    return write_pair(cli, &pair, out, "ca", force);
}

static const struct command command_cert_ca = {
    .name = "ca",
    .summary = "make an authority of one's own",
    .help = "Usage: stepfleet cert ca --out DIR [--name NAME] [--days N] [--force]\n"
            "\n"
            "Makes a private certificate authority: DIR/ca.crt, which every worker and client is\n"
            "given (--ca), and DIR/ca.key, which signs certificates and should stay where it was\n"
            "made: best on no machine of the cluster.\n"
            "\n"
            "  -o, --out DIR  made where it is missing\n"
            "  --name NAME    what it is called (default \"Stepfleet private CA\")\n"
            "  --days N       how long it is good (default 3650)\n"
            "  --force        over one that is there: all that it signed is worth nothing then\n"
            "\n"
            "Example:\n"
            "  stepfleet cert ca --out ca\n",
    .run = run_ca,
};

/* ---- issue ---- */

static int read_authority(struct cli *cli, const char *directory, struct certificate_pair *out)
{
    int rc =
        cli_read_file(cli, path_in(cli, directory, "ca.crt"), PEM_BYTES_MAX, &out->certificate);

    return rc != CLI_DONE
               ? rc
               : cli_read_file(cli, path_in(cli, directory, "ca.key"), PEM_BYTES_MAX, &out->key);
}

static int run_issue(struct cli *cli, int argc, char **argv)
{
    const char *authority = NULL;
    const char *out = NULL;
    struct arg_list names = {.count = 0};
    uint32_t days = SERVER_DAYS;
    bool force = false;
    const struct arg options[] = {
        {"--ca", 0, ARG_TEXT, &authority, 0},
        {"--out", 'o', ARG_TEXT, &out, 0},
        {"--name", 0, ARG_LIST, &names, 0},
        {"--days", 0, ARG_NUMBER, &days, CERTIFICATE_DAYS_MAX},
        {"--force", 0, ARG_FLAG, &force, 0},
    };
    struct args a = {.options = options, .option_count = 5};
    struct certificate_pair ca;
    struct certificate_pair pair;
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    if (authority == NULL || out == NULL || names.count == 0 || names.count > CERTIFICATE_NAMES) {
        (void)err_set(&err, ERR_USAGE, "it takes --ca, --out and 1 to %d times --name",
                      CERTIFICATE_NAMES);
        return cli_usage(cli, &err);
    }
    rc = read_authority(cli, authority, &ca);
    if (rc != CLI_DONE) {
        return rc;
    }
    if (certificate_issue(&ca, names.items, names.count, days, &cli->arena, &pair, &err) != OK) {
        return cli_usage(cli, &err);
    }
    return write_pair(cli, &pair, out, "tls", force);
}

static const struct command command_cert_issue = {
    .name = "issue",
    .summary = "make a server's certificate, signed by the authority",
    .help = "Usage: stepfleet cert issue --ca DIR --name HOST [--name ...] --out DIR [--days N]\n"
            "                            [--force]\n"
            "\n"
            "Makes a key and a certificate for a coordinator, DIR/tls.key and DIR/tls.crt, for\n"
            "`certificate` and `key` of its configuration, under [coordinator] and under [http].\n"
            "\n"
            "  --ca DIR       where `stepfleet cert ca` made the authority\n"
            "  --name HOST    a name or address by which workers and clients reach it; repeat it\n"
            "                 for more. No other will do\n"
            "  -o, --out DIR  made where it is missing\n"
            "  --days N       how long it is good (default 397), at most as long as the authority\n"
            "  --force        over one that is there: the coordinator takes it up by itself\n"
            "\n"
            "Example:\n"
            "  stepfleet cert issue --ca ca --name coordinator.lan --name 10.0.0.1 --out tls\n",
    .run = run_issue,
};

/* ---- show ---- */

static const struct json_node *view_json(const struct certificate_view *v, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder names = json_build_array(a);

    for (size_t i = 0; i < v->name_count; i++) {
        json_push(&names, json_string(a, slice_str(v->names[i])));
    }
    json_put(&b, SLICE("subject"), json_string(a, v->subject));
    json_put(&b, SLICE("issuer"), json_string(a, v->issuer));
    json_put(&b, SLICE("names"), json_built(&names));
    reply_put_time(&b, "notBefore", v->from_ms);
    reply_put_time(&b, "notAfter", v->until_ms);
    json_put(&b, SLICE("fingerprint"), json_string(a, v->fingerprint));
    json_put(&b, SLICE("authority"), json_bool(v->authority));
    return json_built(&b);
}

static struct slice names_text(const struct certificate_view *v, struct arena *a)
{
    struct slice text = {"", 0};

    for (size_t i = 0; i < v->name_count; i++) {
        text = arena_printf(a, "%.*s%s%s", SLICE_FMT(text), i != 0 ? ", " : "", v->names[i]);
    }
    return text;
}

static void put_view(struct cli *cli, const struct certificate_view *v)
{
    struct arena *a = &cli->arena;
    int64_t now_ms = clock_wall_ms();
    bool over = now_ms > v->until_ms;

    cli_put_field(cli, "subject", v->subject, STYLE_PLAIN);
    cli_put_field(cli, "issuer", v->issuer, STYLE_PLAIN);
    cli_put_field(cli, "kind", v->authority ? SLICE("authority") : SLICE("server"), STYLE_PLAIN);
    cli_put_field(cli, "names", names_text(v, a), STYLE_PLAIN);
    cli_put_field(cli, "from", text_time(v->from_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "until", text_time(v->until_ms, a), STYLE_PLAIN);
    cli_put_field(cli, over ? "expired" : "left",
                  human_span(over ? now_ms - v->until_ms : v->until_ms - now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "sha256", v->fingerprint, STYLE_PLAIN);
}

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *file = NULL;
    struct args a = {NULL, 0, &file, 1, 1, 0};
    struct certificate_view view;
    struct slice pem;
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_read_file(cli, file, PEM_BYTES_MAX, &pem)) != CLI_DONE) {
        return rc;
    }
    if (certificate_view(pem, &cli->arena, &view, &err) != OK) {
        err_wrap(&err, "%s", file);
        return cli_usage(cli, &err);
    }
    if (cli->json) {
        cli_put_json(cli, view_json(&view, &cli->arena));
    } else {
        put_view(cli, &view);
    }
    return CLI_DONE;
}

static const struct command command_cert_show = {
    .name = "show",
    .summary = "whose it is, by which names it is reached, until when it is good",
    .help = "Usage: stepfleet cert show FILE\n"
            "\n"
            "Shows the first certificate of a PEM file.\n"
            "\n"
            "Example:\n"
            "  stepfleet cert show /etc/stepfleet/tls.crt --json | jq -r .notAfter\n",
    .run = run_show,
};

/* ---- The group ---- */

static const struct command *const cert_commands[] = {
    &command_cert_ca,
    &command_cert_issue,
    &command_cert_show,
};

static int run_cert(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(cert_commands) / sizeof(cert_commands[0]) };

    return cli_group(cli, cert_commands, COUNT, argc, argv, "cert what? ca, issue or show");
}

const struct command command_cert = {
    .name = "cert",
    .summary = "certificates of a private authority: ca, issue, show",
    .help = "Usage: stepfleet cert COMMAND ...\n"
            "\n"
            "  ca         make an authority of one's own\n"
            "  issue      make a server's certificate, signed by the authority\n"
            "  show FILE  whose it is, by which names it is reached, until when it is good\n"
            "\n"
            "A coordinator that is reached from other machines has a certificate, and workers and\n"
            "clients are given the authority that signed it. Keys are on P-256 and readable by\n"
            "this user alone; nothing that is there is overwritten without --force. Each command\n"
            "has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet cert ca --out ca\n"
            "  stepfleet cert issue --ca ca --name coordinator.lan --out tls\n",
    .run = run_cert,
};
