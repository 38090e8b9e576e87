# SPDX-License-Identifier: Apache-2.0
"""SNS's clients against a live coordinator, with nothing changed but the endpoint: boto3 in the query protocol, into
queues that boto3 reads in AWS JSON; what is refused and how; a coordinator that is killed."""
import json

import aws
import fleet as fleets
import pytest

TOPIC = f"arn:aws:sns:us-east-1:{fleets.ACCOUNT}:"
QUEUE = f"arn:aws:sqs:us-east-1:{fleets.ACCOUNT}:"


@pytest.fixture
def sns(coordinator):
    return aws.client(coordinator, "sns")


@pytest.fixture
def sqs(coordinator):
    return aws.client(coordinator, "sqs")


_names = iter(range(1000000))


def name(what):
    return f"{what}-{next(_names)}"


def subscribed(sns, sqs, topic, **attributes):
    """A new queue's URL, and its subscription to the topic."""
    queue = name("q")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    answer = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + queue, Attributes=attributes,
                           ReturnSubscriptionArn=True)
    return url, answer["SubscriptionArn"]


def receive(sqs, url):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])


def refused(call, code, status=400):
    from importlib import import_module
    with pytest.raises(import_module("botocore.exceptions").ClientError) as e:
        call()
    assert e.value.response["Error"]["Code"] == code, e.value.response
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    return e.value.response["Error"]


def test_fifo_topics(sns, sqs):
    own = name("t") + ".fifo"
    topic = sns.create_topic(Name=own, Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"})["TopicArn"]
    got = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert got["FifoTopic"] == "true" and got["ContentBasedDeduplication"] == "true"
    queue = name("q") + ".fifo"
    url = sqs.create_queue(QueueName=queue, Attributes={"FifoQueue": "true"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + queue, Attributes={"RawMessageDelivery": "true"})
    numbers = [sns.publish(TopicArn=topic, Message=body, MessageGroupId="g")["SequenceNumber"] for body in "aab"]
    assert numbers == sorted(set(numbers)) and all(len(n) == 20 for n in numbers)
    batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": "1", "Message": "c", "MessageGroupId": "g", "MessageDeduplicationId": "c"},
        {"Id": "2", "Message": "d", "MessageGroupId": "g", "MessageDeduplicationId": "c"}])
    assert batch["Successful"][0]["SequenceNumber"] > numbers[-1]
    assert [m["Body"] for m in receive(sqs, url)] == ["a", "b", "c"]
    says = refused(lambda: sns.publish(TopicArn=topic, Message="x"), "InvalidParameter")["Message"]
    assert says == "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"


def test_topics_and_their_attributes(sns):
    own = name("t")
    arn = sns.create_topic(Name=own, Attributes={"DisplayName": "a <b> & c"},
                           Tags=[{"Key": "k", "Value": "v"}])["TopicArn"]
    assert arn == TOPIC + own
    assert sns.create_topic(Name=own)["TopicArn"] == arn
    got = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert got["DisplayName"] == "a <b> & c" and got["Owner"] == fleets.ACCOUNT
    assert json.loads(got["Policy"])["Statement"][0]["Resource"] == arn
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="x")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "x"
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "l", "Value": "w"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["k"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "l", "Value": "w"}]
    assert {"TopicArn": arn} in sns.list_topics()["Topics"]
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    error = refused(lambda: sns.get_topic_attributes(TopicArn=arn), "NotFound", 404)
    assert error["Message"] == "Topic does not exist" and error["Type"] == "Sender"


