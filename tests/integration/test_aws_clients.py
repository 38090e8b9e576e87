# SPDX-License-Identifier: Apache-2.0
"""AWS's own clients against a live coordinator, with nothing changed but the endpoint: boto3 with every operation,
paginators, errors and long polls; the AWS CLI 1 and 2; the JavaScript SDK 3."""
import concurrent.futures
import datetime
import json
import os
import subprocess
import threading
import time

import aws
import pytest
from aws import refused
from fleet import wait_until

ROLE = "arn:aws:iam::123456789012:role/r"
STATES = "arn:aws:states:us-east-1:123456789012:"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Own.Error", "Cause": "because"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
NAP = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "End": True}}}


def client(f, key=None, **config):
    return aws.client(f, "stepfunctions", key, inject_host_prefix=False, read_timeout=90, **config)


@pytest.fixture
def sfn(coordinator):
    return client(coordinator)


_names = iter(range(1000000))


def name(what="n"):
    return f"{what}-{next(_names)}"


def machine(sfn, definition=PASS, kind="STANDARD", **more):
    got = sfn.create_state_machine(name=name("m"), definition=json.dumps(definition), roleArn=ROLE, type=kind, **more)
    return got["stateMachineArn"]


def start(sfn, arn, payload=None, **more):
    if payload is not None:
        more["input"] = json.dumps(payload)
    return sfn.start_execution(stateMachineArn=arn, **more)["executionArn"]


def finish(sfn, arn, timeout=60):
    def ended():
        d = sfn.describe_execution(executionArn=arn)
        return d if d["status"] != "RUNNING" else None
    return wait_until(ended, timeout, 0.05)


# ---- machines ----


def test_machines(sfn):
    own = name("machine")
    made = sfn.create_state_machine(name=own, definition=json.dumps(PASS), roleArn=ROLE)
    arn = made["stateMachineArn"]
    assert arn == f"{STATES}stateMachine:{own}"
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 200 and len(made["ResponseMetadata"]["RequestId"]) == 36
    age = datetime.datetime.now(datetime.timezone.utc) - made["creationDate"]
    assert abs(age.total_seconds()) < 120
    again = sfn.create_state_machine(name=own, definition=json.dumps(PASS), roleArn=ROLE)
    assert again["stateMachineArn"] == arn and again["creationDate"] == made["creationDate"]
    says = refused("StateMachineAlreadyExists", sfn.create_state_machine, name=own,
                   definition=json.dumps(PASS, indent=1), roleArn=ROLE)
    assert says == f"State Machine Already Exists: '{arn}'"
    got = sfn.describe_state_machine(stateMachineArn=arn)
    assert got["name"] == own and got["type"] == "STANDARD" and got["status"] == "ACTIVE"
    assert json.loads(got["definition"]) == PASS and got["roleArn"] == ROLE
    assert got["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert got["tracingConfiguration"] == {"enabled": False} and "variableReferences" not in got
    updated = sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(WAIT))
    assert updated["updateDate"] >= made["creationDate"]
    assert json.loads(sfn.describe_state_machine(stateMachineArn=arn)["definition"]) == WAIT
    refused("MissingRequiredParameter", sfn.update_state_machine, stateMachineArn=arn)
    refused("InvalidDefinition", sfn.update_state_machine, stateMachineArn=arn, definition="{}")
    refused("StateMachineDoesNotExist", sfn.describe_state_machine, stateMachineArn=arn + "x")
    assert refused("InvalidArn", sfn.describe_state_machine, stateMachineArn="x y z") == \
        "Invalid Arn: 'Invalid ARN prefix: x y z'"
    refused("InvalidName", sfn.create_state_machine, name="a b", definition=json.dumps(PASS), roleArn=ROLE)
    refused("InvalidDefinition", sfn.create_state_machine, name=name(), definition="x", roleArn=ROLE)
    sfn.delete_state_machine(stateMachineArn=arn)
    sfn.delete_state_machine(stateMachineArn=arn)
    wait_until(lambda: all(m["stateMachineArn"] != arn for p in sfn.get_paginator("list_state_machines").paginate()
                           for m in p["stateMachines"]))


def test_logging_configurations(sfn):
    def logged(configuration):
        arn = machine(sfn, loggingConfiguration=configuration)
        return sfn.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]

    assert logged({}) == {"level": "OFF", "includeExecutionData": False}
    assert logged({"destinations": []}) == {"level": "OFF", "includeExecutionData": False, "destinations": []}
    group = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:g:*"}}
    assert logged({"level": "ALL", "destinations": [group]}) == {
        "level": "ALL", "includeExecutionData": False, "destinations": [group]}
    says = refused("InvalidLoggingConfiguration", machine, sfn=sfn, loggingConfiguration={"level": "ALL"})
    assert says == "Invalid Logging Configuration: Must specify exactly one Log Destination."
    refused("ValidationException", machine, sfn=sfn, loggingConfiguration={"level": "SOME", "destinations": [group]})
    arn = machine(sfn)
    own = arn.rsplit(":", 1)[1]
    again = sfn.create_state_machine(name=own, definition=json.dumps(PASS), roleArn=ROLE, loggingConfiguration={
        "level": "OFF", "includeExecutionData": False})
    assert again["stateMachineArn"] == arn
    sfn.update_state_machine(stateMachineArn=arn, loggingConfiguration={"level": "ERROR", "destinations": [group]})
    assert sfn.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]["level"] == "ERROR"


def test_tracing_configurations(coordinator, sfn):
    own = name("traced")
    make = {"name": own, "definition": json.dumps(PASS), "roleArn": ROLE}
    arn = sfn.create_state_machine(**make, tracingConfiguration={"enabled": True})["stateMachineArn"]

    def traced(of=arn):
        return sfn.describe_state_machine(stateMachineArn=of)["tracingConfiguration"]["enabled"]

    assert traced() and not traced(machine(sfn, tracingConfiguration={"enabled": False}))
    assert sfn.create_state_machine(**make, tracingConfiguration={"enabled": True})["stateMachineArn"] == arn
    refused("StateMachineAlreadyExists", sfn.create_state_machine, **make)
    revision = sfn.update_state_machine(stateMachineArn=arn, roleArn=ROLE + "2")["revisionId"]
    assert traced()
    run = start(sfn, arn)
    assert sfn.describe_state_machine_for_execution(executionArn=run)["tracingConfiguration"] == {"enabled": True}
    coordinator.coordinator.kill()
    coordinator.start_coordinator()
    assert traced()
    assert sfn.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": False})["revisionId"] != revision
    assert not traced()
    refused("InvalidTracingConfiguration", machine, sfn=sfn, tracingConfiguration={})
    refused("InvalidTracingConfiguration", sfn.update_state_machine, stateMachineArn=arn, tracingConfiguration={})


