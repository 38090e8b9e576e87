# SPDX-License-Identifier: Apache-2.0
"""Jobs as `stepfleet job` and a state machine see them: a real coordinator, and no worker that could do a piece."""
import json
import pathlib
import subprocess

import pytest
from fleet import Failed, wait_until

RUN = "jr_" + "0123456789abcdef" * 4
ARGUMENTS = ["--arg", "--input-bucket=work", "--arg", "--input-key=in.jsonl", "--arg", "--output-key=out/x.jsonl"]
STAGE = {"StartAt": "ETLGlueJob", "States": {"ETLGlueJob": {
    "Type": "Task", "Resource": "arn:aws:states:::glue:startJobRun.sync", "ResultPath": "$.glueJobResult", "End": True,
    "Parameters": {"JobName": "my-etl-job", "Arguments": {
        "--execution-id.$": "$.executionId",
        "--input-bucket": "workflow-bucket",
        "--input-key.$": "States.Format('executions/{}/PreviousStage/output.json', $.executionId)",
        "--output-bucket": "workflow-bucket",
        "--output-key.$": "States.Format('executions/{}/GlueETL/output.json', $.executionId)"}}}}}


def create(fleet, name, command="create", **definition):
    return fleet.cli("job", command, name, "-", stdin=json.dumps({"Handler": "h", **definition})).stdout.strip()


def refused(fleet, *args, status=3, stdin=None):
    with pytest.raises(Failed) as e:
        fleet.cli(*args, stdin=stdin)
    assert e.value.status == status, e.value
    return e.value.err


def run(fleet, name, *args):
    return fleet.cli("job", "run", name, *ARGUMENTS, *args).stdout.strip()


def status(fleet, run_id):
    return fleet.json("job", "status", run_id)


def test_definitions(fleet):
    assert create(fleet, "j") == "j"
    assert create(fleet, "j") == "j"
    assert "ConflictException" in refused(fleet, "job", "create", "j", "-", stdin='{"Handler":"other"}')
    assert "InvalidDefinition" in refused(fleet, "job", "create", "k", "-", stdin='{"Handler":"h","Nonsense":1}')
    assert "EntityNotFoundException" in refused(fleet, "job", "update", "k", "-", stdin='{"Handler":"h"}')
    create(fleet, "j", "update", Timeout=7)
    job = fleet.json("job", "show", "j")
    assert job["definition"]["Timeout"] == 7 and job["openRuns"] == 0
    assert json.loads(fleet.cli("job", "show", "j", "--definition").stdout) == job["definition"]
    create(fleet, "i")
    assert [x["name"] for x in fleet.json("job", "list")["jobs"]] == ["i", "j"]
    fleet.cli("job", "delete", "i")
    fleet.cli("job", "delete", "i")
    assert [x["name"] for x in fleet.json("job", "list")["jobs"]] == ["j"]
    assert "RUNNING" in fleet.cli("job", "list").stdout
    assert "definition" in fleet.cli("job", "show", "j").stdout


def test_a_run_that_nobody_does(fleet):
    create(fleet, "j", DefaultArguments={"--x": "y"})
    assert run(fleet, "j", "--id", RUN, "--workers", 3, "--timeout", 5) == RUN
    assert run(fleet, "j", "--id", RUN, "--workers", 3, "--timeout", 5) == RUN
    assert "ConflictException" in refused(fleet, "job", "run", "j", "--id", RUN, *ARGUMENTS)
    assert "ConcurrentRunsExceededException" in refused(fleet, "job", "run", "j", *ARGUMENTS)
    r = status(fleet, RUN)
    assert r["jobRunState"] == "STARTING" and r["phase"] == "PLAN"
    assert r["numberOfWorkers"] == 3 and r["timeout"] == 5
    assert r["arguments"]["--x"] == "y" and r["arguments"]["--input-key"] == "in.jsonl"
    assert r["progress"]["missingFunction"] == "stepfleet:job"
    assert "no worker offers stepfleet:job" in fleet.cli("job", "status", RUN).stdout
    assert fleet.cli("job", "stop", RUN).stdout == "STOPPED\n"
    assert fleet.cli("job", "stop", RUN).stdout == "STOPPED\n"
    r = status(fleet, RUN)
    assert r["jobRunState"] == "STOPPED" and r["phase"] == "OVER" and "progress" not in r
    assert r["failures"] == r["losses"] == r["speculated"] == 0
    assert fleet.json("job", "show", "j")["openRuns"] == 0


def test_a_deleted_jobs_runs_go_when_they_are_over(fleet):
    create(fleet, "j", MaxConcurrentRuns=2)
    one, two = run(fleet, "j"), run(fleet, "j")
    fleet.cli("job", "stop", one)
    fleet.cli("job", "delete", "j")
    wait_until(lambda: "EntityNotFoundException" in fleet.cli("job", "status", one, check=False).stderr)
    assert status(fleet, two)["jobRunState"] == "STARTING"
    fleet.coordinator.kill()
    fleet.start_coordinator()
    fleet.cli("job", "stop", two)
    wait_until(lambda: "EntityNotFoundException" in fleet.cli("job", "status", two, check=False).stderr)
    create(fleet, "j")
    assert fleet.json("job", "runs", "j")["jobRuns"] == []


