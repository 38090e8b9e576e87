# SPDX-License-Identifier: Apache-2.0
"""Backups of a coordinator that works, and what becomes of it on another one: whatever was acknowledged before ends,
what was acknowledged after is gone and said to be, and nothing that was handed out meanwhile counts."""
import json
import signal
import subprocess
import threading

import pytest

from fleet import Failed, Fleet, chain, stages, wait_until

ECHO = {"handler": "event", "command": "/bin/cat", "slots": 4}
COPY = {"handler": "stream", "command": "/bin/sh -c 'sleep 0.2; cat'", "slots": 4}


def waits_for_token(function):
    return {"StartAt": "Ask", "States": {"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True,
        "Parameters": {"FunctionName": function, "Payload": {"token.$": "$$.Task.Token"}}}}}


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path, backup={"directory": tmp_path / "backups"}) as f:
        f.start_coordinator()
        yield f


def restore(fleet, name, data):
    return subprocess.run([fleet.programs / "stepfleet-coordinator", "--restore", fleet.dir / "backups" / name, "--data",
                           fleet.dir / data], env=fleet.env, capture_output=True, text=True, timeout=60)


def kill_and_restore(fleet, name):
    fleet.coordinator.kill()
    run = restore(fleet, name, "restored")
    assert run.returncode == 0, run.stderr
    fleet.options["data"] = fleet.dir / "restored"
    fleet.start_coordinator()
    return run.stdout


def task_token(fleet, arn):
    """As the function that was to answer it was given it."""
    [token] = [json.loads(e["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
               for e in fleet.history(arn) if e["type"] == "TaskScheduled"]
    return token


def test_what_was_acknowledged_before_ends_and_what_was_after_is_gone(fleet):
    fleet.start_worker("w1", {"Echo": ECHO, "S1": COPY, "S2": COPY})
    fleet.create("echo", chain(["Echo", "Echo"]))
    fleet.create("stages", stages(["S1", "S2"]))
    acknowledged, stop = [], threading.Event()

    def load():
        n = 0
        while not stop.is_set():
            n += 1
            acknowledged.append(fleet.start("stages" if n % 4 == 0 else "echo", f"e{n}", {"n": n}))

    feeder = threading.Thread(target=load)
    feeder.start()
    try:
        wait_until(lambda: len(acknowledged) >= 20)
        before = list(acknowledged)
        made = fleet.json("backup", "create", "one")
        seen = len(acknowledged)
        wait_until(lambda: len(acknowledged) >= seen + 10)
    finally:
        stop.set()
        feeder.join(60)
    assert made["state"] == "DONE" and made["files"] > 3 and made["bytes"] > 1000
    after = acknowledged[seen + 1:]  # one may have been on its way
    said = kill_and_restore(fleet, "one")
    assert f"when {made['executions']} executions ran" in said and "is gone" in said
    for arn in before:
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
    for arn in after:
        with pytest.raises(Failed, match="ExecutionDoesNotExist"):
            fleet.show(arn)
    health = fleet.json("health")
    assert (health["restoredFrom"], health["restoredExecutions"]) == ("one", made["executions"])
    assert health["restoredMadeDate"] == made["madeDate"] < health["restoredDate"]
    assert "restored from a backup" in fleet.coordinator.text()
    # What has its name may begin anew, over the outputs that the lost one left.
    assert fleet.finish(fleet.start("stages", after[-1].rsplit(":", 1)[1], {"n": 0}))["status"] == "SUCCEEDED"


def test_a_token_that_was_handed_out_since_counts_for_nothing(fleet):
    fleet.start_worker("w1", {"Echo": ECHO})
    fleet.create("asks", waits_for_token("Echo"))
    old = fleet.start("asks", "old")
    wait_until(lambda: any(e["type"] == "TaskSubmitted" for e in fleet.history(old)))
    fleet.cli("backup", "create", "one")
    lost = fleet.start("asks", "lost")
    wait_until(lambda: any(e["type"] == "TaskSubmitted" for e in fleet.history(lost)))
    kept, stale = task_token(fleet, old), task_token(fleet, lost)
    kill_and_restore(fleet, "one")
    new = fleet.start("asks", "new")  # has the number that `lost` had
    wait_until(lambda: any(e["type"] == "TaskSubmitted" for e in fleet.history(new)))
    assert task_token(fleet, new) != stale
    with pytest.raises(Failed, match="TaskTimedOut"):
        fleet.cli("task", "success", stale, "--output", '"stale"')
    assert fleet.show(new)["status"] == "RUNNING"
    fleet.cli("task", "success", kept, "--output", '"kept"')
    assert json.loads(fleet.finish(old)["output"]) == "kept"
    fleet.cli("task", "success", task_token(fleet, new), "--output", '"new"')
    assert json.loads(fleet.finish(new)["output"]) == "new"


def test_what_is_asked_wrongly_is_refused(fleet):
    for name in ("../out", ".hidden", "a/b", "x" * 65):
        with pytest.raises(Failed, match="InvalidName"):
            fleet.cli("backup", "create", name)
    assert fleet.json("backup", "list") == {"backups": []}
    name = fleet.cli("backup", "create").stdout.strip()
    assert name.endswith("Z")
    with pytest.raises(Failed, match="ConflictException"):
        fleet.cli("backup", "create", name)
    [listed] = fleet.json("backup", "list")["backups"]
    assert (listed["name"], listed["state"]) == (name, "DONE")
    run = restore(fleet, name, "data")
    assert run.returncode == 1 and "is not empty" in run.stderr
    [largest] = sorted((fleet.dir / "backups" / name / "db").iterdir(), key=lambda p: p.stat().st_size)[-1:]
    largest.write_bytes(largest.read_bytes()[:-1])
    run = restore(fleet, name, "other")
    assert run.returncode == 1 and str(largest) in run.stderr and "damaged" in run.stderr
    fleet.options["data"] = fleet.dir / "other"  # half restored is none
    fleet.coordinator.stop()
    with pytest.raises(AssertionError, match="synced, which tells what was synced, is"):
        fleet.start_coordinator()


def test_without_a_directory_none_is_made(tmp_path):
    with Fleet(tmp_path) as f:
        f.start_coordinator()
        for ask in ("create", "list"):
            with pytest.raises(Failed, match="no directory for backups is configured"):
                f.cli("backup", ask)


def test_killed_while_it_is_made_none_is_taken_for_whole(fleet):
    fleet.create("waits", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    arns = [fleet.start("waits", f"e{n}", {"pad": "x" * 100_000}) for n in range(30)]
    for n in range(4):
        fleet.cli("backup", "create", f"b{n}", "--no-wait")
        fleet.coordinator.send(signal.SIGKILL)
        fleet.coordinator.stop()
        fleet.start_coordinator()
    fleet.cli("backup", "create", "last")
    backups = fleet.json("backup", "list")["backups"]
    assert [b["state"] for b in backups] == ["DONE"] * len(backups) and backups[-1]["name"] == "last"
    assert not list((fleet.dir / "backups").glob(".*"))
    kill_and_restore(fleet, backups[0]["name"])
    assert all(fleet.show(arn)["status"] == "RUNNING" for arn in arns)
