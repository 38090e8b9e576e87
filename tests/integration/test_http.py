# SPDX-License-Identifier: Apache-2.0
"""The HTTP front end of a coordinator, by raw sockets: what no SDK would send, and what only shows over time."""
import datetime
import email.utils
import json
import os
import resource
import socket
import ssl
import subprocess
import threading
import time

import fleet as fleets
import pytest
from certificates import self_signed
from fleet import wait_until
from http_client import Answers, ask, connect, request, signed

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
ROLE = "arn:aws:iam::123456789012:role/r"


@pytest.fixture
def open_fleet(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def create(f, name="m", definition=PASS, kind="STANDARD"):
    status, got = ask(f.endpoint, "CreateStateMachine",
                      {"name": name, "definition": definition, "roleArn": ROLE, "type": kind})
    assert status == 200, got
    return got["stateMachineArn"]


def start(f, machine, **more):
    status, got = ask(f.endpoint, "StartExecution", {"stateMachineArn": machine, **more})
    assert status == 200, got
    return got["executionArn"]


@pytest.mark.tsan
def test_one_connection_many_requests(open_fleet):
    """Kept alive, and sent ahead: answers come in order, each with an id of its own."""
    arn = create(open_fleet)
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        ids = set()
        for _ in range(3):
            s.sendall(b"".join(request("StartExecution", {"stateMachineArn": arn, "name": f"n{len(ids)}-{i}"})
                               for i in range(50)))
            for i in range(50):
                status, headers, body = answers.next()
                assert status == 200, body
                assert json.loads(body)["executionArn"].endswith(f"-{i}")
                assert headers["content-type"] == "application/x-amz-json-1.0"
                sent = email.utils.parsedate_to_datetime(headers["date"])
                assert abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) < 120
                ids.add(headers["x-amzn-requestid"])
            assert "connection" not in headers
        assert len(ids) == 150


