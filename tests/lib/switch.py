# SPDX-License-Identifier: Apache-2.0
"""The switch of hosts.py: forwards Ethernet frames between the interfaces it is given, each of which leads to a host,
and does to them what it is told on standard input, a JSON object a line: {"port": 0, "delay": seconds, "loss": 0.3,
"cut": false}. Loss and delay are of what comes from that host and of what goes to it. Ends with its input."""
import heapq
import itertools
import json
import random
import selectors
import socket
import sys
import time

FRAME = 65536
GROUP = 0x01  # of the first byte: to many
QUEUED = 20000  # frames on their way at once: more are lost


class Port:
    def __init__(self, name):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((name, 0))
        self.socket.setblocking(False)
        self.delay = 0.0
        self.loss = 0.0
        self.cut = False

    def loses(self):
        return self.cut or random.random() < self.loss


class Switch:
    def __init__(self, names, seed):
        random.seed(seed)
        self.ports = [Port(name) for name in names]
        self.known = {}  # address -> port
        self.late = []  # (when, number, port, frame)
        self.number = itertools.count()

    def receive(self, port):
        for _ in range(64):
            try:
                frame, address = port.socket.recvfrom(FRAME)
            except BlockingIOError:
                return
            if address[2] == socket.PACKET_OUTGOING or port.loses():
                continue
            self.known[frame[6:12]] = port
            to = None if frame[0] & GROUP else self.known.get(frame[:6])
            for p in self.ports if to is None else [to]:
                if p is not port and not p.loses() and len(self.late) < QUEUED:
                    self.give(p, port.delay + p.delay, frame)

    def give(self, port, delay, frame):
        if delay:
            heapq.heappush(self.late, (time.monotonic() + delay, next(self.number), port, frame))
        else:
            self.send(port, frame)

    def send(self, port, frame):
        try:
            port.socket.send(frame)
        except (BlockingIOError, OSError):
            pass  # a switch that is full loses frames

    def due(self):
        """Sends what is due; the seconds to the next, or None."""
        while self.late:
            wait = self.late[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, port, frame = heapq.heappop(self.late)
            if not port.cut:
                self.send(port, frame)
        return None

    def told(self):
        """False: there is nobody any more who could."""
        line = sys.stdin.readline()
        if line:
            words = json.loads(line)
            vars(self.ports[words.pop("port")]).update(words)
            print("done", flush=True)
        return bool(line)

    def run(self):
        with selectors.DefaultSelector() as ready:
            for port in self.ports:
                ready.register(port.socket, selectors.EVENT_READ, port)
            ready.register(sys.stdin, selectors.EVENT_READ, None)
            print("ready", flush=True)
            while True:
                for key, _ in ready.select(self.due()):
                    if key.data is not None:
                        self.receive(key.data)
                    elif not self.told():
                        return


if __name__ == "__main__":
    Switch(sys.argv[2:], int(sys.argv[1])).run()
