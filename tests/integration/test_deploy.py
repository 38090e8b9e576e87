# SPDX-License-Identifier: Apache-2.0
"""`stepfleet deploy` against a live coordinator: what it makes, changes, leaves alone and refuses.

STEPFLEET_BIN names the directory with the programs. The templates are small copies of what the AWS CDK
writes; STEPFLEET_TEMPLATES may name a directory with whole ones, *.template.json.
"""
import http.server
import json
import os
import pathlib
import threading

import aws
import pytest
from fleet import Fleet, wait_until

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group:g:*"
TEMPLATES = sorted(pathlib.Path(os.environ.get("STEPFLEET_TEMPLATES", "/nowhere")).glob("*.template.json"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("deploy")) as f:
        f.start_coordinator()
        f.start_worker("w1", {"One": {"handler": "echo"}, "Shop-Two": {"handler": "echo"}})
        yield f
        f.check_reports()


def join(*parts):
    return {"Fn::Join": ["", list(parts)]}


def definition(function=FUNCTION + "One", state="A"):
    return join('{"StartAt":"', state, '","States":{"', state, '":{"Type":"Task","End":true,"Resource":"arn:',
                {"Ref": "AWS::Partition"}, ':states:::lambda:invoke","Parameters":{"FunctionName":"', function,
                '","Payload.$":"$"}}}}')


def machine(**properties):
    return {"Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": definition(), "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, **properties},
            "DependsOn": ["Policy", "Role"], "UpdateReplacePolicy": "Delete", "DeletionPolicy": "Delete"}


def logging(level, **more):
    return {"Level": level, "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": LOGS}}], **more}


def template(**resources):
    """With what the CDK puts around every state machine."""
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
            "Policy": {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [{"Ref": "Role"}]}},
            **resources},
        "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>",
                                            "Default": "/cdk-bootstrap/hnb659fds/version"}},
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}}}


