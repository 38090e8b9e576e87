# SPDX-License-Identifier: Apache-2.0
"""Time that stops or jumps, and a network that delays, loses and breaks: once it is over, all that was acknowledged
ends with the right output, each stage of it committed once."""
import os
import re
import signal
import subprocess
import time

import pytest
from faulty import RETRY, Load, needs_plain
from fleet import check_history, task, wait_until

pytestmark = needs_plain
HOUR = 3600


def start_all(load, count):
    return {name: load.start(name) for name in load.some(count)}


# ---- Stopped processes ----

@pytest.mark.parametrize("who", ["coordinator", "worker", "both"])
def test_a_process_stopped_for_longer_than_the_lease_goes_on(tmp_path, who):
    with Load(tmp_path, coordinator={"lease": "1s"}) as load:
        load.worker("w1")
        load.worker("w2")
        fleet = load.fleet
        stopped = {"coordinator": [fleet.coordinator], "worker": [fleet.workers["w1"]],
                   "both": [fleet.coordinator, fleet.workers["w1"]]}[who]
        arns = start_all(load, 6)
        for p in stopped:
            p.send(signal.SIGSTOP)
        time.sleep(2.5)  # two and a half leases
        for p in stopped:
            p.send(signal.SIGCONT)
        load.check({**arns, **start_all(load, 2)})
        load.check_words(fleet.coordinator, *fleet.workers.values())


# ---- The wall clock ----

def naps(seconds):
    return {"StartAt": "A", "States": {
        "A": {**task("e", TimeoutSeconds=300, Retry=RETRY), "Next": "W"},
        "W": {"Type": "Wait", "Seconds": seconds, "Next": "B"},
        "B": {**task("e", TimeoutSeconds=300, Retry=RETRY), "End": True}}}


def napped(fleet, arn):
    assert fleet.finish(arn, 60)["status"] == "SUCCEEDED"
    events = fleet.history(arn)
    check_history(events)  # its times in order among them
    assert [e["type"] for e in events].count("WaitStateExited") == 1


def test_the_wall_clock_jumps_while_it_runs(tmp_path):
    """By hours, either way: what waits for seconds does not wait for hours, and nothing is done twice."""
    with Load(tmp_path) as load:
        load.worker(env=load.faults.env)
        fleet = load.fleet
        fleet.start_worker("w2", {"e": {"handler": "echo"}}, env=load.faults.env)
        fleet.create("naps", naps(2))
        for n, offset in enumerate((5 * HOUR, -5 * HOUR, 7.5 * HOUR, 0)):
            before = start_all(load, 2)
            waiting = [fleet.start("naps", f"before-{n}-{i}", {}) for i in range(2)]
            wait_until(lambda waiting=waiting: all(fleet.show(a)["frames"][0]["state"] == "W" for a in waiting), 20, 0.02)
            load.faults.jump(offset)
            waiting += [fleet.start("naps", f"after-{n}-{i}", {}) for i in range(2)]
            load.check({**before, **start_all(load, 2)})
            for arn in waiting:
                napped(fleet, arn)
        load.check_words(fleet.coordinator, *fleet.workers.values())


def restart_at(load, offset):
    load.fleet.coordinator.kill()
    load.faults.jump(offset)
    load.revive()


def test_the_wall_clock_is_put_back_over_a_restart(tmp_path):
    """By hours, and to before the directory was made: it starts, no token is granted twice, work goes on."""
    with Load(tmp_path) as load:
        load.worker()
        epochs = []
        for offset in (0, -5 * HOUR, -400 * 24 * HOUR, 3 * HOUR):
            arns = start_all(load, 2)
            load.check(arns)
            restart_at(load, offset)
            epochs.append(int(load.fleet.json("health")["epoch"]))
            load.check({**arns, **start_all(load, 2)})
        assert epochs == sorted(set(epochs))


def test_the_wall_clock_is_put_back_over_a_restart_of_what_runs(tmp_path):
    """The times in a history that goes on stay in order all the same."""
    with Load(tmp_path) as load:
        load.worker()
        arns = start_all(load, 4)
        restart_at(load, -5 * HOUR)
        load.check(arns)


# ---- The network ----

class Network:
    """A namespace with a loopback of its own, and bad weather on it. What runs in it is run by `within`."""

    # Classic BPF: drop one packet in ten by a random number, else let it pass.
    LOSS = f"4,32 0 0 {2**32 - 0x1000 + 56},53 1 0 {2**32 // 10},6 0 0 2,6 0 0 0"

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "300"], stderr=subprocess.PIPE, text=True)
        self.within = ["nsenter", "-t", str(self.holder.pid), "-n"]
        wait_until(lambda: self.holder.poll() is not None or self.is_apart())
        if self.holder.poll() is not None:
            pytest.skip(f"no network namespace can be made here: {self.holder.stderr.read().strip()}")
        self.must("ip", "link", "set", "lo", "up")

    def is_apart(self):
        """Until unshare has done its work, the holder is in the namespace of this process."""
        return os.readlink(f"/proc/{self.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    def run(self, *command):
        return subprocess.run([*self.within, *command], capture_output=True, text=True, timeout=20)

    def must(self, *command):
        run = self.run(*command)
        assert run.returncode == 0, run.stderr

    def bad(self):
        """Netem, where the kernel has it; else one filter loses and one queue delays."""
        if self.run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "10%", "delay", "25ms", "10ms").returncode != 0:
            self.must("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "400kbit", "burst", "2000", "latency", "300ms")
            self.must("tc", "qdisc", "add", "dev", "lo", "clsact")
            self.must("tc", "filter", "add", "dev", "lo", "ingress", "bpf", "direct-action", "bytecode", self.LOSS)

    def dropped(self):
        return sum(int(n) for n in re.findall(r"dropped (\d+)", self.run("tc", "-s", "qdisc", "show", "dev", "lo").stdout))

    def good(self):
        self.run("tc", "qdisc", "del", "dev", "lo", "root")
        self.run("tc", "qdisc", "del", "dev", "lo", "clsact")

    def cut(self, seconds):
        self.must("ip", "link", "set", "lo", "down")
        time.sleep(seconds)
        self.must("ip", "link", "set", "lo", "up")

    def close(self):
        self.holder.kill()
        self.holder.wait(20)


@pytest.fixture
def network():
    n = Network()
    yield n
    n.close()


def test_a_network_that_loses_delays_and_is_cut(tmp_path, network):
    with Load(tmp_path, coordinator={"lease": "2s"}, within=network.within) as load:
        for name in ("w1", "w2"):
            load.worker(name)
        names = load.some(8)
        network.bad()
        arns = {name: load.start(name) for name in names[:4]}
        time.sleep(1)
        network.cut(1)  # shorter than the lease
        arns.update({name: load.start(name) for name in names[4:]})
        network.cut(4)  # longer: the workers are lost, and what they did counts for nothing
        time.sleep(1)
        lost = network.dropped()
        network.good()
        assert lost > 0, network.run("tc", "-s", "qdisc", "show", "dev", "lo").stdout
        load.check(arns, names)
        load.check_words(load.fleet.coordinator, *load.fleet.workers.values())
