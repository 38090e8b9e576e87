# SPDX-License-Identifier: Apache-2.0
"""EventBridge Pipes' client against a live coordinator, with nothing changed but the endpoint: boto3 with every
operation; from a queue to Express and Standard executions, with failures, dead letters, filters and a coordinator that
is killed."""
import json
import threading

import aws
import fleet as fleets
import pytest
from fleet import wait_until

QUEUE = f"arn:aws:sqs:us-east-1:{fleets.ACCOUNT}:"
MACHINE = f"arn:aws:states:us-east-1:{fleets.ACCOUNT}:stateMachine:"
PIPE = f"arn:aws:pipes:us-east-1:{fleets.ACCOUNT}:pipe/"
ROLE = f"arn:aws:iam::{fleets.ACCOUNT}:role/r"
ONE = {"SqsQueueParameters": {"BatchSize": 1}}
FORGET = {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
# As the AWS CDK makes it of a workflow whose first stage takes the message.
WORK = {"StartAt": "A", "States": {"A": {
    "Type": "Task", "End": True, "Resource": "arn:aws:states:::lambda:invoke", "ResultPath": None,
    "Parameters": {"FunctionName": f"arn:aws:lambda:us-east-1:{fleets.ACCOUNT}:function:work", "Payload": {
        "executionId.$": "$$.Execution.Name", "currentStage": "A", "previousStage": None,
        "initialData.$": "States.StringToJson($[0].body)"}}}}}


class World:
    def __init__(self, f):
        self.f = f
        self.sqs, self.pipes, self.sfn = (aws.client(f, service) for service in ("sqs", "pipes", "stepfunctions"))

    def queue(self, name, **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes={k: str(v) for k, v in attributes.items()})["QueueUrl"]

    def left(self, url):
        a = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return sum(int(a["ApproximateNumberOfMessages" + what]) for what in ("", "NotVisible", "Delayed"))

    def send(self, url, body):
        text = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=url, MessageBody=text)["MessageId"]

    def pipe(self, name, queue, machine, **more):
        more = {"SourceParameters": ONE, **more}
        made = self.pipes.create_pipe(Name=name, Source=QUEUE + queue, Target=MACHINE + machine, RoleArn=ROLE, **more)
        assert made["CurrentState"] == "CREATING" and made["Arn"] == PIPE + name
        return self.state(name, "STOPPED" if more.get("DesiredState") == "STOPPED" else "RUNNING")

    def state(self, name, wanted):
        return wait_until(lambda: (d := self.pipes.describe_pipe(Name=name))["CurrentState"] == wanted and d,
                          say=f"{name} is not {wanted}: {self.pipes.describe_pipe(Name=name)}")

    def executions(self, machine):
        pages = self.sfn.get_paginator("list_executions").paginate(stateMachineArn=MACHINE + machine)
        return [e for page in pages for e in page["executions"]]

    def input_of(self, execution):
        return json.loads(self.sfn.describe_execution(executionArn=execution["executionArn"])["input"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pipes")
    with fleets.Fleet(directory, http={}) as f:
        f.start_coordinator()
        f.key = f.json("key", "create", "--role", "admin")
        script = directory / "work.sh"
        script.write_text(f'event=$(cat)\necho "$event" >>{directory}/seen\n'
                          'case $event in *\'"bad"\'*) exit 1;; esac\necho "{}"\n')
        f.start_worker("w", {"work": {"handler": "event", "command": f"sh {script}", "slots": "4"}})
        f.create("pass", PASS)
        f.create("express", WORK, "EXPRESS")
        f.seen = directory / "seen"
        yield World(f)
        f.check_serves()


def refused(what, status, call, **kwargs):
    with pytest.raises(Exception) as e:
        call(**kwargs)
    response = getattr(e.value, "response", {})
    assert response.get("Error", {}).get("Code") == what, repr(e.value)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    return response


def test_operations(world):
    pipes = world.pipes
    world.queue("ops")
    made = world.pipe("ops.1", "ops", "pass", Description="d", DesiredState="STOPPED", TargetParameters=FORGET,
                      Tags={"a": "1"})
    assert made["DesiredState"] == "STOPPED" and made["Description"] == "d" and made["RoleArn"] == ROLE
    assert made["SourceParameters"] == ONE and made["TargetParameters"] == FORGET and made["Tags"] == {"a": "1"}
    assert made["Source"] == QUEUE + "ops" and made["Target"] == MACHINE + "pass"
    assert made["CreationTime"] <= made["LastModifiedTime"]
    again = {"Name": "ops.1", "Source": QUEUE + "ops", "Target": MACHINE + "pass", "RoleArn": ROLE}
    refused("ConflictException", 409, pipes.create_pipe, **again)
    refused("ConflictException", 409, pipes.stop_pipe, Name="ops.1")
    assert pipes.start_pipe(Name="ops.1")["CurrentState"] == "STARTING"
    world.state("ops.1", "RUNNING")
    refused("ConflictException", 409, pipes.start_pipe, Name="ops.1")
    updated = pipes.update_pipe(Name="ops.1", RoleArn=ROLE, Description="é" * 512, SourceParameters={
        "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"a":[1]}}'}]}})
    assert updated["CurrentState"] == "UPDATING"
    d = world.state("ops.1", "RUNNING")
    assert d["Description"] == "é" * 512 and d["SourceParameters"]["SqsQueueParameters"] == {"BatchSize": 1}
    assert d["SourceParameters"]["FilterCriteria"]["Filters"] == [{"Pattern": '{"body":{"a":[1]}}'}]
    assert pipes.stop_pipe(Name="ops.1")["DesiredState"] == "STOPPED"
    world.state("ops.1", "STOPPED")
    pipes.tag_resource(resourceArn=PIPE + "ops.1", tags={"b": "2", "c": "3"})
    pipes.untag_resource(resourceArn=PIPE + "ops.1", tagKeys=["a", "c"])
    assert pipes.list_tags_for_resource(resourceArn=PIPE + "ops.1")["tags"] == {"b": "2"}
    world.pipe("ops.2", "ops", "pass", TargetParameters=FORGET, DesiredState="STOPPED")
    assert [p["Name"] for p in pipes.list_pipes(NamePrefix="ops.")["Pipes"]] == ["ops.1", "ops.2"]
    page = pipes.list_pipes(NamePrefix="ops.", Limit=1)
    assert [p["Name"] for p in page["Pipes"]] == ["ops.1"]
    page = pipes.list_pipes(NamePrefix="ops.", Limit=1, NextToken=page["NextToken"])
    assert [p["Name"] for p in page["Pipes"]] == ["ops.2"] and "NextToken" not in page
    assert pipes.list_pipes(NamePrefix="ops.", CurrentState="RUNNING")["Pipes"] == []
    for name in ("ops.1", "ops.2"):
        gone = pipes.delete_pipe(Name=name)
        assert gone["CurrentState"] == "DELETING" and gone["DesiredState"] == "DELETED"
    wait_until(lambda: pipes.list_pipes(NamePrefix="ops.")["Pipes"] == [])
    refused("NotFoundException", 404, pipes.describe_pipe, Name="ops.1")
    refused("NotFoundException", 404, pipes.delete_pipe, Name="ops.1")
    refused("NotFoundException", 404, pipes.list_tags_for_resource, resourceArn=PIPE + "ops.1")


def test_refusals(world):
    world.queue("refusing")
    good = {"Name": "r", "Source": QUEUE + "refusing", "Target": MACHINE + "pass", "RoleArn": ROLE}
    for bad in ({"Name": "r!"}, {"Source": f"arn:aws:kinesis:us-east-1:{fleets.ACCOUNT}:stream/s"},
                {"Target": f"arn:aws:lambda:us-east-1:{fleets.ACCOUNT}:function:f"}, {"Enrichment": "arn:aws:x"},
                {"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}},
                {"SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "LATEST"}}},
                {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "["}]}}},
                {"TargetParameters": {"LambdaFunctionParameters": {"InvocationType": "REQUEST_RESPONSE"}}}):
        said = refused("ValidationException", 400, world.pipes.create_pipe, **{**good, **bad})
        assert said["fieldList"][0]["message"] == said["Error"]["Message"]
    refused("ValidationException", 400, world.pipes.list_pipes, DesiredState="RUN")
    world.pipes.create_pipe(**{**good, "Target": MACHINE + "none"})
    d = world.state("r", "CREATE_FAILED")
    assert d["StateReason"] == f"State Machine Does Not Exist: '{MACHINE}none'"
    world.pipes.delete_pipe(Name="r")


def test_a_standard_machine_is_not_waited_for(world):
    world.queue("waiting")
    world.pipes.create_pipe(Name="waiting", Source=QUEUE + "waiting", Target=MACHINE + "pass", RoleArn=ROLE)
    d = world.state("waiting", "STOPPED")
    assert "STANDARD" in d["StateReason"] and d["DesiredState"] == "RUNNING"


def test_express_executions_and_dead_letters(world):
    dead = world.queue("express-dead")
    url = world.queue("express", VisibilityTimeout=1, RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": QUEUE + "express-dead", "maxReceiveCount": 3}))
    world.pipe("express", "express", "express", TargetParameters={
        "StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}})
    for i in range(5):
        world.send(url, {"n": i})
    bad = world.send(url, {"bad": True})
    wait_until(lambda: world.left(dead) == 1, 60, say="the one that fails is not among the dead letters")
    assert world.left(url) == 0
    letter = world.sqs.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["All"])["Messages"][0]
    assert letter["MessageId"] == bad and json.loads(letter["Body"]) == {"bad": True}
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == QUEUE + "express"
    seen = [json.loads(line)["initialData"] for line in world.f.seen.read_text().splitlines()]
    assert sorted(s["n"] for s in seen if "n" in s) == list(range(5))
    assert sum("bad" in s for s in seen) == 3
    world.pipes.delete_pipe(Name="express")


def test_records_filters_and_templates(world):
    url = world.queue("filtered")
    world.f.create("filtered", PASS)
    world.pipe("filtered", "filtered", "filtered", TargetParameters=FORGET, SourceParameters={
        **ONE, "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"kind":["wanted"]}}'}]}})
    wanted = world.sqs.send_message(
        QueueUrl=url, MessageBody='{"kind": "wanted"}',
        MessageAttributes={"a": {"DataType": "String", "StringValue": "x"}})
    world.send(url, {"kind": "other"})
    world.send(url, "no JSON")
    wait_until(lambda: world.left(url) == 0)
    execution, = wait_until(lambda: world.executions("filtered"))
    record, = world.input_of(execution)
    assert record["messageId"] == wanted["MessageId"] and record["body"] == '{"kind": "wanted"}'
    assert record["md5OfBody"] == wanted["MD5OfMessageBody"]
    assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == QUEUE + "filtered"
    assert record["awsRegion"] == "us-east-1" and record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"] == {
        "a": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"}}
    world.pipes.update_pipe(Name="filtered", RoleArn=ROLE, TargetParameters={
        "InputTemplate": '{"what": <$.body.kind>, "id": "<$.messageId>"}'})
    world.state("filtered", "RUNNING")
    second = world.send(url, {"kind": "wanted"})
    wait_until(lambda: len(world.executions("filtered")) == 2)
    newest = next(e for e in world.executions("filtered") if e["executionArn"] != execution["executionArn"])
    assert world.input_of(newest) == [{"what": "wanted", "id": second}]
    world.pipes.delete_pipe(Name="filtered")


def test_executions_named_after_messages(world):
    url = world.queue("named")
    world.f.create("named", PASS)
    world.pipe("named", "named", "named", TargetParameters=FORGET, Tags={"stepfleet:execution-name": "message-id"})
    sent = {world.send(url, f"{i}") for i in range(5)}
    wait_until(lambda: len(world.executions("named")) == 5)
    assert {e["name"] for e in world.executions("named")} == sent
    world.pipes.delete_pipe(Name="named")


def test_each_message_starts_one_execution_whatever_is_killed(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        f.create("pass", PASS)
        world = World(f)
        url = world.queue("q", VisibilityTimeout=2)
        world.pipe("p", "q", "pass", TargetParameters=FORGET)
        sent, tried, over = set(), [0], threading.Event()

        def produce():
            mine = World(f)
            while not over.is_set() and tried[0] < 400:
                tried[0] += 1
                try:
                    sent.add(mine.send(url, f"{tried[0]}"))
                except Exception:  # the coordinator is away: it was not acknowledged
                    over.wait(0.05)

        producer = threading.Thread(target=produce)
        producer.start()
        try:
            for kills in range(1, 4):
                wait_until(lambda: len(sent) >= 30 * kills or not producer.is_alive(), 120)
                f.coordinator.kill()
                f.start_coordinator()
        finally:
            over.set()
            producer.join()
        world = World(f)
        wait_until(lambda: world.left(url) == 0, 60, say="messages are left")
        started = [world.input_of(e)[0]["messageId"] for e in world.executions("pass")]
        assert len(started) == len(set(started)), "a message started two executions"
        assert sent <= set(started), "a message that was acknowledged started none"
        assert len(started) <= tried[0]
        assert world.pipes.describe_pipe(Name="p")["CurrentState"] == "RUNNING"
