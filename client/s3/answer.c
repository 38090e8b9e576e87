/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/answer.h"

#include "client/s3/sign.h"
#include "client/s3/xml.h"
#include "proto/base/text.h"

static struct slice answer_trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

/* Header names are ASCII and compared without case; `name` is in lower case. */
static bool answer_name_is(struct slice s, struct slice name)
{
    if (s.len != name.len) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if ((c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) != name.ptr[i]) {
            return false;
        }
    }
    return true;
}

/* A value too long for its place is not kept: half an ETag is worse than none. */
static void answer_keep(struct slice value, char *out, size_t cap)
{
    if (value.len < cap && memchr(value.ptr, '\0', value.len) == NULL) {
        memcpy(out, value.ptr, value.len);
        out[value.len] = '\0';
    }
}

static struct slice answer_unquote(struct slice s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"') {
        return slice_make(s.ptr + 1, s.len - 2);
    }
    return s;
}

/* "bytes 0-9/100" or, of a 416, an asterisk in the range's place. */
static void answer_content_range(struct answer *n, struct slice value)
{
    size_t slash = slice_find(value, '/');
    struct slice range;
    size_t dash;
    uint64_t first;
    uint64_t last;

    n->has_range = n->has_size = false; /* of two such headers the later one counts */
    if (!slice_starts_with(value, SLICE("bytes ")) || slash == value.len ||
        !text_parse_u64(slice_from(value, slash + 1), &n->size)) {
        return;
    }
    n->has_size = true;
    range = slice_from(slice_head(value, slash), 6);
    dash = slice_find(range, '-');
    if (dash < range.len && text_parse_u64(slice_head(range, dash), &first) &&
        text_parse_u64(slice_from(range, dash + 1), &last) && first <= last && last < n->size) {
        n->has_range = true;
        n->first = first;
        n->last = last;
    }
}

static void answer_status_line(struct answer *n, struct slice line)
{
    uint64_t status;
    struct slice rest = answer_trim(slice_from(line, slice_find(line, ' ')));

    *n = (struct answer){0};
    if (text_parse_u64(slice_head(rest, 3), &status)) {
        n->status = (unsigned)status;
    }
}

void answer_header(struct answer *n, struct slice line)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_head(line, colon);
    struct slice value = answer_trim(slice_from(line, colon + 1));

    if (slice_starts_with(line, SLICE("HTTP/"))) {
        answer_status_line(n, line);
    } else if (answer_name_is(name, SLICE("etag"))) {
        answer_keep(answer_unquote(value), n->object.etag, sizeof(n->object.etag));
    } else if (answer_name_is(name, SLICE("x-amz-meta-stepfleet-mark"))) {
        answer_keep(value, n->object.mark, sizeof(n->object.mark));
    } else if (answer_name_is(name, SLICE("content-length"))) {
        n->has_length = text_parse_u64(value, &n->length);
    } else if (answer_name_is(name, SLICE("content-range"))) {
        answer_content_range(n, value);
    } else if (answer_name_is(name, SLICE("x-amz-server-side-encryption"))) {
        n->encrypted = !slice_eq(value, SLICE("AES256"));
    } else if (answer_name_is(name, SLICE("x-amz-server-side-encryption-customer-algorithm"))) {
        n->encrypted = true;
    }
}

struct answer_code {
    struct slice name;
    struct verdict verdict;
};

