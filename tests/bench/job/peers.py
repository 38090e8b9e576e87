# SPDX-License-Identifier: Apache-2.0
"""Who does the same work beside a job: filters and sorts of the same lines, each ending with its output on disk (or in
the store), synced. Each gives the seconds that count for it: those of its query, where it has a start-up of its own."""
import json
import os
import pathlib
import shutil
import subprocess
import time

from gateway import BUCKET
from processes import Failed, die_with_parent

CACHE = pathlib.Path(os.environ.get("STEPFLEET_RACE_CACHE", pathlib.Path.home() / ".cache/stepfleet-race")).resolve()
HERE = pathlib.Path(__file__).resolve().parent
BENCH = pathlib.Path(os.environ.get("STEPFLEET_BENCH_BIN", "build/release/bin")).resolve()
RECORDS = BENCH / "bench_records"
THREADS = 2
PEER_SECONDS = 3600


def output(*argv):
    return subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False).stdout.strip()


def check(argv, directory, **more):
    """A program that runs to its end; its standard output where that is asked for."""
    with open(directory / "peer.log", "ab") as log:
        run = subprocess.run([str(a) for a in argv], stderr=log, check=False, timeout=PEER_SECONDS,
                             preexec_fn=die_with_parent, **more)
    if run.returncode != 0:
        words = (directory / "peer.log").read_text(errors="replace").split()
        raise Failed(f"{pathlib.Path(argv[0]).name} ended with {run.returncode}: {' '.join(words[-40:])}")
    return run.stdout


def pipe(commands, directory, last=None):
    """Programs, the one's output the next one's input."""
    running, source = [], None
    with open(directory / "peer.log", "ab") as log:
        for argv in commands:
            out = last if argv is commands[-1] else subprocess.PIPE
            p = subprocess.Popen([str(a) for a in argv], stdin=source, stdout=out, stderr=log,
                                 preexec_fn=die_with_parent)
            if source is not None:
                source.close()
            source = p.stdout
            running.append(p)
        ended = [p.wait(PEER_SECONDS) for p in running]
    if any(ended):
        raise Failed(f"a program of the pipe ended with {ended}")


def sync(path):
    with open(path, "rb") as f:
        os.fsync(f.fileno())


class Peer:
    name = ""
    needs = ""  # what race/setup calls it; "": nothing
    about = ""
    place = "directory"  # where its data is; there ours is measured beside it
    order = True  # its lines come in the input's order
    writes = True

    def __init__(self, directory, place):
        self.directory = directory
        self.at = place

    @classmethod
    def missing(cls):
        why = CACHE / "missing" / cls.needs
        if cls.needs and why.exists():
            return why.read_text().strip()
        return "" if not cls.needs or (CACHE / "done" / cls.needs).exists() else "race/setup was not run"

    @staticmethod
    def version():
        return ""

    def run(self, source, result):
        """The lines of `source`, filtered or sorted, in the file `result`; {"seconds", "whole"}. `source` and `result`
        are files in a directory, or keys of a server's objects."""
        raise NotImplementedError


class Pipe(Peer):
    name = "pipe"
    about = "`cat FILE | handler > FILE`, and its sync: one after the other, but for what a pipe does side by side"

    def run(self, source, result):
        begun = time.monotonic()
        with open(result, "wb") as out:
            pipe([["cat", source], [RECORDS, "filter"]], self.directory, out)
        sync(result)
        return {"seconds": time.monotonic() - begun}


class CurlPipe(Peer):
    name = "curl pipe"
    place = "S3"
    about = "`curl GET | handler | curl PUT`; the PUT is told beforehand how long the output will be"
    bytes = 0  # of the output

    @staticmethod
    def version():
        return " ".join(output("curl", "--version").split()[:2])

    def run(self, source, result):
        gateway = self.at.gateway
        begun = time.monotonic()
        with open(os.devnull, "wb") as nowhere:
            pipe([gateway.curl(source), [RECORDS, "filter"], gateway.put(result, self.bytes)], self.directory, nowhere)
        return {"seconds": time.monotonic() - begun}


class CurlGet(Peer):
    name = "curl GET"
    place = "S3"
    writes = False
    about = "limit: the object is read, by one connection, and nothing is done with it"

    def run(self, source, result):
        begun = time.monotonic()
        check(self.at.gateway.curl(source), self.directory, stdout=subprocess.DEVNULL)
        return {"seconds": time.monotonic() - begun}


def python(needs):
    return CACHE / needs / "bin/python"


def duckdb_version(needs):
    return output(python(needs), "-c", "import duckdb; print(duckdb.__version__)")


