# SPDX-License-Identifier: Apache-2.0
"""A coordinator, workers and the client as real processes on loopback, for tests.

Everything lives in one directory; every wait is bounded; what was started is stopped by its process id."""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

BIN = pathlib.Path(os.environ.get("STEPFLEET_BIN", "build/asan/bin")).resolve()
ACCOUNT = "123456789012"
LAMBDA = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"


def free_port(neighbours=0):
    """A port nobody listens on, nor on its next `neighbours`; below those the kernel gives to connections, so that
    none of them takes it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            for n in range(neighbours + 1):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port + n))
            return port
        except OSError:
            pass


def wait_until(what, timeout=30, every=0.05, say="it did not happen"):
    end = time.monotonic() + timeout
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise TimeoutError(f"{say} within {timeout} s")
        time.sleep(every)


class Process:
    """A daemon with its log; knows how it ended."""

    def __init__(self, argv, log, env=None):
        self.log = pathlib.Path(log)
        with open(self.log, "ab") as out:
            self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    @property
    def pid(self):
        return self.p.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.p.poll() is None

    def send(self, number):
        if self.alive():
            self.p.send_signal(number)

    def kill(self):
        self.send(signal.SIGKILL)
        self.p.wait(20)

    def stop(self, timeout=30):
        self.send(signal.SIGTERM)
        try:
            return self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class Failed(Exception):
    """The client ended with another status than was asked for."""

    def __init__(self, run):
        self.status, self.out, self.err = run.returncode, run.stdout, run.stderr
        super().__init__(f"{run.args}: status {run.returncode}\n{run.stdout}\n{run.stderr}")


class Fleet:
    def __init__(self, directory, objects=None, coordinator=None, env=None, bind=None, limits=None,
                 http=None, trace=None, backup=None, programs=BIN, within=()):
        """objects: None for a directory store; else the [objects] lines of an S3 server.
        coordinator: further lines of the [coordinator] section. bind, limits: the sections of these names.
        http: the lines of that section beside `listen`; then `endpoint` is where AWS's clients come in.
        trace, backup: the lines of the sections of these names.
        programs: the directory they are in. within: a command that every one of them is run by."""
        self.dir = pathlib.Path(directory)
        self.port = free_port()
        tls = coordinator is not None and "certificate" in coordinator
        self.url = f"tls+tcp://localhost:{self.port}" if tls else f"tcp://127.0.0.1:{self.port}"
        self.env = {**os.environ, **(env or {}), "STEPFLEET_COORDINATOR": self.url}
        self.objects = objects or {"root": str(self.dir / "objects")}
        self.options = {"lease": "2s", "sweep_age": "1s", "sweep_interval": "1s", **(coordinator or {})}
        self.bind = bind or {}
        self.limits = limits or {}
        self.http_port = free_port() if http is not None else None
        scheme = "https" if http and "certificate" in http else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self.http_port}"
        self.http = {"listen": self.endpoint, **http} if http is not None else {}
        self.trace = trace or {}
        self.backup = backup or {}
        self.programs = pathlib.Path(programs)
        self.within = list(within)
        self.coordinator = None
        self.damaged = False
        self.workers = {}

    def place(self, _who):
        """The beginning of the commands of who ("coordinator", "client", or a worker by its name) is to run."""
        return self.within

    # ---- daemons ----

    def _section(self, name, keys):
        return f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())

    def start_coordinator(self, timeout=60, wait=True, env=None):
        """env: what its environment has beside the fleet's."""
        conf = self.dir / "coordinator.conf"
        keys = {"data": self.dir / "data", "listen": self.url, **self.options}
        conf.write_text(self._section("coordinator", keys) + self._section("objects", self.objects) +
                        self._section("bind", self.bind) + self._section("limits", self.limits) +
                        self._section("http", self.http) + self._section("trace", self.trace) +
                        self._section("backup", self.backup))
        log = self.dir / "coordinator.log"
        argv = [*self.place("coordinator"), self.programs / "stepfleet-coordinator", "-c", conf]
        self.coordinator = Process(argv, log, {**self.env, **(env or {})})
        if wait:
            wait_until(lambda: not self.coordinator.alive() or self._answers(), timeout,
                       say=f"the coordinator does not answer; see {log}")
            assert self.coordinator.alive(), self.coordinator.text()
        return self.coordinator

    def _answers(self):
        return self.cli("health", check=False, timeout=20).returncode == 0

    def start_worker(self, name, functions, wait=True, env=None, **keys):
        """functions: name -> dict of its section's keys. env: what its environment has beside the fleet's."""
        conf = self.dir / f"{name}.conf"
        text = self._section("worker", {"name": name, "coordinator": self.url, "drain": "5s", **keys})
        text += self._section("objects", self.objects) + self._section("trace", {
            k: v for k, v in self.trace.items() if k in ("endpoint", "headers")})
        for function, section in functions.items():
            text += self._section(f"function {function}", section)
        conf.write_text(text)
        w = Process([*self.place(name), self.programs / "stepfleet-worker", "-c", conf], self.dir / f"{name}.log",
                    {**self.env, **(env or {})})
        self.workers[name] = w
        if wait:
            wait_until(lambda: any(x["name"] == name for x in self.json("workers")["workers"]), 30,
                       say=f"worker {name} is not registered: {w.text()}")
        return w

    def check_reports(self):
        """A sanitizer's report is a failure, whatever the test saw."""
        for p in [self.coordinator, *self.workers.values()]:
            text = p.text()
            for line in ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
                assert line not in text, text

    def check_serves(self):
        assert self.coordinator.alive(), self.coordinator.text()
        self.check_reports()

    def check_database(self, data=None):
        """What is on disk is whole: the coordinator is killed for it, where it runs."""
        if self.coordinator is not None and self.coordinator.alive():
            self.coordinator.send(signal.SIGCONT)
            self.coordinator.kill()
        run = subprocess.run([*self.within, self.programs / "stepfleet-coordinator", "--check",
                              data or self.dir / "data", "--json"], env=self.env, timeout=120, capture_output=True,
                             text=True)
        assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
        return {kind["kind"]: kind["rows"] for kind in json.loads(run.stdout)["kinds"]}

    def stop(self):
        for w in self.workers.values():
            if w.alive():
                w.send(signal.SIGCONT)
                w.kill()
        if self.coordinator is not None and self.coordinator.alive():
            self.coordinator.send(signal.SIGCONT)
            self.coordinator.kill()

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        """What a test leaves on disk, killed as it was, is whole; but where the test damaged it."""
        self.stop()
        if failed is None and not self.damaged and (self.dir / "data/CURRENT").exists():
            self.check_database()

    # ---- the client ----

    def cli(self, *args, check=True, timeout=60, stdin=None):
        run = subprocess.run([*self.place("client"), self.programs / "stepfleet", *map(str, args)], env=self.env,
                             timeout=timeout, capture_output=True, text=True, input=stdin)
        if check and run.returncode != 0:
            raise Failed(run)
        return run

    def json(self, *args, **kwargs):
        return json.loads(self.cli(*args, "--json", **kwargs).stdout)

    def create(self, name, definition, kind="STANDARD"):
        path = self.dir / f"{name}.asl.json"
        path.write_text(definition if isinstance(definition, str) else json.dumps(definition))
        return self.json("machine", "create", name, path, "--type", kind)

    def start(self, machine, name=None, payload=None, **kwargs):
        args = ["start", machine]
        args += ["--name", name] if name else []
        args += ["--input", json.dumps(payload)] if payload is not None else []
        return self.json(*args, **kwargs)["executionArn"]

    def show(self, arn, **kwargs):
        return self.json("show", arn, **kwargs)

    def finish(self, arn, timeout=60):
        """The description once it has ended."""
        def ended():
            d = self.show(arn)
            return d if d["status"] != "RUNNING" else None
        return wait_until(ended, timeout, 0.1, say=f"{arn} has not ended: {self.show(arn)}")

    def history(self, arn):
        return self.json("history", arn)["events"]


