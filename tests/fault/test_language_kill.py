# SPDX-License-Identifier: Apache-2.0
"""The States Language under kill -9: Maps, Parallel, nested executions, activities and task tokens in real
processes. Whatever was acknowledged ends as it should, histories are legal, nothing is done twice that was
acknowledged once; and the coordinator hears its clients however busy it is."""
import json
import os
import random
import threading
import time

from fleet import ACCOUNT, LAMBDA, Fleet, task, wait_until

STATES = "arn:aws:states:::"
OWN = f"arn:aws:states:us-east-1:{ACCOUNT}:"
RETRY = [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 50, "BackoffRate": 1.0}]
ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


def worked(function, **fields):
    return task(function, **{"Retry": RETRY, "End": True, **fields})


def nested(name, **fields):
    return {"Type": "Task", "Resource": STATES + "states:startExecution.sync:2", "End": True,
            "Parameters": {"StateMachineArn": f"{OWN}stateMachine:{name}", "Input.$": "$"},
            "OutputPath": "$.Output", **fields}


def mapped(**states):
    return machine(M={"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": machine(**states), "End": True})


UNREACHABLE = 4  # the client's exit code


def insist(fleet, *args):
    """A client that repeats until it is answered: the answer's text."""
    def attempt():
        run = fleet.cli(*args, check=False)
        assert run.returncode in (0, UNREACHABLE), run.stderr
        return [run.stdout] if run.returncode == 0 else None
    return wait_until(attempt, 60, 0.1, say=f"never acknowledged: {args}")[0]


def started(fleet, name, execution, payload):
    answer = insist(fleet, "start", name, "--name", execution, "--input", json.dumps(payload), "--json")
    return json.loads(answer)["executionArn"]


def check_legal(events):
    """Ids without a gap, causes before effects, one end and the last, no task that succeeds twice."""
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))
    assert all(e["previousEventId"] < e["id"] for e in events)
    redriven = sum(e["type"] == "ExecutionRedriven" for e in events)
    assert sum(e["type"] in ENDS for e in events) == 1 + redriven
    assert events[-1]["type"] in ENDS
    ended = [e["previousEventId"] for e in events
             if e["type"] in ("TaskSucceeded", "LambdaFunctionSucceeded", "ActivitySucceeded")]
    assert len(set(ended)) == len(ended)


def ended(fleet, arn, status="SUCCEEDED"):
    d = fleet.finish(arn, 90)
    assert d["status"] == status, d
    check_legal(fleet.history(arn))
    return d


def restart(fleet):
    fleet.coordinator.kill()
    fleet.start_coordinator()


def running(marks):
    """Of the processes that wrote down their ids, those that are there."""
    ids = marks.read_text().split() if marks.exists() else []
    return [i for i in ids if os.path.exists(f"/proc/{i}") and zombie(i) is False]


def zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return None


# ---- everything at once ----

FUNCTIONS = {"echo": {"handler": "echo", "slots": 50}}
DEEPER = machine(
    C={"Type": "Choice", "Default": "Z",
       "Choices": [{"Variable": "$.depth", "NumericGreaterThan": 0, "Next": "D"}]},
    Z={"Type": "Pass", "End": True},
    D={"Type": "Pass", "Parameters": {"depth.$": "States.MathAdd($.depth, -1)"}, "Next": "N"},
    N=nested("deeper"))
MACHINES = {
    "items": mapped(T=worked("echo")),
    "deeper": DEEPER,
    "wider": mapped(N=nested("deeper")),
    "caught": machine(
        P={"Type": "Parallel", "Next": "E", "Catch": [{"ErrorEquals": ["No"], "Next": "E"}], "Branches": [
            machine(T1={"Type": "Task", "Resource": LAMBDA + "nap", "End": True}),
            machine(N1=nested("sleeper")),
            machine(W={"Type": "Wait", "Seconds": 1, "Next": "F"}, F={"Type": "Fail", "Error": "No"})]},
        E={"Type": "Pass", "End": True}),
    "sleeper": machine(S={"Type": "Wait", "Seconds": 3600, "End": True}),
    "back": machine(T={"Type": "Task", "Resource": STATES + "states:startExecution.waitForTaskToken", "End": True,
                       "Parameters": {"StateMachineArn": f"{OWN}stateMachine:answers",
                                      "Input": {"token.$": "$$.Task.Token"}}}),
    "answers": machine(A={"Type": "Task", "Resource": STATES + "aws-sdk:sfn:sendTaskSuccess", "End": True,
                          "Parameters": {"TaskToken.$": "$.token", "Output": {"well": 1}}}),
}


