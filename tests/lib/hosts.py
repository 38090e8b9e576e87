# SPDX-License-Identifier: Apache-2.0
"""Hosts of their own on one machine: network namespaces, each with an address on a network that is a switch of ours
(switch.py), so that links can be slow, lossy or cut. Needs the right to make network namespaces; what was made is
removed."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

NET = "10.99.7."
SWITCH = pathlib.Path(__file__).with_name("switch.py")


def why_not():
    """Why there can be no hosts here; None: there can."""
    missing = [tool for tool in ("ip", "ethtool") if shutil.which(tool) is None]
    if missing:
        return f"no {' and no '.join(missing)}"
    try:
        tried = subprocess.run(["unshare", "-n", "ip", "link", "add", "name", "sf0", "type", "veth"],
                               capture_output=True, text=True, timeout=20)
    except OSError as e:
        return str(e)
    return None if tried.returncode == 0 else "network namespaces cannot be made: " + tried.stderr.strip()


NOT = why_not()
needs_hosts = pytest.mark.skipif(NOT is not None, reason=NOT or "")


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=20)


class Hosts:
    """names: of the hosts. `address[name]` is where one is reached by the others; `within(name)` the beginning of a
    command that runs there."""

    def __init__(self, names, seed=1):
        self.names = list(names)
        self.seed = seed
        self.address = {name: f"{NET}{i}" for i, name in enumerate(self.names, 1)}
        self.prefix = f"sf{os.getpid()}"
        self.switch = None

    def _namespace(self, name):
        return f"{self.prefix}-{name}"

    def within(self, name):
        return ["ip", "netns", "exec", self._namespace(name)]

    def __enter__(self):
        try:
            run("ip", "netns", "add", self._namespace("switch"))
            for i, name in enumerate(self.names):
                self._host(i, name)
            ports = [f"port{i}" for i in range(len(self.names))]
            self.switch = subprocess.Popen([*self.within("switch"), sys.executable, SWITCH, str(self.seed), *ports],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self.switch.stdout.readline() == "ready\n"
        except BaseException:
            self.__exit__()
            raise
        return self

    def _host(self, i, name):
        host, switch = self._namespace(name), self._namespace("switch")
        run("ip", "netns", "add", host)
        run("ip", "-n", switch, "link", "add", f"port{i}", "type", "veth", "peer", "name", "eth0", "netns", host)
        run("ip", "-n", host, "addr", "add", f"{self.address[name]}/24", "dev", "eth0")
        for namespace, device in ((host, "lo"), (host, "eth0"), (switch, f"port{i}")):
            run("ip", "-n", namespace, "link", "set", device, "up")
        # A frame as the switch sees it is as it would be on a wire: whole, with its sums.
        for inside, device in ((name, "eth0"), ("switch", f"port{i}")):
            run(*self.within(inside), "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def __exit__(self, *_):
        if self.switch is not None:
            self.switch.stdin.close()
            self.switch.wait(20)
            self.switch.stdout.close()
        for name in ["switch", *self.names]:
            subprocess.run(["ip", "netns", "del", self._namespace(name)], capture_output=True, timeout=20)

    # ---- what happens to links ----

    def link(self, name, delay=0.0, loss=0.0, cut=False):
        """From now on, each way: seconds of delay, the share of frames lost, or none at all pass."""
        words = {"port": self.names.index(name), "delay": delay, "loss": loss, "cut": cut}
        self.switch.stdin.write(json.dumps(words) + "\n")
        self.switch.stdin.flush()
        assert self.switch.stdout.readline() == "done\n"
