# SPDX-License-Identifier: Apache-2.0
"""One worker eight times slower than the rest costs a job little: tests/fault/job_straggler.py measures how little. The
bounds here are what holds on a machine that does much else."""
from job_straggler import Race


def test_one_slow_worker_costs_little(tmp_path):
    with Race(tmp_path, chunk_ms=20) as race:
        alone = race.run(45)
        race.slow()
        beside = race.run(45)
    # Whoever waited for the slow one to do its share would take twice as long and more.
    assert beside["seconds"] <= alone["seconds"] * 1.35 + 1, (alone, beside)
    assert beside["extra"] <= 0.05 and beside["read_twice"] <= 0.1, (alone, beside)
