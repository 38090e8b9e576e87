#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker does with pieces of job runs, as a coordinator sees it: stepfleet-worker against fake_coordinator,
on a directory and on a server that can fail. Each run is planned, mapped, reduced, joined and cleaned up as the
coordinator would have it done; what comes out is held against what one process makes of the whole input.

usage: job_check.py DIRECTORY_WITH_BOTH_PROGRAMS [NAME...]
"""
import csv
import gzip
import io
import itertools
import json
import os
import random
import re
import shutil

import worker_check
from worker_check import Worker, faulty_s3

SEED = int(os.environ.get("JOB_CHECK_SEED", "20261123"))
PLAN, MAP, REDUCE, JOIN, CLEAN = range(5)


class Directory:
    """Objects as files."""

    def __init__(self, d):
        self.root = f"{d}/objects"
        os.makedirs(f"{self.root}/b", exist_ok=True)
        self.objects = f"root = {self.root}"

    def put(self, key, body):
        path = f"{self.root}/b/{key}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "wb") as f:
            f.write(body)
        os.rename(path + ".new", path)

    def get(self, key):
        with open(f"{self.root}/b/{key}", "rb") as f:
            return f.read()

    def keys(self):
        return sorted(os.path.relpath(os.path.join(at, name), f"{self.root}/b")
                      for at, _, names in os.walk(f"{self.root}/b") for name in names)

    def uploads(self):
        return os.listdir(f"{self.root}/.uploads") if os.path.exists(f"{self.root}/.uploads") else []

    def complete(self, upload, key, parts, mark):
        path = f"{self.root}/.uploads/{upload}"
        assert len(parts) == 1 and os.path.getsize(f"{path}/data") == parts[0][1], parts
        os.makedirs(os.path.dirname(f"{self.root}/b/{key}"), exist_ok=True)
        os.rename(f"{path}/data", f"{self.root}/b/{key}")
        shutil.rmtree(path)

    def close(self):
        pass


class Server:
    """Objects on faulty_s3, in this process."""

    def __init__(self, d):
        self.server = faulty_s3.Server()
        self.store = self.server.store
        self.store.buckets["b"] = {}
        self.objects = f"endpoint = {self.server.endpoint}\nregion = us-east-1"

    def put(self, key, body):
        self.store.put("b", key, body)

    def get(self, key):
        return self.store.buckets["b"][key]["body"]

    def keys(self):
        return sorted(self.store.buckets["b"])

    def uploads(self):
        return list(self.store.uploads)

    def complete(self, upload, key, parts, mark):
        made = self.store.uploads.pop(upload)
        assert made["key"] == key and sorted(made["parts"]) == [p[0] for p in parts], (made["key"], parts)
        bodies = [made["parts"][p[0]] for p in parts]
        assert [b[0] for b in bodies] == [p[2] for p in parts]
        assert all(len(b[1]) >= faulty_s3.PART_BYTES_MIN for b in bodies[:-1]), [len(b[1]) for b in bodies]
        self.store.put("b", key, b"".join(b[1] for b in bodies), mark)

    def close(self):
        self.server.kill()


class Failed(Exception):
    pass


class Coordinator:
    """Plays the coordinator's part of job runs on a fake one."""

    def __init__(self, fake, store):
        self.fake, self.store = fake, store
        self.tokens = itertools.count(1)
        self.runs = itertools.count(1)

    def grant(self, run, phase, piece, function="stepfleet:job"):
        token = next(self.tokens)
        winners = ",".join(map(str, run["winners"])) or "-"
        self.fake.command(f"job {token} {function} {run['id']} {phase} {piece} {run['shards']} {run['partitions']} "
                          f"{run['slots']} {run['plan']} {winners} {json.dumps(run['definition'])}\t"
                          f"{json.dumps(run['arguments'])}")
        return token

    def heard(self, tokens):
        """What became of each: what it did, or Failed."""
        left, out, more = set(tokens), {}, {t: {"parts": []} for t in tokens}
        while left:
            line = self.fake.expect(r"^(done|failed|record|part|upload) \d+ ", 60)
            word, token, rest = line.split(" ", 2)
            token = int(token)
            if token not in more:
                continue
            if word == "part":
                number, size, etag = rest.split(" ")
                more[token]["parts"].append((int(number), int(size), etag))
            elif word == "record":
                more[token]["upload"], more[token]["mark"] = rest.split(" ")
            elif word == "upload":
                more[token]["key"] = rest
            elif word == "failed":
                out[token] = Failed(rest)
                left.discard(token)
            else:
                did = dict(pair.split("=", 1) for pair in rest.split(" "))
                sizes = [int(n) for n in did.pop("sizes").split(",") if n]
                counters = dict(p.rsplit(":", 1) for p in did.pop("counters").split(",") if p)
                out[token] = {**{k: int(v) for k, v in did.items()}, "sizes": sizes, **more[token],
                              "counters": {k: int(v) for k, v in counters.items()}}
                left.discard(token)
        return [out[t] for t in tokens]

    def one(self, run, phase, function="stepfleet:job"):
        token = self.grant(run, phase, 0, function)
        did = self.heard([token])[0]
        if isinstance(did, Failed):
            raise did
        return token, did

    def pieces(self, run, phase, count, function, chance):
        """All pieces of a phase, some of them by two attempts, of which either may win; who won, 0 where there was
        but one, and what they did."""
        tokens = [self.grant(run, phase, i, function) for i in range(count)]
        doubled = [i for i in range(count) if chance.random() < 0.2]
        again = [self.grant(run, phase, i, function) for i in doubled]
        did = self.heard(tokens + again)
        for d in did:
            if isinstance(d, Failed):
                raise d
        winners = [0] * count
        for i, token, d in zip(doubled, again, did[count:]):
            winners[i] = tokens[i]
            if chance.random() < 0.5:
                winners[i], did[i] = token, d
        self.leave_older(run, phase, winners, chance)
        return winners, did[:count]

    def leave_older(self, run, phase, winners, chance):
        """A coordinator that was put back to what it was has forgotten attempts, which have left something."""
        directory = "".join(run["arguments"]["--output-key"].rpartition("/")[:2])
        for i, winner in enumerate(winners):
            if winner == 0 and chance.random() < 0.1:
                self.store.put(f"{directory}.stepfleet/{run['id']}/{'m' if phase == MAP else 'r'}{i}-6.9999", b"older")

    def begin(self, definition, arguments, slots=3):
        return {"id": "jr_%064x" % next(self.runs), "definition": definition, "winners": [], "plan": 0, "shards": 0,
                "arguments": {"--input-bucket": "b", **arguments}, "partitions": 0, "slots": slots}

    def plan(self, run):
        run["plan"], planned = self.one(run, PLAN)
        run["shards"], run["partitions"] = len(planned["sizes"]), planned["partitions"]
        return planned

    def go(self, definition, arguments, chance=None, slots=3, between=None):
        """A whole run, cleaned up after however it ends. What its phases did, in order."""
        run = self.begin(definition, arguments, slots)
        try:
            return self.phases(run, chance or random.Random(SEED), between)
        finally:
            self.one(run, CLEAN)
            assert not [k for k in self.store.keys() if ".stepfleet" in k], self.store.keys()
            assert not self.store.uploads()

    def phases(self, run, chance, between):
        definition = run["definition"]
        phases = [self.plan(run)]
        if between:
            between()
        if run["shards"]:
            run["winners"], mapped = self.pieces(run, MAP, run["shards"], definition["Handler"], chance)
            phases.append(mapped)
        if run["partitions"] and run["shards"]:
            reducer = definition["Shuffle"].get("Handler", "stepfleet:job")
            run["winners"], reduced = self.pieces(run, REDUCE, run["partitions"], reducer, chance)
            phases.append(reduced)
        _, joined = self.one(run, JOIN)
        self.store.complete(joined["upload"], joined["key"], joined["parts"], joined["mark"])
        phases.append(joined)
        return phases

    def fails(self, definition, arguments, **more):
        try:
            self.go(definition, arguments, **more)
        except Failed as e:
            return str(e)
        raise AssertionError("it did not fail")


