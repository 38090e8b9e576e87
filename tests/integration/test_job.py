# SPDX-License-Identifier: Apache-2.0
"""Job runs end to end: coordinator, workers and client as processes of their own, on a real S3 server. Each output
is held against what one process makes of the whole input; when all is over, nothing else is in the bucket."""
import csv
import gzip
import io
import itertools
import json
import os
import random
import re
import subprocess
import time

import pytest
import stores
from fleet import Failed, Fleet, wait_until
from jobs import Jobs, count, stream, upper

SEED = int(os.environ.get("JOB_TEST_SEED", "20261123"))
PROGRAMS = {
    "elements.py": """import json, sys
sys.stdout.write("[" + ",".join(json.dumps([e, 1]) for e in json.load(sys.stdin)) + "]")
""",
    "counting.py": """import os, sys
data = sys.stdin.buffer.read()
sys.stdout.buffer.write(data)
os.write(4, b'{"counters": {"lines": %d, "shards": 1}}' % data.count(b"\\n"))
""",
    "groups.py": """import itertools, json, sys
for key, of in itertools.groupby(map(json.loads, sys.stdin), lambda r: r["k"]):
    print(json.dumps({"k": key, "n": sum(1 for _ in of)}))
""",
    "strict.py": """import json, sys
for line in sys.stdin.buffer:
    json.loads(line)
    sys.stdout.buffer.write(line)
""",
    # Says that it is there, and waits to be let through.
    "gated.sh": """echo $$ >>"$GATE.pids"
while [ ! -e "$GATE" ]; do sleep 0.05; done
exec cat
""",
}


def functions(directory):
    python = f"python3 -S -E {directory}/"
    return {
        "cat": stream("cat"),
        "upper": stream("tr a-z A-Z"),
        "elements": stream(python + "elements.py"),
        "counting": stream(python + "counting.py"),
        "groups": stream(python + "groups.py"),
        "strict": stream(python + "strict.py"),
        "event": stream("/bin/sh -c 'cat >/dev/null; cat <&3'"),
        "gated": stream(f"/bin/sh {directory}/gated.sh", **{"env.GATE": directory / "gate"}),
    }


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jobs")
    try:
        store = stores.Gateway(directory / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    for name, text in PROGRAMS.items():
        (directory / name).write_text(text)
    try:
        with Fleet(directory, objects=store.objects, env=store.env, coordinator={"job_clean_up": "1s"}) as fleet:
            fleet.start_coordinator()
            for i in range(3):
                fleet.start_worker(f"w{i}", functions(directory), wait=i == 2, drain="1s")
            j = Jobs(fleet, store)
            yield j
            j.over()
            fleet.check_reports()
    finally:
        store.stop()


@pytest.fixture
def gate(jobs):
    """Where gated handlers wait; open once the file is there."""
    path = jobs.fleet.dir / "gate"
    for p in (path, path.with_suffix(".pids")):
        p.unlink(missing_ok=True)
    yield path
    path.touch()


# ---- Made-up inputs ----

def text(chance, most=30, alphabet="abcdefghij klmnop,;:{}[]'é€𝄞"):
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(most)))


def jsonl(chance, n):
    return "".join(json.dumps({"k": chance.randrange(50), "t": text(chance)}, ensure_ascii=False) + "\n"
                   for _ in range(n)).encode()


def table(chance, n):
    """CSV whose quoted fields have line breaks, quotes and commas."""
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    w.writerow(["id", "k", "note"])
    for i in range(n):
        w.writerow([i, chance.randrange(50), text(chance, alphabet='ab,"é\n')])
    return out.getvalue().encode()


def array(chance, n):
    gaps = ["", " ", "\n", "\r\n\t"]
    return ("[" + ",".join(chance.choice(gaps) + json.dumps(
        chance.choice([{"k": i, "t": text(chance)}, [i, text(chance)], i, text(chance) + '],"\\', None])) +
        chance.choice(gaps) for i in range(n)) + "]").encode()


