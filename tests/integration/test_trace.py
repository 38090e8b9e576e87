# SPDX-License-Identifier: Apache-2.0
"""Traces: what a collector is told of executions, and what handlers know of the trace they are in."""
import http.server
import json
import threading

import pytest
from fleet import Fleet, stages, task, wait_until
from http_client import ask

ROLE = "arn:aws:iam::123456789012:role/r"
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
ROOT, PARENT = "5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"
HEADER = f"Root=1-{ROOT[:8]}-{ROOT[8:]};Parent={PARENT};Sampled=1"


class Collector:
    """Takes OTLP over HTTP; refuses the first `refusals` requests."""

    def __init__(self, refusals=0):
        self.spans, self.resources, self.headers, self.refusals = [], [], [], refusals
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = 503 if outer.refusals > 0 else 200
                outer.refusals -= 1
                if status == 200:
                    outer.take(self.path, dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def take(self, path, headers, body):
        assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
        self.headers.append(headers)
        for resource in body["resourceSpans"]:
            self.resources.append({a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]})
            for scope in resource["scopeSpans"]:
                self.spans += scope["spans"]

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def of(self, trace, count):
        """The spans of a trace by name, once there are so many."""
        def found():
            mine = [s for s in self.spans if s["traceId"] == trace]
            return mine if len(mine) >= count else None
        got = wait_until(found, 30, 0.05, say=f"{count} spans of {trace}: {self.spans}")
        assert len(got) == count, got
        return {s["name"]: s for s in got}


@pytest.fixture
def collector():
    c = Collector()
    yield c
    c.close()


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def start(f, definition, name="m", kind="STANDARD", traced=True, **more):
    made = call(f, "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind,
                tracingConfiguration={"enabled": traced})
    return call(f, "StartExecution", stateMachineArn=made["stateMachineArn"], **more)["executionArn"]


def call(f, operation, **members):
    status, got = ask(f.endpoint, operation, members)
    assert status == 200, got
    return got


def open_fleet(path, collector, **trace):
    f = Fleet(path, http={"access": "open"}, trace={"endpoint": collector.url, **trace})
    f.start_coordinator()
    return f


