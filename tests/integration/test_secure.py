# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the link: certificates, tokens and their roles, and what strangers get."""
import os
import resource
import socket
import subprocess
import time

import pytest

from fleet import BIN, Failed, Fleet, chain, wait_until
from link import HEALTH, HELLO, MACHINES, Link
from tokens import Tokens

STRANGERS = 1024  # limits.h

NO_TOKEN, UNKNOWN_TOKEN, DENIED = 190, 191, 13


def secret(path):
    return path.read_bytes().strip()


@pytest.fixture
def tokens(tmp_path):
    t = Tokens(tmp_path)
    t.admin = t.make("admin", "--control", "admin", "--role", "admin")
    return t


@pytest.fixture
def fleet(tmp_path, tokens):
    with Fleet(tmp_path, coordinator={"tokens": tokens.file}, env={"STEPFLEET_TOKEN_FILE": str(tokens.admin)}) as f:
        f.start_coordinator()
        yield f


def refused(fleet, *args, token):
    with pytest.raises(Failed) as e:
        fleet.cli("--token-file", token, *args)
    assert e.value.status == 3
    return e.value.err


def start_worker(fleet, name, token, *functions, wait=True):
    return fleet.start_worker(name, {f: {"handler": "echo"} for f in functions}, token_file=token, wait=wait)


def test_each_role_reaches_as_far_as_it_says(fleet, tokens):
    read = tokens.make("read", "--control", "read", "--role", "read")
    run = tokens.make("run", "--control", "run")
    worker = tokens.make("worker", "--worker", "worker", "--functions", "a*,stepfleet:job")
    fleet.create("m", chain(["a1"]))
    wait_until(lambda: fleet.cli("--token-file", run, "health", check=False).returncode == 0)
    start_worker(fleet, "w", worker, "a1")
    assert fleet.cli("--token-file", read, "machine", "list").stdout
    assert "its role is read, and that takes run" in refused(fleet, "start", "m", token=read)
    assert fleet.cli("--token-file", run, "start", "m", "--wait").returncode == 0
    assert "takes admin" in refused(fleet, "machine", "delete", "m", token=run)
    assert "good for workers alone" in refused(fleet, "machine", "list", token=worker)
    w = start_worker(fleet, "control", run, "a1", wait=False)
    wait_until(lambda: not w.alive())
    assert "takes a worker's token" in w.text()


def test_a_worker_offers_what_its_token_names_and_is_nobody_else(fleet, tokens):
    hall = tokens.make("hall", "--worker", "hall", "--functions", "a*,stepfleet:job")
    other = tokens.make("other", "--worker", "other")
    wait_until(lambda: Link(fleet.port).ask(HEALTH, token=secret(other))[0] == DENIED)
    w = start_worker(fleet, "w", hall, "a1", "b1", wait=False)
    wait_until(lambda: not w.alive())
    assert "the token hall is not for function b1" in w.text()
    start_worker(fleet, "w", hall, "a1")
    thief = Link(fleet.port)
    # A hello under its name: name, instance, versions, slots, an offer of a1 with a slot.
    hello = b"\x0a\x01w\x11" + b"\x01" * 8 + b"\x18\x01\x20\x01\x30\x01\x3a\x06\x0a\x02a1\x10\x01"
    status, body = thief.ask(HELLO, hello, secret(other))
    assert status == DENIED and b"another token" in body
    fleet.create("m", chain(["a1"]))
    assert fleet.finish(fleet.start("m"))["status"] == "SUCCEEDED"


def test_strangers_are_refused_and_closed(fleet, tokens):
    for token, status in ((b"", NO_TOKEN), (b"sft_" + b"x" * 43, UNKNOWN_TOKEN), (b"x" * 4096, UNKNOWN_TOKEN)):
        link = Link(fleet.port)
        assert link.ask(MACHINES, token=token)[0] == status
        assert link.is_closed(), "a refused connection stays open"
    assert not Link(fleet.port).is_closed(0.5), "a connection that says nothing is closed at once"
    with pytest.raises(Failed) as e:
        fleet.cli("health", "--token-file", "/nowhere")
    assert e.value.status == 2 and "/nowhere" in e.value.err
    os.chmod(tokens.admin, 0o644)
    with pytest.raises(Failed) as e:
        fleet.cli("health")
    assert e.value.status == 2 and "chmod 600" in e.value.err