def stream(name, command, more=""):
    return f"[function {name}]\nhandler = stream\ncommand = {command}\n{more}\n"


HANDLERS = (stream("cat", "cat") + stream("upper", "tr a-z A-Z") +
            stream("elements", "python3 -c 'import json, sys; "
                   "json.dump([[e, 1] for e in json.load(sys.stdin)], sys.stdout)'") +
            stream("counting", "python3 -c 'import os, sys; d = sys.stdin.buffer.read(); sys.stdout.buffer.write(d); "
                   "os.write(4, b\"{\\\"counters\\\": {\\\"lines\\\": %d}}\" % d.count(b\"\\n\"))'") +
            stream("half", "head -c 100") + stream("broken", "/bin/sh -c 'cat; echo why >&2; exit 3'") +
            stream("text", "echo no array") +
            stream("groups", "python3 -c 'import sys, json, itertools as i; k = lambda r: r[\"k\"]; "
                   "[print(json.dumps({\"k\": g, \"n\": sum(1 for _ in v)})) for g, v in "
                   "i.groupby(map(json.loads, sys.stdin), k)]'") +
            "[function E]\nhandler = echo\n")


def on_both(d, fake, check, extra=""):
    """On a directory, and on a server."""
    for made in (Directory, Server):
        here = f"{d}/{made.__name__}"
        os.makedirs(here)
        store = made(here)
        w = Worker(here, fake, HANDLERS, extra, store.objects)
        fake.expect("hello")
        try:
            check(Coordinator(fake, store), store)
            w.end()
            fake.expect("bye")
            assert os.listdir(f"{here}/work") == []
        except Exception:
            print(open(f"{here}/worker.log").read()[-3000:])
            raise
        finally:
            store.close()


