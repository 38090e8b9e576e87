# SPDX-License-Identifier: Apache-2.0
"""Executions that have been over for long enough: they go whole, archived before where that is asked for, over
kill -9 at any moment; a store that is away keeps them."""
import datetime
import json
import os
import random
import shutil
import time

import fleet as fleets
import pytest
import stores
from fleet import wait_until
from http_client import ask

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
WIDE = {"StartAt": "A", "States": {"A": {
    "Type": "Parallel", "End": True, "ResultPath": None,
    "Branches": [{"StartAt": f"P{i}", "States": {f"P{i}": {"Type": "Pass", "End": True}}} for i in range(30)]}}}


def call(f, operation, **members):
    status, got = ask(f.endpoint, operation, members)
    assert status == 200, got
    return got


def is_there(f, arn):
    """All of it, or nothing."""
    status, got = ask(f.endpoint, "DescribeExecution", {"executionArn": arn})
    assert status == 200 or (status == 400 and "ExecutionDoesNotExist" in json.dumps(got)), got
    return status == 200


def history(f, arn):
    """All events; None where there is no execution any more."""
    events, token = [], {}
    while True:
        status, got = ask(f.endpoint, "GetExecutionHistory", {"executionArn": arn, "maxResults": 1000, **token})
        if status != 200:
            assert "ExecutionDoesNotExist" in json.dumps(got), got
            return None
        events += got["events"]
        if "nextToken" not in got:
            return events
        token = {"nextToken": got["nextToken"]}


def gone(f, arns, timeout=60):
    wait_until(lambda: not any(is_there(f, a) for a in arns), timeout, 0.2, say="they do not go")


@pytest.fixture(params=["directory", "server"])
def store(request, tmp_path):
    if request.param == "directory":
        s = stores.Directory(tmp_path)
        (s.root / stores.BUCKET).mkdir(parents=True)
    else:
        s = stores.Faulty()
    yield s
    s.stop()


def key_of(machine, name, start):
    at = datetime.datetime.fromtimestamp(start, datetime.timezone.utc)
    return f"archive/{machine}/{at:%Y/%m/%d}/{name}-{at:%H%M%S}{at.microsecond // 1000:03}.jsonl"


def test_they_go(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"},
                      coordinator={"retention": "3s", "retention_express": "1s"}) as f:
        f.start_coordinator()
        machines = {n: f.create(n, d)["stateMachineArn"] for n, d in (("p", PASS), ("f", FAIL), ("w", WAIT))}
        express = f.create("x", PASS, "EXPRESS")["stateMachineArn"]
        ended = [call(f, "StartExecution", stateMachineArn=machines[m], name=f"{m}{i}")["executionArn"]
                 for m in "pf" for i in range(5)]
        runs = call(f, "StartExecution", stateMachineArn=machines["w"], name="runs")["executionArn"]
        call(f, "StartExecution", stateMachineArn=express, name="x")
        assert is_there(f, ended[0]) and len(history(f, ended[0])) == 4
        gone(f, ended)
        assert history(f, ended[0]) is None
        assert is_there(f, runs)
        for arn in machines.values():
            listed = call(f, "ListExecutions", stateMachineArn=arn)["executions"]
            assert [e["executionArn"] for e in listed] == ([runs] if arn == machines["w"] else [])
        again = call(f, "StartExecution", stateMachineArn=machines["p"], name="p0", input='{"other": 1}')
        assert again["executionArn"] == ended[0]
        wait_until(lambda: f.json("health")["expired"] >= 11, 30)
        f.check_serves()


def test_archive(tmp_path, store):
    """What the API said is what is kept, line for line."""
    with fleets.Fleet(tmp_path, http={"access": "open"}, objects=store.objects, env=store.env,
                      coordinator={"retention": "6s", "retention_express": "1s",
                                   "archive": f"s3://{stores.BUCKET}/archive/"}) as f:
        f.start_coordinator()
        said = {}
        for name, definition in (("p", PASS), ("f", FAIL), ("wide", WIDE)):
            machine = f.create(name, definition)["stateMachineArn"]
            given = '{"h\u00e9": "\u2028"}'
            arn = call(f, "StartExecution", stateMachineArn=machine, name=name, input=given)["executionArn"]
            f.finish(arn)
            said[arn] = call(f, "DescribeExecution", executionArn=arn), history(f, arn)
        f.create("x", PASS, "EXPRESS")
        f.start("x")
        gone(f, said)
        keys = {key_of(d["name"], d["name"], d["startDate"]): (d, h) for d, h in said.values()}
        assert store.keys() == sorted(keys)
        for key, (description, events) in keys.items():
            lines = store.get(key).decode().split("\n")
            assert lines.pop() == ""
            assert [json.loads(line) for line in lines] == [description, *events]
        assert f.json("health")["archived"] == 3
        assert store.uploads() == []
        f.check_serves()


def test_a_long_history_is_streamed(tmp_path, store):
    """More than is put at once: parts, and one object."""
    with fleets.Fleet(tmp_path, http={"access": "open"}, objects=store.objects, env=store.env,
                      coordinator={"retention": "8s", "archive": f"s3://{stores.BUCKET}"}) as f:
        f.start_coordinator()
        machine = f.create("wide", WIDE)["stateMachineArn"]
        given = json.dumps("x" * 200000)
        arn = call(f, "StartExecution", stateMachineArn=machine, name="e", input=given)["executionArn"]
        f.finish(arn)
        described, events = call(f, "DescribeExecution", executionArn=arn), history(f, arn)
        assert sum(len(json.dumps(e)) for e in events) > 8 * 1024 * 1024
        gone(f, [arn])
        [key] = store.keys()
        lines = store.get(key).decode().splitlines()
        assert [json.loads(line) for line in lines] == [described, *events]
        assert store.uploads() == []
        f.check_serves()