def test_a_token_that_is_gone_ends_connections_and_polls(fleet, tokens):
    old = tokens.make("old", "--worker", "hall")
    gone = tokens.make("gone", "--control", "gone")
    wait_until(lambda: Link(fleet.port).ask(HEALTH, token=secret(gone))[0] == 0)
    open_link = Link(fleet.port)
    assert open_link.ask(HEALTH, token=secret(gone))[0] == 0
    fleet.create("m", chain(["slow"]))
    fleet.start_worker("w", {"slow": {"handler": "event", "command": "sleep 60"}}, token_file=old)
    arn = fleet.start("m")
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 1)
    tokens.write("old", "gone")
    assert open_link.is_closed(), "a connection outlives its token"
    assert Link(fleet.port).ask(HEALTH, token=secret(gone))[0] == UNKNOWN_TOKEN
    d = fleet.finish(arn)
    assert d["status"] == "FAILED" and d["error"] == "Lambda.ServiceException"
    assert not fleet.json("workers")["workers"]
    wait_until(lambda: "UnknownToken" in fleet.workers["w"].text())


def test_a_token_that_is_narrowed_ends_its_workers(fleet, tokens):
    wide = tokens.make("wide", "--worker", "hall", "--functions", "a,b,stepfleet:job")
    fleet.create("m", chain(["a"]))
    start_worker(fleet, "w", wide, "a", "b")
    assert fleet.finish(fleet.start("m"))["status"] == "SUCCEEDED"
    line = tokens.lines["wide"]
    tokens.lines["wide"] = line.replace("functions=a,b", "functions=b")
    assert tokens.lines["wide"] != line
    tokens.write()
    wait_until(lambda: not fleet.workers["w"].alive())
    assert "the token hall is not for function a" in fleet.workers["w"].text()
    wait_until(lambda: not fleet.json("workers")["workers"])


def test_a_token_is_exchanged_under_a_fleet_that_runs(fleet, tokens):
    path = tokens.make("first", "--worker", "hall")
    first = secret(path)
    start_worker(fleet, "w", path, "a1")
    fleet.create("m", chain(["a1"]))
    tokens.make("second", "--worker", "hall")
    os.rename(tokens.dir / "second.token", path)
    wait_until(lambda: Link(fleet.port).ask(HEALTH, token=secret(path))[0] == DENIED)
    time.sleep(1.5)  # the worker looks at its file once a second
    assert fleet.finish(fleet.start("m"))["status"] == "SUCCEEDED"
    tokens.write("first")
    wait_until(lambda: Link(fleet.port).ask(HEALTH, token=first)[0] == UNKNOWN_TOKEN)
    assert fleet.finish(fleet.start("m"))["status"] == "SUCCEEDED"
    assert fleet.workers["w"].text().count("registered with") == 1


def test_a_file_of_tokens_that_is_broken_changes_nothing(fleet, tokens):
    tokens.file.write_text("no line of ours\n")
    wait_until(lambda: "the tokens stay as they were" in fleet.coordinator.text())
    assert fleet.cli("health").returncode == 0
    assert fleet.coordinator.stop() == 0
    run = subprocess.run([BIN / "stepfleet-coordinator", "-c", fleet.dir / "coordinator.conf", "--check-config"],
                         capture_output=True, text=True)
    assert run.returncode == 1 and "line 1" in run.stderr


# ---- TLS ----

