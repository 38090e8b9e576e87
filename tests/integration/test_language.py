# SPDX-License-Identifier: Apache-2.0
"""The States Language through real processes and the command line: definitions checked, activities, task
tokens, the coordinator's own operations as tasks, bound integrations, lifted quotas, many frames."""
import json
import socket
import struct
import subprocess
import threading
import time

import pytest

from tests.lib.fleet import ACCOUNT, BIN, Fleet, check_history, wait_until

STATES = "arn:aws:states:::"
OWN = f"arn:aws:states:us-east-1:{ACCOUNT}:"

# Sections of the configuration follow the last key of the first.
SECTIONS = """info
[limits]
payload_bytes = 512k
history_events = 30000
[bind]
warehouse:loadTable = load-table"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("language"), coordinator={"log": SECTIONS}) as f:
        f.start_coordinator()
        f.start_worker("w1", {"echo": {"handler": "echo"}, "load-table": {"handler": "echo"}}, slots=4)
        yield f


def one(state):
    """A machine of one state."""
    return {"StartAt": "S", "States": {"S": {"End": True, **state}}}


def named(branch, name):
    """The branch with its one state called otherwise: names are unique in a machine."""
    (state,) = branch["States"].values()
    return {"StartAt": name, "States": {name: state}}


def own(resource, **parameters):
    return one({"Type": "Task", "Resource": STATES + resource, "Parameters": parameters})


def refused(fleet, *args, code=3, **kwargs):
    run = fleet.cli(*args, check=False, **kwargs)
    assert run.returncode == code, (run.returncode, run.stdout, run.stderr)
    return run.stderr


def run(fleet, name, definition, payload=None, kind="STANDARD"):
    fleet.create(name, definition, kind)
    return fleet.finish(fleet.start(name, payload=payload))


# ---- machine lint ----

def test_lint_says_everything_that_is_wrong(fleet, tmp_path):
    path = tmp_path / "bad.asl.json"
    path.write_text(json.dumps({
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Next": "Gone"}, "B": {"Type": "Wait", "End": True}}}))
    lint = fleet.cli("machine", "lint", path, check=False)
    assert lint.returncode == 1, lint.stderr
    lines = lint.stdout.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith(f"{path}:") for line in lines)
    assert any(line.startswith(f"{path}:/States/A/Next: error MISSING_TRANSITION_TARGET: ") for line in lines), lines
    found = json.loads(fleet.cli("machine", "lint", path, "--json", check=False).stdout)
    assert found["result"] == "FAIL"
    assert found["truncated"] is False
    assert len(found["diagnostics"]) == len(lines)
    assert {"severity", "code", "message"} <= set(found["diagnostics"][0])


def test_lint_of_a_good_one_is_silent(fleet, tmp_path):
    path = tmp_path / "good.asl.json"
    path.write_text(json.dumps(one({"Type": "Pass"})))
    lint = fleet.cli("machine", "lint", path)
    assert (lint.stdout, lint.stderr) == ("", "")
    assert fleet.json("machine", "lint", path) == {"result": "OK", "diagnostics": [], "truncated": False}


def test_lint_shows_warnings_unless_told_not_to(fleet, tmp_path):
    path = tmp_path / "warned.asl.json"
    path.write_text(json.dumps(one({"Type": "Pass", "Parameters": {"a": "$.b"}})))
    lint = fleet.cli("machine", "lint", path)
    assert f"{path}:/States/S/Parameters: warning NO_DOLLAR: " in lint.stdout
    assert fleet.cli("machine", "lint", path, "--severity", "ERROR").stdout == ""


def test_lint_takes_what_is_not_json_and_what_is_a_template(fleet, tmp_path):
    broken = fleet.cli("machine", "lint", "-", check=False, stdin="{\"StartAt\": ")
    assert broken.returncode == 1
    assert broken.stdout.startswith("-: error INVALID_JSON_DESCRIPTION: ")
    template = tmp_path / "stack.template.json"
    machine = {"Type": "AWS::StepFunctions::StateMachine",
               "Properties": {"DefinitionString": json.dumps({"StartAt": "X", "States": {}})}}
    template.write_text(json.dumps({"Resources": {"M": machine}}))
    assert fleet.cli("machine", "lint", template, check=False).returncode == 1
    machine["Properties"]["DefinitionString"] = json.dumps(one({"Type": "Pass"}))
    template.write_text(json.dumps({"Resources": {"M": machine}}))
    assert fleet.cli("machine", "lint", template).stdout == ""


def test_lint_refuses_what_aws_refuses(fleet, tmp_path):
    path = tmp_path / "good.asl.json"
    path.write_text(json.dumps(own("states:startExecution.sync", StateMachineArn="x")))
    assert "ValidationException" in refused(fleet, "machine", "lint", path, "--type", "FAST")
    assert "[ERROR, WARNING]" in refused(fleet, "machine", "lint", path, "--severity", "INFO")
    assert fleet.cli("machine", "lint", path).stdout == ""
    express = fleet.cli("machine", "lint", path, "--type", "EXPRESS", check=False)
    assert express.returncode == 1
    assert "'.sync' service integration" in express.stdout
    assert refused(fleet, "machine", "lint", tmp_path / "none.json", code=2)


# ---- activities ----

def test_activities_come_and_go(fleet):
    made = fleet.json("activity", "create", "approve")
    assert made["activityArn"] == f"{OWN}activity:approve"
    assert fleet.json("activity", "create", "approve")["activityArn"] == made["activityArn"]
    assert fleet.json("activity", "describe", made["activityArn"])["name"] == "approve"
    assert "waiting    0 tasks" in fleet.cli("activity", "describe", "approve").stdout
    fleet.cli("activity", "create", "other")
    names = [a["name"] for a in fleet.json("activity", "list")["activities"]]
    assert names == sorted(names) and {"approve", "other"} <= set(names)
    assert "approve" in fleet.cli("activity", "list").stdout
    fleet.cli("activity", "delete", "other")
    fleet.cli("activity", "delete", "other")
    assert "ActivityDoesNotExist" in refused(fleet, "activity", "describe", "other")
    assert "ActivityDoesNotExist" in refused(fleet, "activity", "poll", "other", "--wait", "1")
    assert "InvalidName" in refused(fleet, "activity", "create", "a b")
    assert "InvalidArn" in refused(fleet, "activity", "describe", f"{OWN}stateMachine:approve")


def test_a_poll_without_a_task_ends_in_time(fleet):
    fleet.cli("activity", "create", "idle")
    begin = time.monotonic()
    assert "no task within 1 s" in refused(fleet, "activity", "poll", "idle", "--wait", "1", code=1)
    assert 0.9 < time.monotonic() - begin < 15


def activity_machine(fleet, name, **fields):
    fleet.cli("activity", "create", name)
    fleet.create(name, one({"Type": "Task", "Resource": f"{OWN}activity:{name}", **fields}))


def test_a_task_of_an_activity_is_taken_and_ended(fleet, tmp_path):
    activity_machine(fleet, "review", HeartbeatSeconds=600)
    arn = fleet.start("review", payload={"n": 1})
    wait_until(lambda: fleet.json("activity", "describe", "review")["waitingTasks"] == 1)
    token = tmp_path / "token"
    got = fleet.cli("activity", "poll", "review", "--worker", "ann", "--token-file", token)
    assert json.loads(got.stdout) == {"n": 1}
    assert token.stat().st_mode & 0o777 == 0o600
    fleet.cli("task", "heartbeat", "--token-file", token)
    fleet.cli("task", "success", "-", "--output", '{"yes":true}', stdin=token.read_text() + "\n")
    end = fleet.finish(arn)
    assert (end["status"], end["output"]) == ("SUCCEEDED", '{"yes":true}')
    events = fleet.history(arn)
    check_history(events)
    assert [e["type"] for e in events] == [
        "ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded",
        "TaskStateExited", "ExecutionSucceeded"]
    assert events[3]["activityStartedEventDetails"]["workerName"] == "ann"
    for command in (["success"], ["failure"], ["heartbeat"]):
        assert "TaskTimedOut" in refused(fleet, "task", *command, "--token-file", token)


def test_a_parked_poll_gets_the_next_task(fleet):
    activity_machine(fleet, "parked")
    got = []
    poll = threading.Thread(target=lambda: got.append(fleet.json("activity", "poll", "parked")))
    poll.start()
    arn = fleet.start("parked", payload={"k": "v"})
    poll.join(60)
    assert json.loads(got[0]["input"]) == {"k": "v"}
    fleet.cli("task", "failure", got[0]["taskToken"], "--error", "Nope", "--cause", "because")
    end = fleet.finish(arn)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Nope", "because")


def test_deleting_an_activity_ends_its_polls(fleet):
    fleet.cli("activity", "create", "doomed")
    got = []
    poll = threading.Thread(target=lambda: got.append(fleet.cli("activity", "poll", "doomed", check=False)))
    poll.start()
    time.sleep(0.5)  # mostly parked by now; if not, the poll is refused for the same reason
    fleet.cli("activity", "delete", "doomed")
    poll.join(60)
    assert got[0].returncode == 3 and "ActivityDoesNotExist" in got[0].stderr


def test_a_poll_whose_client_is_gone_takes_nothing(fleet):
    activity_machine(fleet, "left")
    poll = subprocess.Popen([BIN / "stepfleet", "activity", "poll", "left"], env=fleet.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    poll.kill()
    poll.communicate()
    time.sleep(0.5)  # the coordinator sees the connection close
    arn = fleet.start("left", payload=5)
    got = fleet.json("activity", "poll", "left", "--wait", "10")
    assert got["input"] == "5"
    fleet.cli("task", "success", got["taskToken"], "--output", "6")
    assert fleet.finish(arn)["output"] == "6"


class Wire:
    """One connection that says ACTIVITY_TASK many times at once: nng's framing, then our envelope."""

    ACTIVITY_TASK = 44

    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 30)
        self.s.sendall(b"\0SP\0" + struct.pack(">HH", 0x30, 0))
        self.take(8)

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.s.recv(count - len(data))
            assert more, "the connection was closed"
            data += more
        return data

    def ask(self, number, activity):
        body = b"\x0a" + bytes([len(activity)]) + activity
        message = struct.pack(">I", 0x80000000 | number)
        message += b"SFL1" + struct.pack("<HHHHIQ", 1, self.ACTIVITY_TASK, 0, 0, 0, number) + body
        self.s.sendall(struct.pack(">Q", len(message)) + message)

    def answer(self):
        """Request and status."""
        (length,) = struct.unpack(">Q", self.take(8))
        message = self.take(length)
        return struct.unpack(">I", message[:4])[0] & 0x7fffffff, struct.unpack("<H", message[12:14])[0]


