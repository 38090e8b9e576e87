/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/input_template.h"

#include "coordinator/asl/jsonpath.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum piece_kind {
    PIECE_TEXT,
    PIECE_PATH,
    PIECE_MISSING, /* a pipe's path that is none: AWS looks at it no sooner */
    PIECE_ARN,
    PIECE_NAME,
    PIECE_SOURCE_ARN,
    PIECE_TARGET_ARN,
    PIECE_ENRICHMENT_ARN,
    PIECE_INGESTION_TIME,
    PIECE_EVENT,
    PIECE_EVENT_JSON,
};

struct piece {
    enum piece_kind is;
    bool in_string; /* a placeholder in a string of JSON */
    struct slice text;
    const struct asl_path *path;
};

struct input_template {
    enum input_dialect dialect;
    struct piece *pieces;
    size_t count;
};

/* ---- placeholders ---- */

static const struct {
    struct slice name;
    enum piece_kind is;
} reserved[][8] = {
    [INPUT_PIPES] =
        {
            {SLICE_INIT("aws.pipes.pipe-arn"), PIECE_ARN},
            {SLICE_INIT("aws.pipes.pipe-name"), PIECE_NAME},
            {SLICE_INIT("aws.pipes.source-arn"), PIECE_SOURCE_ARN},
            {SLICE_INIT("aws.pipes.target-arn"), PIECE_TARGET_ARN},
            {SLICE_INIT("aws.pipes.enrichment-arn"), PIECE_ENRICHMENT_ARN},
            {SLICE_INIT("aws.pipes.event.ingestion-time"), PIECE_INGESTION_TIME},
            {SLICE_INIT("aws.pipes.event"), PIECE_EVENT},
            {SLICE_INIT("aws.pipes.event.json"), PIECE_EVENT_JSON},
        },
    [INPUT_RULES] =
        {
            {SLICE_INIT("aws.events.rule-arn"), PIECE_ARN},
            {SLICE_INIT("aws.events.rule-name"), PIECE_NAME},
            {SLICE_INIT("aws.events.event.ingestion-time"), PIECE_INGESTION_TIME},
            {SLICE_INIT("aws.events.event"), PIECE_EVENT},
            {SLICE_INIT("aws.events.event.json"), PIECE_EVENT_JSON},
        },
};

static bool find_reserved(enum input_dialect dialect, struct slice name, struct piece *out)
{
    for (size_t i = 0; i < sizeof(reserved[0]) / sizeof(reserved[0][0]); i++) {
        if (name.len != 0 && slice_eq(name, reserved[dialect][i].name)) {
            out->is = reserved[dialect][i].is;
            return true;
        }
    }
    return false;
}

struct compiler {
    struct input_template *t;
    struct slice text;
    const struct json_node *paths;
    struct arena *a;
    struct err *err;
    bool in_string;
};

static const struct asl_path *parse_path(struct compiler *c, struct slice path)
{
    const char *why;

    return asl_path_parse(arena_copy(c->a, path), PATH_ANY, c->a, &why);
}

/* A name as rules have them: letters, digits, '-', '_' and '.'. */
static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return s.len != 0;
}

static enum err_code
take_rule_name(struct compiler *c, struct slice name, struct piece *p, bool *taken)
{
    const struct json_node *path = c->paths != NULL ? json_member(c->paths, name) : NULL;

    *taken = is_name(name);
    if (!*taken) {
        return OK;
    }
    if (path == NULL) {
        return err_set(c->err, ERR_VALIDATION, "InputTemplate contains invalid placeholder %.*s.",
                       SLICE_FMT(slice_head(name, 200)));
    }
    p->is = PIECE_PATH;
    p->path = parse_path(c, json_text(path));
    return OK;
}

/* What stands between '<' and '>'; not *taken: it is text. */
static enum err_code
take_placeholder(struct compiler *c, struct slice name, struct piece *p, bool *taken)
{
    *taken = true;
    if (find_reserved(c->t->dialect, name, p)) {
        return OK;
    }
    if (c->t->dialect == INPUT_RULES) {
        return take_rule_name(c, name, p, taken);
    }
    *taken = slice_starts_with(name, SLICE("$"));
    if (*taken) {
        p->path = parse_path(c, name);
        p->is = p->path != NULL ? PIECE_PATH : PIECE_MISSING;
    }
    return OK;
}