# ---- Made-up inputs ----

def text(chance, most=30, alphabet="abcdefghij klmnop,;:{}[]'é€𝄞"):
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(most)))


def jsonl(chance, n):
    return "".join(chance.choice(["", "\n", "  \n"] if chance.random() < 0.05 else [""]) +
                   json.dumps({"k": chance.randrange(50), "t": text(chance)},
                              ensure_ascii=chance.random() < 0.5) + "\n" for _ in range(n)).encode()


def array(chance, n):
    gaps = ["", " ", "\n", "\r\n\t"]
    return ("[" + ",".join(chance.choice(gaps) + json.dumps(
        chance.choice([{"k": i, "t": text(chance)}, [i, text(chance)], i, text(chance) + "]\"\\", None]))
        + chance.choice(gaps) for i in range(n)) + "]").encode()


def rows(chance, n, breaks=True):
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    w.writerow(["id", "k", "note"])
    for i in range(n):
        w.writerow([i, chance.randrange(50), text(chance, alphabet="ab,\"é" + ("\n" if breaks else " "))])
    return out.getvalue().encode()


def count(n):
    return {"Shards": {"Count": n}}


# ---- Tests ----

def test_formats(d, fake):
    def check(c, store):
        chance = random.Random(SEED)
        for i in range(12):
            n = chance.choice([0, 1, 2, 17, 400])
            lines, table, plain, elements = jsonl(chance, n), rows(chance, n), rows(chance, n, False), array(chance, n)
            shards = chance.randrange(1, 14)
            arguments = {"--input-key": f"in/{i}", "--output-key": f"out/{i}"}
            cut = chance.random() < 0.5 and n > 0

            def run(body, handler, **settings):
                store.put(f"in/{i}", body)
                phases = c.go({"Handler": handler, **count(shards), **settings}, arguments, chance)
                assert len(phases[0]["sizes"]) <= max(shards, 1), phases[0]
                return store.get(f"out/{i}"), phases

            for name in ("lines", "jsonl"):
                got, phases = run(lines[:-1] if cut else lines, "upper", Input={"Format": name})
                assert got == upper(lines), (i, name, got[:300], lines[:300])
                if name == "jsonl" and len(phases) > 2:
                    assert sum(p["read"] for p in phases[1]) == sum(p["wrote"] for p in phases[1])
            got, _ = run(table, "cat", Input={"Format": "csv"})
            assert got == (table if n else b""), (i, got[:300], table[:300])
            got, _ = run(plain, "upper", Input={"Format": "csv", "QuotedLineBreaks": False})
            assert got == (upper(plain) if n else b""), (i, got[:300])
            got, phases = run(elements, "elements", Input={"Format": "json"})
            assert json.loads(got) == [[e, 1] for e in json.loads(elements)], (i, got[:300])
            assert len(phases) == 2 or sum(p["read"] for p in phases[1]) == n
            store.put(f"in/{i}.json", elements)
            arguments["--input-key"] = f"in/{i}.json"
            c.go({"Handler": "elements", **count(shards)}, arguments, chance)
            assert json.loads(store.get(f"out/{i}")) == [[e, 1] for e in json.loads(elements)]
    on_both(d, fake, check)


