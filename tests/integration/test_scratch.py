# SPDX-License-Identifier: Apache-2.0
"""The directories workers make for themselves: removed when they leave, and by the next one where they were killed."""
import os

import pytest
from fleet import Fleet, wait_until
from test_bad_handlers import event, script


@pytest.fixture
def fleet(tmp_path):
    (tmp_path / "tmp").mkdir()
    with Fleet(tmp_path, env={"TMPDIR": str(tmp_path / "tmp")}) as f:
        f.start_coordinator()
        yield f


def made(fleet):
    return sorted(p.name for p in (fleet.dir / "tmp").iterdir())


def echo():
    return {"e": {"handler": "echo"}}


def test_a_worker_that_leaves_takes_its_directory_along(fleet):
    w = fleet.start_worker("w1", echo())
    assert len(made(fleet)) == 1
    assert w.stop() == 0
    assert made(fleet) == []


def test_what_a_killed_worker_left_is_removed_by_the_next(fleet):
    """With all its tasks had in it; a live one's stays, whoever starts."""
    command = script(fleet, "fill", """import os, time
os.makedirs(os.environ["HOME"] + "/a/b")
open(os.environ["HOME"] + "/a/b/c", "w").write("x")
print("1", flush=True)
time.sleep(60)
""")
    dead = fleet.start_worker("dead", {"fill": event(command)})
    left, = made(fleet)
    fleet.create("m", {"StartAt": "S", "States": {"S": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:"
                                                        "123456789012:function:fill", "End": True}}})
    fleet.start("m")
    wait_until(lambda: list((fleet.dir / "tmp" / left).glob("task-*/a/b/c")), 30)
    live = fleet.start_worker("live", echo())
    kept, = set(made(fleet)) - {left}
    dead.kill()
    assert made(fleet) == sorted([left, kept])
    third = fleet.start_worker("third", echo())
    now = made(fleet)
    assert left not in now and kept in now and len(now) == 2
    assert live.stop() == 0 and third.stop() == 0
    assert made(fleet) == []


def test_what_no_worker_made_is_let_be(fleet):
    """Other names, no lock, a link in place of the directory or of the lock."""
    tmp, other = fleet.dir / "tmp", fleet.dir / "other"
    for name in ["stepfleet-worker-abcde", "stepfleet-worker-abcdefg", "stepfleet-worker-abc-ef", "x-worker-abcdef"]:
        (tmp / name).mkdir()
        (tmp / name / "lock").touch()
    (tmp / "stepfleet-worker-nolock").mkdir()
    (tmp / "stepfleet-worker-afile1").touch()
    other.mkdir()
    (other / "lock").touch()
    (tmp / "stepfleet-worker-linked").symlink_to(other)
    (tmp / "stepfleet-worker-lklock").mkdir()
    (tmp / "stepfleet-worker-lklock" / "lock").symlink_to(other / "lock")
    os.mkfifo(tmp / "stepfleet-worker-afifo1")
    before = made(fleet)
    w = fleet.start_worker("w1", echo())
    assert len(made(fleet)) == len(before) + 1
    assert w.stop() == 0
    assert made(fleet) == before and (other / "lock").exists()


def test_workers_that_start_at_once_keep_their_own(fleet):
    """Each looks at what the others have just made."""
    for i in range(12):
        fleet.start_worker(f"w{i}", echo(), wait=False)
    wait_until(lambda: len(fleet.json("workers")["workers"]) == 12, 60)
    assert len(made(fleet)) == 12
    for w in fleet.workers.values():
        assert w.alive(), w.text()
        assert w.stop() == 0
    assert made(fleet) == []
