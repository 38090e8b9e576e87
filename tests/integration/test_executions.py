# SPDX-License-Identifier: Apache-2.0
"""Executions end to end: a coordinator, workers and the client as real processes."""
import concurrent.futures
import json
import time
from datetime import datetime

import pytest
from fleet import LAMBDA, Failed, chain, check_history, task, wait_until

PY = "/usr/bin/python3 -c "
DOUBLE = PY + "'import sys,json; print(json.dumps(json.load(sys.stdin)*2))'"
BOOM = PY + """'import sys,json; print(json.dumps({"errorType":"Boom","errorMessage":"no luck"})); sys.exit(1)'"""
SLEEP = PY + "'import time; time.sleep(60)'"
FLAG = """/bin/sh -c 'if [ -e "$FLAG" ]; then echo 1; else echo "not yet" >&2; exit 3; fi'"""


def echo(slots=8):
    return {"handler": "echo", "slots": slots}


def event(command, **keys):
    return {"handler": "event", "command": command, "slots": 8, **keys}


def types(events):
    return [e["type"] for e in events]


@pytest.mark.tsan
def test_a_chain_of_echoes_succeeds_with_awss_history(fleet):
    fleet.start_worker("w1", {"echo": echo()})
    fleet.create("m", chain(["echo", "echo"]))
    arn = fleet.start("m", "e1", {"a": 1})
    d = fleet.finish(arn)
    assert d["status"] == "SUCCEEDED"
    assert json.loads(d["output"]) == {"a": 1}
    events = fleet.history(arn)
    check_history(events)
    assert types(events) == [
        "ExecutionStarted",
        "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted",
        "LambdaFunctionSucceeded", "TaskStateExited",
        "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted",
        "LambdaFunctionSucceeded", "TaskStateExited",
        "ExecutionSucceeded"]
    assert [e["previousEventId"] for e in events] == [0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]


def test_retry_with_backoff_then_catch(fleet):
    fleet.start_worker("w1", {"boom": event(BOOM), "echo": echo()})
    fleet.create("m", {"StartAt": "A", "States": {
        "A": task("boom", Retry=[{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 2,
                                  "BackoffRate": 1.0}],
                  Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "B"}], End=True),
        "B": task("echo", End=True)}})
    arn = fleet.start("m", payload={"x": 1})
    d = fleet.finish(arn)
    assert d["status"] == "SUCCEEDED"
    out = json.loads(d["output"])
    assert out["x"] == 1 and out["error"]["Error"] == "Boom"
    assert json.loads(out["error"]["Cause"])["errorMessage"] == "no luck"
    events = fleet.history(arn)
    check_history(events)
    assert types(events).count("LambdaFunctionFailed") == 3
    failed = [datetime.fromisoformat(e["timestamp"].replace("Z", "+00:00")) for e in events
              if e["type"] == "LambdaFunctionFailed"]
    assert all((b - a).total_seconds() >= 0.99 for a, b in zip(failed, failed[1:]))


def test_failure_carries_name_and_cause_and_sets_the_exit_code(fleet):
    fleet.start_worker("w1", {"f": event("/bin/sh -c 'echo some trouble >&2; exit 7'")})
    fleet.create("m", chain(["f"]))
    run = fleet.cli("start", "m", "--wait", check=False)
    assert run.returncode == 1
    d = fleet.json("list", "--machine", "m")["executions"][0]
    d = fleet.show(d["executionArn"])
    assert d["status"] == "FAILED" and d["error"] == "Runtime.ExitError"
    assert "some trouble" in d["cause"] and "7" in d["cause"]


def test_timeout_ends_the_handler_and_is_states_timeout(fleet):
    fleet.start_worker("w1", {"sleep": event(SLEEP)})
    fleet.create("m", chain(["sleep"], TimeoutSeconds=1))
    begun = time.monotonic()
    arn = fleet.start("m")
    d = fleet.finish(arn, 20)
    assert d["status"] == "FAILED" and d["error"] == "States.Timeout"
    assert time.monotonic() - begun < 10
    assert "LambdaFunctionTimedOut" in types(fleet.history(arn))
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 0)


def test_heartbeat_missed_and_kept(fleet):
    beat = """/bin/sh -c 'for i in 1 2 3 4 5 6; do echo "step $i" >&"$STEPFLEET_HEARTBEAT_FD"; sleep 0.5; done; echo 1'"""
    fleet.start_worker("w1", {"quiet": event(SLEEP), "beats": event(beat)})
    fleet.create("q", chain(["quiet"], HeartbeatSeconds=1, TimeoutSeconds=30))
    fleet.create("b", chain(["beats"], HeartbeatSeconds=2, TimeoutSeconds=30))
    q, b = fleet.start("q"), fleet.start("b")
    assert fleet.finish(q, 20)["error"] == "States.Timeout"
    assert fleet.finish(b, 20)["status"] == "SUCCEEDED"


