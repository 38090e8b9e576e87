# SPDX-License-Identifier: Apache-2.0
"""The nth call to the operating system fails: a write, a sync, a read, the making of a file, an allocation. The
coordinator ends with words, or goes on; without the fault it starts again, and all that it acknowledged ends with
the right output, each stage of it committed once.

The faults come from preload/faulty.c; the programs are those of a build without sanitizers. Whatever is exhausted
here, n is taken from all over the calls that a clean run makes, so that other versions of the libraries, which make
more or fewer, are still met everywhere."""
import errno
import json
import resource
import signal

import pytest
from faulty import Faults, Load, needs_plain
from fleet import wait_until

pytestmark = needs_plain
FOR_EVER = 1 << 60
DISK = ("Input/output error", "No space left on device")
MEMORY = ("out of memory",)


def spread(most, runs):
    """1, 2, 3, ... and then further and further apart, up to `most`: so many of them or fewer."""
    out, n = [], 1.0
    ratio = max(most, 2) ** (1 / max(runs - 1, 1))
    while len(out) < runs and round(n) <= most:
        if not out or round(n) > out[-1]:
            out.append(round(n))
            n = max(out[-1] + 1, out[-1] * ratio)
        else:
            n += 1
    return out


@pytest.fixture
def load(tmp_path):
    with Load(tmp_path) as l:
        l.worker()
        yield l


def calls_of_a_round(load, kind):
    load.faults.clear()
    names = load.some()
    arns = load.run_into(names)
    calls = load.faults.calls(kind)
    load.check(arns, names)
    return calls


def fail_while_it_runs(load, kind, first, last, code, statuses, words):
    """One round with the fault: whether it ended by it."""
    names = load.some()
    load.faults.set(kind, first, last, code)
    arns = load.run_into(names)
    ended = not load.fleet.coordinator.alive()
    if ended:
        load.check_end(statuses, *words)
        load.revive()
    load.faults.clear()
    load.check(arns, names)
    return ended


@pytest.mark.parametrize("kind, code, lasts", [
    ("write", errno.EIO, False), ("write", errno.ENOSPC, True), ("sync", errno.EIO, False), ("sync", errno.ENOSPC, True)])
def test_the_nth_write_fails_while_it_runs(load, kind, code, lasts):
    calls = calls_of_a_round(load, kind)
    assert calls >= 10
    ended = [fail_while_it_runs(load, kind, n, FOR_EVER if lasts else n, code, {1}, DISK) for n in spread(calls, 6)]
    assert ended[0] and ended.count(True) >= len(ended) // 2


def test_short_writes_are_written_on(load):
    """Every one is cut in half, again and again: nobody notices."""
    for n in (1, 2, 7):
        assert not fail_while_it_runs(load, "write", n, FOR_EVER, 0, set(), ())
    load.fleet.coordinator.kill()
    load.revive()


@pytest.mark.parametrize("kind, code", [
    ("write", errno.ENOSPC), ("sync", errno.EIO), ("read", errno.EIO), ("name", errno.EIO), ("name", errno.ENOSPC)])
def test_the_nth_call_fails_while_it_starts(load, kind, code):
    """It says so and ends, or serves all the same; whichever, nothing of what there was is lost."""
    names = load.some()
    arns = load.run_into(names)
    load.fleet.coordinator.kill()
    load.revive()
    calls = load.faults.calls(kind)
    load.fleet.coordinator.kill()
    ended = 0
    for n in spread(calls, 9):
        load.fleet.coordinator.log.write_text("")
        load.faults.set(kind, n, None, code)
        p = load.fleet.start_coordinator(wait=False, env=load.faults.env)
        wait_until(lambda p=p: not p.alive() or "ready:" in p.text(), 30, 0.02, say="neither serves nor ends")
        if p.alive():
            p.kill()
        else:
            ended += 1
            load.check_end({1}, *DISK, "backup")
    assert ended >= 2
    load.revive()
    load.check(arns, names)