def upper(body):
    return bytes(b - 32 if 97 <= b <= 122 else b for b in body)


def test_several(d, fake):
    """A prefix, a manifest of either kind, packed objects among them, an object as one record."""
    def check(c, store):
        chance = random.Random(SEED + 1)
        bodies = {f"in/{i:02}.jsonl": jsonl(chance, chance.randrange(1, 300)) for i in range(7)}
        for key, body in bodies.items():
            store.put(key, body)
        store.put("in/_marker", b"")
        whole = b"".join(bodies.values())
        definition = {"Handler": "upper", **count(9)}
        c.go(definition, {"--input-prefix": "in/", "--output-key": "out/all.jsonl"}, chance)
        assert store.get("out/all.jsonl") == upper(whole)
        keys = sorted(bodies, reverse=True)
        store.put("list", json.dumps(keys).encode())
        c.go(definition, {"--input-manifest": "list", "--output-key": "x"}, chance)
        assert store.get("x") == upper(b"".join(bodies[k] for k in keys))
        store.put("list", "".join(json.dumps({"key": k}) + "\n" for k in keys[:3]).encode())
        c.go(definition, {"--input-manifest": "list", "--output-key": "x"}, chance)
        assert store.get("x") == upper(b"".join(bodies[k] for k in keys[:3]))
        store.put("in/03.jsonl.gz", gzip.compress(bodies["in/03.jsonl"][:50]) +
                  gzip.compress(bodies["in/03.jsonl"][50:]))
        c.go(definition, {"--input-key": "in/03.jsonl.gz", "--output-key": "x"}, chance)
        assert store.get("x") == upper(bodies["in/03.jsonl"])
        table, elements = rows(chance, 300), array(chance, 300)
        store.put("t.csv.gz", gzip.compress(table))
        c.go({"Handler": "cat"}, {"--input-key": "t.csv.gz", "--output-key": "x"}, chance)
        assert store.get("x") == table
        store.put("e.json.gz", gzip.compress(elements))
        c.go({"Handler": "elements"}, {"--input-key": "e.json.gz", "--output-key": "x"}, chance)
        assert json.loads(store.get("x")) == [[e, 1] for e in json.loads(elements)]
        big = os.urandom(3_000_000)
        store.put("big.bin", big)
        c.go({"Handler": "cat", "Input": {"Format": "whole"}}, {"--input-key": "big.bin", "--output-key": "x"}, chance)
        assert store.get("x") == big
        assert "rejected.jsonl" not in store.keys()
    on_both(d, fake, check)


