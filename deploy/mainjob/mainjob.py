# SPDX-License-Identifier: Apache-2.0
"""What the Python stages of the main job share: records in, records out, the event, the result.

Between stages there is one JSON array, one record a line, so that tens of megabytes can be
streamed:

    [
    {...},
    {...}
    ]

That is how it is written. When it is read, its brackets and commas may stand before or behind a
record on its line, or alone, as they do in a shard of it and in a job's output.

A stage is a function from an iterator of records and its parameters to an iterator of records;
run() does the rest. A worker gives the event on descriptor STEPFLEET_EVENT_FD and takes a small
result, or the error, on STEPFLEET_RESULT_FD; without a worker there are no parameters and both
go to stderr. The event of a job's piece has the job's name and arguments instead of a stage's; its
--initial-data is JSON text.
"""
import json
import os
import sys
import traceback


class Failure(Exception):
    """What the stage says of its failure: Retry and Catch see the type."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


def read_event():
    fd = os.environ.get("STEPFLEET_EVENT_FD")
    if fd is None:
        return {}
    with open(int(fd), "rb") as file:
        return json.load(file)


def initial_data(event):
    data = event.get("initialData")
    if "arguments" in event:
        data = json.loads(event["arguments"].get("--initial-data", "{}"))
    return data if isinstance(data, dict) else {}


def stage_name(event):
    """A stage's; of a job's piece, "JOB.PHASE.PIECE"."""
    if "jobName" in event:
        return f"{event['jobName']}.{event['phase']}.{event['piece']}"
    return event.get("currentStage")


def say(value):
    """The small result, or the error; not the data."""
    text = json.dumps(value, ensure_ascii=False).encode()
    fd = os.environ.get("STEPFLEET_RESULT_FD")
    if fd is None:
        sys.stderr.buffer.write(text + b"\n")
    else:
        os.write(int(fd), text)


def fail_if_asked(event):
    """An input with "failAt": STAGE makes that stage fail while $MAINJOB_FAULTS/STAGE exists."""
    stage = stage_name(event)
    faults = os.environ.get("MAINJOB_FAULTS")
    if faults and stage and initial_data(event).get("failAt") == stage:
        flag = os.path.join(faults, stage)
        if os.path.exists(flag):
            raise Failure("MainJob.InjectedFailure", f"{stage} fails as long as {flag} exists")


MARKS = b"[], \t\r\n"  # what may stand around a record
FRAME = {  # (what was there last, mark) -> what is there now
    ("start", "["): "first",
    ("first", "]"): "end",
    ("record", ","): "comma",
    ("record", "]"): "end",
}


class Records:
    """The records of a stream; Failure where it is not such an array, or ends early."""

    def __init__(self, stream):
        self.stream = stream
        self.line = 0
        self.last = "start"
        self.count = 0

    def bad(self, why):
        return Failure("MainJob.BadInput", f"input, line {self.line}: {why}")

    def pass_marks(self, marks):
        for mark in "".join(marks.decode().split()):
            if (self.last, mark) not in FRAME:
                raise self.bad(f"\"{mark}\" where it does not belong")
            self.last = FRAME[self.last, mark]

    def parse(self, text):
        if self.last not in ("first", "comma"):
            raise self.bad("no \"[\" or comma before this record")
        try:
            record = json.loads(text)
        except ValueError as error:
            raise self.bad(f"not JSON: {error}") from None
        if not isinstance(record, dict):
            raise self.bad("not an object")
        self.last = "record"
        self.count += 1
        return record

    def __iter__(self):
        for self.line, line in enumerate(self.stream, 1):
            begin = len(line) - len(line.lstrip(MARKS))
            text = line[begin:].rstrip(MARKS)
            self.pass_marks(line[:begin])
            if text:
                yield self.parse(text)
            self.pass_marks(line[begin + len(text):])
        if self.last != "end":
            raise self.bad("the input ends without its \"]\"")


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_records(records, out):
    """How many there were. A record may be bytes: one that is encoded already."""
    count = 0
    out.write(b"[\n")
    for record in records:
        if count:
            out.write(b",\n")
        out.write(record if isinstance(record, bytes) else dump(record))
        count += 1
    out.write(b"\n]\n" if count else b"]\n")
    out.flush()
    return count


def write_lines(records, out):
    """As JSON Lines instead."""
    count = 0
    for count, record in enumerate(records, 1):
        out.write(dump(record) + b"\n")
    out.flush()
    return count


def run(stage, write=write_records, counters=None):
    """Run `stage(records, parameters)` between stdin and stdout, and end the program.

    `counters`: a dict that the stage fills; a job run adds up those of all its pieces."""
    try:
        event = read_event()
        fail_if_asked(event)
        records = Records(sys.stdin.buffer)
        parameters = initial_data(event).get("parameters", {})
        written = write(stage(iter(records), parameters), sys.stdout.buffer)
        result = {"status": "SUCCESS", "stage": stage_name(event),
                  "recordsRead": records.count, "recordsWritten": written}
        say(result if counters is None else dict(result, counters=counters))
    except Failure as error:
        say({"errorType": error.error_type, "errorMessage": str(error)})
        sys.exit(1)
    except Exception as error:  # as AWS Lambda reports what a function did not catch
        traceback.print_exc()
        say({"errorType": type(error).__name__, "errorMessage": str(error)})
        sys.exit(1)
