# SPDX-License-Identifier: Apache-2.0
"""Definitions and data that are huge, deep, endless, broken or made to cost much, through real processes. Each is
answered soon, with AWS's error where it is one, and the same coordinator goes on running others' executions."""
import itertools
import json
import pathlib
import re

import pytest
from fleet import LAMBDA, Fleet, task
from test_bad_input import ARN, CREATE, LIMIT, MIB, START, TOO_LARGE, Probe, field

SOON = 20  # seconds: what is answered in milliseconds, on a machine that has much else to do
DEPTH = 512  # containers in containers
SCOPES = 64  # States in States
UPDATE, VALIDATE, DESCRIBE = 21, 25, 32
STOP, REDRIVE, WAIT = 35, 36, 37
ACTIVITY_CREATE, ACTIVITY_DESCRIBE, ACTIVITY_DELETE = 40, 41, 43
TASK_SUCCESS, TASK_FAILURE, TASK_HEARTBEAT = 45, 46, 47
FULL = f"The state/task 'S' {TOO_LARGE}"
numbers = itertools.count()

# Writes the bytes whose hexadecimal digits are its event.
SAYS = ("/usr/bin/python3 -c 'import json, sys; sys.stdout.buffer.write(bytes.fromhex(json.load(sys.stdin)))'")


class World:
    """A coordinator, a worker, and a connection over which any bytes are said."""

    def __init__(self, directory, **options):
        self.fleet = Fleet(directory, **options)
        self.probe = None

    def __enter__(self):
        self.fleet.start_coordinator()
        self.fleet.start_worker("w1", {"echo": {"handler": "echo"}, "says": {"handler": "event", "command": SAYS}},
                                slots=4)
        self.probe = Probe(self.fleet)
        assert self.create(one(task("echo")), "normal").status == "OK"
        return self

    def __exit__(self, *_):
        self.probe.__exit__()
        self.fleet.stop()

    def call(self, method, *values):
        """The fields from 1 on."""
        return self.probe.call(method, b"".join(field(n, v) for n, v in enumerate(values, 1)))

    def create(self, definition, name=None):
        return self.call(CREATE, name or f"m{next(numbers)}", text_of(definition))

    def begin(self, definition, data="{}"):
        """The ARN of its execution, of a machine of its own."""
        name = f"m{next(numbers)}"
        answer = self.create(definition, name)
        assert answer.status == "OK", answer.line[:1000]
        return self.start(name, data)

    def start(self, machine, data="{}"):
        name = f"x{next(numbers)}"
        answer = self.begin_with(machine, name, data)
        assert answer.status == "OK", answer.line[:1000]
        return f"{ARN}execution:{machine}:{name}"

    def patient(self, definition, data):
        """`run` on the command line, which asks for longer than the probe."""
        name = f"m{next(numbers)}"
        self.fleet.create(name, text_of(definition))
        started = self.fleet.json("start", name, "--input-file", "-", stdin=data, timeout=SOON)
        return self.finish(started["executionArn"])

    def begin_with(self, machine, name, data):
        return self.call(START, machine, name, data, 1)

    def finish(self, arn):
        return self.fleet.finish(arn, SOON)

    def run(self, definition, data="{}"):
        return self.finish(self.begin(definition, data))

    def lint(self, definition):
        """What the command line says: its exit code and the diagnostics."""
        path = self.fleet.dir / "lint.json"
        text = text_of(definition)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        run = self.fleet.cli("machine", "lint", path, "--json", check=False, timeout=SOON)
        assert run.stderr == "", run.stderr[:1000]
        return run.returncode, json.loads(run.stdout)["diagnostics"]

    def refuses(self, definition, code, words=""):
        """By creation and by lint, for the same reason."""
        answer = self.create(definition)
        assert answer.status == "InvalidDefinition", answer.line[:1000]
        assert f"{code}: " in answer.message and words in answer.message, answer.message[:1000]
        status, found = self.lint(definition)
        assert status == 1 and code in {d["code"] for d in found}, found[:5]
        assert any(words in d["message"] for d in found), found[:5]

    def takes(self, definition, data="{}"):
        """By lint and by creation; the execution's end."""
        status, found = self.lint(definition)
        assert status == 0 and not [d for d in found if d["severity"] == "ERROR"], found[:5]
        return self.run(definition, data)

    def serves(self):
        for p in [self.fleet.coordinator, *self.fleet.workers.values()]:
            assert p.alive(), p.text()[-3000:]
        self.fleet.check_reports()
        end = self.finish(self.start("normal", '{"n":1}'))
        assert (end["status"], end["output"]) == ("SUCCEEDED", '{"n":1}')

    def memory(self):
        """The most the coordinator ever had, in bytes."""
        status = pathlib.Path(f"/proc/{self.fleet.coordinator.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


@pytest.fixture(scope="module")
def everyone(tmp_path_factory):
    with World(tmp_path_factory.mktemp("bad-language")) as w:
        yield w


@pytest.fixture
def world(everyone):
    """One coordinator for all tests; what one of them did to it, the next execution shows."""
    yield everyone
    everyone.serves()


@pytest.fixture
def alone(tmp_path):
    """A coordinator of the test's own, where others would have to wait for long if it went wrong."""
    with World(tmp_path) as w:
        yield w
        w.serves()


def text_of(definition):
    return definition if isinstance(definition, (str, bytes)) else json.dumps(definition)


def one(state):
    return {"StartAt": "S", "States": {"S": {"End": True, **state}}}


def made(expression):
    """A machine whose output has the expression's value at "x"."""
    return one({"Type": "Pass", "Parameters": {"x.$": expression}})


def choose(rule):
    """A machine whose output is "yes" or "no"."""
    return {"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Y"}], "Default": "N"},
        "Y": {"Type": "Pass", "Result": "yes", "End": True}, "N": {"Type": "Pass", "Result": "no", "End": True}}}


