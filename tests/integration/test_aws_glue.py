# SPDX-License-Identifier: Apache-2.0
"""Job runs as AWS Glue's own clients see them: boto3 and both AWS CLIs against a live coordinator, with a worker that does
the pieces of jobs."""
import json
import subprocess

import aws
import fleet as fleets
import pytest
from aws import refused
from fleet import wait_until
from test_aws_clients import environment

ENDS = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR")


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory):
    place = tmp_path_factory.mktemp("glue")
    with fleets.Fleet(place, http={}) as f:
        f.start_coordinator()
        f.work = f.dir / "objects/work"
        f.work.mkdir(parents=True)
        (f.work / "in.jsonl").write_text("".join(f'{{"n":{i}}}\n' for i in range(100)))
        f.key = f.json("key", "create", "--role", "admin")
        f.start_worker("w", {"h": {"handler": "stream", "command": "cat", "slots": 2}})
        for name, more in (("copy", {}), ("stuck", {"Handler": "nobody", "MaxConcurrentRuns": 3}),
                           ("other", {"Timeout": 7, "NumberOfWorkers": 2, "DefaultArguments": {"--x": "y"}})):
            f.cli("job", "create", name, "-", stdin=json.dumps({"Handler": "h", **more}))
        yield f
        f.check_serves()


@pytest.fixture
def glue(coordinator):
    return aws.client(coordinator, "glue")


def arguments(out):
    return {"--input-bucket": "work", "--input-key": "in.jsonl", "--output-key": out}


def finish(glue, job, run):
    def ended():
        got = glue.get_job_run(JobName=job, RunId=run)["JobRun"]
        return got if got["JobRunState"] in ENDS else None
    return wait_until(ended, 60, 0.1)


def test_a_run(coordinator, glue):
    run = glue.start_job_run(JobName="copy", Arguments=arguments("out/a.jsonl"), Timeout=5, WorkerType="G.1X",
                             NumberOfWorkers=2)["JobRunId"]
    assert run.startswith("jr_") and len(run) == 67
    got = finish(glue, "copy", run)
    assert got["JobRunState"] == "SUCCEEDED" and got["Id"] == run and got["JobName"] == "copy", got
    assert got["Arguments"]["--output-key"] == "out/a.jsonl" and got["Attempt"] == 0 and got["PredecessorRuns"] == []
    assert got["Timeout"] == 5 and got["NumberOfWorkers"] == 2 and got["WorkerType"] == "G.1X"
    assert got["StartedOn"] <= got["CompletedOn"] == got["LastModifiedOn"] and "ErrorMessage" not in got
    assert got["ExecutionTime"] == int((got["CompletedOn"] - got["StartedOn"]).total_seconds())
    assert (coordinator.work / "out/a.jsonl").read_text() == (coordinator.work / "in.jsonl").read_text()
    run = glue.start_job_run(JobName="copy", Arguments={**arguments("out/b.jsonl"), "--input-key": "none"})["JobRunId"]
    got = finish(glue, "copy", run)
    assert got["JobRunState"] == "FAILED" and "none" in got["ErrorMessage"]