def test_a_notification(sns, sqs):
    topic = sns.create_topic(Name=name("t"))["TopicArn"]
    url, arn = subscribed(sns, sqs, topic)
    sent = sns.publish(TopicArn=topic, Message="hé <&> \"quoted\"\n", Subject="about",
                       MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"},
                                          "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    message, = receive(sqs, url)
    body = json.loads(message["Body"])
    assert body["Type"] == "Notification" and body["MessageId"] == sent["MessageId"]
    assert body["Message"] == "hé <&> \"quoted\"\n" and body["Subject"] == "about" and body["TopicArn"] == topic
    assert body["MessageAttributes"] == {"n": {"Type": "Number", "Value": "7"},
                                         "b": {"Type": "Binary", "Value": "AP8="}}
    assert body["UnsubscribeURL"].endswith(arn) and "MessageAttributes" not in message


def test_raw_and_filtered(sns, sqs):
    topic = sns.create_topic(Name=name("t"))["TopicArn"]
    raw, _ = subscribed(sns, sqs, topic, RawMessageDelivery="true")
    some, arn = subscribed(sns, sqs, topic, RawMessageDelivery="true",
                           FilterPolicy=json.dumps({"kind": ["order", {"prefix": "re"}]}))
    for kind in ("order", "refund", "other"):
        sns.publish(TopicArn=topic, Message=kind,
                    MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}})
    messages = receive(sqs, raw)
    assert sorted(m["Body"] for m in messages) == ["order", "other", "refund"]
    assert messages[0]["MessageAttributes"]["kind"]["StringValue"] == messages[0]["Body"]
    assert sorted(m["Body"] for m in receive(sqs, some)) == ["order", "refund"]
    error = refused(lambda: sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"key": [{"suffix": 100}]}'),
        "InvalidParameter")
    assert error["Message"].startswith("Invalid parameter: FilterPolicy: suffix match pattern must be a string")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicyScope",
                                    AttributeValue="MessageBody")
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy",
                                    AttributeValue='{"a": {"b": [{"numeric": [">", 1]}]}}')
    for b in (1, 2):
        sns.publish(TopicArn=topic, Message=json.dumps({"a": [{"b": b}]}))
    assert [json.loads(m["Body"]) for m in receive(sqs, some)] == [{"a": [{"b": 2}]}]
    got = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert got["FilterPolicyScope"] == "MessageBody" and got["RawMessageDelivery"] == "true"
    sns.unsubscribe(SubscriptionArn=arn)
    assert arn not in [s["SubscriptionArn"]
                       for s in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]


def test_batches(sns, sqs):
    topic = sns.create_topic(Name=name("t"))["TopicArn"]
    url, _ = subscribed(sns, sqs, topic, RawMessageDelivery="true")
    entries = [{"Id": f"m{i}", "Message": f"message {i}",
                "MessageAttributes": {"i": {"DataType": "Number", "StringValue": str(i)}}} for i in range(10)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [e["Id"] for e in answer["Successful"]] == [e["Id"] for e in entries] and answer["Failed"] == []
    got = {}
    while len(got) < 10:
        got.update({m["Body"]: m["MessageAttributes"]["i"]["StringValue"] for m in receive(sqs, url)})
    assert got == {f"message {i}": str(i) for i in range(10)}
    refused(lambda: sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries[:1] * 2),
            "BatchEntryIdsNotDistinct")


def test_lists_have_pages(sns):
    made = {sns.create_topic(Name=name("page"))["TopicArn"] for _ in range(130)}
    pages = list(sns.get_paginator("list_topics").paginate())
    assert len(pages) >= 2 and made <= {t["TopicArn"] for p in pages for t in p["Topics"]}


def test_what_is_refused(coordinator, sns):
    refused(lambda: sns.publish(TopicArn="fake", Message="m"), "InvalidParameter")
    refused(lambda: sns.publish(TopicArn=TOPIC + "none", Message="m"), "NotFound", 404)
    refused(lambda: sns.add_permission(TopicArn=TOPIC + "t", Label="l", AWSAccountId=["1"], ActionName=["Publish"]),
            "InvalidAction")
    stranger = aws.client(coordinator, "sns", {"accessKeyId": "AKIANOBODY", "secretAccessKey": "x"})
    refused(stranger.list_topics, "InvalidClientTokenId", 403)
    thief = aws.client(coordinator, "sns", dict(coordinator.key, secretAccessKey="wrong"))
    refused(thief.list_topics, "SignatureDoesNotMatch", 403)
    reader = aws.client(coordinator, "sns", coordinator.json("key", "create", "--role", "read"))
    reader.list_topics()
    refused(lambda: reader.create_topic(Name="t"), "AuthorizationError", 403)


def test_a_killed_coordinator_forgets_nothing(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.key = {"accessKeyId": "x", "secretAccessKey": "y"}
        f.start_coordinator()
        sns, sqs = aws.client(f, "sns"), aws.client(f, "sqs")
        topic = sns.create_topic(Name="t")["TopicArn"]
        url, _ = subscribed(sns, sqs, topic, RawMessageDelivery="true", FilterPolicy='{"x": [{"exists": true}]}')
        attributes = {"x": {"DataType": "String", "StringValue": "1"}}
        sns.publish(TopicArn=topic, Message="before", MessageAttributes=attributes)
        f.coordinator.kill()
        f.start_coordinator()
        sns, sqs = aws.client(f, "sns"), aws.client(f, "sqs")
        sns.publish(TopicArn=topic, Message="after", MessageAttributes=attributes)
        sns.publish(TopicArn=topic, Message="not wanted")
        assert sorted(m["Body"] for m in receive(sqs, url)) == ["after", "before"]