def literal(text):
    """A machine that says this, as it stands in the definition."""
    return '{"StartAt":"S","States":{"S":{"Type":"Pass","Result":%s,"End":true}}}' % text


def arrays(depth):
    return "[" * depth + "]" * depth


def string_of(size):
    return json.dumps("x" * (size - 2))


# ---- how large, how deep, how many ----

def test_a_definition_of_the_limit_runs_and_one_more_is_too_long(world):
    def of(size):
        text = json.dumps({"Comment": "", **one({"Type": "Pass"})})
        return text.replace('"Comment": ""', '"Comment": "%s"' % ("x" * (size - len(text))))
    assert world.takes(of(MIB))["status"] == "SUCCEEDED"
    for answer in (world.create(of(MIB + 1)), world.call(UPDATE, "normal", of(MIB + 1)),
                   world.call(VALIDATE, of(MIB + 1))):
        assert answer.status == "ValidationException", answer.line[:300]
        assert "'definition'" in answer.message and "less than or equal to 1048576" in answer.message


def test_ten_thousand_states(world):
    states = {f"s{i}": {"Type": "Pass", "Next": f"s{i + 1}"} for i in range(9999)}
    end = world.takes({"StartAt": "s0", "States": {**states, "s9999": {"Type": "Succeed"}}}, '{"a":1}')
    assert (end["status"], end["output"]) == ("SUCCEEDED", '{"a":1}')
    lost = {"StartAt": "s0", "States": {name: {**s, "Next": "gone"} for name, s in states.items()}}
    world.refuses(lost, "MISSING_TRANSITION_TARGET", "Missing 'Next' target: gone")


def scopes(depth, kinds):
    """So many States in each other, the kinds of state that hold them taken in turn."""
    held = '{"StartAt":"L","States":{"L":{"Type":"Pass","End":true}}}'
    for i in range(depth - 1):
        kind = kinds[i % len(kinds)]
        inside = f'"Branches":[{held}]' if kind == "Parallel" else f'"ItemProcessor":{held}'
        held = '{"StartAt":"N%d","States":{"N%d":{"Type":"%s",%s,"End":true}}}' % (i, i, kind, inside)
    return held


@pytest.mark.parametrize("kinds", [["Parallel"], ["Map"], ["Parallel", "Map"]])
def test_scopes_in_scopes(world, kinds):
    end = world.takes(scopes(SCOPES, kinds), arrays(100))
    assert end["status"] == "SUCCEEDED", end
    for depth in (SCOPES + 1, 200, 500):
        world.refuses(scopes(depth, kinds), "TOO_DEEPLY_NESTED")


def test_json_as_deep_as_it_may_be_and_deeper(world):
    outside = 3  # containers round the Result
    for depth in (256, 257, 500, DEPTH - outside):
        end = world.takes(literal(arrays(depth)))
        assert (end["status"], end["output"]) == ("SUCCEEDED", arrays(depth))
    for text in (arrays(DEPTH - outside + 1), arrays(5000), "[" * 100000, '{"a":' * 100000):
        world.refuses(literal(text), "TOO_DEEPLY_NESTED")


def test_rules_in_rules(world):
    rule = {"Variable": "$.n", "IsPresent": True}
    for i in range(240):
        rule = {"Not": rule} if i % 2 else {"And": [rule] * (2 if i < 12 else 1)}
    assert world.takes(choose(rule), '{"n":1}')["output"] == '"yes"'


# ---- loops ----

