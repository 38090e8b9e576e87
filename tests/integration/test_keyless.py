# SPDX-License-Identifier: Apache-2.0
"""Workers that have none of the store's keys: the coordinator signs what their attempts may ask, and no more. On a real
Ceph RADOS Gateway, which checks each signature."""
import json
import pathlib

import pytest
import stores
from fleet import Fleet, check_history, stages, wait_until
from jobs import Jobs, count, stream, upper

MIB = 1024 * 1024
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
SECRETS = ("testsecretkey", "X-Amz-Signature")
STRICT = "import json, sys\nfor line in sys.stdin:\n    json.loads(line)\n    sys.stdout.write(line)\n"
FUNCTIONS = {
    "copy": stream("cat"),
    "slow": stream("/bin/sh -c 'for i in 1 2 3 4 5 6; do head -c 6291456 /dev/zero; sleep 0.4; done; cat'"),
    "upper": stream("tr a-z A-Z"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    try:
        made = stores.Gateway(tmp_path_factory.mktemp("rgw") / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    yield made
    made.stop()


@pytest.fixture
def fleet(gateway, tmp_path):
    """URLs are good for a second, so that many expire."""
    with Fleet(tmp_path, objects={**gateway.objects, "presigned": "1s"}, env=gateway.env,
               coordinator={"job_clean_up": "1s"}) as f:
        f.store = gateway
        f.start_coordinator()
        f.objects = gateway.objects
        (tmp_path / "strict.py").write_text(STRICT)
        strict = stream(f"/usr/bin/python3 -S -E {tmp_path}/strict.py")
        for name in ("w1", "w2"):
            f.start_worker(name, {**FUNCTIONS, "strict": strict}, env=NO_KEYS)
        yield f
        wait_until(lambda: gateway.uploads() == [], 20, 0.2, say=f"half-made uploads remain: {gateway.uploads()}")
        f.check_reports()
        assert "nothing was signed" not in f.coordinator.text(), f.coordinator.text()
        for p in [f.coordinator, *f.workers.values()]:
            assert not any(secret in p.text() for secret in SECRETS), p.text()
        for w in f.workers.values():
            assert b"testsecretkey" not in pathlib.Path(f"/proc/{w.pid}/environ").read_bytes()


def output(fleet, arn, stage):
    return fleet.store.get(f"executions/{arn.rsplit(':', 1)[1]}/{stage}/output.json")


def test_a_chain_streams_though_urls_expire(fleet):
    fleet.create("m", stages(["copy", "slow", "copy"]))
    arn = fleet.start("m", "keyless", {"first": 1})
    d = fleet.finish(arn, 60)
    assert d["status"] == "SUCCEEDED", d
    check_history(fleet.history(arn))
    assert output(fleet, arn, "Stage3") == bytes(36 * MIB) + b'{"first":1}'
    puts = [r for r in fleet.store.requests("keyless/Stage2").split("\n") if '"PUT ' in r]
    assert len(puts) >= 8 and all("X-Amz-Signature" in r for r in puts), puts


def test_the_coordinator_starts_again_meanwhile(fleet):
    fleet.create("m", stages(["slow", "copy"]))
    arn = fleet.start("m", "again", {"first": 1})
    wait_until(lambda: fleet.store.uploads() != [], 20, 0.1, say="the stage has not begun")
    fleet.coordinator.kill()
    fleet.objects = {**fleet.store.objects, "presigned": "1s"}
    fleet.start_coordinator()
    d = fleet.finish(arn, 60)
    assert d["status"] == "SUCCEEDED", d
    assert output(fleet, arn, "Stage2") == bytes(36 * MIB) + b'{"first":1}'
    assert [e["type"] for e in fleet.history(arn)].count("TaskFailed") == 0


def test_job_runs_of_every_kind_of_input_and_output(fleet):
    j = Jobs(fleet, fleet.store)
    body = b"".join(b'{"k":"%07d"}\n' % i for i in reversed(range(800000)))
    for i, name in enumerate("ab"):
        j.store.put(f"jobs/in/{name}.jsonl", body[i * len(body) // 2:(i + 1) * len(body) // 2])
    j.store.put("jobs/manifest", json.dumps(["jobs/in/a.jsonl", "jobs/in/b.jsonl"]).encode())
    j.go("upper", {"input_prefix": "jobs/in/", "output_key": "jobs/out/prefix"}, **count(2))
    j.go("upper", {"input_manifest": "jobs/manifest", "output_key": "jobs/out/manifest"}, **count(2))
    assert j.store.get("jobs/out/prefix") == j.store.get("jobs/out/manifest") == upper(body)
    j.go("copy", {"input_prefix": "jobs/in/", "output_key": "jobs/out/sorted"}, **count(2),
         Shuffle={"Kind": "sort", "Keys": [{"Path": "$.k"}], "Partitions": 2})
    assert j.store.get("jobs/out/sorted") == b"".join(sorted(body.splitlines(keepends=True)))
    bad = b'{"n":1}\nbad\n{"n":2}\n'
    j.store.put("jobs/in.jsonl", bad)
    j.go("strict", {"input_key": "jobs/in.jsonl", "output_key": "jobs/out/parts"}, Output={"Layout": "parts"},
         BadRecords={"Policy": "reject"}, **count(1))
    manifest = json.loads(j.store.get("jobs/out/parts"))
    assert b"".join(j.store.get(p["key"]) for p in manifest["parts"]) == b'{"n":1}\n{"n":2}\n'
    assert j.store.get("jobs/out/rejected.jsonl")
    j.over()
