# SPDX-License-Identifier: Apache-2.0
"""TestState of a Task without a mock: a worker runs its function, the answer is the state's outcome, and nothing of it
is left but what the function did, wherever a coordinator is killed."""
import concurrent.futures
import json

import fleet as fleets
import pytest
from fleet import wait_until
from test_aws_clients import LAMBDA, TRY, client, state

FAILS = 'echo \'{"errorType": "Other", "errorMessage": "no"}\'; exit 1'


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    place = tmp_path_factory.mktemp("test-state")
    with fleets.Fleet(place, http={}, coordinator={"no_function": "1s"}) as f:
        f.start_coordinator()
        f.key = f.json("key", "create", "--role", "run")
        f.started = place / "started"
        for name, script in (("fails", FAILS), ("waits", f"echo >>{f.started}; sleep 60")):
            (place / name).write_text(script)
        f.start_worker("w", {
            "echo": {"handler": "event", "command": "cat"},
            "fails": {"handler": "event", "command": f"sh {place / 'fails'}"},
            "waits": {"handler": "event", "command": f"sh {place / 'waits'}", "slots": 2}})
        yield f
        assert f.coordinator.alive(), f.coordinator.text()
        for line in ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
            assert line not in f.coordinator.text(), f.coordinator.text()


@pytest.fixture
def sfn(fleet):
    return client(fleet)


def left(f):
    """Executions, machines, and what is in memory."""
    return f.json("list")["executions"], f.json("machine", "list")["stateMachines"], f.json("health")["hotExecutions"]


def test_a_task_is_carried_out(fleet, sfn):
    given = {"f": "echo"}
    made = {"FunctionName": "echo", "Payload": {"in": given}}
    got = state(sfn, {**TRY, "ResultSelector": {"p.$": "$.Payload", "s.$": "$.StatusCode"}}, given,
                inspectionLevel="DEBUG")
    chosen = {"p": {"in": given}, "s": 200}
    result = got["inspectionData"].pop("result")
    assert result["Payload"] == {"in": given} and result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert got == {"status": "SUCCEEDED", "output": chosen, "nextState": "After", "inspectionData": {
        "input": given, "afterInputPath": given, "afterParameters": made, "afterResultSelector": chosen,
        "afterResultPath": chosen}}
    assert left(fleet) == ([], [], 0)


def test_a_task_that_fails(fleet, sfn):
    got = state(sfn, TRY, {"f": "fails"})
    assert (got["status"], got["error"], got["nextState"]) == ("CAUGHT_ERROR", "Other", "Else")
    assert json.loads(got["cause"])["errorMessage"] == "no"
    got = state(sfn, LAMBDA, {"f": "nobody"})
    assert (got["status"], got["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    got = state(sfn, {**LAMBDA, "TimeoutSeconds": 1}, {"f": "waits"})
    assert (got["status"], got["error"]) == ("FAILED", "States.Timeout")
    assert left(fleet) == ([], [], 0)


def test_a_killed_coordinator_breaks_the_connection(fleet, sfn):
    fleet.started.unlink(missing_ok=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(state, sfn, LAMBDA, {"f": "waits"})
        wait_until(fleet.started.exists, 30)
        fleet.coordinator.kill()
        error = asked.exception(60)
    assert error is not None and "onnection" in repr(error)
    fleet.start_coordinator()
    assert left(fleet) == ([], [], 0)
    assert state(sfn, LAMBDA, {"f": "echo"})["status"] == "SUCCEEDED"
    assert len(fleet.started.read_text()) == 1  # nobody ran it again
