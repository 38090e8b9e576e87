# SPDX-License-Identifier: Apache-2.0
"""Log records of executions: by level, with and without data, of Standard and Express, over a restart."""
import json

import fleet as fleets
import pytest
from fleet import wait_until
from http_client import ask

ROLE = "arn:aws:iam::123456789012:role/r"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "F"},
                                   "F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}


@pytest.fixture
def fleet(tmp_path):
    logs = tmp_path / "logs"
    with fleets.Fleet(tmp_path, http={"access": "open"}, coordinator={"execution_logs": logs}) as f:
        f.logs = logs
        f.start_coordinator()
        yield f
        f.check_serves()


def call(f, operation, **members):
    status, got = ask(f.endpoint, operation, members)
    assert status == 200, got
    return got


def machine(f, name, definition, level, data=True, group="/aws/g", kind="STANDARD"):
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
    return call(f, "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind,
                loggingConfiguration={"level": level, "includeExecutionData": data, "destinations": [
                    {"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]})["stateMachineArn"]


def records(f, run, last, group="/aws/g"):
    """Those of an execution, once the last one is there."""
    path = f.logs / (group.replace("/", "~") + ".jsonl")

    def whole():
        lines = path.read_text().splitlines() if path.exists() else []
        found = [r for r in map(json.loads, lines) if r["execution_arn"] == run]
        return found if found and found[-1]["type"] == last else None
    return wait_until(whole, 30, 0.05)


def test_every_event(fleet):
    arn = machine(fleet, "all", PASS, "ALL")
    run = call(fleet, "StartExecution", stateMachineArn=arn, input='{"a": 1}')["executionArn"]
    got = records(fleet, run, "ExecutionSucceeded")
    events = fleet.history(run)
    assert [(r["id"], r["type"], r["previous_event_id"]) for r in got] == \
        [(str(e["id"]), e["type"], str(e["previousEventId"])) for e in events]
    assert all(isinstance(r["event_timestamp"], str) and r["redrive_count"] == "0" for r in got)
    assert json.loads(got[0]["details"]["input"]) == {"a": 1} and got[0]["details"]["roleArn"] == ROLE
    assert got[1]["details"]["name"] == "P" and json.loads(got[-1]["details"]["output"]) == {"a": 1}


def test_levels_and_data(fleet):
    types = {}
    for level in ("ALL", "ERROR", "FATAL"):
        arn = machine(fleet, level, FAIL, level, data=False, group=level)
        run = call(fleet, "StartExecution", stateMachineArn=arn, input='"secret"')["executionArn"]
        got = records(fleet, run, "ExecutionFailed", level)
        types[level] = [r["type"] for r in got]
        assert "secret" not in json.dumps(got) and "why" not in json.dumps(got)
    assert types["ALL"] == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered",
                            "ExecutionFailed"]
    assert types["ERROR"] == ["FailStateEntered", "ExecutionFailed"] and types["FATAL"] == ["ExecutionFailed"]
    with_data = machine(fleet, "data", FAIL, "FATAL", group="data")
    run = call(fleet, "StartExecution", stateMachineArn=with_data)["executionArn"]
    assert records(fleet, run, "ExecutionFailed", "data")[0]["details"] == {"error": "E", "cause": "why"}
    off = machine(fleet, "off", FAIL, "OFF", group="off")
    fleet.finish(call(fleet, "StartExecution", stateMachineArn=off)["executionArn"])
    assert not (fleet.logs / "off.jsonl").exists()


def test_express(fleet):
    arn = machine(fleet, "x", PASS, "ALL", kind="EXPRESS")
    wanted = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    run = call(fleet, "StartSyncExecution", stateMachineArn=arn, input="[1]")["executionArn"]
    got = records(fleet, run, "ExecutionSucceeded")
    assert [r["type"] for r in got] == wanted and json.loads(got[-1]["details"]["output"]) == [1]
    run = call(fleet, "StartExecution", stateMachineArn=arn)["executionArn"]
    assert [r["type"] for r in records(fleet, run, "ExecutionSucceeded")] == wanted


def test_over_a_restart(fleet):
    """What is acknowledged before a kill may be logged or not; what comes after it is."""
    arn = machine(fleet, "w", WAIT, "ALL")
    run = call(fleet, "StartExecution", stateMachineArn=arn)["executionArn"]
    records(fleet, run, "WaitStateEntered")
    fleet.coordinator.kill()
    fleet.start_coordinator()
    call(fleet, "StopExecution", executionArn=run, error="E")
    got = records(fleet, run, "ExecutionAborted")
    assert got[-1]["details"]["error"] == "E"
    # Another level from now on, and a file that was moved away.
    group = call(fleet, "DescribeStateMachine", stateMachineArn=arn)["loggingConfiguration"]
    (fleet.logs / "~aws~g.jsonl").rename(fleet.logs / "old")
    call(fleet, "UpdateStateMachine", stateMachineArn=arn, loggingConfiguration={**group, "level": "FATAL"})
    run = call(fleet, "StartExecution", stateMachineArn=arn)["executionArn"]
    call(fleet, "StopExecution", executionArn=run)
    assert [r["type"] for r in records(fleet, run, "ExecutionAborted")] == ["ExecutionAborted"]
    call(fleet, "RedriveExecution", executionArn=run)
    call(fleet, "StopExecution", executionArn=run)
    assert wait_until(lambda: [r["redrive_count"] for r in records(fleet, run, "ExecutionAborted")] == ["0", "1"], 30)


def test_an_ordered_stop_writes_what_there_is(fleet):
    arn = machine(fleet, "many", PASS, "ALL")
    runs = [call(fleet, "StartExecution", stateMachineArn=arn)["executionArn"] for _ in range(50)]
    for run in runs:
        fleet.finish(run)
    fleet.coordinator.stop()
    lines = [json.loads(line) for line in (fleet.logs / "~aws~g.jsonl").read_text().splitlines()]
    assert len(lines) == 200 and {r["execution_arn"] for r in lines} == set(runs)
    fleet.start_coordinator()