@pytest.fixture
def deploy(fleet, tmp_path):
    """deploy(TEMPLATE, OPTIONS..., code=): its document, and what it said beside."""
    def run(content, *options, code=0, name="Shop.template.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        done = fleet.cli("deploy", path, "--json", *options, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else None, done.stderr
    return run


def changes(document):
    return {r["logicalId"]: r["change"] for r in document["resources"]}


def resource(document, logical_id):
    return next(r for r in document["resources"] if r["logicalId"] == logical_id)


def test_what_is_new_is_made_and_runs(fleet, deploy):
    wanted = template(Flow=machine(StateMachineName="new-flow"), Ask={"Type": "AWS::StepFunctions::Activity",
                                                                     "Properties": {"Name": "new-ask"}})
    document, words = deploy(wanted)
    assert changes(document) == {"Role": "LEFT_OUT", "Policy": "LEFT_OUT", "Flow": "CREATE", "Ask": "CREATE"}
    assert document["complete"] and document["functions"] == ["One"] and "2 created, 0 updated" in words
    assert resource(document, "Flow")["arn"].endswith(":stateMachine:new-flow")
    assert "permissions" in resource(document, "Role")["reason"]
    shown = fleet.json("machine", "show", "new-flow")
    assert shown["roleArn"] == "arn:aws:iam::123456789012:role/Shop-Role" and shown["type"] == "STANDARD"
    assert fleet.cli("start", "new-flow", "--input", "7", "--wait").stdout.startswith('{"ExecutedVersion"')
    assert fleet.json("activity", "describe", "new-ask")["name"] == "new-ask"


def test_the_same_again_changes_nothing(fleet, deploy):
    wanted = template(Flow=machine(StateMachineName="same", Tags=[{"Key": "team", "Value": "x"}],
                                   LoggingConfiguration=logging("ERROR", IncludeExecutionData=True)),
                      Ask={"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "same-ask"}})
    assert changes(deploy(wanted)[0])["Flow"] == "CREATE"
    before = fleet.json("machine", "show", "same")
    document, words = deploy(wanted)
    assert set(changes(document).values()) == {"NONE", "LEFT_OUT"} and "nothing to change" in words
    assert resource(document, "Flow")["differences"] == []
    assert fleet.json("machine", "show", "same") == before


def test_a_dry_run_changes_nothing(fleet, deploy):
    wanted = template(Flow=machine(StateMachineName="dry"))
    document, words = deploy(wanted, "--dry-run")
    assert changes(document)["Flow"] == "CREATE" and not resource(document, "Flow")["done"]
    assert document["dryRun"] and "nothing was done" in words
    assert fleet.cli("machine", "show", "dry", check=False).returncode == 3


def test_what_changed_is_shown_and_made(fleet, deploy):
    deploy(template(Flow=machine(StateMachineName="changing", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])))
    wanted = template(Flow=machine(
        StateMachineName="changing", DefinitionString=definition(state="B"), RoleArn="arn:aws:iam::1:role/r",
        LoggingConfiguration=logging("ALL"), Tags=[{"Key": "a", "Value": "3"}]))
    document, words = deploy(wanted, "--dry-run")
    differences = {d["path"]: (d.get("from"), d.get("to")) for d in resource(document, "Flow")["differences"]}
    assert changes(document)["Flow"] == "UPDATE"
    assert differences.pop("definition/States/A")[1] is None and differences.pop("definition/States/B")[0] is None
    assert differences == {
        "definition/StartAt": ("A", "B"), "roleArn": ("arn:aws:iam::123456789012:role/Shop-Role", "arn:aws:iam::1:role/r"),
        "loggingConfiguration/level": ("OFF", "ALL"),
        "loggingConfiguration/destinations": (None, [{"cloudWatchLogsLogGroup": {"logGroupArn": LOGS}}]), "tags/a": ("1", "3"), "tags/b": ("2", None)}
    deploy(wanted)
    assert changes(deploy(wanted)[0])["Flow"] == "NONE"
    shown = fleet.json("machine", "show", "changing")
    assert shown["revision"] == 2 and '"StartAt":"B"' in shown["definition"]


def test_what_the_template_does_not_say_stays(fleet, deploy):
    deploy(template(Flow=machine(StateMachineName="tagged", Tags=[{"Key": "a", "Value": "1"}])))
    assert changes(deploy(template(Flow=machine(StateMachineName="tagged")))[0])["Flow"] == "NONE"


def test_names_of_two_stacks_do_not_meet(fleet, deploy):
    wanted = template(Flow=machine())
    for stack in ["Left", "Right"]:
        assert resource(deploy(wanted, name=f"{stack}.template.json")[0], "Flow")["name"] == f"{stack}-Flow"
    assert resource(deploy(wanted, "--stack", "Third")[0], "Flow")["name"] == "Third-Flow"
    assert changes(deploy(wanted, name="Left.template.json")[0])["Flow"] == "NONE"
    done = fleet.cli("deploy", "-", stdin=json.dumps(wanted), check=False)
    assert done.returncode == 2 and "--stack" in done.stderr


def test_references_parameters_and_conditions(fleet, deploy):
    wanted = template(
        Two={"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ZipFile": ""}}},
        Flow=machine(StateMachineName={"Fn::Sub": "refer-${Stage}"},
                     DefinitionString=definition({"Fn::GetAtt": ["Two", "Arn"]}),
                     StateMachineType={"Fn::If": ["IsProd", "STANDARD", "EXPRESS"]}),
        Outer=machine(StateMachineName="refer-outer", DefinitionString=join(
            '{"StartAt":"A","States":{"A":{"Type":"Task","End":true,"Resource":"arn:aws:states:::states:startExecution",'
            '"Parameters":{"StateMachineArn":"', {"Ref": "Flow"}, '"}}}}')),
        Extra={"Type": "AWS::StepFunctions::Activity", "Condition": "IsProd"})
    wanted["Parameters"]["Stage"] = {"Type": "String", "AllowedValues": ["beta", "prod"]}
    wanted["Conditions"] = {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}
    assert "--parameter Stage=VALUE" in deploy(wanted, code=2)[1]
    assert "allows" in deploy(wanted, "-p", "Stage=x", code=2)[1]
    assert "NAME=VALUE" in deploy(wanted, "--parameter", "Stage", code=2)[1]
    assert "refer-prod" in json.dumps(
        deploy(wanted, "--dry-run", "--parameter", "ParameterKey=Stage,ParameterValue=prod")[0])
    document, _ = deploy(wanted, "--parameter", "Stage=beta")
    assert "Extra" not in changes(document) and document["functions"] == ["Shop-Two"]
    assert fleet.json("machine", "show", "refer-beta")["type"] == "EXPRESS"
    assert "stateMachine:refer-beta" in fleet.json("machine", "show", "refer-outer")["definition"]
    order = [r["logicalId"] for r in document["resources"]]
    assert order.index("Flow") < order.index("Outer")