def serial(directory, program, body):
    """What one process of it makes of the whole input."""
    return subprocess.run(["python3", "-S", "-E", directory / program], input=body, capture_output=True, check=True,
                          timeout=60).stdout


# ---- Formats ----

def test_formats_and_where_inputs_are(jobs):
    """Many runs at once: each output is byte by byte what one process would have made."""
    chance = random.Random(SEED)
    lines, records, rows, elements = jsonl(chance, 900), jsonl(chance, 900), table(chance, 700), array(chance, 400)
    parts = {f"in/many/{i}.jsonl": jsonl(chance, chance.randrange(1, 200)) for i in range(5)}
    names = sorted(parts, reverse=True)
    for key, body in {
            "in/lines.txt": lines, "in/a.jsonl": records, "in/rows.csv": rows, "in/e.json": elements,
            "in/a.jsonl.gz": gzip.compress(records[:5000]) + gzip.compress(records[5000:]),
            "in/rows.csv.gz": gzip.compress(rows), "in/a.jsonl.zst": zstd(records),
            "in/list.json": json.dumps(names).encode(),
            "in/list.jsonl": "".join(json.dumps({"key": k}) + "\n" for k in names[:3]).encode(), **parts}.items():
        jobs.store.put(key, body)
    joined = serial(jobs.fleet.dir, "elements.py", elements)
    cases = [
        ("upper", {"input_key": "in/lines.txt"}, {}, upper(lines)),
        ("upper", {"input_key": "in/lines.txt"}, {"Input": {"Format": "lines"}, **count(23)}, upper(lines)),
        ("upper", {"input_key": "in/a.jsonl"}, count(9), upper(records)),
        ("cat", {"input_key": "in/rows.csv"}, count(11), rows),
        ("elements", {"input_key": "in/e.json"}, count(7), joined),
        ("upper", {"input_key": "in/a.jsonl.gz"}, count(9), upper(records)),
        ("cat", {"input_key": "in/rows.csv.gz"}, {}, rows),
        ("upper", {"input_key": "in/a.jsonl.zst"}, {}, upper(records)),
        ("upper", {"input_prefix": "in/many/"}, count(12), upper(b"".join(parts[k] for k in sorted(parts)))),
        ("upper", {"input_manifest": "in/list.json"}, count(6), upper(b"".join(parts[k] for k in names))),
        ("upper", {"input_manifest": "in/list.jsonl"}, {}, upper(b"".join(parts[k] for k in names[:3]))),
        ("upper", {"input_key": "in/a.jsonl.zst"}, {"Input": {"Format": "whole"}}, upper(records)),
    ]
    runs = [jobs.start(handler, {**where, "output_key": f"out/formats/{i}"}, **definition)
            for i, (handler, where, definition, _) in enumerate(cases)]
    for i, (run, (handler, where, definition, expected)) in enumerate(zip(runs, cases)):
        d = jobs.finish(run)
        assert d["jobRunState"] == "SUCCEEDED", d
        assert jobs.store.get(f"out/formats/{i}") == expected, (handler, where, definition)
        if "Shards" in definition and "gz" not in where.get("input_key", ""):
            assert 1 < d["shards"] <= definition["Shards"]["Count"] + len(parts), d


def zstd(body):
    return subprocess.run(["zstd", "-q", "-c"], input=body, capture_output=True, check=True, timeout=60).stdout


