# SPDX-License-Identifier: Apache-2.0
"""The link's own bytes, for what no client of ours would send: nng's greeting and framing, and the envelope."""
import socket
import ssl
import struct

HELLO, POLL, REPORT, MACHINES, HEALTH = 1, 2, 3, 23, 51
REQ, REP = 0x30, 0x31


class Link:
    def __init__(self, port, ca=None, name="localhost", greet=True):
        s = socket.create_connection(("127.0.0.1", port), 10)
        if ca is not None:
            s = ssl.create_default_context(cafile=str(ca)).wrap_socket(s, server_hostname=name)
        self.s = s
        self.s.settimeout(10)
        if greet:
            self.s.sendall(struct.pack(">B2sBHH", 0, b"SP", 0, REQ, 0))
            assert self.exactly(8) == struct.pack(">B2sBHH", 0, b"SP", 0, REP, 0)

    def exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.s.recv(n - len(got))
            if not more:
                raise ConnectionError("the coordinator has closed it")
            got += more
        return got

    def send(self, method, body=b"", token=b"", request=1):
        frame = struct.pack("<4sHHHHIQ", b"SFL1", 1, method, 0, len(token), 0, request) + token + body
        self.s.sendall(struct.pack(">QI", len(frame) + 4, 0x80000000 | request) + frame)

    def receive(self):
        """(status, body) of the next answer."""
        length, _ = struct.unpack(">QI", self.exactly(12))
        frame = self.exactly(length - 4)
        return struct.unpack_from("<H", frame, 8)[0], frame[24:]

    def ask(self, method, body=b"", token=b""):
        self.send(method, body, token)
        return self.receive()

    def is_closed(self, timeout=10):
        self.s.settimeout(timeout)
        try:
            return self.s.recv(1) == b""
        except ConnectionError:
            return True
        except (TimeoutError, socket.timeout):
            return False

    def close(self):
        self.s.close()