def test_encryption_configurations(sfn):
    own = {"type": "AWS_OWNED_KEY"}
    theirs = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k", "kmsDataKeyReusePeriodSeconds": 60}
    arn = machine(sfn, encryptionConfiguration=own)
    activity = sfn.create_activity(name=name("owned"), encryptionConfiguration=own)["activityArn"]
    assert sfn.describe_activity(activityArn=activity)["encryptionConfiguration"] == own
    refused("InvalidEncryptionConfiguration", machine, sfn=sfn, encryptionConfiguration=theirs)
    refused("InvalidEncryptionConfiguration", sfn.create_activity, name=name(), encryptionConfiguration=theirs)
    refused("InvalidEncryptionConfiguration", sfn.update_state_machine, stateMachineArn=arn, roleArn=ROLE,
            encryptionConfiguration=theirs)


def test_what_is_included(sfn):
    arn = machine(sfn)
    bare = {"includedData": "METADATA_ONLY"}
    got = sfn.describe_state_machine(stateMachineArn=arn, **bare)
    assert got["definition"] == "{}" and got["name"] and got["roleArn"] == ROLE
    run = start(sfn, arn, {"secret": 1})
    assert sfn.describe_state_machine_for_execution(executionArn=run, **bare)["definition"] == "{}"
    assert finish(sfn, run)["output"] == '{"secret":1}'
    got = sfn.describe_execution(executionArn=run, **bare)
    assert got["status"] == "SUCCEEDED" and "secret" not in str(got)
    assert got["inputDetails"] == got["outputDetails"] == {"included": False}
    assert "input" not in got and "output" not in got
    assert sfn.describe_execution(executionArn=run, includedData="ALL_DATA")["input"] == '{"secret":1}'
    express = machine(sfn, kind="EXPRESS")
    got = sfn.start_sync_execution(stateMachineArn=express, input='{"secret":1}', **bare)
    assert got["status"] == "SUCCEEDED" and "secret" not in str(got) and got["outputDetails"] == {"included": False}
    assert "enum value set: [ALL_DATA, METADATA_ONLY]" in refused(
        "ValidationException", sfn.describe_execution, executionArn=run, includedData="SOME")
    refused("ValidationException", sfn.describe_state_machine, stateMachineArn=arn, includedData="SOME")
    refused("ValidationException", sfn.start_sync_execution, stateMachineArn=express, includedData="SOME")


def test_trace_headers(coordinator, sfn):
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    arn = machine(sfn, WAIT)
    run = start(sfn, arn, traceHeader=trace)
    assert sfn.describe_execution(executionArn=run)["traceHeader"] == trace
    assert "traceHeader" not in sfn.describe_execution(executionArn=start(sfn, arn))
    coordinator.coordinator.kill()
    coordinator.start_coordinator()
    assert sfn.describe_execution(executionArn=run)["traceHeader"] == trace
    express = machine(sfn, kind="EXPRESS")
    assert sfn.start_sync_execution(stateMachineArn=express, traceHeader=trace)["traceHeader"] == trace
    # The request's own is preferred.
    preferring = client(coordinator)
    preferring.meta.events.register("before-sign.sfn.*", lambda request, **_: request.headers.add_header(
        "X-Amzn-Trace-Id", "Root=1-other"))
    run = start(preferring, arn, traceHeader=trace)
    assert sfn.describe_execution(executionArn=run)["traceHeader"] == "Root=1-other"
    assert "less than or equal to 256" in refused("ValidationException", sfn.start_execution, stateMachineArn=arn,
                                                 traceHeader="x" * 257)
    start(sfn, arn, traceHeader="x" * 256)
    assert "ASCII" in refused("ValidationException", sfn.start_execution, stateMachineArn=arn, traceHeader="é")


def test_variables_that_states_refer_to(sfn):
    arn = machine(sfn, {"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"v.$": "States.Format('{}$z', $y)", "w.$": "$x"}, "End": True}}})
    assert sfn.describe_state_machine(stateMachineArn=arn)["variableReferences"] == {"B": ["x", "y"]}
    run = start(sfn, arn)
    assert sfn.describe_state_machine_for_execution(executionArn=run)["variableReferences"] == {"B": ["x", "y"]}


def test_the_page_of_machines(sfn):
    arns = {machine(sfn) for _ in range(7)}
    pages = list(sfn.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 3}))
    assert all(len(p["stateMachines"]) <= 3 for p in pages) and len(pages) >= 3
    seen = [m["stateMachineArn"] for p in pages for m in p["stateMachines"]]
    assert arns <= set(seen) and len(seen) == len(set(seen))
    token = sfn.list_state_machines(maxResults=1)["nextToken"]
    assert sfn.list_state_machines(maxResults=1, nextToken=token)["stateMachines"]
    middle = len(token) // 2
    for bad in ("x", token[:-1], token + "A", token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1:]):
        assert refused("InvalidToken", sfn.list_state_machines, nextToken=bad) == "Invalid Token: 'Invalid token'"
    refused("InvalidToken", sfn.list_activities, nextToken=token)
    assert "less than or equal to 1024" in refused("ValidationException", sfn.list_state_machines, nextToken="x" * 1025)
    assert "less than or equal to 1000" in refused("ValidationException", sfn.list_state_machines, maxResults=1001)


def test_definitions_that_are_only_checked(sfn):
    got = sfn.validate_state_machine_definition(definition=json.dumps(PASS))
    assert got["result"] == "OK" and got["diagnostics"] == []
    got = sfn.validate_state_machine_definition(definition=json.dumps({"StartAt": "X", "States": {}}))
    assert got["result"] == "FAIL" and got["diagnostics"][0]["severity"] == "ERROR"


# ---- versions, aliases, tags ----


def version(arn, number):
    return f"{arn}:{number}"


