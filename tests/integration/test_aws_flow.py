# SPDX-License-Identifier: Apache-2.0
"""The flow from a topic through queues and pipes to Express and Standard workflows, end to end, by AWS's own tools: the
AWS CLI and boto3 against a live coordinator that `stepfleet deploy` has filled from a template as the CDK writes it."""
import json

import fleet as fleets
import pytest
from fleet import wait_until
from flow import Flow, message

VISIBILITY = 2


@pytest.fixture
def flow(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        yield Flow(f, VISIBILITY)
        for p in [f.coordinator, *f.workers.values()]:
            assert p.alive(), p.text()
        f.check_reports()


def publish(flow, way, n, bad=False):
    flow.cli("sns", "publish", "--topic-arn", flow.arn("Topic"), "--message", message(n, bad),
             "--message-attributes", f'{{"way":{{"DataType":"String","StringValue":"{way}"}}}}')


def moved(flow):
    """The move task has come to its end."""
    task, = flow.cli("sqs", "list-message-move-tasks", "--source-arn", flow.arn("ExpressDead"))["Results"]
    return task["Status"] == "COMPLETED" and task


def test_what_fails_comes_back_three_times_and_is_redriven_from_the_dead_letters(flow):
    publish(flow, "express", 1)
    publish(flow, "express", 2, bad=True)
    wait_until(lambda: flow.left("ExpressDead") == 1, 60, say="what always fails is no dead letter")
    flow.empty("ExpressQueue")
    assert [m["attempt"] for m in flow.seen("express") if m["n"] == 2] == ["1", "2", "3"]
    assert flow.done("express") == {1} and flow.dead() == [2]
    flow.mend()
    flow.cli("sqs", "start-message-move-task", "--source-arn", flow.arn("ExpressDead"))
    wait_until(lambda: flow.done("express") == {1, 2}, 60, say="what was redriven is not done")
    assert wait_until(lambda: moved(flow))["ApproximateNumberOfMessagesMoved"] == 1
    flow.empty("ExpressQueue")
    assert flow.left("ExpressDead") == 0
    assert flow.seen("express")[-1]["attempt"] == "1"


def test_standard_is_started_and_forgotten_and_a_rule_tells_its_failure(flow):
    publish(flow, "standard", 1)
    publish(flow, "standard", 2, bad=True)
    wait_until(lambda: len(flow.executions()) == 2, 60, say="messages have not started their executions")
    assert flow.left("StandardQueue") == 0
    (good,), (bad,) = (flow.executions()[n] for n in (1, 2))
    assert flow.fleet.finish(good["executionArn"])["status"] == "SUCCEEDED"
    assert flow.fleet.finish(bad["executionArn"])["status"] == "FAILED"
    wait_until(lambda: flow.left("Failures") == 1, say="the rule's target is not told of the failure")
    told, = flow.failures()
    assert (told["executionArn"], told["status"], told["name"]) == (bad["executionArn"], "FAILED", bad["name"])
    assert json.loads(told["input"]) == json.loads(bad["input"]) and told["stateMachineArn"] == flow.arn("Standard")
    flow.mend()
    flow.cli("stepfunctions", "redrive-execution", "--execution-arn", bad["executionArn"])
    assert flow.fleet.finish(bad["executionArn"])["status"] == "SUCCEEDED"
    assert flow.done("standard") == {1, 2} and flow.left("StandardQueue") == 0 and flow.left("Failures") == 1


def test_what_is_deployed_stays_as_it_is(flow):
    again = flow.deploy(VISIBILITY)
    assert {r["change"] for r in again["resources"]} == {"NONE", "LEFT_OUT"} and again["complete"]
    left_out = {r["logicalId"] for r in again["resources"] if r["change"] == "LEFT_OUT"}
    assert left_out == {"Role", "Policy", "Work", "ExpressQueuePolicy"} and again["functions"] == ["work"]
    assert flow.sqs.get_queue_attributes(QueueUrl=flow.url("ExpressQueue"), AttributeNames=["VisibilityTimeout"])[
        "Attributes"] == {"VisibilityTimeout": str(VISIBILITY)}