def test_choice_wait_pass_fail(fleet):
    fleet.create("m", {"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.go", "StringEquals": "wait", "Next": "W"}],
              "Default": "F"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "P"},
        "P": {"Type": "Pass", "Result": {"done": True}, "ResultPath": "$.p", "Next": "S"},
        "S": {"Type": "Succeed"},
        "F": {"Type": "Fail", "Error": "Nope", "Cause": "as told"}}})
    begun = time.monotonic()
    d = fleet.finish(fleet.start("m", payload={"go": "wait"}))
    assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == {"go": "wait", "p": {"done": True}}
    assert time.monotonic() - begun >= 0.9
    d = fleet.finish(fleet.start("m", payload={"go": "fail"}))
    assert (d["status"], d["error"], d["cause"]) == ("FAILED", "Nope", "as told")


@pytest.mark.tsan
def test_stop_ends_the_execution_and_its_handler(fleet):
    fleet.start_worker("w1", {"sleep": event(SLEEP)})
    fleet.create("m", chain(["sleep"]))
    arn = fleet.start("m")
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 1)
    fleet.json("stop", arn, "--error", "Enough", "--cause", "it took long")
    d = fleet.show(arn)
    assert (d["status"], d["error"], d["cause"]) == ("ABORTED", "Enough", "it took long")
    assert fleet.history(arn)[-1]["type"] == "ExecutionAborted"
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 0, 10)
    fleet.json("stop", arn)  # an ended execution stays as it ended
    assert fleet.show(arn)["error"] == "Enough"


def test_redrive_runs_the_failed_stage_and_what_follows(fleet, tmp_path):
    flag = tmp_path / "flag"
    fleet.start_worker("w1", {"echo": echo(), "flag": event(FLAG, **{"env.FLAG": str(flag)})})
    fleet.create("m", chain(["echo", "flag", "echo"]))
    arn = fleet.start("m", "r1", {"k": 1})
    assert fleet.finish(arn)["status"] == "FAILED"
    before = fleet.history(arn)
    flag.write_text("")
    fleet.json("redrive", arn)
    d = fleet.finish(arn)
    assert d["status"] == "SUCCEEDED" and d["redriveCount"] == 1
    events = fleet.history(arn)
    check_history(events)
    assert events[:len(before)] == before
    after = types(events[len(before):])
    assert after[0] == "ExecutionRedriven"
    assert after.count("LambdaFunctionScheduled") == 2  # S2 and S3, not S1
    with pytest.raises(Failed) as e:
        fleet.json("redrive", arn)
    assert "ExecutionNotRedrivable" in e.value.err and e.value.status == 3


def test_a_name_used_twice_follows_awss_rules(fleet):
    fleet.create("m", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}})
    a = fleet.start("m", "same", {"x": 1})
    assert fleet.start("m", "same", {"x": 1}) == a
    with pytest.raises(Failed) as e:
        fleet.start("m", "same", {"x": 2})
    assert "ExecutionAlreadyExists" in e.value.err
    fleet.finish(a)
    with pytest.raises(Failed) as e:
        fleet.start("m", "same", {"x": 1})
    assert "ExecutionAlreadyExists" in e.value.err


def test_machines_are_created_updated_and_kept_by_revision(fleet):
    one = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "P"},
                                      "P": {"Type": "Pass", "Result": 1, "End": True}}}
    first = fleet.create("m", one)
    assert fleet.create("m", one)["stateMachineArn"] == first["stateMachineArn"]
    with pytest.raises(Failed) as e:
        fleet.create("m", {**one, "Comment": "another"})
    assert "StateMachineAlreadyExists" in e.value.err
    arn = fleet.start("m")
    two = json.loads(json.dumps(one))
    two["States"]["P"]["Result"] = 2
    (fleet.dir / "two.json").write_text(json.dumps(two))
    fleet.json("machine", "update", "m", fleet.dir / "two.json")
    assert json.loads(fleet.finish(arn)["output"]) == 1  # it goes on under its own revision
    assert json.loads(fleet.finish(fleet.start("m"))["output"]) == 2
    fleet.cli("machine", "delete", "m")
    wait_until(lambda: "m" not in [x["name"] for x in fleet.json("machine", "list")["stateMachines"]])


def test_a_function_no_worker_offers_is_said_and_then_fails(tmp_path):
    from fleet import Fleet
    with Fleet(tmp_path, coordinator={"no_function": "2s"}) as fleet:
        fleet.start_coordinator()
        fleet.create("m", chain(["nobody"]))
        arn = fleet.start("m")
        frame = fleet.show(arn)["frames"][0]
        assert "nobody" in frame["waitsFor"] and "none does now" in frame["waitsFor"]
        d = fleet.finish(arn, 20)
        assert d["error"] == "Lambda.ResourceNotFoundException"


