# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that run real processes."""
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import fleet as fleets  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "tsan: also run under the thread sanitizer")


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory):
    """What is killed leaves its temporary files below pytest's directory, which pytest removes."""
    with pytest.MonkeyPatch.context() as m:
        m.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
        m.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture
def fleet(tmp_path):
    """A coordinator with a directory store; the test starts its workers."""
    with fleets.Fleet(tmp_path) as f:
        f.start_coordinator()
        yield f
        f.check_reports()


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory):
    """One for the tests of a file, where AWS's clients come in with its `key`."""
    with fleets.Fleet(tmp_path_factory.mktemp("coordinator"), http={}) as f:
        f.start_coordinator()
        f.key = f.json("key", "create", "--role", "admin")
        yield f
        f.check_serves()
