# SPDX-License-Identifier: Apache-2.0
"""SQS's clients against a live coordinator, with nothing changed but the endpoint: boto3 with every operation, long
polls, FIFO queues, dead letters, move tasks; the AWS CLI; a coordinator that is killed."""
import concurrent.futures
import hashlib
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import aws
import fleet as fleets
import pytest
from aws import refused
from fleet import wait_until

ARN = f"arn:aws:sqs:us-east-1:{fleets.ACCOUNT}:"


def client(f, key=None):
    return aws.client(f, "sqs", key)


@pytest.fixture
def sqs(coordinator):
    return client(coordinator)


_names = iter(range(1000000))


def name(what="q"):
    return f"{what}-{next(_names)}"


def queue(sqs, own=None, **attributes):
    own = own or name()
    if attributes.get("FifoQueue"):
        own += ".fifo"
    return sqs.create_queue(QueueName=own, Attributes={k: str(v) for k, v in attributes.items()})["QueueUrl"]


def arn_of(url):
    return ARN + url.rsplit("/", 1)[1]


def attributes(sqs, url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"]).get("Attributes", {})


def counts(sqs, url):
    a = attributes(sqs, url)
    return tuple(int(a["ApproximateNumberOfMessages" + what]) for what in ("", "NotVisible", "Delayed"))


def receive(sqs, url, **more):
    return sqs.receive_message(QueueUrl=url, **more).get("Messages", [])


def redrive(url, most=3):
    return json.dumps({"deadLetterTargetArn": arn_of(url), "maxReceiveCount": most})


# ---- queues ----


def test_queues(coordinator, sqs):
    own = name("queue")
    made = sqs.create_queue(QueueName=own, Attributes={"VisibilityTimeout": "45"}, tags={"a": "1"})
    url = made["QueueUrl"]
    assert url == f"{coordinator.endpoint}/{fleets.ACCOUNT}/{own}"
    assert sqs.create_queue(QueueName=own)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=own, Attributes={"VisibilityTimeout": "45"})["QueueUrl"] == url
    assert refused("QueueAlreadyExists", sqs.create_queue, QueueName=own, Attributes={"VisibilityTimeout": "46"}) == \
        "A queue already exists with the same name and a different value for attribute VisibilityTimeout"
    assert sqs.get_queue_url(QueueName=own)["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName=own, QueueOwnerAWSAccountId=fleets.ACCOUNT)["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName=own + "x")
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName=own,
            QueueOwnerAWSAccountId="210987654321")
    got = attributes(sqs, url)
    assert got["QueueArn"] == ARN + own and got["VisibilityTimeout"] == "45"
    assert got["MaximumMessageSize"] == "1048576" and got["MessageRetentionPeriod"] == "345600"
    assert got["DelaySeconds"] == "0" and got["ReceiveMessageWaitTimeSeconds"] == "0"
    assert got["SqsManagedSseEnabled"] == "true" and "FifoQueue" not in got and "Policy" not in got
    assert abs(int(got["CreatedTimestamp"]) - time.time()) < 120
    assert attributes(sqs, url, "VisibilityTimeout", "QueueArn") == {"VisibilityTimeout": "45", "QueueArn": ARN + own}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    assert refused("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["X"]) == \
        "Unknown Attribute X."
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0", "DelaySeconds": "900"})
    assert attributes(sqs, url, "VisibilityTimeout", "DelaySeconds") == {"VisibilityTimeout": "0", "DelaySeconds": "900"}
    for attribute, value in (("VisibilityTimeout", "43201"), ("DelaySeconds", "-1"), ("DelaySeconds", "x"),
                             ("MessageRetentionPeriod", "59"), ("MaximumMessageSize", "1023")):
        assert refused("InvalidAttributeValue", sqs.set_queue_attributes, QueueUrl=url,
                       Attributes={attribute: value}) == f"Invalid value for the parameter {attribute}."
    refused("InvalidAttributeName", sqs.set_queue_attributes, QueueUrl=url, Attributes={"QueueArn": "x"})
    refused("InvalidAttributeName", sqs.set_queue_attributes, QueueUrl=url,
            Attributes={"ContentBasedDeduplication": "true"})
    for bad in ("", "a b", "x" * 81, "x.fifo", "é"):
        refused("InvalidParameterValue", sqs.create_queue, QueueName=bad)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1"}
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "a": "3"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["b", "c"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "3"}
    sqs.delete_queue(QueueUrl=url)
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.delete_queue, QueueUrl=url)
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.send_message, QueueUrl=url, MessageBody="x")


