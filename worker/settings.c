/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/s3/settings.h"
#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/job/piece.h"
#include "worker/handler/frame.h"
#include "worker/link.h"
#include "worker/process/command.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *keep(struct settings *s, const char *text)
{
    return text != NULL ? arena_str(&s->arena, slice_str(text)) : NULL;
}

/* ---- [worker] ---- */

static const char *default_name(struct settings *s)
{
    char host[256] = "";

    (void)gethostname(host, sizeof(host) - 1);
    return keep(s, host[0] != '\0' ? host : "worker");
}

/* "labels = {...}", or labels.KEY = VALUE rows. */
static enum err_code load_labels(struct settings *s, struct config *c, struct err *err)
{
    const char *text = config_get(c, "worker", "labels", "{}");
    struct json_builder b = json_build_object(&s->arena);
    const struct json_node *given;

    if (json_parse(slice_str(keep(s, text)), &s->arena, &given, err) != OK ||
        !json_is(given, JSON_OBJECT)) {
        return err_set(err, ERR_CONFIG, "%s: labels = %s: not a JSON object", c->path, text);
    }
    for (const struct json_node *v = json_first(given); v != NULL; v = json_next(given, v)) {
        if (!json_is(v, JSON_STRING)) {
            return err_set(err, ERR_CONFIG, "%s: labels = %s: values are strings", c->path, text);
        }
        json_put(&b, json_key(given, v), v);
    }
    for (size_t i = 0; i < c->count; i++) {
        struct config_entry *e = &c->entries[i];

        if (strcmp(e->section, "worker") == 0 && strncmp(e->key, "labels.", 7) == 0) {
            e->used = true;
            if (!text_is_utf8(slice_str(e->key)) || !text_is_utf8(slice_str(e->value))) {
                return err_set(err, ERR_CONFIG, "%s:%d: not UTF-8", c->path, e->line);
            }
            json_put(&b, slice_str(keep(s, e->key + 7)),
                     json_string(&s->arena, slice_str(keep(s, e->value))));
        }
    }
    s->labels = arena_str(&s->arena, json_print(json_built(&b), &s->arena));
    return OK;
}

static enum err_code
load_slots(struct settings *s, struct config *c, const struct settings_line *line, struct err *err)
{
    uint64_t slots = 0;
    enum err_code rc = config_u64(c, "worker", "slots", 1, LIMIT_WORKER_SLOTS, 0, &slots, err);

    if (rc == OK && line->slots != NULL &&
        (!text_parse_u64(slice_str(line->slots), &slots) || slots == 0 ||
         slots > LIMIT_WORKER_SLOTS)) {
        rc = err_set(err, ERR_USAGE, "--slots %s: a number from 1 to %d", line->slots,
                     LIMIT_WORKER_SLOTS);
    }
    s->slots = (uint32_t)slots; /* 0: settled when the functions are known */
    return rc;
}

/* The command line, the configuration, the environment; NULL: none of them says. */
static const char *choose(struct settings *s,
                          const char *line,
                          struct config *c,
                          const char *key,
                          const char *variable)
{
    const char *set = config_get(c, "worker", key, getenv(variable));

    return line != NULL ? line : keep(s, set);
}

