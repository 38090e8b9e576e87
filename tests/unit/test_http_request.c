/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP request asks for: the operation it names, what its signer may do, what its body
 * says, where its page goes on. Signatures are those of test_http_sigv4: here requests are signed
 * by the same code that signs for S3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "client/s3/sign.h"
#include "coordinator/api/http/request.h"

static const struct slice secret = SLICE_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
static const int64_t now_ms = INT64_C(1795420800000);

struct world {
    struct http_header headers[8];
    struct http_request r;
    struct aws_access access;
    enum access_role role;
    struct arena a;
    struct aws_asked asked;
    struct err err;
};

static bool find(void *arg,
                 const struct sigv4_claim *claim,
                 struct arena *a,
                 struct sign_mac *key,
                 enum access_role *role)
{
    const struct sign_scope scope = sigv4_scope(claim);
    const struct world *w = arg;

    *key = sign_key(secret, &scope, a);
    *role = w->role;
    return slice_eq_str(claim->access_key, "AKIDEXAMPLE");
}

static void put(struct world *w, const char *name, struct slice value)
{
    w->headers[w->r.header_count++] = (struct http_header){slice_str(name), value};
}

static void begin(struct world *w, const char *target, const char *body)
{
    memset(w, 0, sizeof(*w));
    w->r.method = SLICE("POST");
    w->r.target = SLICE("/");
    w->r.headers = w->headers;
    w->r.body = slice_str(body);
    w->access = (struct aws_access){
        .open = true, .page_key = SLICE("key"), .now_ms = now_ms, .find = find, .arg = w};
    put(w, "host", SLICE("localhost"));
    put(w, "x-amz-target", slice_str(target));
}

static void sign_by(struct world *w, const char *id, struct slice by, const char *service)
{
    const struct sign_pair pairs[] = {
        {SLICE("host"), w->headers[0].value},
        {SLICE("x-amz-date"), SLICE("20261123T080000Z")},
        {SLICE("x-amz-target"), w->headers[1].value},
    };
    const struct sign_scope scope = {SLICE("20261123"), SLICE("eu-west-1"), slice_str(service)};
    struct sign_request s = {
        .method = w->r.method, .path = SLICE("/"), .headers = pairs, .header_count = 3};
    char hash[SIGN_HEX_BYTES];
    char signature[SIGN_HEX_BYTES];
    struct sign_mac key;

    key = sign_key(by, &scope, &w->a);
    sign_hash(w->r.body, hash);
    s.payload_hash = slice_make(hash, sizeof(hash));
    sign_signature(&key, &scope, SLICE("20261123T080000Z"), sign_canonical(&s, &w->a), &w->a,
                   signature);
    w->access.open = false;
    w->access.now_ms = INT64_C(1795420800000);
    put(w, "x-amz-date", SLICE("20261123T080000Z"));
    put(w, "authorization",
        arena_printf(&w->a,
                     "AWS4-HMAC-SHA256 Credential=%s/20261123/eu-west-1/%s/aws4_request, "
                     "SignedHeaders=host;x-amz-date;x-amz-target, Signature=%.*s",
                     id, service, SIGN_HEX_BYTES, signature));
}

static enum err_code understand(struct world *w)
{
    return aws_understand(&w->r, &w->access, &w->a, &w->asked, &w->err);
}

static void test_http_request__an_operation(void **state)
{
    const Stepfleet__StartRequest *q;
    struct world w;

    (void)state;
    begin(&w, "AWSStepFunctions.StartExecution",
          "{\"stateMachineArn\":\"arn:m\",\"input\":\"[1]\",\"unknown\":{}}");
    assert_int_equal(understand(&w), OK);
    assert_int_equal(w.asked.operation->method, RPC_EXECUTION_START);
    q = (const void *)w.asked.request;
    assert_string_equal(q->machine, "arn:m");
    assert_true(q->has_input && slice_eq_str(message_slice(q->input), "[1]"));
    assert_string_equal(aws_content_type(w.asked.operation), "application/x-amz-json-1.0");
    arena_fini(&w.a);
    begin(&w, "AWSGlue.StartJobRun", "{\"JobName\":\"j\"}");
    assert_int_equal(understand(&w), OK);
    assert_string_equal(aws_content_type(w.asked.operation), "application/x-amz-json-1.1");
    arena_fini(&w.a);
    begin(&w, "AWSStepFunctions.ListActivities", "");
    assert_int_equal(understand(&w), OK); /* no body is an empty object */
    arena_fini(&w.a);
}

