# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: the coordinator stops with words and loses nothing that it acknowledged; a stage whose
output does not fit fails, can be retried, and leaves nothing behind. Each disk is a small file system in
memory; mounting one needs root."""
import base64
import concurrent.futures
import json
import os
import subprocess

import pytest
from fleet import Fleet, check_history, stages, wait_until
from small_disk import MIB, fill, small_disks

WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture
def disk(tmp_path):
    with small_disks(tmp_path) as mount:
        yield mount


def start_until_it_stops(fleet, payload):
    """Starts, four at a time, until the coordinator is gone: the ARNs that were acknowledged."""
    arns = []

    def one(i):
        if not fleet.coordinator.alive():
            return
        run = fleet.cli("start", "m", "--name", f"d{i}", "--input-file", "-", "--json", check=False, stdin=payload)
        if run.returncode == 0:
            arns.append(json.loads(run.stdout)["executionArn"])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for batch in range(100):
            list(pool.map(one, range(batch * 16, batch * 16 + 16)))
            if not fleet.coordinator.alive():
                break
    return arns


def test_a_full_data_directory_stops_it_with_words_and_loses_nothing(tmp_path, disk):
    data = disk("data", 64)
    with Fleet(tmp_path, coordinator={"disk_reserve": "0"}) as fleet:
        fleet.start_coordinator()
        fleet.create("m", WAIT)
        early = [fleet.start("m", f"early{i}", i) for i in range(5)]
        payload = json.dumps(base64.b64encode(os.urandom(75_000)).decode())  # does not compress
        fill(data / "ballast", 3 * MIB)
        arns = start_until_it_stops(fleet, payload)
        assert fleet.coordinator.p.wait(20) == 1
        text = fleet.coordinator.text()
        assert "error" in text and str(data) in text and "No space left on device" in text
        assert "AddressSanitizer" not in text and "Assertion" not in text
        assert 5 <= len(arns)
        # Not yet room: it says so and stops again, or serves; but never loses anything.
        p = fleet.start_coordinator(wait=False)
        wait_until(lambda: not p.alive() or p.text().count("ready:") == 2, 30, say="neither serves nor stops")
        if p.alive():
            p.stop()
        else:
            assert p.p.returncode == 1, p.text()[-2000:]
        (data / "ballast").unlink()
        fleet.start_coordinator()
        for arn in early + arns:
            d = fleet.show(arn)
            assert d["status"] == "RUNNING"
            check_history(fleet.history(arn))
        assert all(fleet.show(arn)["input"] == payload for arn in arns[-5:])
        fleet.json("stop", arns[-1])
        assert fleet.show(arns[-1])["status"] == "ABORTED"
        more = fleet.start("m", "after")
        assert fleet.show(more)["status"] == "RUNNING"


def test_a_data_directory_without_room_at_all_is_refused_with_words(tmp_path, disk):
    data = disk("data", 1)
    fill(data / "ballast", 0)
    fleet = Fleet(tmp_path)
    p = fleet.start_coordinator(wait=False)
    assert p.p.wait(30) == 1
    assert "No space left on device" in p.text() and str(data) in p.text()
    assert "AddressSanitizer" not in p.text() and "Assertion" not in p.text()


def test_a_directory_it_may_not_write_to_is_refused_with_words(tmp_path, disk):
    data = disk("data", 8)
    subprocess.run(["mount", "-o", "remount,ro", data], check=True)
    fleet = Fleet(tmp_path)
    p = fleet.start_coordinator(wait=False)
    assert p.p.wait(30) == 1
    assert "Read-only file system" in p.text() and str(data) in p.text()


def test_a_full_objects_directory_fails_the_stage_which_can_be_retried(tmp_path, disk):
    objects = disk("objects", 32)
    retry = [{"ErrorEquals": ["S3.S3Exception", "Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 30, "BackoffRate": 1.0}]
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        size = "/bin/sh -c 'read n; head -c $n /dev/zero'"
        fleet.start_worker("w1", {"size": {"handler": "stream", "command": size, "slots": 4}})
        fleet.create("once", stages(["size"]))
        fleet.create("again", stages(["size"], retry))
        d = fleet.finish(fleet.start("once", "fits", 20 * MIB))
        assert d["status"] == "SUCCEEDED"
        d = fleet.finish(fleet.start("once", "toomuch", 200 * MIB))
        assert d["status"] == "FAILED" and d["error"] == "S3.S3Exception", d
        assert "No space left on device" in d["cause"] and "executions/toomuch/Stage1/output.json" in d["cause"]
        wait_until(lambda: list((objects / ".uploads").iterdir()) == [], 20, 0.2, say="half an output remains")
        assert not (objects / "lake/executions/toomuch/Stage1/output.json").exists()
        arn = fleet.start("again", "later", 20 * MIB)
        wait_until(lambda: "TaskFailed" in [e["type"] for e in fleet.history(arn)])
        assert fleet.show(arn)["status"] == "RUNNING"
        (objects / "lake/executions/fits/Stage1/output.json").unlink()
        d = fleet.finish(arn)
        assert d["status"] == "SUCCEEDED"
        assert (objects / "lake/executions/later/Stage1/output.json").stat().st_size == 20 * MIB
        check_history(fleet.history(arn))
        assert fleet.coordinator.alive()
        wait_until(lambda: list((objects / ".uploads").iterdir()) == [], 20, 0.2, say="half an output remains")


def test_a_full_work_directory_fails_the_task_with_words(tmp_path, disk):
    work = disk("lake", 1)
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"f": {"handler": "event", "command": "true"}}, work_dir=work)
        fleet.create("m", {"StartAt": "S", "States": {"S": {
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": True,
            "Retry": [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 20,
                       "BackoffRate": 1.0}]}}})
        subprocess.run(["mount", "-o", "remount,ro", work], check=True)
        arn = fleet.start("m")
        failed = wait_until(lambda: [e for e in fleet.history(arn) if e["type"] == "LambdaFunctionFailed"])
        details = failed[0]["lambdaFunctionFailedEventDetails"]
        assert details["error"] == "Lambda.ServiceException"
        assert "no directory for a task" in details["cause"] and "Read-only file system" in details["cause"]
        subprocess.run(["mount", "-o", "remount,rw", work], check=True)
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
        wait_until(lambda: list(work.iterdir()) == [])
