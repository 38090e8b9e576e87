# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of coordinator and worker (sd_notify), told by one that is played: ready, at work,
stopping, and a beat for as long as the loop turns."""
import json
import os
import signal
import socket
import sys
import time

import pytest

from fleet import LAMBDA, Fleet, wait_until

BEAT_US = 400_000


class Manager:
    """A datagram socket in the abstract space, or at a path."""

    def __init__(self, path=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else "\0" + f"stepfleet-test-{os.getpid()}-{time.monotonic_ns()}")
        self.socket.settimeout(0.05)
        self.heard = []
        self.env = {"NOTIFY_SOCKET": str(path) if path else "@" + self.socket.getsockname()[1:].decode()}

    def listen(self):
        try:
            self.heard += self.socket.recv(4096).decode().split("\n")
        except TimeoutError:
            pass
        return self.heard

    def waits_for(self, start):
        wait_until(lambda: any(x.startswith(start) for x in self.listen()), every=0, say=f"no {start}: {self.heard}")

    def extension_s(self):
        return max(int(x.split("=")[1]) for x in self.heard if x.startswith("EXTEND_TIMEOUT_USEC=")) / 1e6


@pytest.fixture
def alone(tmp_path):
    with Fleet(tmp_path) as f:
        yield f


def test_coordinator_says_what_it_is_at(alone, tmp_path):
    m = Manager(tmp_path / "notify")
    alone.start_coordinator(wait=False, env={**m.env, "WATCHDOG_USEC": str(BEAT_US)})
    m.waits_for("READY=1")
    assert alone.cli("health").returncode == 0
    m.waits_for(f"STATUS=serving on {alone.url}, epoch ")
    m.waits_for("WATCHDOG=1")
    assert "STOPPING=1" not in m.heard
    assert alone.coordinator.stop() == 0
    m.waits_for("STOPPING=1")
    assert m.extension_s() > 10  # `stop`


def test_a_loop_that_stands_still_is_missed(alone):
    m = Manager()
    alone.start_coordinator(env={**m.env, "WATCHDOG_USEC": str(BEAT_US)})
    m.waits_for("WATCHDOG=1")
    alone.coordinator.send(signal.SIGSTOP)
    wait_until(lambda: not m.heard.clear() and not m.listen(), say="it beats without a loop")
    time.sleep(2 * BEAT_US / 1e6)
    assert m.listen() == []
    alone.coordinator.send(signal.SIGCONT)
    m.waits_for("WATCHDOG=1")


def test_worker_says_whom_it_serves_and_hides_it_from_handlers(alone, tmp_path):
    m = Manager()
    show = tmp_path / "show.py"
    show.write_text("import json, os\nprint(json.dumps(sorted(os.environ)))\n")
    functions = {"show": {"handler": "event", "command": f"{sys.executable} {show}",
                          "pass_env": "NOTIFY_SOCKET, WATCHDOG_USEC"}}
    w = alone.start_worker("w1", functions, wait=False, env={**m.env, "WATCHDOG_USEC": str(BEAT_US)}, drain="7s")
    m.waits_for("READY=1")
    m.waits_for(f"STATUS={alone.url} does not answer")
    m.waits_for("WATCHDOG=1")
    alone.start_coordinator()
    m.waits_for(f"STATUS=serving {alone.url} as w1")
    alone.create("show", {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": LAMBDA + "show", "End": True}}})
    names = json.loads(alone.cli("start", "show", "--wait").stdout)
    assert "STEPFLEET_FUNCTION" in names and "NOTIFY_SOCKET" not in names and "WATCHDOG_USEC" not in names
    assert w.stop() == 0
    m.waits_for("STOPPING=1")
    m.waits_for("STATUS=draining")
    assert m.extension_s() > 7 + 5