def test_parts_and_a_manifest(jobs):
    chance = random.Random(SEED + 1)
    body = table(chance, 400)
    jobs.store.put("in/parts.csv", body)
    d = jobs.go("cat", {"input_key": "in/parts.csv", "output_key": "out/parts/t.csv"}, **count(5),
                Output={"Layout": "parts"})
    manifest = json.loads(jobs.store.get("out/parts/t.csv"))
    assert manifest["run"] == d["jobRunId"] and manifest["format"] == "csv" and len(manifest["parts"]) == 5
    header, rest = body.split(b"\n", 1)
    bodies = [jobs.store.get(p["key"]) for p in manifest["parts"]]
    assert [len(b) for b in bodies] == [p["bytes"] for p in manifest["parts"]]
    assert all(b.startswith(header + b"\n") for b in bodies)
    assert b"".join(b[len(header) + 1:] for b in bodies) == rest
    jobs.over()
    assert sorted(k for k in jobs.store.keys() if k.startswith("out/parts/")) == sorted(
        ["out/parts/t.csv", *(p["key"] for p in manifest["parts"])])


# ---- Shuffles ----

def test_shuffles(jobs):
    chance = random.Random(SEED + 2)
    body = jsonl(chance, 1500)
    records = [json.loads(line) for line in body.splitlines()]
    jobs.store.put("in/shuffle.jsonl", body)
    jobs.store.put("in/join/left.jsonl", b'{"k": "a", "l": 1}\n{"k": "b", "l": 2}\n{"k": "a", "l": 3}\n')
    jobs.store.put("in/join/right.jsonl", b'{"k": "b", "r": 4}\n{"k": "a", "r": 5}\n')
    key = [{"Path": "$.k", "Type": "number"}]
    where = {"input_key": "in/shuffle.jsonl"}
    shuffles = {
        "sort": (where, {"Kind": "sort", "Keys": key, "Partitions": 3}),
        "down": (where, {"Kind": "sort", "Keys": [{"Path": "$.t", "Descending": True}]}),
        "group": (where, {"Kind": "group", "Keys": key, "Handler": "groups", "Partitions": 4}),
        "distinct": (where, {"Kind": "distinct", "Keys": key}),
        "join": ({"input_prefix": "in/join/"},
                 {"Kind": "join", "Keys": [{"Path": "$.k"}], "Handler": "cat", "Partitions": 1}),
    }
    runs = {name: jobs.start("cat", {**at, "output_key": f"out/{name}.jsonl"}, Shuffle=shuffle, **count(6))
            for name, (at, shuffle) in shuffles.items()}
    alone = {name: shuffles[name] for name in ("sort", "down", "distinct")}  # without a handler that changes nothing
    runs |= {f"{name}-alone": jobs.start(None, {**at, "output_key": f"out/{name}-alone.jsonl"}, Shuffle=shuffle,
                                          **count(6)) for name, (at, shuffle) in alone.items()}
    got = {}
    for name, run in runs.items():
        d = jobs.finish(run)
        assert d["jobRunState"] == "SUCCEEDED", d
        got[name] = jobs.store.get(f"out/{name}.jsonl").splitlines(keepends=True)
    assert all(got[f"{name}-alone"] == got[name] for name in alone)
    lines = body.splitlines(keepends=True)
    assert got["sort"] == sorted(lines, key=lambda line: json.loads(line)["k"])  # equal ones as they were
    assert [json.loads(x)["t"] for x in got["down"]] == sorted((r["t"] for r in records), reverse=True)
    assert sorted(got["down"]) == sorted(lines)
    expected, first = {}, {}
    for r, line in zip(records, lines):
        expected[r["k"]] = expected.get(r["k"], 0) + 1
        first.setdefault(r["k"], line)
    groups = [json.loads(x) for x in got["group"]]
    assert len(groups) == len(expected) and {g["k"]: g["n"] for g in groups} == expected
    assert sorted(got["distinct"]) == sorted(first.values())
    assert [(j["record"]["k"], j["source"][8:]) for j in map(json.loads, got["join"])] == [
        ("a", "left.jsonl"), ("a", "left.jsonl"), ("a", "right.jsonl"), ("b", "left.jsonl"), ("b", "right.jsonl")]


# ---- Bad records, counters ----

BAD = [b'{"a": 1}', b'{"a": 2', b'[3]', b'\xff', b'{"a": 6}']