def test_everything_at_once_while_coordinator_and_workers_are_killed(tmp_path):
    rng = random.Random(5)
    marks = tmp_path / "naps"
    nap = {"handler": "event", "slots": 20, "command": f"/bin/sh -c 'echo $$ >> {marks}; exec sleep 600'"}
    items = list(range(60))
    inputs = {"items": {"items": items}, "deeper": {"depth": 6}, "caught": {}, "back": {},
              "wider": {"items": [{"depth": 1}] * 8}}
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        for name in ("w1", "w2"):
            fleet.start_worker(name, {**FUNCTIONS, "nap": nap}, wait=False)
        for name, definition in MACHINES.items():
            fleet.create(name, definition)
        arns = []
        starter = threading.Thread(target=lambda: arns.extend(
            (m, started(fleet, m, f"{m}{i}", inputs[m])) for i in range(3) for m in inputs))
        starter.start()
        for n in range(7):
            time.sleep(rng.uniform(0.3, 1.0))
            if n % 3 == 2:
                name = rng.choice(("w1", "w2"))
                fleet.workers[name].kill()
                fleet.start_worker(name, {**FUNCTIONS, "nap": nap}, wait=False)
            else:
                restart(fleet)
        starter.join(120)
        assert len(arns) == 15
        for m, arn in arns:
            output = json.loads(ended(fleet, arn)["output"])
            expected = {"items": items, "back": {"well": 1}, "wider": [{"depth": 0}] * 8, "deeper": {"depth": 0}}
            assert m == "caught" or output == expected[m]
        left = fleet.json("list", "--status", "RUNNING", "--limit", 100)["executions"]
        assert left == []  # no child outlives who waited for it
        wait_until(lambda: not running(marks), 20, 0.2, say="handlers of tasks nobody waits for still run")


# ---- acknowledged, then killed ----

def test_a_task_token_is_used_once_whatever_is_killed(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    keep = f"cat > {tokens}/$$ && mv {tokens}/$$ {tokens}/$$.json && echo 1"
    tell = {"handler": "event", "slots": 8, "command": f"/bin/sh -c '{keep}'"}
    definition = mapped(T={"Type": "Task", "Resource": STATES + "lambda:invoke.waitForTaskToken", "Retry": RETRY,
                           "Parameters": {"FunctionName": LAMBDA + "tell",
                                          "Payload": {"token.$": "$$.Task.Token", "item.$": "$"}}, "End": True})
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"tell": tell})
        fleet.create("m", definition)
        arn = started(fleet, "m", "e", {"items": list(range(6))})

        def told():
            found = [json.loads(path.read_text()) for path in tokens.glob("*.json")]
            return found if {t["item"] for t in found} == set(range(6)) else None
        last = {t["item"]: t["token"] for t in wait_until(told, 30, say="the tokens are not told")}
        restart(fleet)
        for item, token in last.items():
            insist(fleet, "task", "success", token, "--output", f'"answer {item}"')
            fleet.coordinator.kill()  # it was acknowledged
            fleet.start_coordinator()
            again = fleet.cli("task", "success", token, "--output", '"other"', check=False)
            assert "TaskTimedOut" in again.stderr
        assert json.loads(ended(fleet, arn)["output"]) == [f"answer {i}" for i in range(6)]