class DuckDB(Peer):
    name = "duckdb"
    needs = "duckdb"
    about = f"`read_json` with the columns it needs named, `COPY ... (FORMAT json)`; {THREADS} threads, " \
            "preserve_insertion_order off"
    order = False
    from_s3 = False

    @classmethod
    def version(cls):
        return duckdb_version(cls.needs)

    def sql(self, source, result):
        return f"""COPY (SELECT id, "user", latency FROM read_json('{source}', format = 'newline_delimited',
            columns = {{id: 'VARCHAR', level: 'VARCHAR', "user": 'VARCHAR', latency: 'DOUBLE'}})
            WHERE level = 'error' AND latency > 250) TO '{result}' (FORMAT json)"""

    def secret(self):
        e = self.at.env
        return {"endpoint": e["S3_ENDPOINT"].removeprefix("http://"), "region": e["AWS_REGION"],
                "key": e["AWS_ACCESS_KEY_ID"], "secret": e["AWS_SECRET_ACCESS_KEY"]}

    def run(self, source, result):
        if self.from_s3:
            source, result = (f"s3://{BUCKET}/{key}" for key in (source, result))
        asked = {"sql": self.sql(source, result), "threads": THREADS, "sync": None if self.from_s3 else str(result),
                 "s3": self.secret() if self.from_s3 else None}
        begun = time.monotonic()
        told = check([python(self.needs), HERE / "duckdb_peer.py"], self.directory, input=json.dumps(asked).encode(),
                     stdout=subprocess.PIPE, cwd=self.directory)
        return json.loads(told) | {"whole": time.monotonic() - begun}


class DuckDBFromS3(DuckDB):
    name = "duckdb S3"
    needs = "duckdb-s3"
    place = "S3"
    from_s3 = True
    about = "the same from and to the server by its httpfs, which PyPI has for an older release"


class Spark(Peer):
    name = "pyspark"
    needs = "pyspark"
    about = "`local[2]`, a schema of the columns it needs, `write.json`; counted from when the session stands"
    order = False

    @staticmethod
    def version():
        java = output("java", "-version").splitlines()
        return output(python("pyspark"), "-c", "import pyspark; print(pyspark.__version__)") + \
            (f", {java[0]}" if java else "")

    @classmethod
    def missing(cls):
        return super().missing() or ("" if shutil.which("java") else "there is no Java")

    def run(self, source, result):
        parts = self.directory / "spark"
        begun = time.monotonic()
        told = check([python("pyspark"), HERE / "spark_peer.py", source, parts], self.directory,
                     stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(self.directory)})
        whole = time.monotonic() - begun
        with open(result, "wb") as out:
            for part in sorted(parts.glob("part-*")):
                out.write(part.read_bytes())
        shutil.rmtree(parts)
        return json.loads(told.splitlines()[-1]) | {"whole": whole}


class GnuSort(Peer):
    name = "GNU sort"
    about = f"`LC_ALL=C sort -S 1G --parallel={THREADS}` of whole lines, which begin with the key"

    @staticmethod
    def version():
        return output("sort", "--version").splitlines()[0]

    def run(self, source, result):
        begun = time.monotonic()
        check(["sort", "-S", "1G", f"--parallel={THREADS}", "-T", self.directory, "-o", result, source],
              self.directory, env={**os.environ, "LC_ALL": "C"})
        sync(result)
        return {"seconds": time.monotonic() - begun}


class DuckDBSort(DuckDB):
    about = f"`read_json` of all columns, `ORDER BY id`, `COPY ... (FORMAT json)`; {THREADS} threads"
    order = True

    def sql(self, source, result):
        columns = "id: 'VARCHAR', \"time\": 'VARCHAR', level: 'VARCHAR', service: 'VARCHAR', \"user\": 'VARCHAR', " \
            "session: 'VARCHAR', latency: 'DOUBLE', status: 'INTEGER', bytes: 'INTEGER', path: 'VARCHAR', " \
            "tags: 'VARCHAR[]', client: 'STRUCT(ip VARCHAR, level VARCHAR, agent VARCHAR)', message: 'VARCHAR'"
        return f"""COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited',
            columns = {{{columns}}}) ORDER BY id) TO '{result}' (FORMAT json)"""


class DuckDBSortLines(DuckDB):
    name = "duckdb text"
    about = f"lines as they are by `read_csv`, ordered by the whole line, which begins with the key; {THREADS} threads"
    order = True

    def sql(self, source, result):
        return f"""COPY (SELECT line FROM read_csv('{source}', columns = {{line: 'VARCHAR'}}, auto_detect = false,
            header = false, delim = '\x01', quote = '', escape = '') ORDER BY line)
            TO '{result}' (FORMAT csv, HEADER false, DELIM '\x01', QUOTE '', ESCAPE '')"""


FILTERS = [Pipe, DuckDB, Spark, CurlGet, CurlPipe, DuckDBFromS3]
SORTS = [GnuSort, DuckDBSort, DuckDBSortLines]
