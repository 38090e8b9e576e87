#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 5, Filtering: drops candidates that every system has anyway or that are no real
software, and those that too few of the subject's packages need (`minDependents`, 2 without that
parameter)."""
import mainjob

BASE_PRIORITIES = {"required", "important", "standard"}
SECTIONS = {"debug", "localization", "metapackages", "oldlibs", "tasks"}


def is_kept(record, least):
    package = record["package"]
    return (record["dependents"] >= least
            and not package["essential"]
            and package["priority"] not in BASE_PRIORITIES
            and package["section"].rpartition("/")[2] not in SECTIONS)


def filter_candidates(records, parameters):
    least = parameters.get("minDependents", 2)
    return (record for record in records if is_kept(record, least))


if __name__ == "__main__":
    mainjob.run(filter_candidates)
