# SPDX-License-Identifier: Apache-2.0
"""Every operation of Step Functions by each of AWS's clients: boto3, the AWS CLI 1 and 2, the JavaScript SDK 3. One
scenario for all of them. A client is a process that is told an operation a line and answers with a line; the command
lines are read by the CLI's own main(), all in one process, as each start of it takes a second."""
import json
import re
import subprocess

import aws
import fleet as fleets
import pytest
from test_aws_clients import ROLE, environment
from test_aws_clients import client as boto3_client

MAP_RUN = "arn:aws:states:us-east-1:123456789012:mapRun:m/l:0123"

CLI = r"""
import contextlib, io, json, re, sys
from awscli import clidriver

def arguments(parameters):
    for name, v in parameters.items():
        option = "task-output" if name == "output" else re.sub("([A-Z])", r"-\1", name).lower()  # --output is its own
        if isinstance(v, bool):
            yield ("--" if v else "--no-") + option
        else:
            yield from ("--" + option, v if isinstance(v, str) else json.dumps(v))

def ask(operation, parameters):
    said, failed = io.StringIO(), io.StringIO()
    command = re.sub("([A-Z])", r"-\1", operation).lower().lstrip("-")
    sys.argv = ["aws", "--endpoint-url", endpoint, "--output", "json", "stepfunctions", command, *arguments(parameters)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(failed):
        status = clidriver.main()
    if status == 0:
        return {"answer": json.loads(said.getvalue() or "{}")}
    error = re.search(r"\((\w+)\)", failed.getvalue())
    return {"error": error[1] if error else failed.getvalue()}

endpoint = sys.argv[1]
print(json.dumps(clidriver.create_clidriver().session.get_service_model("stepfunctions").operation_names), flush=True)
for line in sys.stdin:
    print(json.dumps(ask(*json.loads(line))), flush=True)
"""

JAVASCRIPT = """
const sdk = require("@aws-sdk/client-sfn");
const sfn = new sdk.SFNClient({ endpoint: process.argv[2], region: "us-east-1", disableHostPrefix: true });
const say = (v) => console.log(JSON.stringify(v));
(async () => {
    say(Object.keys(sdk).filter((k) => k.endsWith("Command") && k !== "$Command").map((k) => k.slice(0, -7)));
    for await (const line of require("readline").createInterface({ input: process.stdin })) {
        const [operation, parameters] = JSON.parse(line);
        try {
            const { $metadata, ...answer } = await sfn.send(new sdk[operation + "Command"](parameters));
            say({ answer });
        } catch (e) {
            say({ error: e instanceof sdk.SFNServiceException ? e.name : String(e) });
        }
    }
})();
"""