static void test_http_request__no_operation(void **state)
{
    static const char *const targets[] = {
        "AWSStepFunctions.startExecution",
        "AWSStepFunctions.Start",
        "AWSStepFunctions.",
        "StartExecution",
        "AWSGlue.StartExecution",
        "AWSStepFunctions.StartJobRun",
        "",
        "DynamoDB_20120810.ListTables",
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        begin(&w, targets[i], "{}");
        assert_int_equal(understand(&w), ERR_UNKNOWN_METHOD);
        arena_fini(&w.a);
    }
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    w.r.method = SLICE("GET");
    assert_int_equal(understand(&w), ERR_UNKNOWN_METHOD);
    arena_fini(&w.a);
    begin(&w, "", "{}");
    w.r.header_count = 1;
    assert_int_equal(understand(&w), ERR_UNKNOWN_METHOD);
    arena_fini(&w.a);
}

static void test_http_request__bodies_that_are_none(void **state)
{
    static const struct {
        const char *body;
        enum err_code rc;
    } rows[] = {
        {"{", ERR_MESSAGE},     {"[]", ERR_MESSAGE},
        {"\xff", ERR_MESSAGE},  {"{\"name\":1}", ERR_MESSAGE},
        {"{}", ERR_VALIDATION}, {"{\"name\":null}", ERR_VALIDATION},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&w, "AWSStepFunctions.CreateActivity", rows[i].body);
        assert_int_equal(understand(&w), rows[i].rc);
        arena_fini(&w.a);
    }
}

/* ---- who may ---- */

static void test_http_request__what_a_role_may(void **state)
{
    static const struct {
        const char *target;
        const char *body;
        enum access_role least;
    } rows[] = {
        {"AWSStepFunctions.ListStateMachines", "{}", ROLE_READ},
        {"AWSStepFunctions.DescribeExecution", "{\"executionArn\":\"arn:x\"}", ROLE_READ},
        {"AWSStepFunctions.StartExecution", "{\"stateMachineArn\":\"arn:x\"}", ROLE_RUN},
        {"AWSStepFunctions.GetActivityTask", "{\"activityArn\":\"arn:x\"}", ROLE_RUN},
        {"AWSStepFunctions.SendTaskHeartbeat", "{\"taskToken\":\"x\"}", ROLE_RUN},
        {"AWSStepFunctions.CreateActivity", "{\"name\":\"x\"}", ROLE_ADMIN},
        {"AWSStepFunctions.DeleteStateMachine", "{\"stateMachineArn\":\"arn:x\"}", ROLE_ADMIN},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int role = ROLE_READ; role <= ROLE_ADMIN; role++) {
            enum err_code rc;

            begin(&w, rows[i].target, rows[i].body);
            w.role = (enum access_role)role;
            sign_by(&w, "AKIDEXAMPLE", secret, "states");
            rc = understand(&w);
            if (rc != (w.role < rows[i].least ? ERR_DENIED : OK)) {
                fail_msg("%s as %d: %s", rows[i].target, role, w.err.msg);
            }
            arena_fini(&w.a);
        }
    }
}

static bool begins_with_one_of(const char *name, const char *const *words, size_t count)
{
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        found = found || strncmp(name, words[i], strlen(words[i])) == 0;
    }
    return found;
}

/* Each operation by what its name says: nothing that changes anything is for readers. */
static void test_http_request__a_role_for_each(void **state)
{
    static const char *const reads[] = {"Describe",        "List",     "GetExecutionHistory",
                                        "GetQueue",        "Validate", "GetTopic",
                                        "GetSubscription", "GetJob",   "TestEventPattern"};
    static const char *const runs[] = {
        "Start",   "Stop",   "Redrive",       "Send",          "GetActivityTask", "TestState",
        "Receive", "Cancel", "DeleteMessage", "ChangeMessage", "BatchStop",       "PutEvents"};
    static const char *const changes[] = {
        "Create", "Update", "Delete",    "Publish",     "Tag", "Untag",  "Add",    "Remove",
        "Purge",  "Set",    "Subscribe", "Unsubscribe", "Put", "Enable", "Disable"};
    size_t count;
    const struct aws_row *rows = aws_rows(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != AWS_ROW_OPERATION) {
            continue;
        }
        if (begins_with_one_of(rows[i].name, reads, sizeof(reads) / sizeof(reads[0]))) {
            assert_int_equal(rows[i].role, ROLE_READ);
        } else if (begins_with_one_of(rows[i].name, runs, sizeof(runs) / sizeof(runs[0])) ||
                   (rows[i].service == AWS_SNS && strncmp(rows[i].name, "Publish", 7) == 0)) {
            assert_int_equal(rows[i].role, ROLE_RUN);
        } else if (begins_with_one_of(rows[i].name, changes,
                                      sizeof(changes) / sizeof(changes[0]))) {
            assert_int_equal(rows[i].role, ROLE_ADMIN);
        } else {
            fail_msg("whose is %s?", rows[i].name);
        }
    }
}

