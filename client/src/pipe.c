/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes: plain structs to messages and back. */
#include "client/src/client.h"

enum stepfleet_code stepfleet_pipe_create(struct stepfleet *c,
                                          const struct stepfleet_pipe *pipe,
                                          struct stepfleet_error *error)
{
    Stepfleet__PipeCreateRequest q = STEPFLEET__PIPE_CREATE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.name = text_to(pipe->name);
    q.source = text_to(pipe->source);
    q.target = text_to(pipe->target);
    q.role_arn = text_to(pipe->role_arn);
    q.description = text_to(pipe->description);
    q.desired_state = text_to(pipe->desired_state);
    q.source_parameters = bytes_to(pipe->source_parameters);
    q.target_parameters = bytes_to(pipe->target_parameters);
    q.logging = bytes_to(pipe->logging);
    q.tags = tags_to(pipe->tags.tags, pipe->tags.count, &a);
    q.n_tags = pipe->tags.count;
    rc = client_tell(c, RPC_PIPE_CREATE, &q.base, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_pipe_update(struct stepfleet *c,
                                          const struct stepfleet_pipe *pipe,
                                          struct stepfleet_error *error)
{
    Stepfleet__PipeUpdateRequest q = STEPFLEET__PIPE_UPDATE_REQUEST__INIT;

    q.name = text_to(pipe->name);
    q.target = text_to(pipe->target);
    q.role_arn = text_to(pipe->role_arn);
    q.has_description = pipe->description != NULL;
    q.description = text_to(pipe->description);
    q.desired_state = text_to(pipe->desired_state);
    q.source_parameters = bytes_to(pipe->source_parameters);
    q.target_parameters = bytes_to(pipe->target_parameters);
    q.logging = bytes_to(pipe->logging);
    return client_tell(c, RPC_PIPE_UPDATE, &q.base, error);
}

enum stepfleet_code stepfleet_pipe_describe(struct stepfleet *c,
                                            const char *name,
                                            struct stepfleet_pipe **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__PipeRequest q = STEPFLEET__PIPE_REQUEST__INIT;
    const Stepfleet__PipeDetail *m;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.name = text_to(name);
    rc = client_fetch(c, RPC_PIPE_DESCRIBE, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out = (struct stepfleet_pipe){
            .name = m->name,
            .source = m->source,
            .target = m->target,
            .role_arn = m->role_arn,
            .description = m->description,
            .desired_state = m->desired_state,
            .current_state = m->current_state,
            .state_reason = m->state_reason,
            .source_parameters = bytes_of(m->source_parameters),
            .target_parameters = bytes_of(m->target_parameters),
            .logging = bytes_of(m->logging),
        };
    }
    return rc;
}
