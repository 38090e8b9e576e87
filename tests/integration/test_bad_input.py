# SPDX-License-Identifier: Apache-2.0
"""What no honest program would say: broken text, sizes one past the limit, names, ARNs, versions, frames
and connections. Each is refused with words or dropped, and the coordinator goes on serving."""
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

import pytest
from fleet import ACCOUNT, BIN, LAMBDA, Fleet, chain, check_history, task, wait_until

LIMIT = 262144
FRAME = 8 * 1024 * 1024
MIB = 1024 * 1024
ARN = f"arn:aws:states:us-east-1:{ACCOUNT}:"
SUCCEED = {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}
HELLO, POLL, CREATE, START, LIST, HISTORY, HEALTH = 1, 2, 20, 30, 33, 34, 51
TOO_LARGE = "returned a result with a size exceeding the maximum number of bytes service limit."


def refused(fleet, *args, **kwargs):
    """What the client said of it; nothing else happened."""
    run = fleet.cli(*args, check=False, **kwargs)
    assert run.returncode in (2, 3), f"{args}: {run.returncode} {run.stdout} {run.stderr}"
    assert run.stdout == ""
    assert len(run.stderr) < 6000
    return run.stderr


def define(fleet, definition, name="bad"):
    path = fleet.dir / "bad.json"
    path.write_text(definition if isinstance(definition, str) else json.dumps(definition))
    return refused(fleet, "machine", "create", name, path)


def serves(fleet):
    assert fleet.coordinator.alive(), fleet.coordinator.text()[-2000:]
    assert fleet.json("health")


def executions(fleet):
    return fleet.json("list", "--limit", 1000)["executions"]


# ---- the wire, spoken by hand ----

