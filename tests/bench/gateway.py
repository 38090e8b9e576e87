# SPDX-License-Identifier: Apache-2.0
"""A RADOS Gateway for benchmarks, and what they ask of it."""
import hashlib
import hmac
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import fleet

MIB = 1024 * 1024
BUCKET = "bench"


class Gateway:
    """A RADOS Gateway of our own, and curl against it."""

    def __init__(self, directory, room):
        self.dir = directory
        self.rgw = pathlib.Path(__file__).resolve().parents[1] / "lib" / "rgw"
        self.port = fleet.free_port(1)
        run = subprocess.run([self.rgw, "start", directory, str(self.port)], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "RGW_BYTES": str(room)})
        if run.returncode != 0:
            sys.exit(run.returncode)
        self.env = dict(line.removeprefix("export ").split("=", 1) for line in run.stdout.splitlines())

    def stop(self):
        subprocess.run([self.rgw, "stop", self.dir], check=True)

    def ids(self):
        """Of its three processes."""
        return [int((pathlib.Path(self.dir) / f"{name}.pid").read_text()) for name in ("mon.a", "osd.0", "client.rgw")]

    def curl(self, key, *args):
        e = self.env
        return ["curl", "-sS", "--fail-with-body", "--aws-sigv4", f"aws:amz:{e['AWS_REGION']}:s3",
                "-u", f"{e['AWS_ACCESS_KEY_ID']}:{e['AWS_SECRET_ACCESS_KEY']}",
                "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", *args,
                f"{e['S3_ENDPOINT']}/{BUCKET}{'/' if key else ''}{key}"]

    def call(self, key, *args):
        subprocess.run(self.curl(key, *args), check=True, stdout=subprocess.DEVNULL)

    def put(self, key, size):
        """curl that stores `size` bytes of its standard input. The URL is signed, since curl would sign the
        headers by which it is told the length as well, and wrongly."""
        return ["curl", "-sS", "--fail-with-body", "-T", "-", "-H", f"Content-Length: {size}",
                "-H", "Transfer-Encoding:", self.signed("PUT", f"/{BUCKET}/{key}")]

    def signed(self, method, path):
        """A URL that allows one method on one path for an hour. Source: AWS, Signature Version 4."""
        e, host = self.env, self.env["S3_ENDPOINT"].removeprefix("http://")
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{now[:8]}/{e['AWS_REGION']}/s3/aws4_request"
        query = urllib.parse.urlencode({
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{e['AWS_ACCESS_KEY_ID']}/{scope}",
            "X-Amz-Date": now, "X-Amz-Expires": "3600", "X-Amz-SignedHeaders": "host"})
        request = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = ("AWS4" + e["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{e['S3_ENDPOINT']}{path}?{query}&X-Amz-Signature={signature}"

    def digest(self, key):
        digest, size = hashlib.sha256(), 0
        with subprocess.Popen(self.curl(key), stdout=subprocess.PIPE) as get:
            while block := get.stdout.read(MIB):
                digest.update(block)
                size += len(block)
        assert get.returncode == 0, f"GET {key}: curl ended with {get.returncode}"
        return digest.hexdigest(), size
