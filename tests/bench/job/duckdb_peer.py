# SPDX-License-Identifier: Apache-2.0
"""What DuckDB does beside ours, in an interpreter of its own: a query as JSON on stdin, its seconds as JSON on stdout.

  {"sql": "...", "threads": 2, "sync": path or null, "s3": null or {"endpoint", "region", "key", "secret"}}"""
import json
import os
import pathlib
import sys
import time

import duckdb

asked = json.load(sys.stdin)
c = duckdb.connect(config={"threads": asked["threads"]})
c.execute("SET preserve_insertion_order = false")  # the faster way; who sorts says so
if asked["s3"]:
    s3 = asked["s3"]
    import duckdb_extension_httpfs
    found = next(pathlib.Path(duckdb_extension_httpfs.__file__).parent.glob("extensions/*/httpfs.duckdb_extension"))
    c.execute(f"LOAD '{found}'")
    c.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{s3['key']}', SECRET '{s3['secret']}', ENDPOINT '{s3['endpoint']}', "
              f"REGION '{s3['region']}', URL_STYLE 'path', USE_SSL false)")
begun = time.monotonic()
c.execute(asked["sql"])
if asked["sync"]:
    with open(asked["sync"], "rb") as f:
        os.fsync(f.fileno())
print(json.dumps({"seconds": time.monotonic() - begun}))
