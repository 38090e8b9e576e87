# SPDX-License-Identifier: Apache-2.0
"""A small file system in memory, for a disk that fills. Mounting one needs root."""
import contextlib
import os
import subprocess

import pytest

MIB = 1024 * 1024


@contextlib.contextmanager
def small_disks(directory):
    """A function that makes a directory there, by its name, of so many MiB of its own."""
    mounted = []

    def mount(name, mib):
        path = directory / name
        path.mkdir()
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "none", path],
                             capture_output=True, text=True)
        if run.returncode != 0:
            pytest.skip(f"a file system cannot be mounted here: {run.stderr.strip()}")
        mounted.append(path)
        return path

    try:
        yield mount
    finally:
        for path in mounted:
            subprocess.run(["umount", "-l", path], check=True)


def free_bytes(path):
    s = os.statvfs(path)
    return s.f_bavail * s.f_frsize


def fill(path, leave):
    """A file that takes all but `leave` bytes of its file system."""
    with open(path, "wb") as f:
        while free_bytes(path.parent) > leave:
            f.write(b"\0" * max(4096, min(MIB, free_bytes(path.parent) - leave)))
            f.flush()
