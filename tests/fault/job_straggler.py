#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one worker does to a job that is eight times slower than the three others: the time of the same job without it
and with it, and how much was done twice. The handlers sleep for each piece of their input, so that the speed of this
machine hardly matters.

As a program: job_straggler.py [--rounds N] [--shards N] [--chunk-ms N], with $STEPFLEET_BIN as tests have it."""
import argparse
import datetime
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import stores  # noqa: E402
from fleet import Fleet  # noqa: E402
from jobs import Jobs, count, stream  # noqa: E402

FAST = ("w1", "w2", "w3")
TIMES = 8  # slower
SHARD = 1 << 20
CHUNK = 1 << 18
BASE = 256 * 1024  # what a piece's beginning is taken to cost: coordinator/job
# Each handler writes down how much it has read, whether its attempt counts in the end or not. While there is a file
# of its worker's name it does next to nothing.
PACED = """import os, sys, time
pace = float(os.environ["PACE"])
with open(os.environ["READ"], "ab", 0) as told:
    while True:
        data = sys.stdin.buffer.read(int(os.environ["CHUNK"]))
        if not data:
            break
        time.sleep(pace)
        while os.path.exists(os.environ["BRAKE"]):
            time.sleep(0.05)
        told.write(b"%d\\n" % len(data))
        sys.stdout.buffer.write(data)
"""


class Race:
    def __init__(self, directory, chunk_ms=80, **options):
        self.dir = pathlib.Path(directory)
        self.store = stores.Directory(self.dir)
        self.fleet = Fleet(self.dir, objects=self.store.objects, coordinator=options)
        self.jobs = Jobs(self.fleet, self.store)
        self.chunk_ms = chunk_ms
        (self.dir / "paced.py").write_text(PACED)

    def __enter__(self):
        self.fleet.start_coordinator()
        for name in FAST:
            self.worker(name, 1)
        return self

    def __exit__(self, *_):
        self.fleet.stop()

    def worker(self, name, times):
        self.fleet.start_worker(name, {"paced": stream(f"python3 -S -E {self.dir}/paced.py", **{
            "slots": 1, "env.PACE": self.chunk_ms * times / 1000, "env.CHUNK": CHUNK, "env.READ": self.dir / "read",
            "env.BRAKE": self.dir / f"{name}.brake"})}, slots=1)

    def slow(self):
        self.worker("slow", TIMES)

    def brake(self, name):
        (self.dir / f"{name}.brake").touch()

    def run(self, shards, meanwhile=lambda run: None):
        """Its seconds, and what was done twice, as a share: as the run says, and as the handlers do."""
        body = b"".join(b"%07d %s\n" % (i, b"x" * 119) for i in range(shards * SHARD // 128))
        self.store.put("in", body)
        (self.dir / "read").unlink(missing_ok=True)
        run = self.jobs.start("paced", {"input_key": "in", "output_key": "out"}, Input={"Format": "lines"},
                              **count(shards))
        meanwhile(run)
        d = self.jobs.finish(run)
        assert d["jobRunState"] == "SUCCEEDED" and self.store.get("out") == body, d
        pieces = self.jobs.pieces(d["jobRunId"], "MAP")
        read = sum(map(int, (self.dir / "read").read_text().split()))
        return {"seconds": span(d), "by_slow": sum(p["worker"] == "slow" for p in pieces),
                "extra": sum(p["bytesExtra"] for p in pieces) / (len(body) + BASE * len(pieces)),
                "read_twice": read / len(body) - 1, "twice": sum(p["bytesExtra"] != 0 for p in pieces)}


def span(d):
    at = [datetime.datetime.fromisoformat(d[k].replace("Z", "+00:00")) for k in ("startedOn", "completedOn")]
    return (at[1] - at[0]).total_seconds()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--shards", type=int, default=60)
    p.add_argument("--chunk-ms", type=int, default=80)
    o = p.parse_args()
    for _ in range(o.rounds):
        with tempfile.TemporaryDirectory() as directory, Race(directory, o.chunk_ms) as race:
            alone = race.run(o.shards)
            race.slow()
            beside = race.run(o.shards)
            print(json.dumps({"without": alone, "with": beside, "ratio": beside["seconds"] / alone["seconds"]}))


if __name__ == "__main__":
    main()