def test_failures(d, fake):
    def check(c, store):
        at = {"--input-key": "in", "--output-key": "out"}
        assert re.match("Job.InputMissing .*s3://b/in", c.fails({"Handler": "cat"}, at))
        assert c.fails({"Handler": "cat"}, {"--input-prefix": "none/", "--output-key": "o"}).startswith(
            "Job.InputMissing")
        assert c.fails({"Handler": "cat"}, {**at, "--input-bucket": "nobucket", "--output-bucket": "b"}).startswith(
            "Job.InputMissing")
        for body, where in ((b'[1, {"a": 2}, 3', 15), (b'[1, 2} ]', 5), (b'{"a": 1}', 0), (b"", 0), (b'[1] 2', 4)):
            store.put("in", body)
            said = c.fails({"Handler": "elements", "Input": {"Format": "json"}}, at)
            assert re.match(rf"Job.InputInvalid .*byte {where}\b", said), (body, said)
        store.put("in", b'a,b\n1,"2\n')
        assert re.match(r"Job.InputInvalid .*byte \d+", c.fails({"Handler": "cat", "Input": {"Format": "csv"}}, at))
        store.put("in", b"\x1f\x8bnot gzip")
        assert c.fails({"Handler": "cat", "Input": {"Format": "lines"}}, at).startswith("Job.InputInvalid")
        store.put("in", gzip.compress(b"abc\n" * 1000)[:-20])
        assert c.fails({"Handler": "cat", "Input": {"Format": "lines"}}, at).startswith("Job.InputInvalid")
        store.put("list", b'"a"\n17\n')
        assert re.match("Job.InputInvalid .*line at byte 4", c.fails({"Handler": "cat"}, {
            "--input-manifest": "list", "--output-key": "o"}))
        body = b"line\n" * 1000
        for handler, named in (("broken", "Runtime.ExitError .*status 3: why"), ("E", "Runtime.InvalidEntrypoint")):
            store.put("in", body)
            assert re.match(named, c.fails({"Handler": handler, **count(3)}, at)), handler
        said = c.fails({"Handler": "text", "Output": {"Format": "json"}}, at)
        assert re.match("Job.OutputInvalid .*byte 0", said), said
        said = c.fails({"Handler": "cat", **count(3)}, at, between=lambda: store.put("in", b"LINE\n" * 1000))
        assert said.startswith("Job.InputChanged"), said
        c.go({"Handler": "half", **count(2)}, at)
        assert len(store.get("out")) <= 2 * 101
    on_both(d, fake, check)


def test_rejected(d, fake):
    def check(c, store):
        lines = [b'{"a": 1}', b'{"a": 2', b'[3]', b'\xff', b'', b'{"a": 6}'] * 20
        body = b"\n".join(lines) + b"\n"
        store.put("in/a.jsonl", body)
        definition = {"Handler": "cat", "BadRecords": {"Policy": "reject"}, **count(7)}
        phases = c.go(definition, {"--input-key": "in/a.jsonl", "--output-key": "out/r/o"})
        good = [x for x in lines if x in (b'{"a": 1}', b'[3]', b'{"a": 6}')]
        assert store.get("out/r/o") == b"".join(x + b"\n" for x in good)
        assert sum(p["rejected"] for p in phases[1]) == 40
        bad = [json.loads(x) for x in store.get("out/r/rejected.jsonl").splitlines()]
        offsets = [sum(len(x) + 1 for x in lines[:i]) for i, x in enumerate(lines) if x in (b'{"a": 2', b'\xff')]
        assert [b["offset"] for b in bad] == offsets, bad[:3]
        assert all(b["object"] == "in/a.jsonl" and b["reason"] for b in bad)
        store.put("t.csv", b"a,b\n1,2\n3\n4,5\n6,7,8\n")
        c.go(definition, {"--input-key": "t.csv", "--output-key": "out/s/o"})
        assert store.get("out/s/o") == b"a,b\n1,2\n4,5\n"
        assert [json.loads(x)["offset"] for x in store.get("out/s/rejected.jsonl").splitlines()] == [8, 14]
        store.put("e.json", b'[1, {"a" 2}, tru, [3]]')
        c.go(definition, {"--input-key": "e.json", "--output-key": "out/t/o"})
        assert json.loads(store.get("out/t/o")) == [1, [3]]
        assert [json.loads(x)["offset"] for x in store.get("out/t/rejected.jsonl").splitlines()] == [4, 13]
    on_both(d, fake, check)