static enum err_code
load_worker(struct settings *s, struct config *c, const struct settings_line *line, struct err *err)
{
    const char *name = config_get(c, "worker", "name", NULL);
    const char *level = config_get(c, "worker", "log", "info");
    const char *format = config_get(c, "worker", "log_format", "text");
    const char *url = config_get(c, "worker", "coordinator", "tcp://127.0.0.1:7233");
    enum err_code rc;

    s->name = line->name != NULL ? line->name : name != NULL ? keep(s, name) : default_name(s);
    s->coordinator = line->coordinator != NULL ? line->coordinator : keep(s, url);
    s->work_dir = keep(s, config_get(c, "worker", "work_dir", NULL));
    s->link.url = s->coordinator;
    s->link.ca = choose(s, line->ca, c, "ca", "STEPFLEET_CA");
    s->link.token_file = choose(s, line->token_file, c, "token_file", "STEPFLEET_TOKEN_FILE");
    level = line->log != NULL ? line->log : level;
    rc = link_check(&s->link, err);
    if (rc != OK) {
        return rc;
    }
    if (!text_is_name(slice_str(s->name))) {
        return err_set(err, ERR_CONFIG, "the worker's name \"%s\" is not 1 to %d plain characters",
                       s->name, LIMIT_NAME_CHARS);
    }
    if (!log_parse_level(slice_str(level), &s->log)) {
        return err_set(err, ERR_CONFIG, "log level %s: debug, info, warn or error", level);
    }
    if (!log_parse_format(slice_str(format), &s->log_format)) {
        return err_set(err, ERR_CONFIG, "log_format = %s: expected text or json", format);
    }
    rc = config_duration_ms(c, "worker", "drain", SETTINGS_DRAIN_MS, &s->drain_ms, err);
    if (rc == OK) {
        rc = load_labels(s, c, err);
    }
    return rc != OK ? rc : load_slots(s, c, line, err);
}

/* ---- [function NAME] ---- */

static void env_put(struct settings *s, struct handler_function *f, const char *name, const char *v)
{
    f->env[f->env_count++] =
        (char *)(uintptr_t)arena_printf(&s->arena, "%s=%s%c", name, v, '\0').ptr;
}

/* The variables a handler gets beside ours: PATH, LANG, those named in pass_env, env.NAME = value.
 */
static void
load_env(struct settings *s, struct handler_function *f, struct config *c, const char *section)
{
    const char *path = getenv("PATH");
    const char *lang = getenv("LANG");
    const char *pass = section != NULL ? config_get(c, section, "pass_env", "") : "";
    struct slice rest = slice_str(keep(s, pass));

    f->env = ARENA_ARRAY(&s->arena, c->count + rest.len / 2 + 4, char *);
    for (size_t i = 0; section != NULL && i < c->count; i++) {
        struct config_entry *e = &c->entries[i];

        if (strcmp(e->section, section) == 0 && strncmp(e->key, "env.", 4) == 0) {
            e->used = true;
            env_put(s, f, e->key + 4, e->value);
        }
    }
    while (rest.len > 0) {
        size_t comma = slice_find(rest, ',');
        struct slice name = slice_head(rest, comma);

        while (name.len > 0 && name.ptr[0] == ' ') {
            name = slice_from(name, 1);
        }
        while (name.len > 0 && name.ptr[name.len - 1] == ' ') {
            name.len--;
        }
        if (name.len > 0 && getenv(arena_str(&s->arena, name)) != NULL) {
            const char *text = arena_str(&s->arena, name);

            env_put(s, f, text, getenv(text));
        }
        rest = slice_from(rest, comma + 1);
    }
    env_put(s, f, "PATH", path != NULL ? path : DEFAULT_PATH);
    env_put(s, f, "LANG", lang != NULL ? lang : "C.UTF-8");
}

static enum err_code
load_command(struct settings *s, struct handler_function *f, const char *command, struct err *err)
{
    const char *path = DEFAULT_PATH;
    enum err_code rc;

    if (f->kind == HANDLER_ECHO) {
        return command == NULL ? OK : err_set(err, ERR_CONFIG, "an echo function runs no command");
    }
    if (command == NULL) {
        return err_set(err, ERR_CONFIG, "it has no command = PROGRAM ARGUMENTS...");
    }
    f->command = keep(s, command);
    rc = command_split(slice_str(f->command), &s->arena, &f->argv, &f->argc, err);
    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; i < f->env_count; i++) {
        if (strncmp(f->env[i], "PATH=", 5) == 0) {
            path = f->env[i] + 5;
            break;
        }
    }
    f->path = command_resolve(f->argv[0], path, &s->arena);
    if (f->path == NULL) {
        return err_set(err, ERR_CONFIG, "there is no program %s to run (PATH is %s)", f->argv[0],
                       path);
    }
    return OK;
}

