# SPDX-License-Identifier: Apache-2.0
"""`stepfleet-coordinator --check`: of what a killed coordinator left, of a backup beside one that works; what it
refuses, and that it changes nothing. That every other fleet leaves a whole database: Fleet.__exit__."""
import json
import pathlib
import subprocess

from fleet import BIN, Fleet, stages

CAT = {"cat": {"handler": "stream", "command": "/bin/cat"}}


def check(*args):
    return subprocess.run([BIN / "stepfleet-coordinator", "--check", *map(str, args)], capture_output=True, text=True,
                          timeout=60)


def files(directory):
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in pathlib.Path(directory).iterdir()}


def test_a_backup_beside_its_coordinator_and_the_database_of_a_killed_one(tmp_path):
    with Fleet(tmp_path, backup={"directory": tmp_path / "backups"}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w", CAT)
        fleet.create("m", stages(["cat"]))
        fleet.finish(fleet.start("m", "one", {}))

        running = check(tmp_path / "data")
        assert running.returncode == 2 and "stop it first, or look at a backup" in running.stderr, running
        fleet.cli("backup", "create", "b")
        before = files(tmp_path / "backups/b/db")
        backup = check(tmp_path / "backups/b", "--json")
        assert backup.returncode == 0, backup
        assert files(tmp_path / "backups/b/db") == before

        fleet.coordinator.kill()
        before = files(tmp_path / "data")
        left = check(tmp_path / "data")
        assert left.returncode == 0 and "faults: 0" in left.stdout and left.stderr == "", left
        assert "1 rows" in next(line for line in left.stdout.splitlines() if line.endswith("state machine")), left
        said = json.loads(check(tmp_path / "data", "--json").stdout)
        assert said["faults"] == [] and said["faultCount"] == 0
        assert said["rows"] == sum(kind["rows"] for kind in said["kinds"])
        assert files(tmp_path / "data") == before


def test_a_damaged_table_is_said(tmp_path):
    with Fleet(tmp_path) as fleet:
        fleet.damaged = True
        fleet.start_coordinator()
        fleet.create("m", stages(["cat"]))
        fleet.coordinator.kill()
        log = max((tmp_path / "data").glob("*.log"), key=lambda p: p.stat().st_size)
        half = log.stat().st_size // 2
        text = bytearray(log.read_bytes())
        text[half] ^= 4
        log.write_bytes(text)
        found = check(tmp_path / "data")
        assert found.returncode == 2 and "lost what was synced" in found.stderr, found


def test_what_is_no_database_is_said(tmp_path):
    nothing = check(tmp_path)
    assert nothing.returncode == 2 and f"there is no database in {tmp_path}" in nothing.stderr, nothing
    assert list(tmp_path.iterdir()) == []
    usage = subprocess.run([BIN / "stepfleet-coordinator", "--json"], capture_output=True, text=True, timeout=20)
    assert usage.returncode == 2 and "--json is for --check" in usage.stderr, usage
