#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An execution of the main job, a line a stage: how long it took, what it read and wrote.

usage: stepfleet history EXECUTION --json | report.py DIRECTORY_OF_ITS_OUTPUTS
       stepfleet history EXECUTION --json | report.py --ran

--ran prints the stages that were run since the last redrive (or the start) instead, one a line."""
import json
import os
import sys
from datetime import datetime


def details(event):
    """What the event says of itself, whatever its type."""
    for key, value in event.items():
        if key.endswith("EventDetails"):
            return value
    return {}


def moment(event):
    return datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))


def output_directory(event):
    """Of a job, which names its output's key."""
    parameters = json.loads(details(event).get("parameters", "{}"))
    key = parameters.get("Arguments", {}).get("--output-key", "")
    return os.path.basename(os.path.dirname(key))


class Stage:
    def __init__(self, name, event):
        self.name = name
        self.directory = name
        self.entered = moment(event)
        self.left = None
        self.attempts = 0
        self.failure = ""
        self.result = {}

    def take(self, kind, event):
        if kind == "TaskScheduled":
            self.attempts += 1
            self.directory = output_directory(event) or self.name
        elif kind in ("TaskFailed", "TaskTimedOut"):
            self.failure = details(event).get("error", kind)
        elif kind == "TaskSucceeded":
            self.failure = ""
            self.result = json.loads(details(event)["output"]).get("Payload", {})
        elif kind == "TaskStateExited":
            self.left = moment(event)

    def row(self, directory):
        path = os.path.join(directory, self.directory, "output.json")
        size = os.path.getsize(path) if os.path.exists(path) else None
        seconds = f"{(self.left - self.entered).total_seconds():.2f}" if self.left else "-"
        return [self.name, seconds, str(self.attempts), self.number("recordsRead"),
                self.number("recordsWritten"), "-" if size is None else f"{size:,}",
                self.failure]

    def number(self, key):
        return f"{self.result[key]:,}" if key in self.result else "-"


def read_stages(events):
    """In the order they were first entered; and the names scheduled since the last redrive."""
    stages = {}
    ran = []
    at = None
    for event in events:
        kind = event["type"]
        if kind == "ExecutionRedriven":
            ran = []
        elif kind == "TaskStateEntered":
            at = details(event)["name"]
            stages.setdefault(at, Stage(at, event))
        if at is not None:
            stages[at].take(kind, event)
            if kind == "TaskScheduled" and at not in ran:
                ran.append(at)
    return list(stages.values()), ran


def print_table(rows):
    head = ["stage", "seconds", "attempts", "records in", "records out", "bytes out", "failure"]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [cell.ljust(width) if i in (0, len(head) - 1) else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stages, ran = read_stages(json.load(sys.stdin)["events"])
    if sys.argv[1] == "--ran":
        print("\n".join(ran))
        return
    print_table([stage.row(sys.argv[1]) for stage in stages])


if __name__ == "__main__":
    main()