def test_versions(sfn):
    own = name("versioned")
    make = {"name": own, "definition": json.dumps(PASS), "roleArn": ROLE}
    assert refused("ValidationException", sfn.create_state_machine, **make, versionDescription="x") == \
        "Version description can only be set when publish is true"
    made = sfn.create_state_machine(**make, publish=True, versionDescription="first")
    arn = made["stateMachineArn"]
    assert made["stateMachineVersionArn"] == version(arn, 1)
    got = sfn.describe_state_machine(stateMachineArn=version(arn, 1))
    assert got["stateMachineArn"] == version(arn, 1) and got["description"] == "first" and "revisionId" not in got
    assert sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == version(arn, 1)
    first = sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(WAIT))
    assert "stateMachineVersionArn" not in first
    again = sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(WAIT))
    assert again["revisionId"] == first["revisionId"]
    second = sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(FAIL), publish=True)
    assert second["stateMachineVersionArn"] == version(arn, 2) and second["revisionId"] != first["revisionId"]
    assert sfn.describe_state_machine(stateMachineArn=version(arn, 2))["revisionId"] == second["revisionId"]
    assert refused("ConflictException", sfn.publish_state_machine_version, stateMachineArn=arn,
                   revisionId=first["revisionId"]) == \
        f"Failed to publish the State Machine version for revision {first['revisionId']}. The current State Machine " \
        f"revision is {second['revisionId']}."
    listed = [v["stateMachineVersionArn"] for v in
              sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]]
    assert listed == [version(arn, 2), version(arn, 1)]
    page = sfn.list_state_machine_versions(stateMachineArn=arn, maxResults=1)
    rest = sfn.list_state_machine_versions(stateMachineArn=arn, maxResults=1, nextToken=page["nextToken"])
    assert [v["stateMachineVersionArn"] for v in rest["stateMachineVersions"]] == [version(arn, 1)]
    assert "nextToken" not in rest
    refused("StateMachineDoesNotExist", sfn.update_state_machine, stateMachineArn=version(arn, 1), roleArn=ROLE)
    refused("StateMachineDoesNotExist", sfn.describe_state_machine, stateMachineArn=version(arn, 9))
    assert refused("InvalidArn", sfn.publish_state_machine_version, stateMachineArn="invalid arn") == \
        "Invalid Arn: 'Invalid ARN prefix: invalid arn'"
    # Each starts what it is a version of, and says so.
    run = start(sfn, version(arn, 1))
    got = finish(sfn, run)
    assert got["status"] == "SUCCEEDED" and got["stateMachineArn"] == arn
    assert got["stateMachineVersionArn"] == version(arn, 1) and "stateMachineAliasArn" not in got
    assert json.loads(sfn.describe_state_machine_for_execution(executionArn=run)["definition"]) == PASS
    plain = start(sfn, arn)
    assert finish(sfn, plain)["status"] == "FAILED"
    assert "stateMachineVersionArn" not in sfn.describe_execution(executionArn=plain)
    runs = sfn.list_executions(stateMachineArn=arn)["executions"]
    assert {r["executionArn"]: r.get("stateMachineVersionArn") for r in runs} == {run: version(arn, 1), plain: None}
    assert [r["executionArn"] for r in sfn.list_executions(stateMachineArn=version(arn, 1))["executions"]] == [run]
    # A number is never given again.
    sfn.delete_state_machine_version(stateMachineVersionArn=version(arn, 2))
    sfn.delete_state_machine_version(stateMachineVersionArn=version(arn, 2))
    assert sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == version(arn, 3)


def test_aliases(sfn):
    arn = machine(sfn, publish=True)
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(FAIL), publish=True)

    def routes(*weights):
        return [{"stateMachineVersionArn": version(arn, i), "weight": w} for i, w in weights]

    made = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=routes((1, 100)))
    alias = made["stateMachineAliasArn"]
    assert alias == f"{arn}:live"
    again = sfn.create_state_machine_alias(name="live", description="d", routingConfiguration=routes((1, 100)))
    assert again["creationDate"] == made["creationDate"]
    assert refused("ConflictException", sfn.create_state_machine_alias, name="live",
                   routingConfiguration=routes((2, 100))) == \
        "Failed to create alias because an alias with the same name and a different routing configuration already exists."
    got = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert got["routingConfiguration"] == routes((1, 100)) and got["name"] == "live" and got["description"] == "d"
    pattern = "Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
    for bad in ("123", "INVALID ALIAS", "!INVALID", "ALIAS@"):
        assert refused("ValidationException", sfn.create_state_machine_alias, name=bad,
                       routingConfiguration=routes((1, 100))) == \
            f"1 validation error detected: Value '{bad}' at 'name' failed to satisfy constraint: {pattern}"
    assert "less than or equal to 80" in refused("ValidationException", sfn.create_state_machine_alias, name="A" * 81,
                                                 routingConfiguration=routes((1, 100)))
    assert refused("ValidationException", sfn.create_state_machine_alias, name="x", routingConfiguration=[
        {"stateMachineVersionArn": arn, "weight": 100}]) == \
        f"Routing configuration must contain state machine version ARNs. Received: [{arn}]"
    assert refused("ValidationException", sfn.create_state_machine_alias, name="x",
                   routingConfiguration=routes((1, 70), (2, 29))) == \
        "Sum of routing configuration weights must equal 100. Received: [70, 29]"
    assert refused("ConflictException", sfn.delete_state_machine_version, stateMachineVersionArn=version(arn, 1)) == \
        "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]"
    run = start(sfn, alias)
    got = finish(sfn, run)
    assert got["stateMachineAliasArn"] == alias and got["stateMachineVersionArn"] == version(arn, 1)
    # Half of them one way: 40 starts all alike are one in 2**39.
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((1, 50), (2, 50)))
    ends = [finish(sfn, start(sfn, alias))["status"] for _ in range(40)]
    assert set(ends) == {"SUCCEEDED", "FAILED"}
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((1, 0), (2, 100)))
    assert [finish(sfn, start(sfn, alias))["status"] for _ in range(10)] == ["FAILED"] * 10
    assert len(sfn.list_executions(stateMachineArn=alias)["executions"]) == 51
    sfn.create_state_machine_alias(name="other", routingConfiguration=routes((2, 100)))

    def names(**of):
        return [a["stateMachineAliasArn"].rsplit(":", 1)[1] for a in
                sfn.list_state_machine_aliases(**of)["stateMachineAliases"]]

    assert names(stateMachineArn=arn) == ["live", "other"]
    page = sfn.list_state_machine_aliases(stateMachineArn=arn, maxResults=1)
    assert names(stateMachineArn=arn, maxResults=1, nextToken=page["nextToken"]) == ["other"]
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((2, 100)), description="e")
    sfn.delete_state_machine_version(stateMachineVersionArn=version(arn, 1))
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert refused("ResourceNotFound", sfn.update_state_machine_alias, stateMachineAliasArn=alias, description="x") == \
        "Request references a resource that does not exist."
    refused("ResourceNotFound", sfn.describe_state_machine_alias, stateMachineAliasArn=alias)
    refused("StateMachineDoesNotExist", sfn.start_execution, stateMachineArn=alias)


