# SPDX-License-Identifier: Apache-2.0
"""Whoever records what goes over a wire, and sends it again: over TLS it is worth nothing; where there is none, on the
loopback, what has ended stays as it ended, and a name is given once."""
import json
import socket
import subprocess
import threading

import pytest
from fleet import BIN, Fleet, chain, wait_until
from http_client import Answers, ask, connect, request, signed
from tokens import Tokens

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


class Recorder:
    """Listens on a port of its own, passes all on to another, and keeps what each client sent."""

    def __init__(self, port):
        self.to = port
        self.sent = []
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            self.pairs += [client, server]
            self.sent.append(bytearray())
            for args in ((client, server, self.sent[-1]), (server, client, bytearray())):
                threading.Thread(target=self._pass, args=args, daemon=True).start()

    @staticmethod
    def _pass(source, target, kept):
        try:
            while got := source.recv(65536):
                kept += got
                target.sendall(got)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def replay(self):
        """Each client's bytes again, on connections of their own: what was answered to them."""
        answers = []
        for sent in self.sent:
            with socket.create_connection(("127.0.0.1", self.to)) as s:
                s.settimeout(3)
                got = b""
                try:
                    s.sendall(sent)
                    while more := s.recv(65536):
                        got += more
                except OSError:
                    pass
                answers.append(got)
        return answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for s in self.pairs:
            s.close()


def messages(f, queue):
    return int(f.json("queue", "show", queue)["ApproximateNumberOfMessages"])


def executions(f, machine):
    return f.json("list", "--machine", machine)["executions"]


@pytest.fixture
def secure(tmp_path):
    for args in (("ca", "--out", tmp_path / "ca"),
                 ("issue", "--ca", tmp_path / "ca", "--name", "localhost", "--out", tmp_path / "tls")):
        subprocess.run([BIN / "stepfleet", "cert", *args], check=True, capture_output=True)
    tokens = Tokens(tmp_path)
    admin = tokens.make("admin", "--control", "admin", "--role", "admin")
    tls = {"certificate": tmp_path / "tls/tls.crt", "key": tmp_path / "tls/tls.key"}
    with Fleet(tmp_path, coordinator={"tokens": tokens.file, **tls}, http=tls,
               env={"STEPFLEET_TOKEN_FILE": str(admin), "STEPFLEET_CA": str(tmp_path / "ca/ca.crt")}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def test_over_tls_a_recording_is_worth_nothing(secure, tmp_path):
    secure.create("m", PASS)
    secure.cli("queue", "create", "q")
    arn = secure.start("m", "first").rsplit(":", 1)[0].replace("execution", "stateMachine")
    key = secure.json("key", "create", "--role", "run")
    with Recorder(secure.port) as link, Recorder(secure.http_port) as http:
        # Each would be done again: neither a message without an id nor a start without a name is known as a repeat.
        secure.cli("--coordinator", f"tls+tcp://localhost:{link.port}", "queue", "send", "q", "m")
        body = json.dumps({"stateMachineArn": arn}).encode()
        status, _ = ask(f"https://localhost:{http.port}", "StartExecution", body,
                        signed("StartExecution", body, key["accessKeyId"], key["secretAccessKey"]), tmp_path / "ca/ca.crt")
        assert status == 200 and (len(executions(secure, "m")), messages(secure, "q")) == (2, 1)
        assert len(link.sent[0]) > 300 and len(http.sent[0]) > 300
        for recorder in (link, http):
            [answer] = recorder.replay()
            assert 0 < len(answer) < 4000  # a handshake that comes to nothing
    assert (len(executions(secure, "m")), messages(secure, "q")) == (2, 1)


def test_what_a_worker_said_changes_nothing_when_it_is_said_again(tmp_path):
    with Fleet(tmp_path) as f:
        f.start_coordinator()
        f.create("m", chain(["Echo"] * 3))
        with Recorder(f.port) as link:
            w = f.start_worker("w", {"Echo": {"handler": "echo"}}, coordinator=f"tcp://127.0.0.1:{link.port}")
            arns = [f.start("m", f"e{n}", {"n": n}) for n in range(5)]
            before = [f.finish(arn) for arn in arns]
            told = [f.history(arn) for arn in arns]
            w.stop()
            answers = link.replay()
            assert any(len(sent) > 500 for sent in link.sent) and any(answers)
        assert [f.show(arn) for arn in arns] == before and [f.history(arn) for arn in arns] == told
        # The ghost of the worker that said hello is no more after a lease, and others go on.
        f.start_worker("other", {"Echo": {"handler": "echo"}})
        wait_until(lambda: [x["name"] for x in f.json("workers")["workers"]] == ["other"])
        assert f.finish(f.start("m", "later"))["status"] == "SUCCEEDED"
        f.check_serves()


def test_a_signed_request_starts_one_execution_of_a_name(tmp_path):
    with Fleet(tmp_path, http={}) as f:
        f.start_coordinator()
        f.create("m", PASS)
        key = f.json("key", "create", "--role", "run")
        f.start("m", "first")
        machine = executions(f, "m")[0]["stateMachineArn"]
        body = json.dumps({"stateMachineArn": machine, "name": "once", "input": "{}"}).encode()
        whole = request("StartExecution", body, signed("StartExecution", body, key["accessKeyId"], key["secretAccessKey"]))
        answers = []
        for _ in range(3):
            with connect(f.endpoint) as s:
                s.sendall(whole)
                answers.append(Answers(s).next())
            wait_until(lambda: {e["status"] for e in executions(f, "m")} == {"SUCCEEDED"})
        assert answers[0][0] == 200
        for status, _, text in answers[1:]:  # it has ended: AWS knows no repeat of those
            assert status == 400 and json.loads(text)["__type"] == "ExecutionAlreadyExists", text
        assert sorted(e["name"] for e in executions(f, "m")) == ["first", "once"]
        # Signed for this body alone: not for another name.
        other = whole.replace(b'"once"', b'"then"')
        with connect(f.endpoint) as s:
            s.sendall(other)
            assert Answers(s).next()[0] == 403
        f.cli("key", "delete", key["accessKeyId"])
        with connect(f.endpoint) as s:
            s.sendall(whole)
            assert Answers(s).next()[0] == 403
        assert len(executions(f, "m")) == 2


def test_a_task_token_counts_once(tmp_path):
    ask_ = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                                             "Parameters": {"FunctionName": "Echo", "Payload": {"t.$": "$$.Task.Token"}},
                                             "Next": "B"}, "B": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    with Fleet(tmp_path) as f:
        f.start_coordinator()
        f.start_worker("w", {"Echo": {"handler": "echo"}})
        f.create("m", ask_)
        arn = f.start("m", "e")
        wait_until(lambda: any(e["type"] == "TaskSubmitted" for e in f.history(arn)))
        [token] = [json.loads(e["taskScheduledEventDetails"]["parameters"])["Payload"]["t"]
                   for e in f.history(arn) if e["type"] == "TaskScheduled"]
        f.cli("task", "success", token, "--output", "1")
        told = f.history(arn)
        for args in (("success", token, "--output", "2"), ("failure", token, "--error", "E"), ("heartbeat", token)):
            run = f.cli("task", *args, check=False)
            assert run.returncode != 0 and "TaskTimedOut" in run.stderr, run.stderr
        assert f.history(arn) == told
