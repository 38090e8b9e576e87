# SPDX-License-Identifier: Apache-2.0
"""The program `stepfleet` against `stepfleet dev` of the built tree.

STEPFLEET_BIN names the directory with stepfleet, stepfleet-coordinator and stepfleet-worker. Every test
looks at exit codes, and at what programs read (--json) before what people read.
"""
import json
import os
import pathlib
import select
import signal
import subprocess
import time

import pytest
from fleet import Fleet

BIN = pathlib.Path(os.environ.get("STEPFLEET_BIN", "build/asan/bin")).resolve()
PROGRAMS = ["stepfleet", "stepfleet-coordinator", "stepfleet-worker"]
MISSING = [p for p in PROGRAMS if not (BIN / p).exists()]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not built: {', '.join(MISSING)} in {BIN}")

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


class Dev:
    """`stepfleet dev` in a directory, and `stepfleet` speaking to it."""

    def __init__(self, where, functions=("Echo=echo", "Copy=stream cat")):
        self.where = where
        self.url = f"ipc://{where}/socket"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("STEPFLEET_", "AWS_", "S3_"))}
        self.env["STEPFLEET_COORDINATOR"] = self.url
        command = [BIN / "stepfleet", "dev", "--data", where / "data", "--workers", "2"]
        for f in functions:
            command += ["--function", f]
        self.process = subprocess.Popen(command, env=self.env, stderr=subprocess.PIPE)
        self.log = b""
        self.read_until(b"ready at", 60)

    def read_until(self, words, seconds):
        deadline = time.monotonic() + seconds
        fd = self.process.stderr.fileno()
        while words not in self.log:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([fd], [], [], left)[0], self.log.decode()
            data = os.read(fd, 65536)
            assert data, self.log.decode()
            self.log += data

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.log += self.process.communicate(timeout=60)[1]
        return self.process.returncode

    def run(self, *arguments, code=0, stdin=None):
        done = subprocess.run(
            [BIN / "stepfleet", *arguments], env=self.env, input=stdin, capture_output=True, timeout=120
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments, **more):
        return json.loads(self.run(*arguments, "--json", **more).stdout)

    def machine(self, name, definition, *options):
        text = json.dumps(definition).encode()
        self.run("machine", "create", name, "-", *options, stdin=text)

    def wait_frame(self, execution, wanted):
        """Until an open state waits for the words wanted."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            shown = self.json("show", execution)
            if any(wanted in f.get("waitsFor", "") for f in shown["frames"]):
                return shown
        raise AssertionError(shown)


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    d = Dev(tmp_path_factory.mktemp("dev"))
    yield d
    assert d.stop() == 0, d.log.decode()


@pytest.fixture
def start_dev(tmp_path):
    """One that a test starts itself: whatever happens, it does not outlive the test."""
    started = []

    def start(*functions):
        started.append(Dev(tmp_path, functions))
        return started[-1]

    yield start
    for d in started:
        if d.process.poll() is None:
            d.process.kill()
            d.process.communicate()


def chain(*states):
    """A chain of states, each a (name, state)."""
    out = {"StartAt": states[0][0], "States": {}}
    for i, (name, state) in enumerate(states):
        more = {"Next": states[i + 1][0]} if i + 1 < len(states) else {"End": True}
        out["States"][name] = {**state, **more}
    return out


ECHO = {"Type": "Task", "Resource": FUNCTION + "Echo"}


def copy(stage, previous=None):
    payload = {
        "executionId.$": "$$.Execution.Name",
        "currentStage": stage,
        "previousStage": previous,
        "workflowBucket": "the-bucket",
        "initialData.$": "$",
    }
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": FUNCTION + "Copy", "Payload": payload},
        "ResultPath": None,
    }


def test_start_wait_prints_the_output_alone(dev):
    dev.machine("echo", chain(("A", ECHO)))
    done = dev.run("start", "echo", "--name", "one", "--input", '{"a": 1}', "--wait")
    assert json.loads(done.stdout) == {"a": 1}
    assert done.stderr.decode().strip() == "arn:aws:states:us-east-1:123456789012:execution:echo:one"


def test_input_from_file_and_stdin(dev, tmp_path):
    dev.machine("inputs", chain(("A", ECHO)))
    (tmp_path / "in.json").write_text("[1, 2]")
    assert dev.run("start", "inputs", "--input-file", tmp_path / "in.json", "--wait").stdout == b"[1,2]\n"
    assert dev.run("start", "inputs", "--input-file", "-", "--wait", stdin=b'"x"').stdout == b'"x"\n'
    assert dev.run("start", "inputs", "--wait").stdout == b"{}\n"


def test_wrong_input_is_found_here(dev):
    done = dev.run("start", "nobody", "--input", '{"a":\n1,}', code=2)
    assert b"line 2" in done.stderr
    assert dev.run("start", "nobody", "--input", "1", "--input-file", "-", code=2).stdout == b""


def test_a_failed_execution_is_exit_code_1(dev):
    dev.machine("fails", {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Boom", "Cause": "so it is"}}})
    done = dev.run("start", "fails", "--wait", code=1)
    assert done.stdout == b"" and b"FAILED: Boom: so it is" in done.stderr
    shown = dev.json("start", "fails", "--wait", code=1)
    assert (shown["status"], shown["error"], shown["cause"]) == ("FAILED", "Boom", "so it is")


def test_refusals_are_exit_code_3_with_awss_name(dev):
    assert b"StateMachineDoesNotExist" in dev.run("start", "nobody", code=3).stderr
    assert b"ExecutionDoesNotExist" in dev.run("show", "nobody/nothing", code=3).stderr
    assert b"InvalidDefinition" in dev.run("machine", "create", "bad", "-", stdin=b"{}", code=3).stderr
    dev.machine("twice", chain(("A", ECHO)))
    dev.machine("twice", chain(("A", ECHO)))
    other = json.dumps(chain(("B", ECHO))).encode()
    assert b"StateMachineAlreadyExists" in dev.run("machine", "create", "twice", "-", stdin=other, code=3).stderr


def test_usage_is_exit_code_2(dev):
    assert b'did you mean "start"?' in dev.run("strat", code=2).stderr
    assert b"did you mean --wait?" in dev.run("start", "x", "--wiat", code=2).stderr
    assert b"loopback" in dev.run("--coordinator", "tcp://192.0.2.1:1", "health", code=2).stderr
    assert b"--machine" in dev.run("show", "lonely", code=2).stderr


def test_unreachable_is_exit_code_4(dev, tmp_path):
    done = dev.run("--coordinator", f"ipc://{tmp_path}/nobody", "health", code=4)
    assert b"stepfleet dev" in done.stderr


def test_every_command_teaches(dev):
    top = dev.run("--help").stdout.decode()
    for command in ["dev", "machine", "start", "show", "list", "watch", "history", "output", "stop", "redrive",
                    "workers", "health", "alias", "tag", "key"]:
        assert f"  {command} " in top
        text = dev.run(command, "--help").stdout.decode()
        assert text.startswith(f"Usage: stepfleet {command}") and "Example" in text
    for command in ["create", "update", "list", "show", "delete", "publish", "versions", "unpublish"]:
        assert "Example" in dev.run("machine", command, "--help").stdout.decode()
    assert dev.run("--version").stdout.startswith(b"stepfleet ")


def test_machines_come_and_go(dev):
    dev.machine("life", chain(("A", ECHO)))
    again = dev.json("machine", "update", "life", "-", stdin=json.dumps(chain(("B", ECHO))).encode())
    assert again["revision"] == 2
    assert json.loads(dev.run("machine", "show", "life", "--definition").stdout)["StartAt"] == "B"
    shown = dev.json("machine", "show", "life")
    assert shown["type"] == "STANDARD" and shown["functions"] == ["Echo"] and shown["missingFunctions"] == []
    assert json.loads(dev.json("machine", "show", "life", "--revision", "1")["definition"])["StartAt"] == "A"
    names = [m["name"] for m in dev.json("machine", "list")["stateMachines"]]
    assert "life" in names and names == sorted(names)
    dev.run("machine", "delete", "life")
    dev.run("machine", "delete", "life")
    assert "life" not in [m["name"] for m in dev.json("machine", "list")["stateMachines"]]


def test_logging_by_its_level(dev):
    def logged(name):
        return dev.json("machine", "show", name)["loggingConfiguration"]

    text = json.dumps(chain(("A", ECHO))).encode()
    dev.run("machine", "create", "logged", "-", "--logging", "ERROR", stdin=text)
    arn = dev.json("machine", "show", "logged")["stateMachineArn"]
    group = arn.replace(":states:", ":logs:").split("stateMachine")[0] + "log-group:/aws/vendedlogs/states/logged-Logs:*"
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
    assert logged("logged") == {"level": "ERROR", "includeExecutionData": True, "destinations": destinations}
    dev.run("machine", "update", arn, "--logging", "ALL")
    assert logged("logged") == {"level": "ALL", "includeExecutionData": True, "destinations": destinations}
    dev.run("machine", "update", "logged", "--logging", "OFF")
    assert logged("logged")["level"] == "OFF"
    whole = {"level": "FATAL", "includeExecutionData": False, "destinations": destinations}
    dev.run("machine", "update", "logged", "--logging", json.dumps(whole))
    assert logged("logged") == whole
    assert b"SOME" in dev.run("machine", "update", "logged", "--logging", "SOME", code=3).stderr


def test_a_cdk_template_runs(dev, tmp_path):
    definition = {"Fn::Join": ["", [
        '{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Resource":"', {"Fn::GetAtt": ["Echo", "Arn"]},
        '"}}}']]}
    template = {"Resources": {
        "Echo": {"Type": "AWS::Lambda::Function", "Properties": {}},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine",
                    "Properties": {"DefinitionString": definition, "StateMachineType": "STANDARD"}},
    }}
    (tmp_path / "t.json").write_text(json.dumps(template))
    dev.run("machine", "create", "from-cdk", tmp_path / "t.json")
    assert dev.run("start", "from-cdk", "--input", "7", "--wait").stdout == b"7\n"
    assert b"Machine" in dev.run("machine", "create", "x", tmp_path / "t.json", "--resource", "No", code=2).stderr


def passes(result):
    """A machine that gives the same output always."""
    return chain(("A", {"Type": "Pass", "Result": result}))


def publish_two(dev, name):
    """The ARNs of two versions of a new machine, that give 1 and 2."""
    dev.machine(name, passes(1))
    first = dev.run("machine", "publish", name).stdout.decode().strip()
    dev.run("machine", "update", name, "-", stdin=json.dumps(passes(2)).encode())
    return first, dev.run("machine", "publish", name).stdout.decode().strip()


def versions(dev, name):
    return [v["stateMachineVersionArn"] for v in dev.json("machine", "versions", name)["stateMachineVersions"]]


def test_versions(dev):
    dev.machine("ver", passes(1))
    assert b"less than or equal to 256" in dev.run("machine", "publish", "ver", "--description", "x" * 257, code=3).stderr
    first = dev.run("machine", "publish", "ver", "--description", "the first").stdout.decode().strip()
    assert first.endswith(":stateMachine:ver:1")
    dev.run("machine", "update", "ver", "-", stdin=json.dumps(passes(2)).encode())
    second = dev.json("machine", "publish", "ver")["stateMachineVersionArn"]
    assert second.endswith(":ver:2") and dev.json("machine", "publish", "ver")["stateMachineVersionArn"] == second
    assert versions(dev, "ver") == [second, first]
    lines = dev.run("machine", "versions", "ver").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [b"VERSION", b"ver:2", b"ver:1"]
    assert dev.run("start", "ver:1", "--wait").stdout == b"1\n"
    assert dev.run("start", "ver", "--wait").stdout == b"2\n"
    assert b'"Result": 1' in dev.run("machine", "show", "ver:1", "--definition").stdout

    # One that an alias leads to stays; of one that goes the number is not given again.
    dev.run("alias", "create", "canary", "ver:1=90", "ver:2=10")
    assert b"canary" in dev.run("machine", "unpublish", "ver:1", code=3).stderr
    dev.run("alias", "delete", "ver:canary")
    assert versions(dev, "ver") == [second, first]
    for version in ("ver:1", "ver:1", second):
        assert dev.json("machine", "unpublish", version) == {}
    assert versions(dev, "ver") == []
    assert b"Does Not Exist" in dev.run("start", "ver:1", code=3).stderr
    assert dev.json("machine", "publish", "ver")["stateMachineVersionArn"].endswith(":ver:3")


def aliases(dev, of):
    return [a["name"] for a in dev.json("alias", "list", of)["stateMachineAliases"]]


def leads(dev, alias):
    got = dev.json("alias", "show", alias)
    return [(r["stateMachineVersionArn"], r["weight"]) for r in got["routingConfiguration"]], got["description"]


def test_aliases(dev):
    first, second = publish_two(dev, "ali")
    make = ["alias", "create", "live", "ali:1", "--description", "d"]
    alias = dev.run(*make).stdout.decode().strip()
    assert alias.endswith(":ali:live") and dev.run(*make).stdout.decode().strip() == alias
    assert b"already exists" in dev.run("alias", "create", "live", "ali:2", code=3).stderr
    assert dev.run("start", "ali:live", "--name", "by-alias", "--wait").stdout == b"1\n"
    dev.run("start", "ali:1", "--name", "by-version", "--wait")
    assert [e["name"] for e in dev.json("list", "-m", "ali:live")["executions"]] == ["by-alias"]
    assert leads(dev, "ali:live") == ([(first, 100)], "d")

    # What is not given stays as it is; a weight that is not given is what the other leaves.
    assert dev.run("alias", "update", "ali:live", "ali:2=100", "ali:1").stdout.decode().strip() == alias
    assert leads(dev, alias) == ([(second, 100), (first, 0)], "d")
    assert b"ali:2 100 %, ali:1 0 %" in dev.run("alias", "show", "ali:live").stdout
    assert [dev.run("start", "ali:live", "--wait").stdout for _ in range(3)] == [b"2\n"] * 3
    dev.run("alias", "update", "ali:live", "--description", "e")
    assert leads(dev, "ali:live") == ([(second, 100), (first, 0)], "e")
    dev.run("alias", "update", "ali:live", "ali:2=0", "ali:1=100")
    assert [dev.run("start", "ali:live", "--wait").stdout for _ in range(3)] == [b"1\n"] * 3
    assert b"must be specified" in dev.run("alias", "update", "ali:live", code=3).stderr

    # A list in order of names, not of making; of a version, those that lead to it.
    dev.run("alias", "create", "canary", "ali:2")
    assert aliases(dev, "ali") == ["canary", "live"]
    assert aliases(dev, "ali:1") == ["live"] and aliases(dev, second) == ["canary", "live"]
    lines = dev.run("alias", "list", "ali").stdout.decode().splitlines()
    assert lines[1].startswith("canary") and "ali:2 100 %" in lines[1]
    assert lines[2].startswith("live") and "ali:2 0 %, ali:1 100 %" in lines[2] and lines[2].endswith("  e")

    assert b"must equal 100" in dev.run("alias", "create", "x", "ali:1=90", "ali:2=9", code=3).stderr
    assert b"a weight is" in dev.run("alias", "create", "x", "ali:1=101", code=2).stderr
    for name in ("canary", "live", "live"):
        dev.run("alias", "delete", f"ali:{name}")
    assert aliases(dev, "ali") == []
    assert b"does not exist" in dev.run("alias", "show", "ali:live", code=3).stderr
    assert b"Does Not Exist" in dev.run("start", "ali:live", code=3).stderr


def test_tags(dev):
    dev.machine("tagged", passes(1))

    def tag(*arguments):
        return [(t["key"], t["value"]) for t in dev.json("tag", "tagged", *arguments)["tags"]]
    assert tag("team=data", "eq=a=b") == [("team", "data"), ("eq", "a=b")]
    assert tag("--remove", "team", "--remove", "none", "z=") == [("eq", "a=b"), ("z", "")]
    assert tag("z=1") == [("eq", "a=b"), ("z", "1")]
    assert tag("--remove", "z", "z=2") == [("eq", "a=b"), ("z", "2")]
    assert tag() == [("eq", "a=b"), ("z", "2")]
    assert [line.split() for line in dev.run("tag", "tagged").stdout.splitlines()] == [
        [b"KEY", b"VALUE"], [b"eq", b"a=b"], [b"z", b"2"]]
    for bad in ("oops", "=v"):
        assert b"KEY=VALUE" in dev.run("tag", "tagged", bad, code=2).stderr
    assert b"Resource not found" in dev.run("tag", "nobody", "a=b", code=3).stderr
    # By ARN; an activity has its own.
    machine = dev.json("machine", "show", "tagged")["stateMachineArn"]
    assert b"eq" in dev.run("tag", machine).stdout
    activity = dev.run("activity", "create", "tagged").stdout.decode().strip()
    assert dev.json("tag", activity, "a=b")["tags"] == [{"key": "a", "value": "b"}]
    assert tag() == [("eq", "a=b"), ("z", "2")]


def test_versions_aliases_and_tags_outlive_the_coordinator(start_dev):
    dev = start_dev("Echo=echo")
    first, second = publish_two(dev, "kept")
    dev.run("alias", "create", "live", "kept:1=1", "kept:2", "--description", "d")
    dev.run("alias", "create", "gone", "kept:1")
    dev.run("alias", "delete", "kept:gone")
    dev.run("tag", "kept", "a=1", "b=2")
    dev.run("tag", "kept", "--remove", "a")
    assert dev.stop() == 0, dev.log.decode()
    dev = start_dev("Echo=echo")
    assert versions(dev, "kept") == [second, first] and aliases(dev, "kept") == ["live"]
    assert leads(dev, "kept:live") == ([(first, 1), (second, 99)], "d")
    assert dev.json("tag", "kept")["tags"] == [{"key": "b", "value": "2"}]
    assert dev.run("start", "kept:1", "--wait").stdout == b"1\n"
    assert dev.stop() == 0, dev.log.decode()


def test_list_history_and_show(dev):
    dev.machine("listed", chain(("A", ECHO)))
    for i in range(3):
        dev.run("start", "listed", "--name", f"run-{i}", "--wait")
    listed = dev.json("list", "-m", "listed", "--prefix", "run-", "--limit", "2")["executions"]
    assert [e["name"] for e in listed] == ["run-2", "run-1"]
    assert all(e["status"] == "SUCCEEDED" and e["startDate"].endswith("Z") for e in listed)
    assert dev.json("list", "-m", "listed", "--status", "FAILED")["executions"] == []
    begun = dev.json("show", "listed/run-1")["startDate"]

    def names(*options):
        return [e["name"] for e in dev.json("list", "-m", "listed", *options)["executions"]]
    assert names("--since", begun) == ["run-2", "run-1"]
    assert names("--until", begun) == ["run-0"]
    assert names("--since", begun, "--until", begun) == []
    assert names("--since", "1h") == names("--since", "2026-01-01") == ["run-2", "run-1", "run-0"]
    assert names("--until", "1h") == names("--until", "2026-01-01") == []
    assert b"is no time" in dev.run("list", "--since", "yesterday", code=2).stderr
    events = dev.json("history", "listed/run-0")["events"]
    assert [int(e["id"]) for e in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "ExecutionStarted" and events[-1]["type"] == "ExecutionSucceeded"
    assert events[0]["timestamp"].endswith("Z")
    newest = dev.json("history", "run-0", "--machine", "listed", "--reverse", "--limit", "1")["events"]
    assert newest == events[-1:]
    bare = dev.json("history", "listed/run-0", "--no-data")["events"]
    assert "input" not in bare[0].get("executionStartedEventDetails", {})
    assert "input" in events[0]["executionStartedEventDetails"]
    assert b"ExecutionSucceeded" in dev.run("history", "listed/run-0").stdout
    assert b"SUCCEEDED" in dev.run("show", "listed/run-0").stdout


def test_show_says_why_it_waits_then_stop_and_redrive(dev):
    dev.machine("waits", chain(("T", {"Type": "Task", "Resource": FUNCTION + "Nobody"})))
    assert dev.json("machine", "show", "waits")["missingFunctions"] == ["Nobody"]
    dev.run("start", "waits", "--name", "w")
    shown = dev.wait_frame("waits/w", "Nobody")
    assert shown["status"] == "RUNNING" and shown["frames"][0]["workersOffering"] == 0
    assert b"Nobody" in dev.run("show", "waits/w").stdout
    dev.run("stop", "waits/w", "--error", "Op", "--cause", "enough")
    shown = dev.json("show", "waits/w")
    assert (shown["status"], shown["error"], shown["cause"]) == ("ABORTED", "Op", "enough")
    dev.run("redrive", "waits/w")
    assert dev.json("show", "waits/w")["redriveCount"] == 1
    assert b"ExecutionNotRedrivable" in dev.run("redrive", "waits/w", code=3).stderr
    dev.run("stop", "waits/w")


def test_watch_ends_with_the_execution(dev):
    dev.machine("watched", chain(("A", ECHO), ("Pause", {"Type": "Wait", "Seconds": 1}), ("B", ECHO)))
    dev.run("start", "watched", "--name", "w", "--input", "5")
    lines = dev.run("watch", "watched/w").stdout.decode().splitlines()
    assert lines[-1] == "5"
    for stage in ["A", "Pause", "B"]:
        assert any(f"  {stage}  done" in line for line in lines), lines
    assert not any("\033" in line for line in lines)
    assert dev.json("watch", "watched/w")["status"] == "SUCCEEDED"


def test_output_streams_what_a_stage_wrote(dev, tmp_path):
    dev.machine("stages", chain(("One", copy("One")), ("Two", copy("Two", "One"))))
    data = {"rows": ["x" * 100] * 2000}
    dev.run("start", "stages", "--name", "s", "--input-file", "-", "--wait", stdin=json.dumps(data).encode())
    for stage in ["One", "Two"]:
        assert json.loads(dev.run("output", "stages/s", stage).stdout) == data
    dev.run("output", "stages/s", "Two", "-o", tmp_path / "two.json")
    assert json.loads((tmp_path / "two.json").read_text()) == data
    assert dev.run("output", "stages/s", "Two", "--bucket", "the-bucket").stdout
    dev.run("output", "stages/s", "Three", code=3)
    dev.run("output", "stages/s", "Two", "--bucket", "other", "-o", tmp_path / "none.json", code=3)
    assert [p.name for p in tmp_path.iterdir()] == ["two.json"]


def test_express_runs_at_once(dev):
    dev.machine("express", chain(("A", ECHO)), "--type", "EXPRESS")
    assert dev.run("start", "express", "--sync", "--input", "[3]").stdout == b"[3]\n"
    arn = dev.json("start", "express")["executionArn"]
    assert ":express:express:" in arn
    dev.machine("slow", chain(("A", ECHO)))
    assert b"StateMachineTypeNotSupported" in dev.run("start", "slow", "--sync", code=3).stderr


def test_workers_and_health(dev):
    workers = dev.json("workers")["workers"]
    assert sorted(w["name"] for w in workers) == ["dev-1", "dev-2"]
    assert {o["function"] for o in workers[0]["offers"]} == {"Echo", "Copy", "stepfleet:job"}
    health = dev.json("health")
    assert health["objectsRoot"] == str(dev.where / "data" / "objects") and health["region"] == "us-east-1"
    assert b"dev-1" in dev.run("workers").stdout and b"software" in dev.run("health").stdout


def test_full_disk_is_said(dev):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "stepfleet", "health"], env=dev.env, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 5 and b"No space left" in done.stderr


def closed_after(command, env, want):
    """Read so much of what it says, close the pipe: how it ends, and its last words."""
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        assert len(p.stdout.read(want)) == want
        p.stdout.close()
        return p.wait(60), p.stderr.read()


def test_a_closed_pipe_is_no_error(dev):
    """As `| head` closes it: the end is that of any Unix program, by the signal and without words."""
    dev.machine("pipes", chain(("One", copy("One"))))
    dev.run("start", "pipes", "--name", "p", "--input-file", "-", "--wait", stdin=json.dumps("x" * 250000).encode())
    for command in (["output", "pipes/p", "One"], ["history", "pipes/p", "--json"]):
        status, words = closed_after([BIN / "stepfleet", *command], dev.env, 2000)
        assert (status, words) == (-signal.SIGPIPE, b""), command
    read, write = os.pipe()
    os.close(read)
    for command in (["health"], ["--help"], ["start", "--help"], ["--version"]):
        done = subprocess.run([BIN / "stepfleet", *command], env=dev.env, stdout=write, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b""), command
    os.close(write)


def test_output_finds_a_stage_late_in_a_long_history(tmp_path):
    """Past AWS's quota of history events, which the coordinator may lift; by
    the name of its state, which is not the one its event gives."""
    rounds = 13000
    definition = chain(
        ("Begin", {"Type": "Pass", "Result": 0, "ResultPath": "$.n"}),
        ("Round", {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}}),
        ("Late", copy("Elsewhere")))
    definition["States"]["Round"]["Next"] = "Again"
    definition["States"]["Again"] = {"Type": "Choice", "Default": "Late", "Choices": [
        {"Variable": "$.n", "NumericLessThan": rounds, "Next": "Round"}]}
    with Fleet(tmp_path, limits={"history_events": 1000000}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"Copy": {"handler": "stream", "command": "cat"}})
        fleet.create("long", definition)
        arn = fleet.start("long", "l", {})
        assert fleet.finish(arn, 120)["status"] == "SUCCEEDED"
        assert int(fleet.json("history", arn, "--reverse", "--limit", "1")["events"][0]["id"]) > 50000
        assert json.loads(fleet.cli("output", "long/l", "Late").stdout) == {"n": rounds}
        assert fleet.cli("output", "long/l", "Round", check=False).returncode == 3


def test_every_program_takes_h(dev):
    for program in PROGRAMS:
        short = subprocess.run([BIN / program, "-h"], env=dev.env, capture_output=True)
        long = subprocess.run([BIN / program, "--help"], env=dev.env, capture_output=True)
        assert short.returncode == 0 and short.stdout == long.stdout and b"-h, --help" in short.stdout


def check_config(*arguments):
    done = subprocess.run([BIN / "stepfleet-coordinator", "--check-config", *arguments], capture_output=True, timeout=60)
    return done.returncode, done.stderr.decode()


def test_check_config_refuses_what_starting_refuses(tmp_path):
    for url in ["tcp://127.0.0.1:7233", "tcp://127.1.2.3:1", "tcp://[::1]:7233", "tcp://localhost:65535", "ipc:///x/y"]:
        assert check_config("--listen", url) == (0, ""), url
    for url in ["tcp://0.0.0.0:1", "tcp://192.0.2.1:7233", "tcp://*:7233", "tcp://127.example.com:7233", "tcp://[::]:7233",
                "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "ipc://", "inproc://x", ""]:
        status, words = check_config("--listen", url)
        assert status == 1 and "loopback" in words and url in words, (url, words)
        data = tmp_path / "data"
        started = subprocess.run([BIN / "stepfleet-coordinator", "--listen", url, "--data", data], capture_output=True,
                                 timeout=60)
        assert (started.returncode, started.stderr.decode()) == (status, words) and not data.exists()


def test_a_worker_speaks_to_this_machine_only(tmp_path):
    def check(url):
        conf = tmp_path / "worker.conf"
        conf.write_text(f"[worker]\ncoordinator = {url}\nname = w\n[function f]\nhandler = event\ncommand = cat\n")
        return subprocess.run([BIN / "stepfleet-worker", "-c", conf, "--check-config"], capture_output=True,
                              text=True, timeout=60)
    for url in ["tcp://127.0.0.1:7233", "tcp://127.1.2.3:1", "tcp://[::1]:7233", "tcp://localhost:65535", "ipc:///x/y"]:
        assert check(url).returncode == 0, url
    for url in ["tcp://0.0.0.0:1", "tcp://127.example.com:7233", "tcp://127.0.0.1.example.com:7233", "tcp://127.0.0.1"]:
        done = check(url)
        assert done.returncode != 0 and url in done.stderr, (url, done.stderr)


def test_a_lease_has_its_bounds(tmp_path):
    conf = tmp_path / "c.conf"
    for lease, fits in [("499ms", False), ("500ms", True), ("24h", True), ("86400001ms", False), ("50d", False)]:
        conf.write_text(f"[coordinator]\nlease = {lease}\n")
        status, words = check_config("-c", conf)
        assert (status, words) == (0, "") if fits else (status == 1 and "500ms to 24h" in words), (lease, words)


def test_dev_keeps_everything_and_drains(start_dev):
    d = start_dev("Slow=event sh -c 'sleep 1; cat'")
    d.machine("kept", chain(("A", {"Type": "Task", "Resource": FUNCTION + "Slow"})))
    d.run("start", "kept", "--name", "k", "--input", "9")
    d.wait_frame("kept/k", "")
    assert d.stop() == 0, d.log.decode()
    d = start_dev("Slow=event sh -c 'sleep 1; cat'")
    lines = d.run("watch", "kept/k").stdout.decode().splitlines()
    assert lines[-1] == "9"
    assert "TaskFailed" not in d.run("history", "kept/k").stdout.decode()
    assert d.stop() == 0, d.log.decode()


def test_rules_and_events(dev):
    arn = dev.json("queue", "create", "told")["queueArn"]
    lost = dev.json("queue", "create", "lost")["queueArn"]
    dev.run("rule", "create", "orders", "--pattern", '{"source":["shop"]}', "--description", "all of them")
    dev.run("rule", "create", "nightly", "--schedule", "cron(0 2 * * ? *)", "--disabled")
    assert "InvalidEventPatternException" in dev.run("rule", "create", "x", "--pattern", "{", code=3).stderr.decode()
    dev.run("rule", "target", "orders", "a", arn, "--input-path", "$.detail", "--dead-letters", lost, "--retries", "3")
    dev.run("rule", "target", "orders", "b", arn, "--input", '"b"')
    shown = dev.json("rule", "show", "orders")
    assert [t["id"] for t in shown["targets"]] == ["a", "b"] and shown["eventPattern"] == '{"source":["shop"]}'
    assert json.loads(shown["targets"][0]["retryPolicy"]) == {"MaximumRetryAttempts": 3}
    assert json.loads(shown["targets"][0]["deadLetterConfig"]) == {"Arn": lost}
    dev.run("rule", "untarget", "orders", "b")
    assert arn in dev.run("rule", "show", "orders").stdout.decode()
    listed = dev.json("rule", "list")["rules"]
    assert [(r["name"], r["state"]) for r in listed] == [("nightly", "DISABLED"), ("orders", "ENABLED")]
    assert dev.json("event", "put", "shop", "order", '{"total": 20}')["eventId"]
    received = dev.run("queue", "receive", "told", "--wait", "10", "--delete").stdout.decode()
    assert json.loads(received) == {"total": 20}
    assert "NotAuthorizedForSource" in dev.run("event", "put", "aws.s3", "x", "{}", code=3).stderr.decode()
    dev.run("event", "put", "shop", "order", "{", code=2)
    dev.run("rule", "disable", "orders")
    dev.run("event", "put", "shop", "order", "-", stdin=b"{}")
    assert dev.run("queue", "receive", "told", code=1).stdout == b""
    dev.run("rule", "enable", "orders")
    for name in ("orders", "nightly"):
        dev.run("rule", "delete", name)
    assert dev.json("rule", "list")["rules"] == []
    for name in ("told", "lost"):
        dev.run("queue", "delete", name)


def test_queues(dev):
    arn = dev.run("queue", "create", "work", "--attribute", "VisibilityTimeout=600").stdout.decode().strip()
    assert arn.startswith("arn:aws:sqs:") and arn.endswith(":work")
    assert dev.json("queue", "create", "work")["queueArn"] == arn
    refused = dev.run("queue", "create", "work", "--attribute", "VisibilityTimeout=1", code=3).stderr.decode()
    assert "QueueNameExists" in refused and "VisibilityTimeout" in refused
    assert "expected NAME=VALUE" in dev.run("queue", "create", "x", "--attribute", "y", code=2).stderr.decode()
    dev.run("queue", "create", "ordered.fifo", "--fifo")
    assert [q["name"] for q in dev.json("queue", "list")["queues"]] == ["ordered.fifo", "work"]
    assert dev.run("queue", "list", "or").stdout.decode().splitlines()[1:] == ["ordered.fifo"]
    assert dev.json("queue", "show", arn)["VisibilityTimeout"] == "600"
    sent = dev.json("queue", "send", "work", "-", stdin="a \u00fc\n".encode())
    assert len(sent["messageId"]) == 36
    assert dev.json("queue", "show", "work")["ApproximateNumberOfMessages"] == "1"
    m, = dev.json("queue", "receive", "work")["messages"]
    assert m["body"] == "a \u00fc\n" and m["messageId"] == sent["messageId"] and m["receiveCount"] == 1
    assert b"no message within 1 s" in dev.run("queue", "receive", "work", "--wait", "1", code=1).stderr
    assert "MissingParameter" in dev.run("queue", "send", "ordered.fifo", "x", code=3).stderr.decode()
    for i in range(3):
        dev.run("queue", "send", "ordered.fifo", f"{i}", "--group", "g", "--dedup", f"{i}")
    dev.run("queue", "send", "ordered.fifo", "again", "--group", "g", "--dedup", "2")
    assert dev.run("queue", "receive", "ordered.fifo", "--max", "10", "--delete").stdout == b"0\n1\n2\n"
    assert dev.json("queue", "show", "ordered.fifo")["ApproximateNumberOfMessagesNotVisible"] == "0"
    dev.run("queue", "send", "work", "late", "--delay", "900")
    dev.run("queue", "purge", "work")
    assert dev.json("queue", "show", "work")["ApproximateNumberOfMessagesDelayed"] == "0"
    assert "PurgeQueueInProgress" in dev.run("queue", "purge", "work", code=3).stderr.decode()
    dev.run("queue", "delete", "work")
    assert "QueueDoesNotExist" in dev.run("queue", "show", "work", code=3).stderr.decode()


def test_dev_ends_with_its_coordinator(start_dev):
    d = start_dev("Echo=echo")
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(d.process.pid)], capture_output=True, text=True)
    coordinator = [line.split()[0] for line in children.stdout.splitlines() if "-coord" in line]
    assert len(coordinator) == 1, children.stdout
    os.kill(int(coordinator[0]), signal.SIGKILL)
    d.log += d.process.communicate(timeout=60)[1]
    assert d.process.returncode == 137 and b"ended with status 137" in d.log
