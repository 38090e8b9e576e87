# SPDX-License-Identifier: Apache-2.0
"""EventBridge's rules by patterns, and PutEvents, through boto3 with nothing changed but the endpoint: what executions
tell, what queues, topics and machines get of it, what becomes a dead letter; a coordinator that is killed."""
import base64
import datetime
import hmac
import http.server
import json
import socket
import subprocess
import threading

import aws
import fleet as fleets
import pytest
from fleet import wait_until

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "because"}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
ACCOUNT = fleets.ACCOUNT
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:"


@pytest.fixture(scope="module")
def coordinator(coordinator):
    coordinator.create("pass", PASS)
    coordinator.create("fail", FAIL)
    coordinator.create("wait", WAIT)
    coordinator.create("quick", PASS, "EXPRESS")
    return coordinator


@pytest.fixture
def events(coordinator):
    return aws.client(coordinator, "events")


@pytest.fixture
def sqs(coordinator):
    return aws.client(coordinator, "sqs")


@pytest.fixture
def states(coordinator):
    return aws.client(coordinator, "stepfunctions")


_names = iter(range(1000))


def name(what):
    return f"{what}-{next(_names)}"


def queue(sqs, **attributes):
    own = name("q") + (".fifo" if "FifoQueue" in attributes else "")
    return own, sqs.create_queue(QueueName=own, Attributes=attributes)["QueueUrl"]


def receive(sqs, url, count=1):
    """So many messages; what is received is deleted."""
    got = []

    def all_there():
        for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"],
                                     MessageSystemAttributeNames=["All"]).get("Messages", []):
            got.append(m)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=m["ReceiptHandle"])
        return len(got) >= count
    wait_until(all_there, 30)
    assert len(got) == count
    return got


def rule(events, pattern, **target):
    own = name("rule")
    arn = events.put_rule(Name=own, EventPattern=json.dumps(pattern))["RuleArn"]
    assert events.put_targets(Rule=own, Targets=[{"Id": "t", **target}])["FailedEntryCount"] == 0
    return own, arn


def put(events, source, detail, **entry):
    answer = events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": json.dumps(detail), **entry}])
    assert answer["FailedEntryCount"] == 0
    return answer["Entries"][0]["EventId"]


def dropped(events, own):
    events.remove_targets(Rule=own, Ids=["t"])
    events.delete_rule(Name=own)


def refused(code, words, call, **arguments):
    said = aws.refused(code, call, **arguments)
    assert words in said, said


def test_executions_tell_what_happens_to_them(events, sqs, states):
    own, url = queue(sqs)
    r, _ = rule(events, {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
                         "detail": {"stateMachineArn": [MACHINE + "fail"]}}, Arn=QUEUE + own)
    states.start_execution(stateMachineArn=MACHINE + "pass", input="{}")
    arn = states.start_execution(stateMachineArn=MACHINE + "fail", input='{"k": 1}')["executionArn"]
    begun, ended = (json.loads(m["Body"]) for m in receive(sqs, url, 2))
    for e in begun, ended:
        assert e["version"] == "0" and e["account"] == ACCOUNT and e["region"] == "us-east-1"
        assert e["resources"] == [arn] and e["detail"]["executionArn"] == arn
        assert e["detail"]["name"] == arn.rsplit(":", 1)[1] and e["detail"]["input"] == '{"k":1}'
        assert e["detail"]["inputDetails"] == {"included": True} and e["detail"]["outputDetails"] is None
        assert e["detail"]["redriveCount"] == 0 and e["detail"]["stateMachineVersionArn"] is None
    assert begun["detail"]["status"] == "RUNNING" and begun["detail"]["stopDate"] is None
    assert ended["detail"]["status"] == "FAILED" and ended["detail"]["stopDate"] >= begun["detail"]["startDate"]
    assert (ended["detail"]["error"], ended["detail"]["cause"]) == ("E", "because")
    assert ended["detail"]["redriveStatus"] == "REDRIVABLE"
    dropped(events, r)


