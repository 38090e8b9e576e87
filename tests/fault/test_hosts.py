# SPDX-License-Identifier: Apache-2.0
"""A cluster of hosts: a coordinator, four workers, a store and a client, each with a network of its own between it and
the others, TLS and tokens on every link, started from what is installed. Links are cut, lossy and slow, hosts go for
good and come back: every execution that was acknowledged ends, and no stage of it is committed twice."""
import os
import pathlib
import subprocess
import sys
import threading
import time

import faulty_s3
import pytest
from faulty import PLAIN, REFUSED, RETRY
from fleet import Fleet, check_history, stages, wait_until
from hosts import Hosts, needs_hosts

pytestmark = needs_hosts
WORKERS = ["w1", "w2", "w3", "w4"]
STAGES = 3
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
PORT, HTTP_PORT = 7233, 8443


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the programs are: /usr/bin of the packages (PACKAGES_FROM), as dpkg unpacks them; where none were made, of
    what they are made of."""
    root = tmp_path_factory.mktemp("installed")
    made = os.environ.get("PACKAGES_FROM")
    if not made and not (PLAIN.parent / "cmake_install.cmake").exists():
        pytest.skip(f"no packages, and no build in {PLAIN.parent}")
    for component in ("coordinator", "worker", "cli"):
        if made:
            package, = pathlib.Path(made).glob(f"stepfleet-{component}_*.deb")
            command = ["dpkg-deb", "--extract", package, root]
        else:
            command = ["cmake", "--install", PLAIN.parent, "--prefix", root / "usr", "--component", component]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return root / "usr/bin"


class Cluster(Fleet):
    """A fleet each of whose processes is on a host of its own."""

    HOSTS = {"coordinator": "c", "client": "u"}  # workers' are called as they are

    def __init__(self, directory, hosts, programs):
        self.hosts, self.tool, self.files = hosts, programs / "stepfleet", pathlib.Path(directory)
        self._certify()
        tls = {"certificate": self.files / "c/tls.crt", "key": self.files / "c/tls.key"}
        self.store, url = self._store()
        env = {**KEYS, "AWS_CA_BUNDLE": self.ca, "STEPFLEET_CA": self.ca,
               "STEPFLEET_TOKEN_FILE": self.files / "admin.token"}
        super().__init__(directory, programs=programs, objects={"endpoint": url, "ca": self.ca},
                         http={"access": "keys", **tls}, env={k: str(v) for k, v in env.items()},
                         coordinator={**tls, "tokens": self.files / "tokens", "lease": "3s"})
        address = hosts.address["c"]
        self.port, self.url = PORT, f"tls+tcp://{address}:{PORT}"
        self.env["STEPFLEET_COORDINATOR"] = self.url
        self.endpoint = self.http["listen"] = f"https://{address}:{HTTP_PORT}"

    def place(self, who):
        return self.hosts.within(self.HOSTS.get(who, who))

    def _run(self, *args):
        return subprocess.run([self.tool, *args], check=True, capture_output=True, text=True, timeout=30).stdout

    def _certify(self):
        ca = self.files / "ca"
        self.ca = ca / "ca.crt"
        self._run("cert", "ca", "--out", ca)
        for host in ("c", "s"):
            self._run("cert", "issue", "--ca", ca, "--name", self.hosts.address[host], "--out", self.files / host)
        lines = [self._run("token", "create", "--control", "admin", "--role", "admin", "--out",
                           self.files / "admin.token"),
                 self._run("token", "create", "--worker", "worker", "--functions", "add,stepfleet:job", "--out",
                           self.files / "worker.token")]
        (self.files / "tokens").write_text("".join(lines))

    def _store(self):
        """The process, and where it is reached."""
        p = subprocess.Popen([*self.hosts.within("s"), sys.executable, faulty_s3.__file__, self.hosts.address["s"],
                              self.files / "s/tls.crt", self.files / "s/tls.key"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return p, p.stdout.readline().strip()

    def worker(self, name, wait=True):
        command = "/bin/sh -c 'cat; echo $STEPFLEET_STATE'"
        return self.start_worker(name, {"add": {"handler": "stream", "command": command, "slots": 4}}, wait=wait,
                                 ca=self.ca, token_file=self.files / "worker.token")

    def stop(self):
        super().stop()
        self.store.stdin.close()
        self.store.wait(20)
        self.store.stdout.close()


class Client(threading.Thread):
    """Starts chains, one after the other, for as long as it is let; `acknowledged` are those it was told have begun."""

    def __init__(self, cluster):
        super().__init__(daemon=True)  # a test that fails does not end it
        self.cluster, self.ending = cluster, threading.Event()
        self.acknowledged = {}
        self.start()

    def run(self):
        n = 0
        while not self.ending.is_set():
            name = f"r{n}"
            got = self.cluster.cli("start", "m", "--name", name, "--input", "{}", check=False, timeout=90)
            if got.returncode == 0:
                self.acknowledged[name] = got.stdout.strip()
            n += got.returncode in (0, REFUSED)
            self.ending.wait(0.2)

    def end(self):
        self.ending.set()
        self.join(120)
        assert self.acknowledged


@pytest.fixture
def cluster(tmp_path, installed):
    with Hosts(["c", "u", "s", *WORKERS]) as hosts, Cluster(tmp_path, hosts, installed) as c:
        c.start_coordinator()
        for name in WORKERS:
            c.worker(name)
        c.create("m", stages(["add"] * STAGES, RETRY))
        yield c


def check(cluster, client):
    """All that was acknowledged has ended well, each stage once, with the right bytes in the store."""
    client.end()
    for name in client.acknowledged:
        done = cluster.finish(f"m/{name}", 120)
        assert done["status"] == "SUCCEEDED", done
        events = cluster.history(f"m/{name}")
        check_history(events)
        assert [e["type"] for e in events].count("TaskSucceeded") == STAGES
        assert cluster.cli("output", f"m/{name}", f"Stage{STAGES}").stdout == \
            "{}" + "".join(f"Stage{i}\n" for i in range(1, STAGES + 1))


def runs_on(cluster, client, more=3):
    """New work is done again."""
    before = len(client.acknowledged)
    wait_until(lambda: len(client.acknowledged) >= before + more, 90, 0.1, say="nothing is acknowledged any more")
    newest = list(client.acknowledged)[-1]
    assert cluster.finish(f"m/{newest}", 120)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("seconds", [4, 60])
def test_links_are_cut(cluster, seconds):
    """A worker's, the store's, the coordinator's own: for less than a lease and for far more."""
    client = Client(cluster)
    for host in ("w1", "s", "c"):
        cluster.hosts.link(host, cut=True)
        time.sleep(seconds)
        cluster.hosts.link(host)
        runs_on(cluster, client)
    check(cluster, client)


