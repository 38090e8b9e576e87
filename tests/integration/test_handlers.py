# SPDX-License-Identifier: Apache-2.0
"""What handlers are given and give beside event and result, through real processes: version, credentials, the log,
a job's begin, and the end of tasks nobody wants any more."""
import base64
import json
import pathlib
import re
import time

from fleet import LAMBDA, Fleet, check_history, task, wait_until
from test_bad_handlers import event, idle, marked, script, stream

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "deploy/integration"
ROLE = "arn:aws:iam::123456789012:role/very-private-4720"
ADD_STEP = "arn:aws:states:::elasticmapreduce:addStep"


def details(events, kind):
    """The details of the one event of this kind."""
    found, = [e for e in events if e["type"] == kind]
    return next(v for k, v in found.items() if k.endswith("EventDetails"))


def one(state, name="S"):
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


def test_an_integration_of_ones_own(tmp_path):
    """The example in deploy/integration: a .sync task whose job begins, works and ends."""
    with Fleet(tmp_path, bind={"elasticmapreduce:addStep": "add-step"}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"add-step": event(f"/usr/bin/python3 -B {EXAMPLE}/add_step.py", **{
            "env.STEP_PROGRAMS": "/usr/bin"})})
        fleet.create("m", (EXAMPLE / "step.asl.json").read_text())
        words = tmp_path / "words"
        words.write_text("one two three\n")
        arn = fleet.start("m", payload={"file": str(words)})
        end = fleet.finish(arn)
        assert end["status"] == "SUCCEEDED", end
        output = json.loads(end["output"])
        assert output["state"] == "COMPLETED"
        events = fleet.history(arn)
        check_history(events)
        assert [e["type"] for e in events] == [
            "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
            "TaskStateExited", "ExecutionSucceeded"]
        assert (details(events, "TaskScheduled")["resourceType"], details(events, "TaskScheduled")["resource"]) == (
            "elasticmapreduce", "addStep.sync")
        assert json.loads(details(events, "TaskSubmitted")["output"]) == {"StepId": output["id"]}
        assert json.loads(details(events, "TaskSucceeded")["output"])["Step"]["Id"] == output["id"]

        arn = fleet.start("m", payload={"file": str(tmp_path / "none")})
        end = fleet.finish(arn)
        assert (end["status"], end["error"]) == ("FAILED", "States.TaskFailed"), end
        assert json.loads(end["cause"])["Step"]["Status"]["State"] == "FAILED"
        assert "StepId" in details(fleet.history(arn), "TaskSubmitted")["output"]

        fleet.create("n", one({"Type": "Task", "Resource": ADD_STEP, "Parameters": {"Step": {
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["wc"]}}}}))
        end = fleet.finish(fleet.start("n"))
        assert end["error"] == "ElasticMapReduce.InvalidRequestException" and "addStep.sync" in end["cause"]


