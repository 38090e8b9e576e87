#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The handler of by_size.job.json: of each package its installed size, name, version and
maintainer, as JSON Lines. The job sorts what all shards wrote by size and name; the counter
installedKiB is the sum of all."""
import mainjob


def main():
    counters = {"installedKiB": 0}

    def sizes(packages, parameters):
        for package in packages:
            counters["installedKiB"] += package["installedKiB"]
            yield {"installedKiB": package["installedKiB"], "name": package["name"],
                   "version": package["version"],
                   "maintainer": package["maintainer"]["email"]}

    mainjob.run(sizes, mainjob.write_lines, counters)


if __name__ == "__main__":
    main()