def test_tags(sfn):
    arn = machine(sfn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    activity = sfn.create_activity(name=name("tagged"), tags=[{"key": "x", "value": ""}])["activityArn"]

    def tags(resource):
        return {t["key"]: t["value"] for t in sfn.list_tags_for_resource(resourceArn=resource)["tags"]}

    assert tags(arn) == {"a": "1", "b": "2"} and tags(activity) == {"x": ""}
    sfn.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "3"}, {"key": "c", "value": "4"}])
    assert tags(arn) == {"a": "1", "b": "3", "c": "4"}
    sfn.untag_resource(resourceArn=arn, tagKeys=["a", "a", "nonsense"])
    assert tags(arn) == {"b": "3", "c": "4"}
    refused("TooManyTags", sfn.tag_resource, resourceArn=arn,
            tags=[{"key": f"k{i}", "value": "v"} for i in range(49)])
    sfn.tag_resource(resourceArn=arn, tags=[{"key": f"k{i}", "value": "v"} for i in range(48)])
    published = sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    assert refused("ResourceNotFound", sfn.tag_resource, resourceArn=published, tags=[]) == \
        f"Resource not found: '{published}'"
    refused("ResourceNotFound", sfn.list_tags_for_resource, resourceArn=arn + "x")
    refused("InvalidArn", sfn.list_tags_for_resource, resourceArn="nonsense")


def test_what_is_there_after_a_crash(coordinator, sfn):
    arn = machine(sfn, WAIT, publish=True, tags=[{"key": "k", "value": "v"}])
    made = sfn.create_state_machine_alias(name="live", routingConfiguration=[
        {"stateMachineVersionArn": version(arn, 1), "weight": 100}])
    run = start(sfn, made["stateMachineAliasArn"])
    gone = machine(sfn, publish=True, tags=[{"key": "k", "value": "v"}])
    sfn.delete_state_machine(stateMachineArn=gone)
    coordinator.coordinator.kill()
    coordinator.start_coordinator()
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    assert sfn.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"][0]["creationDate"] == \
        made["creationDate"]
    got = sfn.describe_execution(executionArn=run)
    assert got["stateMachineAliasArn"] == f"{arn}:live" and got["stateMachineVersionArn"] == version(arn, 1)
    sfn.stop_execution(executionArn=run)
    assert sfn.list_executions(stateMachineArn=f"{arn}:live")["executions"][0]["executionArn"] == run
    own = gone.rsplit(":", 1)[1]
    fresh = sfn.create_state_machine(name=own, definition=json.dumps(PASS), roleArn=ROLE, publish=True)
    assert fresh["stateMachineVersionArn"] == version(gone, 1)
    assert sfn.list_tags_for_resource(resourceArn=gone)["tags"] == []


# ---- executions ----


def test_an_execution(sfn):
    arn = machine(sfn)
    own = name("run")
    begun = sfn.start_execution(stateMachineArn=arn, name=own, input='{"a": [1, 2.50, "\\u00e9"]}')
    assert begun["executionArn"] == arn.replace(":stateMachine:", ":execution:") + f":{own}"
    got = finish(sfn, begun["executionArn"])
    assert got["status"] == "SUCCEEDED" and json.loads(got["output"]) == {"a": [1, 2.5, "é"]}
    assert got["inputDetails"] == {"included": True} and got["outputDetails"] == {"included": True}
    assert got["startDate"] == begun["startDate"] and got["stopDate"] >= got["startDate"]
    assert got["redriveCount"] == 0 and got["redriveStatus"] == "NOT_REDRIVABLE"
    events = sfn.get_execution_history(executionArn=begun["executionArn"])["events"]
    assert [e["type"] for e in events] == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    back = sfn.get_execution_history(executionArn=begun["executionArn"], reverseOrder=True, includeExecutionData=False)
    assert [e["id"] for e in back["events"]] == [4, 3, 2, 1]
    assert "input" not in back["events"][3]["executionStartedEventDetails"]
    pages = list(sfn.get_paginator("get_execution_history").paginate(
        executionArn=begun["executionArn"], PaginationConfig={"PageSize": 1}))
    assert [e["id"] for p in pages for e in p["events"]] == [1, 2, 3, 4]
    of = sfn.describe_state_machine_for_execution(executionArn=begun["executionArn"])
    assert of["stateMachineArn"] == arn and json.loads(of["definition"]) == PASS
    assert sfn.list_map_runs(executionArn=begun["executionArn"])["mapRuns"] == []
    refused("ExecutionAlreadyExists", sfn.start_execution, stateMachineArn=arn, name=own)
    refused("ExecutionDoesNotExist", sfn.describe_execution, executionArn=begun["executionArn"] + "x")
    refused("ExecutionDoesNotExist", sfn.get_execution_history, executionArn=begun["executionArn"] + "x")
    refused("ExecutionNotRedrivable", sfn.redrive_execution, executionArn=begun["executionArn"])
    for bad, why in {
            "not json": "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', "
                        "'true' or 'false')",
            "{'a'": "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            "": "Invalid execution input."}.items():
        assert refused("InvalidExecutionInput", sfn.start_execution, stateMachineArn=arn, input=bad) == \
            f"Invalid State Machine Execution Input: '{why}'"
    for bare in (arn.rsplit(":", 1)[1], "x"):
        assert refused("InvalidArn", sfn.start_execution, stateMachineArn=bare) == \
            f"Invalid Arn: 'Invalid ARN prefix: {bare}'"
    refused("InvalidName", sfn.start_execution, stateMachineArn=arn, name="a b")
    refused("StateMachineDoesNotExist", sfn.start_execution, stateMachineArn=arn + "x")


def test_the_definition_it_was_started_with(sfn):
    arn = machine(sfn, WAIT)
    run = start(sfn, arn)
    sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(PASS))
    assert json.loads(sfn.describe_state_machine_for_execution(executionArn=run)["definition"]) == WAIT
    sfn.stop_execution(executionArn=run)


def test_the_same_start_again(sfn):
    arn = machine(sfn, WAIT)
    first = sfn.start_execution(stateMachineArn=arn, name="one", input='{"a":1}')
    again = sfn.start_execution(stateMachineArn=arn, name="one", input='{"a":1}')
    assert again["executionArn"] == first["executionArn"] and again["startDate"] == first["startDate"]
    says = refused("ExecutionAlreadyExists", sfn.start_execution, stateMachineArn=arn, name="one", input="{}")
    assert says == f"Execution Already Exists: '{first['executionArn']}'"