ROUND = {"StartAt": "A", "States": {
    "A": {"Type": "Pass", "Next": "B"}, "C": {"Type": "Succeed"},
    "B": {"Type": "Choice", "Choices": [{"Variable": "$.done", "IsPresent": True, "Next": "C"}], "Default": "A"}}}


def test_loops_that_never_wait_end_by_their_history(world):
    machines = [ROUND, {**ROUND, "States": {**ROUND["States"], "A": {"Type": "Wait", "Seconds": 0, "Next": "B"}}},
                one({"Type": "Map", "ItemProcessor": ROUND}),
                one({"Type": "Parallel", "Branches": [
                    json.loads(re.sub('"([ABC])"', rf'"\g<1>{i}"', json.dumps(ROUND))) for i in range(20)]})]
    loops = [world.begin(m, data) for m in machines for data in ["[{},{},{}]" if m == machines[2] else "{}"] * 5]
    others = [world.start("normal", '{"n":1}') for _ in range(20)]
    assert world.fleet.cli("health", timeout=SOON).returncode == 0
    assert {world.finish(arn)["status"] for arn in others} == {"SUCCEEDED"}
    for arn in loops:
        end = world.finish(arn)
        assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
        assert end["cause"] == "The execution reached the maximum number of history events (25000)."
        assert (end["historyEvents"], end["redriveStatus"]) == (25000, "NOT_REDRIVABLE")
    events = world.fleet.json("history", loops[0], "--reverse", "--limit", 1)["events"]
    assert (events[0]["id"], events[0]["type"]) == (25000, "ExecutionFailed")
    world.refuses(one({"Type": "Pass", "Next": "S", "End": False}), "MISSING_END_STATE")


def test_loops_that_go_on_keep_nobody_waiting(tmp_path):
    """Twenty have 200 million history events before them: what is asked meanwhile is answered long before."""
    with World(tmp_path, coordinator={"log": "info\n[limits]\nhistory_events = 10000000"}) as w:
        loops = [w.begin(ROUND) for _ in range(20)]
        w.serves()
        assert w.fleet.cli("health", timeout=SOON).returncode == 0
        assert w.fleet.show(loops[-1])["status"] == "RUNNING"
        w.fleet.cli("stop", loops[-1], timeout=SOON)
        assert w.finish(loops[-1])["status"] == "ABORTED"


# ---- text ----

BROKEN = [  # a definition, the code, words
    ('{"StartAt":"S","StartAt":"S","States":{}}', "INVALID_JSON_DESCRIPTION", "Duplicate field 'StartAt'"),
    ('{"StartAt":"S","States":{"S":{"Type":"Fail"},"S":{"Type":"Fail"}}}', "INVALID_JSON_DESCRIPTION", "field 'S'"),
    (literal('{"a":[{"b":1,"b":2}]}'), "INVALID_JSON_DESCRIPTION", "Duplicate field 'b'"),
    ("\ufeff" + literal("1"), "INVALID_JSON_DESCRIPTION", "Unrecognized token"),
    (literal("1").encode("utf-16"), "INVALID_JSON_DESCRIPTION", "UTF-8"),
    (b'{"StartAt":"\xff"}', "INVALID_JSON_DESCRIPTION", "UTF-8"),
    (b'{"StartAt":"\xed\xa0\x80"}', "INVALID_JSON_DESCRIPTION", "UTF-8"),
    (b'{"StartAt":"\xc0\x80"}', "INVALID_JSON_DESCRIPTION", "UTF-8"),
    (b'{"StartAt":"a\0"}', "INVALID_JSON_DESCRIPTION", "CTRL-CHAR, code 0"),
    (literal("1").encode() + b"\0", "INVALID_JSON_DESCRIPTION", "CTRL-CHAR, code 0"),
    (b"\0", "INVALID_JSON_DESCRIPTION", "CTRL-CHAR, code 0"),
    (b"", "MISSING_DESCRIPTION", ""),
    (b" \t\r\n", "MISSING_DESCRIPTION", ""),
    ("null", "SCHEMA_VALIDATION_FAILED", "Expected value of type [OBJECT]"),
    ('"' + "x" * 1000000, "INVALID_JSON_DESCRIPTION", "Unexpected end-of-input"),
    (literal("1" + "0" * 100000 + "x"), "INVALID_JSON_DESCRIPTION", ""),
    (literal("'1'"), "INVALID_JSON_DESCRIPTION", "Unexpected character"),
]


def test_text_that_is_no_definition(world):
    for definition, code, words in BROKEN:
        world.refuses(definition, code, words)


