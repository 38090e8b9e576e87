# SPDX-License-Identifier: Apache-2.0
"""The S3 client against a server that fails: what must be ridden out, what must be said, what was sent.

Runs the program s3_check (S3_CHECK, or the newest build/*/bin/s3_check) against tests/lib/faulty_s3.py in
this process, on loopback and a port the system chooses."""
import glob
import os
import pathlib
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))
import faulty_s3  # noqa: E402
from certificates import self_signed  # noqa: E402

PART = 5 * 1024 * 1024
LIMIT_S = 60


def find_check():
    built = glob.glob(str(ROOT / "build" / "*" / "bin" / "s3_check"))
    return os.environ.get("S3_CHECK") or max(built, key=os.path.getmtime, default=None)


@pytest.fixture
def server():
    made = faulty_s3.Server()
    yield made
    made.kill()


class Result:
    def __init__(self, done):
        self.out = done.stdout
        self.status = done.returncode
        words = done.stderr.split()
        self.retries = int(words[words.index("retries") + 1]) if "retries" in words else -1
        self.stderr = done.stderr


@pytest.fixture
def check(server):
    program = find_check()
    if not program:
        pytest.skip("s3_check is not built")

    def run(*args, **settings):
        env = {"PATH": os.environ["PATH"], "S3_ENDPOINT": server.endpoint, "S3_REGION": "us-east-1",
               "AWS_ACCESS_KEY_ID": "AKIDFORTESTS", "AWS_SECRET_ACCESS_KEY": "verysecretindeed",
               "S3_PART_BYTES": str(PART), "S3_STALL_MS": "1000"}
        env.update({name: str(value) for name, value in settings.items()})
        done = subprocess.run([program, *map(str, args)], env=env, capture_output=True, text=True,
                              timeout=LIMIT_S)
        result = Result(done)
        assert "AddressSanitizer" not in result.stderr and "runtime error" not in result.stderr
        assert "verysecretindeed" not in result.out + result.stderr
        return result

    return run


def good(result):
    assert result.status == 0, result.out + result.stderr
    return result


def bad(result, name):
    assert result.status == 1 and f"error {name}:" in result.out, result.out + result.stderr
    return result


def test_whole_interface(check):
    assert good(check("all", "b")).out.endswith("ok\n")


def test_a_server_of_an_authority_of_ones_own(check, tmp_path):
    """Trusted where that authority is named, and by nobody else."""
    ca, key = self_signed(tmp_path)
    server = faulty_s3.Server(certificate=(ca, key))
    try:
        good(check("put", "b", "k", 1000, S3_ENDPOINT=server.endpoint, AWS_CA_BUNDLE=ca))
        good(check("verify", "b", "k", 1000, S3_ENDPOINT=server.endpoint, AWS_CA_BUNDLE=ca))
        bad(check("verify", "b", "k", 1000, S3_ENDPOINT=server.endpoint), "InvalidConfiguration")
    finally:
        server.kill()


def test_small_object_takes_one_get(check, server):
    good(check("put", "b", "k", 1000))
    before = len(server.store.requests("GET"))
    good(check("verify", "b", "k", 1000))
    gets = server.store.requests("GET")[before:]
    assert [g["range"] for g in gets] == [None]


def test_empty_object_takes_one_get(check, server):
    server.store.put("b", "k", b"")
    assert good(check("verify", "b", "k", 0, S3_ATTEMPTS=1)).retries == 0
    assert len(server.store.requests("GET")) == 1


def test_lists_follow_pages(check, server):
    keys = [f"p/{n} +%.json" for n in range(8)]
    for key in keys:
        server.store.put("b", key, b"x")
    listed = [line.split(" ", 1)[1] for line in good(check("list", "b", "p/")).out.splitlines()]
    assert listed == keys
    for n in range(7):
        server.store.uploads[f"u{n}"] = {"bucket": "b", "key": "same", "parts": {}, "mark": ""}
    assert good(check("uploads", "b")).out.count("same") == 7


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_slow_down_is_ridden_out(check, server, method):
    server.store.add_fault("status", method=method, contains="/k", count=3)
    good(check("put", "b", "k", PART + 1))
    result = good(check("verify", "b", "k", PART + 1))
    assert server.store.faults[0]["count"] == 0
    assert result.retries == (3 if method == "GET" else 0)


def test_errors_without_end_are_said(check, server):
    server.store.put("b", "k", b"abc")
    server.store.add_fault("status", status=500, code="InternalError", count=1000)
    bad(check("verify", "b", "k", 3, S3_ATTEMPTS=3), "ServiceUnavailable")
    assert len(server.store.requests("GET")) == 3


