# SPDX-License-Identifier: Apache-2.0
"""The stores that stages' outputs can be in, alike for tests: a directory, a real Ceph RADOS Gateway, and
the small server that fails on request. Each says how daemons reach it (`objects` and `env`, for Fleet) and
what is in it: get(key), keys(), uploads(). One bucket, "lake"."""
import pathlib
import re
import subprocess

import faulty_s3
from fleet import free_port

BUCKET = "lake"
RGW = pathlib.Path(__file__).parent / "rgw"


class Absent(Exception):
    """This machine has no such store."""


class Directory:
    def __init__(self, directory):
        self.root = pathlib.Path(directory) / "objects"
        self.objects = {"root": str(self.root)}
        self.env = {}

    def get(self, key):
        path = self.root / BUCKET / key
        return path.read_bytes() if path.exists() else None

    def put(self, key, data):
        path = self.root / BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def keys(self):
        root = self.root / BUCKET
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def uploads(self):
        root = self.root / ".uploads"
        return [str(p) for p in root.iterdir()] if root.exists() else []

    def stop(self):
        pass


class Gateway:
    """Ceph: a monitor, an OSD in memory and radosgw, as tests/lib/rgw starts them."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        run = self._start()
        if run.returncode == 1:  # somebody took one of the two ports meanwhile
            self._rgw("stop")
            run = self._start()
        if run.returncode == 77:
            raise Absent(run.stderr.strip())
        assert run.returncode == 0, run.stderr
        said = dict(line.removeprefix("export ").split("=", 1) for line in run.stdout.splitlines())
        self.endpoint = said["S3_ENDPOINT"]
        self.objects = {"endpoint": self.endpoint, "region": said["AWS_REGION"]}
        self.env = {k: v for k, v in said.items() if k.startswith("AWS_")}
        self.curl("", "-X", "PUT")

    def _start(self):
        return subprocess.run([RGW, "start", self.dir, str(free_port(1))], capture_output=True, text=True, timeout=180)

    def curl(self, path, *args):
        """The answer's body; None where there is no such object."""
        e = self.env
        run = subprocess.run(
            ["curl", "-s", "-w", "%{http_code}", "--max-time", "30", "--aws-sigv4", f"aws:amz:{e['AWS_REGION']}:s3",
             "-u", f"{e['AWS_ACCESS_KEY_ID']}:{e['AWS_SECRET_ACCESS_KEY']}",
             "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *args, f"{self.endpoint}/{BUCKET}{path}"],
            capture_output=True, timeout=60)
        body, status = run.stdout[:-3], run.stdout[-3:]
        assert status[:1] == b"2" or status == b"404", (path, run)
        return body if status[:1] == b"2" else None

    def get(self, key):
        return self.curl("/" + key)

    def put(self, key, data):
        path = self.dir / "to-be-put"
        path.write_bytes(data)
        self.curl("/" + key, "-T", str(path))

    def delete(self, key):
        self.curl("/" + key, "-X", "DELETE")

    def _rados(self, pool, *args):
        return subprocess.run(["rados", "-c", self.dir / "ceph.conf", "-p", f"default.rgw.buckets.{pool}", *args],
                              check=True, capture_output=True, text=True, timeout=60).stdout

    def keep_uploads(self):
        """Remember the uploads there are, for bring_back_uploads(): Ceph has them in a pool and in an index."""
        self._rados("non-ec", "export", str(self.dir / "uploads"))
        self.kept = []
        for index in self._rados("index", "ls").split():
            for key in self._rados("index", "listomapkeys", index).split("\n"):
                if key.startswith("_multipart_"):
                    self.kept.append((index, key, str(self.dir / f"kept-{len(self.kept)}")))
                    self._rados("index", "getomapval", *self.kept[-1])

    def bring_back_uploads(self):
        """As a gateway leaves them that dies late in a completion."""
        self._rados("non-ec", "import", str(self.dir / "uploads"))
        for index, key, value in self.kept:
            self._rados("index", "setomapval", index, key, "--input-file", value)

    def requests(self, key):
        """What radosgw's log has of an object, for the message of a failure."""
        lines = (self.dir / "client.rgw.log").read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if key in line and '" ' in line)

    def keys(self):
        return sorted(re.findall(r"<Key>([^<]*)</Key>", self.curl("?list-type=2").decode()))

    def uploads(self):
        return re.findall(r"<UploadId>([^<]*)</UploadId>", self.curl("?uploads=").decode())

    def _rgw(self, what):
        subprocess.run([RGW, what, self.dir], check=True, timeout=120)

    def short_locks(self):
        """A gateway that dies within a completion leaves a lock on the upload: Ceph lets nobody else complete it
        for ten minutes, unless told otherwise."""
        with open(self.dir / "ceph.conf", "a") as f:
            f.write("rgw mp lock max time = 5\n")
        self.restart()

    def kill(self):
        self._rgw("kill")

    def restart(self):
        self._rgw("restart")

    def stop(self):
        self._rgw("stop")


class Faulty:
    """tests/lib/faulty_s3.py, in this process."""

    def __init__(self):
        self.server = faulty_s3.Server()
        self.store = self.server.store
        self.store.buckets[BUCKET] = {}
        self.objects = {"endpoint": self.server.endpoint, "region": "us-east-1"}
        self.env = {"AWS_ACCESS_KEY_ID": "AKIDFORTESTS", "AWS_SECRET_ACCESS_KEY": "verysecretindeed"}

    def get(self, key):
        with self.store.lock:
            found = self.store.buckets[BUCKET].get(key)
        return found["body"] if found else None

    def put(self, key, data):
        self.store.put(BUCKET, key, data)

    def keys(self):
        with self.store.lock:
            return sorted(self.store.buckets[BUCKET])

    def uploads(self):
        with self.store.lock:
            return list(self.store.uploads)

    def stop(self):
        self.server.kill()
