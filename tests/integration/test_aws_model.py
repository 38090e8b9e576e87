# SPDX-License-Identifier: Apache-2.0
"""AWS's model of Step Functions, as its SDKs carry it, against what the HTTP face reads, says and refuses: every operation,
member and error is there, or is named here with the reason."""
import pathlib
import re

import aws
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAP_RUNS = "there are no map runs: the answer is an empty list or ResourceNotFound"
KEYS = "nothing is encrypted by a key of the caller's"
# "Operation.member", either of them "*": why.
PASSED_OVER = {
    "ListMapRuns.maxResults": MAP_RUNS,
    "ListMapRuns.nextToken": MAP_RUNS,
    "UpdateMapRun.maxConcurrency": MAP_RUNS,
    "UpdateMapRun.toleratedFailurePercentage": MAP_RUNS,
    "UpdateMapRun.toleratedFailureCount": MAP_RUNS,
}
NEVER_SAID = {
    "*.mapRunArn": MAP_RUNS,
    "*.label": MAP_RUNS,
    "DescribeMapRun.*": MAP_RUNS,
    "ListMapRuns.nextToken": MAP_RUNS,
    "DescribeStateMachine.encryptionConfiguration": "AWS's recorded answers are of both kinds",
    "DescribeStateMachineForExecution.encryptionConfiguration": "likewise",
}
NEVER_MADE = {"ActivityAlreadyExists": "activities differ in their keys alone, and all have one",
              "KmsAccessDeniedException": KEYS, "KmsInvalidStateException": KEYS,
              "KmsThrottlingException": KEYS}


@pytest.fixture(scope="module")
def model():
    aws.boto3()
    import botocore.session
    return botocore.session.get_session().get_service_model("stepfunctions")


@pytest.fixture(scope="module")
def table():
    """Operation -> {"IN": members, "OUT": members}."""
    found, members = {}, None
    for line in (ROOT / "coordinator/api/aws.def").read_text().splitlines():
        if m := re.match(r"AWS_OPERATION\((\w+), \w+, (\w+), ", line):
            members = {"IN": set(), "OUT": set()}
            if m[2] == "STATES":
                found[m[1]] = members
        elif m := re.match(r'AWS_(IN|OUT)\("(\w+)"', line):
            members[m[1]].add(m[2])
    return found


def unexplained(missing, reasons):
    """What no row explains; and the rows that explain nothing any more."""
    def explains(row, what):
        operation, member = row.split(".")
        return operation in ("*", what[0]) and member in ("*", what[1])
    left = {what for what in missing if not any(explains(row, what) for row in reasons)}
    idle = {row for row in reasons if not any(explains(row, what) for what in missing)}
    return left, idle


def missing(model, table, kind, shape):
    for name in model.operation_names:
        of = getattr(model.operation_model(name), shape)
        for member in of.members if of is not None else ():
            if member not in table[name][kind]:
                yield name, member


def test_every_operation_is_there(model, table):
    assert set(model.operation_names) == set(table)


def test_what_is_asked_is_read(model, table):
    assert unexplained(list(missing(model, table, "IN", "input_shape")), PASSED_OVER) == (set(), set())


def test_what_is_answered_is_said(model, table):
    assert unexplained(list(missing(model, table, "OUT", "output_shape")), NEVER_SAID) == (set(), set())


def test_nothing_is_made_up(model, table):
    """Members that AWS does not have would be dropped by its clients without a word."""
    for name, members in table.items():
        operation = model.operation_model(name)
        for kind, shape in (("IN", operation.input_shape), ("OUT", operation.output_shape)):
            assert members[kind] <= set(shape.members if shape is not None else ()), (name, kind)


def test_every_error_has_its_name(model):
    names = set(re.findall(r'ERR_CODE\(\w+, \d+, "(\w+)"', (ROOT / "proto/base/err.def").read_text()))
    modelled = {e.metadata.get("error", {}).get("code", e.name) for n in model.operation_names
                for e in model.operation_model(n).error_shapes}
    assert modelled - names == set(NEVER_MADE)