/* Where a handler starts: by default where the worker did, so that relative paths mean what they
 * say. */
static enum err_code
load_directory(struct settings *s, struct handler_function *f, const char *given, struct err *err)
{
    char *path = realpath(given != NULL ? given : ".", NULL);
    struct stat st;

    if (path == NULL || stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        free(path);
        return err_set(err, ERR_CONFIG, "directory = %s: there is no such directory",
                       given != NULL ? given : ".");
    }
    f->directory = keep(s, path);
    free(path);
    if (f->path != NULL && f->path[0] != '/') {
        path = realpath(f->path, NULL);
        f->path = path != NULL ? keep(s, path) : f->path;
        free(path);
    }
    return OK;
}

static enum err_code
load_limits(struct handler_function *f, struct config *c, const char *section, struct err *err)
{
    uint64_t output = SETTINGS_OUTPUT_BYTES;
    uint64_t processes = 0;
    int64_t cpu_ms = 0;
    enum err_code rc = config_duration_ms(c, section, "timeout", 0, &f->limits.timeout_ms, err);

    rc = rc != OK ? rc : config_bytes(c, section, "memory", 0, &f->limits.memory_bytes, err);
    rc = rc != OK ? rc : config_duration_ms(c, section, "cpu", 0, &cpu_ms, err);
    rc = rc != OK ? rc
                  : config_u64(c, section, "processes", 1, PROCESS_COUNT_MAX, 0, &processes, err);
    rc = rc != OK ? rc
                  : config_u64(c, section, "files", PROCESS_FILES_MIN, 1 << 20, SETTINGS_FILES,
                               &f->limits.files, err);
    rc = rc != OK ? rc : config_bytes(c, section, "output_max", output, &output, err);
    if (rc == OK && (output == 0 || output > SETTINGS_OUTPUT_MAX)) {
        rc = err_set(err, ERR_CONFIG, "output_max is from 1 to %d bytes", SETTINGS_OUTPUT_MAX);
    }
    f->limits.processes = (uint32_t)processes;
    f->limits.cpu_seconds = (uint64_t)(cpu_ms + 999) / 1000;
    f->output_max_bytes = (size_t)output;
    return rc;
}

/* "persistent = yes", and how long its processes are kept. */
static enum err_code
load_persistent(struct handler_function *f, struct config *c, const char *section, struct err *err)
{
    const char *idle = config_get(c, section, "idle", NULL);
    const char *tasks = config_get(c, section, "tasks_max", NULL);
    enum err_code rc = config_bool(c, section, "persistent", false, &f->persistent, err);

    rc = rc != OK ? rc : config_duration_ms(c, section, "idle", SETTINGS_IDLE_MS, &f->idle_ms, err);
    rc = rc != OK ? rc : config_u64(c, section, "tasks_max", 1, UINT32_MAX, 0, &f->tasks_max, err);
    if (rc != OK) {
        return rc;
    }
    if (!f->persistent && (idle != NULL || tasks != NULL)) {
        return err_set(err, ERR_CONFIG, "%s is of persistent functions: persistent = yes",
                       idle != NULL ? "idle" : "tasks_max");
    }
    if (f->persistent && f->kind != HANDLER_EVENT && f->kind != HANDLER_STREAM) {
        return err_set(err, ERR_CONFIG, "only event and stream functions are persistent");
    }
    if (f->persistent && f->kind == HANDLER_EVENT && f->output_max_bytes > FRAME_PAYLOAD_BYTES) {
        return err_set(err, ERR_CONFIG, "output_max of a persistent function is at most %d bytes",
                       FRAME_PAYLOAD_BYTES);
    }
    return OK;
}

static enum err_code load_function(struct settings *s,
                                   struct config *c,
                                   const char *section,
                                   struct handler_function *f,
                                   struct err *err)
{
    const char *kind = config_get(c, section, "handler", NULL);
    uint64_t slots = 0;
    enum err_code rc;

