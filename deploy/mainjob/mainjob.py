# SPDX-License-Identifier: Apache-2.0
"""What the Python stages of the main job share: records in, records out, the event, the result.

Between stages there is one JSON array, one record a line, so that tens of megabytes can be
streamed:

    [
    {...},
    {...}
    ]

A stage is a function from an iterator of records and its parameters to an iterator of records;
run() does the rest. A worker gives the event on descriptor STEPFLEET_EVENT_FD and takes a small
result, or the error, on STEPFLEET_RESULT_FD; without a worker there are no parameters and both
go to stderr.
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
    return data if isinstance(data, dict) else {}


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
    stage = event.get("currentStage")
    faults = os.environ.get("MAINJOB_FAULTS")
    if faults and stage and initial_data(event).get("failAt") == stage:
        flag = os.path.join(faults, stage)
        if os.path.exists(flag):
            raise Failure("MainJob.InjectedFailure", f"{stage} fails as long as {flag} exists")


class Records:
    """The records of a stream; Failure where it is not such an array, or ends early."""

    def __init__(self, stream):
        self.stream = stream
        self.count = 0

    def bad(self, line, why):
        return Failure("MainJob.BadInput", f"input, line {line}: {why}")

    def parse(self, number, text):
        try:
            record = json.loads(text)
        except ValueError as error:
            raise self.bad(number, f"not JSON: {error}") from None
        if not isinstance(record, dict):
            raise self.bad(number, "not an object")
        self.count += 1
        return record

    def __iter__(self):
        number = 1
        more = None  # after a record: did a comma follow?
        if self.stream.readline() != b"[\n":
            raise self.bad(1, "expected \"[\" alone")
        for number, line in enumerate(self.stream, 2):
            if line == b"]\n":
                if more or self.stream.read(1):
                    raise self.bad(number, "\"]\" where it does not belong")
                return
            if more is False:
                raise self.bad(number, "no comma before this record")
            text = line.rstrip(b"\n")
            more = text.endswith(b",")
            yield self.parse(number, text[:-1] if more else text)
        raise self.bad(number, "the input ends without its \"]\"")


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


def run(stage, write=write_records):
    """Run `stage(records, parameters)` between stdin and stdout, and end the program."""
    try:
        event = read_event()
        fail_if_asked(event)
        records = Records(sys.stdin.buffer)
        parameters = initial_data(event).get("parameters", {})
        written = write(stage(iter(records), parameters), sys.stdout.buffer)
        say({"status": "SUCCESS", "stage": event.get("currentStage"),
             "recordsRead": records.count, "recordsWritten": written})
    except Failure as error:
        say({"errorType": error.error_type, "errorMessage": str(error)})
        sys.exit(1)
    except Exception as error:  # as AWS Lambda reports what a function did not catch
        traceback.print_exc()
        say({"errorType": type(error).__name__, "errorMessage": str(error)})
        sys.exit(1)
