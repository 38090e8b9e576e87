# SPDX-License-Identifier: Apache-2.0
"""Stages whose data streams through the store, on a directory and on a real Ceph RADOS Gateway."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import time

import pytest
import stores
from fleet import Fleet, chain, check_history, stages, wait_until

MIB = 1024 * 1024
PY = "/usr/bin/python3 "
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 3, "BackoffRate": 1.0}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    try:
        made = stores.Gateway(tmp_path_factory.mktemp("rgw") / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    yield made
    made.stop()


@pytest.fixture(params=["directory", "gateway"])
def store(request, tmp_path):
    return stores.Directory(tmp_path) if request.param == "directory" else request.getfixturevalue("gateway")


@pytest.fixture
def fleet(store, tmp_path):
    # What was freed is given back at once: memory is looked at.
    sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    with Fleet(tmp_path, objects=store.objects, env={**store.env, "ASAN_OPTIONS": sanitizer}) as f:
        f.store = store
        f.start_coordinator()
        yield f
        wait_until(lambda: store.uploads() == [], 20, 0.2, say=f"half-made uploads remain: {store.uploads()}")
        f.check_reports()
        for p in [f.coordinator, *f.workers.values()]:
            assert "testsecretkey" not in p.text()


def stream(command, **keys):
    return {"handler": "stream", "command": command, "slots": 8, **keys}


def script(fleet, name, text):
    path = fleet.dir / f"{name}.py"
    path.write_text("import os,sys,json,time\n" + text)
    return PY + str(path)


def output(fleet, arn, stage):
    return fleet.store.get(f"executions/{arn.rsplit(':', 1)[1]}/{stage}/output.json")


def succeeded(fleet, arn, timeout=60):
    d = fleet.finish(arn, timeout)
    assert d["status"] == "SUCCEEDED", d
    check_history(fleet.history(arn))
    return d


def types(fleet, arn):
    return [e["type"] for e in fleet.history(arn)]


@pytest.mark.tsan
def test_a_chain_streams_from_stage_to_stage(fleet, request):
    name = f"chain-{request.node.callspec.id}"
    append = stream("/bin/sh -c 'cat; echo \" $STEPFLEET_STATE\"'")
    fleet.start_worker("w1", {"append": append})
    fleet.create("m", stages(["append"] * 4))
    arn = fleet.start("m", name, {"first": 1})
    d = succeeded(fleet, arn)
    assert json.loads(d["output"]) == {"first": 1}  # ResultPath null: what the stage answered is not kept
    for n in range(1, 5):
        wanted = '{"first":1}' + "".join(f" Stage{i}\n" for i in range(1, n + 1))
        assert output(fleet, arn, f"Stage{n}").decode() == wanted
    assert [k for k in fleet.store.keys() if name in k] == [
        f"executions/{name}/Stage{n}/output.json" for n in range(1, 5)]
    assert types(fleet, arn).count("TaskSucceeded") == 4


@pytest.mark.parametrize("store", ["gateway"], indirect=True)
def test_the_sweep_leaves_uploads_of_other_programs(fleet):
    def begin(key):
        begun = fleet.store.curl(f"/{key}?uploads=", "-X", "POST").decode()
        return re.search("<UploadId>([^<]*)</UploadId>", begun)[1]
    other, stray = begin("backups/today"), begin("executions/gone/Stage1/output.json")
    try:
        assert sorted(fleet.store.uploads()) == sorted([other, stray])
        fleet.start_worker("w1", {"copy": stream("cat")})
        fleet.create("m", stages(["copy"]))
        succeeded(fleet, fleet.start("m", "sweep", {}))  # from now on the bucket is swept
        wait_until(lambda: stray not in fleet.store.uploads(), 30, 0.5, say="what a crash left stays")
        assert fleet.store.uploads() == [other]
    finally:
        fleet.store.curl(f"/backups/today?uploadId={other}", "-X", "DELETE")


def test_the_result_is_what_moved_or_what_the_handler_says(fleet):
    fleet.start_worker("w1", {
        "usual": stream("cat"),
        "own": stream(script(fleet, "own", "e = json.load(os.fdopen(3))\nassert json.loads(os.environ['STEPFLEET_EVENT']) == e\n"
                             "print('x')\nos.write(4, json.dumps({'of': e['currentStage'], 'from': e['initialData']}).encode())"))})
    for f, wanted in (("usual", {"status": "SUCCESS", "stage": "Stage1", "bytesIn": 3, "bytesOut": 3}),
                      ("own", {"of": "Stage1", "from": 123})):
        definition = stages([f])
        del definition["States"]["Stage1"]["ResultPath"]  # the result is the execution's output
        fleet.create(f, definition)
        d = succeeded(fleet, fleet.start(f, None, 123))
        assert json.loads(d["output"])["Payload"] == wanted


def rss(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def test_any_size_in_constant_memory_and_byte_for_byte(fleet):
    """Nothing, a byte, exactly a part, one more, several: made, copied, and held against their digest."""
    make = script(fleet, "make", "import random\nn = json.load(sys.stdin)\nr = random.Random(n)\nwhile n > 0:\n"
                  "  sys.stdout.buffer.write(r.randbytes(min(n, 65536))); n -= 65536")
    fleet.start_worker("w1", {"make": stream(make, slots=2), "cat": stream("cat", slots=2)})
    fleet.create("m", stages(["make", "cat", "cat"]))
    sizes = [0, 1, 8 * MIB, 8 * MIB + 1, 36 * MIB]
    arns = {n: fleet.start("m", None, n) for n in sizes}
    for n, arn in arns.items():
        succeeded(fleet, arn)
        first, last = output(fleet, arn, "Stage1"), output(fleet, arn, "Stage3")
        assert len(first) == n and hashlib.sha256(first).digest() == hashlib.sha256(last).digest()
    peak = rss(fleet.workers["w1"].pid)
    assert peak < 320 * MIB, f"{peak // MIB} MiB"  # four streams of at most 48 MiB, and the sanitizer's own


def test_a_handler_may_read_less_and_write_first(fleet):
    fleet.store.put("executions/given/Before/output.json", b"line\n" * 3_000_000)
    fleet.start_worker("w1", {"head": stream("head -n 2"), "none": stream("echo none"),
                              "closed": stream(script(fleet, "closed", "os.close(0); time.sleep(0.3); print('closed')"))})
    for f, wanted in (("head", b"line\nline\n"), ("none", b"none\n"), ("closed", b"closed\n")):
        fleet.create(f, chain([f]))
        event = {"executionId": "given", "previousStage": "Before", "currentStage": f, "workflowBucket": "lake"}
        succeeded(fleet, fleet.start(f, None, event))
        assert fleet.store.get(f"executions/given/{f}/output.json") == wanted


def test_what_is_missing_is_named(fleet):
    fleet.start_worker("w1", {"cat": stream("cat")})
    fleet.create("m", chain(["cat"]))
    event = {"executionId": "nobody", "previousStage": "Before", "currentStage": "After", "workflowBucket": "lake"}
    d = fleet.finish(fleet.start("m", None, event))
    assert (d["status"], d["error"]) == ("FAILED", "S3.NoSuchKeyException")
    assert "s3://lake/executions/nobody/Before/output.json" in d["cause"]
    assert fleet.store.get("executions/nobody/After/output.json") is None
    d = fleet.finish(fleet.start("m", None, {**event, "workflowBucket": "no-such-bucket"}))
    assert d["status"] == "FAILED" and "s3://no-such-bucket/executions/nobody/Before/output.json" in d["cause"]


def test_a_failed_attempt_leaves_nothing_and_the_next_one_is_whole(fleet, request):
    name = f"retry-{request.node.callspec.id}"
    code = ("n = int(os.environ['STEPFLEET_ATTEMPT'])\nd = sys.stdin.read()\nprint(n, d); sys.stdout.flush()\n"
            "if n < 3: sys.stdout.write('x' * 9000000); sys.stdout.flush(); sys.exit(1)")
    fleet.start_worker("w1", {"third": stream(script(fleet, "third", code)), "cat": stream("cat")})
    fleet.create("m", stages(["third", "cat"], RETRY))
    arn = fleet.start("m", name, "in")
    succeeded(fleet, arn)
    assert output(fleet, arn, "Stage1") == output(fleet, arn, "Stage2") == b'3 "in"\n'
    assert types(fleet, arn).count("TaskFailed") == 2 and types(fleet, arn).count("TaskSucceeded") == 2


def test_many_at_once_do_not_mix(fleet):
    fleet.start_worker("w1", {"append": stream("/bin/sh -c 'cat; echo \" $STEPFLEET_EXECUTION\"'", slots=4)})
    fleet.start_worker("w2", {"append": stream("/bin/sh -c 'cat; echo \" $STEPFLEET_EXECUTION\"'", slots=4)})
    fleet.create("m", stages(["append"] * 2))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        arns = list(pool.map(lambda i: fleet.start("m", None, i), range(12)))
    for i, arn in enumerate(arns):
        succeeded(fleet, arn)
        assert output(fleet, arn, "Stage2").decode() == f"{i} {arn}\n {arn}\n"


def test_a_stop_in_the_middle_leaves_no_output(fleet):
    endless = script(fleet, "endless", "while True: sys.stdout.write('x' * 65536); time.sleep(0.005)")
    fleet.start_worker("w1", {"endless": stream(endless)})
    fleet.create("m", stages(["endless"]))
    arn = fleet.start("m", None, 0)
    wait_until(lambda: fleet.store.uploads())
    wait_until(lambda: int(fleet.show(arn)["frames"][0].get("bytesOut") or 0) > MIB, say="nothing moves")
    fleet.json("stop", arn)
    assert fleet.finish(arn)["status"] == "ABORTED"
    wait_until(lambda: fleet.store.uploads() == [], 20, 0.2, say="the upload remains")
    assert output(fleet, arn, "Stage1") is None
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 0)


def test_a_redrive_goes_on_from_the_stored_outputs(fleet, tmp_path):
    flag = tmp_path / "flag"
    fleet.start_worker("w1", {
        "append": stream("/bin/sh -c 'cat; date +%N'"),
        "flag": stream(f"/bin/sh -c 'cat; test -e {flag}'")})
    fleet.create("m", stages(["append", "flag", "append"]))
    arn = fleet.start("m", None, "r")
    assert fleet.finish(arn)["status"] == "FAILED"
    first = output(fleet, arn, "Stage1")
    assert output(fleet, arn, "Stage2") is None
    flag.write_text("")
    fleet.json("redrive", arn)
    succeeded(fleet, arn)
    assert output(fleet, arn, "Stage1") == output(fleet, arn, "Stage2") == first
    assert output(fleet, arn, "Stage3").startswith(first)


def test_two_executions_of_one_place_leave_one_whole_output(fleet):
    """Whose commit is last is the one that is seen: never a mixture."""
    fleet.start_worker("w1", {"put": stream("/bin/sh -c 'cat; yes $STEPFLEET_EXECUTION | head -n 200000'")})
    fleet.create("m", chain(["put"]))
    event = {"executionId": f"shared-{time.time_ns()}", "currentStage": "S", "workflowBucket": "lake", "initialData": 1}
    arns = [fleet.start("m", None, event) for _ in range(4)]
    for arn in arns:
        succeeded(fleet, arn)
    seen = fleet.store.get(f"executions/{event['executionId']}/S/output.json")
    assert seen in [("1" + f"{arn}\n" * 200000).encode() for arn in arns]