def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """One protobuf field: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(method, body=b"", version=1, request=7, magic=b"SFL1", auth=0):
    return magic + struct.pack("<HHHHIQ", version, method, 0, auth, 0, request) + body


class Answer:
    def __init__(self, line):
        words = line.split(" ", 6)
        self.line, self.status = line, words[0]
        self.fields = dict(w.split("=") for w in words[1:6]) if self.status != "none" else {}
        self.message = words[6] if len(words) > 6 else ""

    def __getattr__(self, name):
        return self.fields[name]


class Probe:
    """tests/integration/wire_probe.c: says it over nng."""

    def __init__(self, fleet):
        self.url = fleet.url
        self._begin()

    def _begin(self):
        self.p = subprocess.Popen([BIN / "wire_probe", self.url], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, errors="replace")

    def leave(self):
        """All its connections are dropped, as those of a client that dies."""
        self.__exit__()
        self._begin()

    def churn(self, count):
        """So many connections with a poll on each, some hundred at a time, all dropped."""
        while count > 0:
            some = min(count, 200)
            assert self.say(f"open {some}") == f"opened {some}"
            self.leave()
            count -= some

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.p.wait(10)

    def say(self, text):
        self.p.stdin.write(text + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().rstrip("\n")

    def ask(self, text):
        return Answer(self.say(text))

    def frame(self, data):
        return self.ask("frame " + data.hex())

    def call(self, method, body=b"", version=1, request=7):
        return self.ask(f"call {method} {version} {request} {body.hex()}")


@pytest.fixture
def probe(fleet):
    with Probe(fleet) as p:
        yield p


# ---- text ----

BROKEN = [  # text, line, column
    ('{"a": }', 1, 7),
    ('{"a":1', 1, 7),
    ("", 1, 1),
    ('{"a":1}}', 1, 8),
    ('{\n "a": 1,\n "b": nul }', 3, 7),
    ("01", 1, 2),
    ('{"a":NaN}', 1, 6),
    ("'a'", 1, 1),
    ("\ufeff{}", 1, 1),
    ("[" * 513 + "]" * 513, 1, 513),
]


def test_broken_input_is_refused_with_line_and_column(fleet, probe):
    fleet.create("m", SUCCEED)
    for text, line, column in BROKEN:
        said = refused(fleet, "start", "m", "--input-file", "-", stdin=text)
        assert f"line {line}, column {column}:" in said, (text, said)
        if text:  # past the client's own look
            answer = probe.call(START, field(1, "m") + field(3, text) + field(4, 1))
            assert answer.status == "InvalidExecutionInput", answer.line
            assert f"line {line}, column {column}" in answer.message, answer.line
    for text in (b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'{"a":"\x01"}', b'"\\ud800x', b"\0"):
        answer = probe.call(START, field(1, "m") + field(3, text) + field(4, 1))
        assert answer.status == "InvalidExecutionInput", (text, answer.line)
    assert executions(fleet) == []


def test_a_broken_definition_is_refused_with_line_and_column(fleet, probe):
    # The coordinator counts as AWS does: past the character, or the word, that does not belong there.
    for text, line, column, past in [('{"StartAt": "A",\n "States": {"A": }}', 2, 18, 19),
                                     ('{"StartAt": "A"} x', 1, 18, 19), ("", 1, 1, None),
                                     ('{"StartAt": "A', 1, 15, 15)]:
        assert f"line {line}, column {column}:" in define(fleet, text)
        answer = probe.call(CREATE, field(1, "bad") + field(2, text))
        assert answer.status == "InvalidDefinition", answer.line
        assert past is None or f"line: {line}, column: {past}]" in answer.message, answer.line
    assert "Expected value of type [OBJECT] at /" in define(fleet, "[1]")
    assert "These fields are required: [States] at /" in define(fleet, {"StartAt": "A"})
    assert fleet.json("machine", "list")["stateMachines"] == []


def test_all_problems_of_a_definition_come_at_once(fleet):
    said = define(fleet, {"StartAt": "Nope", "Bogus": 1, "States": {
        "A": {**task("f", Next="Gone"), "Extra": 1},
        "B": {"Type": "Pass", "InputPath": "$..[", "Parameters": {"x.$": "bad path"}, "End": True},
        "C": {"Type": "Nonsense"},
        "D": {"Type": "Wait", "Timestamp": "yesterday", "End": True}}})
    assert said.startswith("stepfleet: InvalidDefinition: Invalid State Machine Definition: '")
    for code, text, pointer in [
            ("SCHEMA_VALIDATION_FAILED", "Field 'Bogus' is not supported", "/"),
            ("SCHEMA_VALIDATION_FAILED", "Field 'Extra' is not supported", "/States/A"),
            ("SCHEMA_VALIDATION_FAILED", "Value must be a valid JSONPath", "/States/B/InputPath"),
            ("SCHEMA_VALIDATION_FAILED", "must be a valid JSONPath or a valid intrinsic", "/States/B/Parameters"),
            ("SCHEMA_VALIDATION_FAILED", "The field 'Type' should have one of these values", "/States/C/Type"),
            ("SCHEMA_VALIDATION_FAILED", "String does not match RFC3339 timestamp", "/States/D/Timestamp")]:
        assert re.search(f"{code}: [^']*.*{re.escape(text)}.* at {pointer}[,']", said), (text, said)
    both = define(fleet, {"StartAt": "Nope", "States": {"A": {"Type": "Pass", "Next": "Gone"}}})
    assert "MISSING_TRANSITION_TARGET" in both
    assert "at /StartAt" in both and "at /States/A/Next" in both


@pytest.mark.parametrize("name", ["", "a b", "a*b", "a/b", 'a"b', "a\x01b", "a\nb", "x" * 81, "../../etc", "a%b"])
def test_invalid_names_are_refused(fleet_of_module, name):
    fleet = fleet_of_module
    assert "InvalidName: Invalid Name: '" in define(fleet, SUCCEED, name)
    if name:
        assert "InvalidName: Invalid Name: '" in refused(fleet, "start", "m", "--name", name)


@pytest.fixture(scope="module")
def fleet_of_module(tmp_path_factory):
    """A coordinator for tests that change nothing: with one machine, m."""
    with Fleet(tmp_path_factory.mktemp("module")) as fleet:
        fleet.start_coordinator()
        fleet.create("m", SUCCEED)
        yield fleet
        assert fleet.coordinator.alive() and "ERROR: AddressSanitizer" not in fleet.coordinator.text()


def test_the_longest_names_are_taken(fleet):
    name = "ü" * 80
    fleet.create(name, SUCCEED)
    arn = fleet.start(name, name)
    assert arn == f"{ARN}execution:{name}:{name}"
    assert fleet.finish(arn)["status"] == "SUCCEEDED"


BAD_ARNS = ["arn:x", "arn:", "arn:" + ":" * 100, f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
            ARN + "execution:m", ARN + "execution::x", ARN + "nonsense:m:x", ARN + "stateMachine:m",
            ARN + "execution:m:a:b:c:d"]
NO_EXECUTIONS = [ARN + "execution:m:none", ARN + "execution:none:none",
                 f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:m:none",
                 "arn:aws:states:us-east-1:1234:execution:m:none",
                 ARN + "express:m:none:1"]


@pytest.mark.parametrize("command", ["show", "history", "stop", "redrive"])
def test_bad_arns_and_executions_that_are_not_there(fleet_of_module, command):
    for arn in BAD_ARNS:
        assert "InvalidArn: Invalid Arn: '" in refused(fleet_of_module, command, arn)
    for arn in NO_EXECUTIONS:
        assert f"ExecutionDoesNotExist: Execution Does Not Exist: '{arn}'" in refused(fleet_of_module, command, arn)


def test_machines_that_are_not_there(fleet_of_module):
    fleet = fleet_of_module
    for machine in ("none", ARN + "stateMachine:none"):
        for command in (["start"], ["machine", "show"]):
            assert f"StateMachineDoesNotExist: State Machine Does Not Exist: '{machine}'" in refused(
                fleet, *command, machine)
    assert "InvalidArn" in refused(fleet, "start", ARN + "execution:m:x")


@pytest.mark.parametrize("bytes", [300, 600, 5000, 100000])
def test_arns_of_any_length_are_refused(fleet, bytes):
    """Longer than any key: it must not reach the database's."""
    fleet.create("m", SUCCEED)
    long = "x" * bytes
    for arn in (f"{ARN}execution:m:{long}", f"{ARN}execution:{long}:x", f"{ARN}express:m:{long}:1", f"arn:{long}"):
        for command in ("show", "history", "stop", "redrive"):
            said = refused(fleet, command, arn)
            assert "InvalidArn" in said or "ExecutionDoesNotExist" in said
    for machine in (long, f"{ARN}stateMachine:{long}"):
        for command in (["start"], ["machine", "show"], ["machine", "delete"], ["list", "--machine"]):
            fleet.cli(*command, machine, check=False)
            serves(fleet)
    fleet.cli("list", "--prefix", long, check=False)
    fleet.cli("list", "--machine", "m", "--prefix", long, check=False)
    serves(fleet)


