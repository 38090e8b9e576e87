# SPDX-License-Identifier: Apache-2.0
"""A store that fails while stages stream: lost answers, refusals, resets, stalls, a gateway that dies. What
was acknowledged ends SUCCEEDED, each stage's output is that of the attempt history tells of, nothing
half-made remains."""
import random
import re
import signal
import threading
import time

import pytest
import stores
from fleet import Fleet, check_history, stages, wait_until

MIB = 1024 * 1024
RETRY = [{"ErrorEquals": ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
                          "Lambda.TooManyRequestsException", "S3.S3Exception"],
          "IntervalSeconds": 1, "MaxAttempts": 30, "BackoffRate": 1.0}]
# What it read, its own state and attempt, and as much more as NAP and PAD say.
ADD = """import os,sys,time
d = sys.stdin.read()
time.sleep(float(os.environ.get("NAP", "0")))
sys.stdout.write(d.replace("{}", ""))
print(os.environ["STEPFLEET_STATE"], os.environ["STEPFLEET_ATTEMPT"], "x" * int(os.environ.get("PAD", "0")))
"""


class Stage:
    """A fleet whose stages add to what they read."""

    def __init__(self, directory, store, **options):
        self.store = store
        self.fleet = Fleet(directory, objects=store.objects, env=store.env, coordinator=options)
        (self.fleet.dir / "add.py").write_text(ADD)

    def __enter__(self):
        self.fleet.start_coordinator()
        return self

    def __exit__(self, *_):
        self.fleet.stop()
        self.store.stop()

    def worker(self, name="w1", nap=0, pad=0, wait=True):
        command = f"/usr/bin/python3 {self.fleet.dir / 'add.py'}"
        self.fleet.start_worker(name, {"add": {"handler": "stream", "command": command, "slots": 8,
                                               "env.NAP": nap, "env.PAD": pad}}, wait=wait)

    def machine(self, count, retry=None):
        self.fleet.create("m", stages(["add"] * count, retry or RETRY))
        self.count = count

    def start(self, names):
        """Started by name until acknowledged, as a client does that repeats what failed."""
        def one(name):
            run = self.fleet.cli("start", "m", "--name", name, "--input", "{}", check=False)
            return run.stdout.strip() if run.returncode == 0 else None
        return [wait_until(lambda name=name: one(name), 60, 0.2, say="never acknowledged") for name in names]

    def output(self, name, stage):
        data = self.store.get(f"executions/{name}/Stage{stage}/output.json")
        return data.decode() if data is not None else None

    def must_have(self, name, stage):
        """The output of a stage that succeeded; where it is missing, all that the store was asked about it."""
        text = self.output(name, stage)
        key = f"executions/{name}/Stage{stage}/output.json"
        told = self.store.requests(key) if text is None and hasattr(self.store, "requests") else ""
        assert text is not None, f"{key} is not there, and its stage succeeded:\n{told}"
        return text

    def check(self, arns, timeout=120):
        for arn in arns:
            d = self.fleet.finish(arn, timeout)
            assert d["status"] == "SUCCEEDED", (d, self.fleet.workers["w1"].text()[-3000:])
            self.check_one(arn)
        wait_until(lambda: self.strays() == [], 60, 0.5, say=f"uploads remain: {self.strays()}")
        names = {arn.rsplit(":", 1)[1] for arn in arns}
        assert self.store.keys() == sorted(f"executions/{n}/Stage{i}/output.json" for n in names
                                           for i in range(1, self.count + 1))
        self.fleet.check_reports()
        for p in [self.fleet.coordinator, *self.fleet.workers.values()]:
            assert "verysecretindeed" not in p.text() and "testsecretkey" not in p.text()

    def strays(self):
        """Uploads that should be gone. One that a dying gateway left beside its finished object is let be, and said."""
        let_be = re.findall(r"is let be: .* upload=(\S+)", self.fleet.coordinator.text())
        return [u for u in self.store.uploads() if u not in let_be]

    def check_one(self, arn):
        """Each output is the one of the attempt that history calls the successful one, and was made once."""
        events = self.fleet.history(arn)
        check_history(events)
        lines, failed = [], 0
        for e in events:
            if e["type"] == "TaskStateEntered":
                failed = 0
            elif e["type"] in ("TaskFailed", "TaskTimedOut", "TaskSubmitFailed", "TaskStartFailed"):
                failed += 1
            elif e["type"] == "TaskSucceeded":
                lines.append(f"Stage{len(lines) + 1} {failed + 1}")
        assert len(lines) == self.count
        name = arn.rsplit(":", 1)[1]
        for n in range(1, self.count + 1):
            said = [" ".join(line.split()[:2]) for line in self.must_have(name, n).splitlines()]
            assert said == lines[:n], (said, lines)