def test_express_synchronous_and_asynchronous(fleet):
    fleet.start_worker("w1", {"double": event(DOUBLE), "boom": event(BOOM)})
    fleet.create("x", chain(["double"]), "EXPRESS")
    fleet.create("y", chain(["boom"]), "EXPRESS")
    d = fleet.json("start", "x", "--sync", "--input", "21")
    assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == 42
    run = fleet.cli("start", "y", "--sync", "--json", check=False)
    assert run.returncode == 1 and json.loads(run.stdout)["error"] == "Boom"
    arn = fleet.start("x", "n", 4)
    assert ":express:x:n:" in arn
    assert json.loads(fleet.finish(arn)["output"]) == 8
    check_history(fleet.history(arn))
    with pytest.raises(Failed) as e:
        fleet.create("s", chain(["double"]))
        fleet.cli("start", "s", "--sync")
    assert "StateMachineTypeNotSupported" in e.value.err


def test_lists_page_filter_and_find_by_prefix(fleet):
    fleet.create("m", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}})
    fleet.create("f", {"StartAt": "F", "States": {"F": {"Type": "Fail"}}})
    for i in range(25):
        fleet.start("m", f"a{i:02}")
    for i in range(5):
        fleet.start("f", f"b{i}")
        fleet.start("m", f"c{i}")
    mixed = [e["name"] for e in fleet.json("list", "--limit", 10)["executions"]]
    assert mixed == [f"{x}{i}" for i in range(4, -1, -1) for x in "cb"]
    every = fleet.json("list", "--machine", "m", "--limit", 100)["executions"]
    assert len(every) == 30
    starts = [e["startDate"] for e in every]
    assert starts == sorted(starts, reverse=True)
    assert len(fleet.json("list", "--status", "FAILED")["executions"]) == 5
    found = fleet.json("list", "--machine", "m", "--prefix", "a1")["executions"]
    assert sorted(e["name"] for e in found) == [f"a{i}" for i in range(10, 20)]


def test_long_history_comes_in_pages_and_backwards(fleet):
    states = {f"P{i}": {"Type": "Pass", "Next": f"P{i + 1}"} for i in range(400)}
    states["P400"] = {"Type": "Succeed"}
    fleet.create("m", {"StartAt": "P0", "States": states})
    arn = fleet.start("m")
    fleet.finish(arn)
    events = fleet.history(arn)
    check_history(events)
    assert len(events) == 1 + 401 * 2 + 1
    assert fleet.json("history", arn, "--reverse")["events"] == events[::-1]


def test_more_workers_more_throughput_and_none_lost_when_they_leave(fleet):
    nap = PY + "'import sys,time; time.sleep(0.3); print(sys.stdin.read())'"
    fleet.start_worker("w1", {"nap": event(nap, slots=2)})
    fleet.create("m", chain(["nap", "nap"]))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        arns = list(pool.map(lambda i: fleet.start("m", f"e{i}", i), range(24)))
    fleet.start_worker("w2", {"nap": event(nap, slots=4)})
    time.sleep(1)
    fleet.workers["w1"].stop()  # drains: its tasks finish
    for i, arn in enumerate(arns):
        d = fleet.finish(arn, 60)
        assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == i
        assert "LambdaFunctionFailed" not in types(fleet.history(arn))


@pytest.mark.tsan
def test_a_graceful_stop_and_start_loses_nothing(fleet):
    fleet.start_worker("w1", {"echo": echo()})
    fleet.create("m", {"StartAt": "A", "States": {
        "A": task("echo", Next="W"), "W": {"Type": "Wait", "Seconds": 3, "Next": "B"},
        "B": task("echo", End=True)}})
    arns = [fleet.start("m", f"g{i}", i) for i in range(10)]
    assert fleet.coordinator.stop() == 0
    fleet.start_coordinator()
    for i, arn in enumerate(arns):
        d = fleet.finish(arn, 40)
        assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == i
        check_history(fleet.history(arn))


def test_an_invoke_shows_the_parameters_as_aws_does(fleet):
    fleet.start_worker("w1", {"echo": echo()})
    fleet.create("m", {"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "ResultPath": None, "End": True,
        "Parameters": {"FunctionName": LAMBDA + "echo",
                       "Payload": {"executionId.$": "$$.Execution.Name", "v.$": "States.StringToJson($[0].body)"}}}}})
    arn = fleet.start("m", "p1", [{"body": "{\"n\": 7}"}])
    assert json.loads(fleet.finish(arn)["output"]) == [{"body": "{\"n\": 7}"}]
    scheduled = next(e for e in fleet.history(arn) if e["type"] == "TaskScheduled")
    details = scheduled["taskScheduledEventDetails"]
    assert details["resourceType"] == "lambda" and details["resource"] == "invoke"
    assert json.loads(details["parameters"])["Payload"] == {"executionId": "p1", "v": {"n": 7}}
