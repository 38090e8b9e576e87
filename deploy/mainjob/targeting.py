#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 8, Targeting: who is asked for what. Scores each candidate, keeps the best `perPackage` (3)
subjects of each package, and of all the best `targets` (2000); best first. Integers alone, so that
the same input gives the same order anywhere."""
import mainjob


def score(record):
    """What depends on it, as a count and as a share of the subject's packages; orphans first."""
    dependents = record["dependents"]
    share = dependents * 1000 // record["subject"]["packageCount"]
    return 10 * dependents + share + (500 if record["need"] == "orphaned" else 0)


def best_first(record):
    return -record["score"], record["package"]["name"], record["subject"]["id"]


def target(records, parameters):
    per_package = parameters.get("perPackage", 3)
    chosen = []
    taken = {}
    scored = [dict(record, score=score(record)) for record in records]
    for record in sorted(scored, key=best_first):
        name = record["package"]["name"]
        taken[name] = taken.get(name, 0) + 1
        if taken[name] <= per_package:
            chosen.append(record)
    for rank, record in enumerate(chosen[:parameters.get("targets", 2000)], 1):
        record["rank"] = rank
        yield record


if __name__ == "__main__":
    mainjob.run(target)