def test_stop_and_redrive(sfn):
    arn = machine(sfn, WAIT)
    run = start(sfn, arn)
    stopped = sfn.stop_execution(executionArn=run, error="Own", cause="enough")
    got = finish(sfn, run)
    assert got["status"] == "ABORTED" and got["error"] == "Own" and got["cause"] == "enough"
    assert stopped["stopDate"] == got["stopDate"] and got["redriveStatus"] == "REDRIVABLE"
    redriven = sfn.redrive_execution(executionArn=run, clientToken="t")
    assert sfn.redrive_execution(executionArn=run, clientToken="t")["redriveDate"] == redriven["redriveDate"]
    got = sfn.describe_execution(executionArn=run)
    assert got["status"] == "RUNNING" and got["redriveCount"] == 1
    sfn.stop_execution(executionArn=run)


def test_lists_of_executions(sfn):
    arn = machine(sfn)
    runs = [start(sfn, arn, name=f"r{i}") for i in range(5)]
    for run in runs:
        finish(sfn, run)
    pages = list(sfn.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 2}))
    listed = [e["executionArn"] for p in pages for e in p["executions"]]
    assert sorted(listed) == sorted(runs) and [len(p["executions"]) for p in pages] == [2, 2, 1]
    dates = [e["startDate"] for p in pages for e in p["executions"]]
    assert dates == sorted(dates, reverse=True)
    assert sfn.list_executions(stateMachineArn=arn, statusFilter="FAILED")["executions"] == []
    assert "enum value set" in refused("ValidationException", sfn.list_executions, stateMachineArn=arn,
                                       statusFilter="DONE")
    run = f"{STATES}mapRun:m/l:0123"
    assert refused("ResourceNotFound", sfn.list_executions, mapRunArn=run) == f"Resource not found: '{run}'"
    refused("InvalidArn", sfn.list_executions, mapRunArn="m")
    for wrong in ({}, {"stateMachineArn": arn, "mapRunArn": run}, {"stateMachineArn": arn, "redriveFilter": "REDRIVEN"},
                  {"mapRunArn": run, "redriveFilter": "SOME"},
                  {"stateMachineArn": arn, "statusFilter": "PENDING_REDRIVE"}):
        refused("ValidationException", sfn.list_executions, **wrong)
    token = sfn.list_executions(stateMachineArn=arn, maxResults=1)["nextToken"]
    other = machine(sfn)
    refused("InvalidToken", sfn.list_executions, stateMachineArn=other, nextToken=token)
    refused("InvalidToken", sfn.list_executions, stateMachineArn=arn, statusFilter="FAILED", nextToken=token)
    express = machine(sfn, kind="EXPRESS")
    assert refused("StateMachineTypeNotSupported", sfn.list_executions, stateMachineArn=express) == \
        "This operation is not supported by this type of state machine"


def test_express(sfn):
    arn = machine(sfn, kind="EXPRESS")
    got = sfn.start_sync_execution(stateMachineArn=arn, name="n", input='{"a":1}')
    assert got["status"] == "SUCCEEDED" and json.loads(got["output"]) == {"a": 1}
    assert got["executionArn"].startswith(arn.replace(":stateMachine:", ":express:") + ":n:")
    assert got["stateMachineArn"] == arn and got["name"] == "n"
    assert got["billingDetails"]["billedMemoryUsedInMB"] == 64
    assert got["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0
    failing = machine(sfn, FAIL, kind="EXPRESS")
    got = sfn.start_sync_execution(stateMachineArn=failing)
    assert got["status"] == "FAILED" and got["error"] == "Own.Error" and got["cause"] == "because"
    assert got["outputDetails"] == {"included": True} and "output" not in got
    slow = machine(sfn, NAP, kind="EXPRESS")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        ends = list(pool.map(lambda _: sfn.start_sync_execution(stateMachineArn=slow)["status"], range(50)))
    assert ends == ["SUCCEEDED"] * 50
    refused("StateMachineTypeNotSupported", sfn.start_sync_execution, stateMachineArn=machine(sfn))
    run = start(sfn, arn)
    assert ":express:" in run
    for operation in (sfn.describe_execution, sfn.stop_execution, sfn.get_execution_history, sfn.list_map_runs):
        assert refused("InvalidArn", operation, executionArn=run) == \
            "Invalid Arn: 'Resource type not valid in this context: express'"


# ---- one state alone ----

LAMBDA = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True,
          "Parameters": {"FunctionName.$": "$.f", "Payload": {"in.$": "$"}}}
TRY = {**LAMBDA, "Next": "After",
       "Retry": [{"ErrorEquals": ["Own"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3}],
       "Catch": [{"ErrorEquals": ["Other"], "Next": "Else"},
                 {"ErrorEquals": ["States.ALL"], "Next": "Rescue", "ResultPath": "$.error"}]}
TRY.pop("End")


def state(sfn, definition, payload=None, **more):
    if payload is not None:
        more["input"] = json.dumps(payload)
    for key in ("variables", "context"):
        if key in more:
            more[key] = json.dumps(more[key])
    got = sfn.test_state(definition=json.dumps(definition), roleArn=ROLE, **more)
    got.pop("ResponseMetadata")
    data = got.get("inspectionData", {})
    got["inspectionData"] = {k: json.loads(v) if isinstance(v, str) else v for k, v in data.items()}
    if "output" in got:
        got["output"] = json.loads(got["output"])
    return got


def test_states_without_work(sfn):
    passing = {"Type": "Pass", "InputPath": "$.a", "Parameters": {"s": 1, "v.$": "$.b"}, "ResultPath": "$.c", "End": True}
    given = {"a": {"b": 2, "o": 3}, "u": 4}
    made = {"s": 1, "v": 2}
    assert state(sfn, passing, given, inspectionLevel="DEBUG") == {
        "status": "SUCCEEDED", "output": {**given, "c": made},
        "inspectionData": {"input": given, "afterInputPath": given["a"], "afterParameters": made,
                           "afterResultSelector": made, "afterResultPath": {**given, "c": made}}}
    assert state(sfn, {**passing, "Result": 5}, given, inspectionLevel="TRACE") == {
        "status": "SUCCEEDED", "output": {**given, "c": 5},
        "inspectionData": {"input": given, "result": 5, "afterResultSelector": 5, "afterResultPath": {**given, "c": 5}}}
    assert state(sfn, {"Type": "Succeed"}, given) == {"status": "SUCCEEDED", "output": given, "inspectionData": {}}
    assert state(sfn, {"Type": "Succeed"}, inspectionLevel="DEBUG")["inspectionData"] == {
        "input": {}, "afterInputPath": {}}
    assert state(sfn, {"Type": "Fail", "Error": "E", "Cause": "C"}, given, inspectionLevel="TRACE") == {
        "status": "FAILED", "error": "E", "cause": "C", "inspectionData": {"input": given, "afterInputPath": given}}
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 1, "Next": "Many"}],
              "Default": "Few"}
    assert [state(sfn, choice, {"n": n})["nextState"] for n in (2, 1)] == ["Many", "Few"]
    assert state(sfn, {"Type": "Wait", "Seconds": 99999, "Next": "N"}, 7) == {
        "status": "SUCCEEDED", "output": 7, "nextState": "N", "inspectionData": {}}
    got = state(sfn, {"Type": "Pass", "InputPath": "$.none", "End": True}, {})
    assert got["status"] == "FAILED" and got["error"] == "States.Runtime" and "$.none" in got["cause"]
    got = state(sfn, {"Type": "Pass", "Assign": {"x.$": "$$.State.Name", "y.$": "$v"}, "End": True}, {},
                variables={"v": [1]}, inspectionLevel="DEBUG")
    assert got["inspectionData"]["variables"] == {"v": [1], "x": "StateName", "y": [1]}


