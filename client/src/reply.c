/* SPDX-License-Identifier: Apache-2.0 */
/* What came back for a call: the answer to it and to no other, or the coordinator's refusal in its
 * own words. Bytes from the network: nothing of them is believed before it is checked. */
#include "client/src/client.h"

/* The coordinator said no: its words become the error. */
static enum err_code refusal(const struct envelope *e, struct arena *a, struct err *err)
{
    enum err_code code = err_from_number(e->status);
    struct err ignored;
    Stepfleet__ErrorBody *b =
        message_unpack(&stepfleet__error_body__descriptor, e->body, a, &ignored);

    if (b == NULL) {
        return err_set(err, code, "%s", err_sentence(code));
    }
    if (code == ERR_VERSION) {
        return err_set(err, code,
                       "the coordinator speaks versions %u to %u of the protocol, this program %d "
                       "to %d: bring both to the same release",
                       b->version_min, b->version_max, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
    }
    if ((unsigned)code != e->status) {
        return err_set(err, code, "%s: %s", b->code, b->message);
    }
    return err_set(err, code, "%s", b->message);
}

enum err_code reply_read(struct slice frame,
                         enum rpc method,
                         uint64_t request_id,
                         struct arena *a,
                         void **out,
                         struct err *err)
{
    struct envelope e;
    enum err_code rc = envelope_decode(frame, &e, err);

    if (rc != OK && rc != ERR_VERSION) {
        return rc;
    }
    if (e.request_id != request_id || e.method != method) {
        return err_set(err, ERR_MESSAGE, "the coordinator's answer is to another request");
    }
    if (e.status != 0) {
        return refusal(&e, a, err);
    }
    if (rc != OK) {
        return rc;
    }
    *out = message_unpack(rpc_reply(method), e.body, a, err);
    return *out != NULL ? OK : err->code;
}