def bad_lines(times):
    """Their bytes, the good ones, and where the others are."""
    lines = BAD * times
    offsets = list(itertools.accumulate((len(x) + 1 for x in lines), initial=0))
    good = b"".join(x + b"\n" for x in lines if x not in (BAD[1], BAD[3]))
    return (b"".join(x + b"\n" for x in lines), good,
            [at for at, x in zip(offsets, lines) if x in (BAD[1], BAD[3])])


def test_bad_records_are_set_aside_or_fail_the_run(jobs):
    body, good, offsets = bad_lines(30)
    jobs.store.put("in/bad.jsonl", body)
    reject = {"Policy": "reject"}
    where = {"input_key": "in/bad.jsonl"}
    d = jobs.go("strict", {**where, "output_key": "out/reject/o"}, BadRecords=reject, **count(4))
    assert jobs.store.get("out/reject/o") == good
    told = [json.loads(line) for line in jobs.store.get("out/reject/rejected.jsonl").splitlines()]
    assert [t["offset"] for t in told] == offsets
    assert all(t["object"] == "in/bad.jsonl" and t["reason"] for t in told)
    assert [p["rejected"] for p in d["phases"] if p["phase"] == "MAP"] == [60]
    said = jobs.fails("strict", {**where, "output_key": "out/most/o"}, BadRecords={**reject, "MaxCount": 59}, **count(4))
    assert re.match("Job.BadRecord .*more than MaxCount", said), said
    said = jobs.fails("strict", {**where, "output_key": "out/most/o"}, BadRecords={**reject, "MaxPercent": 39.9})
    assert re.match("Job.BadRecord .*more than MaxPercent", said), said
    jobs.go("strict", {**where, "output_key": "out/percent/o"}, BadRecords={**reject, "MaxPercent": 40})
    # Without a policy the handler sees them; where it fails of one, that one's place is told.
    started = time.monotonic()
    said = jobs.fails("strict", {**where, "output_key": "out/fail/o"})
    assert re.match(rf"Job.BadRecord .*s3://lake/in/bad.jsonl: .*byte {offsets[0]}\b.*strict.py exited with status 1",
                    said), said
    assert time.monotonic() - started < 60  # final: it is not tried again and again
    # A handler that puts up with all of them is not asked where the policy is to fail.
    jobs.go("cat", {**where, "output_key": "out/as-it-is/o"}, **count(4))
    assert jobs.store.get("out/as-it-is/o") == body
    said = jobs.fails("cat", {**where, "output_key": "out/fail/o"}, BadRecords={"Policy": "fail"}, **count(1))
    assert re.match(rf"Job.BadRecord .*s3://lake/in/bad.jsonl: .*byte {offsets[0]}\b", said), said
    jobs.store.put("in/good.jsonl", good)
    jobs.go("cat", {"input_key": "in/good.jsonl", "output_key": "out/checked/o"}, BadRecords={"Policy": "fail"}, **count(4))
    assert jobs.store.get("out/checked/o") == good
    assert not [k for k in jobs.store.keys() if k.startswith(("out/fail/", "out/most/"))]


def test_handlers_know_what_they_are_at(jobs):
    jobs.store.put("in/asked.txt", b"line\n" * 1000)
    d = jobs.go("event", {"input_key": "in/asked.txt", "output_key": "out/asked", "who": "me"}, **count(3),
                DefaultArguments={"--who": "nobody", "--x": "y"}, Output={"Format": "jsonl"})
    events = [json.loads(line) for line in jobs.store.get("out/asked").splitlines()]
    assert [e["piece"] for e in events] == [0, 1, 2] and {e["pieces"] for e in events} == {3}
    assert {(e["jobName"], e["jobRunId"], e["phase"]) for e in events} == {(d["jobName"], d["jobRunId"], "MAP")}
    assert all(e["arguments"]["--who"] == "me" and e["arguments"]["--x"] == "y" for e in events)