def test_a_database_is_made_whole_or_made_again(tmp_path):
    """The nth call fails while the directory is made; the next start finds what is there and makes the rest."""
    ended = 0
    for kind, code in [("write", errno.ENOSPC), ("sync", errno.EIO), ("name", errno.EIO)]:
        for n in (1, 2, 3, 5, 8, 13, 21):
            home = tmp_path / f"{kind}{n}"
            home.mkdir()
            load = Load(home)
            with load.fleet as fleet:
                load.faults.set(kind, n, None, code)
                p = fleet.start_coordinator(wait=False, env=load.faults.env)
                wait_until(lambda p=p: not p.alive() or "ready:" in p.text(), 30, 0.02, say="neither serves nor ends")
                if not p.alive():
                    ended += 1
                    load.check_end({1}, *DISK)
                    load.revive()
                assert fleet.json("list")["executions"] == []
    assert ended >= 6


def test_the_nth_allocation_fails_while_it_runs(load):
    calls = calls_of_a_round(load, "alloc")
    assert calls >= 100
    ended = [fail_while_it_runs(load, "alloc", n, None, 1, {1, -signal.SIGABRT}, MEMORY) for n in spread(calls, 16)]
    assert ended.count(True) >= len(ended) // 2


def test_the_nth_allocation_fails_while_it_starts(load):
    names = load.some()
    arns = load.run_into(names)
    load.fleet.coordinator.kill()
    load.revive()
    calls = load.faults.calls("alloc")
    load.fleet.coordinator.kill()
    ended = 0
    for n in spread(calls, 25):
        load.fleet.coordinator.log.write_text("")
        load.faults.set("alloc", n)
        p = load.fleet.start_coordinator(wait=False, env=load.faults.env)
        wait_until(lambda p=p: not p.alive() or "ready:" in p.text(), 30, 0.02, say="neither serves nor ends")
        if p.alive():
            p.kill()
        else:
            ended += 1
            load.check_end({1, -signal.SIGABRT}, *MEMORY, "memory")
    assert ended >= 10
    load.revive()
    load.check(arns, names)


def test_the_nth_allocation_of_a_worker_fails(load):
    """Its tasks are another's, or its own when it is back; the coordinator does not mind."""
    fleet = load.fleet
    faults = Faults(fleet.dir / "worker-control", fleet.dir / "nothing")
    ended = 0
    for n in spread(2000, 7):
        fleet.workers["w1"].stop()
        fleet.workers["w1"].log.write_text("")
        faults.clear()
        load.worker(env=faults.env)
        faults.set("alloc", n)
        w = fleet.workers["w1"]
        names = load.some()
        arns = {name: load.start(name) for name in names}
        wait_until(lambda: not w.alive() or all(fleet.show(a)["status"] != "RUNNING" for a in arns.values()), 60, 0.05)
        if not w.alive():
            ended += 1
            assert w.p.returncode in (1, -signal.SIGABRT), w.text()
            assert any(m in w.text() for m in MEMORY), w.text()
            load.check_words(w)
            load.worker()
        load.check(arns, names)
        load.check_words(fleet.coordinator)
    assert ended >= 3


def data_bytes(pid):
    """What of its memory RLIMIT_DATA counts."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmData"))


def start_until_no_memory(load, prefix, payload):
    """Executions with large inputs, until the coordinator has ended: the ARNs acknowledged."""
    arns = []
    while load.fleet.coordinator.alive() and len(arns) < 150:
        status, out = load.ask("start", "w", "--name", f"{prefix}-{len(arns)}", "--input-file", payload)
        if status == 0:
            arns.append(out["executionArn"])
    return arns


@pytest.mark.parametrize("room_mib", [1, 8])
def test_a_memory_limit_ends_it_with_words_and_loses_nothing(load, room_mib):
    """Its memory may grow by so much and no more, while large inputs come."""
    fleet = load.fleet
    fleet.create("w", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": True}}})
    payload = fleet.dir / "large.json"
    payload.write_text(json.dumps("x" * 250_000))
    names = load.some()
    running = {name: load.start(name) for name in names}
    limit = data_bytes(fleet.coordinator.pid) + (room_mib << 20)
    resource.prlimit(fleet.coordinator.pid, resource.RLIMIT_DATA, (limit, limit))
    arns = start_until_no_memory(load, f"large{room_mib}", payload)
    load.check_end({1, -signal.SIGABRT}, *MEMORY)
    load.revive()
    for arn in arns:
        shown = fleet.show(arn)
        assert shown["status"] == "RUNNING" and len(shown["input"]) == 250_002
    load.check(running, names)