class Program:
    """A client that is a process of its own."""

    def __init__(self, argv, env):
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.knows = set(json.loads(self.p.stdout.readline()))

    def ask(self, operation, parameters):
        self.p.stdin.write(json.dumps([operation, parameters]) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        self.p.stdout.close()
        assert self.p.wait(60) == 0


class Boto3:
    def __init__(self, fleet):
        self.client = boto3_client(fleet)
        self.knows = set(self.client.meta.service_model.operation_names)

    def ask(self, operation, parameters):
        try:
            answer = getattr(self.client, re.sub("([A-Z])", r"_\1", operation).lower().lstrip("_"))(**parameters)
        except self.client.exceptions.ClientError as e:
            return {"error": e.response["Error"]["Code"]}
        return {"answer": answer}

    def close(self):
        self.client.close()


def python_of(argv):
    """A program's interpreter, where it is a script, and what stands before it."""
    if len(argv) > 1:
        return argv[:-1]
    with open(argv[0], encoding="utf-8") as f:
        return [f.readline().removeprefix("#!").strip()]


def client(what, fleet):
    if what == "boto3":
        return Boto3(fleet)
    if what == "JavaScript":
        env = {**environment(fleet), "NODE_PATH": str(aws.javascript() / "node_modules")}
        return Program([aws.node() / "node", "-e", JAVASCRIPT, "-", fleet.endpoint], env)
    if what == "CLI 1":
        return Program([*python_of(aws.cli1()), "-c", CLI, fleet.endpoint], environment(fleet))
    # Version 2 as Debian has it puts "sync-" before any host's name: here the coordinator is the proxy to any host.
    env = {**environment(fleet), "http_proxy": fleet.endpoint, "HTTP_PROXY": fleet.endpoint}
    return Program([*python_of(aws.cli2()), "-c", CLI, "http://stepfleet.invalid"], env)


def scenario(ask, name):
    """`ask(operation, **parameters)` is its answer, or the name of its error."""
    def create(suffix, definition, **more):
        return ask("CreateStateMachine", name=name + suffix, definition=json.dumps(definition), roleArn=ROLE, **more)

    def one(state):
        return {"StartAt": "S", "States": {"S": {**state, "End": True}}}

    done, wait = one({"Type": "Pass"}), one({"Type": "Wait", "Seconds": 600})
    arn = create("", done, tags=[{"key": "a", "value": "1"}])["stateMachineArn"]
    first = ask("PublishStateMachineVersion", stateMachineArn=arn)["stateMachineVersionArn"]
    assert ask("ValidateStateMachineDefinition", definition=json.dumps(done))["result"] == "OK"
    assert ask("TestState", definition=json.dumps({"Type": "Succeed"}), input="7", roleArn=ROLE)["output"] == "7"
    assert ask("UpdateStateMachine", stateMachineArn=arn, definition=json.dumps(wait))["updateDate"]
    assert json.loads(ask("DescribeStateMachine", stateMachineArn=arn)["definition"]) == wait
    assert arn in [m["stateMachineArn"] for m in ask("ListStateMachines")["stateMachines"]]
    second = ask("PublishStateMachineVersion", stateMachineArn=arn, description="d")["stateMachineVersionArn"]
    listed = ask("ListStateMachineVersions", stateMachineArn=arn)["stateMachineVersions"]
    assert [v["stateMachineVersionArn"] for v in listed] == [second, first]
    routes = [{"stateMachineVersionArn": first, "weight": 40}, {"stateMachineVersionArn": second, "weight": 60}]
    alias = ask("CreateStateMachineAlias", name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    assert ask("DescribeStateMachineAlias", stateMachineAliasArn=alias)["routingConfiguration"] == routes
    ask("UpdateStateMachineAlias", stateMachineAliasArn=alias, description="e")
    assert len(ask("ListStateMachineAliases", stateMachineArn=arn)["stateMachineAliases"]) == 1
    ask("TagResource", resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    ask("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert ask("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]

    run = ask("StartExecution", stateMachineArn=arn, input='{"x":1}')["executionArn"]
    assert ask("DescribeExecution", executionArn=run)["input"] == '{"x":1}'
    of = ask("DescribeStateMachineForExecution", executionArn=run)
    assert of["stateMachineArn"] == arn and json.loads(of["definition"]) == wait
    assert ask("GetExecutionHistory", executionArn=run, reverseOrder=False)["events"][0]["type"] == "ExecutionStarted"
    assert [e["executionArn"] for e in ask("ListExecutions", stateMachineArn=arn, statusFilter="RUNNING")["executions"]] == [run]
    assert ask("ListMapRuns", executionArn=run)["mapRuns"] == []
    assert ask("DescribeMapRun", mapRunArn=MAP_RUN) == "ResourceNotFound"
    assert ask("UpdateMapRun", mapRunArn=MAP_RUN, maxConcurrency=1) == "ResourceNotFound"
    assert ask("StopExecution", executionArn=run, error="E", cause="c")["stopDate"]
    assert ask("RedriveExecution", executionArn=run)["redriveDate"]
    ask("StopExecution", executionArn=run)
    quick = create("-quick", done, type="EXPRESS")["stateMachineArn"]
    assert ask("StartSyncExecution", stateMachineArn=quick, input="[1]")["output"] == "[1]"

    activity = ask("CreateActivity", name=name)["activityArn"]
    assert ask("DescribeActivity", activityArn=activity)["name"] == name
    assert activity in [a["activityArn"] for a in ask("ListActivities")["activities"]]
    flow = create("-flow", one({"Type": "Task", "Resource": activity}))["stateMachineArn"]
    for end, parameters, status in (("SendTaskSuccess", {"output": '"done"'}, "SUCCEEDED"),
                                    ("SendTaskFailure", {"error": "E", "cause": "c"}, "FAILED")):
        run = ask("StartExecution", stateMachineArn=flow)["executionArn"]
        token = ask("GetActivityTask", activityArn=activity, workerName="w")["taskToken"]
        ask("SendTaskHeartbeat", taskToken=token)
        ask(end, taskToken=token, **parameters)
        fleets.wait_until(lambda: ask("DescribeExecution", executionArn=run)["status"] == status)

    ask("DeleteStateMachineAlias", stateMachineAliasArn=alias)
    ask("DeleteStateMachineVersion", stateMachineVersionArn=first)
    for machine in (arn, quick, flow):
        ask("DeleteStateMachine", stateMachineArn=machine)
    ask("DeleteActivity", activityArn=activity)
    assert ask("DescribeActivity", activityArn=activity) == "ActivityDoesNotExist"


@pytest.mark.parametrize("what", ["boto3", "CLI 1", "CLI 2", "JavaScript"])
def test_every_operation(coordinator, what):
    boto3, own = Boto3(coordinator), client(what, coordinator)
    asked = set()

    def ask(operation, **parameters):
        """By boto3 where the client is older than the operation."""
        by = own if operation in own.knows else boto3
        asked.add(operation)
        got = by.ask(operation, parameters)
        return got["answer"] if "answer" in got else got["error"]

    scenario(ask, "every-" + what.replace(" ", ""))
    own.close()
    assert asked == boto3.knows
    # Debian's CLI is of 2023: versions, aliases, redrives and what only checks came later.
    assert len(boto3.knows - own.knows) <= (12 if what == "CLI 2" else 0), boto3.knows - own.knows