def test_what_is_not_known_is_named_and_no_success(fleet, deploy):
    wanted = template(Flow=machine(StateMachineName="partly"), Box={"Type": "AWS::EC2::Instance", "Properties": {"X": {
        "Fn::ImportValue": "x"}}})
    document, words = deploy(wanted, code=1)
    assert changes(document) == {"Role": "LEFT_OUT", "Policy": "LEFT_OUT", "Flow": "CREATE", "Box": "UNKNOWN"}
    assert not document["complete"] and "--partial" in words and "not yet known" in resource(document, "Box")["reason"]
    assert fleet.json("machine", "show", "partly")["status"] == "ACTIVE"
    assert changes(deploy(wanted, "--partial")[0])["Flow"] == "NONE"


def test_what_is_not_known_stops_nothing_else(fleet, deploy):
    """Each is made of what is known, and asks for more."""
    arn = "arn:aws:{}:us-east-1:123456789012:{}"
    others = {
        "Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}, "FunctionName": "One"}},
        "Mail": {"Type": "AWS::SNS::Subscription", "Properties": {
            "Endpoint": "a@example.com", "Protocol": "email", "TopicArn": {"Ref": "Topic"}}},
        "Stream": {"Type": "AWS::Pipes::Pipe", "Properties": {
            "RoleArn": "r", "Source": arn.format("kinesis", "stream/s"), "Target": {"Ref": "Flow"}}},
        "Invoke": {"Type": "AWS::Pipes::Pipe", "Properties": {
            "RoleArn": "r", "Source": {"Fn::GetAtt": ["Queue", "Arn"]}, "Target": arn.format("lambda", "function:One")}}}
    wanted = template(Queue={"Type": "AWS::SQS::Queue"}, Topic={"Type": "AWS::SNS::Topic"},
                      Flow=machine(StateMachineName="beside"), **others,
                      Last={"Type": "AWS::StepFunctions::Activity", "DependsOn": list(others)})
    document, _ = deploy(wanted, code=1, name="Beside.template.json")
    assert {changes(document)[i] for i in others} == {"UNKNOWN"}
    assert {changes(document)[i] for i in ("Queue", "Topic", "Flow", "Last")} == {"CREATE"}
    assert all(resource(document, i)["done"] for i in ("Queue", "Topic", "Flow", "Last"))


def test_what_was_deleted_is_made_again(fleet, deploy):
    wanted = template(Flow=machine(StateMachineName="gone"), Ask={"Type": "AWS::StepFunctions::Activity"})
    deploy(wanted, name="Gone.template.json")
    fleet.cli("machine", "delete", "gone")
    document, _ = deploy(wanted, name="Gone.template.json")
    assert changes(document)["Flow"] == "CREATE" and changes(document)["Ask"] == "NONE"


def queues(**more):
    return template(
        Dead={"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": False}, "UpdateReplacePolicy": "Delete"},
        Queue={"Type": "AWS::SQS::Queue", "Properties": {
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3},
            "VisibilityTimeout": 600, "Tags": [{"Key": "team", "Value": "x"}], **more}},
        QueuePolicy={"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}]}},
        Subscription={"Type": "AWS::SNS::Subscription", "DependsOn": ["QueuePolicy"], "Properties": {
            "Endpoint": {"Fn::GetAtt": ["Queue", "Arn"]}, "Protocol": "sqs", "TopicArn": {"Ref": "Topic"},
            "FilterPolicy": {"kind": ["a"]}}},
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "news", "FifoTopic": False}})