def test_chunks_and_what_is_expected(open_fleet):
    create(open_fleet)
    head = (b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.ListStateMachines\r\n")
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        s.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        time.sleep(0.1)
        s.sendall(b"1;x\r\n}\r\n0\r\nTrailer: y\r\n\r\n")
        assert answers.next()[0] == 200
        s.sendall(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert answers.next()[0] == 100
        s.sendall(b"{}")
        assert answers.next()[0] == 200
        # Not waited for: then there is nothing to be said before the answer.
        s.sendall(head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
        assert answers.next()[0] == 200
        s.sendall(head + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert answers.next()[0] == 413
        assert answers.ended()


SMUGGLED = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.CreateActivity\r\n" \
           b"Content-Length: 17\r\n\r\n{\"name\":\"smuggle\"}"


@pytest.mark.parametrize("headers", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 0\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 5\r\n",
    b"Content-Length: 0, 5\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"X: y\n",
    b"Content-Length: 0\r\n\x00: x\r\n",
    b"X: y\rZ: z\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0;\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n",
])
def test_smuggling(open_fleet, headers):
    """What follows a request that two readers could cut in two ways is never read as the next one."""
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AWSStepFunctions.ListActivities\r\n" + headers +
                  b"\r\n0\r\n\r\n" + SMUGGLED)
        status, got, _ = answers.next()
        assert status in (400, 501) and got["connection"] == "close"
        assert answers.ended()
    assert ask(open_fleet.endpoint, "ListActivities")[1]["activities"] == []


def test_a_machine_of_any_name(open_fleet):
    """What is refused by its kind is not taken for another by its name."""
    run = start(open_fleet, create(open_fleet, "express"), name="express")
    assert ask(open_fleet.endpoint, "DescribeExecution", {"executionArn": run})[0] == 200
    quick = start(open_fleet, create(open_fleet, "quick", kind="EXPRESS"))
    assert ask(open_fleet.endpoint, "DescribeExecution", {"executionArn": quick})[1]["__type"] == "InvalidArn"


def test_bytes_left_over(open_fleet):
    """A body longer than it says: the rest is no request, and ends the connection."""
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        s.sendall(request("ListActivities", b"{}") + b"{\"name\":\"x\"}")
        assert answers.next()[0] == 200
        assert answers.next()[0] == 400
        assert answers.ended()


def test_a_half_closed_client_gets_its_answers(open_fleet):
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        s.sendall(request("ListActivities") * 3)
        s.shutdown(socket.SHUT_WR)
        for _ in range(3):
            assert answers.next()[0] == 200
        assert answers.ended()


def test_a_parked_client_that_leaves(open_fleet):
    """Its long poll takes no task: the next one gets it."""
    _, got = ask(open_fleet.endpoint, "CreateActivity", {"name": "a"})
    activity = got["activityArn"]
    for leave in ("close", "reset", "half"):
        s = connect(open_fleet.endpoint)
        s.sendall(request("GetActivityTask", {"activityArn": activity, "workerName": leave}))
        time.sleep(0.3)
        if leave == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if leave == "half":
            s.shutdown(socket.SHUT_WR)
            status, _, body = Answers(s).next()
            assert status == 503 and b"ServiceUnavailable" in body
        s.close()
    time.sleep(0.3)
    machine = create(open_fleet, "acts", json.dumps({"StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": activity, "End": True}}}))
    run = start(open_fleet, machine, input="[7]")
    status, task = ask(open_fleet.endpoint, "GetActivityTask", {"activityArn": activity, "workerName": "last"})
    assert status == 200 and json.loads(task["input"]) == [7]
    assert ask(open_fleet.endpoint, "SendTaskSuccess", {"taskToken": task["taskToken"], "output": "8"}) == (200, {})
    assert open_fleet.finish(run)["status"] == "SUCCEEDED"
    events = open_fleet.history(run)
    assert [e["activityStartedEventDetails"]["workerName"] for e in events if e["type"] == "ActivityStarted"] == ["last"]


def test_bodies_of_any_size(open_fleet):
    """Over a mebibyte is read, and refused by what it says; over the limit is not read."""
    huge = json.dumps({"name": "x", "roleArn": ROLE, "definition": PASS + " " * (1 << 20)}).encode()
    status, got = ask(open_fleet.endpoint, "CreateStateMachine", huge)
    assert (status, got["__type"]) == (400, "ValidationException")
    fits = PASS + " " * ((1 << 20) - len(PASS))
    status, got = ask(open_fleet.endpoint, "CreateStateMachine",
                      {"name": "large", "roleArn": ROLE, "definition": fits})
    assert status == 200, got
    status, got = ask(open_fleet.endpoint, "DescribeStateMachine", {"stateMachineArn": got["stateMachineArn"]})
    assert got["definition"] == fits
    with connect(open_fleet.endpoint) as s:
        answers = Answers(s)
        s.sendall(request("ListActivities", b"").replace(b"Content-Length: 0", b"Content-Length: 4194305"))
        try:
            for _ in range(64):
                s.sendall(b" " * 65536)
        except OSError:
            pass
        status, _, body = answers.next()
        assert status == 413 and json.loads(body)["__type"] == "RequestEntityTooLargeException"


def test_bodies_in_hand(open_fleet):
    """All of them together are bounded, whoever sends them; who comes in one piece still gets in."""
    body = b" " * 4194304
    head = request("ListActivities", b"").replace(b"Content-Length: 0", b"Content-Length: %d" % len(body))
    held = [connect(open_fleet.endpoint, timeout=60) for _ in range(70)]
    for s in held:
        try:
            s.sendall(head + body[1:])
        except OSError:
            pass  # refused, and it has lingered
    assert ask(open_fleet.endpoint, "ListActivities")[0] == 200
    statuses = []
    for s in held:
        try:
            s.sendall(b" ")
            statuses.append(Answers(s).next()[0])
        except OSError:
            statuses.append(503)
        s.close()
    assert set(statuses) == {400, 503} and statuses[0] == 400 and statuses[-1] == 503
    assert ask(open_fleet.endpoint, "ListActivities")[0] == 200


def test_slow_clients(open_fleet):
    """A head that does not end is cut off in seconds; others do not notice."""
    slow = [connect(open_fleet.endpoint, timeout=60) for _ in range(20)]
    end = time.monotonic() + 40
    for s in slow:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
    while time.monotonic() < end:
        assert ask(open_fleet.endpoint, "ListActivities")[0] == 200
        try:
            for i, s in enumerate(slow):
                s.sendall(f"X-{i}: y\r\n".encode())
        except OSError:
            break  # one byte more a second does not help
        time.sleep(1)
    for s in slow:
        got = b""
        try:
            while more := s.recv(4096):
                got += more
        except ConnectionResetError:
            pass
        assert not got or b" 408 " in got
        s.close()
    assert time.monotonic() < end


def test_who_dawdles_is_cut_off(open_fleet, certificate, tmp_path_factory):
    """A body that trickles, an answer that is not taken, a connection left idle, TLS that never begins: each has its
    time, whatever bytes still come, and nobody else waits for them."""
    arn = create(open_fleet, definition=PASS + " " * 900000)
    describe = request("DescribeStateMachine", {"stateMachineArn": arn})
    with fleets.Fleet(tmp_path_factory.mktemp("tls"), http={"access": "open", **certificate}) as secure:
        secure.start_coordinator()
        body, deaf, idle = (connect(open_fleet.endpoint, timeout=120) for _ in range(3))
        silent = connect(secure.endpoint.replace("https", "http"), timeout=120)
        begun = time.monotonic()
        body.sendall(request("ListActivities", b"").replace(b"Content-Length: 0", b"Content-Length: 1000"))
        deaf.sendall(describe * 20)  # more than the kernel's buffers have room for
        trickles = True
        while trickles and time.monotonic() - begun < 100:
            assert ask(open_fleet.endpoint, "ListActivities")[0] == 200
            time.sleep(1)
            try:
                body.sendall(b" ")
            except OSError:
                trickles = False
        assert not trickles and time.monotonic() - begun > 45
        for s in (idle, silent):
            assert s.recv(1) == b""
        answers = 0
        try:
            while Answers(deaf).next() is not None:
                answers += 1
        except (AssertionError, ConnectionResetError):
            pass  # cut off in the middle of one
        assert answers < 20
        assert ask(secure.endpoint, "ListActivities", ca=certificate["certificate"])[0] == 200
        for s in (body, deaf, idle, silent):
            s.close()
        secure.check_reports()


def test_a_reader_that_does_not_read(open_fleet):
    """Answers wait in bounded memory; requests behind them are not even read."""
    arn = create(open_fleet, definition=PASS + " " * 900000)
    s = connect(open_fleet.endpoint, timeout=60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    one = request("DescribeStateMachine", json.dumps({"stateMachineArn": arn}).encode() + b" " * 60000)
    before = memory(open_fleet.coordinator.pid)

    def push():
        try:
            for _ in range(2000):
                s.sendall(one)
        except OSError:
            pass

    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    time.sleep(2)
    for _ in range(20):
        assert ask(open_fleet.endpoint, "ListActivities")[0] == 200
    time.sleep(1)
    assert memory(open_fleet.coordinator.pid) < before + 48 * 1024  # of 120 MB that are pushed
    answers = Answers(s)
    for _ in range(5):
        assert answers.next()[0] == 200
    s.close()
    pusher.join(20)


def memory(pid):
    """Resident, in KiB."""
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_ten_thousand_idle_connections(open_fleet):
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 1000:
        pytest.skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 1000), hard))
    before = memory(open_fleet.coordinator.pid)
    idle = []
    try:
        for i in range(count):
            s = connect(open_fleet.endpoint, timeout=60)
            idle.append(s)
            if i % 10 == 0:  # one that has spoken is as cheap
                s.sendall(request("ListActivities"))
                assert Answers(s).next()[0] == 200
        grown = memory(open_fleet.coordinator.pid) - before
        took = time.monotonic()
        for _ in range(20):
            assert ask(open_fleet.endpoint, "ListActivities")[0] == 200
        assert time.monotonic() - took < 20
        for s in idle[::100]:
            s.sendall(request("ListActivities"))
            assert Answers(s).next()[0] == 200
        program = (open_fleet.programs / "stepfleet-coordinator").read_bytes()
        sanitized = b"__asan" in program or b"__tsan" in program
        assert grown < count * (20 if sanitized else 4), f"{grown} KiB for {count} connections"
    finally:
        for s in idle:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_ordered_stop_answers_what_is_in_hand(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f:
        f.start_coordinator()
        activity = ask(f.endpoint, "CreateActivity", {"name": "a"})[1]["activityArn"]
        idle = connect(f.endpoint)
        parked = connect(f.endpoint)
        parked.sendall(request("GetActivityTask", {"activityArn": activity}))
        time.sleep(0.5)
        f.coordinator.send(15)
        status, headers, body = Answers(parked).next()
        assert status == 503 and headers["connection"] == "close", body
        assert Answers(idle).next() is None
        assert f.coordinator.p.wait(30) == 0
        f.check_reports()


def test_no_page_of_the_web_comes_in(open_fleet):
    status, got = ask(open_fleet.endpoint, "ListActivities", headers=["Origin: http://evil.example"])
    assert (status, got["__type"]) == (400, "AccessDeniedException")
    with connect(open_fleet.endpoint) as s:
        s.sendall(b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\n")
        status, headers, _ = Answers(s).next()
        assert status == 400 and not any(h.startswith("access-control") for h in headers)


# ---- keys ----


@pytest.fixture
def keyed(tmp_path):
    with fleets.Fleet(tmp_path, http={}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def ask_as(f, key, operation, body=b"{}", **kwargs):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(f.endpoint, operation, body, signed(operation, body, key["accessKeyId"], key["secretAccessKey"], **kwargs))


def test_keys(keyed):
    key = {role: keyed.json("key", "create", "--role", role, "--note", f"{role}er") for role in ("read", "run", "admin")}
    listed = keyed.json("key", "list")["keys"]
    assert {k["accessKeyId"]: k["role"] for k in listed} == {k["accessKeyId"]: role for role, k in key.items()}
    secrets = [k["secretAccessKey"] for k in key.values()]
    assert not any(s in json.dumps(listed) or s in keyed.cli("key", "list").stdout for s in secrets)
    make = {"name": "m", "definition": PASS, "roleArn": ROLE}
    for role in ("read", "run"):
        status, got = ask_as(keyed, key[role], "CreateStateMachine", make)
        assert (status, got["__type"]) == (400, "AccessDeniedException")
    status, got = ask_as(keyed, key["admin"], "CreateStateMachine", make)
    assert status == 200, got
    arn = {"stateMachineArn": got["stateMachineArn"]}
    assert ask_as(keyed, key["read"], "StartExecution", arn)[1]["__type"] == "AccessDeniedException"
    assert ask_as(keyed, key["run"], "StartExecution", arn)[0] == 200
    assert ask_as(keyed, key["read"], "ListExecutions", arn)[0] == 200
    keyed.cli("key", "delete", key["read"]["accessKeyId"])
    keyed.cli("key", "delete", key["read"]["accessKeyId"])
    status, got = ask_as(keyed, key["read"], "ListExecutions", arn)
    assert (status, got["__type"]) == (403, "UnrecognizedClientException")
    # They are there after a crash; a deleted one is not.
    keyed.coordinator.kill()
    log = keyed.coordinator.text()
    keyed.start_coordinator()
    assert ask_as(keyed, key["run"], "ListExecutions", arn)[0] == 200
    assert ask_as(keyed, key["read"], "ListExecutions", arn)[0] == 403
    assert not any(s in log + keyed.coordinator.text() for s in secrets)
    profile = keyed.cli("key", "create", "--profile", "ci").stdout.splitlines()
    assert profile[0] == "[ci]" and profile[1].startswith("aws_access_key_id = AKIA")


@pytest.mark.parametrize("status, name, headers", [
    (403, "MissingAuthenticationTokenException", []),
    (400, "IncompleteSignatureException", ["Authorization: Bearer x"]),
    (400, "IncompleteSignatureException", ["Authorization: AWS4-HMAC-SHA256 Credential=x"]),
    (403, "UnrecognizedClientException", signed("ListActivities", b"{}", "AKIANOBODY", "s")),
])
def test_refused_signatures(keyed, status, name, headers):
    assert ask(keyed.endpoint, "ListActivities", headers=headers)[0] == status
    assert ask(keyed.endpoint, "ListActivities", headers=headers)[1]["__type"] == name


def test_wrong_signatures(keyed):
    key = keyed.json("key", "create", "--role", "admin")
    now = datetime.datetime.now(datetime.timezone.utc)
    wrong = {**key, "secretAccessKey": "x" * 40}
    for got in (ask_as(keyed, wrong, "ListActivities"),
                ask_as(keyed, key, "ListActivities", when=now - datetime.timedelta(seconds=330)),
                ask_as(keyed, key, "ListActivities", when=now + datetime.timedelta(seconds=330)),
                ask_as(keyed, key, "ListActivities", service="sqs"),
                ask_as(keyed, key, "ListActivities", host="elsewhere")):
        assert got[0] == 403 and got[1]["__type"] == "InvalidSignatureException", got
    assert ask_as(keyed, key, "ListActivities", when=now - datetime.timedelta(seconds=200))[0] == 200
    assert ask_as(keyed, key, "ListActivities", when=now + datetime.timedelta(seconds=200))[0] == 200
    # The signature of one request is none for another.
    headers = signed("ListActivities", b"{}", key["accessKeyId"], key["secretAccessKey"])
    assert ask(keyed.endpoint, "ListActivities", b"{}", headers)[0] == 200
    assert ask(keyed.endpoint, "ListStateMachines", b"{}", headers)[0] == 403
    assert ask(keyed.endpoint, "ListActivities", b'{"maxResults":1}', headers)[0] == 403


# ---- TLS and where it may listen ----


@pytest.fixture
def certificate(tmp_path):
    made, key = self_signed(tmp_path)
    return {"certificate": made, "key": key}


@pytest.mark.tsan
def test_tls(tmp_path, certificate):
    with fleets.Fleet(tmp_path, http={"access": "open", **certificate}) as f:
        f.start_coordinator()
        ca = certificate["certificate"]
        for size in (10, 100000, 1 << 20):
            name = f"n{size}"
            definition = PASS + " " * (size - 10 - len(PASS))
            status, got = ask(f.endpoint, "CreateStateMachine",
                              {"name": name, "roleArn": ROLE, "definition": definition}, ca=ca)
            assert status == 200, got
            _, got = ask(f.endpoint, "DescribeStateMachine", {"stateMachineArn": got["stateMachineArn"]}, ca=ca)
            assert got["definition"] == definition
        with connect(f.endpoint, ca=ca) as s:
            s.sendall(request("ListActivities") * 100)
            answers = Answers(s)
            assert [answers.next()[0] for _ in range(100)] == [200] * 100
        # Not TLS, and TLS that breaks off: refused, and the next one is served.
        with connect(f.endpoint.replace("https", "http")) as s:
            s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n")
            while s.recv(4096):
                pass
        with connect(f.endpoint.replace("https", "http")) as s:
            s.sendall(bytes.fromhex("16030100050100000100"))
        assert ask(f.endpoint, "ListActivities", ca=ca)[0] == 200
        f.check_reports()


@pytest.mark.parametrize("http, says", [
    ({"listen": "http://0.0.0.0:18083"}, "only loopback"),
    ({"listen": "http://192.0.2.1:18083", "access": "open"}, "only loopback"),
    ({"listen": "https://0.0.0.0:18083", "access": "open", "certificate": "/x", "key": "/x"}, "only loopback"),
    ({"listen": "https://127.0.0.1:18083"}, "certificate and key"),
    ({"listen": "http://127.0.0.1:18083", "certificate": "/x", "key": "/x"}, "certificate and key"),
    ({"listen": "127.0.0.1:18083"}, "expected http://"),
    ({"listen": "http://example.com:18083"}, "expected http://"),
    ({"listen": "http://127.0.0.1:99999"}, "expected http://"),
    ({"listen": "http://127.0.0.1:18083", "access": "some"}, "expected keys or open"),
    ({"listen": "http://127.0.0.1:18083", "acces": "open"}, "acces"),
])
def test_where_it_may_listen(tmp_path, http, says):
    conf = tmp_path / "c.conf"
    conf.write_text("[http]\n" + "".join(f"{k} = {v}\n" for k, v in http.items()))
    run = subprocess.run([fleets.BIN / "stepfleet-coordinator", "-c", conf, "--check-config"], capture_output=True,
                         text=True, timeout=60, env={**os.environ})
    assert run.returncode != 0 and says in run.stderr, run.stderr


def test_a_port_that_is_taken(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open"}) as f, socket.socket() as taken:
        taken.bind(("127.0.0.1", f.http_port))
        taken.listen()
        f.start_coordinator(wait=False)
        wait_until(lambda: not f.coordinator.alive(), 60)
        assert f.coordinator.p.returncode == 1 and "already" in f.coordinator.text()
        f.check_reports()


def put_in_place(old, text):
    new = old.with_suffix(".new")
    new.write_bytes(text)
    new.rename(old)


def test_a_certificate_is_exchanged_without_a_restart(certificate, tmp_path, tmp_path_factory):
    """A bad one leaves the old one in force; a good one is for new connections, those there are go on."""
    files = tmp_path_factory.mktemp("new")
    new, new_key = self_signed(files)
    old = tmp_path / "old.crt"
    old.write_bytes(certificate["certificate"].read_bytes())
    with fleets.Fleet(tmp_path_factory.mktemp("tls"), http={"access": "open", **certificate}) as f:
        f.start_coordinator()
        put_in_place(certificate["certificate"], b"no certificate\n")
        wait_until(lambda: "the certificate stays as it was" in f.coordinator.text(), 20)
        with connect(f.endpoint, ca=old) as s:
            answers = Answers(s)
            put_in_place(certificate["key"], new_key.read_bytes())
            put_in_place(certificate["certificate"], new.read_bytes())
            wait_until(lambda: "certificate: file=" in f.coordinator.text(), 20)
            s.sendall(request("ListActivities"))
            assert answers.next()[0] == 200
        assert ask(f.endpoint, "ListActivities", ca=new)[0] == 200
        with pytest.raises(ssl.SSLError):
            connect(f.endpoint, ca=old)
        f.check_serves()