/* Where the name says more than the status. */
static const struct answer_code answer_codes[] = {
    {SLICE_INIT("SlowDown"), {ERR_BUSY, true, true}},
    {SLICE_INIT("Throttling"), {ERR_BUSY, true, true}},
    {SLICE_INIT("ThrottlingException"), {ERR_BUSY, true, true}},
    {SLICE_INIT("RequestLimitExceeded"), {ERR_BUSY, true, true}},
    {SLICE_INIT("ServiceUnavailable"), {ERR_UNAVAILABLE, true, true}},
    {SLICE_INIT("InternalError"), {ERR_UNAVAILABLE, true, false}},
    {SLICE_INIT("RequestTimeout"), {ERR_TIMED_OUT, true, false}},
    {SLICE_INIT("OperationAborted"), {ERR_CONFLICT, true, false}},
    {SLICE_INIT("BadDigest"), {ERR_INTEGRITY, true, false}},
    {SLICE_INIT("XAmzContentSHA256Mismatch"), {ERR_INTEGRITY, true, false}},
    {SLICE_INIT("IncompleteBody"), {ERR_IO, true, false}},
    {SLICE_INIT("NoSuchKey"), {ERR_NOT_FOUND, false, false}},
    {SLICE_INIT("NoSuchUpload"), {ERR_NOT_FOUND, false, false}},
    {SLICE_INIT("NoSuchBucket"), {ERR_NOT_FOUND, false, false}},
    {SLICE_INIT("PreconditionFailed"), {ERR_PRECONDITION, false, false}},
    {SLICE_INIT("AccessDenied"), {ERR_DENIED, false, false}},
    {SLICE_INIT("InvalidAccessKeyId"), {ERR_DENIED, false, false}},
    {SLICE_INIT("ExpiredToken"), {ERR_DENIED, false, false}},
    {SLICE_INIT("EntityTooLarge"), {ERR_TOO_LARGE, false, false}},
    {SLICE_INIT("QuotaExceeded"), {ERR_NO_SPACE, false, false}},
};

static struct verdict answer_status_verdict(unsigned status)
{
    switch (status) {
    case 401:
    case 403: return (struct verdict){ERR_DENIED, false, false};
    case 404: return (struct verdict){ERR_NOT_FOUND, false, false};
    case 408: return (struct verdict){ERR_TIMED_OUT, true, false};
    case 409: return (struct verdict){ERR_CONFLICT, false, false};
    case 412: return (struct verdict){ERR_PRECONDITION, false, false};
    case 413: return (struct verdict){ERR_TOO_LARGE, false, false};
    case 429: return (struct verdict){ERR_BUSY, true, true};
    case 501: return (struct verdict){ERR_CONFIG, false, false};
    case 502:
    case 503:
    case 504: return (struct verdict){ERR_UNAVAILABLE, true, true};
    case 507: return (struct verdict){ERR_NO_SPACE, false, false};
    default: break;
    }
    if (status >= 500 || status < 200) {
        return (struct verdict){ERR_UNAVAILABLE, true, false};
    }
    if (status < 300) {
        return (struct verdict){OK, false, false};
    }
    return (struct verdict){status < 400 ? ERR_CONFIG : ERR_VALIDATION, false, false};
}

struct verdict answer_verdict(unsigned status, struct slice error_code)
{
    struct verdict v = answer_status_verdict(status);

    for (size_t i = 0; i < sizeof(answer_codes) / sizeof(answer_codes[0]); i++) {
        if (slice_eq(error_code, answer_codes[i].name)) {
            return answer_codes[i].verdict;
        }
    }
    if (v.rc == OK && error_code.len != 0) {
        return (struct verdict){ERR_UNAVAILABLE, true, false};
    }
    return v;
}

/* Walk to the next text of a child of the root, `root` empty: whatever it is called. */
static bool
answer_next_child(struct xml *x, struct slice root, struct slice *name, struct slice *raw)
{
    for (;;) {
        enum xml_kind kind = xml_next(x, raw);

        if (kind == XML_END || kind == XML_BAD) {
            return false;
        }
        if (x->depth >= 1 && root.len != 0 && !slice_eq(x->names[0], root)) {
            x->broken = true;
            return false;
        }
        if (kind == XML_TEXT && x->depth == 2) {
            *name = x->names[1];
            return true;
        }
    }
}

bool answer_child(struct slice body,
                  struct slice root,
                  struct slice name,
                  struct arena *a,
                  struct slice *out)
{
    struct xml x;
    struct slice found;
    struct slice raw;
    bool have = false;

    xml_init(&x, body);
    while (answer_next_child(&x, root, &found, &raw)) {
        if (slice_eq(found, name) && !have) {
            have = xml_decode(raw, a, out);
        }
    }
    return have && !x.broken;
}

bool answer_error_read(struct slice body, struct arena *a, struct answer_error *out)
{
    *out = (struct answer_error){{"", 0}, {"", 0}};
    (void)answer_child(body, SLICE("Error"), SLICE("Message"), a, &out->message);
    return answer_child(body, SLICE("Error"), SLICE("Code"), a, &out->code);
}

/* A page is read in two passes: what holds for all of it may stand behind the entries. */
struct answer_reading {
    struct arena *arena;
    bool uploads;
    bool encoded; /* keys are percent-encoded too */
    size_t cap;
    struct answer_page page;
};

