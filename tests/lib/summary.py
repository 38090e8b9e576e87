#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Add up the JUnit reports of a run; the last line is "N passed, N failed, N skipped".

usage: summary.py DIRECTORY [FAILED-PART...]
A part that failed without a failing test in its report counts as one failure."""
import pathlib
import sys
import xml.etree.ElementTree as ET


def count(path):
    passed = failed = skipped = 0
    for case in ET.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    broken = set(sys.argv[2:])
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.xml")):
        got = count(path)
        totals = [a + b for a, b in zip(totals, got)]
        print(f"{path.stem}: {got[0]} passed, {got[1]} failed, {got[2]} skipped")
        if got[1]:
            broken.discard(path.stem)
    for part in sorted(broken):
        print(f"{part}: ended with an error")
        totals[1] += 1
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


sys.exit(main())
