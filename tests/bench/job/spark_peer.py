# SPDX-License-Identifier: Apache-2.0
"""What Spark does beside ours, local[2], in an interpreter of its own: usage spark_peer.py SOURCE OUTPUT. Its seconds,
counted when the session stands, as JSON on stdout. OUTPUT becomes a directory of files, which are synced."""
import json
import os
import pathlib
import sys
import time

from pyspark.sql import SparkSession

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "race"))
from processes import cpu_seconds  # noqa: E402

source, output = sys.argv[1:]
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "4g").config("spark.local.dir", os.environ["TMPDIR"])
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate())
begun, before = time.monotonic(), cpu_seconds([os.getpid()])
read = spark.read.schema("id string, level string, user string, latency double").json(source)
read.where("level = 'error' and latency > 250").select("id", "user", "latency").write.json(output)
for part in pathlib.Path(output).glob("part-*"):
    with open(part, "rb") as f:
        os.fsync(f.fileno())
print(json.dumps({"seconds": time.monotonic() - begun, "cpu": {"peer": cpu_seconds([os.getpid()]) - before}}))
spark.stop()