# ---- sizes: exactly 262,144 bytes, and one more ----

def text_of(bytes):
    return json.dumps("x" * (bytes - 2))


def two_members(bytes):
    """Parameters that make an input into a document of so many bytes, with it in there twice."""
    names = ["aa", "bb"] if bytes % 2 else ["a", "bb"]
    empty = json.dumps(dict.fromkeys(names, ""), separators=(",", ":"))
    value = "x" * ((bytes - len(empty)) // 2)
    made = dict.fromkeys(names, value)
    assert len(json.dumps(made, separators=(",", ":"))) == bytes
    return {n + ".$": "$" for n in names}, json.dumps(value), made


def test_an_input_of_the_limit_and_one_more(fleet, probe):
    fleet.create("m", SUCCEED)
    arn = json.loads(fleet.cli("start", "m", "--json", "--input-file", "-", stdin=text_of(LIMIT)).stdout)["executionArn"]
    assert len(fleet.finish(arn)["output"]) == LIMIT
    said = refused(fleet, "start", "m", "--input-file", "-", stdin=text_of(LIMIT + 1))
    assert "length less than or equal to 262144" in said
    spaces = " " + text_of(LIMIT)  # AWS counts the text as it came
    assert "262144" in refused(fleet, "start", "m", "--input-file", "-", stdin=spaces)
    assert len(executions(fleet)) == 1


@pytest.mark.tsan
def test_a_pass_state_of_the_limit_and_one_more(fleet):
    for bytes in (LIMIT, LIMIT + 1):
        parameters, given, wanted = two_members(bytes)
        fleet.create(f"p{bytes}", {"StartAt": "P", "States": {
            "P": {"Type": "Pass", "Parameters": parameters, "End": True}}})
        run = fleet.cli("start", f"p{bytes}", "--json", "--input-file", "-", stdin=given)
        arn = json.loads(run.stdout)["executionArn"]
        d = fleet.finish(arn)
        check_history(fleet.history(arn))
        if bytes == LIMIT:
            assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) == wanted
        else:
            assert (d["status"], d["error"]) == ("FAILED", "States.DataLimitExceeded")
            assert d["cause"] == f"The state/task 'P' {TOO_LARGE}"