/* ---- compiling ---- */

static void add_piece(struct compiler *c, const struct piece *p)
{
    if (p->is != PIECE_TEXT || p->text.len != 0) {
        c->t->pieces[c->t->count++] = *p;
    }
}

/* Is the template in a string behind the text from `from` to `to`? */
static void follow_strings(struct compiler *c, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (c->in_string && c->text.ptr[i] == '\\') {
            i++;
        } else if (c->text.ptr[i] == '"') {
            c->in_string = !c->in_string;
        }
    }
}

static enum err_code compile_text(struct compiler *c)
{
    size_t from = 0; /* of the text that is not a piece yet */
    size_t seen = 0; /* of the text whose quotes were counted */

    for (size_t at = slice_find(c->text, '<'); at < c->text.len;) {
        struct slice rest = slice_from(c->text, at + 1);
        size_t end = slice_find(rest, '>');
        struct piece p = {.is = PIECE_TEXT};
        bool taken = false;
        enum err_code rc =
            end < rest.len ? take_placeholder(c, slice_head(rest, end), &p, &taken) : OK;

        if (rc != OK) {
            return rc;
        }
        if (taken) {
            follow_strings(c, seen, at);
            p.in_string = c->in_string;
            add_piece(c, &(struct piece){.text = slice_make(c->text.ptr + from, at - from)});
            add_piece(c, &p);
            from = seen = at + end + 2;
        }
        at += taken ? end + 2 : 1;
        at += slice_find(slice_from(c->text, at), '<');
    }
    add_piece(c, &(struct piece){.text = slice_from(c->text, from)});
    return OK;
}

static enum err_code check_paths(struct compiler *c)
{
    for (const struct json_node *e = json_first(c->paths); e != NULL; e = json_next(c->paths, e)) {
        struct slice name = json_key(c->paths, e);

        if (!is_name(name) || slice_starts_with(name, SLICE("AWS.")) ||
            slice_starts_with(name, SLICE("aws."))) {
            return err_set(c->err, ERR_VALIDATION, "InputPathsMap contains invalid key %.*s.",
                           SLICE_FMT(slice_head(name, 200)));
        }
        if (!json_is(e, JSON_STRING) || parse_path(c, json_text(e)) == NULL) {
            return err_set(c->err, ERR_VALIDATION, "InputPathsMap contains invalid path for %.*s.",
                           SLICE_FMT(slice_head(name, 200)));
        }
    }
    return OK;
}

/* Each placeholder, the text before it, and that behind the last. */
static size_t most_pieces(struct slice text)
{
    size_t most = 1;

    for (size_t i = 0; i < text.len; i++) {
        most += text.ptr[i] == '<' ? 2 : 0;
    }
    return most;
}

enum err_code input_template_compile(struct slice text,
                                     const struct json_node *paths,
                                     enum input_dialect dialect,
                                     struct arena *a,
                                     const struct input_template **out,
                                     struct err *err)
{
    struct input_template *t = ARENA_NEW(a, struct input_template);
    struct compiler c = {.t = t, .text = arena_copy(a, text), .paths = paths, .a = a, .err = err};
    enum err_code rc;

    if (text.len > LIMIT_TEMPLATE_BYTES || json_count(paths) > LIMIT_TEMPLATE_PATHS) {
        return err_set(err, ERR_VALIDATION,
                       "InputTemplate has more than %d bytes, or InputPathsMap more than %d items",
                       LIMIT_TEMPLATE_BYTES, LIMIT_TEMPLATE_PATHS);
    }
    t->dialect = dialect;
    t->pieces = ARENA_ARRAY(a, most_pieces(text), struct piece);
    rc = check_paths(&c);
    if (rc == OK) {
        rc = compile_text(&c);
    }
    if (rc == OK) {
        *out = t;
    }
    return rc;
}

/* ---- applying ---- */

struct target {
    bool in_string;
    struct arena *a;
    struct buf *out;
};

/* JSON text without the quotes around its strings: those in them are escaped, and stay. */
static void put_unquoted(const struct target *to, struct slice json)
{
    for (size_t i = 0; i < json.len; i++) {
        if (json.ptr[i] == '\\') {
            buf_put(to->out, json.ptr + i, 2);
            i++;
        } else if (json.ptr[i] != '"') {
            buf_put_u8(to->out, (uint8_t)json.ptr[i]);
        }
    }
}