def test_a_job_that_began_is_told_once_whatever_happens_to_the_coordinator(tmp_path):
    waits = ("import os,time\nos.write(6, b'{\\n \"job\": 1\\n}')\n"
             "while not os.path.exists(os.environ['GO']): time.sleep(0.02)\nprint('{\"done\":true}')")
    with Fleet(tmp_path, bind={"elasticmapreduce:addStep": "job", "batch:submitJob": "silent"}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"job": event(script(fleet, "job", waits), **{"env.GO": tmp_path / "go"}),
                                  "silent": event("echo 7")})
        fleet.create("m", one({"Type": "Task", "Resource": ADD_STEP + ".sync", "Parameters": {}}))
        fleet.create("s", one({"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {}}))
        arn = fleet.start("m")
        wait_until(lambda: any(e["type"] == "TaskSubmitted" for e in fleet.history(arn)), say="the job has not begun")
        assert fleet.show(arn)["status"] == "RUNNING"
        fleet.coordinator.kill()
        fleet.start_coordinator()
        (tmp_path / "go").write_text("")
        end = fleet.finish(arn)
        assert (end["status"], json.loads(end["output"])) == ("SUCCEEDED", {"done": True}), end
        events = fleet.history(arn)
        check_history(events)
        assert json.loads(details(events, "TaskSubmitted")["output"]) == {"job": 1}

        arn = fleet.start("s")  # it does not say so: the result is shown
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
        assert json.loads(details(fleet.history(arn), "TaskSubmitted")["output"]) == 7


def test_version_and_credentials(fleet):
    shows = script(fleet, "shows", "import json,os,sys\nprint(json.dumps({k: os.environ.get(k) for k in sys.argv[1:]}))")
    names = ["AWS_LAMBDA_FUNCTION_VERSION", "STEPFLEET_CREDENTIALS", "STEPFLEET_SUBMITTED_FD"]
    fleet.start_worker("w1", {"show": event(" ".join([shows, *names]))}, log="debug")
    invoke = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "OutputPath": "$.Payload"}
    for name, state, version in (
            ("plain", task("show"), "$LATEST"),
            ("alias", task("show:live"), "live"),
            ("qualifier", {**invoke, "Parameters": {"FunctionName": "show", "Qualifier": "7"}}, "7"),
            ("named", {**invoke, "Parameters": {"FunctionName": LAMBDA + "show:blue"}}, "blue")):
        fleet.create(name, one(state))
        end = fleet.finish(fleet.start(name))
        assert end["status"] == "SUCCEEDED", (name, end)
        assert json.loads(end["output"]) == dict(zip(names, (version, None, None))), name
    fleet.create("role", one({**task("show"), "Credentials": {"RoleArn.$": "$.role"}}))
    end = fleet.finish(fleet.start("role", payload={"role": ROLE}))
    assert json.loads(json.loads(end["output"])["STEPFLEET_CREDENTIALS"]) == {"RoleArn": ROLE}
    idle(fleet)
    assert ROLE not in fleet.workers["w1"].text() and ROLE not in fleet.coordinator.text()


def test_the_log_comes_with_the_result_where_it_is_asked_for(fleet):
    fleet.start_worker("w1", {"log": event("/bin/sh -c 'cat; echo one >&2; echo two >&2'", memory="200MiB"),
                              "echo": {"handler": "echo"},
                              "much": event("/bin/sh -c 'cat; head -c 70000 /dev/zero | tr \"\\\\000\" x >&2'")})

    def log(function, tail=True):
        parameters = {"FunctionName": function, "Payload.$": "$", **({"LogType": "Tail"} if tail else {})}
        fleet.create(f"m-{function}-{tail}", one({
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters}))
        end = fleet.finish(fleet.start(f"m-{function}-{tail}", payload=5))
        assert end["status"] == "SUCCEEDED", end
        output = json.loads(end["output"])
        assert output["Payload"] == 5
        return base64.b64decode(output["LogResult"]).decode() if "LogResult" in output else None
    lines = log("log").splitlines()
    found = re.fullmatch(r"START RequestId: (\S+) Version: \$LATEST", lines[0])
    assert found and lines[1:4] == ["one", "two", f"END RequestId: {found[1]}"], lines
    assert re.fullmatch(rf"REPORT RequestId: {found[1]}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
                        r"Memory Size: 200 MB\tMax Memory Used: \d+ MB\t", lines[4]), lines
    assert log("echo").startswith("START RequestId: ")
    assert len(log("much")) == 4096
    assert log("log", False) is None


def both_kinds(fleet, mark):
    """A handler of each kind that says when it runs and ignores SIGTERM, with a child in a session of its own."""
    stubborn = ("import os,signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                "if os.fork() == 0:\n  os.setsid()\nopen(os.environ['BEGUN'], 'a').write('x')\ntime.sleep(60)")
    command = script(fleet, "stubborn", stubborn)
    begun = fleet.dir / "begun"
    keys = {"env.MARK": mark, "env.BEGUN": begun}
    functions = {"event": event(command, **keys), "stream": stream(command, **keys),
                 "fails": event("/bin/sh -c 'while [ ! -e $GO ]; do sleep 0.02; done; exit 1'", **{"env.GO": fleet.dir / "go"})}
    fleet.start_worker("w1", functions)
    return begun


def stage(function):
    return task(function, Parameters={"executionId.$": "$$.Execution.Name", "currentStage": "S", "workflowBucket": "lake",
                                      "initialData.$": "$"})


def ended(fleet, mark):
    """All is over soon, and the worker has its slots again."""
    begun = time.monotonic()
    wait_until(lambda: marked(mark) == [], 10, say="handlers of tasks that are over go on")
    assert time.monotonic() - begun < 6
    idle(fleet)


def test_a_failed_branch_ends_its_siblings_handlers(fleet):
    mark = "mark-branch-4721"
    begun = both_kinds(fleet, mark)
    branches = [one(stage("event"), "A"), one(stage("stream"), "B"), one(task("fails"), "C")]
    fleet.create("m", one({"Type": "Parallel", "Branches": branches}))
    arn = fleet.start("m", payload={})
    wait_until(lambda: begun.exists() and len(begun.read_text()) == 4)
    (fleet.dir / "go").write_text("")
    end = fleet.finish(arn, 20)
    assert (end["status"], end["error"]) == ("FAILED", "Runtime.ExitError"), end
    ended(fleet, mark)
    check_history(fleet.history(arn))


def test_a_failed_item_ends_the_others_handlers(fleet):
    mark = "mark-item-4722"
    begun = both_kinds(fleet, mark)
    choose = {"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.fails", "BooleanEquals": True, "Next": "F"}], "Default": "W"},
        "F": {**task("fails"), "End": True}, "W": {**stage("event"), "End": True}}}
    fleet.create("m", one({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": choose}))
    arn = fleet.start("m", payload={"items": [{"fails": False}, {"fails": False}, {"fails": True}]})
    wait_until(lambda: begun.exists() and len(begun.read_text()) == 4)
    (fleet.dir / "go").write_text("")
    end = fleet.finish(arn, 20)
    assert (end["status"], end["error"]) == ("FAILED", "Runtime.ExitError"), end
    ended(fleet, mark)


def test_a_stopped_execution_ends_its_handlers(fleet):
    mark = "mark-stop-4723"
    begun = both_kinds(fleet, mark)
    for kind in ("event", "stream"):
        fleet.create(f"m-{kind}", one(stage(kind)))
    arns = [fleet.start(f"m-{kind}", payload={}) for kind in ("event", "stream")]
    wait_until(lambda: begun.exists() and len(begun.read_text()) == 4)
    for arn in arns:
        fleet.cli("stop", arn)
        assert fleet.finish(arn)["status"] == "ABORTED"
    ended(fleet, mark)