    if (kind == NULL || !handler_parse_kind(slice_str(kind), &f->kind)) {
        return err_set(err, ERR_CONFIG, "handler = %s: echo, event or stream",
                       kind != NULL ? kind : "");
    }
    load_env(s, f, c, section);
    rc = load_command(s, f, config_get(c, section, "command", NULL), err);
    rc = rc != OK ? rc : load_directory(s, f, config_get(c, section, "directory", NULL), err);
    rc = rc != OK ? rc : load_limits(f, c, section, err);
    rc = rc != OK ? rc : load_persistent(f, c, section, err);
    rc = rc != OK ? rc : config_u64(c, section, "slots", 1, LIMIT_WORKER_SLOTS, 0, &slots, err);
    f->lease.slots = (uint32_t)slots;
    return rc;
}

/* "NAME=KIND" or "NAME=KIND COMMAND..." of the command line. */
static enum err_code line_function(struct settings *s,
                                   struct config *c,
                                   const char *text,
                                   struct handler_function *f,
                                   struct err *err)
{
    struct slice rest = slice_str(text);
    struct slice name = slice_head(rest, slice_find(rest, '='));
    struct slice kind = slice_from(rest, name.len + 1);
    struct slice command = slice_from(kind, slice_find(kind, ' ') + 1);
    enum err_code rc;

    kind = slice_head(kind, slice_find(kind, ' '));
    f->name = arena_str(&s->arena, name);
    f->output_max_bytes = SETTINGS_OUTPUT_BYTES;
    f->limits.files = SETTINGS_FILES;
    if (!handler_parse_kind(kind, &f->kind)) {
        return err_set(err, ERR_USAGE,
                       "expected NAME=echo, NAME=\"event COMMAND\" or "
                       "NAME=\"stream COMMAND\"");
    }
    load_env(s, f, c, NULL);
    rc = load_command(s, f, command.len != 0 ? arena_str(&s->arena, command) : NULL, err);
    return rc != OK ? rc : load_directory(s, f, NULL, err);
}

static struct handler_function *function_add(struct settings *s)
{
    size_t bytes = s->function_count * sizeof(*s->functions);
    struct handler_function *f;

    s->functions = arena_grow(&s->arena, s->functions, bytes, bytes + sizeof(*f));
    f = &s->functions[s->function_count++];
    *f = (struct handler_function){0};
    return f;
}

/* Names as text_is_name() has them, joined by ':': an integration's handler is named
 * SERVICE:ACTION. */
static bool is_function_name(struct slice name)
{
    if (text_code_points(name) > LIMIT_NAME_CHARS) {
        return false;
    }
    for (;;) {
        size_t colon = slice_find(name, ':');

        if (!text_is_name(slice_head(name, colon))) {
            return false;
        }
        if (colon == name.len) {
            return true;
        }
        name = slice_from(name, colon + 1);
    }
}

static enum err_code
function_check(const struct settings *s, const struct handler_function *f, struct err *err)
{
    if (!is_function_name(slice_str(f->name))) {
        return err_set(err, ERR_CONFIG, "not a function's name");
    }
    for (size_t i = 0; i + 1 < s->function_count; i++) {
        if (strcmp(s->functions[i].name, f->name) == 0) {
            return err_set(err, ERR_CONFIG, "it is there twice");
        }
    }
    if (s->function_count > LIMIT_WORKER_FUNCTIONS) {
        return err_set(err, ERR_CONFIG, "more than %d functions", LIMIT_WORKER_FUNCTIONS);
    }
    if (f->kind == HANDLER_STREAM && s->objects.root == NULL && s->objects.endpoint == NULL) {
        return err_set(err, ERR_CONFIG,
                       "a stream function needs [objects] with a root or an "
                       "endpoint (or S3_ENDPOINT, STEPFLEET_OBJECTS_ROOT)");
    }
    return OK;
}

/* Who has an object store plans, joins and cleans up job runs. */
static void add_built_in(struct settings *s)
{
    struct handler_function *f;

    for (size_t i = 0; i < s->function_count; i++) {
        if (strcmp(s->functions[i].name, JOB_BUILT_IN) == 0) {
            return; /* somebody has one of that name: it is that */
        }
    }
    f = function_add(s);
    f->name = JOB_BUILT_IN;
    f->command = JOB_BUILT_IN;
    f->kind = HANDLER_PIECES;
}