def test_lists_of_queues(sqs):
    prefix = name("list")
    urls = [queue(sqs, f"{prefix}-{i}") for i in range(5)]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=prefix + "x")
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(p["QueueUrls"]) for p in pages] == [2, 2, 1]
    assert [u for p in pages for u in p["QueueUrls"]] == urls
    dead = queue(sqs)
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == []
    for url in urls[:2]:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive(dead)})
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == urls[:2]


def test_permissions_are_kept_in_the_policy(sqs):
    url = queue(sqs)
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["ReceiveMessage"])
    policy = json.loads(attributes(sqs, url)["Policy"])
    assert policy["Version"] == "2008-10-17" and policy["Statement"] == [{
        "Sid": "l", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SQS:ReceiveMessage", "Resource": arn_of(url)}]
    says = refused("InvalidParameterValue", sqs.add_permission, QueueUrl=url, Label="l", AWSAccountIds=["1"], Actions=["*"])
    assert says == "Value l for parameter Label is invalid. Reason: Already exists."
    sqs.remove_permission(QueueUrl=url, Label="l")
    assert "Policy" not in attributes(sqs, url)
    assert refused("InvalidParameterValue", sqs.remove_permission, QueueUrl=url, Label="l") == \
        "Value l for parameter Label is invalid. Reason: can't find label."


# ---- messages ----


def test_messages(sqs):
    url = queue(sqs, VisibilityTimeout=600)
    attrs = {"s": {"DataType": "String", "StringValue": "ü"}, "n": {"DataType": "Number.int", "StringValue": "7"},
             "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5e1b4151-5ac6c58b1e1a1d1e1a1d1e1a"}}
    body = 'a "body" \\ with ü and\nlines'
    sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attrs, MessageSystemAttributes=trace)
    assert len(sent["MessageId"]) == 36 and "SequenceNumber" not in sent and "MD5OfMessageSystemAttributes" in sent
    assert counts(sqs, url) == (1, 0, 0)
    m, = receive(sqs, url, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert m["Body"] == body and m["MessageId"] == sent["MessageId"] and m["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert m["MessageAttributes"] == attrs and m["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    told = m["Attributes"]
    assert told["ApproximateReceiveCount"] == "1" and told["SenderId"] == fleets.ACCOUNT
    assert told["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    assert abs(int(told["SentTimestamp"]) / 1000 - time.time()) < 120
    assert int(told["ApproximateFirstReceiveTimestamp"]) >= int(told["SentTimestamp"])
    assert counts(sqs, url) == (0, 1, 0) and receive(sqs, url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    assert counts(sqs, url) == (1, 0, 0)
    refused("AWS.SimpleQueueService.MessageNotInflight", sqs.change_message_visibility, QueueUrl=url,
            ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=5)
    again, = receive(sqs, url, MessageSystemAttributeNames=["ApproximateReceiveCount"], MessageAttributeNames=["s", "x.*"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    assert again["MessageAttributes"] == {"s": attrs["s"]} and again["ReceiptHandle"] != m["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])  # of an earlier receive: nothing happens
    assert counts(sqs, url) == (0, 1, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert counts(sqs, url) == (0, 0, 0)
    says = refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url, ReceiptHandle="x")
    assert says == 'The input receipt handle "x" is not a valid receipt handle.'


def test_a_receipt_is_of_its_queue(sqs):
    url, other = queue(sqs), queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="m")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=other, ReceiptHandle=handle)
    refused("ReceiptHandleIsInvalid", sqs.change_message_visibility, QueueUrl=other, ReceiptHandle=handle,
            VisibilityTimeout=1)
    answer = sqs.delete_message_batch(QueueUrl=other, Entries=[{"Id": "a", "ReceiptHandle": handle}])
    assert [e["Code"] for e in answer["Failed"]] == ["ReceiptHandleIsInvalid"]
    sqs.purge_queue(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)  # gone with the others
    assert counts(sqs, url) == (0, 0, 0)


def test_what_is_no_message(sqs):
    url = queue(sqs, MaximumMessageSize=1024)
    says = refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x" * 1025)
    assert says == "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1024)
    refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="")
    refused("InvalidMessageContents", sqs.send_message, QueueUrl=url, MessageBody="a\x01")
    says = refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", DelaySeconds=901)
    assert says == "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", DelaySeconds=-1)
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x",
            MessageAttributes={"a": {"DataType": "Text", "StringValue": "x"}})
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x",
            MessageAttributes={"a": {"DataType": "String", "StringValue": "a\x01"}})
    many = {f"a{i}": {"DataType": "String", "StringValue": "x"} for i in range(11)}
    says = refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", MessageAttributes=many)
    assert says == "Number of message attributes [11] exceeds the allowed maximum [10]."
    says = refused("InvalidParameterValue", sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
    assert says == "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
    refused("InvalidParameterValue", sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21)
    refused("InvalidParameterValue", sqs.receive_message, QueueUrl=url, VisibilityTimeout=43201)


def test_large_messages(sqs):
    url = queue(sqs)
    body = "é" * (512 * 1024)
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert receive(sqs, url)[0]["Body"] == body
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody=body + "x")


def test_batches(sqs):
    url = queue(sqs)
    entries = [{"Id": f"e{i}", "MessageBody": f"body {i}"} for i in range(10)]
    entries[3]["DelaySeconds"] = 901
    got = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [e["Id"] for e in got["Successful"]] == [f"e{i}" for i in range(10) if i != 3]
    failed, = got["Failed"]
    assert failed["Id"] == "e3" and failed["SenderFault"] and failed["Code"] == "InvalidParameterValue"
    messages = receive(sqs, url, MaxNumberOfMessages=10)
    assert len(messages) == 9
    receipts = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in messages]
    got = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[
        {**r, "VisibilityTimeout": 0 if i < 4 else 60} for i, r in enumerate(receipts)])
    assert len(got["Successful"]) == 9 and "Failed" not in got
    assert counts(sqs, url) == (4, 5, 0)
    got = sqs.delete_message_batch(QueueUrl=url, Entries=receipts[4:] + [{"Id": "bad", "ReceiptHandle": "x"}])
    assert len(got["Successful"]) == 5 and [f["Id"] for f in got["Failed"]] == ["bad"]
    assert counts(sqs, url) == (4, 0, 0)
    say = "AWS.SimpleQueueService."
    refused(say + "EmptyBatchRequest", sqs.send_message_batch, QueueUrl=url, Entries=[])
    says = refused(say + "TooManyEntriesInBatchRequest", sqs.send_message_batch, QueueUrl=url,
                   Entries=[{"Id": f"e{i}", "MessageBody": "x"} for i in range(11)])
    assert says == "Maximum number of entries per request are 10. You have sent 11."
    refused(say + "BatchEntryIdsNotDistinct", sqs.send_message_batch, QueueUrl=url,
            Entries=[{"Id": "a", "MessageBody": "x"}] * 2)
    refused(say + "InvalidBatchEntryId", sqs.delete_message_batch, QueueUrl=url,
            Entries=[{"Id": "a:b", "ReceiptHandle": "x"}])
    halves = [{"Id": f"e{i}", "MessageBody": "x" * 524288} for i in range(2)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=halves)["Successful"]) == 2
    halves[1]["MessageBody"] += "x"
    says = refused(say + "BatchRequestTooLong", sqs.send_message_batch, QueueUrl=url, Entries=halves)
    assert says == "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."


