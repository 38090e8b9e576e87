# SPDX-License-Identifier: Apache-2.0
"""Where a job's objects are: in a directory, or on a RADOS Gateway; and how the bench gets at them."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess

from gateway import BUCKET, Gateway
from processes import Failed


class Directory:
    """Files of the disk that is measured: an object that is put is the very file."""

    name = "directory"

    def __init__(self, directory, _room):
        self.root = directory / "objects"
        (self.root / BUCKET).mkdir(parents=True)
        self.objects = {"root": str(self.root)}
        self.env = {}

    def ids(self):
        return []

    def put(self, path, key):
        os.link(path, self.root / BUCKET / key)

    @contextlib.contextmanager
    def read(self, key):
        with open(self.root / BUCKET / key, "rb") as f:
            yield f

    def delete(self, key):
        (self.root / BUCKET / key).unlink()

    def keys(self):
        root = self.root / BUCKET
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def stop(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Server:
    """Ceph: a monitor, an OSD in memory and radosgw, in this machine and on loopback."""

    name = "S3"

    def __init__(self, directory, room):
        free = next(int(line.split()[1]) * 1024 for line in pathlib.Path("/proc/meminfo").read_text().splitlines()
                    if line.startswith("MemAvailable:"))
        if room > free:
            raise Failed(f"it may want {room / 2 ** 30:.0f} GiB of memory, and {free / 2 ** 30:.0f} are free")
        self.gateway = Gateway(directory / "rgw", room)
        self.gateway.call("", "-X", "PUT")
        self.env = self.gateway.env
        self.objects = {"endpoint": self.env["S3_ENDPOINT"], "region": self.env["AWS_REGION"]}

    def ids(self):
        return self.gateway.ids()

    def put(self, path, key):
        with open(path, "rb") as f:
            subprocess.run(self.gateway.put(key, path.stat().st_size), stdin=f, check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def read(self, key):
        with subprocess.Popen(self.gateway.curl(key), stdout=subprocess.PIPE) as get:
            yield get.stdout
        assert get.returncode == 0, f"GET {key}: curl ended with {get.returncode}"

    def delete(self, key):
        self.gateway.call(key, "-X", "DELETE")

    def keys(self):
        """The first thousand."""
        text = subprocess.run(self.gateway.curl("?list-type=2"), check=True, stdout=subprocess.PIPE).stdout.decode()
        return sorted(re.findall(r"<Key>([^<]*)</Key>", text))

    def stop(self):
        self.gateway.stop()
