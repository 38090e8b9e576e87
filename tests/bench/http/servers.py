# SPDX-License-Identifier: Apache-2.0
"""Who is asked: how each is started with its durability as said, and what bench_http is told to ask it for."""
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request

import contestants
import fleet
from contestants import BENCH, CACHE, Contestant, http_ok, npm_version, output
from processes import Failed

BENCH_HTTP = BENCH / "bench_http"
DEFINITION = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
MOST_QUEUES = 4


def ask(url, target, body):
    """One request in AWS's JSON; those who check no signature go by its scope."""
    service = "sqs" if target.startswith("AmazonSQS") else "states"
    request = urllib.request.Request(url, json.dumps(body).encode(), {
        "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/{service}/aws4_request, "
                         "SignedHeaders=host, Signature=0"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as e:
        raise Failed(f"{target}: {e.code}: {e.read().decode()[:300]}") from e


class Server(Contestant):
    """One to be asked for one thing."""

    part = ""  # "starts", or "cycles": messages sent, received and deleted
    durable = ""  # what is on disk before an answer
    options = ()  # of bench_http, beside what asked() says
    syncs = False  # measured on a slower disk, too

    def load(self, connections, warm, seconds):
        """What bench_http is told, and what its environment has."""
        argv = [BENCH_HTTP, *self.asked(), "-c", connections, "-w", warm, "-s", seconds, *self.options]
        return [str(a) for a in argv], {}

    def asked(self):
        raise NotImplementedError


class Aws(Server):
    """One that speaks AWS's JSON."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def machine(self):
        return ask(self.url, "AWSStepFunctions.CreateStateMachine", {
            "name": "bench", "roleArn": "arn:aws:iam::123456789012:role/bench", "definition": DEFINITION})[
                "stateMachineArn"]

    def queue(self, number):
        fifo = "-f" in self.options
        name = "bench" + (str(number) if number else "") + (".fifo" if fifo else "")
        return ask(self.url, "AmazonSQS.CreateQueue", {
            "QueueName": name, **({"Attributes": {"FifoQueue": "true"}} if fifo else {})})["QueueUrl"]

    def asked(self):
        if self.part == "starts":
            return ["starts", self.port, "-m", self.machine()]
        return ["sqs", self.port, "-q", [self.queue(n) for n in range(MOST_QUEUES)][0].removesuffix(".fifo")]


class Ours(Aws):
    name = "stepfleet"
    about = "no keys: open on loopback"
    durable = "every answer"
    open = True

    @staticmethod
    def version():
        return output(fleet.BIN / "stepfleet-coordinator", "--version").splitlines()[0]

    @property
    def rpc(self):
        return f"tcp://127.0.0.1:{self.port + 1}"

    def start_server(self):
        (self.directory / "data").mkdir()
        self.processes.start("coordinator", [
            fleet.BIN / "stepfleet-coordinator", "--data", self.directory / "data", "--listen", self.rpc, "--http",
            self.url, "--log", "warn", *(["--open"] if self.open else [])])
        subprocess.run([BENCH / "bench_load", "answers", self.rpc, "60"], check=True)


class OurStarts(Ours):
    part = "starts"


class OurSignedStarts(Ours):
    name = "stepfleet, signed"
    about = "an access key; each request's signature is checked"
    part = "starts"
    open = False

    def cli(self, *argv):
        run = subprocess.run([fleet.BIN / "stepfleet", "--coordinator", self.rpc, *argv, "--json"], check=True,
                             stdout=subprocess.PIPE, text=True)
        return json.loads(run.stdout)

    def machine(self):
        (self.directory / "bench.asl.json").write_text(DEFINITION)
        return self.cli("machine", "create", "bench", self.directory / "bench.asl.json")["stateMachineArn"]

    def load(self, *args):
        argv, _ = super().load(*args)
        key = self.cli("key", "create", "--role", "run")
        return argv, {"AWS_ACCESS_KEY_ID": key["accessKeyId"], "AWS_SECRET_ACCESS_KEY": key["secretAccessKey"]}


class Echo(Server):
    name = "echo"
    about = "limit: our HTTP server alone, which answers every request the same"
    part = "starts"
    durable = "nothing"

    @staticmethod
    def version():
        return "this tree"

    def start_server(self):
        self.processes.start("echo", [BENCH_HTTP, "echo", self.port])
        self.processes.wait_for("echo", lambda: contestants.answers(self.port))

    def asked(self):
        return ["starts", self.port, "-m", "arn:aws:states:us-east-1:123456789012:stateMachine:bench"]


class StepFunctionsLocal(Aws, contestants.Node):
    name = "stepfunctions-local"
    needs = "stepfunctions-local"
    about = "npm's; JavaScript, one process"
    part = "starts"
    durable = "nothing: in memory"

    @staticmethod
    def version():
        return npm_version("stepfunctions-local")

    def start_server(self):
        bin_dir = CACHE / "npm/node_modules/stepfunctions-local/bin"
        self.processes.start("server", [self.node, bin_dir / "stepfunctions-local.js", "start", "--port", self.port],
                             env={"PATH": f"{CACHE / 'bin'}:{os.environ['PATH']}"})
        self.processes.wait_for("server", lambda: contestants.answers(self.port))


class MotoStarts(Aws, contestants.Moto):
    about = "Python, one process of threads; the execution itself is not run"
    part = "starts"
    durable = "nothing: in memory"

    def start_server(self):
        self.processes.start("moto", [CACHE / "moto/bin/moto_server", "-H", "127.0.0.1", "-p", self.port])
        self.processes.wait_for("moto", lambda: http_ok(f"{self.url}/moto-api/data.json"))


class LocalStackStarts(Aws, contestants.LocalStack):
    about = "the last release that starts without an account"
    part = "starts"
    durable = "nothing: in memory"

    def start_server(self):
        self.processes.start("localstack", [CACHE / "localstack/bin/python", "-m", "localstack.runtime.main"], env={
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}", "SERVICES": "stepfunctions,sqs", "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1", "FILESYSTEM_ROOT": str(self.directory / "data")})
        self.processes.wait_for("localstack", lambda: http_ok(f"{self.url}/_localstack/health"))


class OurCycles(Ours):
    part = "cycles"
    syncs = True


class OurQueues(OurCycles):
    name = "stepfleet, 4 queues"
    syncs = False
    options = ("-n", MOST_QUEUES)


class OurBatches(OurCycles):
    name = "stepfleet, batches of 10"
    options = ("-b", 10)


class OurFifo(OurCycles):
    name = "stepfleet, FIFO"
    syncs = False
    about = "a group each connection, a deduplication id each message"
    options = ("-f",)


class MotoCycles(MotoStarts):
    about = MotoStarts.about.partition(";")[0]
    part = "cycles"


class LocalStackCycles(LocalStackStarts):
    part = "cycles"


class Beanstalkd(Server):
    name = "beanstalkd -f0"
    needs = "beanstalkd"
    about = "put, reserve, delete"
    part = "cycles"
    syncs = True
    durable = "every put and delete, by a sync each; a reserve is not kept"
    kept = True

    @staticmethod
    def program():
        return CACHE / "deb/usr/bin/beanstalkd"

    @classmethod
    def version(cls):
        return output(cls.program(), "-v")

    def start_server(self):
        (self.directory / "data").mkdir()
        self.processes.start("beanstalkd", [self.program(), "-l", "127.0.0.1", "-p", self.port, *(
            ["-b", self.directory / "data", "-f0"] if self.kept else [])])
        self.processes.wait_for("beanstalkd", lambda: contestants.answers(self.port))

    def asked(self):
        return ["beanstalkd", self.port]


class BeanstalkdMemory(Beanstalkd):
    name = "beanstalkd"
    syncs = False
    durable = "nothing: in memory"
    kept = False


class Redis(Server, contestants.BullJobs):
    name = "redis"
    needs = "bullmq"  # which brings it
    about = "a stream and a consumer group: XADD, XREADGROUP, XACK with XDEL; appendonly, appendfsync always"
    part = "cycles"
    syncs = True
    durable = "every answer"

    @staticmethod
    def version():
        return contestants.BullJobs.version().partition(", ")[2]

    def asked(self):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"XGROUP CREATE q g $ MKSTREAM\r\n")
            assert s.recv(64) == b"+OK\r\n"
        return ["redis", self.port]


SERVERS = [OurStarts, OurSignedStarts, Echo, StepFunctionsLocal, MotoStarts, LocalStackStarts,
           OurCycles, OurQueues, OurBatches, OurFifo, Beanstalkd, BeanstalkdMemory, Redis, MotoCycles, LocalStackCycles]