def test_counters_and_parts(d, fake):
    def check(c, store):
        chance = random.Random(SEED + 3)
        table = rows(chance, 400, False)
        store.put("in.csv", table)
        definition = {"Handler": "counting", "Output": {"Layout": "parts"}, **count(5)}
        phases = c.go(definition, {"--input-key": "in.csv", "--output-key": "out/t.csv"}, chance)
        assert sum(p["counters"]["lines"] for p in phases[1]) == 400 + 5
        manifest = json.loads(store.get("out/t.csv"))
        assert manifest["format"] == "csv" and len(manifest["parts"]) == 5
        header, rest = table.split(b"\n", 1)
        bodies = [store.get(p["key"]) for p in manifest["parts"]]
        assert [len(b) for b in bodies] == [p["bytes"] for p in manifest["parts"]]
        assert all(b.startswith(header + b"\n") for b in bodies)
        assert b"".join(b[len(header) + 1:] for b in bodies) == rest
        # a run that never committed: its parts go with it, though another's manifest is there
        store.put("out/u.csv", store.get("out/t.csv"))
        run = c.begin({**definition, "Handler": "cat"}, {"--input-key": "in.csv", "--output-key": "out/u.csv"})
        c.plan(run)
        run["winners"], _ = c.pieces(run, MAP, run["shards"], "cat", chance)
        _, joined = c.one(run, JOIN)
        assert [k for k in store.keys() if k.startswith("out/u.csv.parts/")]
        if isinstance(store, Server):  # what a worker left that was killed
            store.store.uploads["left"] = {"bucket": "b", "key": f"out/.stepfleet/{run['id']}/m0-7.99", "parts": {},
                                           "begun": faulty_s3.TIME, "mark": ""}
        c.one(run, CLEAN)
        assert [k for k in store.keys() if k.startswith("out/u.csv")] == ["out/u.csv"], store.keys()
        assert len([k for k in store.keys() if k.startswith("out/t.csv.parts/")]) == 5
        assert len(store.uploads()) == 1  # the coordinator's to abort
    on_both(d, fake, check)


def test_large(d, fake):
    """Fragments that the store copies itself, small ones between them; a store that fails now and then."""
    def check(c, store):
        line = b"x" * 1023 + b"\n"
        body = line * (33 * 1024) + b"last\n"
        store.put("in/a", body)
        store.put("in/b", b"short\n")
        store.put("in/c", body)
        if isinstance(store, Server):
            for kind in ("reset", "status", "drop"):
                store.store.add_fault(kind, method="GET", contains="/in/", skip=2)
                store.store.add_fault(kind, method="PUT", contains="partNumber=2", skip=1)
            store.store.add_fault("error200", method="PUT", contains="/out?", skip=2)
        c.go({"Handler": "cat", "Input": {"Format": "lines"}, **count(5)},
             {"--input-prefix": "in/", "--output-key": "out"})
        assert store.get("out") == body + b"short\n" + body
        if isinstance(store, Server):
            assert len(store.store.requests("PUT", "/out?")) > 4
            sources = {r["copied"] for r in store.store.requests("PUT", "/out?") if r["copied"]}
            assert len(sources) == 6, sources  # every fragment but the short one, which came before one of them
    on_both(d, fake, check)