def test_denied_is_not_tried_again(check, server):
    server.store.add_fault("status", status=403, code="AccessDenied", count=1000)
    bad(check("verify", "b", "k", 3), "AccessDeniedException")
    assert len(server.store.requests()) == 1


@pytest.mark.parametrize("kind", ["reset", "short", "stall"])
def test_broken_get_goes_on_at_its_offset(check, server, kind):
    size = 3 * PART + 7
    good(check("put", "b", "k", size))
    before = len(server.store.requests("GET"))
    server.store.add_fault(kind, method="GET", contains="/k")
    assert good(check("verify", "b", "k", size)).retries == 1
    gets = server.store.requests("GET")[before:]
    assert len(gets) == 2 and gets[0]["range"] is None and gets[1]["if_match"]
    first, last = gets[1]["range"].removeprefix("bytes=").split("-")
    assert 0 < int(first) <= size // 2 and int(last) == size - 1


def test_get_that_breaks_before_its_body_is_asked_anew(check, server):
    server.store.put("b", "k", b"x")
    server.store.add_fault("short", method="GET", contains="/k")  # half of one byte: none
    server.store.add_fault("drop", method="GET", contains="/k")
    bad(check("verify", "b", "k", 1), "InternalError")  # it is not the made-up byte
    assert [(g["range"], bool(g["if_match"])) for g in server.store.requests("GET")] == [
        (None, False), (None, True), (None, True)]


def test_slow_reader_is_no_stall(check, server):
    """It holds the server back; nothing is asked twice. What broke meanwhile goes on."""
    size = 8 * PART
    good(check("put", "b", "k", size))
    assert good(check("verify", "b", "k", size, S3_NAP_MS=3000)).retries == 0
    server.store.add_fault("reset", method="GET", contains="/k")
    assert good(check("verify", "b", "k", size, S3_NAP_MS=2000)).retries == 1
    assert len(server.store.requests("GET")) == 3


@pytest.mark.parametrize("kind", ["reset", "drop", "stall"])
def test_broken_put_is_sent_again(check, server, kind):
    server.store.add_fault(kind, method="PUT", contains="partNumber=2")
    assert good(check("put", "b", "k", 3 * PART)).retries == 1
    assert len(server.store.requests("PUT", "partNumber=2")) == 2
    good(check("verify", "b", "k", 3 * PART))


