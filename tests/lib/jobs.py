# SPDX-License-Identifier: Apache-2.0
"""Job runs as tests start them: by the client, on one bucket, to their end; and what they leave in it."""
import itertools
import json
import re
import subprocess

from fleet import wait_until
from stores import BUCKET

# How tests want a run to be: tried again soon.
SOON = {"Retry": {"IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 1.0}}
ENDS = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}


def count(shards):
    return {"Shards": {"Count": shards}}


def stream(command, **keys):
    """A worker's section for a handler of jobs."""
    return {"handler": "stream", "command": command, "slots": 2, **keys}


def upper(body):
    """What `tr a-z A-Z` makes of it."""
    return bytes(b - 32 if 97 <= b <= 122 else b for b in body)


class Jobs:
    def __init__(self, fleet, store):
        self.fleet, self.store = fleet, store
        self.numbers = itertools.count(1)
        self.runs = []

    def create(self, handler, **definition):
        name = f"job{next(self.numbers)}"
        definition = {**({"Handler": handler} if handler else {}), **SOON, **definition}
        self.fleet.cli("job", "create", name, "-", stdin=json.dumps(definition))
        return name

    def options(self, arguments):
        """input_key="a" is --arg --input-key=a; the bucket is the store's."""
        arguments = {"input_bucket": BUCKET, **arguments}
        return [x for k, v in arguments.items() for x in ("--arg", f"--{k.replace('_', '-')}={v}")]

    def start(self, handler, arguments, **definition):
        """A run of a new job; its id."""
        run = self.fleet.cli("job", "run", self.create(handler, **definition), *self.options(arguments)).stdout.strip()
        self.runs.append(run)
        return run

    def status(self, run, *options):
        return self.fleet.json("job", "status", run, *options)

    def finish(self, run, timeout=90):
        """Its description once it has ended, whatever is still to be cleaned up."""
        try:
            return json.loads(self.fleet.cli("job", "watch", run, "--json", check=False, timeout=timeout).stdout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{run} has not ended: {self.status(run)}") from None

    def go(self, handler, arguments, **definition):
        """A run that succeeds: its description."""
        d = self.finish(self.start(handler, arguments, **definition))
        assert d["jobRunState"] == "SUCCEEDED", d
        return d

    def fails(self, handler, arguments, **definition):
        """A run that fails: its error and cause."""
        d = self.finish(self.start(handler, arguments, **definition))
        assert d["jobRunState"] == "FAILED", d
        return f"{d['error']} {d['cause']}"

    def pieces(self, run, phase):
        """All pieces of a phase, as their rows have them."""
        found, more = [], []
        while True:
            d = self.status(run, "--pieces", phase, *more)
            found += d.get("pieces", [])
            if not d.get("nextPiece"):
                return found
            more = ["--from", d["nextPiece"]]

    def left(self):
        """What runs keep to themselves and is there yet; uploads too, but for those that are let be."""
        let_be = re.findall(r"is let be: .* upload=(\S+)", self.fleet.coordinator.text())
        return ([k for k in self.store.keys() if "/.stepfleet/" in f"/{k}"] +
                [f"upload {u}" for u in self.store.uploads() if u not in let_be])

    def over(self, timeout=60):
        """All runs are over, and nothing is left of them but their outputs."""
        while self.runs:
            run = self.runs.pop()
            wait_until(lambda: self.status(run)["phase"] == "OVER", timeout, 0.3, say=f"{run} is not over")
        wait_until(lambda: not self.left(), timeout, 0.5, say=f"left behind: {self.left()}")
