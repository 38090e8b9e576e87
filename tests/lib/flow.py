# SPDX-License-Identifier: Apache-2.0
"""The whole of the flow that flow.template.json describes: a topic, queues, pipes, an Express and a Standard workflow,
deployed to a live coordinator by `stepfleet deploy`, and AWS's own clients for it.

A message is {"n": N}, or {"n": N, "bad": true}: that one fails until the work is mended."""
import json
import os
import pathlib
import subprocess

import aws
from fleet import wait_until

TEMPLATE = pathlib.Path(__file__).parent / "flow.template.json"
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "us-east-1"}
WORK = r"""event=$(cat)
printf '%s\n' "$event" >>{0}/seen
case $event in *'\"bad\"'*) [ -e {0}/mended ] || exit 1;; esac
printf '%s\n' "$event" >>{0}/done
echo '{{}}'
"""


class Flow:
    """Of a fleet with `http={"access": "open"}`, its coordinator started."""

    def __init__(self, fleet, visibility):
        self.fleet = fleet
        self.resources = {r["logicalId"]: r for r in self.deploy(visibility)["resources"]}
        self.sns, self.sqs, self.sfn = (aws.client(fleet, s) for s in ("sns", "sqs", "stepfunctions"))
        script = fleet.dir / "work.sh"
        script.write_text(WORK.format(fleet.dir))
        fleet.start_worker("w", {"work": {"handler": "event", "command": f"sh {script}", "slots": 8}})

    def deploy(self, visibility):
        return self.fleet.json("deploy", TEMPLATE, "--parameter", f"Visibility={visibility}")

    def cli(self, *args):
        """The AWS CLI's answer."""
        run = subprocess.run([*aws.cli1(), "--endpoint-url", self.fleet.endpoint, "--output", "json", *args], timeout=120,
                             capture_output=True, text=True, env={**os.environ, **KEYS})
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout or "null")

    def arn(self, resource):
        return self.resources[resource]["arn"]

    def url(self, queue):
        return self.sqs.get_queue_url(QueueName=self.resources[queue]["name"])["QueueUrl"]

    # ---- the work ----

    def _messages(self, file, way):
        path = self.fleet.dir / file
        whole = path.read_text().rpartition("\n")[0] if path.exists() else ""
        events = [json.loads(line) for line in whole.splitlines()]
        return [{**json.loads(e["initialData"]["Message"]), **e} for e in events if e["way"] == way]

    def seen(self, way):
        """What was given to the work, in order: the messages' members and the events'."""
        return self._messages("seen", way)

    def done(self, way):
        """The numbers that the work succeeded at."""
        return {m["n"] for m in self._messages("done", way)}

    def mend(self):
        (self.fleet.dir / "mended").touch()

    # ---- messages, executions ----

    def publish(self, way, n, bad=False):
        self.sns.publish(TopicArn=self.arn("Topic"), Message=message(n, bad), MessageAttributes={
            "way": {"DataType": "String", "StringValue": way}})

    def left(self, queue):
        """Messages in a queue, in flight or not."""
        a = self.sqs.get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=["All"])["Attributes"]
        return sum(int(a["ApproximateNumberOfMessages" + what]) for what in ("", "NotVisible", "Delayed"))

    def look(self, queue, seconds=30):
        """The messages' bodies; they are back in the queue when this returns."""
        found = {}
        while got := self.sqs.receive_message(QueueUrl=self.url(queue), MaxNumberOfMessages=10,
                                              VisibilityTimeout=seconds).get("Messages"):
            found |= {m["ReceiptHandle"]: json.loads(m["Body"]) for m in got}
        for handle in found:
            self.sqs.change_message_visibility(QueueUrl=self.url(queue), ReceiptHandle=handle, VisibilityTimeout=0)
        return list(found.values())

    def dead(self):
        """The dead letters' numbers."""
        return [json.loads(body["Message"])["n"] for body in self.look("ExpressDead")]

    def failures(self):
        """What the rule's target was told: details of executions."""
        return [event["detail"] for event in self.look("Failures")]

    def executions(self):
        """Of the Standard workflow: number of the message -> [description]."""
        found = {}
        for page in self.sfn.get_paginator("list_executions").paginate(stateMachineArn=self.arn("Standard")):
            for e in page["executions"]:
                d = self.sfn.describe_execution(executionArn=e["executionArn"])
                record, = json.loads(d["input"])
                assert d["name"] == record["messageId"]
                found.setdefault(json.loads(json.loads(record["body"])["Message"])["n"], []).append(d)
        return found

    def empty(self, queue, timeout=60):
        wait_until(lambda: self.left(queue) == 0, timeout, 0.2, say=f"messages stay in {queue}")


def message(n, bad=False):
    return json.dumps({"n": n, "bad": True} if bad else {"n": n})
