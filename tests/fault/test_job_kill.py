# SPDX-License-Identifier: Apache-2.0
"""Some rounds of tests/fault/job_kills.py, which does hundreds."""
import pytest
import stores
from job_kills import KINDS, World


@pytest.mark.parametrize("kinds", [KINDS[:3], KINDS[3:]], ids=lambda kinds: "+".join(k.__name__ for k in kinds))
def test_runs_while_everything_is_killed_again_and_again(tmp_path, kinds):
    try:
        world = World(tmp_path, seed=len(kinds[0].__name__))
    except stores.Absent as e:
        pytest.skip(str(e))
    with world:
        kills = sum(world.round(kind, most=6) for kind in kinds)
        world.finish()
    assert kills >= len(kinds), world.killed