def test_queues_topics_and_subscriptions(fleet, deploy):
    document, _ = deploy(queues())
    assert changes(document) == {"Role": "LEFT_OUT", "Policy": "LEFT_OUT", "Dead": "CREATE", "Queue": "CREATE",
                                 "QueuePolicy": "LEFT_OUT", "Topic": "CREATE", "Subscription": "CREATE"}
    order = [r["logicalId"] for r in document["resources"]]
    assert order.index("Dead") < order.index("Queue") < order.index("Subscription") > order.index("Topic")
    again, words = deploy(queues())
    assert set(changes(again).values()) == {"NONE", "LEFT_OUT"} and "nothing to change" in words
    wanted = queues(VisibilityTimeout=60, Tags=[{"Key": "team", "Value": "y"}])
    wanted["Resources"]["Topic"]["Properties"]["DisplayName"] = "olds"
    wanted["Resources"]["Subscription"]["Properties"] |= {"FilterPolicy": {"kind": ["b"]}, "RawMessageDelivery": True}
    changed, _ = deploy(wanted)
    found = {i: {d["path"]: (d.get("from"), d.get("to")) for d in resource(changed, i)["differences"]}
             for i in ["Queue", "Topic", "Subscription"]}
    assert found == {"Queue": {"VisibilityTimeout": ("600", "60"), "tags/team": ("x", "y")},
                     "Topic": {"DisplayName": ("news", "olds")},
                     "Subscription": {"FilterPolicy/kind/0": ("a", "b"), "RawMessageDelivery": ("false", "true")}}
    assert "nothing to change" in deploy(wanted)[1]


