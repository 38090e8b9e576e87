# SPDX-License-Identifier: Apache-2.0
"""The loop of a persistent Stepfleet handler: one process does task after task (persistent = yes in worker.conf).

    import stepfleet_handler

    def handle(event, context):                 # handler = event: what it returns is the result
        return {"sum": sum(event["numbers"])}

    stepfleet_handler.serve_event(handle)

    def handle(source, sink, context):          # handler = stream: binary files, of any size
        for line in source:
            if b"error" in line:
                sink.write(line)

    stepfleet_handler.serve_stream(handle)

A stream handler may read less than all, write before it has read all, and return a result of its own, as
{"counters": {"errors": 3}}. An exception is the task's failure, with errorType, errorMessage and stackTrace as AWS
Lambda gives them; the process goes on with the next task. What is printed goes to stderr, which is the log.

Python 3.9 or later, nothing else. Source: PROTOCOL.md, Handler framing."""
import io
import json
import os
import struct
import sys
import tempfile
import threading
import time
import traceback

FRAME_BYTES = 1024 * 1024  # the most that a frame may carry
DATA_BYTES = 256 * 1024    # what is read and written at once
MESSAGE_CHARS = 8192       # kept of an exception's text: Lambda's causes are 32 KiB

__all__ = ["Context", "serve_event", "serve_stream"]


class _Line:
    """Frames to and from the worker. stdin and stdout are taken away from everybody else."""

    def __init__(self):
        sys.stdout.flush()
        self.input = os.fdopen(os.dup(0), "rb", DATA_BYTES)
        self.output = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        sys.stdin, sys.stdout = open(0, closefd=False), sys.stderr
        self.lock = threading.Lock()  # notes may come from other threads

    def read(self):
        """(type, length) of the next frame; (b"", 0) at the end."""
        head = self.input.read(5)
        return (head[:1], struct.unpack("<I", head[1:])[0]) if len(head) == 5 else (b"", 0)

    def read_whole(self, wanted):
        kind, length = self.read()
        if not kind:
            raise SystemExit(0)  # the worker needs this process no more
        if kind != wanted:
            raise SystemExit(f"stepfleet_handler: a frame {kind!r} where {wanted!r} belongs")
        return self.input.read(length)

    def write(self, kind, payload=b""):
        frame = memoryview(b"".join((kind, struct.pack("<I", len(payload)), payload)))
        with self.lock:
            while frame:
                frame = frame[os.write(self.output, frame):]


class _Source(io.RawIOBase):
    """The payloads of DATA frames, up to END."""

    def __init__(self, line):
        self.line, self.left, self.ended = line, 0, False

    def readable(self):
        return True

    def readinto(self, into):
        while self.left == 0 and not self.ended:
            kind, self.left = self.line.read()
            if kind not in (b"D", b"Z"):
                raise SystemExit(f"stepfleet_handler: a frame {kind!r} among a task's data")
            self.ended = kind == b"Z"
        view = memoryview(into)[:self.left]
        n = self.line.input.readinto1(view) if view else 0
        if view and n == 0:
            raise SystemExit(0)
        self.left -= n
        return n

    def pass_over(self):
        """What the handler did not read."""
        scratch = bytearray(DATA_BYTES)
        while self.readinto(scratch):
            pass


class _Sink(io.RawIOBase):
    def __init__(self, line):
        self.line = line

    def writable(self):
        return True

    def write(self, data):
        data = memoryview(data).cast("B")[:FRAME_BYTES]
        if data and self.line is not None:
            self.line.write(b"D", data)
        return len(data)


class Context:
    """A task beside its event; the names that AWS Lambda has are Lambda's."""

    def __init__(self, line, said, event):
        self._line = line
        self.event = event  # a stream handler's, too
        self.function_name = said["function"]
        self.function_version = said["version"]
        self.aws_request_id = said["requestId"]
        self.execution = said.get("execution", "")
        self.state = said.get("state", "")
        self.attempt = said["attempt"]
        self.directory = said["directory"]  # of this task; also tempfile's
        self.credentials = json.loads(said.get("credentials", "null"))
        self.trace = said.get("trace", "")  # as in X-Amzn-Trace-Id; also _X_AMZN_TRACE_ID
        self.submits = said["submits"]      # a .sync integration: say submitted()
        self.deadline_ms = said["deadlineMs"]  # since 1970; 0: none

    def get_remaining_time_in_millis(self):
        return max(0, self.deadline_ms - int(time.time() * 1000)) if self.deadline_ms else 1 << 53

    def note(self, text=""):
        """A heartbeat, and a note for people."""
        self._line.write(b"N", text.encode()[:255])

    def submitted(self, answer):
        """The job of a .sync integration has begun, and this is what the service answered."""
        self._line.write(b"S", json.dumps(answer).encode())


class _NoResult(Exception):
    """What the handler returned cannot be sent."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def _dump(result):
    try:
        text = json.dumps(result, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as e:
        raise _NoResult("Runtime.MarshalError", f"Unable to marshal response: {e}") from None
    if len(text) > FRAME_BYTES:
        raise _NoResult("Function.ResponseSizeTooLarge",
                        f"Response payload size exceeded maximum allowed payload size ({FRAME_BYTES} bytes).")
    return text


def _failure(error, request):
    own = isinstance(error, _NoResult)
    frames = [] if own else traceback.extract_tb(error.__traceback__)
    said = {"errorMessage": str(error)[:MESSAGE_CHARS], "errorType": error.kind if own else type(error).__name__,
            "requestId": request,
            "stackTrace": traceback.format_list([f for f in frames if f.filename != __file__][-50:])}
    return json.dumps(said).encode()


def _one(line, handle):
    """One task, from BEGIN to its last frame."""
    said = json.loads(line.read_whole(b"B"))
    event = json.loads(line.read_whole(b"E") or b"null")
    context = Context(line, said, event)
    os.environ["TMPDIR"] = tempfile.tempdir = context.directory
    if context.trace:
        os.environ["_X_AMZN_TRACE_ID"] = context.trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    source = _Source(line)
    try:
        kind, payload = b"R", handle(source, context)
    except Exception as e:
        if not isinstance(e, _NoResult):
            traceback.print_exc()
        kind, payload = b"F", _failure(e, context.aws_request_id)
    sys.stderr.flush()
    line.write(kind, payload)
    source.pass_over()


def _serve(handle):
    if os.environ.get("STEPFLEET_FRAMING") != "1":
        raise SystemExit("stepfleet_handler: to be run by stepfleet-worker, with persistent = yes")
    line = _Line()
    while True:
        _one(line, handle)


def serve_event(function):
    """function(event, context) -> result, for each task. Does not return."""
    _serve(lambda source, context: _dump(function(context.event, context)))


def serve_stream(function):
    """function(source, sink, context) -> None or a result, for each task. Does not return."""
    def handle(source, context):
        sink = io.BufferedWriter(_Sink(context._line), DATA_BYTES)
        try:
            result = function(io.BufferedReader(source, DATA_BYTES), sink, context)
        except BaseException:
            sink.raw.line = None  # what is buffered is part of a failure
            raise
        finally:
            sink.close()
        return b"" if result is None else _dump(result)
    _serve(handle)
