# SPDX-License-Identifier: Apache-2.0
"""Who takes part: how each is started with its durability on, and what puts load on it.

Each answers its clients from loopback alone, keeps its data in the directory it is given, and passes a document
of 1,024 bytes through ten durable steps whose work is nothing."""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

from processes import Failed, Processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
import fleet  # noqa: E402

CACHE = pathlib.Path(os.environ.get("STEPFLEET_RACE_CACHE", pathlib.Path.home() / ".cache/stepfleet-race")).resolve()
HERE = pathlib.Path(__file__).resolve().parent
BENCH = pathlib.Path(os.environ.get("STEPFLEET_BENCH_BIN", "build/release/bin")).resolve()
STEPS = 10


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def http_ok(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status < 300
    except OSError:
        return False


def output(*argv):
    return subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False).stdout.strip()


def npm_version(package):
    return json.loads((CACHE / "npm/node_modules" / package / "package.json").read_text())["version"]


class Contestant:
    """Someone who runs chains; of those who follow, each is started in a directory of its own."""

    name = ""
    needs = ""  # what race/setup calls it; "": nothing
    about = ""  # a line for the page
    client_works = False  # the client runs the steps itself, and its time counts
    sleeps = True  # measured with executions that wait: it has them still after a crash

    def __init__(self, directory):
        self.directory = directory
        self.processes = Processes(directory)
        self.port = fleet.free_port(4)

    @classmethod
    def missing(cls):
        why = CACHE / "missing" / cls.needs
        if cls.needs and why.exists():
            return why.read_text().strip()
        return "" if not cls.needs or (CACHE / "done" / cls.needs).exists() else "race/setup was not run"

    def prepare(self):
        """What comes once, before the first start, and is nobody's start-up time."""

    def start_server(self):
        """Until it answers."""
        raise NotImplementedError

    def start_workers(self):
        """Until they are there."""

    def load(self, *args):
        """The client's command: args are chain IN_FLIGHT WARM SECONDS, or open COUNT SECONDS."""
        raise NotImplementedError

    def settle(self):
        """Executions that were opened come to rest."""

    def stop(self, how=signal.SIGTERM):
        self.processes.stop(how)


class Ours(Contestant):
    name = "stepfleet"
    about = "coordinator and two workers of 128 slots; ten `echo` tasks, Standard"
    slots = 128

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    @staticmethod
    def version():
        return output(fleet.BIN / "stepfleet-coordinator", "--version").splitlines()[0]

    def start_server(self):
        (self.directory / "data").mkdir(exist_ok=True)
        self.processes.start("coordinator", [fleet.BIN / "stepfleet-coordinator", "--data", self.directory / "data",
                                             "--listen", self.url])
        subprocess.run([BENCH / "bench_load", "answers", self.url, "60"], check=True)

    def start_workers(self):
        for i in range(2):
            self.processes.start(f"worker{i}", [fleet.BIN / "stepfleet-worker", "--coordinator", self.url, "--name",
                                                f"w{i}", "--slots", self.slots, "--function", "echo=echo"])

    def load(self, what, *args):
        return [BENCH / "bench_load", what, self.url, *(args if what == "chain" else args[:1])]

    def settle(self):
        subprocess.run([BENCH / "bench_load", "parked", self.url], check=True, stdout=subprocess.DEVNULL, timeout=600)


class Limit(Contestant):
    """A bare loop that writes the rows ours wrote; `shape` is where they are."""

    sleeps = False
    shape = {}

    def __init__(self, directory):
        super().__init__(directory)
        self.at = self.port

    @staticmethod
    def version():
        return "this tree"

    def start_server(self):
        (self.directory / "data").mkdir(exist_ok=True)
        self.processes.start("server", [BENCH / "bench_load", f"{self.name}-server", self.directory / "data", self.at,
                                        self.shape[self.in_flight]])
        self.processes.wait_for("server", lambda: self.up())

    def up(self):
        """Listening, without a connection it would count."""
        listening = f":{self.port:04X} 00000000:0000 0A"
        return any(listening in line for line in pathlib.Path("/proc/net/tcp").read_text().splitlines())

    def load(self, what, *args):
        return [BENCH / "bench_load", self.name, self.at, *args]


class Nng(Limit):
    name = "nng"
    about = "limit: nng, libuv, RocksDB; a request and its reply a stage, the same rows, one sync a turn"

    def __init__(self, directory):
        super().__init__(directory)
        self.at = f"tcp://127.0.0.1:{self.port}"

    def start_workers(self):
        for i in range(2):
            self.processes.start(f"worker{i}", [BENCH / "bench_load", "nng-worker", self.at, i])


