#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Add up the JUnit reports of a run, a line a part; the last line is "N passed, N failed, N skipped".

usage: summary.py DIRECTORY
A report is PART.xml or PART/NAME.xml. The file `failed` has a line for each PART or PART/NAME that ended with an
error: one without a failing test in its report counts as one failure."""
import collections
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
    root = pathlib.Path(sys.argv[1])
    failed = root / "failed"
    broken = set(failed.read_text().split()) if failed.exists() else set()
    parts = collections.defaultdict(lambda: (0, 0, 0))
    for path in root.rglob("*.xml"):
        name = path.relative_to(root).with_suffix("")
        got = count(path)
        parts[name.parts[0]] = tuple(map(sum, zip(parts[name.parts[0]], got)))
        if got[1]:
            broken.discard(str(name))
    for part, got in sorted(parts.items()):
        print(f"{part}: {got[0]} passed, {got[1]} failed, {got[2]} skipped")
    for name in sorted(broken):
        print(f"{name}: ended with an error")
    passed, wrong, skipped = map(sum, zip((0, len(broken), 0), *parts.values()))
    print(f"{passed} passed, {wrong} failed, {skipped} skipped")
    return 1 if wrong or not passed else 0


sys.exit(main())