def test_pages_of_runs(glue):
    runs = [glue.start_job_run(JobName="stuck", Arguments=arguments(f"out/{i}"))["JobRunId"] for i in range(3)]
    refused("ConcurrentRunsExceededException", glue.start_job_run, JobName="stuck", Arguments=arguments("out/x"))
    pages = list(glue.get_paginator("get_job_runs").paginate(JobName="stuck", PaginationConfig={"PageSize": 2}))
    listed = [r for p in pages for r in p["JobRuns"]]
    assert [r["Id"] for r in listed] == runs[::-1] and [len(p["JobRuns"]) for p in pages] == [2, 1]
    assert all(r["Arguments"]["--input-bucket"] == "work" for r in listed)
    refused("InvalidInputException", glue.get_job_runs, JobName="stuck", NextToken="nonsense")
    refused("InvalidInputException", glue.get_job_runs, JobName="stuck", MaxResults=201)
    got = glue.batch_stop_job_run(JobName="stuck", JobRunIds=[*runs, "jr_none"])
    assert got["SuccessfulSubmissions"] == [{"JobName": "stuck", "JobRunId": r} for r in runs]
    assert got["Errors"] == [{"JobName": "stuck", "JobRunId": "jr_none", "ErrorDetail": {
        "ErrorCode": "EntityNotFoundException", "ErrorMessage": "Job run jr_none not found"}}]
    assert finish(glue, "stuck", runs[0])["JobRunState"] == "STOPPED"
    got = glue.batch_stop_job_run(JobName="stuck", JobRunIds=runs[:1])
    assert got["Errors"][0]["ErrorDetail"]["ErrorCode"] == "InvalidInputException"
    assert "STOPPED" in got["Errors"][0]["ErrorDetail"]["ErrorMessage"]
    refused("InvalidInputException", glue.batch_stop_job_run, JobName="stuck", JobRunIds=["jr_x"] * 26)


def test_jobs(glue):
    got = glue.get_job(JobName="other")["Job"]
    assert got["Name"] == "other" and got["Timeout"] == 7 and got["NumberOfWorkers"] == 2
    assert got["DefaultArguments"] == {"--x": "y"} and got["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert got["CreatedOn"] <= got["LastModifiedOn"]
    names = [n for p in glue.get_paginator("list_jobs").paginate(PaginationConfig={"PageSize": 1}) for n in p["JobNames"]]
    assert names == ["copy", "other", "stuck"]
    jobs = [j for p in glue.get_paginator("get_jobs").paginate(PaginationConfig={"PageSize": 2}) for j in p["Jobs"]]
    assert [j["Name"] for j in jobs] == names and jobs[1] == got


def test_what_is_refused(coordinator, glue):
    assert refused("EntityNotFoundException", glue.start_job_run, JobName="nobody") == "Job with name: nobody not found"
    refused("EntityNotFoundException", glue.get_job, JobName="nobody")
    refused("EntityNotFoundException", glue.get_job_runs, JobName="nobody")
    refused("EntityNotFoundException", glue.get_job_run, JobName="copy", RunId="jr_none")
    refused("InvalidInputException", glue.start_job_run, JobName="copy", Arguments={"x": "no dashes"})
    refused("InvalidInputException", glue.start_job_run, JobName="copy", Timeout=1000000)
    refused("UnknownOperationException", glue.get_databases)
    client = aws.client(coordinator, "glue", coordinator.json("key", "create", "--role", "read"))
    client.list_jobs()
    refused("AccessDeniedException", client.start_job_run, JobName="copy")


@pytest.mark.parametrize("version", [1, 2])
def test_the_command_line(coordinator, version):
    argv = aws.cli1() if version == 1 else aws.cli2()

    def run(*args, code=0):
        got = subprocess.run([*argv, "--endpoint-url", coordinator.endpoint, "--output", "json", "glue", *args],
                             capture_output=True, text=True, timeout=120, env=environment(coordinator))
        assert (got.returncode == 0) == (code == 0), got.stderr
        return json.loads(got.stdout) if code == 0 else got.stderr

    begun = run("start-job-run", "--job-name", "copy", "--arguments", json.dumps(arguments(f"out/c{version}")))["JobRunId"]

    def ended():
        got = run("get-job-run", "--job-name", "copy", "--run-id", begun)["JobRun"]
        return got["JobRunState"] if got["JobRunState"] in ENDS else None
    assert wait_until(ended, 60, 0.2) == "SUCCEEDED"
    assert begun in [r["Id"] for r in run("get-job-runs", "--job-name", "copy", "--page-size", "1")["JobRuns"]]
    assert run("list-jobs")["JobNames"] == ["copy", "other", "stuck"]
    assert len(run("batch-stop-job-run", "--job-name", "copy", "--job-run-ids", begun)["Errors"]) == 1
    assert "(EntityNotFoundException)" in run("get-job", "--job-name", "nobody", code=1)
