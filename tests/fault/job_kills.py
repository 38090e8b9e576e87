#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Job runs of two hundred shards while kill -9 hits workers, the coordinator and the object store at random moments, and
workers are frozen for longer than their lease. Each run's output must be, byte by byte, what one process makes of the
whole input, and when the last clean-up is over, nothing else may be in the bucket. A run that is stopped meanwhile leaves its output whole or not at all.

As a program: job_kills.py [--kills N] [--seed N] [--verbose], with $STEPFLEET_BIN as tests have it, runs until so many
were killed (200), on a real S3 server in a directory of its own. Its last line says how many; exit status 0 where all
was well, 77 where there is no such server here."""
import argparse
import collections
import itertools
import json
import pathlib
import random
import signal
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


def wide(rng):
    """Few shards, whose outputs are uploads of several parts, which the store then copies itself."""
    line = b"%04d" % rng.randrange(10000) + b"x" * 1019 + b"\n"
    body = line * (24 * 6 * 1024 + 77)
    return body, {"Handler": "halting", "Input": {"Format": "lines"}, **count(24)}, upper(body)


KINDS = (plain, table, array, parts, rejects, total_sort, wide)


def functions():
    nap = "/bin/sh -c 'sleep 0.05; exec \"$0\" \"$@\"' "
    half = "/bin/sh -c 'head -c 3000000 | tr a-z A-Z; sleep 1; exec tr a-z A-Z'"  # its upload is begun meanwhile
    return {"cat": stream(nap + "cat"), "upper": stream(nap + "tr a-z A-Z"), "halting": stream(half)}


# ---- The world, and what befalls it ----

class World:
    def __init__(self, directory, seed, verbose=False):
        self.dir = pathlib.Path(directory)
        self.rng = random.Random(seed)
        self.verbose = verbose
        self.store = stores.Gateway(self.dir / "ceph")
        self.store.short_locks()
        self.fleet = Fleet(self.dir, objects=self.store.objects, env=self.store.env,
                           coordinator={"job_clean_up": "8s"})
        self.jobs = Jobs(self.fleet, self.store)
        self.killed = collections.Counter()
        self.moments = collections.Counter()
        self.stopped = 0
        self.numbers = itertools.count(1)

    def __enter__(self):
        self.fleet.start_coordinator()
        for name in WORKERS:
            self.fleet.start_worker(name, functions(), wait=False)
        return self

    def __exit__(self, *failed):
        try:
            self.fleet.__exit__(*failed)
        finally:
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
        elif what == "frozen worker":
            worker = self.fleet.workers[self.rng.choice(WORKERS)]
            worker.send(signal.SIGSTOP)
            time.sleep(self.rng.uniform(0.5, 4))
            worker.send(signal.SIGCONT)
        elif what == "coordinator":
            self.fleet.coordinator.kill()
            time.sleep(self.rng.choice((0, 0, 0.3, 3)))
            self.fleet.start_coordinator()
        else:
            self.store.kill()
            time.sleep(self.rng.choice((0, 0.3, 1)))
            self.store.restart()

    def harass(self, run, most, stop_s=None):
        """Kill at random moments until the run has ended, `most` times at most; its description. stop_s: stop it
        then."""
        end = time.monotonic() + ROUND_S
        stop = time.monotonic() + stop_s if stop_s else None
        while True:
            next_kill = time.monotonic() + self.rng.uniform(0.05, 1.5)
            while True:
                d = self.status(run)
                if d and d["jobRunState"] in ENDS:
                    return d
                assert time.monotonic() < end, f"{run} does not end: {d}"
                if stop and time.monotonic() >= stop:
                    self.insist("job", "stop", run)
                    stop = None
                if time.monotonic() >= next_kill and most > 0:
                    break
                time.sleep(0.05)
            what = self.rng.choice(("worker", "worker", "worker", "coordinator", "store", "frozen worker"))
            self.moments[d["phase"] if d else "?"] += 1
            self.say("kill", what, "in", d and d["phase"], d and d.get("progress", {}).get("done"))
            self.kill(what)
            most -= 1

    def round(self, kind, most=50, stop_s=None):
        """One run of that kind; how often something was killed in it."""
        number = next(self.numbers)
        before = sum(self.killed.values())
        body, definition, expected = kind(self.rng)
        name, key = f"kill{number}", f"out/{number}/o"
        self.store.put(f"in/{number}", body)
        definition = json.dumps({"Retry": RETRY, **count(SHARDS), **definition})
        run = "jr_%064x" % self.rng.getrandbits(256)
        self.insist("job", "create", name, "-", stdin=definition)
        self.insist("job", "run", name, "--id", run,
                    *self.jobs.options({"input_key": f"in/{number}", "output_key": key}))
        self.jobs.runs.append(run)
        began = time.monotonic()
        d = self.harass(run, most, stop_s)
        kills = sum(self.killed.values()) - before
        self.say(kind.__name__, d["jobRunState"], f"{time.monotonic() - began:.1f} s", kills, "killed")
        if stop_s and d["jobRunState"] == "STOPPED":
            self.stopped += 1
            assert self.store.get(key) is None, f"{kind.__name__}: {key} is there, and the run was stopped"
        else:
            assert d["jobRunState"] == "SUCCEEDED", (kind.__name__, d, self.logs())
            self.check(kind, key, expected)
        self.take_away(number)
        return kills

    def check(self, kind, key, expected):
        got = self.store.get(key)
        if kind is parts and got:
            got = b"".join(self.store.get(p["key"]) for p in json.loads(got)["parts"])
        assert got == expected, f"{kind.__name__}: {key} is not what one process makes: {first_difference(got, expected)}"

    def take_away(self, number):
        """What a run is known to leave: its input, output, parts, what it rejected."""
        manifest = self.store.get(f"out/{number}/o")
        named = [p["key"] for p in json.loads(manifest)["parts"]] if (manifest or b"").startswith(b'{"run"') else []
        for key in (f"in/{number}", f"out/{number}/o", f"out/{number}/rejected.jsonl", *named):
            self.store.delete(key)

    def finish(self):
        """Nothing is left of any run; nobody's sanitizer has said anything."""
        self.jobs.over(120)
        assert not self.store.keys(), f"left behind: {self.store.keys()}"
        self.fleet.check_reports()

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
                stop_s = world.rng.uniform(0.5, 12) if world.rng.random() < 0.15 else None
                world.round(KINDS[rounds % len(KINDS)], stop_s=stop_s)
                rounds += 1
            world.finish()
        print(f"{sum(world.killed.values())} killed ({dict(world.killed)}; in phases {dict(world.moments)}) in {rounds} "
              f"runs of {SHARDS} shards, {world.stopped} of them stopped: each output as one process makes it, nothing "
              f"left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