def test_delays_and_purges(sqs):
    url = queue(sqs, DelaySeconds=600, VisibilityTimeout=600)
    sqs.send_message(QueueUrl=url, MessageBody="late")
    sqs.send_message(QueueUrl=url, MessageBody="now", DelaySeconds=0)
    assert counts(sqs, url) == (1, 0, 1)
    assert [m["Body"] for m in receive(sqs, url, MaxNumberOfMessages=10)] == ["now"]
    sqs.send_message(QueueUrl=url, MessageBody="soon", DelaySeconds=2)
    assert [m["Body"] for m in receive(sqs, url, WaitTimeSeconds=20)] == ["soon"]
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == (0, 0, 0)
    own = url.rsplit("/", 1)[1]
    assert refused("AWS.SimpleQueueService.PurgeQueueInProgress", sqs.purge_queue, QueueUrl=url) == \
        f"Only one PurgeQueue operation on {own} is allowed every 60 seconds."
    sqs.send_message(QueueUrl=url, MessageBody="new", DelaySeconds=0)
    assert [m["Body"] for m in receive(sqs, url)] == ["new"]


def test_visibility_times_out(sqs):
    url = queue(sqs, VisibilityTimeout=1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    first, = receive(sqs, url)
    second, = receive(sqs, url, WaitTimeSeconds=20, AttributeNames=["ApproximateReceiveCount"], VisibilityTimeout=60)
    assert second["Attributes"]["ApproximateReceiveCount"] == "2" and second["MessageId"] == first["MessageId"]


# ---- long polls ----


def test_long_polls_are_answered_as_soon_as_there_is_something(sqs):
    """Each gets one; in which order is seen where there is a clock of one's own (unit test queue_api)."""
    url = queue(sqs, VisibilityTimeout=600)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        polls = [pool.submit(receive, sqs, url, WaitTimeSeconds=20) for _ in range(3)]
        time.sleep(0.5)
        assert not any(p.done() for p in polls)
        began = time.monotonic()
        for i in range(3):
            sqs.send_message(QueueUrl=url, MessageBody=str(i))
        assert sorted(p.result(30)[0]["Body"] for p in polls) == ["0", "1", "2"]
        assert time.monotonic() - began < 15


def test_a_poll_that_finds_nothing_ends_empty(sqs):
    began = time.monotonic()
    assert receive(sqs, queue(sqs, ReceiveMessageWaitTimeSeconds=1)) == [] and time.monotonic() - began >= 0.9
    began = time.monotonic()
    url = queue(sqs, ReceiveMessageWaitTimeSeconds=20)
    assert receive(sqs, url, WaitTimeSeconds=0) == [] and time.monotonic() - began < 15


def test_whose_client_is_gone_receives_nothing(coordinator, sqs):
    url = queue(sqs)
    short = aws.client(coordinator, "sqs", read_timeout=1)
    with pytest.raises(Exception):
        receive(short, url, WaitTimeSeconds=20)
    short.close()
    for _ in range(3):  # its end was there before them
        assert counts(sqs, url) == (0, 0, 0)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert counts(sqs, url) == (1, 0, 0)
    assert receive(sqs, url)[0]["Body"] == "x"


def test_a_deleted_queue_ends_the_polls(sqs):
    url = queue(sqs)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        poll = pool.submit(receive, sqs, url, WaitTimeSeconds=20)
        time.sleep(0.5)
        sqs.delete_queue(QueueUrl=url)
        with pytest.raises(sqs.exceptions.QueueDoesNotExist):
            poll.result(20)


# ---- FIFO ----


def test_fifo(sqs):
    url = queue(sqs, FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout=600)
    got = attributes(sqs, url)
    assert got["FifoQueue"] == "true" and got["DeduplicationScope"] == "queue"
    assert got["FifoThroughputLimit"] == "perQueue" and got["ContentBasedDeduplication"] == "true"
    numbers = []
    for i in range(6):
        sent = sqs.send_message(QueueUrl=url, MessageBody=f"{i}", MessageGroupId=f"g{i % 2}")
        numbers.append(sent["SequenceNumber"])
    assert all(len(n) == 20 for n in numbers) and numbers == sorted(numbers)
    repeat = sqs.send_message(QueueUrl=url, MessageBody="5", MessageGroupId="g1")
    assert repeat["SequenceNumber"] == numbers[5] and repeat["MessageId"] == sent["MessageId"]
    first, = receive(sqs, url, AttributeNames=["All"])
    assert first["Body"] == "0" and first["Attributes"]["SequenceNumber"] == numbers[0]
    assert first["Attributes"]["MessageGroupId"] == "g0" and len(first["Attributes"]["MessageDeduplicationId"]) == 64
    others = receive(sqs, url, MaxNumberOfMessages=10)
    assert [m["Body"] for m in others] == ["1", "3", "5"]
    assert receive(sqs, url) == []  # both groups are blocked
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert [m["Body"] for m in receive(sqs, url, MaxNumberOfMessages=2)] == ["2", "4"]
    for m in others:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"], VisibilityTimeout=0)
    assert refused("InvalidParameterValue", sqs.delete_message, QueueUrl=url, ReceiptHandle=others[0]["ReceiptHandle"]
                   ).endswith("Reason: The receipt handle has expired.")
    assert [m["Body"] for m in receive(sqs, url, MaxNumberOfMessages=10)] == ["1", "3", "5"]


def test_a_receive_is_asked_for_again(sqs):
    url = queue(sqs, FifoQueue="true", VisibilityTimeout=600)
    for body in "ab":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
    first = receive(sqs, url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="one")
    assert [m["Body"] for m in first] == ["a", "b"]
    assert receive(sqs, url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="two") == []
    assert receive(sqs, url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="one") == first
    assert refused("InvalidParameterValue", sqs.receive_message, QueueUrl=queue(sqs),
                   ReceiveRequestAttemptId="one").endswith("that is not valid for this queue type.")


def test_what_fifo_queues_ask_for(sqs):
    url = queue(sqs, FifoQueue="true")
    assert refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="x") == \
        "The request must contain the parameter MessageGroupId."
    assert refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g") == \
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    assert refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g",
                   MessageDeduplicationId="d", DelaySeconds=2) == \
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
    refused("InvalidParameterValue", sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="a b")
    refused("InvalidParameterValue", sqs.create_queue, QueueName=name(), Attributes={"FifoQueue": "true"})
    refused("InvalidAttributeName", sqs.create_queue, QueueName=name(), Attributes={"FifoQueue": "false"})
    sent = [sqs.send_message(QueueUrl=url, MessageBody=b, MessageGroupId="g", MessageDeduplicationId="d") for b in "xy"]
    assert sent[0]["MessageId"] == sent[1]["MessageId"]
    assert [m["Body"] for m in receive(sqs, url, MaxNumberOfMessages=10)] == ["x"]
    by_group = queue(sqs, FifoQueue="true", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for g in "ab":
        sqs.send_message(QueueUrl=by_group, MessageBody=g, MessageGroupId=g, MessageDeduplicationId="d")
    assert counts(sqs, by_group) == (2, 0, 0)


# ---- dead letters ----


def test_dead_letters_after_three_receives(sqs):
    dead = queue(sqs)
    url = queue(sqs, VisibilityTimeout=0, RedrivePolicy=redrive(dead))
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison", MessageAttributes={
        "a": {"DataType": "String", "StringValue": "kept"}})
    for i in range(3):
        m, = receive(sqs, url, AttributeNames=["ApproximateReceiveCount"])
        assert m["Attributes"]["ApproximateReceiveCount"] == str(i + 1)
    assert receive(sqs, url) == [] and counts(sqs, url) == (0, 0, 0)
    m, = receive(sqs, dead, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert m["MessageId"] == sent["MessageId"] and m["Body"] == "poison"
    assert m["Attributes"]["ApproximateReceiveCount"] == "1" and m["MessageAttributes"]["a"]["StringValue"] == "kept"
    assert m["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(url)


def test_redrive_policies(sqs):
    url = queue(sqs)
    says = refused("InvalidParameterValue", sqs.set_queue_attributes, QueueUrl=url, Attributes={
        "RedrivePolicy": '{"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}'})
    assert says == 'Value {"deadLetterTargetArn": "dummy", "maxReceiveCount": 42} for parameter RedrivePolicy is ' \
        "invalid. Reason: Invalid value for deadLetterTargetArn."
    for bad in ("x", "{}", redrive(url), redrive("/none"), redrive(queue(sqs), 0), redrive(queue(sqs), 1001),
                redrive(queue(sqs, FifoQueue="true"))):
        refused("InvalidParameterValue", sqs.set_queue_attributes, QueueUrl=url, Attributes={"RedrivePolicy": bad})
    dead = queue(sqs, RedriveAllowPolicy='{"redrivePermission":"denyAll"}')
    refused("InvalidParameterValue", sqs.set_queue_attributes, QueueUrl=url, Attributes={"RedrivePolicy": redrive(dead)})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": json.dumps(
        {"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(url)]})})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive(dead, "5")})
    assert json.loads(attributes(sqs, url)["RedrivePolicy"])["maxReceiveCount"] == "5"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in attributes(sqs, url)


def test_move_tasks(sqs):
    dead = queue(sqs)
    urls = [queue(sqs, VisibilityTimeout=0, RedrivePolicy=redrive(dead, 1)) for _ in range(2)]
    other = queue(sqs)
    say = "Source queue must be configured as a Dead Letter Queue."
    assert refused("InvalidParameterValue", sqs.start_message_move_task, SourceArn=arn_of(other)) == say

    def bury():
        for i, url in enumerate(urls):
            sqs.send_message(QueueUrl=url, MessageBody=str(i))
            assert len(receive(sqs, url)) == 1 and receive(sqs, url) == []
        assert counts(sqs, dead) == (2, 0, 0)

    def task():
        return sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"][0]

    bury()
    assert "TaskHandle" in sqs.start_message_move_task(SourceArn=arn_of(dead))
    wait_until(lambda: task()["Status"] == "COMPLETED", 20)
    assert task()["ApproximateNumberOfMessagesMoved"] == 2 and "DestinationArn" not in task()
    assert task()["ApproximateNumberOfMessagesToMove"] == 2 and "TaskHandle" not in task()
    assert [receive(sqs, url)[0]["Body"] for url in urls] == ["0", "1"]  # each where it came from
    assert [receive(sqs, url) for url in urls] == [[], []]
    assert counts(sqs, dead) == (2, 0, 0)
    sqs.start_message_move_task(SourceArn=arn_of(dead), DestinationArn=arn_of(other))
    wait_until(lambda: task()["Status"] == "COMPLETED", 20)
    assert task()["DestinationArn"] == arn_of(other) and counts(sqs, other) == (2, 0, 0)
    for _ in range(3):
        sqs.send_message_batch(QueueUrl=dead, Entries=[{"Id": str(i), "MessageBody": "x"} for i in range(10)])
    handle = sqs.start_message_move_task(SourceArn=arn_of(dead), DestinationArn=arn_of(other),
                                         MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    assert task()["Status"] == "RUNNING" and task()["TaskHandle"] == handle
    assert task()["MaxNumberOfMessagesPerSecond"] == 1
    assert refused("InvalidParameterValue", sqs.start_message_move_task, SourceArn=arn_of(dead)).startswith(
        "There is already a task running.")
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] < 30
    assert task()["Status"] == "CANCELLED"
    assert refused("InvalidParameterValue", sqs.cancel_message_move_task, TaskHandle="x") == \
        "Value for parameter TaskHandle is invalid."
    assert refused("ResourceNotFoundException", sqs.start_message_move_task, SourceArn=arn_of(dead),
                   DestinationArn=ARN + "none") == \
        "The resource that you specified for the DestinationArn parameter doesn't exist."
    assert len(sqs.list_message_move_tasks(SourceArn=arn_of(dead), MaxResults=10)["Results"]) == 3


# ---- who may do what ----


def test_roles(coordinator, sqs):
    url = queue(sqs)
    read = client(coordinator, coordinator.json("key", "create", "--role", "read"))
    run = client(coordinator, coordinator.json("key", "create", "--role", "run"))
    assert read.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    refused("AccessDeniedException", read.send_message, QueueUrl=url, MessageBody="x")
    run.send_message(QueueUrl=url, MessageBody="x")
    assert len(receive(run, url)) == 1
    refused("AccessDeniedException", run.delete_queue, QueueUrl=url)


# ---- restarts ----


def test_a_killed_coordinator_has_every_message(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.key = {"accessKeyId": "x", "secretAccessKey": "y"}
        f.start_coordinator()
        sqs = client(f)
        url = queue(sqs, VisibilityTimeout=600)
        fifo = queue(sqs, FifoQueue="true", VisibilityTimeout=600)
        for i in range(30):
            sqs.send_message(QueueUrl=url, MessageBody=f"{i}")
            sqs.send_message(QueueUrl=fifo, MessageBody=f"{i}", MessageGroupId=f"g{i % 3}", MessageDeduplicationId=f"{i}")
        sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=900)
        held = receive(sqs, url, MaxNumberOfMessages=10)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=held[0]["ReceiptHandle"])
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held[1]["ReceiptHandle"], VisibilityTimeout=0)
        group = receive(sqs, fifo, MaxNumberOfMessages=2)
        before = counts(sqs, url), counts(sqs, fifo)
        assert before[0] == (21, 8, 1)
        f.coordinator.kill()
        f.start_coordinator()
        sqs = client(f)
        assert (counts(sqs, url), counts(sqs, fifo)) == before
        repeat = sqs.send_message(QueueUrl=fifo, MessageBody="x", MessageGroupId="g0", MessageDeduplicationId="29")
        assert counts(sqs, fifo) == before[1] and repeat["SequenceNumber"].endswith("30")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=held[2]["ReceiptHandle"])
        assert counts(sqs, url) == (21, 7, 1)
        assert [m["Body"] for m in group] == ["0", "3"]
        bodies = [m["Body"] for _ in range(2) for m in receive(sqs, fifo, MaxNumberOfMessages=10)]
        assert bodies == [str(i) for g in (1, 2) for i in range(g, 30, 3)]  # the first one's group is blocked yet
        got = [m["Body"] for _ in range(3) for m in receive(sqs, url, MaxNumberOfMessages=10)]
        assert sorted(map(int, got)) == [1] + list(range(10, 30))