def test_fifo_queues_and_topics_are_named_so(fleet, deploy):
    line = {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True, "ContentBasedDeduplication": True}}
    news = {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True, "ContentBasedDeduplication": True}}
    feed = {"Type": "AWS::SNS::Subscription", "Properties": {
        "TopicArn": {"Ref": "News"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Line", "Arn"]}}}
    document, _ = deploy(template(Line=line, News=news, Feed=feed))
    assert [resource(document, i)["name"] for i in ("Line", "News")] == ["Shop-Line.fifo", "Shop-News.fifo"]
    assert all(resource(document, i)["done"] for i in ("Line", "News", "Feed"))
    assert "nothing to change" in deploy(template(Line=line, News=news, Feed=feed))[1]
    news["Properties"]["ContentBasedDeduplication"] = False
    changed, _ = deploy(template(Line=line, News=news, Feed=feed))
    assert [d["path"] for d in resource(changed, "News")["differences"]] == ["ContentBasedDeduplication"]


def rule(**more):
    return {"Type": "AWS::Events::Rule", "Properties": {
        "ScheduleExpression": "rate(1 day)", "State": "ENABLED",
        "Targets": [{"Arn": {"Ref": "Flow"}, "Id": "Target0", "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}}], **more}}


def test_rules_that_run_by_a_schedule(fleet, deploy):
    flow = machine(StateMachineName="scheduled")
    document, _ = deploy(template(Rule=rule(), Flow=flow))
    assert changes(document)["Rule"] == "CREATE" and document["resources"][-1]["logicalId"] == "Rule"
    assert "nothing to change" in deploy(template(Rule=rule(), Flow=flow))[1]
    wanted = template(Flow=flow, Rule=rule(
        ScheduleExpression="cron(0 2 ? * SAT *)", State="DISABLED", Targets=[{"Arn": {"Ref": "Flow"}, "Id": "T", "Input": "1"}]))
    changed, _ = deploy(wanted)
    assert {d["path"] for d in resource(changed, "Rule")["differences"]} == {
        "scheduleExpression", "state", "targets/T", "targets/Target0"}
    assert "nothing to change" in deploy(wanted)[1]
    _, words = deploy(template(Flow=flow, Rule=rule(ScheduleExpression="rate(1 days)")), code=3)
    assert "Parameter ScheduleExpression is not valid." in words and "rule Shop-Rule" in words


def test_rules_that_go_by_a_pattern(fleet, deploy):
    """As the CDK makes them of a Rule with a topic and a queue."""
    alerts = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alerts"}}
    letters = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "letters"}}
    pattern = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
               "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [{"Ref": "Flow"}]}}
    targets = [{"Arn": {"Ref": "Alerts"}, "Id": "Target0", "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Letters", "Arn"]}},
                "RetryPolicy": {"MaximumRetryAttempts": 2},
                "InputTransformer": {"InputPathsMap": {"n": "$.detail.name"}, "InputTemplate": '"<n> failed"'}}]
    what = {"Flow": machine(StateMachineName="watched"), "Alerts": alerts, "Letters": letters,
            "Failures": {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": targets}}}
    document, _ = deploy(template(**what))
    assert changes(document)["Failures"] == "CREATE" and document["resources"][-1]["logicalId"] == "Failures"
    assert "nothing to change" in deploy(template(**what))[1]
    pattern["detail"]["status"].pop()
    del targets[0]["RetryPolicy"]
    changed, _ = deploy(template(**what))
    assert {d["path"].split("/")[0] for d in resource(changed, "Failures")["differences"]} == {"eventPattern", "targets"}
    assert "nothing to change" in deploy(template(**what))[1]


@pytest.fixture
def hook():
    """A loopback server, and what it was sent: (headers, body)."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/in", seen
    server.shutdown()
    server.server_close()


def webhook(url, key):
    """As the CDK makes them of a Connection, an ApiDestination and a Rule."""
    auth = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": key}}
    return {"Secret": {"Type": "AWS::Events::Connection", "Properties": {
                "Name": "hooked", "AuthorizationType": "API_KEY", "AuthParameters": auth, "Description": "d"}},
            "Place": {"Type": "AWS::Events::ApiDestination", "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["Secret", "Arn"]}, "HttpMethod": "POST", "InvocationEndpoint": url,
                "InvocationRateLimitPerSecond": 20}},
            "Hooked": {"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["deployed"]},
                "Targets": [{"Arn": {"Fn::GetAtt": ["Place", "Arn"]}, "Id": "T", "InputPath": "$.detail"}]}}}


def test_webhooks(fleet, deploy, hook):
    url, seen = hook
    document, words = deploy(template(**webhook(url, "s3cret")))
    assert {changes(document)[i] for i in ("Secret", "Place", "Hooked")} == {"CREATE"}
    assert "nothing to change" in deploy(template(**webhook(url, "s3cret")))[1]
    fleet.cli("event", "put", "deployed", "d", '{"k": 1}')
    wait_until(lambda: seen, 30)
    assert (seen[0][0]["X-Key"], json.loads(seen[0][1])) == ("s3cret", {"k": 1})
    changed = webhook(url, "another")
    changed["Secret"]["Properties"]["Description"] = "new"
    changed["Place"]["Properties"]["InvocationRateLimitPerSecond"] = 30
    document, more = deploy(template(**changed))
    assert changes(document)["Hooked"] == "NONE"
    assert [d["path"] for i in ("Secret", "Place") for d in resource(document, i)["differences"]] == [
        "description", "invocationRateLimitPerSecond"]
    assert not any(secret in text for secret in ("s3cret", "another") for text in (json.dumps(document), words, more))
    fleet.cli("event", "put", "deployed", "d", '{"k": 2}')
    wait_until(lambda: len(seen) == 2, 30)
    assert seen[1][0]["X-Key"] == "another"
    elsewhere = webhook(url, "{{resolve:secretsmanager:arn:SecretString:key}}")
    assert "ApiKeyValue is a secret kept elsewhere" in deploy(template(**elsewhere), code=2)[1]
    oauth = {**webhook(url, "k"), "Secret": {"Type": "AWS::Events::Connection", "Properties": {
        "Name": "oauth", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {}}}}
    assert changes(deploy(template(Secret=oauth["Secret"]), code=1)[0])["Secret"] == "UNKNOWN"


def test_what_is_ignored_is_named(fleet, deploy):
    document, _ = deploy(template(Flow=machine(StateMachineName="traced", TracingConfiguration={"Enabled": True})))
    assert resource(document, "Flow")["ignoredProperties"] == ["TracingConfiguration"]
    shown = fleet.cli("deploy", "--dry-run", "--stack", "Shop", "-", stdin=json.dumps(
        template(Flow=machine(StateMachineName="traced", TracingConfiguration={"Enabled": True})))).stdout
    assert "unchanged  state machine  traced" in shown and "without TracingConfiguration" in shown
    assert "[function NAME]:\n  One\n" in shown


def test_bad_templates_change_nothing(fleet, deploy):
    good = machine(StateMachineName="before-bad")
    for bad, place in [
            ({"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": {"Ref": "Nobody"}}},
             "/Resources/Bad/Properties/Name/Ref: the reference \"Nobody\""),
            ({"Type": "AWS::StepFunctions::StateMachine", "Properties": {}}, "/Resources/Bad/Properties: "),
            ({"Properties": {}}, "/Resources/Bad: "),
            ({"Type": "AWS::StepFunctions::Activity", "DependsOn": "Flow2"}, "/Resources/Bad/DependsOn: "),
            ({"Type": "AWS::StepFunctions::Activity", "DependsOn": "Bad"}, "in a circle"),
            ({"Type": "AWS::StepFunctions::Activity", "Condition": "C"}, "the condition \"C\"")]:
        document, words = deploy(template(Flow=good, Bad=bad), code=2)
        assert document is None and place in words and "Shop.template.json" in words, words
    assert "line 1" in deploy('{"Resources": {]}', code=2)[1]
    assert "machine create" in deploy({"StartAt": "A", "States": {}}, code=2)[1]
    assert fleet.cli("machine", "show", "before-bad", check=False).returncode == 3


def test_a_definition_that_is_refused_stops_all_of_it(fleet, deploy):
    bad = machine(StateMachineName="bad-definition", DefinitionString='{"StartAt":"A","States":{"A":{"Type":"Pass"}}}')
    for _ in range(2):
        _, words = deploy(template(Flow=machine(StateMachineName="before-refused"), Bad=bad), code=3)
        assert "state machine bad-definition" in words and "/States/A" in words
        assert fleet.cli("machine", "show", "before-refused", check=False).returncode == 3


def pipe(batch=1, target="STANDARD", name="a-pipe", source=None, arn=None, **more):
    """A queue, a workflow and the pipe between them."""
    queue = source or f"{name}-source"
    return template(
        Queue={"Type": "AWS::SQS::Queue", "Properties": {"QueueName": queue}},
        Flow=machine(StateMachineName=f"piped-{target}".lower(), StateMachineType=target),
        Pipe={"Type": "AWS::Pipes::Pipe", "DependsOn": "Queue", "Properties": {
            "DesiredState": "RUNNING", "Name": name, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "Source": {"Fn::GetAtt": ["Queue", "Arn"]}, "Target": arn or {"Ref": "Flow"},
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": batch}},
            "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}, **more}})


def found(document, logical_id):
    return {d["path"]: (d.get("from"), d.get("to")) for d in resource(document, logical_id)["differences"]}


def test_pipes(fleet, deploy):
    document, _ = deploy(pipe())
    assert changes(document)["Pipe"] == "CREATE" and document["resources"][-1]["logicalId"] == "Pipe"
    assert "nothing to change" in deploy(pipe())[1]
    changed, _ = deploy(pipe(2, Description="of orders", Tags={"team": "x"}))
    assert found(changed, "Pipe") == {
        "sourceParameters/SqsQueueParameters/BatchSize": (1, 2), "description": ("", "of orders"), "tags/team": (None, "x")}
    for two in (2, "2"):
        assert "nothing to change" in deploy(pipe(two, Description="of orders", Tags={"team": "x"}))[1]
    assert changes(deploy(pipe(Enrichment=FUNCTION + "One"), code=1)[0])["Pipe"] == "UNKNOWN"
    elsewhere = pipe(2)
    elsewhere["Resources"]["Pipe"]["Properties"]["Source"] = "arn:aws:sqs:us-east-1:123456789012:other"
    assert "a-pipe: its source cannot change" in deploy(elsewhere, code=3)[1]


def test_a_filter_or_template_of_a_pipe_goes_with_the_file_s(fleet, deploy):
    criteria = {"Filters": [{"Pattern": '{"body":{"a":[1]}}'}]}
    forget = {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    deploy(pipe(name="narrow", SourceParameters={"FilterCriteria": criteria, "SqsQueueParameters": {"BatchSize": 1}},
                TargetParameters={**forget, "InputTemplate": "<$.body>"}))
    changed, _ = deploy(pipe(name="narrow"))
    assert found(changed, "Pipe") == {"sourceParameters/FilterCriteria/Filters": (criteria["Filters"], None),
                                      "targetParameters/InputTemplate": ("<$.body>", "")}
    assert "nothing to change" in deploy(pipe(name="narrow"))[1]


def test_a_pipe_that_does_not_run_is_no_success(fleet, deploy):
    """With REQUEST_RESPONSE it cannot have a Standard workflow; mended, a second run starts it."""
    waiting = pipe(name="idle", TargetParameters={})
    for _ in range(2):
        document, words = deploy(waiting, code=3)
        assert "pipe idle is STOPPED: The invocation type REQUEST_RESPONSE" in words and "before it" in words
        assert not resource(document, "Pipe")["done"]
    changed, _ = deploy(pipe(name="idle"))
    assert found(changed, "Pipe")["desiredState"] == ("STOPPED", "RUNNING")
    assert "nothing to change" in deploy(pipe(name="idle"))[1]


def test_a_pipe_is_made_with_its_tags(tmp_path):
    """No message of a backlog starts an execution before the pipe knows how they are called."""
    with Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        f.start_worker("w", {"One": {"handler": "echo"}})
        sqs, sfn = aws.client(f, "sqs"), aws.client(f, "stepfunctions")
        queue = sqs.create_queue(QueueName="backlog")["QueueUrl"]
        sent = {m["MessageId"] for _ in range(10) for m in sqs.send_message_batch(
            QueueUrl=queue, Entries=[{"Id": str(i), "MessageBody": "{}"} for i in range(10)])["Successful"]}
        path = tmp_path / "t.json"
        path.write_text(json.dumps(pipe(source="backlog", Tags={"stepfleet:execution-name": "message-id"})))
        flow = resource(f.json("deploy", path), "Flow")["arn"]

        def names():
            pages = sfn.get_paginator("list_executions").paginate(stateMachineArn=flow)
            return [e["name"] for page in pages for e in page["executions"]]
        wait_until(lambda: len(names()) == len(sent))
        assert set(names()) == sent


def test_a_type_cannot_change(fleet, deploy):
    deploy(template(Flow=machine(StateMachineName="fixed")))
    _, words = deploy(template(Flow=machine(StateMachineName="fixed", StateMachineType="EXPRESS")), code=3)
    assert "fixed: its type cannot change" in words


def test_where_no_coordinator_is(tmp_path, fleet):
    (tmp_path / "t.json").write_text(json.dumps(template(Flow=machine())))
    done = fleet.cli("--coordinator", f"ipc://{tmp_path}/none", "deploy", tmp_path / "t.json", check=False)
    assert done.returncode == 4


@pytest.mark.skipif(not TEMPLATES, reason="STEPFLEET_TEMPLATES names no directory with templates")
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_whole_templates_deploy_once(tmp_path, path):
    with Fleet(tmp_path) as alone:
        alone.start_coordinator()
        first = alone.json("deploy", path)
        made = [r for r in first["resources"] if r["change"] == "CREATE"]
        assert made and all(r["done"] for r in made) and first["functions"] and first["complete"]
        again = alone.json("deploy", path)
        assert {r["change"] for r in again["resources"]} == {"NONE", "LEFT_OUT"}