def test_activities_are_taken_and_answered_across_kills(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.cli("activity", "create", "approve")
        fleet.create("m", mapped(A={"Type": "Task", "Resource": f"{OWN}activity:approve", "End": True}))
        arn = started(fleet, "m", "e", {"items": list(range(6))})
        for n in range(6):
            token = tmp_path / f"token{n}"
            polled = fleet.json("activity", "poll", "approve", "--wait", "20", "--token-file", token)
            fleet.coordinator.kill()  # it was handed out: to nobody else
            fleet.start_coordinator()
            insist(fleet, "task", "success", "--token-file", str(token), "--output", json.dumps([polled["input"]]))
        assert json.loads(ended(fleet, arn)["output"]) == [[str(i)] for i in range(6)]


def test_a_call_of_an_execution_that_was_stopped_takes_no_task(tmp_path):
    waits = machine(G={"Type": "Task", "Resource": STATES + "aws-sdk:sfn:getActivityTask", "End": True,
                       "Parameters": {"ActivityArn": f"{OWN}activity:approve"}})
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.cli("activity", "create", "approve")
        fleet.create("waits", waits)
        fleet.create("works", machine(A={"Type": "Task", "Resource": f"{OWN}activity:approve", "End": True}))
        arn = fleet.start("waits", "w", {})
        wait_until(lambda: fleet.show(arn)["frames"][0]["status"] == "CALL")
        fleet.cli("stop", arn)
        arn = fleet.start("works", "a", {})
        token = tmp_path / "token"
        fleet.json("activity", "poll", "approve", "--wait", "5", "--token-file", token)
        fleet.cli("task", "success", "--token-file", token, "--output", "1")
        assert ended(fleet, arn)["output"] == "1"


# ---- very many ----

def test_stop_ends_two_thousand_tasks(tmp_path):
    marks = tmp_path / "naps"
    nap = {"handler": "event", "slots": 30, "command": f"/bin/sh -c 'echo $$ >> {marks}; exec sleep 600'"}
    inner = [machine(**{f"M{b}": {"Type": "Map", "ItemsPath": "$.items", "End": True, "ItemProcessor": machine(**{
        f"T{b}": {"Type": "Task", "Resource": LAMBDA + "nap", "End": True}})}}) for b in range(50)]
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"nap": nap})
        fleet.create("m", machine(P={"Type": "Parallel", "Branches": inner, "End": True}))
        arn = fleet.start("m", "e", {"items": list(range(40))})
        wait_until(lambda: len(running(marks)) == 30, 60, say="the tasks do not begin")
        wait_until(lambda: fleet.json("health")["readyTasks"] == 1970, 60, say="the tasks are not all there")
        fleet.cli("stop", arn)
        fleet.coordinator.kill()  # it was acknowledged
        fleet.start_coordinator()
        ended(fleet, arn, "ABORTED")
        health = fleet.json("health")
        assert (health["readyTasks"], health["leasedTasks"]) == (0, 0)
        wait_until(lambda: not running(marks), 20, 0.2, say="handlers of stopped tasks still run")


def test_requests_are_heard_while_an_execution_goes_on_by_itself(tmp_path):
    endless = machine(A={"Type": "Pass", "Next": "B"}, C={"Type": "Succeed"},
                      B={"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "C"}],
                         "Default": "A"})
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.create("x", endless, "EXPRESS")
        arn = fleet.start("x", payload={})
        assert fleet.show(arn)["status"] == "RUNNING"
        assert fleet.json("health")["hotExecutions"] == 1
        fleet.cli("stop", arn, "--error", "Enough")
        d = fleet.show(arn)
        assert (d["status"], d["error"]) == ("ABORTED", "Enough")  # and not by what it may gather


def test_memory_is_given_back_when_what_an_execution_had_is_gone(tmp_path):
    with Fleet(tmp_path, coordinator={"log": "debug"}) as fleet:
        fleet.start_coordinator()
        fleet.create("m", mapped(W={"Type": "Wait", "Seconds": 1, "End": True}))
        fleet.start("m", "e", {"items": list(range(40))})
        wait_until(lambda: "memory is given back" in fleet.coordinator.text(), 20, say="no memory is given back")