def test_an_activity_has_a_most_of_polls(fleet):
    does_not_exist, too_many = 60, 62
    fleet.cli("activity", "create", "crowd")
    wire = Wire(fleet.port)
    for i in range(1000):
        wire.ask(i, b"crowd")
    wire.ask(1000, b"crowd")
    number, status = wire.answer()
    assert status == too_many
    fleet.cli("activity", "delete", "crowd")
    answers = dict(wire.answer() for _ in range(1000))
    assert set(answers.values()) == {does_not_exist}
    assert set(answers) | {number} == set(range(1001))
    wire.s.close()


# ---- task tokens ----

def waiting_token(fleet, arn):
    """The token in what was scheduled."""
    def scheduled():
        for e in fleet.history(arn):
            if e["type"] == "TaskSubmitted":
                return [json.loads(x["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
                        for x in fleet.history(arn) if x["type"] == "TaskScheduled"][-1]
        return None
    return wait_until(scheduled)


def callback(**fields):
    return one({"Type": "Task", "Resource": STATES + "lambda:invoke.waitForTaskToken",
                "Parameters": {"FunctionName": "echo", "Payload": {"token.$": "$$.Task.Token"}}, **fields})


def test_a_callback_is_ended_by_its_token(fleet):
    fleet.create("callback", callback())
    arn = fleet.start("callback")
    token = waiting_token(fleet, arn)
    assert "InvalidOutput" in refused(fleet, "task", "success", token, "--output-file", "-",
                                    stdin=json.dumps("x" * 530000))
    assert "standard input" in refused(fleet, "task", "success", "-", "--output-file", "-", code=2)
    fleet.cli("task", "success", token, "--output", "[1,2]")
    end = fleet.finish(arn)
    assert (end["status"], end["output"]) == ("SUCCEEDED", "[1,2]")
    assert "TaskTimedOut" in refused(fleet, "task", "success", token)


def test_tokens_that_are_none_are_refused(fleet):
    fleet.create("forged", callback())
    arn = fleet.start("forged")
    token = waiting_token(fleet, arn)
    assert "InvalidToken: Invalid Token: 'Invalid token'" in refused(fleet, "task", "success", "NoSuchTaskToken")
    assert "InvalidToken" in refused(fleet, "task", "heartbeat", token[:-8])
    flipped = token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]
    err = refused(fleet, "task", "failure", flipped)
    assert "InvalidToken" in err or "TaskDoesNotExist" in err
    assert refused(fleet, "task", "success", code=2)
    assert refused(fleet, "task", "success", token, "--output", "{", code=2)
    assert "256" in refused(fleet, "task", "failure", token, "--error", "E" * 257)
    fleet.cli("task", "failure", token, "--error", "E" * 256)
    assert fleet.finish(arn)["error"] == "E" * 256


# ---- the coordinator's own operations ----

def test_a_nested_execution_is_waited_for(fleet):
    fleet.create("child", one({"Type": "Pass", "Result": {"made": 1}}))
    child = f"{OWN}stateMachine:child"
    end = run(fleet, "parent-sync", own("states:startExecution.sync:2", StateMachineArn=child, Input={"a": 1}))
    assert end["status"] == "SUCCEEDED", end
    out = json.loads(end["output"])
    assert out["Status"] == "SUCCEEDED" and out["Output"] == {"made": 1} and out["Input"] == {"a": 1}
    assert fleet.show(out["ExecutionArn"])["status"] == "SUCCEEDED"
    end = run(fleet, "parent-text", own("states:startExecution.sync", StateMachineArn=child, Input=None))
    out = json.loads(end["output"])
    assert (out["Input"], out["Output"]) == ("{}", '{"made":1}')


def test_a_nested_execution_that_fails_fails_its_task(fleet):
    fleet.create("child-fails", one({"Type": "Fail", "Error": "Bad", "Cause": "luck"}) | {
        "States": {"S": {"Type": "Fail", "Error": "Bad", "Cause": "luck"}}})
    end = run(fleet, "parent-fails",
              own("states:startExecution.sync:2", StateMachineArn=f"{OWN}stateMachine:child-fails"))
    assert (end["status"], end["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(end["cause"])
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Bad", "luck", "FAILED")


def test_a_nested_start_answers_as_the_optimized_integration(fleet):
    fleet.create("child-plain", one({"Type": "Pass"}))
    end = run(fleet, "parent-plain", own("states:startExecution", StateMachineArn=f"{OWN}stateMachine:child-plain",
                                         Input="[1]", Name="given"))
    out = json.loads(end["output"])
    assert out["ExecutionArn"] == f"{OWN}execution:child-plain:given"
    assert set(out) == {"ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"}
    meta = out["SdkHttpMetadata"]
    assert meta["HttpStatusCode"] == 200
    assert meta["HttpHeaders"]["x-amzn-RequestId"] == out["SdkResponseMetadata"]["RequestId"]
    assert meta["AllHttpHeaders"]["Content-Type"] == ["application/x-amz-json-1.0"]
    assert fleet.finish(out["ExecutionArn"])["input"] == "[1]"


def test_a_nested_start_fails_in_awss_words(fleet):
    gone = f"{OWN}stateMachine:gone"
    end = run(fleet, "parent-gone", own("states:startExecution", StateMachineArn=gone))
    assert end["error"] == "StepFunctions.StateMachineDoesNotExistException"
    assert end["cause"].startswith(
        f"State Machine Does Not Exist: '{gone}' (Service: AWSStepFunctions; Status Code: 400; "
        "Error Code: StateMachineDoesNotExist; Request ID: ")
    assert end["cause"].endswith("; Proxy: null)")
    end = run(fleet, "sdk-gone", own("aws-sdk:sfn:startExecution", StateMachineArn=gone))
    assert end["error"] == "Sfn.StateMachineDoesNotExistException"
    assert end["cause"].startswith(f"State Machine Does Not Exist: '{gone}' (Service: Sfn, Status Code: 400, "
                                   "Request ID: ")
    assert end["cause"].endswith(") (SDK Attempt Count: 1)")
    fleet.create("child-express", one({"Type": "Pass"}), "EXPRESS")
    end = run(fleet, "parent-express",
              own("states:startExecution.sync", StateMachineArn=f"{OWN}stateMachine:child-express"))
    assert end["status"] == "FAILED" and end["error"].startswith("StepFunctions."), end


def test_sdk_operations_read_and_write(fleet):
    fleet.create("looked-at", one({"Type": "Pass", "Result": 7}))
    machine = f"{OWN}stateMachine:looked-at"
    seen = fleet.start("looked-at", name="seen")
    fleet.finish(seen)
    out = json.loads(run(fleet, "sdk-describe", own("aws-sdk:sfn:describeExecution", ExecutionArn=seen))["output"])
    assert (out["Name"], out["Status"], out["Output"], out["StateMachineArn"]) == ("seen", "SUCCEEDED", "7", machine)
    assert out["InputDetails"] == {"Included": True} and out["StartDate"].endswith("Z")
    out = json.loads(run(fleet, "sdk-history", own("aws-sdk:sfn:getExecutionHistory", ExecutionArn=seen))["output"])
    assert [e["Type"] for e in out["Events"]] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert out["Events"][1]["StateEnteredEventDetails"]["Name"] == "S"
    out = json.loads(run(fleet, "sdk-list", own("aws-sdk:sfn:listExecutions", StateMachineArn=machine))["output"])
    assert [e["Name"] for e in out["Executions"]] == ["seen"]
    out = json.loads(run(fleet, "sdk-start", own("aws-sdk:sfn:startExecution", StateMachineArn=machine,
                                                 Input={"key": "value"}))["output"])
    assert set(out) == {"ExecutionArn", "StartDate"}
    assert fleet.finish(out["ExecutionArn"])["input"] == '{"key":"value"}'
    fleet.create("quick", one({"Type": "Pass"}), "EXPRESS")
    out = json.loads(run(fleet, "sdk-sync", own("aws-sdk:sfn:startSyncExecution", Input={"q": 1},
                                                StateMachineArn=f"{OWN}stateMachine:quick"))["output"])
    assert (out["Status"], out["Output"]) == ("SUCCEEDED", '{"q":1}')


def test_a_task_may_end_another_by_its_token(fleet):
    fleet.create("ended-by-task", callback())
    arn = fleet.start("ended-by-task")
    token = waiting_token(fleet, arn)
    end = run(fleet, "sdk-success", own("aws-sdk:sfn:sendTaskSuccess", TaskToken=token, Output={"o": 1}))
    assert (end["status"], end["output"]) == ("SUCCEEDED", "{}")
    assert fleet.finish(arn)["output"] == '{"o":1}'
    end = run(fleet, "sdk-token", own("aws-sdk:sfn:sendTaskFailure", TaskToken="NoSuchTaskToken"))
    assert end["error"] == "Sfn.InvalidTokenException"
    assert end["cause"].startswith("Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ")


# ---- configuration ----

def test_a_bound_integration_is_done_by_its_handler(fleet):
    end = run(fleet, "bound", own("warehouse:loadTable", Table="t"))
    assert (end["status"], json.loads(end["output"])) == ("SUCCEEDED", {"Table": "t"})
    path = fleet.dir / "unbound.asl.json"
    path.write_text(json.dumps(own("warehouse:dropTable", Table="t")))
    assert "warehouse:dropTable" in refused(fleet, "machine", "create", "unbound", path)


def test_a_lifted_payload_quota_holds(fleet):
    fleet.create("large", one({"Type": "Pass"}))
    path = fleet.dir / "large.json"
    path.write_text(json.dumps("x" * 400000))
    end = fleet.finish(fleet.json("start", "large", "--input-file", path)["executionArn"])
    assert end["status"] == "SUCCEEDED" and len(end["output"]) == 400002
    path.write_text(json.dumps("x" * (512 * 1024 - 1)))
    assert "ValidationException" in refused(fleet, "start", "large", "--input-file", path)


@pytest.mark.parametrize("text, words", [
    ("[limits]\npayload_bytes = 1\n", "from 262144"),
    ("[limits]\npayload_bytes = 2M\n", "1048576"),
    ("[limits]\nhistory_events = 10\n", "a number from 25000 to 10000000"),
    ("[bind]\nputItem = f\n", ":2: putItem: expected SERVICE:ACTION"),
    ("[bind]\na:b = f\na:b = g\n", ":3: a:b is bound twice"),
    ("[bind]\na:b.sync = f\n", "leave \".sync\" away"),
])
def test_a_wrong_configuration_is_named(tmp_path, text, words):
    path = tmp_path / "coordinator.conf"
    path.write_text(text)
    check = subprocess.run([BIN / "stepfleet-coordinator", "-c", path, "--check-config"],
                           capture_output=True, text=True, timeout=30)
    assert check.returncode == 1 and words in check.stderr, check.stderr


# ---- many frames ----

def test_many_frames_are_shown_in_bounds(fleet):
    branch = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    inner = {"Type": "Parallel", "Branches": [named(branch, f"Rest{i}") for i in range(3)], "End": True}
    fleet.create("wide", one({"Type": "Map", "ItemsPath": "$", "ItemProcessor": {
        "StartAt": "Inner", "States": {"Inner": inner}}}))
    arn = fleet.start("wide", payload=list(range(150)))
    # At most 40 iterations of an inline Map run at once.
    shown = wait_until(lambda: (d := fleet.show(arn))["frameCount"] == 1 + 40 + 40 * 3 and d)
    frames = {f["id"]: f for f in shown["frames"]}
    assert len(frames) == 100
    assert sum("parent" not in f for f in frames.values()) == 1
    assert all(f["parent"] in frames for f in frames.values() if "parent" in f)
    lines = fleet.cli("show", arn).stdout.splitlines()
    assert lines[-1] == "... 141 more"
    below = lines[lines.index(next(x for x in lines if x.startswith("STATE"))) + 1:-1]
    assert len(below) == 20
    assert below[0].startswith("S ") and all(x.startswith(f"  [{i}] Inner") for i, x in enumerate(below[1:]))
    fleet.cli("stop", arn)
    shown = fleet.finish(arn)
    assert len(shown["frames"]) <= 100


def test_history_of_a_large_map_is_read_in_pages(fleet):
    fleet.create("pages", one({"Type": "Map", "ItemsPath": "$", "ItemProcessor": {
        "StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": True}}}}))
    arn = fleet.start("pages", payload=list(range(2000)))
    assert fleet.finish(arn)["status"] == "SUCCEEDED"
    events = fleet.history(arn)
    check_history(events)
    assert sum(e["type"] == "MapIterationSucceeded" for e in events) == 2000
    backwards = fleet.json("history", arn, "--reverse")["events"]
    assert [e["id"] for e in backwards] == [e["id"] for e in reversed(events)]


# ---- restarts ----

def test_tokens_calls_and_activities_outlive_a_crash(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"echo": {"handler": "echo"}})
        activity_machine(fleet, "kept")
        fleet.create("callback", callback())
        fleet.create("child", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 4, "End": True}}})
        fleet.create("parent", own("states:startExecution.sync:2", StateMachineArn=f"{OWN}stateMachine:child"))
        kept = fleet.start("kept", payload=1)
        taken = fleet.start("kept", payload=2)
        task_one = fleet.json("activity", "poll", "kept")
        parent = fleet.start("parent")
        call = fleet.start("callback")
        token = waiting_token(fleet, call)
        wait_until(lambda: fleet.json("list", "--machine", "child")["executions"])
        fleet.coordinator.kill()
        fleet.start_coordinator()
        fleet.cli("task", "success", token, "--output", '"after"')
        assert fleet.finish(call)["output"] == '"after"'
        fleet.cli("task", "success", task_one["taskToken"], "--output", '"one"')
        task_two = fleet.json("activity", "poll", "kept", "--wait", "20")
        assert {task_one["input"], task_two["input"]} == {"1", "2"}
        fleet.cli("task", "success", task_two["taskToken"], "--output", '"two"')
        assert {fleet.finish(kept)["output"], fleet.finish(taken)["output"]} == {'"one"', '"two"'}
        assert fleet.finish(parent)["status"] == "SUCCEEDED"
        assert len(fleet.json("list", "--machine", "child")["executions"]) == 1