def task(function, **fields):
    return {"Type": "Task", "Resource": LAMBDA + function, **fields}


def chain(functions, **fields):
    """A machine of Task states S1, S2, ... one a function."""
    states = {}
    for i, f in enumerate(functions, 1):
        end = {"End": True} if i == len(functions) else {"Next": f"S{i + 1}"}
        states[f"S{i}"] = {**task(f, **fields), **end}
    return {"StartAt": "S1", "States": states}


def stages(functions, retry=None):
    """A machine of lambda:invoke stages whose data goes through the object store."""
    states = {}
    for i, f in enumerate(functions, 1):
        payload = {"executionId.$": "$$.Execution.Name", "currentStage": f"Stage{i}",
                   "workflowBucket": "lake", "initialData.$": "$"}
        if i > 1:
            payload["previousStage"] = f"Stage{i - 1}"
        end = {"End": True} if i == len(functions) else {"Next": f"Stage{i + 1}"}
        states[f"Stage{i}"] = {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "ResultPath": None,
            "Parameters": {"FunctionName": LAMBDA + f, "Payload": payload},
            **({"Retry": retry} if retry else {}), **end}
    return {"StartAt": "Stage1", "States": states}


def check_history(events):
    """What every legal history has: ids 1..n, times in order, causes before effects, one start, one end."""
    assert [e["id"] for e in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "ExecutionStarted"
    assert all(e["previousEventId"] < e["id"] for e in events)
    times = [e["timestamp"] for e in events]
    assert times == sorted(times)
    entered = [e["id"] for e in events if e["type"].endswith("StateEntered")]
    exited = [e for e in events if e["type"].endswith("StateExited")]
    assert len(exited) <= len(entered)
    scheduled = [e for e in events if e["type"] in ("TaskScheduled", "LambdaFunctionScheduled")]
    succeeded = [e for e in events if e["type"] in ("TaskSucceeded", "LambdaFunctionSucceeded")]
    ended = [e for e in events if e["type"] in (
        "TaskSucceeded", "TaskFailed", "TaskTimedOut", "LambdaFunctionSucceeded",
        "LambdaFunctionFailed", "LambdaFunctionTimedOut")]
    assert len(ended) <= len(scheduled)
    # No task succeeds twice: each success has its own start before it.
    assert len({e["previousEventId"] for e in succeeded}) == len(succeeded)