def cert(*args):
    return subprocess.run([BIN / "stepfleet", "cert", *args], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """An authority, another one, and certificates of theirs."""
    d = tmp_path_factory.mktemp("certificates")
    cert("ca", "--out", d / "ca")
    cert("ca", "--out", d / "other-ca")
    cert("issue", "--ca", d / "ca", "--name", "localhost", "--name", "127.0.0.1", "--out", d / "good")
    cert("issue", "--ca", d / "ca", "--name", "elsewhere.lan", "--out", d / "elsewhere")
    cert("issue", "--ca", d / "other-ca", "--name", "localhost", "--out", d / "stranger")
    cert("issue", "--ca", d / "ca", "--name", "localhost", "--out", d / "expired")
    (d / "names").write_text("subjectAltName=DNS:localhost\n")
    request = subprocess.run(["openssl", "req", "-new", "-key", d / "expired/tls.key", "-subj", "/CN=expired"],
                             check=True, capture_output=True).stdout
    subprocess.run(["openssl", "x509", "-req", "-CA", d / "ca/ca.crt", "-CAkey", d / "ca/ca.key", "-days", "-1",
                    "-extfile", d / "names", "-out", d / "expired/tls.crt"], input=request, check=True, capture_output=True)
    return d


def secure_fleet(tmp_path, tokens, ca, certificate="good"):
    here = tmp_path / "tls"
    here.mkdir(exist_ok=True)
    for name in ("tls.crt", "tls.key"):
        (here / name).write_bytes((ca / certificate / name).read_bytes())
    return Fleet(tmp_path, coordinator={"tokens": tokens.file, "certificate": here / "tls.crt", "key": here / "tls.key"},
                 env={"STEPFLEET_TOKEN_FILE": str(tokens.admin), "STEPFLEET_CA": str(ca / "ca/ca.crt")})


@pytest.fixture
def secure(tmp_path, tokens, ca):
    with secure_fleet(tmp_path, tokens, ca) as f:
        f.start_coordinator()
        yield f


def test_a_fleet_works_over_tls(secure, tokens, ca):
    worker = tokens.make("worker", "--worker", "w")
    link = Link(secure.port, ca / "ca/ca.crt")
    wait_until(lambda: Link(secure.port, ca / "ca/ca.crt").ask(HEALTH, token=secret(worker))[0] == DENIED)
    assert link.ask(HEALTH, token=secret(tokens.admin))[0] == 0
    start_worker(secure, "w", worker, "a", "b")
    secure.create("m", chain(["a", "b"] * 3))
    arns = [secure.start("m", payload={"text": "x" * 100000}) for _ in range(5)]
    assert {secure.finish(a)["status"] for a in arns} == {"SUCCEEDED"}
    secure.coordinator.kill()
    secure.start_coordinator()
    assert secure.finish(secure.start("m"))["status"] == "SUCCEEDED"
    tokens.write("worker")
    wait_until(lambda: "UnknownToken" in secure.workers["w"].text())
    assert secure.coordinator.stop() == 0


def test_workers_come_back_at_once_each_time(tmp_path, tokens, ca):
    """nng 1.5 does not notice an end of TLS that comes together with an answer: then it was far more than a lease."""
    worker = tokens.make("worker", "--worker", "w")
    names = [f"w{n}" for n in range(4)]
    with secure_fleet(tmp_path, tokens, ca) as f:
        f.options["lease"] = "15s"
        f.start_coordinator()
        for name in names:
            f.start_worker(name, {"a": {"handler": "event", "command": "sh -c 'sleep 0.2; cat'", "slots": 2}},
                           token_file=worker)
        f.create("m", chain(["a"]))
        arns = []
        for _ in range(5):
            arns += [f.start("m") for _ in range(8)]
            assert f.coordinator.stop() == 0
            f.start_coordinator()
            wait_until(lambda: sorted(w["name"] for w in f.json("workers")["workers"]) == names, 6)
        assert {f.finish(a)["status"] for a in arns} == {"SUCCEEDED"}


@pytest.mark.parametrize("certificate", ["elsewhere", "stranger", "expired"])
def test_a_certificate_that_is_not_its_own_is_refused(tmp_path, tokens, ca, certificate):
    with secure_fleet(tmp_path, tokens, ca, certificate) as f:
        f.start_coordinator(wait=False)
        wait_until(lambda: "ready:" in f.coordinator.text())
        run = f.cli("health", check=False)
        assert run.returncode == 4 and "is not to be trusted" in run.stderr, run
        if certificate == "expired":  # a worker waits for its hello's answer first
            w = start_worker(f, "w", tokens.admin, "a", wait=False)
            wait_until(lambda: "is not to be trusted" in w.text())


def test_a_certificate_is_exchanged_without_a_restart(secure, tokens, ca):
    first = Link(secure.port, ca / "ca/ca.crt")
    for name in ("tls.key", "tls.crt"):
        new = secure.dir / "new"
        new.write_bytes((ca / "elsewhere" / name).read_bytes())
        os.rename(new, secure.dir / "tls" / name)
    wait_until(lambda: "certificate: file=" in secure.coordinator.text())
    assert first.ask(HEALTH, token=secret(tokens.admin))[0] == 0
    assert Link(secure.port, ca / "ca/ca.crt", "elsewhere.lan").ask(HEALTH, token=secret(tokens.admin))[0] == 0
    assert "is not to be trusted" in secure.cli("health", check=False).stderr


def test_nothing_is_listened_to_beyond_loopback_without_tls_and_tokens(tmp_path, tokens, ca):
    good = {"certificate": ca / "good/tls.crt", "key": ca / "good/tls.key", "tokens": tokens.file}
    for listen, keys, say in (("tcp://0.0.0.0:7233", {"tokens": tokens.file}, "without TLS only loopback"),
                              ("tls+tcp://0.0.0.0:7233", {"tokens": tokens.file}, "takes certificate and key"),
                              ("tls+tcp://0.0.0.0:7233", {**good, "tokens": None}, "takes tokens"),
                              ("tls+tcp://0.0.0.0:7233", {**good, "key": ca / "ca/ca.key"}, "key"),
                              ("tls+tcp://0.0.0.0", good, "an address of this machine and a port"),
                              ("tls+tcp://0.0.0.0:7233", good, None)):
        conf = tmp_path / "c.conf"
        conf.write_text(f"[coordinator]\nlisten = {listen}\n" +
                        "".join(f"{k} = {v}\n" for k, v in keys.items() if v is not None))
        run = subprocess.run([BIN / "stepfleet-coordinator", "-c", conf, "--check-config"], capture_output=True, text=True)
        assert run.returncode == (1 if say else 0) and (say or "") in run.stderr, run


def test_a_flood_of_half_open_connections_is_bounded(secure, tokens, ca):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    fds = f"/proc/{secure.coordinator.pid}/fd"
    before = len(os.listdir(fds))
    flood = []
    try:
        for _ in range(3 * STRANGERS):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", secure.port))
            flood.append(s)
        assert secure.cli("health", timeout=20).returncode == 0
        wait_until(lambda: sum(is_ended(s) for s in flood) >= STRANGERS)
        assert len(os.listdir(fds)) - before <= STRANGERS + 100
        assert secure.cli("health", timeout=20).returncode == 0
        wait_until(lambda: len(os.listdir(fds)) - before < 20, timeout=30)  # their time is over
    finally:
        for s in flood:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_ended(s):
    try:
        return s.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_strangers_over_tls_make_no_room(secure, tokens, ca):
    authority = ca / "ca/ca.crt"
    assert Link(secure.port, authority).ask(MACHINES)[0] == NO_TOKEN
    link = Link(secure.port, authority)
    link.s.sendall(b"\x00" * 5 + b"\x7f\xff\xff" + b"\x80\x00\x00\x01" + b"SFL1")  # 8 MiB to come
    link.s.sendall(b"\x01\x00\x17\x00" + b"\x00" * 16)
    assert link.receive()[0] == NO_TOKEN, "a stranger's frame is waited for"
    assert link.is_closed()
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"\x00SP\x00\x00\x31\x00\x00", b"\x00SP\x00\x00\x30\x00\x00" + b"\xff" * 12):
        link = Link(secure.port, authority, greet=False)
        link.s.sendall(greeting)
        while not link.is_closed():
            pass
