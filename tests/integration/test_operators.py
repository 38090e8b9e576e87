# SPDX-License-Identifier: Apache-2.0
"""What operators ask of workers and functions, by the CLI: labels, limits, cordons, drains, and the figures that
autoscalers go by, also over HTTP. Handlers that are to be slow wait for a file, so nothing here hangs on time."""
import json
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from fleet import Fleet, chain, wait_until

WHO = "/usr/bin/python3 -c \"print('\\\"{}\\\"')\""
GATED = "/usr/bin/python3 {}"


def gate(fleet):
    return fleet.dir / "gate"


def functions(fleet, name):
    script = fleet.dir / "gated.py"
    script.write_text(f"import os, time\nwhile not os.path.exists({str(gate(fleet))!r}): time.sleep(0.02)\nprint('{{}}')\n")
    return {"who": {"handler": "event", "command": WHO.format(name), "slots": 4},
            "gated": {"handler": "event", "command": GATED.format(script), "slots": 4}}


def start_workers(fleet):
    for name, zone in (("w1", "a"), ("w2", "b")):
        fleet.start_worker(name, functions(fleet, name), slots=4, **{"labels.zone": zone})


@pytest.fixture
def fleet(tmp_path):
    with Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        start_workers(f)
        for name in ("who", "gated"):
            f.create(name, chain([name]))
        yield f


def figures(fleet, function):
    [found] = fleet.json("scale", function)["functions"]
    return found


def ask(fleet, path):
    with urllib.request.urlopen(fleet.endpoint + path, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return json.load(answer)


def outputs(fleet, arns):
    return {json.loads(fleet.finish(a)["output"]) for a in arns}


def worker(fleet, name):
    [found] = [w for w in fleet.json("worker", "list")["workers"] if w["name"] == name]
    return found


def test_labels_say_who_gets_a_task_over_a_restart(fleet):
    shown = fleet.json("function", "set", "who", "--labels", "zone=b", "--priority", "-2", "--rate", "500/s")
    assert shown == {"name": "who", "labels": {"zone": "b"}, "ratePerSecond": 500, "priority": -2}
    assert outputs(fleet, [fleet.start("who") for _ in range(6)]) == {"w2"}
    fleet.coordinator.send(signal.SIGKILL)
    fleet.coordinator.stop()
    fleet.start_coordinator()
    assert fleet.json("function", "list")["functions"] == [shown]
    assert outputs(fleet, [fleet.start("who") for _ in range(6)]) == {"w2"}
    assert fleet.json("function", "set", "who", "--labels", "zone=a")["priority"] == -2
    assert outputs(fleet, [fleet.start("who") for _ in range(3)]) == {"w1"}
    fleet.cli("function", "reset", "who")
    assert fleet.json("function", "show", "who") == {"name": "who", "labels": {}, "priority": 0}
    assert fleet.json("function", "list")["functions"] == []


def test_no_more_at_once_than_may_be(fleet):
    fleet.cli("function", "set", "gated", "--concurrency", "3")
    arns = [fleet.start("gated") for _ in range(5)]
    wait_until(lambda: figures(fleet, "gated")["leased"] == 3)
    now = ask(fleet, "/scale/gated")["functions"][0]
    assert (now["ready"], now["leased"], now["slots"], now["workers"], now["wanted"]) == (2, 3, 8, 2, 1)
    assert now["oldestMs"] >= 0
    fleet.cli("function", "set", "gated", "--concurrency", "none")
    wait_until(lambda: figures(fleet, "gated")["leased"] == 5)
    assert figures(fleet, "gated")["wanted"] == 2
    gate(fleet).touch()
    assert all(fleet.finish(a)["status"] == "SUCCEEDED" for a in arns)
    assert [f["function"] for f in ask(fleet, "/scale")["functions"]] == ["gated", "stepfleet:job", "who"]
    assert ask(fleet, "/scale/nobody%27s")["functions"][0]["wanted"] == 0


def test_a_cordoned_worker_gets_nothing_over_restarts(fleet):
    fleet.cli("function", "set", "who", "--labels", "zone=b")
    fleet.cli("worker", "cordon", "w2")
    assert worker(fleet, "w2")["cordon"] == "cordoned"
    fleet.coordinator.send(signal.SIGKILL)
    fleet.coordinator.stop()
    fleet.start_coordinator()
    fleet.workers["w2"].stop()
    fleet.start_worker("w2", functions(fleet, "w2"), slots=4, **{"labels.zone": "b"})
    assert worker(fleet, "w2")["cordon"] == "cordoned"
    arn = fleet.start("who")
    wait_until(lambda: figures(fleet, "who")["ready"] == 1)
    assert figures(fleet, "who")["workers"] == 0
    assert figures(fleet, "who")["wanted"] == 1
    fleet.cli("worker", "uncordon", "w2")
    assert outputs(fleet, [arn]) == {"w2"}
    assert "not here" in fleet.cli("worker", "cordon", "w9").stdout
    assert worker(fleet, "w9")["absent"]
    fleet.cli("worker", "uncordon", "w9")
    wait_until(lambda: len(fleet.json("workers")["workers"]) == 2)  # w1 may be on its way back yet


def test_a_drain_waits_for_what_runs(fleet):
    fleet.cli("worker", "cordon", "w2")
    arn = fleet.start("gated")
    wait_until(lambda: worker(fleet, "w1")["leased"] == 1)
    drain = subprocess.Popen([fleet.programs / "stepfleet", "worker", "drain", "--wait", "w1"], env=fleet.env)
    try:
        wait_until(lambda: worker(fleet, "w1")["cordon"] == "drained")
        assert drain.poll() is None
        gate(fleet).touch()
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
        assert drain.wait(30) == 0
    finally:
        drain.kill()
        drain.wait()
    assert worker(fleet, "w1")["leased"] == 0
    fleet.cli("worker", "uncordon", "w1")
    assert fleet.finish(fleet.start("gated"))["status"] == "SUCCEEDED"


REFUSED = [
    (["function", "set", "f", "--rate", "0/s"], 2),
    (["function", "set", "f", "--rate", "5"], 2),
    (["function", "set", "f", "--rate", "1.0001/s"], 2),
    (["function", "set", "f", "--concurrency", "0"], 2),
    (["function", "set", "f", "--concurrency", "4294967296"], 2),
    (["function", "set", "f", "--priority", "1e3"], 2),
    (["function", "set", "f", "--labels", "zone"], 2),
    (["function", "set", "f", "--labels", "zone=a,"], 2),
    (["function", "set", "f", "--labels", "zone=a,zone=b"], 3),
    (["function", "set", "f", "--labels", "zone=" + "x" * 257], 3),
    (["function", "show", "x" * 400], 3),
    (["worker", "cordon", "no/name"], 3),
    (["worker", "cordon"], 2),
]


def test_refuses_what_cannot_be(tmp_path):
    with Fleet(tmp_path, http={}) as f:
        f.start_coordinator()
        for args, code in REFUSED:
            assert f.cli(*args, check=False).returncode == code, args
        assert f.json("function", "list")["functions"] == []
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f.endpoint + "/scale", timeout=30)
        assert refused.value.code == 403  # nobody has signed it
