# SPDX-License-Identifier: Apache-2.0
"""kill -9, SIGSTOP and lost answers against real processes: whatever was acknowledged ends, no stage's
output is committed twice, nothing half-uploaded remains, histories are legal."""
import json
import os
import random
import signal
import threading
import time

from fleet import Fleet, check_history, stages, wait_until

PY = "/usr/bin/python3 -c "
RETRY = [{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 20, "BackoffRate": 1.0}]
# Reads its input, dawdles, writes one line more than it read: the attempt's number is in it.
ADD = PY + ("'import sys,os,time; d=sys.stdin.read(); time.sleep(0.2); "
            "n=d.count(chr(10)); print(d.rstrip(chr(10))+chr(10)+os.environ[\"STEPFLEET_STATE\"] if n else "
            "os.environ[\"STEPFLEET_STATE\"])'")


def stream(command, **keys):
    return {"handler": "stream", "command": command, "slots": 8, **keys}


def committed(fleet, name, stage):
    return (fleet.dir / "objects/lake/executions" / name / stage / "output.json").read_text()


def uploads(fleet):
    root = fleet.dir / "objects/.uploads"
    return [p for p in root.iterdir()] if root.exists() else []


def check_all(fleet, arns, count):
    """Every acknowledged execution ended well, each stage's output has each line before it once."""
    for arn in arns:
        d = fleet.finish(arn, 120)
        assert d["status"] == "SUCCEEDED", d
        check_history(fleet.history(arn))
        name = arn.rsplit(":", 1)[1]
        assert committed(fleet, name, f"Stage{count}").split() == [f"Stage{i}" for i in range(1, count + 1)]
    wait_until(lambda: not uploads(fleet), 40, 0.5, say="half-made uploads remain")


def start_acknowledged(fleet, machine, names):
    """Start by name until each is acknowledged: a client that repeats what failed."""
    arns = []
    for name in names:
        def attempt(name=name):
            run = fleet.cli("start", machine, "--name", name, "--input", "{}", "--json", check=False)
            return json.loads(run.stdout)["executionArn"] if run.returncode == 0 else None
        arns.append(wait_until(attempt, 60, 0.2, say="the start is never acknowledged"))
    return arns


def test_kill_the_coordinator_again_and_again(tmp_path):
    rng = random.Random(7)
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"add": stream(ADD)})
        fleet.start_worker("w2", {"add": stream(ADD)})
        fleet.create("m", stages(["add"] * 4, RETRY))
        arns = []
        starter = threading.Thread(target=lambda: arns.extend(
            start_acknowledged(fleet, "m", [f"k{i}" for i in range(24)])))
        starter.start()
        for _ in range(8):
            time.sleep(rng.uniform(0.3, 1.2))
            fleet.coordinator.kill()
            fleet.start_coordinator()
        starter.join(120)
        assert len(arns) == 24
        check_all(fleet, arns, 4)


def test_kill_workers_again_and_again(tmp_path):
    rng = random.Random(11)
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        for name in ("w1", "w2", "w3"):
            fleet.start_worker(name, {"add": stream(ADD)})
        fleet.create("m", stages(["add"] * 4, RETRY))
        arns = start_acknowledged(fleet, "m", [f"k{i}" for i in range(24)])
        for _ in range(8):
            time.sleep(rng.uniform(0.2, 0.8))
            name = rng.choice(("w1", "w2", "w3"))
            fleet.workers[name].kill()
            fleet.start_worker(name, {"add": stream(ADD)}, wait=False)
        check_all(fleet, arns, 4)


def test_kill_everything_in_turns(tmp_path):
    rng = random.Random(13)
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        for name in ("w1", "w2"):
            fleet.start_worker(name, {"add": stream(ADD)})
        fleet.create("m", stages(["add"] * 3, RETRY))
        arns = start_acknowledged(fleet, "m", [f"k{i}" for i in range(12)])
        for n in range(6):
            time.sleep(rng.uniform(0.2, 0.7))
            if n % 2:
                fleet.coordinator.kill()
                fleet.start_coordinator()
            else:
                name = rng.choice(("w1", "w2"))
                fleet.workers[name].kill()
                fleet.start_worker(name, {"add": stream(ADD)}, wait=False)
        check_all(fleet, arns, 3)