static void test_http_request__who_it_is(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    w.access.open = false;
    assert_int_equal(understand(&w), ERR_SIGNATURE_MISSING);
    arena_fini(&w.a);
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    w.role = ROLE_ADMIN;
    sign_by(&w, "AKIDNOBODY", secret, "states");
    assert_int_equal(understand(&w), ERR_KEY_UNKNOWN);
    arena_fini(&w.a);
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    w.role = ROLE_ADMIN;
    sign_by(&w, "AKIDEXAMPLE", SLICE("another secret"), "states");
    assert_int_equal(understand(&w), ERR_SIGNATURE_INVALID);
    assert_null(strstr(w.err.msg, "EXAMPLEKEY"));
    arena_fini(&w.a);
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    w.role = ROLE_ADMIN;
    sign_by(&w, "AKIDEXAMPLE", secret, "glue");
    assert_int_equal(understand(&w), ERR_SIGNATURE_INVALID);
    arena_fini(&w.a);
}

/* A page of the web can make a browser send a request here, but not without saying so. */
static void test_http_request__not_a_web_page(void **state)
{
    struct world w;

    (void)state;
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    put(&w, "origin", SLICE("http://evil.example"));
    assert_int_equal(understand(&w), ERR_DENIED);
    arena_fini(&w.a);
}

/* ---- pages ---- */

static void test_http_request__tokens_go_round(void **state)
{
    const Stepfleet__ListRequest *q;
    char body[512];
    struct world w;
    struct slice token;

    (void)state;
    begin(&w, "AWSStepFunctions.ListExecutions",
          "{\"stateMachineArn\":\"arn:m\",\"maxResults\":2}");
    assert_int_equal(understand(&w), OK);
    assert_true(w.asked.page.pages);
    token = page_token(SLICE("key"), &w.asked.page, SLICE("inner token/+"), now_ms, &w.a);
    (void)snprintf(body, sizeof(body), "{\"stateMachineArn\":\"arn:m\",\"nextToken\":\"%.*s\"}",
                   SLICE_FMT(token));
    arena_fini(&w.a);
    begin(&w, "AWSStepFunctions.ListExecutions", body); /* with another maxResults */
    assert_int_equal(understand(&w), OK);
    q = (const void *)w.asked.request;
    assert_string_equal(q->next_token, "inner token/+");
    arena_fini(&w.a);
    /* A day later it is none any more. */
    begin(&w, "AWSStepFunctions.ListExecutions", body);
    w.access.now_ms = now_ms + 24 * 3600 * 1000 + 1;
    assert_int_equal(understand(&w), ERR_INVALID_TOKEN);
    arena_fini(&w.a);
    /* Nor for another coordinator, another machine, another operation. */
    begin(&w, "AWSStepFunctions.ListExecutions", body);
    w.access.page_key = SLICE("other");
    assert_int_equal(understand(&w), ERR_INVALID_TOKEN);
    arena_fini(&w.a);
    body[24] = 'n';
    begin(&w, "AWSStepFunctions.ListExecutions", body);
    assert_int_equal(understand(&w), ERR_INVALID_TOKEN);
    arena_fini(&w.a);
}

static void test_http_request__tokens_that_were_changed(void **state)
{
    struct world w;
    struct slice token;
    char body[512];

    (void)state;
    begin(&w, "AWSStepFunctions.ListActivities", "{}");
    assert_int_equal(understand(&w), OK);
    token = page_token(SLICE("key"), &w.asked.page, SLICE("a"), now_ms, &w.a);
    for (size_t i = 0; i <= token.len; i++) {
        struct world other;
        char changed[256];

        (void)snprintf(changed, sizeof(changed), "%.*s", SLICE_FMT(token));
        changed[i] = i == token.len ? 'A' : changed[i] == 'A' ? 'B' : 'A';
        changed[token.len + (i == token.len)] = '\0';
        (void)snprintf(body, sizeof(body), "{\"nextToken\":\"%s\"}", changed);
        begin(&other, "AWSStepFunctions.ListActivities", body);
        assert_int_equal(understand(&other), ERR_INVALID_TOKEN);
        assert_string_equal(other.err.msg, "Invalid Token: 'Invalid token'");
        arena_fini(&other.a);
    }
    arena_fini(&w.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_request__an_operation),
        cmocka_unit_test(test_http_request__no_operation),
        cmocka_unit_test(test_http_request__bodies_that_are_none),
        cmocka_unit_test(test_http_request__what_a_role_may),
        cmocka_unit_test(test_http_request__a_role_for_each),
        cmocka_unit_test(test_http_request__who_it_is),
        cmocka_unit_test(test_http_request__not_a_web_page),
        cmocka_unit_test(test_http_request__tokens_go_round),
        cmocka_unit_test(test_http_request__tokens_that_were_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
