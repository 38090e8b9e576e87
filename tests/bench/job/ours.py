# SPDX-License-Identifier: Apache-2.0
"""Jobs on a fleet of real processes: what a run took, and whose processor time that was."""
import json
import time

import fleet
from processes import TICK, Failed, cpu_seconds, stat

RUN_SECONDS = 3600
CLEAN_SECONDS = 600


def own_seconds(pids):
    """User and system time of these processes, without what they began."""
    return sum(sum(map(int, fields[11:13])) for pid in pids if (fields := stat(pid))) / TICK


def peak_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / 1024


class Ours:
    """A coordinator and workers over one place; each worker has so many slots."""

    def __init__(self, directory, place, functions, workers, slots):
        self.place = place
        directory.mkdir()
        # The fleet's tests sweep every second: here that would be work beside what is measured.
        calm = {"lease": "10s", "sweep_age": "1h", "sweep_interval": "10m"}
        self.fleet = fleet.Fleet(directory, objects=place.objects, env=place.env, coordinator=calm)
        self.fleet.start_coordinator()
        for i in range(workers):
            self.fleet.start_worker(f"w{i}", {n: {**f, "slots": str(slots)} for n, f in functions.items()},
                                    slots=str(slots))

    def stop(self):
        self.fleet.stop()

    def workers(self):
        return [w.pid for w in self.fleet.workers.values()]

    def _clocks(self):
        workers = own_seconds(self.workers())
        return {"coordinator": cpu_seconds([self.fleet.coordinator.pid]), "workers": workers,
                "handlers": cpu_seconds(self.workers()) - workers, "store": cpu_seconds(self.place.ids())}

    def create(self, name, **definition):
        self.fleet.cli("job", "create", name, "-", stdin=json.dumps(definition))

    def run(self, name, source, output, bucket):
        """From the request to the end that its client hears; processor seconds by whose they are."""
        before, begun = self._clocks(), time.monotonic()
        run = self.fleet.cli("job", "run", name, "--arg", f"--input-bucket={bucket}", "--arg", f"--input-key={source}",
                             "--arg", f"--output-key={output}", "--wait", "--json", timeout=RUN_SECONDS, check=False)
        seconds = time.monotonic() - begun
        cpu = {k: v - before[k] for k, v in self._clocks().items()}
        if run.returncode != 0:
            raise Failed(f"job {name}: {' '.join((run.stderr + run.stdout).split())[:600]}")
        told = json.loads(run.stdout)
        return {"seconds": seconds, "cpu": cpu, "told": told, "run": told["jobRunId"]}

    def await_clean(self, run):
        """Until nothing temporary of the run is left, so that it is no part of what is measured next. A second look
        comes long after: a run that waits for it alone is out of memory, and has no progress."""
        def clean():
            d = self.fleet.json("job", "status", run)
            return d["phase"] == "OVER" or (d["phase"] == "CLEAN" and d.get("progress", {"done": 1})["done"] > 0)
        fleet.wait_until(clean, CLEAN_SECONDS, say="the run was not cleaned up")

    def peaks(self):
        return {"coordinator": peak_mib(self.fleet.coordinator.pid), "worker": max(map(peak_mib, self.workers()))}
