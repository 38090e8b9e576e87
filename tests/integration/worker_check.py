#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker does, as a coordinator sees it: runs stepfleet-worker against fake_coordinator.

usage: worker_check.py DIRECTORY_WITH_BOTH_PROGRAMS [NAME...]
"""
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import faulty_s3  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
with open(f"{BIN}/stepfleet-worker", "rb") as program:
    SANITIZED = re.search(rb"__[at]san_init", program.read()) is not None


class Fake:
    """The coordinator: command() tells it, expect() waits for a line that matches."""

    def __init__(self, directory):
        self.url = f"ipc://{directory}/coordinator.sock"
        self.lines = queue.Queue()
        self.seen = []
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [f"{BIN}/fake_coordinator", self.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            self.lines.put(line.rstrip("\n"))

    def command(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def expect(self, pattern, seconds=15):
        """The first line from now on that matches."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0.001, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r}; the last: {self.seen[-12:]}") from None
            self.seen.append(line)
            if re.search(pattern, line):
                return line

    def kill(self):
        self.process.kill()
        self.process.wait()


class Worker:
    all = []

    def __init__(self, directory, fake, functions, extra="", objects=None):
        path = f"{directory}/worker.conf"
        with open(path, "w") as f:
            f.write(f"[worker]\nname = w1\ncoordinator = {fake.url}\nwork_dir = {directory}/work\n"
                    f"labels.zone = a\nslots = 4\n{extra}\n"
                    f"[objects]\n{objects or f'root = {directory}/objects'}\n{functions}\n")
        os.makedirs(f"{directory}/objects", exist_ok=True)
        self.log = open(f"{directory}/worker.log", "a+")
        self.process = subprocess.Popen([f"{BIN}/stepfleet-worker", "-c", path],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**os.environ, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"})
        Worker.all.append(self)

    def end(self, expected=0):
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(timeout=15) == expected, self.process.returncode

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def event(name, command, more=""):
    return f"[function {name}]\nhandler = event\ncommand = {command}\n{more}\n"


def running(marker):
    """Processes with the marker in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if marker.encode() in f.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def gone(marker, seconds=10):
    until = time.monotonic() + seconds
    while running(marker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(marker), running(marker)


def test_echo(d, fake):
    w = Worker(d, fake, "[function E]\nhandler = echo\nslots = 2\n")
    fake.expect(r"hello w1 slots=4 offers=2 labels=\{\"zone\":\"a\"\}")
    fake.command('lease 1 E 0 0 {"x":1}')
    fake.expect(r'result 1 .*\{"x":1\}')
    fake.command('lease 1 E 0 0 {"x":1}')  # a repeat is not run again
    fake.command('lease 2 E 0 0 2')
    assert "result 2" in fake.expect(r"result")
    fake.command('lease 3 Nobody 0 0 {}')
    fake.expect(r"returned 3")
    fake.expect(r"alive holds=0")
    w.end()
    fake.expect("bye")


def test_event(d, fake):
    w = Worker(d, fake,
               event("Ok", "cat", "env.A = b") +
               event("Env", "/bin/sh -c 'env | sort | tr \"\\n\" \"|\" | sed \"s/.*/\\\"&\\\"/\"'",
                     "env.A = b\npass_env = TZ, NOPE") +
               event("Empty", "true") +
               event("Text", "echo not json") +
               event("Exit", "/bin/sh -c 'echo why >&2; exit 3'") +
               event("Error", """/bin/sh -c 'echo log line; echo "{\\"errorType\\": \\"Mine\\", \\"errorMessage\\":\\"m\\"}"; exit 1'""") +
               event("Signal", "/bin/sh -c 'kill -SEGV $$'") +
               event("Big", "head -c 3000000 /dev/zero") +
               event("Slow", "sleep 30", "timeout = 300ms") +
               event("Memory", "python3 -c 'x=bytearray(400<<20)'", "memory = 200MiB") +
               event("Cpu", "/bin/sh -c 'while :; do :; done'", "cpu = 1s"))
    fake.expect("hello")
    n = 0
    for function, pattern in [
            ("Ok", r'result N .*\{"a":\[1,2\]\}'),
            ("Env", r'result N .*"A=b\|AWS_LAMBDA_FUNCTION_VERSION=\$LATEST\|HOME=.*LANG=.*PATH=.*'
                    r'STEPFLEET_ATTEMPT=1\|STEPFLEET_EXECUTION=arn.*STATE=S'),
            ("Empty", r"result N .*null"),
            ("Text", r"failed N Runtime.MarshalError .*not json"),
            ("Exit", r"failed N Runtime.ExitError .*exited with status 3: why"),
            ("Error", r'failed N Mine \{"errorType": "Mine", "errorMessage":"m"\}'),
            ("Signal", r"failed N Runtime.ExitError .*signal 11 \(SIGSEGV\)"),
            ("Big", r"failed N Function.ResponseSizeTooLarge .*1048576"),
            ("Slow", r"failed N Sandbox.Timedout .*Task timed out after 0.30 seconds"),
            ("Memory", r"failed N Runtime.ExitError .*MemoryError"),
            ("Cpu", r"failed N Runtime.ExitError .*killed by signal (24|9)")]:
        n += 1
        fake.command(f'lease {n} {function} 0 0 {{"a": [1, 2]}}')
        fake.expect(pattern.replace("N", str(n), 1))
    fake.command("lease 50 Ok 0 0 " + '"' + "x" * 200000 + '"')
    fake.expect("result 50")
    w.end()
    assert os.listdir(f"{d}/work") == []


def test_ends_all_it_began(d, fake):
    """A daemon of a handler's, a dropped lease, a deadline, a killed worker."""
    w = Worker(d, fake,
               event("Daemon", f"python3 {d}/daemon.py") +
               event("Sleep", "sleep 987655") +
               event("Stubborn", f"python3 {d}/stubborn.py") +
               event("Many", f"python3 {d}/many.py", "processes = 5"))
    with open(f"{d}/daemon.py", "w") as f:
        f.write("import os,time\nif os.fork()==0:\n os.setsid()\n if os.fork()==0:\n"
                "  os.execvp('sleep',['sleep','987654'])\n os._exit(0)\ntime.sleep(.3)\nprint(1)\n")
    with open(f"{d}/stubborn.py", "w") as f:
        f.write("import signal,time,os\nsignal.signal(15,signal.SIG_IGN)\nos.write(5,b'ready\\n')\ntime.sleep(987656)\n")
    with open(f"{d}/many.py", "w") as f:
        f.write("import os,time\nfor i in range(9):\n if os.fork()==0:\n  os.setsid(); time.sleep(987657)\ntime.sleep(60)\n")
    fake.expect("hello")
    fake.command("lease 1 Daemon 0 0 {}")
    fake.expect(r"result 1 .* 1$")
    assert not running("987654")
    fake.command("lease 2 Sleep 0 0 {}")
    fake.expect(r"alive holds=1")
    fake.command("drop 2")
    fake.expect(r"alive holds=0")
    gone("987655")
    fake.command("lease 3 Sleep 400 0 {}")
    fake.expect(r"failed 3 States.Timeout")
    fake.command("lease 4 Stubborn 0 900 {}")
    fake.expect(r"progress 4 .*note=ready")
    fake.command("drop 4")
    gone("stubborn.py")
    fake.command("lease 5 Many 0 0 {}")
    fake.expect(r"failed 5 Runtime.ExitError .*more processes than its limit")
    gone("many.py")
    fake.command("lease 6 Sleep 0 0 {}")
    fake.command("lease 7 Daemon 0 0 {}")
    fake.expect(r"result 7")
    w.process.kill()
    w.process.wait()
    gone("987655")


def place(stage, previous):
    return ('{"executionId":"x","currentStage":"%s","previousStage":%s,"workflowBucket":"b",'
            '"initialData":{"seed":1}}' % (stage, previous))


def test_stream(d, fake):
    w = Worker(d, fake, "".join(
        f"[function {n}]\nhandler = stream\ncommand = {c}\n" for n, c in [
            ("Cat", "cat"), ("Head", "head -c 10"), ("Fail", "/bin/sh -c 'cat >/dev/null; exit 4'"),
            ("Own", "/bin/sh -c 'cat; echo {\\\"own\\\":$STEPFLEET_ATTEMPT} >&4; cat <&3 >&2'"),
            ("Wait", "/bin/sh -c 'cat; sleep 987658'")]))
    fake.expect("hello")
    os.makedirs(f"{d}/objects/b/executions/x/A")
    with open(f"{d}/objects/b/executions/x/A/output.json", "wb") as f:
        f.write(os.urandom(1 << 20) * 100)

    fake.command(f"lease 1 Cat 0 0 {place('First', 'null')}")
    fake.expect(r"upload 1 executions/x/First/output.json")
    fake.expect(r'result 1 parts=1 in=10 out=10 \{"status":"SUCCESS","stage":"First","bytesIn":10,"bytesOut":10\}')
    before = w.rss_kib()
    begun = time.monotonic()
    fake.command("lease 2 Cat 0 0 " + place("B", '"A"'))
    fake.expect(r"result 2 parts=\d+ in=104857600 out=104857600")
    print(f"    100 MiB through cat: {100 / (time.monotonic() - begun):.0f} MiB/s, "
          f"worker {before} -> {w.rss_kib()} KiB")
    fake.command("lease 3 Head 0 0 " + place("C", '"A"'))
    fake.expect(r"result 3 parts=1 .*out=10 ")
    fake.command("lease 4 Cat 0 0 " + place("D", '"Missing"'))
    fake.expect(r"failed 4 S3.NoSuchKeyException .*executions/x/Missing/output.json")
    fake.command("lease 5 Fail 0 0 " + place("E", '"A"'))
    fake.expect(r"failed 5 Runtime.ExitError .*status 4")
    fake.command("lease 6 Own 0 0 " + place("F", "null"))
    fake.expect(r'result 6 parts=1 in=10 out=10 \{"own":1\}')
    fake.command("lease 7 Wait 0 0 " + place("G", '"A"'))
    fake.expect(r"progress 7 in=\d{4,}")
    fake.command("drop 7")
    gone("987658")
    fake.command("lost 8")
    fake.command("lease 8 Cat 0 0 " + place("H", '"A"'))
    fake.expect(r"upload 8")
    fake.command("lease 9 Cat 0 0 " + place("../..", '"A"'))
    fake.expect(r"failed 9 .*not a plain name")
    fake.expect(r"alive holds=0")
    w.end()
    assert os.listdir(f"{d}/work") == []


def test_stream_server(d, fake):
    """Against a server that breaks reads and refuses parts, and one that is not there."""
    server = faulty_s3.Server()
    w = Worker(d, fake, "[function Cat]\nhandler = stream\ncommand = cat\n"
               "[function Fail]\nhandler = stream\ncommand = /bin/sh -c 'cat; exit 4'\n",
               objects=f"endpoint = {server.endpoint}")
    fake.expect("hello")
    body = os.urandom(1 << 20) * 20
    server.store.buckets["b"] = {}
    server.store.put("b", "executions/x/A/output.json", body)
    server.store.add_fault("reset", method="GET")
    server.store.add_fault("short", method="GET", skip=1)
    server.store.add_fault("status", method="PUT", contains="partNumber=2", count=2)
    fake.command("lease 1 Cat 0 0 " + place("B", '"A"'))
    fake.expect(r"upload 1")
    fake.expect(rf"result 1 parts=4 in={len(body)} out={len(body)} ")
    upload, = server.store.uploads.values()
    assert b"".join(p[1] for _, p in sorted(upload["parts"].items())) == body
    server.store.uploads.clear()
    fake.command("lost 2")  # the coordinator does not take the upload: nobody but us knows of it
    fake.command("lease 2 Cat 0 0 " + place("C", '"A"'))
    fake.expect(r"upload 2")
    until = time.monotonic() + 10
    while server.store.uploads and time.monotonic() < until:
        time.sleep(0.02)
    assert not server.store.uploads, server.store.uploads
    assert not server.store.requests("PUT", "executions/x/C/")
    fake.command("lease 3 Cat 0 0 " + place("D", '"None"'))
    fake.expect(r"failed 3 S3.NoSuchKeyException")
    fake.command("lease 4 Fail 0 0 " + place("E", '"A"'))
    fake.expect(r"failed 4 Runtime.ExitError .*status 4")
    server.kill()
    fake.command("lease 5 Cat 0 0 " + place("F", '"A"'))
    fake.expect(r"alive holds=1")
    fake.command("drop 5")
    fake.expect(r"alive holds=0")
    w.end()


def test_noise(d, fake):
    """A flood on stderr, a handler that never reads, one that answers by halves."""
    w = Worker(d, fake,
               event("Flood", "/bin/sh -c 'head -c 300000000 /dev/zero >&2; echo the end >&2; exit 1'") +
               event("Deaf", "/bin/sh -c 'exec 0<&-; echo 1'") +
               event("Halves", """/bin/sh -c 'printf "[1,"; sleep .2; printf "2]"'""") +
               event("Beat", "/bin/sh -c 'for i in 1 2 3; do echo step $i >&5; sleep .5; done; echo 2'"))
    fake.expect("hello")
    fake.command("lease 1 Flood 0 0 {}")
    fake.expect(r"failed 1 Runtime.ExitError .*the end")
    fake.command("lease 2 Deaf 0 0 " + '"' + "x" * 200000 + '"')
    fake.expect(r"result 2 .* 1$")
    fake.command("lease 3 Halves 0 0 {}")
    fake.expect(r"result 3 .*\[1,2\]")
    fake.command("lease 4 Beat 0 1000 {}")
    fake.expect(r"progress 4 .*note=step 1")
    fake.expect(r"progress 4 .*note=step [23]")
    fake.expect(r"result 4")
    assert SANITIZED or w.rss_kib() < 20000, w.rss_kib()
    w.end()


ENV = "/bin/sh -c 'env | sort | tr \"\\n\" \"|\" | tr \\\" _ | sed \"s/.*/\\\"&\\\"/\"'"


def test_invocation(d, fake):
    """Version, credentials and log, as the lease asks for them."""
    stage = lambda name: place(name, "null")
    w = Worker(d, fake, event("Env", ENV) + "[function E]\nhandler = echo\n" +
               event("Log", "/bin/sh -c 'cat; echo one >&2; printf two >&2'", "memory = 200MiB") +
               event("Much", """/bin/sh -c 'cat; head -c 70000 /dev/zero | tr "\\000" x >&2'""") +
               event("Fails", "/bin/sh -c 'echo no >&2; exit 1'") +
               "[function Stream]\nhandler = stream\ncommand = /bin/sh -c 'cat; echo streamed >&2'\n",
               extra="log = debug")
    uuid = r"00000000-0007-4000-8000-0000000000[0-9a-f][0-9a-f]"
    end = (rf"END RequestId: {uuid}\|REPORT RequestId: {uuid}\tDuration: \d+\.\d\d ms\tBilled Duration: [1-9]\d* ms\t"
           r"Memory Size: {size} MB\tMax Memory Used: {used} MB\t\|$")
    fake.expect("hello")
    fake.command("lease 1 Env 0 0 {}")
    line = fake.expect("result 1")
    assert "FUNCTION_VERSION=$LATEST|" in line and "CREDENTIALS" not in line and "SUBMITTED" not in line, line
    assert re.search(rf"STEPFLEET_REQUEST_ID={uuid}\|", line), line
    fake.command('extra live 0 0 {"RoleArn":"arn:aws:iam::123456789012:role/very-private"}')
    fake.command("lease 2 Env 0 0 {}")
    line = fake.expect("result 2")
    assert "FUNCTION_VERSION=live|" in line, line
    assert "STEPFLEET_CREDENTIALS={_RoleArn_:_arn:aws:iam::123456789012:role/very-private_}|" in line, line
    fake.command("extra - 0 0 " + '"' + "c" * 32766 + '"')
    fake.command("lease 3 Env 0 0 {}")
    assert "STEPFLEET_CREDENTIALS=_ccc" in fake.expect("result 3")
    fake.command("extra - 0 0 " + '"' + "c" * 32767 + '"')
    for n, function in enumerate(("Env", "E", "Stream"), 4):
        fake.command(f"lease {n} {function} 0 0 " + stage("C"))
        fake.expect(rf"failed {n} States.TaskFailed .*Credentials have 32769 bytes of JSON: a handler is given at most 32768")

    fake.command("extra live 1 0 -")
    fake.command("lease 7 Log 0 0 7")
    fake.expect(rf"log 7 bytes=\d+ START RequestId: {uuid} Version: live\|one\|two\|" +
                end.format(size=200, used=r"[1-9]\d*"))
    fake.expect("result 7 .* 7$")
    fake.command("lease 8 E 0 0 8")
    fake.expect(rf"log 8 bytes=\d+ START RequestId: {uuid} Version: live\|" + end.format(size=r"\d+", used=0))
    fake.command("lease 9 Stream 0 0 " + stage("D"))
    fake.expect(rf"log 9 bytes=\d+ START RequestId: {uuid} Version: live\|streamed\|" + end.format(size=r"\d+", used=r"[1-9]\d*"))
    fake.expect("result 9 parts=1")
    fake.command("lease 10 Much 0 0 1")
    fake.expect(r"log 10 bytes=4096 x{3000,}\|" + end.format(size=r"\d+", used=r"[1-9]\d*"))
    fake.command("lease 11 Fails 0 0 1")
    fake.expect("failed 11 .*: no")
    fake.command("extra - 0 0 -")
    fake.command("lease 12 Log 0 0 1")
    fake.expect("result 12")
    assert not [line for line in fake.seen if re.match("log (11|12) ", line)]
    w.end()
    assert "very-private" not in open(f"{d}/worker.log").read()


def test_submits(d, fake):
    """A job's begin is told before its result, once it is acknowledged no more, and never counts against it."""
    say = "/bin/sh -c '%s; read go <go; echo [1]'"
    os.mkfifo(f"{d}/go")
    jobs = {"Job": 'echo "{\\"StepId\\": \\"s-1\\"}" >&$STEPFLEET_SUBMITTED_FD',
            "Lines": 'printf "{\\n \\"a\\": [1,\\n2] }{\\"second\\":1}" >&6; echo later >&6',
            "Word": "echo 5 >&6", "Open": "printf 6 >&6; exec 6>&-",
            "Bad": "echo submitted >&6", "Half": 'printf "{" >&6; exec 6>&-', "Silent": ":",
            "Long": """head -c 300000 /dev/zero | tr "\\000" 1 >&6"""}
    w = Worker(d, fake, "".join(event(n, say % c, f"directory = {d}") for n, c in jobs.items()) + event("Env", ENV) +
               event("Last", "/bin/sh -c 'printf \"[7]\" >&6; echo 8'") +
               event("Fails", "/bin/sh -c 'echo {} >&6; exit 3'") +
               f"[function Stream]\nhandler = stream\ndirectory = {d}\ncommand = {say % 'echo {} >&6; cat'}\n")
    go = os.open(f"{d}/go", os.O_RDWR)

    def begin(n, function, payload="{}"):
        fake.command(f"lease {n} {function} 0 0 {payload}")

    def finish(n, pattern=r"result {} .*\[1\]"):
        """The lines up to its result."""
        at = len(fake.seen)
        os.write(go, b"\n")
        fake.expect(pattern.format(n))
        return fake.seen[at:]

    def again(n, lines):
        return [line for line in lines if line.startswith(f"submitted {n} ")]

    fake.expect("hello")
    begin(1, "Env")
    assert "SUBMITTED" not in fake.expect("result 1")
    fake.command("extra - 0 1 -")
    begin(2, "Env")
    assert "STEPFLEET_SUBMITTED_FD=6|" in fake.expect("result 2")
    for n, (function, said) in enumerate((("Job", '{"StepId":"s-1"}'), ("Lines", '{"a":[1,2]}'), ("Word", "5"), ("Open", "6")), 3):
        begin(n, function)
        assert fake.expect(f"submitted {n} ") == f"submitted {n} {said}"
        fake.expect("alive holds=1")
        assert not again(n, finish(n))
    for n, function in enumerate(("Bad", "Half", "Silent", "Long"), 7):
        begin(n, function)
        fake.expect("alive holds=1")
        assert not again(n, finish(n))
    assert len(re.findall("is not JSON and left aside", open(f"{d}/worker.log").read())) == 3
    begin(11, "Stream", place("S", "null"))
    fake.expect(r"submitted 11 \{\}")
    finish(11, "result {} parts=1")
    begin(12, "Last")  # the same report may bring both, the submission first
    fake.expect(r"submitted 12 \[7\]")
    fake.expect("result 12 .* 8$")
    begin(13, "Fails")
    fake.expect(r"submitted 13 \{\}")
    fake.expect("failed 13 Runtime.ExitError")

    fake.command("busy 14")
    begin(14, "Job")
    fake.expect("submitted 14")
    fake.expect("submitted 14")  # until it is acknowledged
    fake.expect("alive holds=1")
    assert not again(14, finish(14))
    fake.command("lost 15")  # that alone ends nothing: a drop does
    begin(15, "Job")
    fake.expect("submitted 15")
    fake.expect("alive holds=1")
    assert not again(15, finish(15))
    fake.kill()  # the coordinator is away while the job begins and ends
    begun = w.process.pid
    fake.start()
    fake.expect("hello")
    fake.command("extra - 0 1 -")
    begin(16, "Job")
    fake.expect("submitted 16")
    finish(16)
    os.close(go)
    w.end()
    assert begun == w.process.pid


def test_submitted_while_away(d, fake):
    """A coordinator that was gone hears of the job with its result, the job first."""
    w = Worker(d, fake, event("Job", "/bin/sh -c 'touch begun; while [ ! -e go ]; do sleep .05; done; echo [3] >&6; echo 4'",
                              f"directory = {d}"))
    fake.expect("hello")
    fake.command("extra - 0 1 -")
    fake.command("lease 1 Job 0 0 {}")
    until = time.monotonic() + 10
    while not os.path.exists(f"{d}/begun") and time.monotonic() < until:
        time.sleep(0.02)
    fake.kill()
    open(f"{d}/go", "w").close()
    until = time.monotonic() + 10
    while os.listdir(f"{d}/work") and time.monotonic() < until:
        time.sleep(0.02)
    fake.start()
    fake.expect("hello")
    fake.expect(r"submitted 1 \[3\]")
    fake.expect("result 1 .* 4$")
    fake.expect("alive holds=0")
    w.end()


STUBBORN = ("import os,signal,sys,time\nsignal.signal(15,signal.SIG_IGN)\nif os.fork()==0:\n os.setsid()\n"
            " os.execvp('sleep',['sleep','987662'])\nos.write(5,b'ready\\n')\ntime.sleep(987663)\n")
POLITE = ("import os,signal,sys,time\n"
          "def end(*_):\n open(sys.argv[1],'a').write('told\\n'); sys.exit(0)\n"
          "if os.fork()==0:\n time.sleep(987664)\nsignal.signal(15,end)\nos.write(5,b'ready\\n')\ntime.sleep(987665)\n")


def test_cancel(d, fake):
    """A dropped lease ends its handler's processes: at once those that listen to SIGTERM, after a grace all others."""
    for name, text in (("stubborn", STUBBORN), ("polite", POLITE)):
        with open(f"{d}/{name}.py", "w") as f:
            f.write(text)
    kinds = {kind: [f"[function {kind}-{name}]\nhandler = {kind}\ncommand = python3 {d}/{name}.py {d}/told-{kind}\n"
                    for name in ("stubborn", "polite")] for kind in ("event", "stream")}
    w = Worker(d, fake, "".join(sum(kinds.values(), [])) + "[function E]\nhandler = echo\n")
    fake.expect("hello")
    fake.command("extra - 1 1 -")
    n = 0
    for kind in kinds:
        for name, least, most in (("polite", 0, 1.9), ("stubborn", 1.9, 5)):
            n += 1
            fake.command(f"lease {n} {kind}-{name} 0 900 " + place(f"S{n}", "null"))
            fake.expect(rf"progress {n} .*note=ready")
            begun = time.monotonic()
            fake.command(f"drop {n}")
            gone(f"{name}.py")
            gone("98766")
            took = time.monotonic() - begun
            assert least <= took < most, (kind, name, took)
        assert open(f"{d}/told-{kind}").read() == "told\n"
    fake.command("lease 9 E 0 0 9")  # an echo is over before a drop could come
    fake.command("drop 9")
    fake.expect("result 9")
    fake.expect("alive holds=0")
    assert not [line for line in fake.seen if re.match(rf"(result|failed) [1-{n}] ", line)]
    w.end()
    assert os.listdir(f"{d}/work") == []


def test_names(d, fake):
    """A handler of an integration has the integration's name."""
    w = Worker(d, fake, "[function elasticmapreduce:addStep]\nhandler = echo\n"
               "[function aws-sdk:dynamodb:getItem]\nhandler = echo\n")
    fake.expect(r"hello w1 slots=4 offers=3")
    fake.command("lease 1 elasticmapreduce:addStep 0 0 1")
    fake.expect("result 1")
    fake.command("lease 2 aws-sdk:dynamodb:getItem 0 0 2")
    fake.expect("result 2")
    w.end()
    for name, right in (("a:b", 1), ("a" * 39 + ":" + "b" * 40, 1), ("a" * 40 + ":" + "b" * 40, 0), ("a" * 80, 1),
                        ("a" * 81, 0), (":a", 0), ("a:", 0), ("a::b", 0), (":", 0), ("a b:c", 0), ("a:b/c", 0)):
        with open(f"{d}/names.conf", "w") as f:
            f.write(f"[worker]\nname = w1\n[function {name}]\nhandler = echo\n")
        run = subprocess.run([f"{BIN}/stepfleet-worker", "-c", f"{d}/names.conf", "--check-config"],
                             capture_output=True, text=True)
        assert (run.returncode == 0) == bool(right), (name, run)
        assert right or "not a function's name" in run.stderr + run.stdout, run


def test_forgotten(d, fake):
    """The coordinator restarts: hello again, results kept, leases lost dropped."""
    w = Worker(d, fake, event("Half", "/bin/sh -c 'sleep 1; cat'") + event("Sleep", "sleep 987659"))
    fake.expect("hello")
    fake.command("forget")
    fake.expect("hello")
    fake.command("lease 1 Half 0 0 1")
    fake.command("lease 2 Half 0 0 2")
    fake.command("lease 3 Sleep 0 0 3")
    fake.expect("alive holds=3")
    fake.kill()
    time.sleep(2)  # both end while nobody hears
    fake.start()
    fake.command("lost 1")
    fake.expect("hello")
    fake.expect(r"result \d")
    fake.expect(r"result \d")
    fake.expect(r"alive holds=1")
    fake.command("drop 3")
    gone("987659")
    w.process.send_signal(signal.SIGSTOP)
    fake.command("forget")
    time.sleep(1)
    w.process.send_signal(signal.SIGCONT)
    fake.expect("hello")
    w.end()


def test_drain(d, fake):
    w = Worker(d, fake, event("Half", "/bin/sh -c 'sleep 1; cat'", "slots = 1") +
               event("Sleep", "sleep 987660", "slots = 1"), "drain = 2s")
    fake.expect("hello")
    for line in ("lease 1 Half 0 0 1", "lease 2 Half 0 0 2", "lease 3 Sleep 0 0 3"):
        fake.command(line)
    fake.expect("alive holds=3")
    w.process.terminate()
    fake.expect("returned 2")
    fake.expect("draining")
    fake.expect("result 1 .*1")
    fake.expect(r"failed 3 Lambda.ServiceException .*worker w1 is shutting down")
    fake.expect("bye")
    w.end()
    w = Worker(d, fake, event("Sleep", "sleep 987661"))
    fake.expect("hello")
    fake.command("lease 4 Sleep 0 0 3")
    fake.expect("alive holds=1")
    w.process.terminate()
    fake.expect("draining")
    w.process.send_signal(signal.SIGINT)
    w.end(expected=1)
    gone("987661")


def test_bench(d, fake):
    w = Worker(d, fake, "[function E]\nhandler = echo\n", "")
    fake.expect("hello")
    for leases in (1, 16, 256):
        fake.command(f"bench E {leases} {2000 * min(leases, 50)}")
        print(f"    {leases} leases: " + fake.expect("bench", 120))
    print(f"    worker: {w.rss_kib()} KiB")
    w.end()


def run(tests):
    """Those named on the command line, or all of them; each with a directory and a fake of its own."""
    names = sys.argv[2:] or [n[5:] for n in tests if n.startswith("test_")]
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as d:
            fake = Fake(d)
            try:
                tests["test_" + name](d, fake)
                print("ok  ", name, flush=True)
            except Exception as e:  # noqa: BLE001  a report, then the next test
                failed += 1
                print("FAIL", name, type(e).__name__, str(e)[:3000], flush=True)
                traceback.print_exc()
                print(open(f"{d}/worker.log").read()[-6000:])
            for w in Worker.all:
                w.process.kill()
                w.process.wait()
            fake.kill()
    sys.exit(failed != 0)


if __name__ == "__main__":
    run(globals())
