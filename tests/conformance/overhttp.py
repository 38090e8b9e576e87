# SPDX-License-Identifier: Apache-2.0
"""Conformance cases through a live coordinator's HTTP, as AWS's own SDK asks: scripts of API calls, TestState, and
definitions that are refused or only checked. One coordinator for all of them; what a case makes is left behind."""
import collections
import datetime
import json
import re
import sys
import tempfile
import time

import aws
from fleet import Fleet

ACCOUNT = "111111111111"
KINDS = ("api", "test_state", "create_error", "validate")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


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

    def wait_ended(self, arn):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.sfn.describe_execution(executionArn=arn)["status"] != "RUNNING":
                return
            time.sleep(0.05)


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


def run(files, results, classes):
    left_out = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="stepfleet-conformance-") as place, \
            Fleet(place, coordinator={"account": ACCOUNT}, http={"access": "open"}) as fleet, \
            open(results, "w", encoding="utf-8") as out:
        fleet.start_coordinator()
        client = Client(fleet)
        for path in files:
            for line in path.read_text(encoding="utf-8").splitlines():
                case = json.loads(line) if line.strip() else {}
                if case.get("kind") not in KINDS or (classes and case["class"] not in classes):
                    continue
                try:
                    got = RUN[case["kind"]](client, case)
                except LeftOut as e:
                    left_out[str(e)] += 1
                    continue
                out.write(json.dumps({"id": case["id"], **got}) + "\n")
    for reason, count in left_out.most_common():
        print(f"{count} left out: {reason}", file=sys.stderr)
    return 0
