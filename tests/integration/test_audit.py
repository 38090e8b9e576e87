# SPDX-License-Identifier: Apache-2.0
"""The audit log: who changed what, by whichever face, and who was refused; no secret, no torn line."""
import json
import os
import signal
import subprocess
import urllib.request

import fleet as fleets
import pytest
from fleet import BIN, wait_until
from http_client import Answers, ask, connect, signed
from link import Link

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/r"
MEMBERS = ["time", "kind", "who", "from", "operation", "request", "resource", "outcome"]
CREATE, LIST = 20, 23  # rpc.def
LINE_BYTES = 8 * 1024


def token(directory, name, *args):
    path = directory / f"{name}.token"
    run = subprocess.run([BIN / "stepfleet", "token", "create", *args, "--out", path], check=True,
                         capture_output=True, text=True)
    with open(directory / "tokens", "a") as f:
        f.write(run.stdout)
    return path


@pytest.fixture
def audit(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def fleet(tmp_path, audit):
    """Tokens over RPC and keys over HTTP."""
    admin = token(tmp_path, "admin", "--control", "admin", "--role", "admin")
    token(tmp_path, "reader", "--control", "reader", "--role", "read")
    with fleets.Fleet(tmp_path, http={}, coordinator={"tokens": tmp_path / "tokens", "audit_log": audit},
                      env={"STEPFLEET_TOKEN_FILE": str(admin)}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


@pytest.fixture
def open_fleet(tmp_path, audit):
    with fleets.Fleet(tmp_path, http={"access": "open"}, coordinator={"audit_log": audit}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def lines(path):
    """All of them: each is whole, and in the order of its members."""
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    got = [json.loads(line) for line in text.split("\n")[:-1]]
    assert all(list(x) == MEMBERS for x in got if "lost" not in x)
    assert all(len(line) < LINE_BYTES for line in text.split("\n"))
    return got


def line(path, **members):
    """The one line that has these, as soon as it is there."""
    def found():
        return [x for x in lines(path) if all(x.get(k) == v for k, v in members.items())] if path.exists() else []
    wait_until(found, 20, say=f"no line has {members}: {path.exists() and path.read_text()}")
    assert len(found()) == 1, found()
    return found()[0]


def test_rpc(fleet, audit):
    machine = fleet.create("one", PASS)["stateMachineArn"]
    arn = fleet.start("one", "run", {"password": "a-secret-input"})
    fleet.json("list")
    assert fleet.cli("start", "nowhere", check=False).returncode != 0
    created = line(audit, operation="MACHINE_CREATE")
    assert (created["kind"], created["who"], created["resource"], created["outcome"]) == \
        ("token", "admin", machine, "OK")
    assert created["from"].startswith("127.0.0.1:")
    assert line(audit, operation="EXECUTION_START", outcome="OK")["resource"] == arn
    assert line(audit, outcome="StateMachineDoesNotExist")["resource"] == "nowhere"
    assert os.stat(audit).st_mode & 0o777 == 0o640
    assert not [x for x in lines(audit) if "LIST" in x["operation"] or "DESCRIBE" in x["operation"]]
    assert "a-secret-input" not in audit.read_text()


def test_refused(fleet, audit, tmp_path):
    reader = (tmp_path / "reader.token").read_bytes().strip()
    link = Link(fleet.port)
    assert link.ask(CREATE, token=reader)[0] != 0
    link.close()
    refused = line(audit, operation="MACHINE_CREATE")
    assert (refused["kind"], refused["who"], refused["outcome"]) == ("token", "reader", "AccessDeniedException")
    stranger = Link(fleet.port)
    assert stranger.ask(LIST, token=b"this-is-a-guess")[0] != 0  # a read, too
    stranger.close()
    refused = line(audit, operation="MACHINE_LIST")
    assert (refused["kind"], refused["who"], refused["resource"]) == ("stranger", "", "")
    assert "this-is-a-guess" not in audit.read_text()
    for name in ("admin", "reader"):
        assert (tmp_path / f"{name}.token").read_text().strip() not in audit.read_text()


def test_http(fleet, audit):
    key = fleet.json("key", "create", "--role", "read")
    made = line(audit, operation="KEY_CREATE")
    assert made["resource"].startswith("AKIA")
    admin = fleet.json("key", "create", "--role", "admin")
    ids = [next(v for k, v in x.items() if "secret" not in k.lower() and str(v).startswith("AKIA"))
           for x in (key, admin)]
    secrets = [next(v for k, v in x.items() if "secret" in k.lower()) for x in (key, admin)]

    def call(operation, body, i, secret=None):
        raw = json.dumps(body).encode()
        return ask(fleet.endpoint, operation, raw, signed(operation, raw, ids[i], secret or secrets[i]))

    body = {"name": "two", "definition": json.dumps(PASS), "roleArn": ROLE}
    assert call("CreateStateMachine", body, 0)[0] == 400
    denied = line(audit, operation="CreateStateMachine")
    assert (denied["kind"], denied["who"], denied["outcome"]) == ("key", ids[0], "AccessDeniedException")
    status, answer = call("CreateStateMachine", body, 1)
    assert status == 200, answer
    created = line(audit, operation="CreateStateMachine", outcome="OK")
    assert (created["kind"], created["who"], created["resource"]) == ("key", ids[1], answer["stateMachineArn"])
    assert created["from"].startswith("127.0.0.1:") and len(created["request"]) == 36
    assert call("ListStateMachines", {}, 0)[0] == 200
    assert call("ListStateMachines", {}, 0, secret="not the secret")[0] == 403
    guessed = line(audit, operation="ListStateMachines")
    assert (guessed["kind"], guessed["who"], guessed["outcome"]) == ("stranger", ids[0], "InvalidSignatureException")
    assert not any(s in audit.read_text() for s in secrets)


def test_hostile_names_and_secrets(open_fleet, audit):
    hostile = 'a"b\\\n{"outcome":"OK"}\r\u2028' + "\u20ac" * 3000
    assert ask(open_fleet.endpoint, "CreateActivity", {"name": hostile})[0] == 400
    got = line(audit, operation="CreateActivity")
    assert 500 < len(got["resource"].encode()) <= 512 and hostile.startswith(got["resource"])  # limits.h
    assert (got["kind"], got["who"]) == ("open", "")
    headers = ["X-Amz-Target: AWSEvents.CreateConnection"]
    body = {"Name": "hook", "AuthorizationType": "API_KEY", "AuthParameters": {
        "ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "whsec_very-secret-indeed"}}}
    raw = json.dumps(body).encode()
    with connect(open_fleet.endpoint) as s:
        s.sendall("\r\n".join(["POST / HTTP/1.1", "Host: localhost", *headers, "Content-Type: application/x-amz-json-1.1",
                               f"Content-Length: {len(raw)}", "", ""]).encode() + raw)
        assert Answers(s).next()[0] == 200
    assert line(audit, operation="CreateConnection")["resource"].startswith("arn:aws:events:")
    assert "very-secret" not in audit.read_text()


def test_moved_away(open_fleet, audit, tmp_path):
    open_fleet.create("before", PASS)
    line(audit, operation="MACHINE_CREATE")
    moved = tmp_path / "audit.jsonl.1"
    os.rename(audit, moved)
    open_fleet.coordinator.send(signal.SIGHUP)
    wait_until(audit.exists, 20, say="no new file after SIGHUP")
    open_fleet.create("after", PASS)
    assert line(audit, operation="MACHINE_CREATE")["resource"].endswith(":after")
    assert line(moved, operation="MACHINE_CREATE")["resource"].endswith(":before")


def test_a_full_disk(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open", "metrics": "open"},
                      coordinator={"audit_log": "/dev/full"}) as f:
        f.start_coordinator()
        f.create("one", PASS)
        f.create("two", PASS)
        said = wait_until(lambda: [x for x in f.coordinator.text().splitlines() if "cannot write /dev/full" in x], 20)

        def lost():
            text = urllib.request.urlopen(f.endpoint + "/metrics", timeout=20).read().decode()
            return "stepfleet_audit_lost_total 2" in text and "stepfleet_audit_lines_total 0" in text
        wait_until(lost, 20)
        assert len(said) == 1
        f.check_serves()


def test_a_unix_socket_has_a_process(tmp_path, audit):
    with fleets.Fleet(tmp_path, coordinator={"audit_log": audit}) as f:
        f.url = f"ipc://{tmp_path}/s"
        f.env["STEPFLEET_COORDINATOR"] = f.url
        f.start_coordinator()
        f.create("one", PASS)
        assert line(audit, operation="MACHINE_CREATE")["from"].endswith(f" uid {os.getuid()}")
        f.check_serves()


def test_standard_error(tmp_path):
    with fleets.Fleet(tmp_path, coordinator={"audit_log": "-"}) as f:
        f.start_coordinator()
        f.create("one", PASS)
        wait_until(lambda: '"operation":"MACHINE_CREATE"' in f.coordinator.text(), 20)
        f.check_serves()


def test_a_line_that_was_cut_off_stays_by_itself(tmp_path, audit):
    audit.write_text('{"time":"2026-11-')
    with fleets.Fleet(tmp_path, coordinator={"audit_log": audit}) as f:
        f.start_coordinator()
        f.create("one", PASS)
        wait_until(lambda: audit.read_text().count("\n") == 2, 20)
        assert json.loads(audit.read_text().split("\n")[1])["operation"] == "MACHINE_CREATE"
        f.check_serves()


def test_a_place_that_cannot_be_written(tmp_path):
    with fleets.Fleet(tmp_path, coordinator={"audit_log": "/nowhere/audit"}) as f:
        f.start_coordinator(wait=False)
        wait_until(lambda: not f.coordinator.alive(), 20)
        assert "audit_log = /nowhere/audit: it cannot be written" in f.coordinator.text()