def test_text_that_is_no_input(world):
    for text in (b'"\xff"', b'"\xed\xa0\x80"', b'\xef\xbb\xbf1', b'"\0"', b"1\0", "1".encode("utf-16"), b"NaN", b"1e",
                 arrays(DEPTH + 1), "[" * 200000, '{"a":' * 40000):
        answer = world.begin_with("normal", "never", text)
        assert answer.status == "InvalidExecutionInput", (text[:20], answer.line[:300])
    assert world.call(DESCRIBE, ARN + "execution:normal:never").status == "ExecutionDoesNotExist"


# What is JSON goes through a definition, an input and a task as it came.
STRANGE = ['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '{"\\ud800":"\\udfff"}', '"\\ud83d\\ude00"',
           '{"":{"":[]}}', "1e400", "-1e-400", "9" * 400, "-0.0", "1E+308", "[1.0,-0.5e-7]", '"\u202e\ufeff\x7f"']


def test_strange_json_goes_through(world):
    text = "[" + ",".join(STRANGE) + "]"
    runs = [world.begin(literal(text)), world.start("normal", text),
            world.begin(one(task("says")), json.dumps(text.encode().hex()))]
    for end in map(world.finish, runs):
        assert end["status"] == "SUCCEEDED", end
        assert json.loads(end["output"]) == json.loads(text)
    end = world.finish(world.start("normal", '{"a":1,"b":2,"a":{"c":3,"c":[4]}}'))
    assert json.loads(end["output"]) == {"a": {"c": [4]}, "b": 2}


def test_a_result_that_is_no_json_fails_its_task(world):
    good = {b"\t": "null", arrays(DEPTH).encode(): arrays(DEPTH), b'{"a":1,"a":2}': '{"a":2}'}
    bad = [b"\0", b"1\0", b'"a\0b"', b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b"NaN", b"1 2", b"\xfe\xff",
           arrays(DEPTH + 1).encode(), b"[" * 100000]
    assert world.create(one(task("says")), "says").status == "OK"
    runs = {said: world.start("says", json.dumps(said.hex())) for said in [*good, *bad]}
    for said, arn in runs.items():
        end = world.finish(arn)
        if said in good:
            assert (end["status"], end["output"]) == ("SUCCEEDED", good[said])
        else:
            assert (end["status"], end["error"]) == ("FAILED", "Runtime.MarshalError"), (said[:20], end)
            assert "answered what is not JSON" in end["cause"]


# ---- numbers ----

@pytest.mark.parametrize("number", ["-1e400", "9" * 400, "9223372036854775808", "1e99999999999"])
def test_numbers_that_nothing_can_count_to(world, number):
    data = '{"n":%s,"l":[1]}' % number
    calls = ["States.MathAdd($.n,1)", "States.MathAdd(1,$.n)", "States.ArrayRange(1,$.n,1)",
             "States.ArrayPartition($.n,1)", "States.ArrayGetItem($.l,$.n)", "States.MathRandom(0,$.n)"]
    runs = {f: world.begin(made(f), data) for f in calls}
    wait = world.begin(one({"Type": "Wait", "SecondsPath": "$.n"}), data)
    over = world.begin(choose({"Variable": "$.n", "NumericGreaterThan": 1e300}), data)
    for f, arn in runs.items():
        end = world.finish(arn)
        assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), (f, end)
        assert f"evaluating the intrinsic function: {f}. Invalid arguments in States." in end["cause"]
    end = world.finish(wait)
    assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
    assert f"cannot be parsed as a long value: $.n == {number}" in end["cause"]
    assert world.finish(over)["output"] == ('"yes"' if float(number) > 1e300 else '"no"')


def test_numbers_of_a_definition(world):
    for seconds in ("1e400", "9" * 400, "-1", "1.5"):
        world.refuses('{"StartAt":"S","States":{"S":{"Type":"Wait","Seconds":%s,"End":true}}}' % seconds,
                      "SCHEMA_VALIDATION_FAILED")
    retrier = '{"ErrorEquals":["E"],"IntervalSeconds":99999999999999999999,"MaxAttempts":1e400}'
    world.refuses(json.dumps(one(task("echo", Retry=["R"]))).replace('"R"', retrier), "SCHEMA_VALIDATION_FAILED",
                  "Expected value of type Integer")
    assert world.takes(json.dumps(one({"Type": "Wait", "Seconds": 0})).replace(": 0", ": -0"))["status"] == "SUCCEEDED"
    for f in ("States.MathAdd(1E+308,1E+308)", f"States.MathAdd({'9' * 400},1)", "States.MathAdd(2147483647,1)",
              "States.MathAdd(-2147483648,-1)"):
        end = world.takes(made(f))
        assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
    assert json.loads(world.takes(made("States.MathAdd(2147483647,-0)"))["output"]) == {"x": 2147483647}