def test_bad_arguments(fleet):
    create(fleet, "j")
    assert "--KEY=VALUE" in refused(fleet, "job", "run", "j", "--arg", "input-key=x", status=2)
    assert "ValidationException" in refused(fleet, "job", "run", "j", "--arg", "--input-bucket=b")
    assert "ValidationException" in refused(fleet, "job", "run", "j", *ARGUMENTS, "--id", "jr_1")
    assert "EntityNotFoundException" in refused(fleet, "job", "run", "nobody", *ARGUMENTS)
    assert "EntityNotFoundException" in refused(fleet, "job", "status", RUN)
    assert "EntityNotFoundException" in refused(fleet, "job", "stop", RUN)
    assert "EntityNotFoundException" in refused(fleet, "job", "watch", RUN)
    assert fleet.json("job", "runs", "j")["jobRuns"] == []


def test_runs_are_listed_newest_first(fleet):
    create(fleet, "j", MaxConcurrentRuns=5)
    create(fleet, "jj")
    ids = [run(fleet, "j") for _ in range(3)]
    run(fleet, "jj")
    assert [r["jobRunId"] for r in fleet.json("job", "runs", "j")["jobRuns"]] == ids[::-1]
    assert [r["jobRunId"] for r in fleet.json("job", "runs", "j", "-n", 1)["jobRuns"]] == ids[:1:-1]
    assert ids[0] in fleet.cli("job", "runs", "j").stdout


def test_runs_outlive_the_coordinator(fleet):
    create(fleet, "j", MaxConcurrentRuns=2)
    one, two = run(fleet, "j"), run(fleet, "j")
    fleet.cli("job", "stop", one)
    fleet.coordinator.kill()
    fleet.start_coordinator()
    assert status(fleet, one)["jobRunState"] == "STOPPED"
    assert status(fleet, two)["jobRunState"] == "STARTING"
    assert fleet.json("job", "show", "j")["openRuns"] == 1
    three = run(fleet, "j")
    assert "ConcurrentRunsExceededException" in refused(fleet, "job", "run", "j", *ARGUMENTS)
    assert [r["jobRunId"] for r in fleet.json("job", "runs", "j")["jobRuns"]] == [three, two, one]


def test_watch_and_wait_see_the_end(fleet):
    create(fleet, "j")
    one = run(fleet, "j")
    env = fleet.env
    program = pathlib.Path(fleet.programs) / "stepfleet"
    watch = subprocess.Popen([program, "job", "watch", one], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    silent = subprocess.Popen([program, "job", "watch", one, "--json"], env=env, stdout=subprocess.PIPE, text=True)
    assert watch.stdout.readline().startswith("STARTING PLAN  0 of 1 done")
    fleet.cli("job", "stop", one)
    out, err = watch.communicate(timeout=60)
    assert watch.returncode == 1 and "STOPPED" in err
    assert json.loads(silent.communicate(timeout=60)[0])["jobRunState"] == "STOPPED" and silent.returncode == 1
    ended = fleet.cli("job", "watch", one, check=False)
    assert ended.returncode == 1 and "STOPPED" in ended.stderr


def test_a_stage_starts_a_run_and_stops_it(fleet):
    fleet.create("m", STAGE)
    failed = fleet.finish(fleet.start("m", payload={"executionId": "e0"}))
    assert failed["status"] == "FAILED" and failed["error"] == "Glue.EntityNotFoundException"
    assert "(Service: AWSGlue; Status Code: 400; Error Code: EntityNotFoundException; Request ID: " in failed["cause"]
    create(fleet, "my-etl-job")
    arn = fleet.start("m", payload={"executionId": "e1"})
    submitted = wait_until(lambda: [e for e in fleet.history(arn) if e["type"] == "TaskSubmitted"])[0]
    assert "the job run it started" in fleet.cli("show", arn).stdout
    output = json.loads(submitted["taskSubmittedEventDetails"]["output"])
    r = status(fleet, output["JobRunId"])
    assert output["JobName"] == "my-etl-job" and r["jobName"] == "my-etl-job"
    assert r["arguments"] == {
        "--execution-id": "e1", "--input-bucket": "workflow-bucket", "--output-bucket": "workflow-bucket",
        "--input-key": "executions/e1/PreviousStage/output.json", "--output-key": "executions/e1/GlueETL/output.json"}
    busy = fleet.finish(fleet.start("m", payload={"executionId": "e2"}))
    assert busy["error"] == "Glue.ConcurrentRunsExceededException"
    fleet.cli("stop", arn)
    wait_until(lambda: status(fleet, output["JobRunId"])["jobRunState"] == "STOPPED")
    arn = fleet.start("m", payload={"executionId": "e3"})
    new = wait_until(lambda: fleet.json("job", "runs", "my-etl-job")["jobRuns"][0]["jobRunId"] != output["JobRunId"] and
                     fleet.json("job", "runs", "my-etl-job")["jobRuns"][0]["jobRunId"])
    fleet.coordinator.kill()
    fleet.start_coordinator()
    fleet.cli("job", "stop", new)
    stopped = fleet.finish(arn)
    assert stopped["error"] == "States.TaskFailed"
    assert json.loads(stopped["cause"])["JobRunState"] == "STOPPED"