def test_shuffle(d, fake):
    def check(c, store):
        chance = random.Random(SEED + 4)
        body = jsonl(chance, 3000)
        records = [json.loads(x) for x in body.splitlines() if x.strip()]
        store.put("in.jsonl", body)
        at = {"--input-key": "in.jsonl", "--output-key": "out"}
        key = [{"Path": "$.k", "Type": "number"}]
        for partitions in (0, 1, 7):
            shuffle = {"Partitions": partitions, "Keys": key}
            c.go({"Handler": "cat", "Shuffle": {"Kind": "group", "Handler": "groups", **shuffle}, **count(5)},
                 at, chance)
            got = [json.loads(x) for x in store.get("out").splitlines()]
            expected = {}
            for r in records:
                expected[r["k"]] = expected.get(r["k"], 0) + 1
            assert len(got) == len(expected) and {g["k"]: g["n"] for g in got} == expected
            c.go({"Handler": "cat", "Shuffle": {"Kind": "sort", **shuffle}, **count(5)}, at, chance)
            got = [json.loads(x) for x in store.get("out").splitlines()]
            assert got == sorted(records, key=lambda r: r["k"]), partitions  # equal ones as they were
            down = {"Kind": "sort", "Partitions": partitions, "Keys": [{"Path": "$.t", "Descending": True}]}
            c.go({"Handler": "cat", "Shuffle": down, **count(5)}, at, chance)
            got = [json.loads(x)["t"] for x in store.get("out").splitlines()]
            assert got == sorted((r["t"] for r in records), reverse=True)
            c.go({"Handler": "cat", "Shuffle": {"Kind": "distinct", **shuffle}, **count(5)}, at, chance)
            got = [json.loads(x) for x in store.get("out").splitlines()]
            assert sorted(g["k"] for g in got) == sorted(expected)
            first = {}
            for r in records:
                first.setdefault(r["k"], r)
            assert all(first[g["k"]] == g for g in got)
        table = rows(chance, 500)
        store.put("in.csv", table)
        at["--input-key"] = "in.csv"
        c.go({"Handler": "cat", "Shuffle": {"Kind": "sort", "Keys": [{"Column": "k", "Type": "number"}]}, **count(4)},
             at, chance)
        head, *all_rows = csv.reader(io.StringIO(table.decode(), newline=""))
        got_head, *got = csv.reader(io.StringIO(store.get("out").decode(), newline=""))
        assert got_head == head and got == sorted(all_rows, key=lambda r: int(r[1]))
        elements = array(chance, 300)
        store.put("in.json", elements)
        at["--input-key"] = "in.json"
        c.go({"Handler": "cat", "Shuffle": {"Kind": "distinct", "Partitions": 3}, **count(4)}, at, chance)
        got = [json.dumps(e) for e in json.loads(store.get("out"))]
        assert sorted(got) == sorted({json.dumps(e) for e in json.loads(elements)})
        store.put("in.jsonl", b'{"k": 1}\n{"k": "no number"}\n{"k": 3}\n')
        at["--input-key"] = "in.jsonl"
        sort = {"Kind": "sort", "Keys": key}
        assert c.fails({"Handler": "cat", "Shuffle": sort}, at).startswith("Job.BadRecord")
        c.go({"Handler": "cat", "Shuffle": sort, "BadRecords": {"Policy": "reject"}}, at)
        assert store.get("out") == b'{"k": 1}\n{"k": 3}\n'
        assert json.loads(store.get("rejected.jsonl"))["offset"] == 9
    on_both(d, fake, check)


def test_join(d, fake):
    """Records of two inputs with one key come together, each with where it is from."""
    def check(c, store):
        store.put("in/left.jsonl", b'{"k": "a", "l": 1}\n{"k": "b", "l": 2}\n{"k": "a", "l": 3}\n')
        store.put("in/right.jsonl", b'{"k": "b", "r": 4}\n{"k": "a", "r": 5}\n')
        join = {"Kind": "join", "Keys": [{"Path": "$.k"}], "Handler": "cat", "Partitions": 1}
        c.go({"Handler": "cat", "Shuffle": join}, {"--input-prefix": "in/", "--output-key": "out"})
        got = [json.loads(x) for x in store.get("out").splitlines()]
        assert got == [
            {"source": "in/left.jsonl", "record": {"k": "a", "l": 1}},
            {"source": "in/left.jsonl", "record": {"k": "a", "l": 3}},
            {"source": "in/right.jsonl", "record": {"k": "a", "r": 5}},
            {"source": "in/left.jsonl", "record": {"k": "b", "l": 2}},
            {"source": "in/right.jsonl", "record": {"k": "b", "r": 4}}], got
    on_both(d, fake, check)


def test_spill(d, fake):
    """More to be sorted than a piece has memory for."""
    def check(c, store):
        chance = random.Random(SEED + 5)
        body = b"".join(b"%08d %s\n" % (chance.randrange(10**8), b"y" * 4000) for _ in range(40000))
        store.put("in", body)
        c.go({"Handler": "cat", "Input": {"Format": "lines"}, **count(1),
              "Shuffle": {"Kind": "sort", "Keys": [{"Path": "$"}], "Partitions": 3}},
             {"--input-key": "in", "--output-key": "out"})
        assert store.get("out") == b"".join(sorted(body.splitlines(True)))
    on_directory(d, fake, check)


def on_directory(d, fake, check):
    store = Directory(d)
    w = Worker(d, fake, HANDLERS, "", store.objects)
    fake.expect("hello")
    check(Coordinator(fake, store), store)
    peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{w.process.pid}/status").read()).group(1))
    print(f"    worker: {peak} KiB at its peak")
    w.end()


if __name__ == "__main__":
    worker_check.run(globals())
