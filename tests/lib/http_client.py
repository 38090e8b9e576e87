# SPDX-License-Identifier: Apache-2.0
"""HTTP as bytes, for what no well-behaved client sends; and AWS JSON, signed or not, by the standard library."""
import datetime
import hashlib
import hmac
import json
import socket
import ssl
import urllib.parse

JSON = "application/x-amz-json-1.0"


def connect(endpoint, timeout=20, ca=None):
    url = urllib.parse.urlsplit(endpoint)
    s = socket.create_connection((url.hostname, url.port), timeout=timeout)
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=ca)
        s = context.wrap_socket(s, server_hostname=url.hostname)
    return s


class Answers:
    """What comes out of a socket, one answer after the other."""

    def __init__(self, s):
        self.s = s
        self.bytes = b""

    def _more(self):
        got = self.s.recv(65536)
        self.bytes += got
        return got

    def next(self):
        """(status, headers, body); None where the connection ends before one begins."""
        while b"\r\n\r\n" not in self.bytes:
            if not self._more():
                assert not self.bytes, self.bytes
                return None
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        length = int(headers.get("content-length", 0)) if status >= 200 else 0
        while len(self.bytes) < length:
            assert self._more(), "the body is cut off"
        body, self.bytes = self.bytes[:length], self.bytes[length:]
        return status, headers, body

    def ended(self):
        """Nothing more comes, and the other side has closed."""
        return not self.bytes and not self._more()


def request(operation, body=b"{}", headers=(), service="AWSStepFunctions"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = ["POST / HTTP/1.1", "Host: localhost", f"X-Amz-Target: {service}.{operation}", f"Content-Type: {JSON}",
             *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def ask(endpoint, operation, body=b"{}", headers=(), ca=None):
    """One request on a connection of its own: (status, what the JSON says)."""
    with connect(endpoint, ca=ca) as s:
        s.sendall(request(operation, body, headers))
        status, _, text = Answers(s).next()
        return status, json.loads(text)


def signed(operation, body, key, secret, when=None, service="states", host="localhost", more=()):
    """The headers of a signed request."""
    when = when or datetime.datetime.now(datetime.timezone.utc)
    stamp = when.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/us-east-1/{service}/aws4_request"
    headers = {"content-type": JSON, "host": host, "x-amz-date": stamp, "x-amz-target": f"AWSStepFunctions.{operation}",
               **dict(more)}
    names = ";".join(sorted(headers))
    canonical = "POST\n/\n\n" + "".join(f"{k}:{headers[k]}\n" for k in sorted(headers)) + f"\n{names}\n" + \
        hashlib.sha256(body).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    k = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        k = hmac.new(k, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(k, text.encode(), hashlib.sha256).hexdigest()
    return [f"X-Amz-Date: {stamp}", *(f"{k}: {v}" for k, v in more),
            f"Authorization: AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"]
