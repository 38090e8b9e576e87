# SPDX-License-Identifier: Apache-2.0
"""Conformance cases through a live coordinator's HTTP, as AWS's own SDK asks: scripts of API calls, TestState, and
definitions that are refused or only checked. One coordinator for all of them; what a case makes is left behind. Executions
of activities and callbacks as real.py plays them, but asked by the SDK."""
import collections
import datetime
import json
import pathlib
import re
import sys
import tempfile
import time

import aws
import real
from fleet import Fleet
from real import ACCOUNT, ROLE

KINDS = ("api", "test_state", "create_error", "validate")
PLAYED = {"activity", "callback"}  # classes whose executions wait for a client
SECONDS = 20  # the longest of those may take on AWS


class LeftOut(Exception):
    """It cannot be run, for this reason."""


def plain(v):
    """An answer as JSON has it."""
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items() if k != "ResponseMetadata"}
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, datetime.datetime):
        return v.timestamp()
    return v


class Client:
    def __init__(self, fleet):
        boto3 = aws.boto3()
        from botocore.config import Config
        self.sfn = boto3.client(
            "stepfunctions", endpoint_url=fleet.endpoint, region_name="us-east-1", aws_access_key_id="open",
            aws_secret_access_key="open", config=Config(inject_host_prefix=False, parameter_validation=False,
                                                        read_timeout=70, retries={"max_attempts": 0}))

    def ask(self, operation, parameters):
        """{"response"} or {"error"}, and the answer as the SDK has it."""
        from botocore import xform_name
        from botocore.exceptions import ClientError
        try:
            answer = getattr(self.sfn, xform_name(operation))(**parameters)
        except ClientError as e:
            return {"error": {"code": e.response["Error"]["Code"], "message": e.response["Error"]["Message"]}}, None
        return {"response": plain(answer)}, answer

    def wait_ended(self, arn, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.sfn.describe_execution(executionArn=arn)["status"] != "RUNNING":
                return
            time.sleep(0.05)


class Hands(Client):
    """What a played case asks of a fleet; real.CommandLine says what each does."""

    def __init__(self, fleet, _root):
        super().__init__(fleet)

    @staticmethod
    def arn(name, kind="stateMachine"):
        return f"arn:aws:states:us-east-1:{ACCOUNT}:{kind}:{name}"

    def create(self, name, text, kind):
        got, _ = self.ask("CreateStateMachine", {"name": name, "definition": text, "roleArn": ROLE, "type": kind})
        return got.get("error")

    def create_activity(self, name):
        self.ask("CreateActivity", {"name": name})

    def delete_activity(self, name):
        self.ask("DeleteActivity", {"activityArn": self.arn(name, "activity")})

    def poll(self, activity, worker):
        from botocore.exceptions import BotoCoreError
        try:
            got, _ = self.ask("GetActivityTask", {"activityArn": self.arn(activity, "activity"), "workerName": worker})
        except BotoCoreError:
            return None  # the fleet is stopped while it waits
        return got["response"] if got.get("response", {}).get("taskToken") else None

    def start(self, machine, name, text):
        given = {k: v for k, v in (("name", name), ("input", text)) if v is not None}
        return self.sfn.start_execution(stateMachineArn=self.arn(machine), **given)["executionArn"]

    def run(self, machine, name, text, seconds):
        arn = self.start(machine, name, text)
        self.finish(arn, seconds)
        return self.detail(arn)

    def finish(self, arn, seconds):
        self.wait_ended(arn, seconds + 60)

    def detail(self, arn):
        return plain(self.sfn.describe_execution(executionArn=arn))

    def history(self, arn):
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [plain(e) for page in pages for e in page["events"]]

    def redrive(self, arn):
        self.ask("RedriveExecution", {"executionArn": arn})

    def stop(self, arn, **why):
        self.ask("StopExecution", {"executionArn": arn, **why})

    def heartbeat(self, token):
        self.ask("SendTaskHeartbeat", {"taskToken": token})

    def succeed(self, token, output):
        self.ask("SendTaskSuccess", {"taskToken": token, "output": output})

    def fail(self, token, **why):
        self.ask("SendTaskFailure", {"taskToken": token, **why})


def filled(v, answers):
    """"${3.executionArn}" is that member of the answer of step 3."""
    if isinstance(v, dict):
        return {k: filled(x, answers) for k, x in v.items()}
    if isinstance(v, list):
        return [filled(x, answers) for x in v]
    if not isinstance(v, str):
        return v

    def member(m):
        at = answers.get(int(m[1]))
        for part in m[2].split("."):
            at = at[int(part) if part.isdigit() else part] if at is not None else None
        if at is None:
            raise LeftOut(f"step {m[1]} gave no {m[2]}")
        return str(at)
    return re.sub(r"\$\{(\d+)\.([\w.]+)\}", member, v)


def run_api(client, case):
    answers, out = {}, {}
    for step in case["steps"]:
        operation, parameters = step["op"], filled(step.get("params", {}), answers)
        if operation.startswith("await:await_execution") and not operation.endswith("started"):
            client.wait_ended(parameters.get("execution_arn") or parameters["args"][0])
        elif operation.startswith("await:"):
            pass  # what is made is there when it is answered
        elif ":" in operation:
            raise LeftOut(f"it needs {operation}")
        elif step.get("client_side"):
            pass  # the SDK itself refuses it
        else:
            out[str(step["n"])], answers[step["n"]] = client.ask(operation, parameters)
    return {"steps": out}


def definition_of(case):
    return case.get("definition_text") or json.dumps(case["definition"])


def remember(case, place):
    """For who plays its task: all tests of states run under one machine's name."""
    (place / "cases" / "TestState.json").write_text(json.dumps(case), encoding="utf-8")


def run_test_state(client, case):
    got, _ = client.ask("TestState", {"definition": definition_of(case), **case["request"]})
    return got


def run_create_error(client, case):
    got, _ = client.ask("CreateStateMachine", {
        "name": re.sub(r"[^\w-]", "-", case["id"])[-72:], "definition": definition_of(case), "roleArn": ROLE,
        "type": case.get("type", "STANDARD")})
    return {"create_error": got["error"]} if "error" in got else {}


def run_validate(client, case):
    got, _ = client.ask("ValidateStateMachineDefinition",
                        {"definition": definition_of(case), **case.get("request", {})})
    return got


RUN = {"api": run_api, "test_state": run_test_state, "create_error": run_create_error, "validate": run_validate}


def asked_cases(files, classes):
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [case for case in map(json.loads, lines)
            if case.get("kind") in KINDS and (not classes or case["class"] in classes)]


def ask_all(files, out, classes, left_out):
    cases = asked_cases(files, classes)
    functions = set().union(*(real.functions(c) for c in cases if c["kind"] == "test_state"))
    with tempfile.TemporaryDirectory(prefix="stepfleet-conformance-") as name, \
            Fleet(name, coordinator={"account": ACCOUNT, "lease": "10s"}, http={"access": "open"}) as fleet:
        place = pathlib.Path(name)
        fleet.start_coordinator()
        actors = real.actors(place, functions)
        if actors:
            fleet.start_worker("player", actors, slots=8)
        client = Client(fleet)
        for case in cases:
            remember(case, place)
            try:
                got = RUN[case["kind"]](client, case)
            except LeftOut as e:
                left_out[str(e)] += 1
                continue
            out.write(json.dumps({"id": case["id"], **got}) + "\n")


def play_all(files, out, classes, left_out):
    """@return how many did not run."""
    classes = PLAYED & set(classes or PLAYED)
    if not classes:
        return 0
    cases, left = real.choose(files, classes, SECONDS)
    cases = [(case, bindings) for case, bindings in cases if case["kind"] == "execution"]
    left_out.update({reason: len(ids) for reason, ids in left.items()})
    with tempfile.TemporaryDirectory(prefix="stepfleet-conformance-") as place:
        bindings = {k: v for _, b in cases for k, v in b.items()}
        results = real.play_all(pathlib.Path(place), [c for c, _ in cases], bindings, Hands, {"access": "open"})
    failed = [r for r in results if "did_not_run" in r]
    for r in results:
        if r not in failed:
            out.write(json.dumps(r) + "\n")
    for r in failed:
        print(f"{r['id']}: {r['did_not_run']}", file=sys.stderr)
    return len(failed)


def run(files, results, classes):
    left_out = collections.Counter()
    with open(results, "w", encoding="utf-8") as out:
        ask_all(files, out, classes, left_out)
        failed = play_all(files, out, classes, left_out)
    for reason, count in left_out.most_common():
        print(f"{count} left out: {reason}", file=sys.stderr)
    return 1 if failed else 0
