#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small S3 server in memory that fails on request: for tests of how clients take it.

It knows buckets, objects (GET with Range and If-Match, HEAD, PUT, DELETE), multipart uploads and both
lists. It checks no signature, but it does hold each body against x-amz-content-sha256. Standard library only.

A fault is a dict: kind, and optionally method, contains (a part of the path with its query), count (1),
skip (requests that fit and are let through first) and what the kind needs. The first fault that fits a
request is used up by one:

    status    answer with `status` (503) and the error `code` (SlowDown); nothing is done
    refuse    as status, before the body is read; then the connection ends
    reset     GET: half of the body, then RST; else: RST before anything is done
    short     GET: half of the body under a full Content-Length, then an orderly end
    stall     GET: half of the body, else nothing; then silence until the client leaves
    drop      do it, and end the connection without an answer
    error200  do nothing and answer 200 with the error InternalError in the body
    replace   GET: half of the body; then other bytes are in the object's place, and RST

As a program it listens on a port the system chooses, prints the endpoint, takes faults by POST /_fault
(JSON), gives its log at GET /_log, and ends when its standard input does.
"""
import base64
import datetime
import hashlib
import http.server
import json
import re
import socket
import socketserver
import ssl
import struct
import sys
import threading
import urllib.parse
from xml.sax.saxutils import escape

TIME = "2026-01-02T03:04:05.678Z"
STALL_S = 30
PART_BYTES_MIN = 5 * 1024 * 1024


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Store:
    def __init__(self):
        self.lock = threading.RLock()
        self.buckets = {}
        self.uploads = {}
        self.lifecycles = {}  # XML by bucket
        self.faults = []
        self.log = []
        self.counter = 0
        self.broken = 0  # requests whose body ended too early
        self.seen = threading.Condition(self.lock)

    def add_fault(self, kind, **more):
        with self.lock:
            self.faults.append({"kind": kind, "count": 1, "skip": 0, **more})

    def take_fault(self, method, path, early):
        with self.lock:
            for fault in self.faults:
                if (fault["count"] > 0 and (fault["kind"] == "refuse") == early
                        and fault.get("method", method) == method
                        and fault.get("contains", "") in path):
                    if fault["skip"] > 0:
                        fault["skip"] -= 1
                        return None
                    fault["count"] -= 1
                    return fault
        return None

    def requests(self, method=None, contains=""):
        with self.lock:
            return [r for r in self.log
                    if (method is None or r["method"] == method) and contains in r["path"]]

    def wait_requests(self, count, timeout):
        with self.seen:
            return self.seen.wait_for(lambda: len(self.log) >= count, timeout)

    def put(self, bucket, key, body, mark="", etag=None):
        with self.lock:
            self.buckets.setdefault(bucket, {})[key] = {
                "body": body, "mark": mark, "etag": etag or hashlib.md5(body).hexdigest()}


class Gone(Exception):
    """The connection was ended on purpose."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    # ---- answers ----

    def answer(self, status, body=b"", **headers):
        fault = self.fault
        if fault and fault["kind"] == "drop":
            self.leave()
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(body)

    def send_body(self, body):
        kind = self.fault["kind"] if self.fault and self.command == "GET" else None
        if kind not in ("reset", "short", "stall", "replace"):
            self.wfile.write(body)
            return
        self.wfile.write(body[:len(body) // 2])
        self.wfile.flush()
        if kind == "stall":
            self.stall()
        if kind == "replace":
            self.server.store.put(self.bucket, self.key, bytes(len(body)))
        self.leave(reset=kind != "short")

    def stall(self):
        self.connection.settimeout(STALL_S)
        try:
            while self.connection.recv(65536):
                pass
        except OSError:
            pass
        self.leave()

    def leave(self, reset=False):
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True
        raise Gone()

    def error(self, status, code):
        self.answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code>"
                            f"<Message>asked for</Message></Error>".encode())

    def xml(self, root, inner):
        self.answer(200, f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="http://s3.amazonaws.com/'
                         f'doc/2006-03-01/">{inner}</{root}>'.encode(), Content_Type="application/xml")

    # ---- one request ----

    def handle_one(self):
        self.fault = self.server.store.take_fault(self.command, self.path, early=True)
        if self.fault:
            self.error(self.fault.get("status", 503), self.fault.get("code", "SlowDown"))
            self.leave()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        store = self.server.store
        if len(body) != length:  # broken off by the client: nothing of it is kept
            with store.lock:
                store.broken += 1
            self.leave()
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path.startswith("/_"):
            return self.control(url.path, body)
        self.bucket, _, self.key = urllib.parse.unquote(url.path)[1:].partition("/")
        with store.lock:
            store.log.append({"method": self.command, "path": self.path,
                              "range": self.headers.get("Range"), "bytes": len(body),
                              "if_match": self.headers.get("If-Match"),
                              "copied": self.headers.get("x-amz-copy-source"),
                              "hash": self.headers.get("x-amz-content-sha256")})
            store.seen.notify_all()
        self.fault = store.take_fault(self.command, self.path, early=False)
        if self.fault:
            self.refuse()
        said = self.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if said not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return self.error(400, "XAmzContentSHA256Mismatch")
        getattr(self, "on_" + self.command.lower())(store, body)

    def refuse(self):
        kind = self.fault["kind"]
        if kind == "status":
            self.error(self.fault.get("status", 503), self.fault.get("code", "SlowDown"))
        elif kind == "error200":
            self.error(200, "InternalError")
        elif kind == "reset" and self.command != "GET":
            self.leave(reset=True)
        elif kind == "stall" and self.command != "GET":
            self.stall()
        else:
            return
        raise Gone()

    def control(self, path, body):
        store = self.server.store
        if path == "/_fault":
            store.add_fault(**json.loads(body))
            return self.answer(200)
        return self.answer(200, json.dumps(store.log).encode())

    def do_GET(self):
        try:
            self.handle_one()
        except Gone:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    # ---- objects ----

    def on_head(self, store, _):
        with store.lock:
            if not self.key:
                return self.answer(200 if self.bucket in store.buckets else 404)
            found = store.buckets.get(self.bucket, {}).get(self.key)
        if not found:
            return self.answer(404)
        self.answer(200, ETag=f'"{found["etag"]}"', Content_Length=str(len(found["body"])),
                    x_amz_meta_stepfleet_mark=found["mark"])

    def on_get(self, store, _):
        if "uploadId" in self.query:
            known = self.query["uploadId"] in store.uploads
            return self.xml("ListPartsResult", "") if known else self.error(404, "NoSuchUpload")
        if "lifecycle" in self.query:
            return self.lifecycle(store)
        if not self.key:
            return self.list_uploads(store) if "uploads" in self.query else self.list_keys(store)
        with store.lock:
            found = store.buckets.get(self.bucket, {}).get(self.key)
        if not found:
            return self.error(404, "NoSuchKey")
        if self.headers.get("If-Match", found["etag"]).strip('"') != found["etag"]:
            return self.error(412, "PreconditionFailed")
        self.get_range(found)

    def get_range(self, found):
        body = found["body"]
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        more = {"ETag": f'"{found["etag"]}"', "x_amz_meta_stepfleet_mark": found["mark"]}
        if not wanted:
            return self.answer(200, body, **more)
        first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
        if first > last:
            return self.error(416, "InvalidRange")
        self.answer(206, body[first:last + 1],
                    Content_Range=f"bytes {first}-{last}/{len(body)}", **more)

    def lifecycle(self, store):
        with store.lock:
            known, found = self.bucket in store.buckets, store.lifecycles.get(self.bucket)
        if not found:
            return self.error(404, "NoSuchLifecycleConfiguration" if known else "NoSuchBucket")
        self.answer(200, found, Content_Type="application/xml")

    def put_lifecycle(self, store, body):
        if self.headers.get("Content-MD5") != base64.b64encode(hashlib.md5(body).digest()).decode():
            return self.error(400, "InvalidDigest")
        store.lifecycles[self.bucket] = body
        self.answer(200)

    def on_put(self, store, body):
        if "lifecycle" in self.query:
            return self.put_lifecycle(store, body)
        if not self.key:
            store.buckets.setdefault(self.bucket, {})
            return self.answer(200)
        copied = self.headers.get("x-amz-copy-source")
        if copied:
            body = self.copy_source(store, copied)
        etag = hashlib.md5(body).hexdigest()
        if "uploadId" not in self.query:
            store.put(self.bucket, self.key, body)
            return self.answer(200, ETag=f'"{etag}"')
        with store.lock:
            upload = store.uploads.get(self.query["uploadId"])
            if upload:
                upload["parts"][int(self.query["partNumber"])] = (etag, body)
        if not upload:
            return self.error(404, "NoSuchUpload")
        if copied:
            return self.xml("CopyPartResult", f"<ETag>&quot;{etag}&quot;</ETag>")
        self.answer(200, ETag=f'"{etag}"')

    def copy_source(self, store, source):
        """The bytes that UploadPartCopy names."""
        bucket, _, key = urllib.parse.unquote(source).lstrip("/").partition("/")
        with store.lock:
            found = store.buckets.get(bucket, {}).get(key)
        problem = ((404, "NoSuchKey") if not found else
                   (412, "PreconditionFailed") if self.headers.get(
                       "x-amz-copy-source-if-match", found["etag"]).strip('"') != found["etag"] else None)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("x-amz-copy-source-range") or "")
        if not problem and (not wanted or int(wanted[2]) >= len(found["body"])):
            problem = (416, "InvalidRange")
        if problem:
            self.error(*problem)
            raise Gone()
        return found["body"][int(wanted[1]):int(wanted[2]) + 1]

    def on_delete(self, store, _):
        with store.lock:
            if "lifecycle" in self.query:
                found = store.lifecycles.pop(self.bucket, True)
            elif "uploadId" in self.query:
                found = store.uploads.pop(self.query["uploadId"], None)
            else:
                store.buckets.get(self.bucket, {}).pop(self.key, None)
                found = True
        if not found:
            return self.error(404, "NoSuchUpload")
        self.answer(204)

    # ---- uploads ----

    def on_post(self, store, body):
        if "uploads" in self.query:
            with store.lock:
                store.counter += 1
                name = f"upload{store.counter}"
                store.uploads[name] = {"bucket": self.bucket, "key": self.key, "parts": {}, "begun": utc_now(),
                                       "mark": self.headers.get("x-amz-meta-stepfleet-mark", "")}
            return self.xml("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>")
        with store.lock:
            upload = store.uploads.get(self.query["uploadId"])
            if not upload:
                return self.error(404, "NoSuchUpload")
            wanted = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>&quot;(\w+)&quot;", body.decode())
            parts = [upload["parts"].get(int(number), ("", b"")) for number, _ in wanted]
            if not wanted or [p[0] for p in parts] != [w[1] for w in wanted]:
                return self.error(400, "InvalidPart")
            if any(len(p[1]) < PART_BYTES_MIN for p in parts[:-1]):
                return self.error(400, "EntityTooSmall")
            digest = hashlib.md5(b"".join(bytes.fromhex(p[0]) for p in parts)).hexdigest()
            store.put(self.bucket, self.key, b"".join(p[1] for p in parts), upload["mark"],
                      f"{digest}-{len(parts)}")
            del store.uploads[self.query["uploadId"]]
        self.xml("CompleteMultipartUploadResult", f"<Key>{escape(self.key)}</Key><ETag></ETag>")

    # ---- lists: pages of three, so that they are followed ----

    def list_keys(self, store):
        after = self.query.get("continuation-token", "")
        with store.lock:
            found = store.buckets.get(self.bucket)
            if found is None:
                return self.error(404, "NoSuchBucket")
            keys = sorted(k for k in found if k.startswith(self.query.get("prefix", "")) and k > after)
            rows = [(k, len(found[k]["body"])) for k in keys[:3]]
        inner = f"<EncodingType>url</EncodingType><IsTruncated>{str(len(keys) > 3).lower()}</IsTruncated>"
        if len(keys) > 3:
            inner += f"<NextContinuationToken>{escape(rows[-1][0])}</NextContinuationToken>"
        for key, size in rows:
            inner += (f"<Contents><Key>{urllib.parse.quote_plus(key, safe='/')}</Key>"
                      f"<LastModified>{TIME}</LastModified><Size>{size}</Size></Contents>")
        self.xml("ListBucketResult", inner)

    def list_uploads(self, store):
        after = (self.query.get("key-marker", ""), self.query.get("upload-id-marker", ""))
        with store.lock:
            rows = sorted((u["key"], name) for name, u in store.uploads.items()
                          if u["bucket"] == self.bucket
                          and u["key"].startswith(self.query.get("prefix", "")))
        rows = [r for r in rows if r > after]
        inner = f"<IsTruncated>{str(len(rows) > 3).lower()}</IsTruncated>"
        if len(rows) > 3:
            inner += (f"<NextKeyMarker>{escape(rows[2][0])}</NextKeyMarker>"
                      f"<NextUploadIdMarker>{rows[2][1]}</NextUploadIdMarker>")
        for key, name in rows[:3]:
            begun = store.uploads.get(name, {}).get("begun", TIME)
            inner += (f"<Upload><Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
                      f"<Initiated>{begun}</Initiated></Upload>")
        self.xml("ListMultipartUploadsResult", inner)


class Listener(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, store, host, port, certificate):
        super().__init__((host, port), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.store = store
        self.open_connections = set()

    def process_request(self, request, address):
        self.open_connections.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):
        self.open_connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, address)


class Server:
    """A store and the listener before it, which can die and come back. certificate: files of one and of its key, for
    https."""

    def __init__(self, host="127.0.0.1", certificate=None):
        self.store = Store()
        self.host, self.port, self.certificate = host, 0, certificate
        self.start()

    def start(self):
        self.listener = Listener(self.store, self.host, self.port, self.certificate)
        self.port = self.listener.server_address[1]
        self.thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def kill(self):
        """As if the process had died: nobody listens, every connection is reset."""
        self.listener.shutdown()
        self.listener.server_close()
        for connection in list(self.listener.open_connections):
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)

    @property
    def endpoint(self):
        return f"http{'s' if self.certificate else ''}://{self.host}:{self.port}"


if __name__ == "__main__":
    server = Server(*sys.argv[1:2], *([sys.argv[2:4]] if len(sys.argv) == 4 else []))
    print(server.endpoint, flush=True)
    sys.stdin.read()
    server.kill()