def test_states_with_mocked_work(sfn):
    given = {"f": "name"}
    made = {"FunctionName": "name", "Payload": {"in": given}}
    got = state(sfn, {**LAMBDA, "ResultSelector": {"p.$": "$.Payload", "c.$": "$$.Execution.Input"}}, given,
                mock={"result": '{"Payload":8}'}, context={"Execution": {"Input": 9}}, inspectionLevel="TRACE")
    chosen = {"p": 8, "c": 9}
    assert got == {"status": "SUCCEEDED", "output": chosen, "inspectionData": {
        "input": given, "afterInputPath": given, "afterParameters": made, "result": {"Payload": 8},
        "afterResultSelector": chosen, "afterResultPath": chosen}}

    def failing(error, **more):
        return state(sfn, TRY, given, mock={"errorOutput": {"error": error, "cause": "why"}}, inspectionLevel="DEBUG",
                     **more)

    got = failing("Own")
    assert (got["status"], got["error"], got["cause"]) == ("RETRIABLE", "Own", "why")
    assert got["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 2}
    got = failing("Own", stateConfiguration={"retrierRetryCount": 1})
    assert got["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"] == 6
    got = failing("Own", stateConfiguration={"retrierRetryCount": 2})
    assert got["status"] == "CAUGHT_ERROR" and got["nextState"] == "Rescue"
    assert got["output"] == {**given, "error": {"Error": "Own", "Cause": "why"}}
    assert got["inspectionData"]["errorDetails"] == {"catchIndex": 1}
    assert failing("Other")["nextState"] == "Else"
    got = state(sfn, LAMBDA, given, mock={"errorOutput": {"error": "E", "cause": "C"}})
    assert got == {"status": "FAILED", "error": "E", "cause": "C", "inspectionData": {}}
    each = {"Type": "Map", "ItemsPath": "$.v", "MaxConcurrency": 3, "ItemSelector": {"i.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}, "End": True}
    got = state(sfn, each, {"v": [1, 2]}, mock={"result": "[3,4]"}, inspectionLevel="DEBUG")
    assert got["output"] == [3, 4] and got["inspectionData"]["afterItemSelector"] == [{"i": 1}, {"i": 2}]
    assert got["inspectionData"]["afterItemsPath"] == [1, 2] and got["inspectionData"]["maxConcurrency"] == 3
    many = {**each, "ToleratedFailureCount": 1}
    many["ItemProcessor"] = {**each["ItemProcessor"], "ProcessorConfig": {"Mode": "DISTRIBUTED",
                                                                        "ExecutionType": "STANDARD"}}
    got = state(sfn, many, {"v": [1, 2]}, mock={"result": "[3,4]"}, stateConfiguration={"mapIterationFailureCount": 2},
                inspectionLevel="DEBUG")
    assert got["error"] == "States.ExceedToleratedFailureThreshold" and got["status"] == "FAILED"
    assert got["inspectionData"]["toleratedFailureCount"] == 1
    both = {"Type": "Parallel", "Branches": [each["ItemProcessor"]], "ResultPath": "$.r", "End": True}
    assert state(sfn, both, {"a": 1}, mock={"result": "[2]"})["output"] == {"a": 1, "r": [2]}


def test_mocks_are_held_against_what_an_api_answers(sfn):
    def mocked(resource, result, **more):
        task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True, "Parameters": {"x": 1}}
        return dict(definition=json.dumps(task), input="{}", mock={"result": json.dumps(result), **more})

    wrong = "Mock result schema validation error: "
    for resource, result, says in (
            ("lambda:invoke", {"StatusCode": "200"}, "Field 'StatusCode' must be a number"),
            ("events:putEvents", {"Entries": "e"}, "Field 'Entries' must be an array"),
            ("events:putEvents", {"Entries": [{"EventId": "a"}, {"EventId": []}]}, "Field 'EventId' must be a string"),
            ("aws-sdk:sfn:getExecutionHistory", {"Events": {}}, "Field 'Events' must be an array"),
            ("states:startExecution", {"ExecutionArn": "x", "StartDate": True}, "Field 'StartDate' must be a string"),
            ("aws-sdk:sfn:describeMapRun", {}, None),
            ("events:putEvents", {"other": 1}, None),
            ("states:startExecution", {"executionArn": "x"}, "Required field 'ExecutionArn' is missing")):
        asked = mocked(resource, result)
        if says is None:
            assert sfn.test_state(**asked)["status"] == "SUCCEEDED"
            continue
        assert refused("ValidationException", sfn.test_state, **asked) == wrong + says
        assert sfn.test_state(**mocked(resource, result, fieldValidationMode="NONE"))["status"] == "SUCCEEDED"
        present = mocked(resource, result, fieldValidationMode="PRESENT")
        if says.startswith("Required"):
            assert sfn.test_state(**present)["status"] == "SUCCEEDED"
        else:
            assert refused("ValidationException", sfn.test_state, **present) == wrong + says
    assert "[STRICT, PRESENT, NONE]" in refused("ValidationException", sfn.test_state,
                                                **mocked("lambda:invoke", {}, fieldValidationMode="LAX"))
    assert sfn.test_state(**mocked("states:startExecution.sync", {"StartDate": 1}))["status"] == "SUCCEEDED"


def test_a_state_of_a_machine(sfn):
    machine_of = {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ItemProcessor": {
        "StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "Result": 1, "End": True}}}}}}
    assert state(sfn, machine_of, 5, stateName="Inner")["output"] == 1
    assert refused("ValidationException", sfn.test_state, definition=json.dumps(machine_of), stateName="None") == \
        "State not found in definition"


def test_refused_tests_of_states(sfn):
    def no(what, definition, **more):
        return refused(what, sfn.test_state, definition=json.dumps(definition), **more)

    passing = {"Type": "Pass", "End": True}
    assert no("ValidationException", passing, mock={"result": "1"}) == \
        "State type 'Pass' is not supported when a mock is specified"
    assert no("InvalidDefinition", {"Type": "Parallel", "End": True, "Branches": [
        {"StartAt": "P", "States": {"P": passing}}]}).startswith("TestState API does not support Map or Parallel")
    assert no("ValidationException", LAMBDA, mock={"result": "not JSON"}) == "Mocked result must be valid JSON"
    assert "only one" in no("ValidationException", LAMBDA, mock={"result": "1", "errorOutput": {"error": "E"}})
    assert "'Task' when state is not" in no("ValidationException", LAMBDA, context='{"Task":{}}', mock={"result": "1"})
    assert "RoleArn must be specified" in no("ValidationException", LAMBDA)
    assert "when a mock is not specified" in no("InvalidDefinition", {**LAMBDA, "Resource": f"{STATES}activity:a"},
                                                roleArn=ROLE)
    assert "RevealSecrets" in no("ValidationException", LAMBDA, mock={"result": "1"}, revealSecrets=True)
    assert "[STRICT, PRESENT, NONE]" in no("ValidationException", LAMBDA, mock={
        "result": "{}", "fieldValidationMode": "SOME"})
    no("InvalidExecutionInput", passing, input="{")
    no("InvalidDefinition", {"Type": "Nonsense"})
    no("InvalidDefinition", 1)
    no("ValidationException", passing, inspectionLevel="ALL")
    no("InvalidDefinition", {"Type": "Pass", "QueryLanguage": "JSONata", "End": True})


# ---- activities and task tokens ----


def test_activities(sfn):
    own = name("activity")
    made = sfn.create_activity(name=own)
    arn = made["activityArn"]
    assert arn == f"{STATES}activity:{own}" and sfn.create_activity(name=own)["creationDate"] == made["creationDate"]
    assert sfn.describe_activity(activityArn=arn)["name"] == own
    seen = [a["activityArn"] for p in sfn.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1})
            for a in p["activities"]]
    assert arn in seen
    flow = machine(sfn, {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": arn, "HeartbeatSeconds": 30,
                                                         "End": True}}})
    taken = {}
    poll = threading.Thread(target=lambda: taken.update(sfn.get_activity_task(activityArn=arn, workerName="w")))
    poll.start()
    time.sleep(0.5)
    run = start(sfn, flow, {"a": 1})
    poll.join(60)
    assert json.loads(taken["input"]) == {"a": 1}
    sfn.send_task_heartbeat(taskToken=taken["taskToken"])
    refused("InvalidOutput", sfn.send_task_success, taskToken=taken["taskToken"], output="{")
    sfn.send_task_success(taskToken=taken["taskToken"], output='{"b":2}')
    assert json.loads(finish(sfn, run)["output"]) == {"b": 2}
    refused("TaskTimedOut", sfn.send_task_success, taskToken=taken["taskToken"], output="{}")
    refused("InvalidToken", sfn.send_task_heartbeat, taskToken="nonsense")
    run = start(sfn, flow)
    taken = sfn.get_activity_task(activityArn=arn)
    sfn.send_task_failure(taskToken=taken["taskToken"], error="Mine", cause="so")
    got = finish(sfn, run)
    assert got["status"] == "FAILED" and got["error"] == "Mine" and got["cause"] == "so"
    sfn.delete_activity(activityArn=arn)
    sfn.delete_activity(activityArn=arn)
    refused("ActivityDoesNotExist", sfn.describe_activity, activityArn=arn)
    refused("ActivityDoesNotExist", sfn.get_activity_task, activityArn=arn)
    refused("InvalidName", sfn.create_activity, name="a b")


