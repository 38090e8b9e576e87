# SPDX-License-Identifier: Apache-2.0
"""What a contestant runs: processes with a log each, ended by their ids, and what all of them together cost."""
import ctypes
import os
import pathlib
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
TICK = os.sysconf("SC_CLK_TCK")
libc = ctypes.CDLL(None)


class Failed(Exception):
    """A contestant did not do what it should; the table says what."""


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stat(pid):
    """The fields of /proc/PID/stat after the name, or None where it has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(roots):
    """The processes and all that descend from them."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat(entry.name)):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(roots):
    """User and system time of them, and of their children that have ended and were waited for."""
    return sum(sum(map(int, fields[11:15])) for pid in tree(roots) if (fields := stat(pid))) / TICK


def memory_mib(roots):
    """Proportional set size: what several share counts once."""
    kib = 0
    for pid in tree(roots):
        try:
            lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


class Processes:
    """Those of one contestant, in one directory."""

    def __init__(self, directory):
        self.directory = directory
        self.running = {}

    def start(self, name, argv, env=None, **more):
        with open(self.directory / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [str(a) for a in argv], env={**os.environ, **(env or {})}, cwd=more.pop("cwd", self.directory),
                stdin=subprocess.PIPE, stdout=log, stderr=log, preexec_fn=die_with_parent, **more)

    def ended(self):
        """Names of those that ended by themselves."""
        return [name for name, p in self.running.items() if p.poll() is not None]

    def ids(self):
        return [p.pid for p in self.running.values()]

    def log(self, name):
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def wait_for(self, name, ready, seconds=90):
        """Until ready() is true; Failed with the end of the log where the process ends or time is over."""
        by = time.monotonic() + seconds
        while not ready():
            if self.running[name].poll() is not None or time.monotonic() > by:
                raise Failed(f"{name}: {' '.join(self.log(name).split()[-30:])}")
            time.sleep(0.002)

    def stop(self, how=signal.SIGTERM, names=None):
        """End them and what descends from them; who does not end within 20 s is killed."""
        chosen = [self.running.pop(name) for name in list(names or self.running)[::-1]]
        below = [pid for pid in tree([p.pid for p in chosen]) if pid not in [p.pid for p in chosen]]
        for p in chosen:
            p.send_signal(how)
        if how == signal.SIGKILL:
            kill_all(below)
        for p in chosen:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        kill_all(below)


def kill_all(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