class Sockets(Limit):
    name = "sockets"
    about = "limit: bare TCP sockets, nothing asked for; the same rows, one sync a turn"

    def start_workers(self):
        for i in range(2):
            self.processes.start(f"worker{i}", [BENCH / "bench_load", "sockets-worker", self.port])


class Node(Contestant):
    """With a side in JavaScript, which wants its packages beside it."""

    node = CACHE / "bin/node"

    def script(self, name, *args):
        shutil.copy(HERE / "node" / name, CACHE / "npm")
        shutil.copy(HERE / "node/meter.mjs", CACHE / "npm")
        return [self.node, CACHE / "npm" / name, *args]

    def start_script(self, name, argv, **env):
        self.processes.start(name, argv, env={"NODE_ENV": "production", **env})
        self.processes.wait_for(name, lambda: "ready" in self.processes.log(name).split())


class RestateRun(Node):
    name = "restate run"
    needs = "restate"
    about = "10 × ctx.run in one handler; its log's WAL synced, as by default"
    handler = "runs"

    @staticmethod
    def version():
        return f"server {npm_version('@restatedev/restate-server')}, sdk {npm_version('@restatedev/restate-sdk')}"

    def start_server(self):
        ingress, admin, node = self.port, self.port + 1, self.port + 2
        server = CACHE / "npm/node_modules/@restatedev/restate-server-linux-x64/bin/restate-server"
        self.processes.start("restate", [server, "--no-logo", "--bind-ip", "127.0.0.1"], env={
            "RESTATE_BASE_DIR": str(self.directory / "data"), "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LISTEN_MODE": "tcp", "RESTATE_INGRESS__BIND_PORT": str(ingress),
            "RESTATE_ADMIN__BIND_PORT": str(admin), "RESTATE_BIND_PORT": str(node), "RESTATE_LOG_FILTER": "warn"})
        self.processes.wait_for("restate", lambda: http_ok(f"http://127.0.0.1:{ingress}/restate/health") and
                                http_ok(f"http://127.0.0.1:{admin}/health"))

    def start_workers(self):
        service = self.port + 3
        self.start_script("service", self.script("restate.mjs", service), RESTATE_LOGGING="ERROR")
        body = json.dumps({"uri": f"http://127.0.0.1:{service}", "force": True}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port + 1}/deployments", body,
                                         {"Content-Type": "application/json"})
        self.processes.wait_for("restate", lambda: http_ok(request), 30)

    def load(self, *args):
        at = f"http://127.0.0.1:{self.port}/chain"
        return [CACHE / "bin/http-load", "post", f"{at}/{self.handler}", f"{at}/sleep/send", *args]


class RestateCall(RestateRun):
    name = "restate call"
    about = "10 × call of another service's handler"
    handler = "calls"
    sleeps = False  # as with ctx.run


class TemporalActivity(Contestant):
    name = "temporal"
    needs = "temporal"
    about = "development server, SQLite in a file, journal_mode=WAL and synchronous=FULL by --sqlite-pragma; " \
            "10 activities, Go SDK"
    variant = "activity"

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @staticmethod
    def version():
        sdk = [line.split()[-1] for line in (CACHE / "load/go.mod").read_text().splitlines()
               if "go.temporal.io/sdk v" in line]
        return f"{output(CACHE / 'bin/temporal', '--version')}, Go SDK {sdk[0]}"

    def start_server(self):
        self.processes.start("temporal", [
            CACHE / "bin/temporal", "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", self.port,
            "--db-filename", self.directory / "temporal.db", "--sqlite-pragma", "journal_mode=WAL",
            "--sqlite-pragma", "synchronous=FULL", "--log-level", "error"])
        self.processes.wait_for("temporal", lambda: answers(self.port))

    def start_workers(self):
        self.processes.start("worker", [CACHE / "bin/temporal-load", "worker", self.address])

    def load(self, *args):
        return [CACHE / "bin/temporal-load", "load", self.address, self.variant, *args]


class TemporalLocal(TemporalActivity):
    name = "temporal local"
    about = "10 local activities: what they gave is written with the workflow task"
    variant = "local"
    sleeps = False  # as with activities