def test_a_store_that_is_away_keeps_them(tmp_path):
    store = stores.Directory(tmp_path)
    (store.root / stores.BUCKET).mkdir(parents=True)
    with fleets.Fleet(tmp_path, http={"access": "open"}, objects=store.objects,
                      coordinator={"retention": "1s", "archive": f"s3://{stores.BUCKET}/archive"}) as f:
        f.start_coordinator()
        machine = f.create("p", PASS)["stateMachineArn"]
        shutil.rmtree(store.root / stores.BUCKET)
        (store.root / stores.BUCKET).write_text("not a directory")
        arns = [call(f, "StartExecution", stateMachineArn=machine, name=f"e{i}")["executionArn"] for i in range(40)]
        wait_until(lambda: f.json("health").get("archiveProblem"), 30)
        time.sleep(3)
        assert all(is_there(f, a) for a in arns)
        assert "archive" in f.cli("health").stdout
        assert "cannot be archived and are kept" in f.coordinator.text()
        (store.root / stores.BUCKET).unlink()
        (store.root / stores.BUCKET).mkdir()
        gone(f, arns)
        assert len(store.keys()) == 40
        health = f.json("health")
        assert "archiveProblem" not in health and health["archived"] == 40
        f.check_serves()


def test_old_outputs(tmp_path):
    """Of a directory store: those of executions that have ended, and of nobody's; others stay."""
    store = stores.Directory(tmp_path)
    (store.root / stores.BUCKET).mkdir(parents=True)
    with fleets.Fleet(tmp_path) as f:
        f.start_coordinator()
        f.start_worker("w", {"a": {"handler": "stream", "command": "cat"}})
        f.create("s", fleets.stages(["a"]))
        f.create("w", WAIT)
        f.finish(f.start("s", "done", {"a": 1}))
        f.finish(f.start("s", "young", {"a": 1}))
        f.start("w", "runs")
        for name in ("runs", "nobody's", "runs-not"):
            store.put(f"executions/{name}/Stage1/output.json", b"{}")
        store.put("other/done/Stage1/output.json", b"{}")
        old, keys = time.time() - 700, store.keys()
        for key in keys:
            if "young" not in key:
                os.utime(store.root / stores.BUCKET / key, (old, old))
    with fleets.Fleet(tmp_path, coordinator={"retention_outputs": "200s"}) as f:
        f.start_coordinator()
        left = ["executions/runs/Stage1/output.json", "executions/young/Stage1/output.json",
                "other/done/Stage1/output.json"]

        def there():  # what vanishes meanwhile must not be walked through
            return [k for k in keys if (store.root / stores.BUCKET / k).exists()]
        wait_until(lambda: there() == left, 60, say="too many, or too few, are left")
        f.cli("stop", "w/runs")
        wait_until(lambda: there() == left[1:], 60, say="what ended is left")
        assert not (store.root / stores.BUCKET / "executions" / "done").exists()
        f.check_serves()


def test_archive_needs_a_place(tmp_path):
    for archive, objects, says in (("work/archive", True, "expected s3://BUCKET"), ("s3://", True, "expected s3://"),
                                   ("s3://work", False, "no object store")):
        f = fleets.Fleet(tmp_path, objects={"root": tmp_path / "o"} if objects else {"region": "us-east-1"},
                         coordinator={"archive": archive})
        f.env.pop("STEPFLEET_OBJECTS_ROOT", None)
        f.start_coordinator(wait=False).p.wait(30)
        assert f.coordinator.p.returncode == 1 and says in f.coordinator.text()
        f.coordinator.log.unlink()


@pytest.mark.parametrize("seed", range(2))
def test_kill(tmp_path, seed):
    """kill -9 at random moments while many go: each is there whole or not at all, those that are gone are in the
    archive, whole, and in the end all are."""
    rng = random.Random(seed)
    store = stores.Directory(tmp_path)
    (store.root / stores.BUCKET).mkdir(parents=True)
    with fleets.Fleet(tmp_path, http={"access": "open"}, objects=store.objects,
                      coordinator={"retention": "1s", "archive": f"s3://{stores.BUCKET}/archive"}) as f:
        f.start_coordinator()
        machine = f.create("p", PASS)["stateMachineArn"]
        names = {}
        for n in range(6):
            for i in range(60):
                got = call(f, "StartExecution", stateMachineArn=machine, name=f"e{n}-{i}")
                names[got["executionArn"]] = key_of("p", f"e{n}-{i}", got["startDate"])
            time.sleep(rng.uniform(0, 1.5))
            f.coordinator.kill()
            kept = set(store.keys())
            f.start_coordinator()
            for arn, key in rng.sample(sorted(names.items()), 20):
                events = history(f, arn)
                assert events is None or len(events) == 4
                assert events is not None or key in kept or key in store.keys()
        gone(f, names)
        assert store.keys() == sorted(names.values())
        for key in store.keys():
            lines = [json.loads(line) for line in store.get(key).decode().splitlines()]
            assert [e["id"] for e in lines[1:]] == [1, 2, 3, 4]
            assert key_of("p", lines[0]["name"], lines[0]["startDate"]) == key
        f.check_serves()
