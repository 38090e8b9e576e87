# SPDX-License-Identifier: Apache-2.0
"""A disk that fills: while it has no room but its reserve nothing new is taken on, by whichever face it comes; what
runs goes on and ends, over a kill as well; and where there is room again all goes on by itself."""
import json
import urllib.request

import aws
import fleet as fleets
import pytest
from fleet import Failed, wait_until
from small_disk import MIB, fill, small_disks

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ASKS = {"StartAt": "Ask", "States": {"Ask": {
    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Next": "Then",
    "Parameters": {"FunctionName": "Echo", "Payload": {"token.$": "$$.Task.Token"}}},
    "Then": {"Type": "Task", "Resource": f"arn:aws:lambda:us-east-1:{fleets.ACCOUNT}:function:Echo", "End": True}}}
ARN = "arn:aws:{}:us-east-1:" + fleets.ACCOUNT + ":{}"


@pytest.fixture
def fleet(tmp_path):
    with small_disks(tmp_path) as mount:
        mount("data", 96)
        with fleets.Fleet(tmp_path, coordinator={"disk_reserve": "40%"}, backup={"directory": tmp_path / "backups"},
                          http={"metrics": "open"}) as f:
            f.start_coordinator()
            f.key = f.json("key", "create", "--role", "admin")
            f.start_worker("w", {"Echo": {"handler": "event", "command": "/bin/cat", "slots": 2}})
            yield f
            f.check_serves()


def is_short(f, wanted):
    return wait_until(lambda: f.json("health")["shortOfDisk"] == wanted, 20, say=f"it is not shortOfDisk: {wanted}")


def refused(call, **arguments):
    assert "MiB free" in aws.refused("ServiceUnavailable", call, **arguments)


def task_token(f, arn):
    [token] = [json.loads(e["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
               for e in f.history(arn) if e["type"] == "TaskScheduled"]
    return token


def refuses_what_is_new(f, queue, topic):
    with pytest.raises(Failed, match="InsufficientStorage.*nothing new is taken on.*MiB free"):
        f.start("pass", "new", 1)
    with pytest.raises(Failed, match="InsufficientStorage"):
        f.create("other", PASS)
    with pytest.raises(Failed, match="InsufficientStorage"):
        f.cli("backup", "create")
    sfn, sqs, sns, events = (aws.client(f, service) for service in ("stepfunctions", "sqs", "sns", "events"))
    refused(sfn.start_execution, stateMachineArn=ARN.format("states", "stateMachine:pass"))
    refused(sqs.send_message, QueueUrl=queue, MessageBody="m")
    refused(sqs.send_message_batch, QueueUrl=queue, Entries=[{"Id": "a", "MessageBody": "m"}])
    refused(sns.publish, TopicArn=topic, Message="m")
    refused(events.put_events, Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])


def test_nothing_new_is_taken_on_and_what_runs_ends(fleet, tmp_path):
    sqs, sns, pipes = (aws.client(fleet, service) for service in ("sqs", "sns", "pipes"))
    fleet.create("pass", PASS)
    fleet.create("asks", ASKS)
    queue, piped = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("plain", "piped"))
    topic = sns.create_topic(Name="t")["TopicArn"]
    pipes.create_pipe(Name="p", Source=ARN.format("sqs", "piped"), Target=ARN.format("states", "stateMachine:pass"),
                      RoleArn=ARN.format("iam", "role/r").replace("us-east-1", ""), TargetParameters={
                          "StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}})
    wait_until(lambda: pipes.describe_pipe(Name="p")["CurrentState"] == "RUNNING")
    arns = [fleet.start("asks", f"e{n}") for n in range(2)]
    wait_until(lambda: all(any(e["type"] == "TaskSubmitted" for e in fleet.history(arn)) for arn in arns))
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    fill(tmp_path / "data" / "ballast", 30 * MIB)
    is_short(fleet, True)
    refuses_what_is_new(fleet, queue, topic)
    assert "stepfleet_disk_short 1" in urllib.request.urlopen(fleet.endpoint + "/metrics", timeout=20).read().decode()

    fleet.cli("task", "success", task_token(fleet, arns[0]), "--output", "1")
    assert fleet.finish(arns[0])["status"] == "SUCCEEDED"
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "kept"
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    fleet.coordinator.kill()
    fleet.start_coordinator()
    is_short(fleet, True)
    refuses_what_is_new(fleet, queue, topic)
    fleet.cli("stop", arns[1])
    assert fleet.show(arns[1])["status"] == "ABORTED"

    (tmp_path / "data" / "ballast").unlink()
    is_short(fleet, False)
    assert fleet.finish(fleet.start("pass", "new", 1))["status"] == "SUCCEEDED"
    sqs.send_message(QueueUrl=piped, MessageBody="m")
    wait_until(lambda: len(fleet.json("list", "--machine", "pass")["executions"]) == 2)
    text = fleet.coordinator.text()
    assert text.count("the disk has no room but its reserve") == 2 and text.count("has room again") == 1