def test_a_tasks_result_of_the_limit_and_one_more(fleet):
    says = "/usr/bin/python3 -c 'import sys,json; print(json.dumps(\"x\" * (json.load(sys.stdin) - 2)))'"
    fleet.start_worker("w1", {"f": {"handler": "event", "command": says, "slots": 4}})
    fleet.create("m", chain(["f"]))
    fleet.create("c", {"StartAt": "A", "States": {
        "A": task("f", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}], End=True), "B": {"Type": "Pass", "End": True}}})
    arns = [fleet.start(m, f"{m}{n}", n) for m in ("m", "c") for n in (LIMIT, LIMIT + 1)]
    fits, past, fits_too, caught = [fleet.finish(a) for a in arns]
    assert (fits["status"], len(fits["output"])) == ("SUCCEEDED", LIMIT)
    assert (past["status"], past["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert past["cause"] == f"The state/task '{LAMBDA}f' {TOO_LARGE}"
    assert (fits_too["status"], len(fits_too["output"])) == ("SUCCEEDED", LIMIT)
    assert json.loads(caught["output"])["Error"] == "States.DataLimitExceeded"
    for arn in arns:
        check_history(fleet.history(arn))


def test_a_definition_of_the_limit_and_one_more(fleet):
    def of(bytes):
        text = json.dumps({**SUCCEED, "Comment": ""})
        return json.dumps({**SUCCEED, "Comment": "x" * (bytes - len(text))})
    fleet.create("m", of(MIB))
    said = define(fleet, of(MIB + 1))
    assert "1048576" in said


# ---- versions ----

def test_workers_of_other_versions_are_refused_with_both_ranges(fleet, probe):
    for least, most in ((0, 0), (2, 2), (2, 9)):
        answer = probe.ask(f"hello probe {least} {most}")
        assert answer.status == "VersionMismatch" and answer.speaks == "1-1", answer.line
        assert f"versions {least} to {most}" in answer.message and "this coordinator 1 to 1" in answer.message
        assert "probe" in answer.message and "wire_probe 0" in answer.message
    assert fleet.json("workers")["workers"] == []
    for least, most in ((1, 1), (0, 1), (1, 7), (0, 9)):
        answer = probe.ask(f"hello probe {least} {most}")
        assert answer.status == "OK" and answer.version == "1", answer.line
    assert [w["name"] for w in fleet.json("workers")["workers"]] == ["probe"]


def test_requests_of_other_versions_are_refused_with_both_bounds(fleet, probe):
    for version in (0, 2, 65535):
        for method in (HELLO, HEALTH, 999):
            answer = probe.call(method, b"\xff\xff not protobuf", version, 42)
            assert answer.status == "VersionMismatch" and answer.speaks == "1-1", answer.line
            assert answer.id == "42" and answer.method == str(method)
    assert probe.call(HEALTH).status == "OK"


# ---- frames ----

def test_frames_that_are_none_are_answered_or_dropped(fleet, probe):
    good = envelope(HEALTH)
    bad = {
        b"": "empty", b"\0": "a byte", b"SFL1": "magic alone", good[:12]: "half", good[:-1]: "a byte short",
        b"SFL2" + good[4:]: "magic", b"\xff" * 64: "ones", b"GET / HTTP/1.1\r\n\r\n" + good: "HTTP",
        envelope(HEALTH, auth=1): "credentials not there", envelope(HEALTH, b"x" * 100, auth=65535): "long ones"}
    for data, what in bad.items():
        answer = probe.frame(data)
        assert answer.status in ("SerializationException", "none"), (what, answer.line)
    assert probe.frame(envelope(HEALTH, b"c" * 5000, auth=5000)).status == "RequestTooLarge"
    assert probe.frame(envelope(HEALTH, b"c" * 100, auth=100)).status == "OK"
    for method in (0, 6, 29, 49, 52, 999, 65535):
        assert probe.call(method).status == "UnknownOperationException"
    for method in (HELLO, POLL, CREATE, START, LIST, HISTORY):
        for body in (b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x7f", b"\x0a", field(1, "x")[:-1], b"\x0b" * 30):
            answer = probe.call(method, body)
            assert answer.status == "SerializationException", (method, body, answer.line)
    serves(fleet)


def test_good_frames_with_bad_values_are_refused(fleet, probe):
    fleet.create("m", SUCCEED)
    nan = b"\xff\xfe\0\x80"
    refusals = {"ValidationException", "InvalidName", "InvalidArn", "InvalidToken", "InvalidDefinition",
                "StateMachineDoesNotExist", "ExecutionDoesNotExist", "InvalidExecutionInput", "WorkerUnknown",
                "SerializationException", "MissingRequiredParameter", "StateMachineAlreadyExists"}
    for method in [*range(2, 4), *range(20, 25), *range(30, 38)]:
        for body in (b"", field(1, nan), field(1, "m" * 100000), field(1, 2**64 - 1), field(1, "m") + field(2, nan)):
            answer = probe.call(method, body)
            assert answer.status in refusals | {"OK"}, (method, body[:40], answer.line[:300])
    for token in ("x", "0", "A" * 4000, "////", "=", "-1"):
        for method, at in ((23, 2), (LIST, 5), (HISTORY, 5)):
            assert probe.call(method, field(at, token)).status in refusals | {"OK"}
    assert probe.call(LIST, field(4, 1001)).status == "ValidationException"
    hello = field(1, "w") + field(3, 1) + field(4, 1)
    for rest in (b"", field(6, 0), field(6, 2**31), field(6, 1) + field(7, b""), field(6, 1) + field(8, "not json"),
                 field(6, 1) + field(8, '{"a":1}'), field(6, 1) + field(8, json.dumps({"a": "b" * 5000})),
                 field(6, 1) + field(7, field(1, "f") + field(2, 0)),
                 field(6, 1) + field(7, field(1, "a b") + field(2, 1)),
                 field(6, 1) + field(7, field(1, "f") + field(2, 1)) * 1025):
        answer = probe.call(HELLO, hello + rest)
        assert answer.status == "ValidationException", (rest[:60], answer.line[:300])
    assert fleet.json("workers")["workers"] == []
    serves(fleet)


def test_a_frame_of_the_limit_and_one_more(fleet, probe):
    for _ in range(3):
        assert probe.ask(f"fill {HEALTH} {FRAME}").status == "OK"
        assert probe.ask(f"fill {HEALTH} {FRAME + 1}").status == "none"
        probe.leave()
    assert probe.call(HEALTH).status == "OK"


def test_a_request_twice_is_done_once(fleet, probe):
    fleet.create("m", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}})
    start = field(1, "m") + field(2, "twice") + field(3, "{}") + field(4, 1)
    for _ in range(3):
        answer = probe.call(START, start, request=99)
        assert (answer.status, answer.id) == ("OK", "99")
    create = field(1, "other") + field(2, json.dumps(SUCCEED))
    assert [probe.call(CREATE, create).status for _ in range(2)] == ["OK", "OK"]
    first, again = probe.ask("hello twin 1 1"), probe.ask("hello twin 1 1")
    assert first.worker == again.worker
    assert len(executions(fleet)) == 1
    assert len(fleet.json("workers")["workers"]) == 1


# ---- connections ----

def test_a_poll_whose_connection_is_dropped_takes_no_task_with_it(fleet, probe):
    worker = probe.ask("hello lost 1 1").worker
    assert probe.say(f"park {worker}") == "parked"
    fleet.create("m", chain(["f"], Retry=[{"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1,
                                           "MaxAttempts": 3}]))
    probe.leave()
    arn = fleet.start("m")
    fleet.start_worker("w1", {"f": {"handler": "echo"}})
    d = fleet.finish(arn)
    assert d["status"] == "SUCCEEDED"
    check_history(fleet.history(arn))
    wait_until(lambda: [w["name"] for w in fleet.json("workers")["workers"]] == ["w1"])


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def lean(tmp_path):
    """A coordinator whose memory can be looked at: the sanitizer gives back what was freed."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    with Fleet(tmp_path, env={"ASAN_OPTIONS": options}) as f:
        f.start_coordinator()
        yield f
        assert "ERROR: AddressSanitizer" not in f.coordinator.text()


def test_thousands_of_connections_leave_nothing_behind(lean):
    fleet, pid = lean, lean.coordinator.pid
    lean.create("m", chain(["f"]))
    lean.start_worker("w1", {"f": {"handler": "echo"}})
    with Probe(fleet) as probe:
        worker = probe.ask("hello probe 1 1").worker
        probe.churn(300)
        files = wait_until(lambda: open_files(pid), say="no files")
        memory, logged = rss(pid), len(fleet.coordinator.text())
        for _ in range(4):
            probe.churn(600)
            probe.say(f"park {worker}")
            probe.leave()
        wait_until(lambda: open_files(pid) <= files + 4, 20, say="connections stay open")
        for size in (FRAME, FRAME + 1) * 5:
            probe.ask(f"fill {HEALTH} {size}")
            probe.leave()
        assert rss(pid) < memory + 48 * MIB, (memory, rss(pid))
    assert len(fleet.coordinator.text()) < logged + 2000, fleet.coordinator.text()[logged:][:2000]
    assert fleet.finish(fleet.start("m"))["status"] == "SUCCEEDED"


# ---- bytes that are not even nng's ----

GREETING = b"\0SP\0\0\x30\0\0"


def raw_connections():
    request = struct.pack(">I", 0x80000001) + envelope(HEALTH)
    return [b"", b"\0", b"\0SP", GREETING, b"\0SP\0\0\x20\0\0", b"\0SP\1\0\x30\0\0", b"\0SP\0\0\0\0\0",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"r" * 500,
            os.urandom(4096), b"\xff" * 100000,
            GREETING + struct.pack(">Q", 2**63), GREETING + struct.pack(">Q", 2**64 - 1),
            GREETING + struct.pack(">Q", FRAME + 1), GREETING + struct.pack(">Q", FRAME),
            GREETING + struct.pack(">Q", 0) * 100, GREETING + struct.pack(">Q", 3) + b"abc",
            GREETING + struct.pack(">Q", 4) + b"\0\0\0\0", GREETING + struct.pack(">Q", 4) + b"\x80\0\0\1",
            GREETING + struct.pack(">QI", 400, 1) * 100,
            GREETING + struct.pack(">Q", len(request)) + request[:-5],
            GREETING + (struct.pack(">Q", len(request)) + request) * 50]


def test_bytes_that_are_not_nngs(lean):
    fleet, pid = lean, lean.coordinator.pid
    lean.create("m", chain(["f"]))
    lean.start_worker("w1", {"f": {"handler": "echo"}})
    files, memory, logged = open_files(pid), rss(pid), len(fleet.coordinator.text())
    held = []
    for _ in range(8):  # left open: they must not be in the way
        for data in raw_connections():
            s = socket.create_connection(("127.0.0.1", fleet.port), timeout=5)
            held.append(s)
            try:
                s.sendall(data)
            except OSError:
                pass  # it hung up on us: its right
    arns = [fleet.start("m", f"r{i}", i) for i in range(5)]
    for arn in arns:
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
    assert rss(pid) < memory + 96 * MIB, (memory, rss(pid))
    for s in held:
        s.close()
    wait_until(lambda: open_files(pid) <= files + 4, 30, say="connections stay open")
    assert len(fleet.coordinator.text()) < logged + 2000, fleet.coordinator.text()[logged:][:2000]
    serves(fleet)


def test_an_honest_answer_to_bytes_by_hand(fleet):
    """The same by hand, right: or the test above would test nothing."""
    request = struct.pack(">I", 0x80000001) + envelope(HEALTH, request=1234)
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=10) as s:
        s.sendall(GREETING + struct.pack(">Q", len(request)) + request)
        data = b""
        end = time.monotonic() + 10
        while len(data) < 8 + 8 + 4 + 24 and time.monotonic() < end:
            data += s.recv(4096)
    assert data[:8] == b"\0SP\0\0\x31\0\0"
    assert data[16:24] == b"\x80\0\0\1SFL1"
    assert struct.unpack("<Q", data[36:44])[0] == 1234


# ---- stages that would leave their place ----

def test_a_stage_cannot_leave_its_place(fleet, tmp_path):
    fleet.start_worker("w1", {"f": {"handler": "stream", "command": "cat", "slots": 4}})
    keys = ("executionId", "currentStage", "previousStage", "workflowBucket")
    fleet.create("m", {"StartAt": "S", "States": {"S": task("f", End=True)}})
    good = dict(zip(keys, ("x", "S", None, "work")))
    bad = [(k, v) for k in keys for v in ("../../../etc", "..", ".", "a/b", "a\\b", "", "a\0b", "a\nb")
           if (k, v) != ("previousStage", None)]
    arns = {fleet.start("m", None, {**good, k: v}): (k, v) for k, v in bad}
    arns[fleet.start("m", None, {**good, "outputKey": "../../../../tmp/x"})] = ("outputKey", "safe key")
    arns[fleet.start("m", None, {**good, "inputKey": "/etc/passwd"})] = ("inputKey", "safe key")
    arns[fleet.start("m", None, {**good, "executionId": 7})] = ("executionId", "string")
    for arn, (key, _) in arns.items():
        d = fleet.finish(arn)
        assert d["status"] == "FAILED", (key, d)
        assert f'\\"{key}\\"' in d["cause"], d
    written = [p for p in (tmp_path / "objects").rglob("*") if p.is_file()]
    assert written == []
    assert fleet.finish(fleet.start("m", None, {**good, "initialData": 1}))["status"] == "SUCCEEDED"


def test_a_missing_input_object_is_named(fleet):
    fleet.start_worker("w1", {"f": {"handler": "stream", "command": "cat"}})
    fleet.create("m", chain(["f"]))
    d = fleet.finish(fleet.start("m", None, {"executionId": "x", "currentStage": "B", "previousStage": "A",
                                             "workflowBucket": "work"}))
    assert (d["status"], d["error"]) == ("FAILED", "S3.NoSuchKeyException")
    assert "work" in d["cause"] and "executions/x/A/output.json" in d["cause"]
    assert not list((fleet.dir / "objects").rglob("executions/x/B/*"))