# ---- how much: 262,144 bytes, and one more ----

def full(end, cause=FULL):
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "States.DataLimitExceeded", cause), end


def callback_token(world, name):
    """A task that waits for its token, and the token."""
    world.fleet.cli("activity", "create", name)
    arn = world.begin(one({"Type": "Task", "Resource": f"{ARN}activity:{name}"}))
    return arn, world.fleet.json("activity", "poll", name, timeout=2 * SOON)["taskToken"]


def test_an_output_sent_with_a_token(world):
    arn, token = callback_token(world, "sent")
    for output in (string_of(LIMIT + 1), " " + string_of(LIMIT), arrays(DEPTH + 1), "[" * 200000, "", "{", "NaN",
                   b"\xff", b"\0", b'"\0"', b'\xef\xbb\xbf1', b'"\xed\xa0\x80"'):
        answer = world.call(TASK_SUCCESS, token, output)
        assert answer.status == "InvalidOutput", (output[:20], answer.line[:300])
    assert world.call(TASK_FAILURE, token, "E" * 257).status == "ValidationException"
    assert world.fleet.show(arn)["status"] == "RUNNING"
    assert world.call(TASK_SUCCESS, token, string_of(LIMIT)).status == "OK"
    end = world.finish(arn)
    assert (end["status"], len(end["output"])) == ("SUCCEEDED", LIMIT)
    arn, token = callback_token(world, "sent")
    assert world.call(TASK_SUCCESS, token, arrays(DEPTH)).status == "OK"
    assert world.finish(arn)["output"] == arrays(DEPTH)


def test_inputs_and_results_of_tasks(world):
    refused = world.begin_with("normal", "never", string_of(LIMIT + 1))
    assert refused.status == "ValidationException" and "262144" in refused.message, refused.line[:300]
    end = world.finish(world.start("normal", string_of(LIMIT)))
    assert (end["status"], len(end["output"])) == ("SUCCEEDED", LIMIT)
    wraps = {**task("echo"), "Parameters": {"a.$": "$"}}  # six bytes more than its input
    assert world.run(one(wraps), string_of(LIMIT - 6))["status"] == "SUCCEEDED"
    end = world.run(one(wraps), string_of(LIMIT - 5))
    assert (end["status"], end["error"]) == ("FAILED", "States.DataLimitExceeded"), end


@pytest.mark.parametrize("kind", ["Parallel", "Map"])
def test_results_put_together(world, kind):
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}
    again = {"StartAt": "J", "States": {"J": {"Type": "Pass", "End": True}}}
    if kind == "Parallel":
        state = {"Type": "Parallel", "InputPath": "$.t", "Branches": [inner, again]}
    else:
        state = {"Type": "Map", "ItemsPath": "$.i", "ItemSelector": {"x.$": "$.t"}, "ItemProcessor": inner}
    wrapped = len('{"x":}') if kind == "Map" else 0
    item = (LIMIT - len("[,]")) // 2 - wrapped
    for size in (item, item + 1):
        end = world.run(one(state), json.dumps({"t": "x" * (size - 2), "i": [1, 2]}))
        if size == item:
            assert end["status"] == "SUCCEEDED" and LIMIT - 1 <= len(end["output"]) <= LIMIT, end["status"]
        else:
            full(end)


def test_templates_that_blow_up(world):
    long = string_of(200000)
    many = {f"f{i}.$": "$" for i in range(1000)}
    texts = {f"f{i}.$": "States.Format('{}{}',$,$)" for i in range(1000)}
    expected = [(many, long), (texts, long), ({"x.$": f"States.Array({','.join('$' * 100)})"}, long),
                ({"x.$": f"States.Format('{'{}' * 60}',{','.join('$' * 60)})"}, long),
                ({"x.$": "$"}, arrays(DEPTH)), ({"x.$": "States.Array(States.Array($))"}, arrays(DEPTH - 1))]
    runs = [world.begin(one({"Type": "Pass", "Parameters": p}), data) for p, data in expected]
    runs += [world.begin(one({"Type": "Pass", "ResultPath": "$.a.b"}), '{"x":%s}' % arrays(DEPTH - 1))]
    for arn in runs:
        end = world.finish(arn)
        assert (end["status"], end["error"]) == ("FAILED", "States.DataLimitExceeded"), end


# ---- paths and patterns made to cost ----

WIDE = json.dumps({"a": [{"b": list(range(50))} for _ in range(50)]})
DEEP = arrays(400)


