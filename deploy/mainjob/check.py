#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a job did what it should: its output, made out in one process without the job's code, and
how its run went.

usage: check.py same ARRAY ARRAY                   the same records, in whatever order
       check.py by-size PACKAGES SORTED COUNTERS   PACKAGES (stage 1's output) by size and name, as
                                                   JSON Lines; COUNTERS as `job status --json` has
                                                   them
       check.py killed SHARD MOMENT <STATUS        of all shards in STATUS (`job status --json
                                                   --pieces MAP`) SHARD alone failed, and the run
                                                   was under way at MOMENT (ISO 8601, UTC)"""
import json
import sys


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def same(one, other):
    """How many there are."""
    one, other = (sorted(json.dumps(record, sort_keys=True) for record in read(path))
                  for path in (one, other))
    if one != other:
        sys.exit(f"check: {len(one)} and {len(other)} records, and they are not the same")
    return f"{len(one):,} records"


def by_size(packages, by_size, counters):
    packages = read(packages)
    with open(by_size, encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    wanted = [{"installedKiB": p["installedKiB"], "name": p["name"], "version": p["version"],
               "maintainer": p["maintainer"]["email"]} for p in packages]
    wanted.sort(key=lambda record: (-record["installedKiB"], record["name"]))
    for i, (one, other) in enumerate(zip(found, wanted)):
        if one != other:
            sys.exit(f"check: record {i} is {one}, not {other}")
    if len(found) != len(wanted):
        sys.exit(f"check: {len(found)} records, not {len(wanted)}")
    total = sum(record["installedKiB"] for record in wanted)
    if json.loads(counters) != {"installedKiB": total}:
        sys.exit(f"check: the counters are {counters}, not installedKiB: {total}")
    return f"{len(found):,} records, {total:,} KiB"


def killed(shard, moment):
    run = json.load(sys.stdin)
    begun, ended = run["startedOn"], run["completedOn"]
    failures = {str(p["piece"]): p["failures"] for p in run["pieces"] if p["failures"]}
    if list(failures) != [shard] or not begun < moment < ended:
        sys.exit(f"check: failures of shards: {failures}; {begun} < {moment} < {ended}")
    return (f"{len(run['pieces'])} shards; shard {shard} alone failed, in {failures[shard]} of its "
            f"attempts; begun {begun[11:19]}, the coordinator killed {moment[11:19]}, "
            f"ended {ended[11:19]}")


def main():
    checks = {"same": (same, 2), "by-size": (by_size, 3), "killed": (killed, 2)}
    check, count = checks.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if check is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    print(check(*sys.argv[2:]))


if __name__ == "__main__":
    main()