def test_counters(jobs):
    chance = random.Random(SEED + 3)
    body = jsonl(chance, 600)
    jobs.store.put("in/counted.jsonl", body)
    d = jobs.go("counting", {"input_key": "in/counted.jsonl", "output_key": "out/counted"}, **count(6))
    assert d["counters"] == {"lines": 600, "shards": d["shards"]}
    mapped = next(p for p in d["phases"] if p["phase"] == "MAP")
    assert (mapped["recordsIn"], mapped["recordsOut"]) == (600, 600)
    assert mapped["bytesOut"] == len(body) == mapped["bytesIn"]


# ---- As a stage ----

def machine(job, key, sync):
    return {"StartAt": "J", "States": {"J": {
        "Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun" + sync, "End": True,
        "Parameters": {"JobName": job, "Arguments": {
            "--execution-id.$": "$$.Execution.Name", "--input-bucket": stores.BUCKET, "--output-bucket": stores.BUCKET,
            "--input-key": key, "--output-key.$": "States.Format('executions/{}/J/output.json', $$.Execution.Name)"}}}}}


def test_a_stage_waits_for_its_run(jobs):
    chance = random.Random(SEED + 4)
    elements = array(chance, 120)
    jobs.store.put("in/stage.json", elements)
    name = jobs.create("elements", **count(4))
    jobs.fleet.create("waits", machine(name, "in/stage.json", ".sync"))
    jobs.fleet.create("asks", machine(name, "in/stage.json", ""))
    arn = jobs.fleet.start("waits", "e1", {})
    d = jobs.fleet.finish(arn)
    assert d["status"] == "SUCCEEDED", d
    output = json.loads(d["output"]) if isinstance(d["output"], str) else d["output"]
    assert output["JobName"] == name and output["JobRunState"] == "SUCCEEDED"
    assert output["Arguments"]["--execution-id"] == "e1"
    assert jobs.store.get("executions/e1/J/output.json") == serial(jobs.fleet.dir, "elements.py", elements)
    types = [e["type"] for e in jobs.fleet.history(arn)]
    assert types.index("TaskSubmitted") < types.index("TaskSucceeded")
    d = jobs.fleet.finish(jobs.fleet.start("asks", "e2", {}))
    output = json.loads(d["output"]) if isinstance(d["output"], str) else d["output"]
    assert d["status"] == "SUCCEEDED" and re.fullmatch("jr_[0-9a-f]{64}", output["JobRunId"]), d
    assert jobs.finish(output["JobRunId"])["jobRunState"] == "SUCCEEDED"
    assert jobs.store.get("executions/e2/J/output.json") == jobs.store.get("executions/e1/J/output.json")
    jobs.fleet.create("fails", machine(name, "in/none.json", ".sync"))
    d = jobs.fleet.finish(jobs.fleet.start("fails", "e3", {}))
    assert d["status"] == "FAILED" and d["error"] == "States.TaskFailed", d
    cause = json.loads(d["cause"])
    assert cause["JobRunState"] == "FAILED" and "in/none.json" in cause["ErrorMessage"], cause


def alive(pids):
    """Of the processes that wrote down their ids, those that are there."""
    def there(pid):
        try:
            with open(f"/proc/{pid}/stat") as f:
                return f.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False
    return [p for p in (pids.read_text().split() if pids.exists() else []) if there(p)]


def test_stopping_the_execution_ends_the_run_and_its_processes(jobs, gate):
    jobs.store.put("in/long.txt", b"line\n" * 5000)
    name = jobs.create("gated", **count(6))
    jobs.fleet.create("stopped", machine(name, "in/long.txt", ".sync"))
    arn = jobs.fleet.start("stopped", "s1", {})
    pids = gate.with_suffix(".pids")
    wait_until(lambda: len(alive(pids)) >= 3, say="no handler runs")
    run = jobs.fleet.json("job", "runs", name)["jobRuns"][0]["jobRunId"]
    jobs.runs.append(run)
    jobs.fleet.cli("stop", arn)
    assert jobs.finish(run)["jobRunState"] == "STOPPED"
    wait_until(lambda: not alive(pids), say=f"handlers are there yet: {alive(pids)}")
    assert jobs.fleet.show(arn)["status"] == "ABORTED"
    jobs.over()
    assert not [k for k in jobs.store.keys() if k.startswith("executions/s1/")]