MUCH = "The path visits"
COSTLY = [  # a path, its input, words of the failure
    ("$..*..*..*", WIDE, None), ("$" + "..*" * 60, WIDE, None), ("$" + ".*" * 128, WIDE, None),
    ("$..*..*..*..*", DEEP, MUCH), ("$" + "..*" * 64, DEEP, MUCH), ("$..[?(@..[?(@..*)])]", DEEP, MUCH),
    ("$..[?(@..* anyof @..*)]", arrays(150), MUCH), ("$[?(" + "&&".join(["@.a"] * 5000) + ")]", WIDE, None),
    ("$['" + "x" * 100000 + "']", WIDE, "The JSONPath '$['xxx"), ("$.a" + "[0]" * 127, WIDE, "could not be found"),
]


def test_paths_that_visit_much(world):
    every = one({"Type": "Pass", "Parameters": {f"f{i}.$": path for i, (path, _, _) in enumerate(COSTLY)}})
    assert world.lint(every) == (0, [])
    runs = [world.begin(made(path), data) for path, data, _ in COSTLY]
    for (path, _, words), end in zip(COSTLY, map(world.finish, runs)):
        if words is None:
            assert end["status"] == "SUCCEEDED" and isinstance(json.loads(end["output"])["x"], list), (path[:40], end)
        else:
            assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), (path[:40], end)
            assert words in end["cause"], end["cause"][-500:]


NO_PATHS = ["$" + "[*]" * 129, "$" + "[0]" * 5000, "$" + "." * 5000, "$" + "[" * 5000, "$" + "[?(@" * 17 + ")]" * 17,
            "$[?(" + "(" * 5000 + "@" + ")" * 5000 + ")]", "$[?(" + "!" * 5000 + "@)]", "$[99999999999999999999]",
            "$[0:99999999999999999999]", "$[0:1:0]", "$$x", "$.a\0b", "$[?(@.a == 1)", "$['a", "States.",
            "States.Nope()"]
NO_PATTERNS = ["((a{1,100}){1,100}){1,100}", "a{1000000}", "a{0,999999999999}", "[" * 5000, "(" * 5000 + ")" * 5000,
               "(?:" * 65 + "a" + ")" * 65, "a**", "[z-a]", "(?=a)", "a" * 1001, "(a)\\1"]


def test_paths_and_patterns_that_are_none(world):
    paths = NO_PATHS + [f"$[?(@ =~ /{p}/)]" for p in NO_PATTERNS]
    for path in paths:
        answer = world.create(made(path))
        assert answer.status == "InvalidDefinition", (path[:40], answer.line[:300])
        assert "must be a valid JSONPath or a valid intrinsic function call" in answer.message, path[:40]
    all_at_once = one({"Type": "Pass", "Parameters": {f"f{i}.$": p for i, p in enumerate(paths)}})
    world.refuses(all_at_once, "SCHEMA_VALIDATION_FAILED", "must be a valid JSONPath")
    world.refuses(one({"Type": "Pass", "ResultPath": "$" + ".a" * 129}), "SCHEMA_VALIDATION_FAILED", "valid JSONPath")
    deep = world.takes(one({"Type": "Pass", "Result": 1, "ResultPath": "$" + ".a" * 128}))
    assert deep["output"] == '{"a":' * 128 + "1" + "}" * 128


def test_patterns_that_go_back(world):
    """Those that cost other engines the power of the text."""
    patterns = ["(a+)+$", "(a|a)*$", "(a|aa)+$", "(a*)*b", "(.*a){20}b", "^(\\w+\\s?)*$", "(a?){50}a{50}b", "((a*)*)*b"]
    data = json.dumps([{"s": "a" * 10000 + "!", "k": 1}, {"s": "", "k": 2}])
    runs = [world.begin(made(f"$[?(@.s =~ /{p}/)].k"), data) for p in patterns]
    for pattern, arn in zip(patterns, runs):
        end = world.finish(arn)
        assert end["status"] == "SUCCEEDED", (pattern, end)
        assert 1 not in json.loads(end["output"])["x"], pattern


WILDCARDS = [
    ("*a" * 5000, "a" * 4999, "no"), ("*a" * 5000, "a" * 5000, "yes"), ("*" * 100000, "a" * 50000, "yes"),
    ("*a*" * 10000 + "b", "a" * 100000, "no"), ("*" + "a*" * 100 + "c", "ab" * 50000, "no"),
    ("\\*" * 10000, "*" * 10000, "yes"), ("\\*" * 10000, "*" * 9999 + "a", "no"), ("*\\\\*", "\\" * 100000, "yes"),
]


