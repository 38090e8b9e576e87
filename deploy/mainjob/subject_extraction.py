#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 2, SubjectExtraction: package records to subjects, which are the maintainers, each with its
packages; by their address. What is kept of a package is held as text: memory is that of the
output."""
import re

import mainjob

TEAM_NAME = re.compile(r"\b(team|group|maintainers|packaging|developers|project)\b", re.IGNORECASE)
TEAM_ADDRESS = re.compile(
    r"@(.*\.)?lists\.|@alioth-lists\.|@tracker\.debian\.org$|^team\+|^packages@")
KEPT = ("name", "version", "source", "section", "priority", "essential", "bytes", "homepage",
        "description", "depends")


def is_team(name, address):
    return bool(TEAM_NAME.search(name) or TEAM_ADDRESS.search(address))


def extract(records, parameters):
    subjects = {}
    for record in records:
        name = record["maintainer"]["name"]
        subject = (record["maintainer"]["email"] or name).lower()
        known = subjects.setdefault(subject, (name, []))
        known[1].append(mainjob.dump({key: record[key] for key in KEPT}))
    for subject in sorted(subjects):
        name, packages = subjects.pop(subject)
        head = mainjob.dump({"id": subject, "name": name, "team": is_team(name, subject),
                             "packageCount": len(packages)})
        yield b'%s,"packages":[%s]}' % (head[:-1], b",".join(sorted(packages)))


if __name__ == "__main__":
    mainjob.run(extract)
