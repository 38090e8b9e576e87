# SPDX-License-Identifier: Apache-2.0
"""Files of a real data directory cut off and flipped, each at places all over it: the coordinator says what is wrong
and ends, or what it serves is what was there, to the last history event. tests/unit/test_store_damage.c and
test_store_refusal.c look at the same below the process, at every byte of a smaller database."""
import os
import shutil

import pytest
from faulty import CRASHES, PLAIN, needs_plain
from fleet import Fleet, chain, wait_until

pytestmark = needs_plain
PLACES = 9


def fingerprint(fleet):
    """All that a client can read of a few of each kind, and the names of all."""
    listed = fleet.json("list", "--limit", 1000)["executions"]
    arns = [e["executionArn"] for e in listed]
    some = [a for a in arns if a.endswith(("-0", "-7"))]
    return [(e["executionArn"], e["status"]) for e in listed], [fleet.history(a) for a in some]


@pytest.fixture
def written(tmp_path):
    """A database with tables and a log: finished, failed and sleeping executions, killed without a stop."""
    fleet = Fleet(tmp_path, programs=PLAIN)
    definition = chain(["e"] * 3)
    definition["States"]["S3"].update({"Next": "W"})
    del definition["States"]["S3"]["End"]
    definition["States"]["W"] = {"Type": "Wait", "SecondsPath": "$.nap", "End": True}
    for era in ("old", "late"):
        fleet.start_coordinator()
        fleet.start_worker(era, {"e": {"handler": "echo"}})
        if era == "old":
            fleet.create("m", definition)
        for i in range(10):
            fleet.start("m", f"{era}-{i}", {"nap": 86400 if i > 7 else 0, "pad": f"{era}{i}" * 200})
        wait_until(lambda: sum(e["status"] == "RUNNING" for e in fleet.json("list")["executions"]) in (2, 4))
        fleet.workers[era].stop()
        want = fingerprint(fleet)
        fleet.coordinator.kill()
    shutil.copytree(fleet.dir / "data", fleet.dir / "clean")
    return fleet, want


def cut(path, size, at):
    os.truncate(path, size * at // PLACES)


def flip(path, size, at):
    with open(path, "r+b") as f:
        place = min(size * at // PLACES + at, size - 1)
        f.seek(place)
        byte = f.read(1)[0]
        f.seek(place)
        f.write(bytes([byte ^ (1 << at % 8)]))


def refuses(fleet, want):
    """True: it refused, with words. False: it serves, and all is there."""
    fleet.coordinator.log.write_text("")
    p = fleet.start_coordinator(wait=False)
    try:
        wait_until(lambda: not p.alive() or "ready:" in p.text(), 30, 0.01, say="neither serves nor ends")
        if p.alive():
            assert fingerprint(fleet) == want
            return False
        assert p.p.returncode == 1, (p.p.returncode, p.text())
        assert str(fleet.dir / "data") in p.text() and not any(c in p.text() for c in CRASHES), p.text()
        assert "backup" in p.text() or "--accept-loss" in p.text(), p.text()
        return True
    finally:
        if p.alive():
            p.kill()


def damaged(fleet, want, name, damage):
    """How many of its places led to a refusal."""
    refused = 0
    for at in range(PLACES):
        shutil.rmtree(fleet.dir / "data")
        shutil.copytree(fleet.dir / "clean", fleet.dir / "data")
        path = fleet.dir / "data" / name
        damage(path, path.stat().st_size, at)
        try:
            refused += refuses(fleet, want)
        except AssertionError as e:
            raise AssertionError(f"{name}, {damage.__name__} at {at}/{PLACES}: {e}") from e
    return refused


@pytest.mark.parametrize("damage", [cut, flip])
def test_damage_is_said_and_never_served(written, damage):
    fleet, want = written
    names = sorted(p.name for p in (fleet.dir / "clean").iterdir() if p.is_file() and p.stat().st_size)
    log = max((n for n in names if n.endswith(".log")), key=lambda n: (fleet.dir / "clean" / n).stat().st_size)
    table = max((n for n in names if n.endswith(".sst")), key=lambda n: (fleet.dir / "clean" / n).stat().st_size)
    manifest = next(n for n in names if n.startswith("MANIFEST"))
    for name in (log, table, manifest, "CURRENT"):
        assert damaged(fleet, want, name, damage) == PLACES, name
    damaged(fleet, want, "synced", damage)
    shutil.rmtree(fleet.dir / "data")
    shutil.copytree(fleet.dir / "clean", fleet.dir / "data")
    assert not refuses(fleet, want)