def test_wildcards_in_plenty(world):
    assert world.lint(choose({"Or": [{"Variable": "$", "StringMatches": p} for p, _, _ in WILDCARDS]})) == (0, [])
    runs = [world.begin(choose({"Variable": "$", "StringMatches": p}), json.dumps(text)) for p, text, _ in WILDCARDS]
    for (pattern, _, wanted), end in zip(WILDCARDS, map(world.finish, runs)):
        assert (end["status"], end.get("output")) == ("SUCCEEDED", f'"{wanted}"'), (pattern[:20], end)


# ---- intrinsic functions ----

def test_calls_in_calls(world):
    assert world.takes(made("States.Array(" * 10 + "1" + ")" * 10))["output"] == '{"x":%s1%s}' % ("[" * 10, "]" * 10)
    for depth in (11, 100, 5000):
        world.refuses(made("States.Array(" * depth + "1" + ")" * depth), "SCHEMA_VALIDATION_FAILED",
                      "valid intrinsic function call")


BOUNDS = [  # as much as there may be; one more
    ("States.ArrayRange(1,1000,1)", "States.ArrayRange(1,1001,1)", "", ""),
    ("States.ArrayRange(1000,1,-1)", "States.ArrayRange(-2147483648,2147483647,1)", "", ""),
    *((f, f, "x" * 10000, "x" * 10001) for f in (
        "States.Base64Encode($)", "States.Base64Decode($)", "States.Hash($,'SHA-512')")),
    ("States.Base64Encode($)", "States.Base64Encode($)", "\u00e9" * 10000, "\u00e9" * 10001),
]


def test_functions_have_bounds(world):
    runs = [(past, world.begin(made(fits), json.dumps(data)), world.begin(made(past), json.dumps(more)))
            for fits, past, data, more in BOUNDS]
    for past, fitting, passing in runs:
        assert world.finish(fitting)["status"] == "SUCCEEDED", past
        end = world.finish(passing)
        assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
        assert end["cause"].endswith(f"intrinsic function: {past}. Invalid arguments in {past.split('(')[0]}"), end


def test_format_with_many_braces(world):
    for braces, words in [("{" * 10000, "matching '}' not found for '{'"),
                          ("}" * 10000, "matching '{' not found for '}'"),
                          ("{}" * 10000, "number of arguments do not match the occurrences of {}"),
                          ("{" * 5000 + "}" * 5000, "Invalid template in States.Format")]:
        end = world.run(made("States.Format($,1)"), json.dumps(braces))
        assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
        assert words in end["cause"], end["cause"][-300:]
    stars = ",".join(["1"] * 99)
    assert json.loads(world.run(made(f"States.Format('{'{}' * 99}',{stars})"))["output"])["x"] == "1" * 99
    world.refuses(made(f"States.Format('{'{}' * 100}',{stars},1)"), "SCHEMA_VALIDATION_FAILED")
    end = world.run(made("States.Format('%s{}',1)" % ("\\{\\}" * 5000)))
    assert json.loads(end["output"])["x"] == "{}" * 5000 + "1"
    assert json.loads(world.run(made("States.Format($,$)"), '"{}"')["output"])["x"] == "{}"


def test_json_in_strings(world):
    end = world.run(made("States.StringToJson($)"), json.dumps("[" * 100000))
    assert (end["status"], end["error"]) == ("FAILED", "States.Runtime"), end
    assert "Cannot convert String to Json in States.StringToJson" in end["cause"]
    end = world.run(made("States.StringToJson($)"), json.dumps(arrays(DEPTH - 1)))
    assert end["output"] == '{"x":%s}' % arrays(DEPTH - 1)
    for depth in (DEPTH, DEPTH + 1):
        end = world.run(made("States.StringToJson($)"), json.dumps(arrays(depth)))
        assert end["status"] == "FAILED", end
    for text in ("1e400", "9" * 400, '"\\ud800"', '{"a":1,"a":2}'):
        end = world.run(made("States.StringToJson($)"), json.dumps(text))
        assert json.loads(end["output"])["x"] == json.loads(text), end


# ---- costs follow the sizes: nothing takes their product or their power ----

def test_a_wildcard_costs_no_product(alone):
    rule = {"Variable": "$", "StringMatches": "*" + "a" * 100000 + "b"}
    assert alone.patient(choose(rule), json.dumps("a" * 250000))["output"] == '"no"'


def test_a_split_costs_no_product(alone):
    end = alone.patient(made("States.StringSplit($.t,$.s)"), json.dumps({"t": "b" * 130000, "s": "a" * 130000}))
    assert json.loads(end["output"])["x"] == ["b" * 130000]


def test_a_union_costs_no_square(alone):
    before = alone.memory()
    end = alone.patient(made("$[" + ",".join(["0"] * 20000) + "]"), "[1]")
    assert json.loads(end["output"])["x"] == [1] * 20000
    assert alone.memory() < before + 600 * MIB


