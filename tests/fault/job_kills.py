#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Job runs of two hundred shards while kill -9 hits workers, the coordinator and the object store at random moments.
Each run's output must be, byte by byte, what one process makes of the whole input, and when the last clean-up is
over, nothing else may be in the bucket.

As a program: job_kills.py [--kills N] [--seed N] [--verbose], with $STEPFLEET_BIN as tests have it, runs until so many
were killed (200), on a real S3 server in a directory of its own. Its last line says how many; exit status 0 where all
was well, 77 where there is no such server here."""
import argparse
import collections
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import stores  # noqa: E402
from fleet import Fleet, wait_until  # noqa: E402
from jobs import ENDS, Jobs, count, stream, upper  # noqa: E402

SHARDS = 200
WORKERS = ("w0", "w1", "w2")
ROUND_S = 300  # a run ends within this, however often it is hit
KEY = [{"Path": "$.k", "Type": "number"}]
RETRY = {"IntervalSeconds": 1, "MaxAttempts": 50, "BackoffRate": 1.0}
UNREACHABLE = 4  # the client's exit code


# ---- What is run, and what one process would make of it ----

def jsonl(rng, n=4000):
    return b"".join(b'{"k": %d, "t": "%s"}\n' % (rng.randrange(500), bytes(rng.choices(b"abc xyz", k=rng.randrange(60))))
                    for _ in range(n))


def by_key(line):
    return json.loads(line)["k"]


def plain(rng):
    body = jsonl(rng)
    return body, {"Handler": "upper", "Input": {"Format": "lines"}}, upper(body)


def table(rng):
    body = b"id,note\n" + b"".join(b'%d,"a\n%s"\n' % (i, b"b" * rng.randrange(60)) for i in range(4000))
    return body, {"Handler": "cat", "Input": {"Format": "csv"}}, body


def array(rng):
    elements = [line for line in jsonl(rng).splitlines()]
    return b"[" + b",".join(elements) + b"]", {"Handler": "cat", "Input": {"Format": "json"}}, \
        b"[" + b",".join(elements) + b"]"


def parts(rng):
    body, definition, expected = plain(rng)
    return body, {**definition, "Output": {"Layout": "parts"}}, expected


def rejects(rng):
    good = jsonl(rng).splitlines(keepends=True)
    lines = [b"{bad}\n" if rng.random() < 0.05 else line for line in good]
    return b"".join(lines), {"Handler": "cat", "BadRecords": {"Policy": "reject"}}, \
        b"".join(line for line in lines if line != b"{bad}\n")


def total_sort(rng):
    body = jsonl(rng)
    return body, {"Handler": "cat", "Shuffle": {"Kind": "sort", "Keys": KEY, "Partitions": 8}}, \
        b"".join(sorted(body.splitlines(keepends=True), key=by_key))


KINDS = (plain, table, array, parts, rejects, total_sort)


def functions():
    nap = "/bin/sh -c 'sleep 0.05; exec \"$0\" \"$@\"' "
    return {"cat": stream(nap + "cat"), "upper": stream(nap + "tr a-z A-Z")}


# ---- The world, and what befalls it ----

class World:
    def __init__(self, directory, seed, verbose=False):
        self.dir = pathlib.Path(directory)
        self.rng = random.Random(seed)
        self.verbose = verbose
        self.store = stores.Gateway(self.dir / "ceph")
        self.store.short_locks()
        self.fleet = Fleet(self.dir, objects=self.store.objects, env=self.store.env,
                           coordinator={"job_clean_up": "2s", "sweep_age": "20s"})
        self.jobs = Jobs(self.fleet, self.store)
        self.killed = collections.Counter()
        self.moments = collections.Counter()
        self.numbers = itertools.count(1)

    def __enter__(self):
        self.fleet.start_coordinator()
        for name in WORKERS:
            self.fleet.start_worker(name, functions(), wait=False)
        return self

    def __exit__(self, *_):
        self.fleet.stop()
        self.store.stop()

    def say(self, *words):
        if self.verbose:
            print(f"{time.strftime('%H:%M:%S')}", *words, flush=True)

    def insist(self, *args, stdin=None):
        """A client that repeats until it is answered."""
        def attempt():
            run = self.fleet.cli(*args, check=False, stdin=stdin)
            assert run.returncode in (0, UNREACHABLE), (args, run.stderr)
            return [run.stdout] if run.returncode == 0 else None
        return wait_until(attempt, 90, 0.2, say=f"never answered: {args}")[0]

    def status(self, run):
        got = self.fleet.cli("job", "status", run, "--json", check=False)
        return json.loads(got.stdout) if got.returncode == 0 else None

    def kill(self, what):
        self.killed[what] += 1
        if what == "worker":
            name = self.rng.choice(WORKERS)
            self.fleet.workers[name].kill()
            time.sleep(self.rng.choice((0, 0, 0.3, 3)))  # now and then longer than a lease
            self.fleet.start_worker(name, functions(), wait=False)
        elif what == "coordinator":
            self.fleet.coordinator.kill()
            time.sleep(self.rng.choice((0, 0, 0.3, 3)))
            self.fleet.start_coordinator()
        else:
            self.store.kill()
            time.sleep(self.rng.choice((0, 0.3, 1)))
            self.store.restart()

    def harass(self, run, most):
        """Kill at random moments until the run has ended, `most` times at most; its description."""
        end = time.monotonic() + ROUND_S
        while True:
            next_kill = time.monotonic() + self.rng.uniform(0.05, 1.5)
            while True:
                d = self.status(run)
                if d and d["jobRunState"] in ENDS:
                    return d
                assert time.monotonic() < end, f"{run} does not end: {d}"
                if time.monotonic() >= next_kill and most > 0:
                    break
                time.sleep(0.05)
            what = self.rng.choice(("worker", "worker", "coordinator", "store"))
            self.moments[d["phase"] if d else "?"] += 1
            self.say("kill", what, "in", d and d["phase"], d and d.get("progress", {}).get("done"))
            self.kill(what)
            most -= 1

    def round(self, kind, most=50):
        """One run of that kind; how often something was killed in it."""
        number = next(self.numbers)
        before = sum(self.killed.values())
        body, definition, expected = kind(self.rng)
        name, key = f"kill{number}", f"out/{number}/o"
        self.store.put(f"in/{number}", body)
        definition = json.dumps({**definition, "Retry": RETRY, **count(SHARDS)})
        run = "jr_%064x" % self.rng.getrandbits(256)
        self.insist("job", "create", name, "-", stdin=definition)
        self.insist("job", "run", name, "--id", run,
                    *self.jobs.options({"input_key": f"in/{number}", "output_key": key}))
        self.jobs.runs.append(run)
        began = time.monotonic()
        d = self.harass(run, most)
        kills = sum(self.killed.values()) - before
        self.say(kind.__name__, d["jobRunState"], f"{time.monotonic() - began:.1f} s", kills, "killed")
        assert d["jobRunState"] == "SUCCEEDED", (kind.__name__, d, self.logs())
        self.check(kind, key, expected)
        return kills

    def check(self, kind, key, expected):
        got = self.store.get(key)
        if kind is parts:
            got = b"".join(self.store.get(p["key"]) for p in json.loads(got)["parts"])
        assert got == expected, f"{kind.__name__}: {key} is not what one process makes: {first_difference(got, expected)}"

    def finish(self):
        """Nothing is left but inputs and outputs; nobody's sanitizer has said anything."""
        self.jobs.over(120)
        known = {f"{at}/{n}{o}" for at, o in (("in", ""), ("out", "/o"), ("out", "/rejected.jsonl"))
                 for n in range(1, next(self.numbers))}
        more = [k for k in self.store.keys() if k not in known and ".parts/" not in k]
        assert not more, f"left behind: {more}"
        for p in [self.fleet.coordinator, *self.fleet.workers.values()]:
            assert "ERROR: AddressSanitizer" not in p.text() and "runtime error:" not in p.text(), p.text()

    def logs(self):
        return "\n".join(p.text()[-3000:] for p in [self.fleet.coordinator, *self.fleet.workers.values()])


def first_difference(got, expected):
    if got is None:
        return "it is not there"
    at = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    near = slice(max(0, at - 40), at + 40)
    return f"{len(got)} bytes, not {len(expected)}; byte {at}: {got[near]} is not {expected[near]}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kills", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--verbose", action="store_true")
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        try:
            world = World(directory, o.seed, o.verbose)
        except stores.Absent as e:
            print(e)
            return 77
        with world:
            rounds = 0
            while sum(world.killed.values()) < o.kills:
                world.round(KINDS[rounds % len(KINDS)])
                rounds += 1
            world.finish()
        print(f"{sum(world.killed.values())} killed ({dict(world.killed)}; in phases {dict(world.moments)}) in {rounds} "
              f"runs of {SHARDS} shards: each output as one process makes it, nothing left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
