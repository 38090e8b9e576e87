# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that run real processes."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))
import fleet as fleets  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "tsan: also run under the thread sanitizer")


@pytest.fixture
def fleet(tmp_path):
    """A coordinator with a directory store; the test starts its workers."""
    with fleets.Fleet(tmp_path) as f:
        f.start_coordinator()
        yield f
        # A sanitizer's report is a failure, whatever the test saw.
        for p in [f.coordinator, *f.workers.values()]:
            assert "ERROR: AddressSanitizer" not in p.text() and "runtime error:" not in p.text(), p.text()
            assert "WARNING: ThreadSanitizer" not in p.text(), p.text()
