#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 10, LoopBack: what came of it, checked, and what the next run is to know: one object.
Who was asked for `restAfter` (10) packages or more rests in the next run. The digest is of the
invitations: the same index and parameters give the same one in any execution."""
import hashlib
from collections import Counter

import mainjob


def look(batches):
    """Counts, and the digest of what passed by."""
    seen = {"packages": Counter(), "dependents": Counter(), "needs": Counter(), "asked": {},
            "batches": [], "messages": 0}
    digest = hashlib.sha256()
    for batch in batches:
        digest.update(mainjob.dump(batch))
        seen["batches"].append((batch["batch"], batch["count"] == len(batch["messages"])))
        for message in batch["messages"]:
            seen["messages"] += 1
            seen["asked"][message["id"]] = len(message["packages"])
            for package in message["packages"]:
                seen["packages"][package["name"]] += 1
                seen["dependents"][package["name"]] += package["dependents"]
                seen["needs"][package["need"]] += 1
    return seen, digest.hexdigest()


def checks(seen, parameters):
    numbers = [number for number, _ in seen["batches"]]
    return {
        "batchesInOrder": numbers == list(range(1, len(numbers) + 1)),
        "batchesWhole": all(whole for _, whole in seen["batches"]),
        "oneMessageASubject": seen["messages"] == len(seen["asked"]),
        "capsHold": max(seen["packages"].values(), default=0) <= parameters.get("perPackage", 3),
    }


def loop_back(batches, parameters):
    seen, digest = look(batches)
    made = checks(seen, parameters)
    if not all(made.values()):
        wrong = ", ".join(name for name, holds in made.items() if not holds)
        raise mainjob.Failure("MainJob.CheckFailed", f"what was dispatched is not right: {wrong}")
    rest = sorted(subject for subject, count in seen["asked"].items()
                  if count >= parameters.get("restAfter", 10))
    wanted = sorted(seen["dependents"].items(), key=lambda item: (-item[1], item[0]))
    yield {
        "messages": seen["messages"],
        "batches": len(seen["batches"]),
        "packages": len(seen["packages"]),
        "needs": dict(sorted(seen["needs"].items())),
        "mostWanted": [name for name, _ in wanted[:10]],
        "checks": made,
        "digest": digest,
        "next": {"parameters": dict(parameters, optOut=sorted(
            set(parameters.get("optOut", [])) | {f"subject {subject}" for subject in rest}))},
    }


def write_object(records, out):
    for record in records:
        out.write(mainjob.dump(record) + b"\n")
    out.flush()
    return 1


if __name__ == "__main__":
    mainjob.run(loop_back, write_object)