static enum err_code load_functions(struct settings *s,
                                    struct config *c,
                                    const struct settings_line *line,
                                    struct err *err)
{
    enum err_code rc = OK;
    size_t at = 0;
    const char *name;
    const char *section;

    while (rc == OK && (section = config_next_section(c, "function", &at, &name)) != NULL) {
        struct handler_function *f = function_add(s);

        f->name = keep(s, name);
        rc = load_function(s, c, section, f, err);
        rc = rc != OK ? rc : function_check(s, f, err);
        if (rc != OK) {
            err_wrap(err, "[%s]", section);
        }
    }
    for (size_t i = 0; rc == OK && i < line->function_count; i++) {
        struct handler_function *f = function_add(s);

        rc = line_function(s, c, line->functions[i], f, err);
        rc = rc != OK ? rc : function_check(s, f, err);
        if (rc != OK) {
            err_wrap(err, "--function %s", line->functions[i]);
        }
    }
    if (rc == OK && s->function_count == 0) {
        rc = err_set(err, ERR_CONFIG,
                     "no function is offered: write [function NAME] sections, or "
                     "--function NAME=echo; see --help");
    }
    if (rc == OK && (s->objects.root != NULL || s->objects.endpoint != NULL)) {
        add_built_in(s);
    }
    return rc;
}

/* What was not said: a slot a processor; echoes are not counted by what they cost. */
static void settle_slots(struct settings *s)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t usual = cpus > 0 && cpus < LIMIT_WORKER_SLOTS ? (uint32_t)cpus : 1;
    uint32_t given = s->slots;

    for (size_t i = 0; given == 0 && i < s->function_count; i++) {
        const struct handler_function *f = &s->functions[i];
        uint32_t least = f->kind == HANDLER_PIECES ? 0 /* as many as the others */
                         : f->lease.slots != 0     ? f->lease.slots
                         : f->kind == HANDLER_ECHO ? SETTINGS_ECHO_SLOTS
                                                   : usual;

        s->slots = least > s->slots ? least : s->slots;
    }
    for (size_t i = 0; i < s->function_count; i++) {
        struct handler_function *f = &s->functions[i];

        if (f->lease.slots == 0) {
            f->lease.slots = given != 0 || f->kind == HANDLER_ECHO || f->kind == HANDLER_PIECES
                                 ? s->slots
                                 : usual;
        }
        f->lease.name = slice_str(f->name);
    }
}

/* Whoever runs as this user reads the environment a worker began with in /proc, its handlers first
 * of all: once the secrets are copied they are overwritten there. */
static void hide_secrets(void)
{
    static const char *const names[] = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *value = getenv(names[i]);

        if (value != NULL) {
            explicit_bzero(value, strlen(value));
            (void)unsetenv(names[i]);
        }
    }
}

enum err_code settings_load(const struct settings_line *line, struct settings *out, struct err *err)
{
    struct config c = {.path = "command line"};
    enum err_code rc = OK;

    *out = (struct settings){0};
    if (line->file != NULL) {
        rc = config_load(line->file, &c, err);
    }
    rc = rc != OK ? rc : load_worker(out, &c, line, err);
    rc = rc != OK ? rc : s3_settings_load(&c, S3_SETTINGS_WORKER, &out->arena, &out->objects, err);
    rc = rc != OK ? rc : otlp_settings_load(&c, &out->arena, &out->trace, err);
    rc = rc != OK ? rc : load_functions(out, &c, line, err);
    rc = rc != OK ? rc : config_check_used(&c, err);
    if (rc == OK) {
        settle_slots(out);
        hide_secrets();
    }
    config_fini(&c);
    return rc;
}

void settings_fini(struct settings *s)
{
    arena_fini(&s->arena);
    *s = (struct settings){0};
}
