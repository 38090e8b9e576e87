# SPDX-License-Identifier: Apache-2.0
"""One worker eight times slower than the rest costs a job little: tests/fault/job_straggler.py measures how little. The
bounds here are what holds on a machine that does much else."""
from fleet import wait_until
from job_straggler import Race


def test_one_slow_worker_costs_little(tmp_path):
    """A piece takes it as long as the others need for 24: left to itself, it would begin its second one when five are
    left, and keep all waiting for half as long again."""
    with Race(tmp_path, chunk_ms=200) as race:
        alone = race.run(30)
        race.slow()
        beside = race.run(30)
    print(alone, beside)
    assert beside["seconds"] <= alone["seconds"] * 1.25 + 0.5, (alone, beside)
    assert beside["extra"] <= 0.05 and beside["read_twice"] <= 0.1, (alone, beside)


def test_a_worker_that_stands_still_is_overtaken(tmp_path):
    """With a piece in its hands, while its heartbeats come as before."""
    with Race(tmp_path, chunk_ms=40, job_clean_up="1s") as race:
        def halfway(run):
            wait_until(lambda: race.jobs.status(run).get("progress", {}).get("done", 0) >= 20, 60, 0.05)
            race.brake("w1")
        got = race.run(45, halfway)
        assert got["seconds"] < 60 and got["twice"] == 1 and got["extra"] <= 0.05, got
        race.jobs.over()  # its handler is ended, and what it had written is gone
