#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 3, CandidateFetching: subjects to candidates. A candidate is a package of somebody else
that packages of the subject depend on: one record a pair, by subject, then package."""
import mainjob

BECAUSE_MOST = 10  # of the subject's packages, named in the record


def describe(package, owner):
    kept = {key: value for key, value in package.items() if key != "depends"}
    kept["owner"] = {key: owner[key] for key in ("id", "name", "team", "packageCount")}
    return mainjob.dump(kept)


def load(records):
    """The subjects, each with (package, its dependencies); each package's owner and description."""
    subjects = []
    packages = {}
    for subject in records:
        needs = [(package["name"], package["depends"]) for package in subject["packages"]]
        head = {key: subject[key] for key in ("id", "name", "team", "packageCount")}
        subjects.append((head, needs))
        for package in subject["packages"]:
            packages[package["name"]] = (subject["id"], describe(package, subject))
    return subjects, packages


def fetch(records, parameters):
    subjects, packages = load(records)
    for subject, needs in subjects:
        wanted = {}
        for name, depends in needs:
            for needed in depends:
                if needed in packages and packages[needed][0] != subject["id"]:
                    wanted.setdefault(needed, []).append(name)
        head = mainjob.dump(subject)
        for needed in sorted(wanted):
            because = sorted(wanted[needed])
            yield b'{"subject":%s,"package":%s,"dependents":%d,"because":%s}' % (
                head, packages[needed][1], len(because), mainjob.dump(because[:BECAUSE_MOST]))


if __name__ == "__main__":
    mainjob.run(fetch)