@pytest.fixture
def faulty(tmp_path):
    with Stage(tmp_path, stores.Faulty()) as s:
        yield s


COMPLETE = {"method": "POST", "contains": "uploadId="}
INITIATE = {"method": "POST", "contains": "?uploads"}
FAULTS = {
    "the answer to a completed commit is lost": [{"kind": "drop", "count": 4, **COMPLETE}],
    "all of a commit's first answers are lost": [{"kind": "drop", "count": 12, **COMPLETE}],
    "a commit answers 200 with an error": [{"kind": "error200", "count": 9, **COMPLETE}],
    "a commit is refused": [{"kind": "status", "count": 12, **COMPLETE}],
    "a commit's connection is reset": [{"kind": "reset", "count": 6, **COMPLETE}],
    "a commit's server error": [{"kind": "status", "status": 500, "code": "InternalError", "count": 20, **COMPLETE}],
    "slow down, everything": [{"kind": "status", "count": 60}],
    "slow down, in bursts": [{"kind": "status", "count": 5, "skip": skip} for skip in (3, 11, 29, 41)],
    "the answer to a beginning is lost": [{"kind": "drop", "count": 3, **INITIATE}],
    "a beginning is refused": [{"kind": "status", "count": 6, **INITIATE}],
    "parts are reset": [{"kind": "reset", "method": "PUT", "count": 8}],
    "parts' answers are lost": [{"kind": "drop", "method": "PUT", "count": 6}],
    "reads are reset": [{"kind": "reset", "method": "GET", "contains": "/executions", "count": 8}],
    "reads end early": [{"kind": "short", "method": "GET", "contains": "/executions", "count": 8}],
    "aborts are refused": [{"kind": "status", "method": "DELETE", "count": 12}],
    "lists are refused": [{"kind": "status", "method": "GET", "contains": "uploads", "count": 30}],
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_fails_once_in_a_while_is_ridden_out(faulty, name):
    faulty.worker(pad=2000)
    faulty.machine(3)
    for fault in FAULTS[name]:
        faulty.store.store.add_fault(**fault)
    faulty.check(faulty.start([f"e{i}" for i in range(6)]))


def test_a_stall_is_noticed_and_ridden_out(faulty):
    faulty.worker(pad=20000)
    faulty.machine(2)
    for fault in ({"method": "PUT"}, COMPLETE, {"method": "GET", "contains": "/executions", "skip": 1}):
        faulty.store.store.add_fault("stall", **fault)
    faulty.check(faulty.start(["e0", "e1"]), timeout=150)


def test_a_lost_commits_fate_is_settled_after_a_crash(faulty):
    """The completion happens, its answer is lost, and the coordinator is killed before it can ask again."""
    faulty.worker()
    faulty.machine(3)
    arns = faulty.start([f"e{i}" for i in range(4)])
    for _ in range(5):
        before = len(faulty.store.store.requests(**COMPLETE))
        faulty.store.store.add_fault("drop", count=1, **COMPLETE)
        try:
            wait_until(lambda before=before: len(faulty.store.store.requests(**COMPLETE)) > before, 5, 0.001)
        except TimeoutError:
            break  # all are done
        faulty.fleet.coordinator.kill()
        faulty.fleet.start_coordinator()
    faulty.check(arns)


def test_an_input_that_changes_while_it_is_read_is_no_mixture(faulty):
    """Fails with the object's name; never half of one and half of another."""
    faulty.worker()
    faulty.machine(1)
    faulty.store.store.put(stores.BUCKET, "executions/e/Before/output.json", b"a" * (24 * MIB))
    fleet = faulty.fleet
    fleet.start_worker("w2", {"cat": {"handler": "stream", "command": "cat"}})
    definition = stages(["cat"])
    payload = definition["States"]["Stage1"]["Parameters"]["Payload"]
    payload["previousStage"] = "Before"
    fleet.create("c", definition)
    faulty.store.store.add_fault("replace", method="GET", contains="Before", count=1)
    d = fleet.finish(fleet.start("c", "e", {}))
    if d["status"] == "SUCCEEDED":  # all of it had been read
        assert set(faulty.output("e", 1)) in ({"a"}, {"\0"})
    else:
        assert "executions/e/Before/output.json" in d["cause"] and faulty.output("e", 1) is None
    wait_until(lambda: faulty.store.uploads() == [], 20, 0.5)


def test_a_store_that_dies_and_comes_back(faulty):
    faulty.worker(nap=0.1, pad=100000)
    faulty.machine(4)
    arns = faulty.start([f"e{i}" for i in range(10)])
    for _ in range(4):
        faulty.store.server.kill()
        time.sleep(0.7)
        faulty.store.server.start()
        time.sleep(0.5)
    faulty.check(arns)


def test_a_store_that_is_not_there_fails_the_stage_with_words(faulty):
    faulty.store.server.kill()
    faulty.worker()
    faulty.machine(1, [{"ErrorEquals": ["None.Such"]}])
    arn = faulty.start(["e0"])[0]
    d = faulty.fleet.finish(arn, 150)
    assert d["status"] == "FAILED" and d["error"] == "S3.S3Exception"
    assert "s3://lake/executions/e0/Stage1/output.json" in d["cause"]
    faulty.store.server.start()


def test_wrong_keys_fail_the_stage_with_words(tmp_path):
    try:
        gateway = stores.Gateway(tmp_path / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    right = gateway.env
    gateway.env = {**right, "AWS_SECRET_ACCESS_KEY": "this-is-not-the-one"}
    with Stage(tmp_path, gateway) as s:
        gateway.env = right
        s.worker()
        s.machine(1, [{"ErrorEquals": ["None.Such"]}])
        d = s.fleet.finish(s.start(["e0"])[0], 60)
        assert d["status"] == "FAILED" and d["error"] == "S3.S3Exception"
        assert "s3://lake/executions/e0/Stage1/output.json" in d["cause"]
        assert "denied" in d["cause"].lower() or "SignatureDoesNotMatch" in d["cause"] or "not allowed" in d["cause"]
        assert "this-is-not-the-one" not in s.fleet.workers["w1"].text() + s.fleet.coordinator.text()


def test_an_upload_left_beside_its_finished_object_is_let_be(tmp_path):
    """What a gateway leaves that dies late in a completion: the object is there, its upload too. Ceph shares the
    bytes between both, so that ending the upload, or completing it again, takes the object's bytes away."""
    try:
        gateway = stores.Gateway(tmp_path / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    with Stage(tmp_path, gateway) as s:
        s.worker(pad=100_000)
        s.machine(1)
        s.start(["warm"])  # so that pools and bucket are there
        wait_until(lambda: s.output("warm", 1))
        s.fleet.workers["w1"].stop()
        s.worker(nap=1, pad=100_000)
        arn = s.start(["e0"])[0]
        wait_until(lambda: gateway.uploads())
        time.sleep(0.3)  # its upload is recorded
        s.fleet.coordinator.send(signal.SIGSTOP)
        wait_until(lambda: "partNumber=1" in gateway.requests("executions/e0/"), 20, say="no part is sent")
        gateway.keep_uploads()
        s.fleet.coordinator.send(signal.SIGCONT)
        assert s.fleet.finish(arn)["status"] == "SUCCEEDED"
        gateway.bring_back_uploads()
        assert len(gateway.uploads()) == 1
        whole = s.must_have("e0", 1)
        time.sleep(30)  # sweeps, and Ceph's own collection of what is not used, each some seconds apart
        assert s.must_have("e0", 1) == whole


@pytest.mark.parametrize("also", ["", "coordinator", "workers"])
def test_a_gateway_killed_and_restarted_while_chains_run(tmp_path, also):
    """radosgw by its pid, again and again; and with it the coordinator, or workers."""
    rng = random.Random(len(also))
    try:
        gateway = stores.Gateway(tmp_path / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    gateway.short_locks()
    with Stage(tmp_path, gateway) as s:
        for name in ("w1", "w2"):
            s.worker(name, nap=0.1, pad=200_000)
        s.machine(4)
        arns = []
        starter = threading.Thread(target=lambda: arns.extend(s.start([f"e{i}" for i in range(12)])))
        starter.start()
        for n in range(6):
            time.sleep(rng.uniform(0.2, 1.0))
            gateway.kill()
            if also == "coordinator":
                s.fleet.coordinator.kill()
                s.fleet.start_coordinator()
            elif also == "workers":
                name = f"w{n % 2 + 1}"
                s.fleet.workers[name].kill()
                s.worker(name, nap=0.1, pad=200_000, wait=False)
            time.sleep(rng.uniform(0.0, 0.5))
            gateway.restart()
        starter.join(120)
        assert len(arns) == 12
        s.check(arns, timeout=180)