def test_stopped_and_timed_out(events, sqs, states, coordinator):
    coordinator.create("late", {**WAIT, "TimeoutSeconds": 1})
    own, url = queue(sqs)
    r, _ = rule(events, {"detail": {"status": ["ABORTED", "TIMED_OUT"]}}, Arn=QUEUE + own, InputPath="$.detail.status")
    arn = states.start_execution(stateMachineArn=MACHINE + "wait")["executionArn"]
    states.stop_execution(executionArn=arn)
    assert receive(sqs, url)[0]["Body"] == '"ABORTED"'
    states.start_execution(stateMachineArn=MACHINE + "late")
    assert receive(sqs, url)[0]["Body"] == '"TIMED_OUT"'
    dropped(events, r)


def test_events_of_ones_own(events, sqs):
    own, url = queue(sqs)
    fifo, fifo_url = queue(sqs, FifoQueue="true", ContentBasedDeduplication="true")
    r, _ = rule(events, {"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}]}}, Arn=QUEUE + own)
    events.put_targets(Rule=r, Targets=[{"Id": "f", "Arn": QUEUE + fifo, "SqsParameters": {"MessageGroupId": "g"}}])
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    put(events, "shop", {"total": 3})
    put(events, "shop", {"total": 30}, EventBusName="elsewhere")
    event = put(events, "shop", {"total": 20}, Resources=["a", "b"], Time=when)
    got = json.loads(receive(sqs, url)[0]["Body"])
    assert got == {"version": "0", "id": event, "detail-type": "d", "source": "shop", "account": ACCOUNT,
                   "time": "2026-01-02T03:04:05Z", "region": "us-east-1", "resources": ["a", "b"],
                   "detail": {"total": 20}}
    m = receive(sqs, fifo_url)[0]
    assert m["Attributes"]["MessageGroupId"] == "g" and json.loads(m["Body"]) == got
    events.remove_targets(Rule=r, Ids=["f"])
    dropped(events, r)


def test_entries_fail_one_by_one(events):
    good = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    answer = events.put_events(Entries=[good, {**good, "Detail": "{"}, {"DetailType": "d", "Detail": "{}"},
                                        {**good, "Source": "aws.ec2"}, good])
    assert answer["FailedEntryCount"] == 3
    assert [e.get("ErrorCode") for e in answer["Entries"]] == [
        None, "MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException", None]
    assert answer["Entries"][2]["ErrorMessage"] == ("Parameter Source is not valid. Reason: Source is a required "
                                                    "argument.")
    refused("ValidationException", "less than or equal to 10", events.put_events, Entries=[good] * 11)
    refused("ValidationException", "Total size", events.put_events,
            Entries=[{**good, "Detail": json.dumps({"k": "x" * 128 * 1024})}] * 2)


def test_an_event_has_not_too_many_copies(events, sqs):
    own, url = queue(sqs)
    rules = [name("rule") for _ in range(27)]
    for r in rules:
        events.put_rule(Name=r, EventPattern=json.dumps({"source": ["wide"]}))
        events.put_targets(Rule=r, Targets=[{"Id": str(i), "Arn": QUEUE + own, "Input": "1"} for i in range(5)])
    wide = {"Source": "wide", "DetailType": "d"}
    answer = events.put_events(Entries=[{**wide, "Detail": json.dumps({"x": "x" * 255000})}, {**wide, "Detail": "{}"}])
    assert [e.get("ErrorCode") for e in answer["Entries"]] == ["InvalidArgument", None]
    assert "would go to 135 targets of rules" in answer["Entries"][0]["ErrorMessage"]
    assert [m["Body"] for m in receive(sqs, url, 135)] == ["1"] * 135
    for r in rules:
        events.remove_targets(Rule=r, Ids=[str(i) for i in range(5)])
        events.delete_rule(Name=r)


def test_patterns_are_tried_out_and_refused(events):
    event = {"id": "1", "source": "s", "detail-type": "d", "account": "1", "time": "t", "region": "r", "resources": [],
             "detail": {"n": 5}}
    assert events.test_event_pattern(EventPattern='{"detail":{"n":[5]}}', Event=json.dumps(event))["Result"] is True
    assert events.test_event_pattern(EventPattern='{"detail":{"n":[6]}}', Event=json.dumps(event))["Result"] is False
    refused("InvalidEventPatternException", "not valid", events.test_event_pattern, EventPattern='{"a":1}',
            Event=json.dumps(event))
    refused("ValidationException", "Parameter Event is not valid.", events.test_event_pattern,
            EventPattern='{"a":[1]}', Event="{}")
    for pattern in ('{"a":"b"}', "{", '{"a":[]}', '{"a":[{"like":"b"}]}'):
        refused("InvalidEventPatternException", "Event pattern is not valid", events.put_rule, Name=name("rule"),
                EventPattern=pattern)


def test_a_topic_gets_them(coordinator, events, sqs):
    sns = aws.client(coordinator, "sns")
    own, url = queue(sqs)
    topic = sns.create_topic(Name=name("t"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + own, Attributes={"RawMessageDelivery": "true"})
    r, arn = rule(events, {"source": ["for-topic"]}, Arn=topic,
                  InputTransformer={"InputPathsMap": {"who": "$.detail.who"},
                                    "InputTemplate": '{"said": "by <who>", "rule": <aws.events.rule-arn>}'})
    put(events, "for-topic", {"who": "me"})
    assert json.loads(receive(sqs, url)[0]["Body"]) == {"said": "by me", "rule": arn}
    dropped(events, r)


def test_machines_are_started(coordinator, events):
    r, _ = rule(events, {"source": ["for-machine"]}, Arn=MACHINE + "pass", InputPath="$.detail")
    events.put_targets(Rule=r, Targets=[{"Id": "x", "Arn": MACHINE + "quick"}])
    event = put(events, "for-machine", {"k": [1, 2]})

    def started(machine):
        return [e for e in coordinator.json("list", "-m", machine)["executions"] if event in e["executionArn"]]
    wait_until(lambda: started("pass") and started("quick"), 30)
    assert json.loads(coordinator.show(started("pass")[0]["executionArn"])["input"]) == {"k": [1, 2]}
    events.remove_targets(Rule=r, Ids=["x"])
    dropped(events, r)


def test_a_handler_is_run(coordinator, events, sqs, tmp_path):
    dead, url = queue(sqs)
    log = tmp_path / "seen"
    coordinator.start_worker("w-events", {
        "alert": {"handler": "event", "command": f"sh -c 'cat >> {log}; echo >> {log}; echo {{}}'"},
        "broken": {"handler": "event", "command": "sh -c 'exit 3'"}})
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
    r, _ = rule(events, {"source": ["for-handler"]}, Arn=function + "alert", InputPath="$.detail")
    events.put_targets(Rule=r, Targets=[{"Id": "b", "Arn": function + "broken",
                                         "DeadLetterConfig": {"Arn": QUEUE + dead}}])
    put(events, "for-handler", {"k": 1})
    wait_until(lambda: log.exists() and log.read_text().strip(), 60)
    assert json.loads(log.read_text().split("\n")[0]) == {"k": 1}
    m = receive(sqs, url)[0]
    assert m["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "2"
    assert m["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ERROR_FROM_TARGET"
    assert len(log.read_text().split("\n")) == 2
    names = [x["name"] for x in aws.client(coordinator, "stepfunctions").list_state_machines()["stateMachines"]]
    assert not any("$" in n for n in names)
    events.remove_targets(Rule=r, Ids=["b"])
    dropped(events, r)


class Hook:
    """A loopback server that answers as it is told, and keeps what came; checks each signature."""

    def __init__(self, secret, port=0):
        self.answers, self.seen = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                text = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
                mac = base64.b64encode(hmac.new(secret.encode(), text, "sha256").digest()).decode()
                good = self.headers["webhook-signature"] == "v1," + mac
                outer.seen.append({"id": self.headers["webhook-id"], "body": body, "signed": good,
                                   "headers": dict(self.headers)})
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def destination(events, port, **parameters):
    own = name("hook")
    parameters = parameters or {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}
    kind = "API_KEY" if "ApiKeyAuthParameters" in parameters else "BASIC"
    c = events.create_connection(Name=own, AuthorizationType=kind, AuthParameters=parameters)
    assert c["ConnectionState"] == "AUTHORIZED"
    return own, events.create_api_destination(Name=own, ConnectionArn=c["ConnectionArn"], HttpMethod="POST",
                                              InvocationEndpoint=f"http://127.0.0.1:{port}/in")["ApiDestinationArn"]


def test_a_webhook_is_signed_and_tried_again(events):
    hook = Hook("s3cret")
    hook.answers = [503, 429]
    own, arn = destination(events, hook.port)
    r, _ = rule(events, {"source": ["for-hook"]}, Arn=arn, InputPath="$.detail")
    put(events, "for-hook", {"k": "é"})
    wait_until(lambda: len(hook.seen) == 3, 60)
    for s in hook.seen:
        assert s["signed"] and json.loads(s["body"]) == {"k": "é"} and s["headers"]["X-Key"] == "s3cret"
        assert s["headers"]["Content-Type"].startswith("application/json")
    assert len({s["id"] for s in hook.seen}) == 1
    dropped(events, r)
    hook.stop()


def test_a_webhook_that_refuses_and_one_with_a_password(events, sqs):
    dead, url = queue(sqs)
    hook = Hook("pass word")
    hook.answers = [400]
    _, arn = destination(events, hook.port, BasicAuthParameters={"Username": "me", "Password": "pass word"})
    r, _ = rule(events, {"source": ["for-refusal"]}, Arn=arn, DeadLetterConfig={"Arn": QUEUE + dead})
    put(events, "for-refusal", {"k": 1})
    m = receive(sqs, url)[0]
    assert m["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "ERROR_FROM_TARGET"
    assert m["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"].startswith("HTTP 400")
    assert hook.seen[0]["signed"]
    assert base64.b64decode(hook.seen[0]["headers"]["Authorization"].split()[1]) == b"me:pass word"
    dropped(events, r)
    hook.stop()


class Rude:
    """A loopback server that says to each who comes what it was given, if anything, and then nothing more."""

    def __init__(self, answer=b""):
        self.came = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]

        def serve():
            try:
                while True:
                    self.came.append(self.socket.accept()[0])
                    self.came[-1].sendall(answer)
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for s in self.came:
            s.close()


def test_webhooks_that_never_answer_keep_no_other_waiting(events):
    mute, hook = Rude(), Hook("s3cret")
    r, _ = rule(events, {"source": ["for-mute"]}, Arn=destination(events, mute.port)[1])
    other, _ = rule(events, {"source": ["for-quick"]}, Arn=destination(events, hook.port)[1])
    for _ in range(40):
        events.put_events(Entries=[{"Source": "for-mute", "DetailType": "d", "Detail": "{}"}] * 10)
    wait_until(lambda: len(mute.came) >= 100, 20)
    put(events, "for-quick", {"k": 1})
    wait_until(lambda: hook.seen, 20)
    assert len(mute.came) < 400
    dropped(events, r)
    dropped(events, other)
    mute.stop()
    hook.stop()


def test_what_a_webhook_answers_is_read_as_far_as_its_status(events, sqs):
    hook = Hook("s3cret")
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{hook.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    cases = [(moved, "HTTP 302"),
             (b"HTTP/1.1 400 No\r\nContent-Length: 99\r\n\r\nhalf", "HTTP 400 half"),
             (b"HTTP/1.1 404 No\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 1000000, "HTTP 404 " + "x" * 255),
             (b"HTTP/1.1 410 No\r\n" + b"X: yyy\r\n" * 100000, "HTTP 410")]
    dead, url = queue(sqs)
    servers = [Rude(answer) for answer, _ in cases]
    rules = [rule(events, {"source": ["for-rude"]}, Arn=destination(events, s.port)[1],
                  DeadLetterConfig={"Arn": QUEUE + dead}, RetryPolicy={"MaximumRetryAttempts": 0})[0] for s in servers]
    put(events, "for-rude", {})
    assert sorted(m["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] for m in receive(sqs, url, len(cases))) == [
        said for _, said in cases]
    assert not hook.seen
    for r in rules:
        dropped(events, r)
    for s in [*servers, hook]:
        s.stop()


def test_what_a_webhook_is_to_get_outlives_the_coordinator(coordinator, events):
    port = fleets.free_port()
    _, arn = destination(events, port)
    r, _ = rule(events, {"source": ["for-later"]}, Arn=arn, InputPath="$.detail.n")
    for n in range(5):
        put(events, "for-later", {"n": n})
    coordinator.coordinator.kill()
    coordinator.start_coordinator()
    hook = Hook("s3cret", port)
    wait_until(lambda: {s["body"] for s in hook.seen} == {b"0", b"1", b"2", b"3", b"4"}, 90)
    assert all(s["signed"] for s in hook.seen)
    dropped(aws.client(coordinator, "events"), r)
    hook.stop()


def test_connections_and_destinations(events, coordinator):
    own, arn = destination(events, 1)
    got = events.describe_connection(Name=own)
    assert got["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}} and got["ConnectionArn"].count("/") == 2
    assert got["AuthorizationType"] == "API_KEY" and "s3cret" not in json.dumps(got, default=str)
    shown = events.describe_api_destination(Name=own)
    assert (shown["ApiDestinationArn"], shown["ConnectionArn"]) == (arn, got["ConnectionArn"])
    assert (shown["ApiDestinationState"], shown["InvocationRateLimitPerSecond"]) == ("ACTIVE", 300)
    events.update_api_destination(Name=own, InvocationRateLimitPerSecond=7, InvocationEndpoint="https://example.com/")
    shown = events.describe_api_destination(Name=own)
    assert (shown["InvocationRateLimitPerSecond"], shown["HttpMethod"]) == (7, "POST")
    events.update_connection(Name=own, Description="new", AuthorizationType="BASIC",
                             AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    assert events.describe_connection(Name=own)["AuthParameters"] == {"BasicAuthParameters": {"Username": "u"}}
    assert [c["Name"] for c in events.list_connections(NamePrefix=own)["Connections"]] == [own]
    assert [d["Name"] for d in events.list_api_destinations(NamePrefix=own)["ApiDestinations"]] == [own]
    refused("ResourceAlreadyExistsException", "already exists", events.create_connection, Name=own,
            AuthorizationType="BASIC", AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}})
    for bad, words in [({"InvocationEndpoint": "http://example.com/"}, "InvocationEndpoint"),
                       ({"InvocationEndpoint": "https://u@example.com/"}, "InvocationEndpoint")]:
        refused("ValidationException", words, events.create_api_destination, Name=name("hook"), HttpMethod="POST",
                ConnectionArn=got["ConnectionArn"], **bad)
    refused("ResourceNotFoundException", "does not exist", events.create_api_destination, Name=name("hook"),
            HttpMethod="POST", ConnectionArn=got["ConnectionArn"][:-1] + "x", InvocationEndpoint="https://example.com/")
    events.delete_connection(Name=own)
    assert events.describe_api_destination(Name=own)["ApiDestinationState"] == "INACTIVE"
    events.delete_api_destination(Name=own)
    refused("ResourceNotFoundException", own, events.describe_api_destination, Name=own)
    refused("ResourceNotFoundException", own, events.delete_connection, Name=own)
    assert "s3cret" not in coordinator.coordinator.text()


def test_dead_letters_say_why(events, sqs):
    dead, url = queue(sqs)
    target = {"Arn": QUEUE + "nowhere", "DeadLetterConfig": {"Arn": QUEUE + dead},
              "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}}
    r, arn = rule(events, {"source": ["for-nobody"]}, **target)
    assert events.list_targets_by_rule(Rule=r)["Targets"] == [{"Id": "t", **target}]
    put(events, "for-nobody", {"k": 1})
    m = receive(sqs, url)[0]
    assert json.loads(m["Body"])["detail"] == {"k": 1}
    assert {k: v["StringValue"] for k, v in m["MessageAttributes"].items()} == {
        "RULE_ARN": arn, "TARGET_ARN": QUEUE + "nowhere", "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0",
        "ERROR_MESSAGE": "The specified queue does not exist."}
    dropped(events, r)


def test_what_is_lost_and_what_waits_is_counted(coordinator, events, sqs):
    def figures():
        health = coordinator.json("health")
        return [health[k] for k in ("eventsLost", "eventsBuried", "deliveriesWaiting")]
    dead, url = queue(sqs)
    _, arn = destination(events, fleets.free_port())
    lost, buried, _ = figures()
    rules = [rule(events, {"source": ["for-figures"]}, Arn=QUEUE + "nowhere")[0],
             rule(events, {"source": ["for-figures"]}, Arn=QUEUE + "nowhere", DeadLetterConfig={"Arn": QUEUE + dead})[0],
             rule(events, {"source": ["for-figures"]}, Arn=arn)[0]]
    event = put(events, "for-figures", {})
    receive(sqs, url)
    assert figures()[:2] == [lost + 1, buried + 1] and figures()[2] >= 1
    assert f"an event is lost: rule=arn:aws:events:us-east-1:{ACCOUNT}:rule/{rules[0]} target={QUEUE}nowhere event={event}: " \
        "NO_RESOURCE" in coordinator.coordinator.text()
    for r in rules:
        dropped(events, r)


def test_rules_show_their_pattern(events):
    own = name("rule")
    pattern = '{"source": ["x"]}'
    events.put_rule(Name=own, EventPattern=pattern, Description="d")
    assert events.describe_rule(Name=own)["EventPattern"] == pattern
    assert "ScheduleExpression" not in events.describe_rule(Name=own)
    assert [x["EventPattern"] for x in events.list_rules(NamePrefix=own)["Rules"]] == [pattern]
    refused("ResourceNotFoundException", "does not exist", events.put_rule, Name=own, EventPattern=pattern,
            EventBusName="elsewhere")
    events.delete_rule(Name=own)


def test_what_was_answered_outlives_the_coordinator(coordinator, events, sqs):
    own, url = queue(sqs)
    r, _ = rule(events, {"source": ["many"]}, Arn=QUEUE + own, InputPath="$.detail.n")
    for batch in range(60):
        events.put_events(Entries=[{"Source": "many", "DetailType": "d", "Detail": json.dumps({"n": batch * 10 + i})}
                                   for i in range(10)])
    coordinator.coordinator.kill()
    coordinator.start_coordinator()
    sqs = aws.client(coordinator, "sqs")
    assert sorted(int(m["Body"]) for m in receive(sqs, url, 600)) == list(range(600))
    dropped(aws.client(coordinator, "events"), r)


def test_who_only_runs_may_put_events_but_no_rules(coordinator):
    run = aws.client(coordinator, "events", coordinator.json("key", "create", "--role", "run"))
    refused("AccessDeniedException", "events:PutRule", run.put_rule, Name=name("rule"), EventPattern='{"source":["x"]}')
    put(run, "nobody-listens", {})


def test_with_the_command_line(coordinator, sqs, tmp_path):
    own, url = queue(sqs)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": coordinator.key["accessKeyId"],
           "AWS_SECRET_ACCESS_KEY": coordinator.key["secretAccessKey"], "AWS_DEFAULT_REGION": "us-east-1"}

    def run(*args):
        done = subprocess.run([*aws.cli1(), "--endpoint-url", coordinator.endpoint, "events", *args], env=env,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    run("put-rule", "--name", "by-hand", "--event-pattern", '{"source":["hand"]}')
    run("put-targets", "--rule", "by-hand", "--targets", f"Id=t,Arn={QUEUE}{own}")
    answer = run("put-events", "--entries", '[{"Source":"hand","DetailType":"d","Detail":"{\\"k\\":1}"}]')
    assert answer["FailedEntryCount"] == 0
    assert json.loads(receive(sqs, url)[0]["Body"])["detail"] == {"k": 1}
    run("remove-targets", "--rule", "by-hand", "--ids", "t")
    run("delete-rule", "--name", "by-hand")