# ---- As people see it ----

def test_run_watch_status_and_stop(jobs, gate):
    jobs.store.put("in/seen.txt", b"line\n" * 4000)
    name = jobs.create("gated", NumberOfWorkers=2, **count(5))
    where = jobs.options({"input_key": "in/seen.txt", "output_key": "out/seen"})
    run = jobs.fleet.cli("job", "run", name, *where).stdout.strip()
    jobs.runs.append(run)
    d = wait_until(lambda: (s := jobs.status(run))["progress"]["live"] == 2 and s, say="two pieces are not at work")
    assert d["jobRunState"] == "RUNNING" and d["phase"] == "MAP" and d["shards"] == 5
    assert d["progress"]["pieces"] == 5 and len(d["progress"]["attempts"]) == 2
    assert {a["worker"] for a in d["progress"]["attempts"]} <= set(jobs.fleet.workers)
    said = jobs.fleet.cli("job", "status", run).stdout
    assert "RUNNING" in said and "0 of 5 done, 2 running" in said, said
    program = [jobs.fleet.programs / "stepfleet", "job", "watch", run]
    watch = subprocess.Popen(program, env=jobs.fleet.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert watch.stdout.readline().startswith("RUNNING MAP  0 of 5 done, 2 running")
    gate.touch()
    out = watch.communicate(timeout=60)[0]
    assert watch.returncode == 0 and "SUCCEEDED  5 shards, 4000 records" in out, out
    rows = jobs.pieces(run, "MAP")
    assert [p["piece"] for p in rows] == list(range(5))
    assert all(p["status"] == "done" and p["worker"] in jobs.fleet.workers for p in rows), rows
    assert sum(p["result"]["recordsIn"] for p in rows) == 4000
    assert jobs.store.get("out/seen") == b"line\n" * 4000
    ended = jobs.fleet.cli("job", "run", name, *where, "--wait")
    assert "SUCCEEDED  5 shards" in ended.stdout and ended.stderr.startswith("jr_")
    where = jobs.options({"input_key": "in/nothing", "output_key": "out/seen"})
    with pytest.raises(Failed) as e:
        jobs.fleet.cli("job", "run", name, *where, "--wait")
    assert e.value.status == 1 and "Job.InputMissing" in e.value.err and "s3://lake/in/nothing" in e.value.err
    gate.unlink()
    where = jobs.options({"input_key": "in/seen.txt", "output_key": "out/stopped"})
    run = jobs.fleet.cli("job", "run", name, *where).stdout.strip()
    jobs.runs.append(run)
    wait_until(lambda: jobs.status(run)["progress"]["live"] == 2)
    jobs.fleet.cli("job", "stop", run)
    assert jobs.finish(run)["jobRunState"] == "STOPPED" and jobs.store.get("out/stopped") is None


def test_a_worker_that_leaves_costs_no_attempt(jobs, gate):
    """It is told to stop, waits as long as it may, and ends what its handlers are at."""
    jobs.store.put("in/left.txt", b"line\n" * 3000)
    once = {"Retry": {"MaxAttempts": 0}}
    run = jobs.start("gated", {"input_key": "in/left.txt", "output_key": "out/left"}, **once, **count(6))
    wait_until(lambda: {a["worker"] for a in jobs.status(run)["progress"]["attempts"]} == set(jobs.fleet.workers),
               say="not all workers are at it")
    assert jobs.fleet.workers["w0"].stop() == 0
    d = jobs.status(run)
    assert d["jobRunState"] == "RUNNING" and d["losses"] > 0 and d["failures"] == 0, d
    gate.touch()
    d = jobs.finish(run)
    jobs.fleet.start_worker("w0", functions(jobs.fleet.dir), drain="1s")
    assert d["jobRunState"] == "SUCCEEDED" and jobs.store.get("out/left") == b"line\n" * 3000, d


# ---- Bad input ----

def test_no_final_newline(jobs):
    jobs.store.put("bad/unended.txt", b"one\ntwo\nthree")
    jobs.go("upper", {"input_key": "bad/unended.txt", "output_key": "out/unended"}, **count(4))
    assert jobs.store.get("out/unended") == b"ONE\nTWO\nTHREE\n"  # each shard's lines end


def test_empty_input(jobs):
    jobs.store.put("bad/empty", b"")
    runs = {f: jobs.start("cat", {"input_key": "bad/empty", "output_key": f"out/empty.{f}"}, Input={"Format": f})
            for f in ("lines", "jsonl", "csv", "json", "whole")}
    for f, run in runs.items():
        d = jobs.finish(run)
        if f == "json":  # the one format that has no empty text
            assert d["error"] == "Job.InputInvalid" and "s3://lake/bad/empty: byte 0" in d["cause"], d
        else:
            assert d["jobRunState"] == "SUCCEEDED" and d["shards"] == 0, d
            assert jobs.store.get(f"out/empty.{f}") == b""
    jobs.store.put("bad/none.json", b" [ ] ")
    jobs.go("elements", {"input_key": "bad/none.json", "output_key": "out/none.json"})
    assert json.loads(jobs.store.get("out/none.json")) == []


def test_a_record_larger_than_a_shard(jobs):
    body = b"short\n" + b"x" * 400_000 + b"\nlast\n"
    jobs.store.put("bad/wide.txt", body)
    d = jobs.go("upper", {"input_key": "bad/wide.txt", "output_key": "out/wide"}, **count(9))
    assert d["shards"] == 9 and jobs.store.get("out/wide") == upper(body)


def test_a_record_larger_than_memory_allows(jobs):
    """It streams through where nobody looks at records; where they are looked at, its place is told."""
    body = b'{"a": 1}\n"' + b"x" * (65 << 20) + b'"\n'
    jobs.store.put("bad/huge.jsonl", body)
    where = {"input_key": "bad/huge.jsonl"}
    said = jobs.fails("cat", {**where, "output_key": "out/huge"}, BadRecords={"Policy": "reject"}, **count(1))
    assert re.match(r"Job.InputInvalid .*s3://lake/bad/huge.jsonl: .*byte 9\b.*67108864 bytes", said), said
    jobs.go("cat", {**where, "output_key": "out/huge"}, **count(2))
    assert jobs.store.get("out/huge") == body


def test_mixed_line_breaks(jobs):
    body = b'a,b\r\n1,"x\r\ny"\n2,z\r\n\r\n3,"\n"\n' * 50
    jobs.store.put("bad/mixed.csv", body)
    jobs.store.put("bad/mixed.txt", body)
    jobs.go("cat", {"input_key": "bad/mixed.csv", "output_key": "out/mixed.csv"}, **count(7))
    assert jobs.store.get("out/mixed.csv") == body
    jobs.go("cat", {"input_key": "bad/mixed.txt", "output_key": "out/mixed.txt"}, **count(7))
    assert jobs.store.get("out/mixed.txt") == body


def test_invalid_utf8(jobs):
    body = b'{"a": 1}\n{"a": "\xc3\x28"}\n{"a": 2}\n'
    jobs.store.put("bad/utf8.jsonl", body)
    where = {"input_key": "bad/utf8.jsonl"}
    jobs.go("cat", {**where, "output_key": "out/utf8/as-it-is"})
    assert jobs.store.get("out/utf8/as-it-is") == body
    said = jobs.fails("strict", {**where, "output_key": "out/utf8/x"})
    assert re.match(r"Job.BadRecord .*s3://lake/bad/utf8.jsonl: .*byte 9\b", said), said
    jobs.go("strict", {**where, "output_key": "out/utf8/good"}, BadRecords={"Policy": "reject"})
    assert jobs.store.get("out/utf8/good") == b'{"a": 1}\n{"a": 2}\n'
    assert json.loads(jobs.store.get("out/utf8/rejected.jsonl"))["offset"] == 9


def test_truncated_gzip(jobs):
    packed = gzip.compress(jsonl(random.Random(SEED), 500))[:-9]
    jobs.store.put("bad/cut.jsonl.gz", packed)
    said = jobs.fails("cat", {"input_key": "bad/cut.jsonl.gz", "output_key": "out/cut"})
    assert re.match(rf"Job.InputInvalid .*s3://lake/bad/cut.jsonl.gz: byte {len(packed)}: .*cut off", said), said


def test_an_array_that_is_not_closed(jobs):
    jobs.store.put("bad/open.json", b'[1, {"a": [2]}, 3')
    said = jobs.fails("elements", {"input_key": "bad/open.json", "output_key": "out/open"})
    assert re.match(r"Job.InputInvalid .*s3://lake/bad/open.json: .*byte 17\b", said), said


def test_an_input_that_changes(jobs, gate):
    jobs.store.put("bad/changing.txt", b"before\n" * 30000)
    run = jobs.start("gated", {"input_key": "bad/changing.txt", "output_key": "out/changing"}, NumberOfWorkers=1,
                     **count(4))
    wait_until(lambda: alive(gate.with_suffix(".pids")), say="no handler runs")
    jobs.store.put("bad/changing.txt", b"after_\n" * 30000)
    gate.touch()
    d = jobs.finish(run)
    assert d["error"] == "Job.InputChanged" and "s3://lake/bad/changing.txt" in d["cause"], d
    assert jobs.store.get("out/changing") is None


def test_a_missing_key(jobs):
    for where, named in (({"input_key": "bad/nowhere"}, "bad/nowhere"), ({"input_prefix": "bad/no/"}, "bad/no/"),
                         ({"input_manifest": "bad/nowhere"}, "bad/nowhere"),
                         ({"input_key": "x", "input_bucket": "no-such", "output_bucket": stores.BUCKET}, "no-such/x")):
        said = jobs.fails("cat", {**where, "output_key": "out/never"})
        assert said.startswith("Job.InputMissing") and named in said, said


def test_an_output_bucket_that_is_not_there(jobs):
    jobs.store.put("bad/fine.txt", b"fine\n")
    said = jobs.fails("cat", {"input_key": "bad/fine.txt", "output_bucket": "no-such", "output_key": "out/x"})
    assert said.startswith("Job.OutputRefused") and "s3://no-such/out/.stepfleet/" in said, said


def test_an_output_bucket_that_refuses_writes(tmp_path):
    store = stores.Faulty()
    try:
        with Fleet(tmp_path, objects=store.objects, env=store.env, coordinator={"job_clean_up": "1s"}) as fleet:
            fleet.start_coordinator()
            fleet.start_worker("w", {"cat": stream("cat")})
            jobs = Jobs(fleet, store)
            store.put("in/x.txt", b"line\n" * 1000)
            store.put("in/large.txt", b"line\n" * 600_000)
            # First the plan is refused, then what a shard writes at once, or as an upload, then the output.
            for method, name, key in (("PUT", "/plan-", "x"), ("PUT", "/m0-", "x"), ("POST", "/m0-", "large"),
                                      ("POST", "/out/x", "x")):
                store.store.add_fault("status", status=403, code="AccessDenied", method=method, contains=name, count=99)
                said = jobs.fails("cat", {"input_key": f"in/{key}.txt", "output_key": "out/x"}, **count(2))
                store.store.faults.clear()
                assert re.match(r"Job.OutputRefused .*s3://lake/out/", said) and "denied" in said.lower(), said
                assert store.get("out/x") is None
            jobs.over()
    finally:
        store.stop()