def test_stream_that_ends_amid_a_part(check, server):
    """What was sent of the last part, under the length of a full one, is broken off and counts for nothing."""
    size = 3 * PART + PART // 2
    good(check("put", "b", "k", size))
    puts = server.store.requests("PUT", "partNumber")
    assert sorted(p["bytes"] for p in puts) == [PART // 2, PART, PART, PART]
    assert {p["hash"] for p in puts} == {"UNSIGNED-PAYLOAD"}
    good(check("verify", "b", "k", size))


def test_stream_that_pauses_amid_a_part(check, server):
    """The store is not kept waiting: the part that is sent while it is filled is broken off, and sent when whole."""
    size = 4 * PART + PART // 2  # half of it: amid the third part
    result = good(check("put", "b", "k", size, S3_NAP_MS=4000, S3_ATTEMPTS=1, S3_PARALLEL=2))
    assert result.retries == 0
    assert server.store.broken == 2  # by the pause, and by the end
    good(check("verify", "b", "k", size))


def test_part_that_breaks_while_it_is_filled(check, server):
    size = 4 * PART + PART // 2  # half of it: amid the third part
    server.store.add_fault("refuse", method="PUT", contains="partNumber=3", count=2)
    assert good(check("put", "b", "k", size, S3_NAP_MS=1000)).retries == 2
    good(check("verify", "b", "k", size))


def test_part_that_is_refused_while_it_is_filled(check, server):
    server.store.add_fault("refuse", method="PUT", contains="partNumber=3", status=403, code="AccessDenied")
    bad(check("put", "b", "k", 4 * PART + PART // 2, S3_NAP_MS=1000), "AccessDeniedException")
    assert len(server.store.requests("PUT", "partNumber")) == 2


def test_signed_parts(check, server):
    """Each under its own hash, which the server holds the body against."""
    size = 8 * PART + 5
    good(check("put", "b", "k", size, S3_SIGN=1))
    hashes = [p["hash"] for p in server.store.requests("PUT", "partNumber")]
    assert len(set(hashes)) == 9 and all(len(h) == 64 for h in hashes) and server.store.broken == 0
    good(check("verify", "b", "k", size))


@pytest.mark.parametrize("sign", [0, 1])
def test_parts_larger_than_memory_are_kept_in_files(check, server, tmp_path, sign):
    size = 3 * PART + 11
    server.store.add_fault("reset", method="PUT", contains="partNumber=2")
    result = good(check("put", "b", "k", size, S3_POOL_BYTES=1024 * 1024, S3_SPILL=tmp_path, S3_SIGN=sign))
    assert result.retries == 1 and list(tmp_path.iterdir()) == []
    good(check("verify", "b", "k", size))
    gone = check("put", "b", "k2", size, S3_POOL_BYTES=1024 * 1024, S3_SPILL=tmp_path / "none")
    assert "keep a part in a file" in bad(gone, "InputOutputError").out


def test_replaced_object_is_noticed(check, server):
    size = 8 * PART
    good(check("put", "b", "k", size))
    server.store.add_fault("replace", method="GET", contains="/k")
    bad(check("verify", "b", "k", size), "PreconditionFailed")


def test_deleted_object_is_noticed(check, server):
    size = 8 * PART
    good(check("put", "b", "k", size))
    server.store.add_fault("reset", method="GET", contains="/k")
    server.store.add_fault("status", method="GET", contains="/k", status=404, code="NoSuchKey")
    bad(check("verify", "b", "k", size), "PreconditionFailed")


def test_missing_object_is_said(check):
    bad(check("verify", "b", "none", 1), "ResourceNotFound")


def test_wrong_bytes_under_an_md5_are_noticed(check, server):
    server.store.put("b", "k", b"abc", etag="d41d8cd98f00b204e9800998ecf8427e")
    bad(check("cat", "b", "k", "k2"), "IntegrityError")
    assert "k2" not in server.store.buckets["b"]


@pytest.mark.parametrize("kind", ["drop", "error200", "stall", "reset"])
def test_completion_in_doubt_is_settled(check, server, kind):
    server.store.add_fault(kind, method="POST", contains="uploadId")
    good(check("put", "b", "k", PART + 3))
    good(check("verify", "b", "k", PART + 3))
    assert not server.store.uploads


def test_completion_of_another_is_not_ours(check, server):
    """The upload is gone and the object is somebody else's: the completion did not happen."""
    server.store.put("b", "k", b"another's", mark="another mark")
    server.store.add_fault("status", method="POST", contains="uploadId", status=404, code="NoSuchUpload")
    bad(check("put", "b", "k", 9), "ResourceNotFound")


def test_completion_of_a_lost_upload_that_ceph_answers_500(check, server):
    server.store.put("b", "k", b"another's", mark="another mark")
    server.store.add_fault("status", method="POST", contains="uploadId", status=500,
                           code="InternalError", count=100)
    server.store.add_fault("status", method="GET", contains="uploadId", status=404,
                           code="NoSuchUpload")
    assert bad(check("put", "b", "k", 9), "ResourceNotFound").retries == 0


def test_server_that_restarts_is_ridden_out(check, server):
    """Killed in the middle of a stream and back after seconds, with the defaults for retries."""
    size = 12 * PART
    good(check("put", "b", "k", size))
    before = len(server.store.requests())

    def restart():
        server.store.wait_requests(before + 6, LIMIT_S)
        server.kill()
        threading.Event().wait(6)
        server.start()

    helper = threading.Thread(target=restart)
    helper.start()
    result = good(check("cat", "b", "k", "k2"))
    helper.join(LIMIT_S)
    assert result.retries > 0
    good(check("verify", "b", "k2", size))


@pytest.mark.parametrize("kind", ["drop", "error200", "stall", "reset", "status"])
def test_copied_parts_are_asked_for_again(check, server, kind):
    size = 5 * PART
    good(check("put", "b", "k", size))
    server.store.add_fault(kind, method="PUT", contains="partNumber=2")
    assert good(check("splice", "b", "k", "k2")).retries == 1
    good(check("verify", "b", "k2", size))


def test_copy_of_another_object_is_refused(check, server):
    good(check("put", "b", "k", 5 * PART))
    server.store.add_fault("status", method="PUT", contains="partNumber=2", status=412, code="PreconditionFailed")
    bad(check("splice", "b", "k", "k2"), "PreconditionFailed")


def test_nobody_there_is_said(check, server):
    server.kill()
    try:
        bad(check("head", "b", "k", S3_ATTEMPTS=1), "ServiceUnavailable")
    finally:
        server.start()