def test_an_execution_is_a_tree_of_spans_below_its_callers(tmp_path, collector):
    """And a handler's environment names the span of its attempt."""
    (tmp_path / "twice.sh").write_text(
        '[ "$STEPFLEET_ATTEMPT" = 2 ] || exit 7\n'
        'printf \'{"xray":"%s","w3c":"%s"}\' "$_X_AMZN_TRACE_ID" "$TRACEPARENT"\n')
    definition = {"StartAt": "T", "States": {
        "T": {**task("twice", Retry=RETRY), "Next": "M"},
        "M": {"Type": "Map", "ItemsPath": "$.items", "End": True, "Iterator": {
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}}
    definition["States"]["T"]["ResultPath"] = "$.told"
    with open_fleet(tmp_path, collector) as f:
        f.start_worker("w", {"twice": {"handler": "event", "command": f"sh {tmp_path}/twice.sh"}})
        arn = start(f, definition, input='{"items": [1, 2]}', traceHeader=HEADER)
        assert f.finish(arn)["status"] == "SUCCEEDED"
        spans = collector.of(ROOT, 9)
        told = json.loads(next(e for e in f.history(arn) if e["type"] == "LambdaFunctionSucceeded")[
            "lambdaFunctionSucceededEventDetails"]["output"])
    ids = {name: s["spanId"] for name, s in spans.items()}
    above = {name: s.get("parentSpanId") for name, s in spans.items() if name != "P"}
    assert above == {"m": PARENT, "T": ids["m"], "T #1": ids["T"], "T #2": ids["T"], "M": ids["m"],
                     "M[0]": ids["M"], "M[1]": ids["M"]}
    assert {s["parentSpanId"] for s in collector.spans if s["name"] == "P"} == {ids["M[0]"], ids["M[1]"]}
    assert told == {"xray": f"Root=1-{ROOT[:8]}-{ROOT[8:]};Parent={ids['T #2']};Sampled=1",
                    "w3c": f"00-{ROOT}-{ids['T #2']}-01"}
    assert spans["T #1"]["status"]["code"] == 2 and spans["T #2"]["status"] == {} and spans["m"]["status"] == {}
    assert attributes(spans["m"])["stepfleet.execution"] == arn
    assert attributes(spans["T #2"])["stepfleet.worker"] == "w" and attributes(spans["M"])["stepfleet.state.type"] == "Map"
    assert all(int(s["startTimeUnixNano"]) <= int(s["endTimeUnixNano"]) for s in collector.spans)
    assert collector.resources[0]["service.name"] == "stepfleet-coordinator"


def test_the_transfers_of_a_stage_are_below_its_attempt(tmp_path, collector):
    with open_fleet(tmp_path, collector) as f:
        f.start_worker("w", {"upper": {"handler": "stream", "command": "tr a-z A-Z"}})
        arn = start(f, stages(["upper", "upper"]), input='{"k": "v"}', traceHeader=HEADER)
        assert f.finish(arn)["status"] == "SUCCEEDED"
        wait_until(lambda: len(collector.spans) == 8, 30, say=f"{collector.spans}")
    name = arn.rsplit(":", 1)[1]
    ids = {s["name"]: s["spanId"] for s in collector.spans}
    transfers = [(s["name"], s["parentSpanId"], attributes(s)) for s in collector.spans if s["name"].startswith("store")]
    output = [{"stepfleet.bucket": "lake", "stepfleet.key": f"executions/{name}/Stage{i}/output.json",
               "stepfleet.bytes": "9"} for i in (1, 2)]
    assert sorted(transfers, key=str) == sorted([
        ("store PUT", ids["Stage1 #1"], output[0]), ("store GET", ids["Stage2 #1"], output[0]),
        ("store PUT", ids["Stage2 #1"], output[1])], key=str)
    assert {r["service.name"] for r in collector.resources} == {"stepfleet-coordinator", "stepfleet-worker"}


def test_what_is_traced(tmp_path, collector):
    """Machines that ask for it, unless the header forbids; what fails says so, Express too."""
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "why"}}}
    (tmp_path / "headers").write_text("Authorization: Bearer xyz\n\n")
    with open_fleet(tmp_path, collector, headers=tmp_path / "headers") as f:
        start(f, fails, "untraced", traced=False)
        start(f, fails, "forbidden", traceHeader=HEADER.replace("Sampled=1", "Sampled=0"))
        start(f, fails, "express", kind="EXPRESS", traceHeader=HEADER.replace(ROOT[8:], "0" * 23 + "1"))
        spans = collector.of(ROOT[:8] + "0" * 23 + "1", 2)
        start(f, fails, "own")
        wait_until(lambda: len(collector.spans) == 4, 30, say=f"{collector.spans}")
    assert {s["name"] for s in collector.spans} == {"express", "own", "F"}
    for s in spans.values():
        assert s["status"] == {"code": 2, "message": "why"} and attributes(s)["error.type"] == "E"
    assert all(h["Authorization"] == "Bearer xyz" for h in collector.headers)
    assert "xyz" not in f.coordinator.text()


def test_all_machines_and_a_collector_that_is_away_for_a_moment(tmp_path):
    """A test of a state runs on a machine of no one's, of which there is nothing to tell."""
    collector = Collector(refusals=2)
    try:
        with open_fleet(tmp_path, collector, machines="all") as f:
            lists = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:listActivities", "End": True}
            assert call(f, "TestState", definition=json.dumps(lists), roleArn=ROLE)["status"] == "SUCCEEDED"
            start(f, {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, traced=False)
            wait_until(lambda: len(collector.spans) == 2, 30, say=f"{collector.spans}")
            assert f.coordinator.stop() == 0
            assert "is left out" not in f.coordinator.text()
    finally:
        collector.close()


@pytest.mark.parametrize("lines, says", [
    ({"endpoint": "127.0.0.1:4318"}, "[trace] endpoint = 127.0.0.1:4318: expected that of an OTLP collector"),
    ({"endpoint": "http://127.0.0.1:1", "headers": "/nowhere/h"}, "[trace] headers: cannot read /nowhere/h"),
    ({"machines": "some"}, "machines = some: expected all or enabled"),
    ({"percent": "101"}, "percent"),
])
def test_a_wrong_configuration_is_refused(tmp_path, lines, says):
    f = Fleet(tmp_path, trace=lines)
    p = f.start_coordinator(wait=False)
    assert p.p.wait(30) == 1 and says in p.text()