def test_links_lose_three_frames_in_ten(cluster):
    client = Client(cluster)
    for host in ("c", "w1", "s"):
        cluster.hosts.link(host, loss=0.3)
        time.sleep(8)
        cluster.hosts.link(host)
    runs_on(cluster, client)
    check(cluster, client)


def test_everything_is_far_away(cluster):
    """200 ms to whatever one asks."""
    client = Client(cluster)
    for host in ("c", "s"):
        cluster.hosts.link(host, delay=0.1)
    runs_on(cluster, client)
    check(cluster, client)


def test_a_workers_host_goes_for_good_and_the_coordinators_comes_back(cluster):
    client = Client(cluster)
    runs_on(cluster, client)
    cluster.hosts.link("w3", cut=True)
    cluster.workers["w3"].kill()
    runs_on(cluster, client)
    # What it had been given is others', before a coordinator that begins again would see to that.
    for name in list(client.acknowledged):
        assert cluster.finish(f"m/{name}", 60)["status"] == "SUCCEEDED"
    cluster.coordinator.kill()
    cluster.hosts.link("c", cut=True)
    time.sleep(2)
    cluster.hosts.link("c")
    cluster.start_coordinator()
    runs_on(cluster, client)
    check(cluster, client)
    assert {w["name"] for w in cluster.json("workers")["workers"]} == {"w1", "w2", "w4"}


def test_a_host_without_credentials_reads_writes_and_slows_nothing(cluster):
    """Neither with no token, nor with a worker's: on the control service it does nothing."""
    client = Client(cluster)
    for extra in ({"STEPFLEET_TOKEN_FILE": str(cluster.files / "worker.token")}, {"STEPFLEET_TOKEN_FILE": ""}):
        for words in (["machine", "list"], ["start", "m"], ["health"], ["machine", "delete", "m"]):
            run = subprocess.run([*cluster.hosts.within("w4"), cluster.tool, *words], env={**cluster.env, **extra},
                                 capture_output=True, text=True, timeout=60)
            assert run.returncode not in (0, None), (words, run.stdout)
            assert "m" not in run.stdout
    runs_on(cluster, client)
    check(cluster, client)
