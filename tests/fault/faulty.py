# SPDX-License-Identifier: Apache-2.0
"""What the tests of a failing operating system share: programs without sanitizers, the control of
preload/faulty.c, and a load whose every loss or repetition can be seen."""
import errno
import json
import mmap
import os
import pathlib
import signal
import struct
import subprocess

import pytest
from fleet import BIN, Fleet, check_history, stages, wait_until

PLAIN = pathlib.Path(os.environ.get("STEPFLEET_PLAIN_BIN", BIN.parent.parent / "debug/bin")).resolve()
PRELOAD = PLAIN / "faulty.so"
needs_plain = pytest.mark.skipif(
    not PRELOAD.exists(), reason=f"no {PRELOAD}: `tests/run fault` builds it, as does the preset debug")

RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 50, "BackoffRate": 1.0}]
STAGES = 3
REFUSED = 3  # the client's exit status
# What a crash of ours would say, in whatever words libraries say it.
CRASHES = ("Assertion", "Segmentation", "double free", "corrupted", "panic", "terminate called")
# How libraries end the program themselves, which nobody outside of them can do better: Debian's RocksDB asserts that a
# file is left alone once a write to it failed, and its own opening does not; std::thread throws where there is no room
# for one more; libuv aborts without a word where a loop finds none.
LIBRARIES = ("AssertFalseAndGetStatusForPrevError", "what():  Resource temporarily unavailable")


class Faults:
    """struct control of preload/faulty.c, shared with whoever runs with `env`."""

    KINDS = ("write", "sync", "read", "name", "alloc")
    FAULT = struct.Struct("4q")

    def __init__(self, path, directory):
        self.path = pathlib.Path(path)
        self.path.write_bytes(bytes(8 + len(self.KINDS) * self.FAULT.size))
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)
        self.env = {"LD_PRELOAD": str(PRELOAD), "FAULTY_CONTROL": str(self.path), "FAULTY_DIR": str(directory)}

    def _at(self, kind):
        return 8 + self.KINDS.index(kind) * self.FAULT.size

    def set(self, kind, first, last=None, code=errno.EIO):
        """The first to the last call from now on fail; last: the first alone. code 0: a write is short."""
        at = self._at(kind)
        self.FAULT.pack_into(self.map, at, 0, 0, 0, 0)
        struct.pack_into("2q", self.map, at + 16, last or first, code)
        struct.pack_into("q", self.map, at + 8, first)

    def clear(self):
        self.map[8:] = bytes(len(self.map) - 8)

    def calls(self, kind):
        return self.FAULT.unpack_from(self.map, self._at(kind))[0]

    def jump(self, seconds):
        """The wall clock is so much off from now on."""
        struct.pack_into("q", self.map, 0, int(seconds * 1000))


class Load:
    """Chains of stages, each of which adds its name to what it reads: an output tells all that was committed for it."""

    def __init__(self, directory, **options):
        self.fleet = Fleet(directory, programs=PLAIN, **options)
        self.faults = Faults(self.fleet.dir / "control", self.fleet.dir / "data")
        self.rounds = 0
        self.names = []

    def __enter__(self):
        self.fleet.start_coordinator(env=self.faults.env)
        self.fleet.create("m", stages(["add"] * STAGES, RETRY))
        return self

    def __exit__(self, *_):
        self.fleet.stop()

    def worker(self, name="w1", **keys):
        command = "/bin/sh -c 'cat; echo $STEPFLEET_STATE'"
        self.fleet.start_worker(name, {"add": {"handler": "stream", "command": command, "slots": 8}}, **keys)

    def try_start(self, name):
        """Its ARN where the start was acknowledged, now or earlier."""
        status, out = self.ask("start", "m", "--name", name, "--input", "{}")
        if status == REFUSED:  # it has ended already
            status, out = self.ask("show", f"m/{name}")
        return out["executionArn"] if status == 0 else None

    def ask(self, *args):
        """The client's exit status and what it says; it is not left waiting for a coordinator that has ended."""
        fleet = self.fleet
        p = subprocess.Popen([*fleet.within, fleet.programs / "stepfleet", *args, "--json"], env=fleet.env,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: p.poll() is not None or not fleet.coordinator.alive(), 60, 0.005)
            p.wait(0.2)
        except subprocess.TimeoutExpired:
            p.kill()
        out = p.communicate()[0]
        return p.returncode, json.loads(out) if p.returncode == 0 else None

    def start(self, name):
        return wait_until(lambda: self.try_start(name), 60, 0.1, say=f"{name} is never acknowledged")

    def some(self, count=2):
        """Names that no execution has yet."""
        self.rounds += 1
        return [f"r{self.rounds}-{i}" for i in range(count)]

    def run_into(self, names):
        """Start each once; go on until all have ended or the coordinator has. The ARNs acknowledged."""
        coordinator = self.fleet.coordinator
        arns = {name: arn for name in names if coordinator.alive() and (arn := self.try_start(name)) is not None}

        def over():
            if not coordinator.alive():
                return True
            answers = [self.ask("show", arn) for arn in arns.values()]
            return all(status == 0 and shown["status"] != "RUNNING" for status, shown in answers)
        wait_until(over, 60, 0.02, say=f"neither ends: {coordinator.text()[-2000:]}")
        return arns

    def check_end(self, statuses, *words):
        """The coordinator ended, with one of the statuses and some of the words; nothing crashed."""
        p = self.fleet.coordinator
        status = p.p.wait(20)
        if status == -signal.SIGABRT and (not p.text() or any(w in p.text() for w in LIBRARIES)):
            return
        assert status in statuses, (status, p.text()[-3000:])
        assert any(w in p.text() for w in words), p.text()[-3000:]
        self.check_words(p)

    def check_words(self, *processes):
        for p in processes:
            assert not any(c in p.text() for c in CRASHES), p.text()[-3000:]

    def revive(self):
        """Start the coordinator without any fault; its log begins anew."""
        self.faults.clear()
        self.fleet.coordinator.log.write_text("")
        self.fleet.start_coordinator(env=self.faults.env)

    def check(self, arns, names=()):
        """What was acknowledged is there; all of the names end well once each is started again."""
        for arn in arns.values():
            assert self.fleet.show(arn)["name"] in arns
        for name in {*arns, *names}:
            self.check_one(self.start(name), name)

    def check_one(self, arn, name):
        done = self.fleet.finish(arn, 90)
        assert done["status"] == "SUCCEEDED", done
        events = self.fleet.history(arn)
        check_history(events)
        assert [e["type"] for e in events].count("TaskSucceeded") == STAGES
        text = "{}"
        for i in range(1, STAGES + 1):
            text += f"Stage{i}\n"
            output = self.fleet.dir / "objects/lake/executions" / name / f"Stage{i}/output.json"
            assert output.read_text() == text