def test_a_call_that_is_parked_goes_on_after_a_stop(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        activity_machine(fleet, "slow")
        fleet.create("asks", own("aws-sdk:sfn:getActivityTask", ActivityArn=f"{OWN}activity:slow"))
        asks = fleet.start("asks")
        wait_until(lambda: any(e["type"] == "TaskStarted" for e in fleet.history(asks)))
        begin = time.monotonic()
        assert fleet.coordinator.stop() == 0
        assert time.monotonic() - begin < 8, fleet.coordinator.text()
        fleet.start_coordinator()
        slow = fleet.start("slow", payload={"late": 1})
        out = json.loads(fleet.finish(asks)["output"])
        assert json.loads(out["Input"]) == {"late": 1}
        fleet.cli("task", "success", out["TaskToken"], "--output", "{}")
        assert fleet.finish(slow)["status"] == "SUCCEEDED"


def test_a_name_that_a_task_chose_is_one_execution_while_it_runs(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.create("child", one({"Type": "Wait", "Seconds": 600}))
        fleet.create("parent", own("states:startExecution.sync", StateMachineArn=f"{OWN}stateMachine:child",
                                   Name="one"))
        first = fleet.start("parent")
        wait_until(lambda: fleet.json("list", "--machine", "child")["executions"])
        second = fleet.start("parent")
        wait_until(lambda: fleet.show(second)["frames"][0]["status"] == "CHILD")
        other = run(fleet, "other", own("states:startExecution.sync", StateMachineArn=f"{OWN}stateMachine:child",
                                        Name="one", Input={"other": 1}))
        assert other["error"] == "StepFunctions.ExecutionAlreadyExistsException", other
        # A task that does not wait is answered like any other client.
        plain = run(fleet, "plain", own("states:startExecution", StateMachineArn=f"{OWN}stateMachine:child",
                                        Name="one"))
        assert json.loads(plain["output"])["ExecutionArn"] == f"{OWN}execution:child:one"
        fleet.cli("stop", first)
        assert fleet.finish(f"{OWN}execution:child:one")["status"] == "ABORTED"
        assert json.loads(fleet.finish(second)["cause"])["Status"] == "ABORTED"
