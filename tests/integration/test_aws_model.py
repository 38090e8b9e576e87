# SPDX-License-Identifier: Apache-2.0
"""What of Step Functions there is here, by AWS's own description of it, the service model that SDKs are made from: each
operation, and each member of what it is asked and what it answers, but those that are named below with their reason. A
list that no longer holds, either way, fails: so do operations and members that a newer model brings."""
import pathlib
import re

import aws
import pytest

ROOT = pathlib.Path(__file__).parents[2]
COORDINATOR = ROOT / "coordinator"

# Members of requests that nothing is made of.
IGNORED = {
    "ListMapRuns": {"maxResults", "nextToken"},  # there is none to be listed
    "UpdateMapRun": {"maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount"},  # refused: no map runs
}
# Members of answers that are never given.
NEVER = {
    "DescribeExecution": {"mapRunArn"},  # of Distributed Map
    "DescribeMapRun": {"mapRunArn", "executionArn", "status", "startDate", "stopDate", "maxConcurrency",
                       "toleratedFailurePercentage", "toleratedFailureCount", "itemCounts", "executionCounts",
                       "redriveCount", "redriveDate"},  # always refused: there are none
    "DescribeStateMachine": {"encryptionConfiguration", "label"},  # as AWS answered before 2024; of Distributed Map
    "DescribeStateMachineForExecution": {"encryptionConfiguration", "label", "mapRunArn"},  # likewise
    "ListExecutions": {"executions.mapRunArn", "executions.itemCount"},  # of Distributed Map
    "ListMapRuns": {"nextToken"},
}
# Members within those, of requests and answers, that no source spells.
KEYS = {"kmsKeyId", "kmsDataKeyReusePeriodSeconds"}  # keys of the caller's are refused
UNSAID = {
    "CreateActivity.encryptionConfiguration": KEYS,
    "CreateStateMachine.encryptionConfiguration": KEYS,
    "DescribeActivity.encryptionConfiguration": KEYS,
    "UpdateStateMachine.encryptionConfiguration": KEYS,
    "GetExecutionHistory.events": {
        "mapRunStartedEventDetails", "mapRunFailedEventDetails", "mapRunRedrivenEventDetails",  # of Distributed Map
        "evaluationFailedEventDetails",  # of JSONata
        # What is not called anywhere cannot fail to be.
        "activityScheduleFailedEventDetails", "lambdaFunctionScheduleFailedEventDetails",
        "lambdaFunctionStartFailedEventDetails", "taskStartFailedEventDetails", "taskSubmitFailedEventDetails"},
    "TestState.stateConfiguration": {"mapItemReaderData"},  # of Distributed Map
    "TestState.inspectionData": {
        "response", "statusCode", "statusMessage",  # of HTTP tasks
        "afterArguments",  # of JSONata
        "afterItemBatcher", "afterItemsPointer", "toleratedFailurePercentage"},  # of Distributed Map
}
# Errors that no answer has.
NEVER_MADE = {
    "ActivityAlreadyExists",  # activities differ in their keys alone, and all have one
    "KmsAccessDeniedException", "KmsInvalidStateException", "KmsThrottlingException",  # keys of the caller's are refused
}


@pytest.fixture(scope="module")
def model():
    aws.boto3()
    from botocore.session import get_session
    return get_session().get_service_model("stepfunctions")


@pytest.fixture(scope="module")
def operations():
    """{operation: {"IN" or "OUT": {member: the members of its items}}}, by the table."""
    table = (COORDINATOR / "api/aws.def").read_text(encoding="utf-8")
    found, members, items = {}, {}, set()
    for kind, name, third in re.findall(r'^AWS_(OPERATION|IN|OUT|ITEM)\("?(\w+)"?, \S+ (\w+), \w+\)$', table, re.M):
        if kind == "OPERATION":
            members = {"IN": {}, "OUT": {}}
            if third == "STATES":
                found[name] = members
        elif kind == "ITEM":
            items.add(name)
        else:
            items = members[kind][name] = set()
    return found


def is_list_of_structures(shape):
    return shape.type_name == "list" and shape.member.type_name == "structure"


def missing(shape, have):
    """Of a structure's members, and of those of the lists of structures in it."""
    for name, member in (shape.members if shape is not None else {}).items():
        if name not in have:
            yield name
        elif is_list_of_structures(member) and have[name]:
            yield from (f"{name}.{item}" for item in member.member.members if item not in have[name])


def all_missing(model, operations, side):
    shapes = {o: getattr(model.operation_model(o), "input_shape" if side == "IN" else "output_shape")
              for o in model.operation_names}
    found = {o: set(missing(shape, operations[o][side])) for o, shape in shapes.items()}
    return {o: members for o, members in found.items() if members}


def test_every_operation(model, operations):
    assert set(operations) == set(model.operation_names)


def test_members_of_requests(model, operations):
    assert all_missing(model, operations, "IN") == IGNORED


def test_members_of_answers(model, operations):
    assert all_missing(model, operations, "OUT") == NEVER


def test_there_is_nothing_more(model, operations):
    for name, members in operations.items():
        of = model.operation_model(name)
        for side, shape in (("IN", of.input_shape), ("OUT", of.output_shape)):
            assert set(members[side]) <= set(shape.members if shape is not None else ()), name


def names_within(shape):
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield name
            yield from names_within(member)
    elif shape.type_name == "list":
        yield from names_within(shape.member)


def test_members_within_members(model, operations):
    """A name that no source spells is neither read nor written."""
    sources = (p for p in COORDINATOR.rglob("*") if p.suffix in (".c", ".h", ".def"))
    strings = (s for p in sources for s in re.findall(r'"((?:[^"\\]|\\.)*)"', p.read_text(encoding="utf-8")))
    said = {word for s in strings for word in re.findall(r"\w+", s)}
    unsaid = {}
    for name, members in operations.items():
        of = model.operation_model(name)
        for side, shape in (("IN", of.input_shape), ("OUT", of.output_shape)):
            for member, items in members[side].items():
                within = set() if items else set(names_within(shape.members[member])) - said
                if within:
                    unsaid[f"{name}.{member}"] = within
    assert unsaid == UNSAID


def test_every_error_has_its_name(model):
    names = set(re.findall(r'ERR_CODE\(\w+, \d+, "(\w+)"', (ROOT / "proto/base/err.def").read_text(encoding="utf-8")))
    modelled = {e.metadata.get("error", {}).get("code", e.name) for n in model.operation_names
                for e in model.operation_model(n).error_shapes}
    assert modelled - names == NEVER_MADE