def test_a_long_poll_without_a_task(sfn):
    """Sixty seconds, and then nothing: no error."""
    arn = sfn.create_activity(name=name("quiet"))["activityArn"]
    begun = time.monotonic()
    got = sfn.get_activity_task(activityArn=arn)
    assert "taskToken" not in got and 50 < time.monotonic() - begun < 85


# ---- errors that every operation has ----


def test_there_are_no_map_runs(sfn):
    run = f"{STATES}mapRun:m/l:0123"
    refused("ResourceNotFound", sfn.describe_map_run, mapRunArn=run)
    refused("ResourceNotFound", sfn.update_map_run, mapRunArn=run, maxConcurrency=1)


def test_missing_and_wrong_members(coordinator):
    sfn = client(coordinator, parameter_validation=False)
    says = refused("ValidationException", sfn.create_activity)
    assert says == "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    refused("ValidationException", sfn.start_execution)


def test_who_may(coordinator):
    bad = {**coordinator.key, "secretAccessKey": "x"}
    refused("InvalidSignatureException", client(coordinator, bad).list_activities)
    nobody = {"accessKeyId": "AKIANOBODY", "secretAccessKey": "x"}
    refused("UnrecognizedClientException", client(coordinator, nobody).list_activities)
    reader = client(coordinator, coordinator.json("key", "create", "--role", "read"))
    reader.list_activities()
    refused("AccessDeniedException", reader.create_activity, name="x")


def test_a_thousand_at_once(coordinator, sfn):
    arn = machine(sfn, NAP)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        runs = list(pool.map(lambda i: start(sfn, arn, {"i": i}, name=f"run-{i}"), range(1000)))
    assert len(set(runs)) == 1000
    for i, run in enumerate(runs):
        got = finish(sfn, run, 120)
        assert got["status"] == "SUCCEEDED" and json.loads(got["output"]) == {"i": i}
    listed = [e["executionArn"] for p in sfn.get_paginator("list_executions").paginate(
        stateMachineArn=arn, statusFilter="SUCCEEDED") for e in p["executions"]]
    assert set(listed) == set(runs) and len(listed) == 1000


# ---- other clients ----