def test_escapes_in_escapes_end_early(alone):
    """Each call makes its text twice as long."""
    before, grows = alone.memory(), "States.JsonToString(" * 9 + "$" + ")" * 9
    end = alone.patient(made(f"States.Array({','.join([grows] * 20)})"), json.dumps('"' * 130000))
    assert (end["status"], end["error"]) == ("FAILED", "States.DataLimitExceeded"), end
    assert alone.memory() < before + 600 * MIB


def test_many_paths_that_visit_much_end_early(alone):
    state = {"Type": "Pass", "Parameters": {f"f{i}.$": "$..*..*..*..z" for i in range(10000)}}
    data = json.dumps([[[[i]] for i in range(100)] for _ in range(200)])
    assert alone.patient(one(state), data)["status"] in ("SUCCEEDED", "FAILED")


# ---- names, tokens and ARNs ----

STATE_NAMES = ["../../etc/passwd", "a\0b", "\n", "\u202e", "\ud800", "\U0001f600" * 80, " ", "%s%n", "$.x", '"', "\\"]


def test_states_of_any_name(world):
    def named(name):
        return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}
    runs = [world.begin(named(name)) for name in STATE_NAMES]
    for name, arn in zip(STATE_NAMES, runs):
        assert world.finish(arn)["status"] == "SUCCEEDED"
        events = world.fleet.history(arn)
        assert events[1]["stateEnteredEventDetails"]["name"] == name
        world.fleet.cli("history", arn, timeout=SOON)
    for name in ("x" * 81, "\u00fc" * 81, "x" * 500000):
        world.refuses(named(name), "INVALID_STATE_NAME")


BAD_NAMES = ["", "a b", "a\x7fb", "a\u0085b", "a/b", "../a", "a:b", "x" * 81, "x" * 1000000, b"\xff", b"\xed\xa0\x80"]


def test_names_of_machines_executions_and_activities(world):
    names = ("InvalidName", "SerializationException")
    for name in BAD_NAMES:
        for answer in (world.call(CREATE, name, json.dumps(one({"Type": "Pass"}))), world.call(ACTIVITY_CREATE, name),
                       world.begin_with("normal", name, "{}") if name else None):
            assert answer is None or answer.status in names, (name[:20], answer.line[:300])


NO_RESOURCES = [LAMBDA, "arn:" + ":" * 100000, "arn:aws:states:::" + "x" * 100000, "a\0b", "", "../../x", "\ud800",
                "arn:aws:states:::lambda:invoke.sync.waitForTaskToken", "arn:aws:states:::aws-sdk:sfn:../../x",
                ARN + "activity:a b", ARN + "activity:" + "x" * 81]


def test_resources_that_are_none(world):
    for resource in NO_RESOURCES:
        world.refuses(one({"Type": "Task", "Resource": resource}), "SCHEMA_VALIDATION_FAILED")


TOKENS = ["", "x", "\0", "../../etc", "=" * 100, "AAAA" * 20, "\u00fc" * 100, b"\xff" * 64, "A" * 1000000, "%s%n"]


def test_tokens_that_are_none(world):
    for token in TOKENS:
        for method in (TASK_SUCCESS, TASK_FAILURE, TASK_HEARTBEAT):
            answer = world.call(method, token, *["{}"] if method == TASK_SUCCESS else [])
            assert (answer.status, answer.message) == ("InvalidToken", "Invalid Token: 'Invalid token'"), token[:20]


ENDS = ["", "\x01", "\n", "../../x", "\u202e", "a:b", "\U0001f600" * 80, "\U0001f600" * 81, "x" * 1000000, "%s%n"]


def test_arns_of_nothing(world):
    refusals = ("InvalidArn", "InvalidName", "ExecutionDoesNotExist", "StateMachineDoesNotExist",
                "ActivityDoesNotExist")
    for kind in ("execution:normal:", "execution:", "stateMachine:", "activity:", "express:normal:", "mapRun:normal:"):
        for end in ENDS:
            for method in (START, DESCRIBE, STOP, REDRIVE, WAIT, UPDATE, ACTIVITY_DESCRIBE):
                answer = world.call(method, ARN + kind + end, *["{}"] if method == UPDATE else [])
                assert answer.status in refusals, (method, kind, end[:20], answer.line[:300])
                assert len(answer.message) < 2000
    for arn in ("\0", "arn:\n", b"\xff", "arn:aws:states:us-east-1:1:activity:x" * 1000):
        assert world.call(ACTIVITY_DELETE, arn).status in (*refusals, "SerializationException", "OK")
        assert world.call(DESCRIBE, arn).status in (*refusals, "SerializationException")
