# SPDX-License-Identifier: Apache-2.0
"""The soak of some seconds, so that it cannot rot: it holds, it did all it is there for, and it finds what is wrong."""
import json
import os
import pathlib
import subprocess

import pytest
from faulty import PLAIN

KINDS = ("chain", "tasks", "fan", "retried", "caught", "waits", "nested", "activity", "callback", "express", "sync",
         "stopped", "redriven", "updated")
pytestmark = pytest.mark.skipif(not (PLAIN / "stepfleet-coordinator").exists(), reason=f"no programs in {PLAIN}")
SOAK = pathlib.Path(__file__).resolve().parent.parent / "soak/run"


def soak(directory, *options, programs=PLAIN):
    """Its exit status and report."""
    report = directory / "soak.json"
    run = subprocess.run([SOAK, "--report", report, *options], capture_output=True, text=True, timeout=400,
                         env={**os.environ, "STEPFLEET_BIN": str(programs), "TMPDIR": str(directory)})
    assert report.exists(), run.stdout + run.stderr
    return run.returncode, json.loads(report.read_text()), run.stdout


def test_a_short_soak_holds(tmp_path):
    status, report, said = soak(tmp_path, "--minutes", "0.3", "--clients", "8", "--fault-every", "1")
    assert (status, report["held"]) == (0, True), said
    assert len(report["work"]) >= 5 and len(report["faults"]) >= 2, said
    assert sum(report["work"].values()) >= 8
    assert all(line["held"] for line in report["verdict"]), said
    assert not list(tmp_path.glob("stepfleet-soak.*"))


def test_an_update_that_is_acknowledged_and_not_done_is_found(tmp_path):
    """A client that says of every update that it is done, and does none."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("stepfleet-coordinator", "stepfleet-worker"):
        (programs / program).symlink_to(PLAIN / program)
    client = programs / "stepfleet"
    client.write_text(f'#!/bin/sh\n[ "$1 $2" = "machine update" ] || exec {PLAIN}/stepfleet "$@"\n')
    client.chmod(0o755)
    others = [f"--without={kind}" for kind in KINDS if kind not in ("updated", "stopped")]
    status, report, said = soak(tmp_path, "--minutes", "0.05", "--clients", "2", "--fault-every", "60", *others,
                                programs=programs)
    assert (status, report["held"]) == (1, False), said
    lines = {line["what"]: line["held"] for line in report["verdict"]}
    assert not lines["acknowledged updates that took effect"], said
    assert lines["acknowledged stops that took effect"] and lines["running executions"], said
    assert list(tmp_path.glob("stepfleet-soak.*")), "what it found it in is kept"