static void put_value(const struct target *to, const struct json_node *v)
{
    if (to->in_string) {
        put_unquoted(to, json_print(v, to->a));
    } else {
        json_write(v, to->out);
    }
}

static void put_text(const struct target *to, struct slice text)
{
    put_value(to, json_string(to->a, text));
}

static void
put_path(const struct target *to, const struct asl_path *path, const struct json_node *event)
{
    const struct asl_scope_data scope = {.input = event, .a = to->a};
    struct path_miss miss;
    const struct json_node *v = asl_path_value(path, &scope, &miss);

    if (v != NULL) {
        put_value(to, v);
    } else {
        put_text(to, SLICE(""));
    }
}

/* A rule's event without its detail, the names as Java writes them. */
static const struct json_node *envelope(const struct json_node *event, struct arena *a)
{
    static const struct slice names[][2] = {
        {SLICE_INIT("id"), SLICE_INIT("id")},
        {SLICE_INIT("account"), SLICE_INIT("account")},
        {SLICE_INIT("detail-type"), SLICE_INIT("detailType")},
        {SLICE_INIT("time"), SLICE_INIT("time")},
        {SLICE_INIT("source"), SLICE_INIT("source")},
        {SLICE_INIT("region"), SLICE_INIT("region")},
        {SLICE_INIT("resources"), SLICE_INIT("resources")},
        {SLICE_INIT("version"), SLICE_INIT("version")},
    };
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct json_node *v = json_member(event, names[i][0]);

        if (v != NULL) {
            json_put(&b, names[i][1], v);
        }
    }
    return json_built(&b);
}

static void put_event(const struct target *to, enum input_dialect d, const struct json_node *event)
{
    put_value(to, d == INPUT_RULES ? envelope(event, to->a) : event);
}

/* A pipe's has no value where its body is no JSON. */
static void
put_event_json(const struct target *to, enum input_dialect d, const struct input_values *v)
{
    if (d == INPUT_RULES || v->parsed != v->event) {
        put_value(to, v->parsed);
    } else {
        put_text(to, SLICE(""));
    }
}

void input_template_apply(const struct input_template *t,
                          const struct input_values *v,
                          struct arena *a,
                          struct buf *out)
{
    size_t most = out->len + LIMIT_PAYLOAD_BYTES_MAX;

    for (size_t i = 0; i < t->count && out->len <= most; i++) {
        const struct piece *p = &t->pieces[i];
        const struct target to = {p->in_string, a, out};

        switch (p->is) {
        case PIECE_TEXT: buf_put_slice(out, p->text); break;
        case PIECE_PATH: put_path(&to, p->path, v->parsed); break;
        case PIECE_MISSING: put_text(&to, SLICE("")); break;
        case PIECE_ARN: put_text(&to, v->arn); break;
        case PIECE_NAME: put_text(&to, v->name); break;
        case PIECE_SOURCE_ARN: put_text(&to, v->source_arn); break;
        case PIECE_TARGET_ARN: put_text(&to, v->target_arn); break;
        case PIECE_ENRICHMENT_ARN: put_text(&to, v->enrichment_arn); break;
        case PIECE_INGESTION_TIME: put_text(&to, text_time(v->ingestion_ms, a)); break;
        case PIECE_EVENT: put_event(&to, t->dialect, v->event); break;
        case PIECE_EVENT_JSON: put_event_json(&to, t->dialect, v); break;
        }
    }
}

const struct json_node *input_parse_body(const struct json_node *record, struct arena *a)
{
    const struct json_node *body = json_member(record, SLICE("body"));
    const struct json_node *parsed;
    struct json_builder b;

    if (!json_is(body, JSON_STRING) || json_parse(json_text(body), a, &parsed, NULL) != OK) {
        return record;
    }
    b = json_build_object(a);
    for (const struct json_node *e = json_first(record); e != NULL; e = json_next(record, e)) {
        json_put(&b, json_key(record, e), e);
    }
    json_put(&b, SLICE("body"), parsed);
    return json_built(&b);
}
