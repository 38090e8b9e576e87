# SPDX-License-Identifier: Apache-2.0
"""What AWS's services are asked that they must refuse, each in its own words: documents and filter policies that are too
deep, and tokens that were changed, or that belong to another request, task or queue."""
import json

import aws
import fleet as fleets
import pytest
from aws import refused
from http_client import ask
from test_aws_clients import ROLE


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory):
    with fleets.Fleet(tmp_path_factory.mktemp("bad"), http={"access": "open"}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


@pytest.fixture
def service(coordinator):
    return lambda name: aws.client(coordinator, name)


def changed(token):
    """It with one character of its beginning, its middle and its end another, one less, and one more."""
    for at in (0, len(token) // 2, len(token) - 2):
        yield token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]
    yield token[:-1]
    yield token + "A"


def nested(depth):
    return '{"a":' * depth + '["x"]' + "}" * depth


def test_json_that_is_too_deep(coordinator):
    for depth, says in ((513, "no deeper nesting"), (100000, "no deeper nesting"), (400, "must be a LIST")):
        body = b'{"name":"x","tags":' + b"[" * depth + b"]" * depth + b"}"
        status, got = ask(coordinator.endpoint, "CreateActivity", body)
        assert (status, got["__type"]) == (400, "SerializationException") and says in got["message"]
    for depth in (400, 50000):
        status, got = ask(coordinator.endpoint, "CreateStateMachine", {
            "name": "x", "roleArn": ROLE, "definition": '{"States":' * depth + "1" + "}" * depth})
        assert (status, got["__type"]) == (400, "InvalidDefinition"), got


def test_filter_policies_that_are_too_deep(service):
    sns, sqs, events, pipes = (service(s) for s in ("sns", "sqs", "events", "pipes"))
    topic = sns.create_topic(Name="deep")["TopicArn"]
    url = sqs.create_queue(QueueName="deep")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    at = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue}
    machine = service("stepfunctions").create_state_machine(name="deep", roleArn=ROLE, definition=json.dumps(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}))["stateMachineArn"]
    assert "does not support nested" in refused("InvalidParameter", sns.subscribe, **at, Attributes={
        "FilterPolicy": nested(2), "FilterPolicyScope": "MessageAttributes"})
    for depth in (101, 600, 20000):
        for scope in ("MessageAttributes", "MessageBody"):
            refused("InvalidParameter", sns.subscribe, **at, Attributes={
                "FilterPolicy": nested(depth), "FilterPolicyScope": scope})
        refused("InvalidEventPatternException", events.put_rule, Name="deep", EventPattern=nested(depth))
        refused("InvalidEventPatternException", events.test_event_pattern, Event="{}", EventPattern=nested(depth))
    for depth in (101, 600):
        refused("ValidationException", pipes.create_pipe, Name="deep", RoleArn=ROLE, Source=queue, Target=machine,
                SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": nested(depth)}]}},
                TargetParameters={"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}})
    # One that is deep but may be works, over a message as deep.
    arn = sns.subscribe(**at, Attributes={"FilterPolicy": nested(90), "FilterPolicyScope": "MessageBody"},
                        ReturnSubscriptionArn=True)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message=nested(89))
    sns.publish(TopicArn=topic, Message=nested(400))
    sns.publish(TopicArn=topic, Message=nested(90))
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(m["Body"])["Message"] for m in got] == [nested(90)]
    sns.unsubscribe(SubscriptionArn=arn)


def test_tokens_of_pages(service):
    sfn, sns, sqs, events, pipes = (service(s) for s in ("stepfunctions", "sns", "sqs", "events", "pipes"))
    topics = [sns.create_topic(Name=f"page-{i}")["TopicArn"] for i in range(2)]
    queues = [sqs.create_queue(QueueName=f"page-{i}")["QueueUrl"].rsplit("/", 1)[1] for i in range(102)]
    for i, queue in enumerate(queues):
        sns.subscribe(TopicArn=topics[0], Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{fleets.ACCOUNT}:{queue}")
        if i < 2:
            sfn.create_activity(name=f"page-{i}")
            events.put_rule(Name=f"page-{i}", EventPattern='{"source":["x"]}')
    lists = [  # how a page is asked for, what else the same could be, what a wrong token is called
        (sfn.list_activities, {"maxResults": 1}, "nextToken", None, "InvalidToken"),
        (sqs.list_queues, {"MaxResults": 1}, "NextToken", {"QueueNamePrefix": "page"}, "InvalidParameterValue"),
        (events.list_rules, {"Limit": 1}, "NextToken", {"NamePrefix": "page"}, "ValidationException"),
        (sns.list_subscriptions, {}, "NextToken", None, "InvalidParameter"),
        (sns.list_subscriptions_by_topic, {"TopicArn": topics[0]}, "NextToken", {"TopicArn": topics[1]},
         "InvalidParameter"),
    ]
    for call, page, name, other, code in lists:
        token = call(**page)[name]
        call(**page, **{name: token})
        for wrong in ("x", *changed(token)):
            refused(code, call, **page, **{name: wrong})
        if other is not None:
            refused(code, call, **{**page, **other, name: token})
    for call, code in ((sns.list_topics, "InvalidParameter"), (pipes.list_pipes, "ValidationException")):
        refused(code, call, NextToken=token)


def test_tokens_of_tasks(service):
    sfn = service("stepfunctions")
    activity = sfn.create_activity(name="tokens")["activityArn"]
    machine = sfn.create_state_machine(name="tokens", roleArn=ROLE, definition=json.dumps(
        {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": activity, "End": True}}}))["stateMachineArn"]
    runs = [sfn.start_execution(stateMachineArn=machine, input=f"{i}")["executionArn"] for i in range(2)]
    tasks = [sfn.get_activity_task(activityArn=activity) for _ in runs]
    token = tasks[0]["taskToken"]
    none = ("InvalidToken", "TaskDoesNotExist")  # by what can be told of it
    for wrong in ("x", *changed(token)):
        refused(none, sfn.send_task_success, taskToken=wrong, output="{}")
        refused(none, sfn.send_task_failure, taskToken=wrong)
        refused(none, sfn.send_task_heartbeat, taskToken=wrong)
    refused("InvalidToken", sfn.send_task_heartbeat, taskToken=sfn.list_activities(maxResults=1).get("nextToken", "x"))
    # Each ends its own task, and none a second time.
    for task in tasks:
        sfn.send_task_success(taskToken=task["taskToken"], output=task["input"])
        refused("TaskTimedOut", sfn.send_task_success, taskToken=task["taskToken"], output='"again"')
    for run in runs:
        got = fleets.wait_until(lambda: (d := sfn.describe_execution(executionArn=run))["status"] != "RUNNING" and d)
        assert got["status"] == "SUCCEEDED" and got["output"] == got["input"]


def test_receipts_of_messages(service):
    sqs = service("sqs")
    url, other = (sqs.create_queue(QueueName=f"receipts-{i}")["QueueUrl"] for i in range(2))
    for to in (url, other):
        sqs.send_message(QueueUrl=to, MessageBody=to)
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    for wrong in ("x", *changed(receipt)):
        refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url, ReceiptHandle=wrong)
        refused("ReceiptHandleIsInvalid", sqs.change_message_visibility, QueueUrl=url, ReceiptHandle=wrong,
                VisibilityTimeout=0)
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=other, ReceiptHandle=receipt)
    got = sqs.receive_message(QueueUrl=other)["Messages"]
    assert [m["Body"] for m in got] == [other]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == [url]