def test_a_worker_stopped_past_its_lease_is_refused_when_it_goes_on(tmp_path):
    slow = PY + ("'import sys,os,time; time.sleep(float(os.environ.get(\"NAP\",\"0\"))); "
                 "print(os.environ[\"STEPFLEET_ATTEMPT\"])'")
    with Fleet(tmp_path, coordinator={"lease": "1s"}) as fleet:
        fleet.start_coordinator()
        w1 = fleet.start_worker("w1", {"f": stream(slow, **{"env.NAP": "2"})})
        fleet.create("m", stages(["f"], RETRY))
        arn = fleet.start("m", "s1", {})
        wait_until(lambda: fleet.show(arn)["frames"][0]["worker"] == "w1")
        time.sleep(0.5)
        w1.send(signal.SIGSTOP)
        fleet.start_worker("w2", {"f": stream(slow)})
        assert fleet.finish(arn, 30)["status"] == "SUCCEEDED"
        assert committed(fleet, "s1", "Stage1").strip() == "2"
        w1.send(signal.SIGCONT)
        time.sleep(4)  # its handler ends now, and it reports: too late
        assert committed(fleet, "s1", "Stage1").strip() == "2"
        events = fleet.history(arn)
        check_history(events)
        assert [e["type"] for e in events].count("TaskSucceeded") == 1
        wait_until(lambda: not uploads(fleet), 20, 0.5, say="half-made uploads remain")


def test_a_second_coordinator_on_the_same_directory_refuses(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.start_coordinator()
        other = Fleet(tmp_path / "other", objects=fleet.objects)
        (tmp_path / "other").mkdir()
        other.options["data"] = str(fleet.dir / "data")
        p = other.start_coordinator(wait=False)
        assert p.p.wait(30) == 1
        assert "another coordinator" in p.text()
        assert fleet.json("health")


def copy_tree(source, target):
    import shutil
    shutil.copytree(source, target)
    return target


def written_database(tmp_path, machines=1):
    """A database with finished and sleeping executions, cleanly synced, its coordinator killed."""
    fleet = Fleet(tmp_path)
    fleet.start_coordinator()
    fleet.create("m", {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "W"},
                                                  "W": {"Type": "Wait", "Seconds": 3600, "End": True}}})
    for i in range(200):
        fleet.start("m", f"d{i}", {"x": "y" * 500})
    fleet.coordinator.kill()
    return fleet


def refuses(fleet):
    p = fleet.start_coordinator(wait=False)
    try:
        status = p.p.wait(60)
    finally:
        if p.alive():
            p.kill()
    return status == 1, p.text()


def test_a_damaged_database_is_refused_with_words(tmp_path):
    fleet = written_database(tmp_path)
    clean = copy_tree(tmp_path / "data", tmp_path / "clean")
    log = max(clean.glob("*.log"), key=lambda p: p.stat().st_size)
    damages = {
        "bit": lambda p: flip(p, p.stat().st_size // 2),
        "early bit": lambda p: flip(p, p.stat().st_size // 5),
        "late bit": lambda p: flip(p, p.stat().st_size - 40),
        "cut": lambda p: os.truncate(p, p.stat().st_size * 2 // 3),
        "cut short": lambda p: os.truncate(p, p.stat().st_size - 10),
    }
    for name, damage in damages.items():
        import shutil
        shutil.rmtree(tmp_path / "data")
        copy_tree(clean, tmp_path / "data")
        damage(tmp_path / "data" / log.name)
        refused, text = refuses(fleet)
        assert refused, f"{name}: it started:\n{text}"
        assert "backup" in text.split("ready:")[-1], f"{name}: it does not say what to do:\n{text}"
    shutil.rmtree(tmp_path / "data")
    copy_tree(clean, tmp_path / "data")
    with fleet:
        fleet.start_coordinator()
        assert len(fleet.json("list", "--limit", 1000)["executions"]) == 200


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 4]))
