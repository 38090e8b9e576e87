# SPDX-License-Identifier: Apache-2.0
"""The logs of coordinator and worker: as JSON, and as systemd's journal wants them."""
import json
import re

import fleet as fleets
import pytest
from fleet import task


@pytest.fixture
def json_fleet(tmp_path):
    with fleets.Fleet(tmp_path, coordinator={"log_format": "json"}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def entries(process):
    return [json.loads(line) for line in process.text().splitlines()]


def test_as_json(json_fleet):
    f = json_fleet
    w = f.start_worker("w", {"Bad": {"handler": "event", "command": "sh -c 'echo \"a \\\"b\\\" attempt=9\" >&2; exit 3'"}},
                       log_format="json")
    f.create("m", {"StartAt": "S", "States": {"S": {**task("Bad"), "End": True}}})
    f.finish(f.start("m", name="e"))
    registered = [e for e in entries(f.coordinator) if e["text"] == "worker registered"]
    assert len(registered) == 1 and registered[0]["worker"] == "w" and registered[0]["functions"] >= 1
    failed = [e for e in entries(w) if e["text"] == "task failed" and e["execution"] == "e"]
    assert len(failed) == 1
    assert failed[0]["state"] == "S" and failed[0]["attempt"] == 1
    assert 'a "b" attempt=9' in json.loads(failed[0]["cause"])["errorMessage"]
    assert {e["program"] for e in entries(w)} == {"worker"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", e["time"]) for e in entries(w))


def test_for_the_journal(tmp_path):
    log = tmp_path / "coordinator.log"
    log.touch()
    with fleets.Fleet(tmp_path) as f:
        f.start_coordinator(env={"JOURNAL_STREAM": f"{log.stat().st_dev}:{log.stat().st_ino}"})
        assert f.coordinator.stop() == 0
        lines = log.read_text().splitlines()
        assert len(lines) >= 3
        assert all(re.match(r"<[3467]>(debug|info|warn|error) coordinator ", line) for line in lines), lines
        f.start_coordinator(env={"JOURNAL_STREAM": "1:2"})  # it is another's
        assert f.coordinator.text().splitlines()[-1][:2] == "20"
