# SPDX-License-Identifier: Apache-2.0
"""The main job's handlers (deploy/mainjob), run one after the other as a pipeline over a small
index, without a coordinator: what each passes on, what it says of its failures, that it is
deterministic; and those of its jobs, over shards.

The stage in C is $STEPFLEET_BIN/stepfleet-mainjob-capping, or compiled here where that is not
set."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAINJOB = ROOT / "deploy" / "mainjob"
STAGES = {
    "InitialDataModel": ["perl", MAINJOB / "initial_data_model.pl"],
    "SubjectExtraction": [sys.executable, "-B", MAINJOB / "subject_extraction.py"],
    "CandidateFetching": [sys.executable, "-B", MAINJOB / "candidate_fetching.py"],
    "Capping": None,
    "Filtering": [sys.executable, "-B", MAINJOB / "filtering.py"],
    "Eligibility": [sys.executable, "-B", MAINJOB / "eligibility.py"],
    "OptOut": ["perl", MAINJOB / "opt_out.pl"],
    "Targeting": [sys.executable, "-B", MAINJOB / "targeting.py"],
    "Dispatch": ["perl", MAINJOB / "dispatch.pl"],
    "LoopBack": [sys.executable, "-B", MAINJOB / "loop_back.py"],
}
NAMES = list(STAGES)
MIDDLE = NAMES[1:]  # those that read records

TEAM = "Fruit Team <fruit@lists.example.org>"
ANN = "Ann \"Pip\" Core <Ann@Example.org>"
BOB = "Bob Ünal <bob@example.com>"
QA = "Debian QA Group <packages@qa.debian.org>"

INDEX = [
    # name, maintainer, section, other fields
    ("apple", TEAM, "games",
     "Depends: libcore1 (>= 1), libpip | libalt, libc6\nRecommends: bowl\n"),
    ("pear", TEAM, "games", "Depends: libcore1:any, libc6, libold\n"),
    ("plum", TEAM, "games",
     "Pre-Depends: libcore1\nDepends: libpip, libcore1 (<< 9), libc6, libold, gone [amd64]\n"),
    ("libcore1", ANN, "libs", "Homepage: https://core.example.org/\nSource: core (1.0-2)\n"),
    ("libpip", ANN, "libs", "Depends: libc6\nTag: a::b,\n c::d\n"),
    ("tool", BOB, "utils", "Depends: libcore1, apple\n"),
    ("tool-extra", BOB, "utils", "Depends: libcore1, libold\n"),
    ("lonely", "Eve <eve@example.com>", "utils", "Depends: libcore1\n"),
    ("libold", QA, "libs", "Depends: libc6\n"),
    ("libc6", QA, "libs", "Priority: required\nEssential: yes\n"),
    ("nameless", "nobody", "utils", ""),
]


def paragraph(name, maintainer, section, more):
    return (f"Package: {name}\nVersion: 1.0-1\nInstalled-Size: 12\nMaintainer: {maintainer}\n"
            f"Architecture: amd64\nDescription: the \"{name}\" \\ package\nSection: {section}\n"
            + ("" if "Priority:" in more else "Priority: optional\n")
            + f"Size: 100\nSHA256: 00\n{more}")


@pytest.fixture(scope="session")
def capping(tmp_path_factory):
    given = os.environ.get("STEPFLEET_BIN")
    if given:
        return pathlib.Path(given) / "stepfleet-mainjob-capping"
    program = tmp_path_factory.mktemp("bin") / "capping"
    sources = sorted((ROOT / "proto" / "base").glob("*.c"))
    subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O1", "-I", ROOT, "-o", program,
                    MAINJOB / "capping.c", *sources], check=True)
    return program


@pytest.fixture
def job(tmp_path, capping):
    return Job(tmp_path, capping)


class Outcome:
    """What a stage left: its output, and the words on its result descriptor."""

    def __init__(self, process, output, said):
        self.code = process.returncode
        self.stderr = process.stderr.decode()
        self.output = output
        self.said = json.loads(said) if said else None

    def records(self):
        assert self.code == 0, (self.said, self.stderr)
        return json.loads(self.output)


class Job:
    def __init__(self, directory, capping):
        self.directory = directory
        self.capping = capping
        self.index = directory / "index"
        self.faults = directory / "faults"
        self.faults.mkdir()
        self.optout = directory / "optout.list"
        self.optout.write_text("")
        self.write_index(INDEX)

    def write_index(self, rows):
        self.index.write_text("\n".join(paragraph(*row) for row in rows))

    def event(self, stage, initial):
        at = NAMES.index(stage)
        event = {"executionId": "test", "currentStage": stage, "workflowBucket": "bucket",
                 "initialData": initial}
        if at:
            event["previousStage"] = NAMES[at - 1]
        return event

    def run(self, stage, given, parameters=None, **initial):
        """Run a stage as a worker does: event and result on descriptors of their own."""
        initial["parameters"] = parameters or {}
        return self.handle(STAGES[stage] or [self.capping], given, self.event(stage, initial))

    def run_piece(self, handler, given, arguments):
        """The same of a shard, or a partition, of a job run."""
        event = {"jobName": "j", "jobRunId": "jr_0", "phase": "MAP", "piece": 0, "pieces": 1,
                 "arguments": arguments}
        return self.handle(handler or [self.capping], given, event)

    def handle(self, command, given, said):
        event = os.memfd_create("event", 0)
        result = os.memfd_create("result", 0)
        os.write(event, json.dumps(said).encode())
        os.lseek(event, 0, os.SEEK_SET)
        process = subprocess.run(
            command, input=given, capture_output=True,
            pass_fds=(event, result), timeout=60, env={
                "PATH": os.environ["PATH"], "STEPFLEET_EVENT_FD": str(event),
                "STEPFLEET_RESULT_FD": str(result), "MAINJOB_INDEX": str(self.index),
                "MAINJOB_FAULTS": str(self.faults), "MAINJOB_OPTOUT": str(self.optout)})
        os.lseek(result, 0, os.SEEK_SET)
        said = os.read(result, 1 << 20)
        os.close(event)
        os.close(result)
        return Outcome(process, process.stdout, said)

    def until(self, last, parameters=None):
        """The output of `last`, all before it run too."""
        data = b"{}"
        for stage in NAMES[:NAMES.index(last) + 1]:
            outcome = self.run(stage, data, parameters)
            outcome.records()
            data = outcome.output
        return json.loads(data)


def pairs(records):
    return [(record["subject"]["id"], record["package"]["name"]) for record in records]


def candidate(subject, package, dependents=5, **package_fields):
    owner = {"id": "ann@example.org", "name": "Ann", "team": False, "packageCount": 1}
    fields = {"name": package, "version": "1", "source": package, "section": "utils",
              "priority": "optional", "essential": False, "bytes": 1, "homepage": "",
              "description": "", "owner": owner}
    fields.update(package_fields)
    return {"subject": {"id": subject, "name": subject.upper(), "team": False, "packageCount": 10},
            "package": fields, "dependents": dependents, "because": ["x"]}


def array(records):
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    return ("[\n" + ",\n".join(lines) + ("\n]\n" if lines else "]\n")).encode()


# ---- The stages ----


def test_initial_data_model__describes_every_package(job):
    records = {record["name"]: record for record in job.until("InitialDataModel")}
    assert list(records) == [row[0] for row in INDEX]
    assert records["apple"]["depends"] == ["libcore1", "libpip", "libalt", "libc6"]
    assert records["apple"]["recommends"] == ["bowl"]
    assert records["apple"]["description"] == 'the "apple" \\ package'
    assert records["plum"]["depends"] == ["libcore1", "libpip", "libc6", "libold", "gone"]
    assert records["libcore1"]["source"] == "core"
    assert records["libcore1"]["maintainer"] == {
        "name": 'Ann "Pip" Core', "email": "Ann@Example.org"}
    assert records["libpip"]["tags"] == ["a::b", "c::d"]
    assert records["tool"]["maintainer"]["name"] == "Bob Ünal"
    assert records["nameless"]["maintainer"] == {"name": "nobody", "email": ""}
    assert records["libc6"]["essential"] is True and records["tool"]["essential"] is False
    assert (records["tool"]["installedKiB"], records["tool"]["bytes"]) == (12, 100)


def test_initial_data_model__reads_latin1_and_controls(job):
    job.index.write_bytes(b"Package: a\nMaintainer: Jos\xe9 \x01\t<j@e.org>\nDescription: x\n")
    record = job.run("InitialDataModel", b"{}").records()[0]
    assert record["maintainer"]["name"] == "José \x01"


def test_initial_data_model__fails_without_an_index(job):
    job.index.write_text("")
    outcome = job.run("InitialDataModel", b"{}")
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.NoIndex"


def test_subject_extraction__groups_by_address(job):
    subjects = {subject["id"]: subject for subject in job.until("SubjectExtraction")}
    assert list(subjects) == sorted(subjects)
    assert [p["name"] for p in subjects["fruit@lists.example.org"]["packages"]] == [
        "apple", "pear", "plum"]
    assert subjects["fruit@lists.example.org"]["team"] is True
    assert subjects["ann@example.org"]["team"] is False
    assert subjects["ann@example.org"]["packageCount"] == 2
    assert subjects["nobody"]["packageCount"] == 1
    assert "sha256" not in subjects["nobody"]["packages"][0]


def test_candidate_fetching__offers_what_others_hold(job):
    records = job.until("CandidateFetching")
    assert pairs(records) == [
        ("ann@example.org", "libc6"),
        ("bob@example.com", "apple"), ("bob@example.com", "libcore1"),
        ("bob@example.com", "libold"),
        ("eve@example.com", "libcore1"),
        ("fruit@lists.example.org", "libc6"), ("fruit@lists.example.org", "libcore1"),
        ("fruit@lists.example.org", "libold"), ("fruit@lists.example.org", "libpip")]
    record = records[6]
    assert record["dependents"] == 3 and record["because"] == ["apple", "pear", "plum"]
    assert record["package"]["owner"]["id"] == "ann@example.org"
    assert record["package"]["owner"]["packageCount"] == 2
    assert "packages" not in record["subject"]


def test_candidate_fetching__names_ten_reasons(job):
    job.write_index([("base", ANN, "libs", "")]
                    + [(f"p{i:02}", BOB, "utils", "Depends: base\n") for i in range(12)])
    record = job.until("CandidateFetching")[0]
    assert record["dependents"] == 12 and record["because"] == [f"p{i:02}" for i in range(10)]


def test_capping__keeps_the_most_needed(job):
    given = [candidate("a", "p1", 1), candidate("a", "p2", 7), candidate("a", "p3", 7),
             candidate("b", "p1", 1)]
    kept = job.run("Capping", array(given), {"perSubject": 2}).records()
    assert kept == [given[1], given[2], given[3]]
    assert job.run("Capping", array(given), {"perSubject": 0}).records() == []
    assert job.run("Capping", array(given), {"perSubject": 3}).records() == [
        given[1], given[2], given[0], given[3]]


def test_capping__caps_at_25_by_itself(job):
    given = [candidate("a", f"p{i:02}") for i in range(26)]
    assert job.run("Capping", array(given)).records() == given[:25]
    assert job.run("Capping", array(given[:25])).records() == given[:25]


def test_capping__refuses_subjects_out_of_order(job):
    outcome = job.run("Capping", array([candidate("b", "p"), candidate("a", "p")]))
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadInput"
    assert "line 3" in outcome.said["errorMessage"]


def test_capping__of_what_shards_kept_is_capping_of_all(job):
    given = [candidate(subject, f"p{i:02}", i * 7 % 10) for subject in "abc" for i in range(10)]
    arguments = {"--initial-data": json.dumps({"parameters": {"perSubject": 4}})}
    shards = [given[:7], given[7:18], given[18:]]
    kept = [record for shard in shards
            for record in job.run_piece(None, array(shard), arguments).records()]
    kept.sort(key=lambda record: record["subject"]["id"])
    assert (job.run_piece(None, array(kept), arguments).output
            == job.run("Capping", array(given), {"perSubject": 4}).output)
    assert len(kept) > 12


@pytest.mark.parametrize("handler", [None, "PackageSizes"])
def test_a_piece_of_a_job__fails_while_asked_to(job, handler):
    handler = handler and PACKAGE_SIZES
    arguments = {"--initial-data": json.dumps({"failAt": "j.MAP.0"})}
    (job.faults / "j.MAP.1").touch()
    assert job.run_piece(handler, array([]), arguments).code == 0
    (job.faults / "j.MAP.0").touch()
    outcome = job.run_piece(handler, array([]), arguments)
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.InjectedFailure"
    assert "j.MAP.0" in outcome.said["errorMessage"]


def test_capping__refuses_wrong_arguments(job):
    for text in ("{", '{"parameters": {"perSubject": "4"}}'):
        assert job.run_piece(None, array([]), {"--initial-data": text}).code == 1
    assert job.run_piece(None, array([candidate("a", "p")]), {}).code == 0


def test_capping__refuses_a_record_too_long(job):
    outcome = job.run("Capping", array([candidate("a", "p", description="x" * (1 << 20))]))
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadInput"


@pytest.mark.parametrize("value", [-1, "2", 1.5])
def test_capping__refuses_a_wrong_parameter(job, value):
    outcome = job.run("Capping", array([]), {"perSubject": value})
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadParameter"


PACKAGE_SIZES = [sys.executable, "-B", MAINJOB / "package_sizes.py"]


def test_package_sizes__are_lines_and_a_sum(job):
    packages = job.until("InitialDataModel")
    outcome = job.run_piece(PACKAGE_SIZES, array(packages), {})
    lines = [json.loads(line) for line in outcome.output.splitlines()]
    assert [line["name"] for line in lines] == [row[0] for row in INDEX]
    assert lines[3] == {"installedKiB": 12, "name": "libcore1", "version": "1.0-1",
                        "maintainer": "Ann@Example.org"}
    assert outcome.said["counters"] == {"installedKiB": 12 * len(INDEX)}
    assert job.run_piece(PACKAGE_SIZES, array([]), {}).output == b""


def test_filtering__drops_what_everybody_has(job):
    good = candidate("a", "good", 2)
    given = [good, candidate("a", "few", 1), candidate("a", "core", essential=True),
             candidate("a", "std", priority="standard"), candidate("a", "old", section="oldlibs"),
             candidate("a", "contrib", section="contrib/oldlibs")]
    assert job.run("Filtering", array(given)).records() == [good]
    assert pairs(job.run("Filtering", array(given), {"minDependents": 1}).records()) == [
        ("a", "good"), ("a", "few")]


def test_eligibility__needs_a_need_and_experience(job):
    qa = {"id": "packages@qa.debian.org", "name": "QA", "team": True, "packageCount": 9}
    team = {"id": "t@lists.x", "name": "T", "team": True, "packageCount": 9}
    same = {"id": "a@other.org", "name": "A", "team": False, "packageCount": 1}
    novice = candidate("n", "p")
    novice["subject"]["packageCount"] = 1
    given = [candidate("a", "alone"), candidate("a", "orphan", owner=qa),
             candidate("a", "kept", owner=team), candidate("a", "own", owner=same), novice,
             candidate("packages@qa.debian.org", "p")]
    records = job.run("Eligibility", array(given)).records()
    assert [(r["package"]["name"], r["need"]) for r in records] == [
        ("alone", "one-maintainer"), ("orphan", "orphaned")]


def test_opt_out__honours_file_and_parameter(job):
    given = [candidate("a@x.org", "p"), candidate("b@x.org", "q"), candidate("c@y.org", "p"),
             candidate("d@z.org", "p"), candidate("nobody", "p")]
    job.optout.write_text("# none of\nsubject A@x.org  # these\n\ndomain y.org\n")
    records = job.run("OptOut", array(given), {"optOut": ["package q"]}).records()
    assert pairs(records) == [("d@z.org", "p"), ("nobody", "p")]
    assert records[0] == given[3]


@pytest.mark.parametrize("entry", ["who knows", "subject", "subject a b"])
def test_opt_out__refuses_what_it_does_not_know(job, entry):
    outcome = job.run("OptOut", array([]), {"optOut": [entry]})
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadOptOut"


def test_targeting__ranks_and_caps(job):
    given = [dict(candidate(subject, "p", dependents), need="one-maintainer")
             for subject, dependents in (("a", 1), ("b", 4), ("c", 4), ("d", 2))]
    given.append(dict(candidate("a", "q", 1), need="orphaned"))
    records = job.run("Targeting", array(given)).records()
    assert pairs(records) == [("a", "q"), ("b", "p"), ("c", "p"), ("d", "p")]
    assert [record["rank"] for record in records] == [1, 2, 3, 4]
    assert [record["score"] for record in records] == [610, 440, 440, 220]
    assert len(job.run("Targeting", array(given), {"targets": 2}).records()) == 2
    assert pairs(job.run("Targeting", array(given), {"perPackage": 1}).records()) == [
        ("a", "q"), ("b", "p")]


def test_dispatch__makes_batches(job):
    given = [dict(candidate(subject, package), need="orphaned", score=1)
             for subject, package in (("b", "p"), ("a", "p"), ("b", "q"), ("c", "p"), ("b", "r"))]
    batches = job.run("Dispatch", array(given), {"batchSize": 2}).records()
    assert [(b["batch"], [m["id"] for m in b["messages"]]) for b in batches] == [
        (1, ["b", "a"]), (2, ["c"])]
    assert [p["name"] for p in batches[0]["messages"][0]["packages"]] == ["p", "q", "r"]
    assert batches[0]["messages"][0]["subject"] == "Help wanted: p and 2 more"
    assert batches[1]["messages"][0]["subject"] == "Help wanted: p"
    outcome = job.run("Dispatch", array([]), {"batchSize": 0})
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadParameter"


def batch(number, *messages):
    return {"batch": number, "count": len(messages), "messages": [
        {"id": subject, "name": subject, "subject": "s", "packages": [
            {"name": name, "source": name, "score": 1, "need": "orphaned", "dependents": 1,
             "because": []} for name in names]} for subject, names in messages]}


def test_loop_back__sums_up(job):
    given = array([batch(1, ("a", ["p", "q"]), ("b", ["p"])), batch(2, ("c", ["r"]))])
    summary = job.run("LoopBack", given, {"restAfter": 2, "optOut": ["package z"]}).records()
    assert (summary["messages"], summary["batches"], summary["packages"]) == (3, 2, 3)
    assert summary["needs"] == {"orphaned": 4} and summary["mostWanted"] == ["p", "q", "r"]
    assert all(summary["checks"].values())
    assert summary["next"]["parameters"]["optOut"] == ["package z", "subject a"]


@pytest.mark.parametrize("given, check", [
    ([batch(2, ("a", ["p"]))], "batchesInOrder"),
    ([dict(batch(1, ("a", ["p"])), count=2)], "batchesWhole"),
    ([batch(1, ("a", ["p"]), ("a", ["q"]))], "oneMessageASubject"),
    ([batch(1, *((s, ["p"]) for s in "abcd"))], "capsHold"),
])
def test_loop_back__refuses_what_is_not_right(job, given, check):
    outcome = job.run("LoopBack", array(given))
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.CheckFailed"
    assert check in outcome.said["errorMessage"]


# ---- All of them ----


def test_pipeline__ends_with_the_invitations(job):
    batches = job.until("Dispatch")
    asked = {m["id"]: [p["name"] for p in m["packages"]] for b in batches for m in b["messages"]}
    assert asked == {"fruit@lists.example.org": ["libold", "libcore1", "libpip"],
                     "bob@example.com": ["libcore1"]}
    summary = job.until("LoopBack")
    assert summary["messages"] == 2 and summary["needs"] == {"one-maintainer": 3, "orphaned": 1}


def test_pipeline__is_deterministic(job):
    def all_outputs():
        data, outputs = b"{}", []
        for stage in NAMES:
            data = job.run(stage, data).output
            outputs.append(data)
        return outputs

    first = all_outputs()
    assert first == all_outputs()
    by_name = job.until("SubjectExtraction")
    job.write_index(INDEX[::-1])  # nor does the index's order matter after stage 1
    assert job.until("SubjectExtraction") == by_name


def test_pipeline__counts_records(job):
    said = job.run("InitialDataModel", b"{}").said
    assert said == {"status": "SUCCESS", "stage": "InitialDataModel", "recordsRead": 0,
                    "recordsWritten": len(INDEX)}
    said = job.run("Capping", array([candidate("a", "p"), candidate("a", "q")]),
                   {"perSubject": 1}).said
    assert said == {"status": "SUCCESS", "stage": "Capping", "recordsRead": 2, "recordsWritten": 1}


@pytest.mark.parametrize("stage", MIDDLE)
def test_every_stage__takes_no_records(job, stage):
    outcome = job.run(stage, b"[\n]\n")
    assert outcome.code == 0
    assert outcome.output == b"[\n]\n" or stage == "LoopBack"


@pytest.mark.parametrize("stage", MIDDLE)
@pytest.mark.parametrize("given", [
    b"", b"{}", b"[\n", b"[\n{}\n", b"[\n{},\n]\n", b"[\nnull\n]\n", b"[\n[]\n]\n",
    b"[\n{\n]\n", b"[\n{}\n{}\n]\n", b"[\n]\n]\n", b"[\n{\"a\": tru}\n]\n", b"]", b"{}]", b"[,]", b"[[",
])
def test_every_stage__refuses_bad_input(job, stage, given):
    outcome = job.run(stage, given)
    assert outcome.code == 1
    assert set(outcome.said) >= {"errorType", "errorMessage"}


@pytest.mark.parametrize("stage", ["Filtering", "Capping", "OptOut"])
@pytest.mark.parametrize("change", [
    (b"},\n{", b"}\n{"), (b"}\n]", b"},\n]"), (b"\n]\n", b"\n]\n]\n"), (b"[\n", b"[\n,\n"),
    (b"[\n", b"[\n[\n"), (b"[\n", b"\n"), (b"},\n{", b"},,\n{"), (b"},\n{", b"},\n,{"), (b"},\n{", b"},{"),
])
def test_each_language__refuses_a_wrong_frame(job, stage, change):
    whole = array([candidate("a", "p"), candidate("b", "p")])
    assert change[0] in whole
    outcome = job.run(stage, whole.replace(*change))
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadInput"


@pytest.mark.parametrize("stage", ["Filtering", "Capping", "OptOut"])
@pytest.mark.parametrize("change", [
    (b"\n]\n", b"\n]\n\n"), (b"\n]\n", b"\n]"), (b"\n]\n", b"]"), (b"[\n", b"[ \r\n"), (b"[\n", b"["),
    (b"},\n{", b"}\n,{"), (b"},\n{", b"}\n ,\n\t{"),
])
def test_each_language__takes_brackets_and_commas_anywhere(job, stage, change):
    """As they are in a shard, and where the outputs of shards were put together."""
    whole = array([candidate("a", "p"), candidate("b", "p")])
    assert change[0] in whole
    assert job.run(stage, whole.replace(*change)).output == job.run(stage, whole).output


@pytest.mark.parametrize("stage", MIDDLE)
def test_every_stage__takes_an_empty_array_in_a_line(job, stage):
    assert job.run(stage, b"[]").code == 0


@pytest.mark.parametrize("stage", ["Filtering", "Capping", "OptOut"])
def test_each_language__refuses_a_cut_input(job, stage):
    whole = array([candidate("a", "p"), candidate("b", "p")])
    assert job.run(stage, whole).code == 0
    for end in range(len(whole) - 1):  # the last byte is a line break behind the array
        outcome = job.run(stage, whole[:end]) if end % 97 == 0 or end > len(whole) - 8 else None
        if outcome is not None:
            assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.BadInput", end


@pytest.mark.parametrize("stage", NAMES)
def test_every_stage__fails_while_asked_to(job, stage):
    given = b"{}" if stage == "InitialDataModel" else b"[\n]\n"
    (job.faults / stage).touch()
    outcome = job.run(stage, given, failAt=stage)
    assert outcome.code == 1 and outcome.said["errorType"] == "MainJob.InjectedFailure"
    assert outcome.output == b""
    assert job.run(stage, given).code == 0
    (job.faults / stage).unlink()
    assert job.run(stage, given, failAt=stage).code == 0


# ---- The definitions ----


JOB = "ETLGlueJob"  # a stage of the Standard one


@pytest.mark.parametrize("kind", ["express", "standard"])
def test_definition__chains_the_stages(kind):
    definition = json.loads((MAINJOB / f"{kind}.asl.json").read_text())
    names = [JOB if kind == "standard" and name == "Capping" else name for name in NAMES]
    assert definition["StartAt"] == names[0] and list(definition["States"]) == names
    before = None
    for i, (name, state) in enumerate(definition["States"].items()):
        assert state.get("Next") == (names[i + 1] if i < 9 else None)
        assert state["Retry"][-1]["ErrorEquals"] == ["States.ALL"]
        if name == JOB:
            before = check_job_state(state, before)
            continue
        payload = state["Parameters"]["Payload"]
        assert payload["currentStage"] == name and state["ResultPath"] is None
        assert payload.get("previousStage") == before
        assert state["Parameters"]["FunctionName"].endswith(f":function:{name}")
        before = name


def check_job_state(state, before):
    """Where its output goes."""
    arguments = state["Parameters"]["Arguments"]
    assert state["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
    assert state["Parameters"]["JobName"] == "mainjob-capping"
    assert arguments["--input-bucket"] == arguments["--output-bucket"] == "workflow-bucket"
    assert arguments["--input-key.$"] == (
        f"States.Format('executions/{{}}/{before}/output.json', $$.Execution.Name)")
    assert arguments["--output-key.$"] == (
        "States.Format('executions/{}/GlueETL/output.json', $$.Execution.Name)")
    assert state["ResultPath"] == "$[0].glueJobResult"
    return "GlueETL"


def offered():
    text = (MAINJOB / "worker.conf.in").read_text()
    return [line[10:-1] for line in text.splitlines() if line.startswith("[function ")]


def test_worker_config__offers_every_stage():
    assert offered() == NAMES + ["PackageSizes"]


@pytest.mark.parametrize("name", ["capping", "by_size"])
def test_job_definition__names_handlers_that_workers_offer(name):
    definition = json.loads((MAINJOB / f"{name}.job.json").read_text())
    shuffle = definition["Shuffle"]
    assert {definition["Handler"], shuffle.get("Handler", "Capping")} <= set(offered())
    record = candidate("a", "p") if name == "capping" else {"installedKiB": 1, "name": "p"}
    for key in shuffle["Keys"]:
        found = record
        for member in key["Path"].split(".")[1:]:
            found = found[member]


def test_input__is_a_queue_record():
    records = json.loads((MAINJOB / "input.json").read_text())
    assert isinstance(json.loads(records[0]["body"])["parameters"], dict)


# ---- The report ----


def history(*events):
    """(type, state or None) to history events, a second apart."""
    made = []
    for number, (kind, state, *more) in enumerate(events, 1):
        event = {"id": number, "type": kind, "timestamp": f"2026-11-23T06:00:{number:02}.500Z"}
        if state:
            event["stateEnteredEventDetails"] = {"name": state}
        if more:
            event["taskEventDetails"] = more[0]
        made.append(event)
    return json.dumps({"events": made}).encode()


REDRIVEN = history(
    ("ExecutionStarted", None), ("TaskStateEntered", "A"), ("TaskScheduled", None),
    ("TaskSucceeded", None, {"output": '{"Payload":{"recordsRead":1,"recordsWritten":2000}}'}),
    ("TaskStateExited", "A"), ("TaskStateEntered", "B"), ("TaskScheduled", None),
    ("TaskFailed", None, {"error": "Bad"}), ("TaskScheduled", None),
    ("TaskFailed", None, {"error": "Worse"}), ("ExecutionFailed", None))


def test_report__finds_what_a_job_wrote(tmp_path):
    (tmp_path / "GlueETL").mkdir()
    (tmp_path / "GlueETL" / "output.json").write_text("12345")
    parameters = {"JobName": "j", "Arguments": {"--output-key": "executions/e/GlueETL/output.json"}}
    given = history(
        ("TaskStateEntered", JOB), ("TaskScheduled", None, {"parameters": json.dumps(parameters)}),
        ("TaskSucceeded", None, {"output": '{"JobRunState":"SUCCEEDED"}'}), ("TaskStateExited", JOB))
    assert run_report(given, tmp_path)[1].split() == [JOB, "3.00", "1", "-", "-", "5"]


# ---- What says whether a job's output is right ----


def run_check(*arguments, given=None):
    return subprocess.run([sys.executable, "-B", MAINJOB / "check.py", *arguments], input=given,
                          capture_output=True, text=True, check=False)


def test_check__knows_the_same_records(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text('[{"a":1,"b":2},{"c":3}]')
    other.write_text('[{"c":3}\n,{"b":2,"a":1}]')
    assert run_check("same", one, other).stdout == "2 records\n"
    for text in ('[{"c":3}]', '[{"c":3},{"c":3}]', '[{"c":3},{"b":2,"a":1},{"c":3}]'):
        other.write_text(text)
        assert run_check("same", one, other).returncode == 1


def test_check__knows_the_order_and_the_sum(tmp_path):
    def package(name, size):
        return {"name": name, "installedKiB": size, "version": "1", "maintainer": {"email": "e"}}

    def row(name, size):
        return {"installedKiB": size, "name": name, "version": "1", "maintainer": "e"}

    def check(rows, total):
        lines.write_text("".join(json.dumps(r) + "\n" for r in rows))
        return run_check("by-size", packages, lines, json.dumps({"installedKiB": total})).returncode

    packages, lines = tmp_path / "packages", tmp_path / "lines"
    packages.write_text(json.dumps([package("b", 9), package("a", 9), package("c", 10)]))
    good = [row("c", 10), row("a", 9), row("b", 9)]
    assert check(good, 28) == 0
    assert check(good, 27) == 1 and check(good[:2], 28) == 1 and check(good + good[2:], 28) == 1
    assert check([good[0], good[2], good[1]], 28) == 1 and check([], 28) == 1
    assert run_check("by-size", packages).returncode == 1 and run_check().returncode == 1


def test_check__knows_what_failed_and_what_was_under_way():
    def check(moment, *failures):
        run = {"startedOn": "2026-11-23T18:00:01.000Z", "completedOn": "2026-11-23T18:00:09.500Z",
               "pieces": [{"piece": i, "failures": n} for i, n in enumerate(failures)]}
        return run_check("killed", "2", f"2026-11-23T18:00:{moment}Z", given=json.dumps(run)).returncode

    assert check("05.000", 0, 0, 3) == 0 and check("09.499", 0, 0, 1, 0) == 0
    assert check("09.500", 0, 0, 3) == 1 and check("00.999", 0, 0, 3) == 1
    assert check("05.000", 0, 0, 0) == 1 and check("05.000", 1, 0, 3) == 1


def run_report(given, argument):
    return subprocess.run([sys.executable, "-B", MAINJOB / "report.py", argument], input=given,
                          capture_output=True, check=True).stdout.decode().splitlines()


def test_report__shows_times_counts_and_failures(tmp_path):
    (tmp_path / "A").mkdir()
    (tmp_path / "A" / "output.json").write_text("x" * 1234)
    lines = [line.split() for line in run_report(REDRIVEN, tmp_path)]
    assert lines[1:] == [["A", "3.00", "1", "1", "2,000", "1,234"],
                         ["B", "-", "2", "-", "-", "-", "Worse"]]


def test_report__names_what_ran_since_the_redrive():
    assert run_report(REDRIVEN, "--ran") == ["A", "B"]
    events = json.loads(REDRIVEN)["events"]
    more = json.loads(history(("ExecutionRedriven", None), ("TaskScheduled", None),
                              ("TaskStateEntered", "C"), ("TaskScheduled", None)))["events"]
    assert run_report(json.dumps({"events": events + more}).encode(), "--ran") == ["B", "C"]
