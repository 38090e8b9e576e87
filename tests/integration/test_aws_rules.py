# SPDX-License-Identifier: Apache-2.0
"""EventBridge's rules that run by a schedule, through boto3 with nothing changed but the endpoint."""
import json

import aws
import pytest
from fleet import wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:"
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture(scope="module")
def coordinator(coordinator):
    coordinator.create("m", PASS)
    coordinator.create("x", PASS, "EXPRESS")
    return coordinator


def client(f, key=None):
    return aws.client(f, "events", key)


@pytest.fixture
def events(coordinator):
    return client(coordinator)


_names = iter(range(1000))


def name():
    return f"rule-{next(_names)}"


def refused(code, words, call, **arguments):
    said = aws.refused(code, call, **arguments)
    assert words in said, said


def test_a_rule_is_put_read_and_deleted(events):
    n = name()
    arn = events.put_rule(Name=n, ScheduleExpression="rate(1 hour)", Description="hourly", RoleArn=ROLE)["RuleArn"]
    assert arn == f"arn:aws:events:us-east-1:123456789012:rule/{n}"
    assert events.put_rule(Name=n, ScheduleExpression="rate(2 hours)", State="DISABLED")["RuleArn"] == arn
    got = events.describe_rule(Name=n, EventBusName="default")
    got.pop("ResponseMetadata")
    assert got == {"Name": n, "Arn": arn, "ScheduleExpression": "rate(2 hours)", "State": "DISABLED",
                   "EventBusName": "default", "CreatedBy": "123456789012"}
    events.enable_rule(Name=n)
    assert events.describe_rule(Name=n)["State"] == "ENABLED"
    events.disable_rule(Name=n)
    assert events.describe_rule(Name=n)["State"] == "DISABLED"
    events.delete_rule(Name=n)
    events.delete_rule(Name=n)
    refused("ResourceNotFoundException", f"Rule {n} does not exist on EventBus default.", events.describe_rule, Name=n)


@pytest.mark.parametrize("expression", ["rate(1 minutes)", "rate(0 minutes)", " rate(10 minutes)", "cron(0 1 * * * *)",
                                        "cron(INVALID)", "at(2030-01-01T00:00:00)"])
def test_expressions_are_refused_in_awss_words(events, expression):
    refused("ValidationException", "Parameter ScheduleExpression is not valid.", events.put_rule, Name=name(),
            ScheduleExpression=expression)


def test_what_else_is_refused(events):
    n = name()
    refused("ValidationException", "must be specified", events.put_rule, Name=n)
    refused("ValidationException", "'name' failed", events.put_rule, Name="a b", ScheduleExpression="rate(1 day)")
    refused("ValidationException", "'state' failed", events.put_rule, Name=n, ScheduleExpression="rate(1 day)", State="X")
    refused("ValidationException", "only on the default event bus", events.put_rule, Name=n, EventBusName="mine",
            ScheduleExpression="rate(1 day)")
    refused("ResourceNotFoundException", "does not exist", events.put_targets, Rule=n, Targets=[{"Id": "a", "Arn": MACHINE + "m"}])
    refused("ResourceNotFoundException", "does not exist", events.enable_rule, Name=n)


def test_targets(events):
    n = name()
    events.put_rule(Name=n, ScheduleExpression="rate(1 day)")
    targets = [{"Id": "b", "Arn": MACHINE + "m", "RoleArn": ROLE}, {"Id": "a", "Arn": MACHINE + "x", "Input": '{"k": 1}'}]
    assert events.put_targets(Rule=n, Targets=targets)["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule=n)["Targets"] == [targets[1], targets[0]]
    events.put_targets(Rule=n, Targets=[{"Id": "a", "Arn": MACHINE + "m"}])
    assert events.list_targets_by_rule(Rule=n)["Targets"][0] == {"Id": "a", "Arn": MACHINE + "m"}
    events.put_rule(Name=n, ScheduleExpression="rate(2 days)")
    assert len(events.list_targets_by_rule(Rule=n)["Targets"]) == 2
    refused("ValidationException", "since it has targets", events.delete_rule, Name=n)
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    for bad, words in [({"Arn": "arn:aws:sqs:us-east-1:210987654321:q"}, "a target here"),
                       ({"Arn": MACHINE + "m:live"}, "a target here"), ({"Input": "{"}, "not JSON"),
                       ({"Arn": queue + ".fifo"}, "SqsParameters must be specified for target: c."),
                       ({"InputPath": "detail"}, "InputPath"), ({"Id": "a b"}, "failed to satisfy"),
                       ({"InputPath": "$.detail", "Input": "1"}, "Only one of"),
                       ({"InputTransformer": {"InputTemplate": "<x>"}}, "InputTransformer"),
                       ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "between 0 and 185"),
                       ({"DeadLetterConfig": {"Arn": queue + ".fifo"}}, "standard queue")]:
        refused("ValidationException", words, events.put_targets, Rule=n,
                Targets=[{"Id": "c", "Arn": MACHINE + "m", **bad}])
    refused("LimitExceededException", "maximum number", events.put_targets, Rule=n,
            Targets=[{"Id": f"t{i}", "Arn": MACHINE + "m"} for i in range(4)])
    assert events.remove_targets(Rule=n, Ids=["a", "b", "nobody"])["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule=n)["Targets"] == []
    events.delete_rule(Name=n)


def test_rules_are_listed_by_pages(events):
    names = [f"page-{i:02}" for i in range(7)]
    for n in reversed(names):
        events.put_rule(Name=n, ScheduleExpression="rate(1 day)")
    found = []
    more = {}
    while True:
        page = events.list_rules(NamePrefix="page-", Limit=3, **more)
        assert len(page["Rules"]) <= 3
        found += [r["Name"] for r in page["Rules"]]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert found == names


def test_who_only_runs_may_not_put_rules(coordinator):
    run = client(coordinator, coordinator.json("key", "create", "--role", "run"))
    refused("AccessDeniedException", "events:PutRule", run.put_rule, Name=name(), ScheduleExpression="rate(1 day)")
    assert "Rules" in run.list_rules()


def test_a_rule_starts_executions_and_outlives_the_coordinator(coordinator, events):
    """On the real clock: at the next whole minute, which is up to a minute away."""
    n = name()
    events.put_rule(Name=n, ScheduleExpression="cron(* * * * ? *)")
    events.put_targets(Rule=n, Targets=[{"Id": "a", "Arn": MACHINE + "m"}, {"Id": "b", "Arn": MACHINE + "x"}])
    coordinator.coordinator.kill()
    coordinator.start_coordinator()

    def ran():
        return [e for m in "mx" for e in coordinator.json("list", "-m", m)["executions"]]
    wait_until(lambda: len(ran()) >= 2 and all(e["status"] == "SUCCEEDED" for e in ran()), 150)
    shown = coordinator.show(next(e for e in ran() if ":execution:" in e["executionArn"])["executionArn"])
    event = json.loads(shown["input"])
    assert event["source"] == "aws.events" and event["detail-type"] == "Scheduled Event" and event["detail"] == {}
    assert event["resources"] == [f"arn:aws:events:us-east-1:123456789012:rule/{n}"] and event["time"].endswith(":00Z")
    client(coordinator).disable_rule(Name=n)