static bool answer_key(const struct answer_reading *g, struct slice raw, struct slice *out)
{
    struct slice text;

    if (!xml_decode(raw, g->arena, &text)) {
        return false;
    }
    if (!g->encoded) {
        *out = text;
        return true;
    }
    return sign_decode(text, g->arena, out);
}

static bool answer_page_field(struct answer_reading *g, struct slice name, struct slice raw)
{
    if (slice_eq(name, SLICE("IsTruncated"))) {
        g->page.truncated = slice_eq(raw, SLICE("true"));
        return true;
    }
    if (slice_eq(name, SLICE("NextContinuationToken")) && !g->uploads) {
        return xml_decode(raw, g->arena, &g->page.next);
    }
    if (slice_eq(name, SLICE("NextKeyMarker")) && g->uploads) {
        return answer_key(g, raw, &g->page.next);
    }
    if (slice_eq(name, SLICE("NextUploadIdMarker")) && g->uploads) {
        return xml_decode(raw, g->arena, &g->page.next_upload_id);
    }
    return true;
}

static struct s3_entry *answer_entry_add(struct answer_reading *g)
{
    if (g->page.count == g->cap) {
        size_t cap = g->cap == 0 ? 64 : g->cap * 2;

        g->page.entries = arena_grow(g->arena, g->page.entries, g->cap * sizeof(struct s3_entry),
                                     cap * sizeof(struct s3_entry));
        g->cap = cap;
    }
    g->page.entries[g->page.count] = (struct s3_entry){0};
    return &g->page.entries[g->page.count++];
}

static bool answer_entry_field(struct answer_reading *g, struct slice name, struct slice raw)
{
    struct s3_entry *e = &g->page.entries[g->page.count - 1];

    if (slice_eq(name, SLICE("Key"))) {
        return answer_key(g, raw, &e->key);
    }
    if (slice_eq(name, SLICE("UploadId"))) {
        return xml_decode(raw, g->arena, &e->upload_id);
    }
    if (slice_eq(name, SLICE("Size"))) {
        return text_parse_u64(raw, &e->size_bytes);
    }
    if (slice_eq(name, SLICE("LastModified")) || slice_eq(name, SLICE("Initiated"))) {
        return text_parse_time(raw, &e->time_ms);
    }
    return true;
}

static bool answer_page_entries(struct answer_reading *g, struct slice body)
{
    struct slice group = g->uploads ? SLICE("Upload") : SLICE("Contents");
    struct xml x;
    struct slice value;

    xml_init(&x, body);
    for (;;) {
        enum xml_kind kind = xml_next(&x, &value);

        if (kind == XML_END || kind == XML_BAD) {
            return kind == XML_END;
        }
        if (x.depth < 2 || !slice_eq(x.names[1], group)) {
            continue;
        }
        if (kind == XML_OPEN && x.depth == 2) {
            (void)answer_entry_add(g);
        } else if (kind == XML_TEXT && x.depth == 3 && !answer_entry_field(g, x.names[2], value)) {
            return false;
        }
    }
}

static bool answer_entries_whole(const struct answer_reading *g)
{
    for (size_t i = 0; i < g->page.count; i++) {
        if (g->page.entries[i].key.len == 0 ||
            (g->uploads && g->page.entries[i].upload_id.len == 0)) {
            return false;
        }
    }
    return true;
}

bool answer_list_read(struct slice body, bool uploads, struct arena *a, struct answer_page *out)
{
    struct slice root = uploads ? SLICE("ListMultipartUploadsResult") : SLICE("ListBucketResult");
    struct answer_reading g = {.arena = a, .uploads = uploads};
    struct slice encoding;
    struct slice name;
    struct slice raw;
    struct xml x;

    g.encoded = answer_child(body, root, SLICE("EncodingType"), a, &encoding) &&
                slice_eq(encoding, SLICE("url"));
    xml_init(&x, body);
    while (answer_next_child(&x, root, &name, &raw)) {
        if (!answer_page_field(&g, name, raw)) {
            return false;
        }
    }
    if (x.broken || !answer_page_entries(&g, body) || !answer_entries_whole(&g) ||
        (g.page.truncated && g.page.next.len == 0)) {
        return false;
    }
    *out = g.page;
    return true;
}
