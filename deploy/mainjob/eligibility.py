#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stage 6, Eligibility: a package may be offered where it needs somebody (it is orphaned, or one
person keeps it alone), a subject may be asked where it has experience (`minPackages`, 2 without
that parameter) and is not that person under another address. What is left says why."""
import mainjob

ORPHANED = "packages@qa.debian.org"  # the maintainer of what has none


def need_of(package):
    owner = package["owner"]
    if owner["id"] == ORPHANED:
        return "orphaned"
    return None if owner["team"] else "one-maintainer"


def check(records, parameters):
    least = parameters.get("minPackages", 2)
    for record in records:
        subject = record["subject"]
        need = need_of(record["package"])
        if (need is not None and subject["id"] != ORPHANED and subject["packageCount"] >= least
                and subject["name"] != record["package"]["owner"]["name"]):
            record["need"] = need
            yield record


if __name__ == "__main__":
    mainjob.run(check)