# ---- the older protocol ----


def form(f, path="/", **fields):
    """A form, signed as older SDKs sign it: (status, the XML's root)."""
    aws.boto3()
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    r = AWSRequest("POST", f.endpoint + path, data=urllib.parse.urlencode({"Version": "2012-11-05", **fields}).encode(),
                   headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    SigV4Auth(Credentials(f.key["accessKeyId"], f.key["secretAccessKey"]), "sqs", "us-east-1").add_auth(r)
    sent = urllib.request.Request(r.url, r.data, dict(r.headers), method="POST")
    try:
        with urllib.request.urlopen(sent, timeout=30) as got:
            return got.status, xml.etree.ElementTree.fromstring(got.read())
    except urllib.error.HTTPError as e:
        assert e.headers["Content-Type"] == "text/xml"
        return e.code, xml.etree.ElementTree.fromstring(e.read())


def test_the_query_protocol(coordinator, sqs):
    ns = "{http://queue.amazonaws.com/doc/2012-11-05/}"
    own = name("query")
    status, root = form(coordinator, Action="CreateQueue", QueueName=own, **{
        "Attribute.1.Name": "VisibilityTimeout", "Attribute.1.Value": "77", "Tag.1.Key": "a", "Tag.1.Value": "b"})
    assert status == 200 and root.tag == ns + "CreateQueueResponse"
    url = root.findtext(f".//{ns}QueueUrl")
    assert url == f"{coordinator.endpoint}/{fleets.ACCOUNT}/{own}" and len(root.findtext(f".//{ns}RequestId")) == 36
    assert attributes(sqs, url)["VisibilityTimeout"] == "77" and sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    body = "a <body> & 'more' \u00fc\n"
    _, root = form(coordinator, Action="SendMessage", QueueUrl=url, MessageBody=body, **{
        "MessageAttribute.1.Name": "n", "MessageAttribute.1.Value.DataType": "String",
        "MessageAttribute.1.Value.StringValue": "v"})
    assert root.findtext(f".//{ns}MD5OfMessageBody") == hashlib.md5(body.encode()).hexdigest()
    _, root = form(coordinator, f"/{fleets.ACCOUNT}/{own}", Action="ReceiveMessage", **{
        "AttributeName.1": "All", "MessageAttributeName.1": "All", "MaxNumberOfMessages": 10})
    assert root.findtext(f".//{ns}Body") == body and root.findtext(f".//{ns}MessageAttribute/{ns}Name") == "n"
    told = {a.findtext(ns + "Name"): a.findtext(ns + "Value") for a in root.iter(ns + "Attribute")}
    assert told["ApproximateReceiveCount"] == "1"
    receipt = root.findtext(f".//{ns}ReceiptHandle")
    assert form(coordinator, Action="DeleteMessage", QueueUrl=url, ReceiptHandle=receipt)[0] == 200
    assert counts(sqs, url) == (0, 0, 0)
    status, root = form(coordinator, Action="GetQueueUrl", QueueName="none")
    assert status == 400 and root.findtext(f".//{ns}Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert root.findtext(f".//{ns}Type") == "Sender" and root.findtext(f".//{ns}Message")
    status, root = form(coordinator, Action="Nonsense")
    assert status == 400 and root.findtext(f".//{ns}Code") == "InvalidAction"


# ---- the command line ----


def test_the_aws_cli(coordinator, tmp_path):
    key = coordinator.key
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": key["accessKeyId"],
           "AWS_SECRET_ACCESS_KEY": key["secretAccessKey"], "AWS_DEFAULT_REGION": "us-east-1"}

    def run(*args):
        done = subprocess.run([*aws.cli1(), "--endpoint-url", coordinator.endpoint, "sqs", *args], env=env,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    url = run("create-queue", "--queue-name", name("cli"), "--attributes", "VisibilityTimeout=60")["QueueUrl"]
    run("send-message", "--queue-url", url, "--message-body", "from the shell")
    m, = run("receive-message", "--queue-url", url, "--wait-time-seconds", "5")["Messages"]
    assert m["Body"] == "from the shell"
    run("delete-message", "--queue-url", url, "--receipt-handle", m["ReceiptHandle"])
    got = run("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert got["ApproximateNumberOfMessages"] == "0"
    run("delete-queue", "--queue-url", url)