class Dbos(Node):
    name = "dbos"
    needs = "dbos"
    about = "10 × runStep; application and client are one process, beside PostgreSQL with fsync on"
    client_works = True

    @staticmethod
    def version():
        return f"{npm_version('@dbos-inc/dbos-sdk')}, {output(Dbos.binary('postgres'), '--version')}"

    @staticmethod
    def binary(name):
        places = [pathlib.Path("/usr/lib/postgresql"), CACHE / "deb/usr/lib/postgresql"]
        return max(b for p in places for b in p.glob(f"*/bin/{name}"))

    @property
    def url(self):
        return f"postgresql://race@127.0.0.1:{self.port}/race"

    def prepare(self):
        """PostgreSQL does not run as root."""
        self.data = self.directory / "data"
        self.data.mkdir()
        self.user = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        subprocess.run([self.binary("initdb"), "-D", self.data, "-U", "race", "-A", "trust"], check=True, cwd=self.data,
                       stdout=subprocess.DEVNULL, **self.user)

    def start_server(self):
        self.processes.start("postgres", [self.binary("postgres"), "-D", self.data, "-p", self.port, "-h", "127.0.0.1",
                                          "-k", self.data], cwd=self.data, **self.user)
        check = [self.binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        self.processes.wait_for("postgres", lambda: subprocess.run(check, check=False).returncode == 0)

    def load(self, *args):
        return self.script("dbos.mjs", self.url, *args)

    def stop(self, how=signal.SIGTERM):
        self.processes.stop(signal.SIGINT if how == signal.SIGTERM else how)  # without waiting for clients


class BullJobs(Node):
    name = "bullmq jobs"
    needs = "bullmq"
    about = "ten queues, each stage's worker adds the next job; Redis with appendonly, appendfsync always"
    variant = "jobs"

    @staticmethod
    def version():
        redis = output("env", f"LD_LIBRARY_PATH={CACHE}/deb/usr/lib/x86_64-linux-gnu",
                       CACHE / "deb/usr/bin/redis-server", "--version")
        return f"{npm_version('bullmq')}, {' '.join(redis.split()[:3])}"

    def start_server(self):
        (self.directory / "data").mkdir(exist_ok=True)
        self.processes.start("redis", [CACHE / "deb/usr/bin/redis-server", "--port", self.port, "--bind", "127.0.0.1",
                                       "--dir", self.directory / "data", "--save", "", "--appendonly", "yes",
                                       "--appendfsync", "always"],
                             env={"LD_LIBRARY_PATH": f"{CACHE}/deb/usr/lib/x86_64-linux-gnu"})
        self.processes.wait_for("redis", self.ping)

    def ping(self):
        """Not while it still reads its log."""
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
            s.sendall(b"PING\r\n")
            return s.recv(64).startswith(b"+PONG")

    def start_workers(self):
        self.start_script("worker", self.script("bullmq.mjs", "worker", self.port))

    def load(self, *args):
        return self.script("bullmq.mjs", "load", self.port, self.variant, *args)


class BullSteps(BullJobs):
    name = "bullmq steps"
    about = "one job that notes ten steps by updateData"
    variant = "steps"
    sleeps = False  # as with jobs


class Moto(Contestant):
    name = "moto"
    needs = "moto"
    about = "AWS's API in one Python process, in memory: NOT durable; 10 Pass states, since its tasks want Docker"
    sleeps = False

    @staticmethod
    def version():
        return output(CACHE / "moto/bin/pip", "show", "moto").splitlines()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start_server(self):
        self.processes.start("moto", [CACHE / "moto/bin/moto_server", "-H", "127.0.0.1", "-p", self.port])
        self.processes.wait_for("moto", lambda: http_ok(f"{self.url}/moto-api/data.json"))
        urllib.request.urlopen(f"{self.url}/moto-api/config",
                               json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()).close()

    def machine(self):
        states = {f"S{i}": {"Type": "Pass", **({"Next": f"S{i + 1}"} if i < STEPS else {"End": True})}
                  for i in range(1, STEPS + 1)}
        body = {"name": f"chain{fleet.free_port()}", "roleArn": "arn:aws:iam::123456789012:role/race",
                "definition": json.dumps({"StartAt": "S1", "States": states})}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), {
            "X-Amz-Target": "AWSStepFunctions.CreateStateMachine", "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/aws4_request, "
                             "SignedHeaders=host, Signature=0"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)["stateMachineArn"]
        except urllib.error.HTTPError as e:
            raise Failed(f"CreateStateMachine: {e.code}: {e.read().decode()[:300]}") from e

    def load(self, *args):
        arn = self.machine()
        return [CACHE / "bin/http-load", "states", self.url, arn, arn, *args]


class LocalStack(Moto):
    name = "localstack"
    needs = "localstack"
    about = "the last release that starts without an account; in memory, 10 Pass states as with moto"

    @staticmethod
    def version():
        return output(CACHE / "localstack/bin/pip", "show", "localstack-core").splitlines()[1]

    def start_server(self):
        self.processes.start("localstack", [CACHE / "localstack/bin/python", "-m", "localstack.runtime.main"], env={
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}", "SERVICES": "stepfunctions", "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1", "FILESYSTEM_ROOT": str(self.directory / "data")})
        self.processes.wait_for("localstack", lambda: http_ok(f"{self.url}/_localstack/health"))


PEERS = [Nng, Sockets, RestateRun, RestateCall, TemporalActivity, TemporalLocal, Dbos, BullJobs, BullSteps, Moto,
         LocalStack]