def environment(f):
    return {**os.environ, "AWS_ACCESS_KEY_ID": f.key["accessKeyId"], "AWS_SECRET_ACCESS_KEY": f.key["secretAccessKey"],
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.mark.parametrize("version", [1, 2])
def test_the_command_line(coordinator, tmp_path, version):
    argv = aws.cli1() if version == 1 else aws.cli2()

    def run(*args, status=0):
        got = subprocess.run([*argv, "--endpoint-url", coordinator.endpoint, "--output", "json", "stepfunctions", *args],
                             capture_output=True, text=True, timeout=120, env=environment(coordinator))
        assert (got.returncode == 0) == (status == 0), got.stderr
        return json.loads(got.stdout or "null") if status == 0 else got.stderr

    own = name(f"cli{version}")
    (tmp_path / "m.json").write_text(json.dumps(PASS))
    arn = run("create-state-machine", "--name", own, "--role-arn", ROLE, "--definition",
              f"file://{tmp_path}/m.json")["stateMachineArn"]
    begun = run("start-execution", "--state-machine-arn", arn, "--input", '{"x":[1]}')["executionArn"]

    def ended():
        got = run("describe-execution", "--execution-arn", begun)
        return got if got["status"] != "RUNNING" else None
    assert json.loads(wait_until(ended, 60, 0.2)["output"]) == {"x": [1]}
    for i in range(4):
        run("start-execution", "--state-machine-arn", arn, "--name", f"r{i}")
    listed = run("list-executions", "--state-machine-arn", arn, "--page-size", "2")["executions"]
    assert len(listed) == 5
    events = run("get-execution-history", "--execution-arn", begun, "--page-size", "1")["events"]
    assert [e["id"] for e in events] == [1, 2, 3, 4]
    express = run("create-state-machine", "--name", own + "-x", "--role-arn", ROLE, "--type", "EXPRESS", "--definition",
                  json.dumps(PASS))["stateMachineArn"]
    if version == 1:  # version 2 as Debian has it knows no way to leave the host's name alone
        assert run("start-sync-execution", "--state-machine-arn", express)["status"] == "SUCCEEDED"
    assert "(StateMachineDoesNotExist)" in run("describe-state-machine", "--state-machine-arn", arn + "x", status=1)
    assert "(InvalidName)" in run("create-activity", "--name", "a b", status=1)


JAVASCRIPT = """
const { SFNClient, paginateListExecutions, paginateGetExecutionHistory, CreateStateMachineCommand,
        StartExecutionCommand, StartSyncExecutionCommand, DescribeExecutionCommand, DescribeStateMachineCommand,
        CreateActivityCommand, GetActivityTaskCommand, SendTaskSuccessCommand, StateMachineDoesNotExist,
        InvalidName } = require("@aws-sdk/client-sfn");
const assert = require("assert");
const sfn = new SFNClient({ endpoint: process.argv[2], region: "us-east-1", disableHostPrefix: true });
const roleArn = "arn:aws:iam::123456789012:role/r";
const definition = JSON.stringify({ StartAt: "P", States: { P: { Type: "Pass", End: true } } });
const ended = async (executionArn) => {
    for (;;) {
        const d = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        if (d.status !== "RUNNING") return d;
        await new Promise((r) => setTimeout(r, 50));
    }
};
(async () => {
    const name = process.argv[3];
    const m = await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn }));
    assert(m.creationDate instanceof Date && Math.abs(Date.now() - m.creationDate) < 120000);
    const runs = await Promise.all([...Array(100).keys()].map((i) => sfn.send(new StartExecutionCommand(
        { stateMachineArn: m.stateMachineArn, input: JSON.stringify({ i }) }))));
    for (const [i, r] of runs.entries()) {
        const d = await ended(r.executionArn);
        assert.deepStrictEqual([d.status, JSON.parse(d.output)], ["SUCCEEDED", { i }]);
    }
    let count = 0;
    for await (const page of paginateListExecutions({ client: sfn, pageSize: 30 },
                                                    { stateMachineArn: m.stateMachineArn })) {
        count += page.executions.length;
    }
    assert.strictEqual(count, 100);
    const ids = [];
    for await (const page of paginateGetExecutionHistory({ client: sfn, pageSize: 3 },
                                                         { executionArn: runs[0].executionArn })) {
        ids.push(...page.events.map((e) => e.id));
    }
    assert.deepStrictEqual(ids, [1, 2, 3, 4]);
    const express = await sfn.send(new CreateStateMachineCommand(
        { name: name + "-x", definition, roleArn, type: "EXPRESS" }));
    const sync = await sfn.send(new StartSyncExecutionCommand(
        { stateMachineArn: express.stateMachineArn, input: "[1]" }));
    assert.deepStrictEqual([sync.status, sync.output], ["SUCCEEDED", "[1]"]);
    const { activityArn } = await sfn.send(new CreateActivityCommand({ name: name + "-a" }));
    const poll = sfn.send(new GetActivityTaskCommand({ activityArn, workerName: "js" }));
    const flow = await sfn.send(new CreateStateMachineCommand({ name: name + "-f", roleArn, definition: JSON.stringify(
        { StartAt: "A", States: { A: { Type: "Task", Resource: activityArn, End: true } } }) }));
    const run = await sfn.send(new StartExecutionCommand({ stateMachineArn: flow.stateMachineArn, input: "7" }));
    const task = await poll;
    assert.strictEqual(task.input, "7");
    await sfn.send(new SendTaskSuccessCommand({ taskToken: task.taskToken, output: "8" }));
    assert.strictEqual((await ended(run.executionArn)).output, "8");
    await assert.rejects(sfn.send(new DescribeStateMachineCommand({ stateMachineArn: m.stateMachineArn + "x" })),
                         (e) => e instanceof StateMachineDoesNotExist && e.$metadata.httpStatusCode === 400);
    await assert.rejects(sfn.send(new CreateActivityCommand({ name: "a b" })), (e) => e instanceof InvalidName);
    console.log("ok");
})().catch((e) => { console.error(e); process.exit(1); });
"""


def test_the_javascript_sdk(coordinator, tmp_path):
    place = aws.javascript()
    script = tmp_path / "drive.js"
    script.write_text(JAVASCRIPT)
    run = subprocess.run([aws.node() / "node", script, coordinator.endpoint, name("js")], capture_output=True, text=True,
                         timeout=180, env={**environment(coordinator), "NODE_PATH": str(place / "node_modules")})
    assert run.returncode == 0 and run.stdout == "ok\n", run.stderr
