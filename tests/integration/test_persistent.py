# SPDX-License-Identifier: Apache-2.0
"""Persistent handlers: one process does task after task, in C and in Python, for events, stages and shards; and what
becomes of it when a task ends badly, when nothing is to do, and when its worker leaves."""
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from fleet import BIN, LAMBDA, chain, check_history, task, wait_until
from test_bad_handlers import idle, marked

LOOPS = pathlib.Path(__file__).resolve().parents[2] / "deploy/handlers"
C = str(BIN / "persistent_handler")


def persistent(kind, command, **keys):
    return {"handler": kind, "command": command, "slots": 1, "persistent": "yes", "env.PYTHONPATH": LOOPS,
            "env.PYTHONDONTWRITEBYTECODE": "1", **keys}


def python(fleet, name, text, kind="event", **keys):
    """A function in Python: `text` is the body of its handler."""
    arguments = "event, context" if kind == "event" else "source, sink, context"
    path = fleet.dir / f"{name}.py"
    body = "".join(f"    {line}\n" for line in text.splitlines())
    path.write_text(f"import json,os,sys,time,threading,tempfile\nimport stepfleet_handler\nkept = []\n"
                    f"def handle({arguments}):\n{body}stepfleet_handler.serve_{kind}(handle)\n")
    return persistent(kind, f"/usr/bin/python3 {path}", **keys)


def raw(fleet, name, text, kind="event", **keys):
    """A function in Python without the loop: it says itself what goes over the pipe."""
    path = fleet.dir / f"{name}.py"
    path.write_text("import os,sys,struct,time,signal\n"
                    "def say(kind, text=b''): os.write(1, kind + struct.pack('<I', len(text)) + text)\n"
                    "def begun():\n"
                    "  kind = b''\n"
                    "  while kind != b'Z':\n"
                    "    head = sys.stdin.buffer.read(5)\n"
                    "    if not head: sys.exit(0)\n"
                    "    kind = head[:1]; sys.stdin.buffer.read(struct.unpack('<I', head[1:])[0])\n" + text)
    return persistent(kind, f"/usr/bin/python3 {path}", **keys)


def run(fleet, function, payload=None, timeout=40, **fields):
    """One execution of one task: its description."""
    name = "m-" + function + "".join(sorted(fields))
    fleet.create(name, chain([function], **fields))
    return fleet.finish(fleet.start(name, payload=payload), timeout)


def result(fleet, function, payload=None, **fields):
    end = run(fleet, function, payload, **fields)
    assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
    return json.loads(end["output"])


def failure(fleet, function, payload=None, **fields):
    end = run(fleet, function, payload, **fields)
    assert end["status"] == "FAILED", end
    return end["error"], end.get("cause", "")


def stage(fleet, function, name, data, what="lines", timeout=60):
    """A stage whose input is `data`, its output and its result."""
    path = fleet.dir / f"objects/lake/in/{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    event = {"executionId.$": "$$.Execution.Name", "currentStage": "S", "workflowBucket": "lake",
             "inputKey": f"in/{name}", "outputKey": f"out/{name}", "what": what}
    fleet.create(f"s-{function}-{name}", {"StartAt": "S", "States": {"S": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True, "OutputPath": "$.Payload",
        "Parameters": {"FunctionName": LAMBDA + function, "Payload": event}}}})
    end = fleet.finish(fleet.start(f"s-{function}-{name}"), timeout)
    out = fleet.dir / f"objects/lake/out/{name}"
    return end, out.read_bytes() if out.exists() else None


def every_other(data):
    return b"".join(data.splitlines(keepends=True)[::2])


PID = "return os.getpid()"
STREAM = ("lines = 0\n"
          "for line in source:\n"
          "    if lines % 2 == 0: sink.write(line)\n"
          "    lines += 1\n"
          "    if context.event.get('what') == 'early': break\n"
          "return {'pid': os.getpid(), 'lines': lines, 'counters': {'lines': lines}}")


@pytest.mark.tsan
def test_a_thousand_tasks_in_one_process(fleet):
    fleet.start_worker("w1", {"py": python(fleet, "py", PID), "c": persistent("event", C)})
    for function, item in (("py", lambda x: x), ("c", lambda x: x["pid"])):
        fleet.create(f"map-{function}", {"StartAt": "M", "States": {"M": {
            "Type": "Map", "End": True, "Iterator": {"StartAt": "T", "States": {
                "T": {**task(function), "End": True, "ResultSelector": {"pid.$": "$.pid" if function == "c" else "$"}}}}}}})
        end = fleet.finish(fleet.start(f"map-{function}", payload=list(range(1000))), 120)
        assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
        pids = [x["pid"] for x in json.loads(end["output"])]
        assert len(pids) == 1000 and len(set(pids)) == 1, set(pids)
        assert os.path.exists(f"/proc/{pids[0]}")
    idle(fleet)
    work = pathlib.Path(re.search(rb"TMPDIR=([^\0]*)", pathlib.Path(f"/proc/{pids[0]}/environ").read_bytes())[1].decode())
    assert sorted(work.parent.glob("task-*")) and len(list(work.parent.glob("task-*"))) == 2  # the processes' own


def test_what_a_task_is_told(fleet):
    tells = ("context.note('telling')\n"
             "open(os.path.join(context.directory, 'left'), 'w').write('x')\n"
             "with tempfile.NamedTemporaryFile() as f: inside = f.name.startswith(context.directory)\n"
             "return {'pid': os.getpid(), 'state': context.state, 'attempt': context.attempt, 'event': event,\n"
             "        'directory': context.directory, 'function': context.function_name, 'inside': inside,\n"
             "        'version': context.function_version, 'request': context.aws_request_id,\n"
             "        'time': context.get_remaining_time_in_millis() < 60000, 'role': context.credentials,\n"
             "        'execution': context.execution, 'environment': sorted(os.environ)}")
    fleet.start_worker("w1", {"py": python(fleet, "py", tells, pass_env="MARKED", **{"env.MODE": "fast"}),
                              "c": persistent("event", C)}, env={"MARKED": "1", "NOT_FOR_HANDLERS": "1"})
    for function in ("py", "c"):
        seen = [result(fleet, function, {"n": n, "text": "ä\"\\\n\u0001"}, TimeoutSeconds=50) for n in range(3)]
        assert len({s["pid"] for s in seen}) == 1
        assert len({s["directory"] for s in seen}) == len({s["request"] for s in seen}) == 3
        assert [s["event"] for s in seen] == [{"n": n, "text": "ä\"\\\n\u0001"} for n in range(3)]
        for s in seen:
            assert (s["state"], s["attempt"], s["function"], s["version"]) == ("S1", 1, function, "$LATEST")
            assert s["time"] in (True, 1)
            wait_until(lambda d=s["directory"]: not os.path.exists(d), 10, say="a task's directory stays")
    said = result(fleet, "py", 1, Credentials={"RoleArn": "arn:aws:iam::123456789012:role/r"})
    assert said["role"] == {"RoleArn": "arn:aws:iam::123456789012:role/r"} and said["inside"]
    assert re.fullmatch(r"arn:aws:states:[^:]*:\d+:execution:m-pyCredentials:.*", said["execution"])
    assert set(said["environment"]) - {"LC_CTYPE"} == {
        "PATH", "LANG", "HOME", "TMPDIR", "STEPFLEET_FUNCTION", "STEPFLEET_FRAMING", "MODE", "MARKED", "PYTHONPATH",
        "PYTHONDONTWRITEBYTECODE"}


def test_failures_are_lambdas_and_cost_no_process(fleet):
    fails = ("kind = event['kind']\n"
             "if kind == 'raise': raise ValueError('not this one')\n"
             "if kind == 'json': return {1, 2}\n"
             "if kind == 'nan': return float('nan')\n"
             "if kind == 'large': return 'x' * (2 << 20)\n"
             "if kind == 'memory': bytearray(8 << 30)\n"
             "print('noise', flush=True); os.write(1, b'more noise'); os.system('echo noise of a child')\n"
             "return os.getpid()")
    fleet.start_worker("w1", {"py": python(fleet, "py", fails, memory="2GiB"), "c": persistent("event", C)})
    pid = result(fleet, "py", {"kind": "none"})
    error, cause = failure(fleet, "py", {"kind": "raise"})
    said = json.loads(cause)
    assert (error, said["errorType"], said["errorMessage"]) == ("ValueError", "ValueError", "not this one")
    trace, = said["stackTrace"]
    assert re.fullmatch(r'  File "[^"]*/py.py", line \d+, in handle\n    if .* raise ValueError\(\'not this one\'\)\n( *\^+\n)?', trace)
    assert failure(fleet, "py", {"kind": "json"})[0] == "Runtime.MarshalError"
    assert failure(fleet, "py", {"kind": "nan"})[0] == "Runtime.MarshalError"
    assert failure(fleet, "py", {"kind": "large"})[0] == "Function.ResponseSizeTooLarge"
    assert failure(fleet, "py", {"kind": "memory"})[0] == "MemoryError"
    assert result(fleet, "py", {"kind": "none"}) == pid
    pid = result(fleet, "c", "x")["pid"]
    error, cause = failure(fleet, "c", "fail")
    assert error == 'Own "Error"' and json.loads(cause) == {"errorType": 'Own "Error"', "errorMessage": "it\nfailed"}
    error, cause = failure(fleet, "c", "return")
    assert error == "Lambda.Unknown" and "returned 7" in cause
    assert failure(fleet, "c", "large")[0] == "Function.ResponseSizeTooLarge"
    assert result(fleet, "c", "print")["pid"] == pid


def test_a_process_that_dies_costs_one_task(fleet):
    dies = ("if event == 'exit': sys.exit(0)\n"
            "if event == 'die': os.kill(os.getpid(), 9)\n"
            "if event == 'later': threading.Timer(0.2, os._exit, [5]).start()\n"
            "return os.getpid()")
    fleet.start_worker("w1", {"py": python(fleet, "py", dies), "c": persistent("event", C)})
    first = result(fleet, "py", "well")
    error, cause = failure(fleet, "py", "die")
    assert error == "Runtime.ExitError" and "signal 9 (SIGKILL)" in cause
    second = result(fleet, "py", "well")
    error, cause = failure(fleet, "py", "exit")
    assert error == "Runtime.ExitError" and "exited with status 0" in cause
    third = result(fleet, "py", "later")
    wait_until(lambda: not os.path.exists(f"/proc/{third}"), 20, say="it lives on")
    fourth = result(fleet, "py", "well")  # it died between two tasks, which costs none
    assert len({first, second, third, fourth}) == 4
    pid = result(fleet, "c", "well")["pid"]
    error, cause = failure(fleet, "c", "die")
    assert error == "Runtime.ExitError" and "status 3" in cause and "dying" in cause
    assert result(fleet, "c", "well")["pid"] != pid


def test_what_is_no_frame(fleet):
    well = "say(b'R', b'%d' % os.getpid())\n"
    ways = {
        "text": ("begun()\nsys.stderr.write('why'); sys.stderr.flush(); os.write(1, b'hello\\n'); time.sleep(60)", "'h' (0x68)", "why"),
        "kind": ("begun(); say(b'B', b'x'); time.sleep(60)", "'B' (0x42)"),
        "data": ("begun(); say(b'D', b'x'); time.sleep(60)", "DATA"),
        "long": ("begun(); os.write(1, b'R' + struct.pack('<I', (1 << 20) + 1)); time.sleep(60)", "1048577"),
        "shut": ("begun(); os.close(1); time.sleep(60)", "closed its stdout"),
        "json": ("begun(); say(b'R', b'{'); begun()", "not JSON"),
    }
    functions = {name: raw(fleet, name, text, **{"env.MARK": "mark-frames-4811"}) for name, (text, *_) in ways.items()}
    functions["cat"] = persistent("event", "cat")
    functions["true"] = persistent("event", "true")
    functions["on"] = raw(fleet, "on", "while True:\n  begun()\n  os.write(1, b'R' + struct.pack('<I', 1) + b'1' + b'more')")
    functions["idle"] = raw(fleet, "idle", "begun()\nsay(b'R', b'2')\ntime.sleep(0.2)\nos.write(1, b'x')\nbegun()\n" + well)
    fleet.start_worker("w1", functions, slots=4)
    for name, (_, *words) in ways.items():
        error, cause = failure(fleet, name, 1)
        assert error == "Runtime.MarshalError" and all(w in cause for w in words), (name, cause)
    assert failure(fleet, "cat", 1)[0] == "Runtime.MarshalError"  # says what it was told: a BEGIN
    assert failure(fleet, "true", 1)[0] == "Runtime.ExitError"
    # What follows a result, or comes between tasks, costs the process and no task.
    assert [result(fleet, "on", n) for n in range(3)] == [1, 1, 1]
    assert result(fleet, "idle", 1) == 2
    time.sleep(0.5)
    assert result(fleet, "idle", 1) == 2
    wait_until(lambda: marked("mark-frames-4811") == [] or len(marked("mark-frames-4811")) <= 1, 20)


def test_time_and_stops_end_the_process_and_the_next_task_has_another(fleet):
    waits = "import signal\nif event: time.sleep(60)\nreturn os.getpid()"
    mark = {"env.MARK": "mark-waits-4812"}
    fleet.start_worker("w1", {"own": python(fleet, "own", waits, timeout="1s", **mark), "py": python(fleet, "py", waits, **mark)})
    for function, fields, error in (("own", {}, "Sandbox.Timedout"), ("py", {"TimeoutSeconds": 1}, "States.Timeout")):
        pids = []
        for n in range(2):
            pids.append(result(fleet, function, 0, **fields))
            assert result(fleet, function, 0, **fields) == pids[-1]
            time.sleep(1.2)  # the time of a task that is over ends nothing
            assert result(fleet, function, 0, **fields) == pids[-1]
            found = failure(fleet, function, 1, **fields)
            assert found[0] == error, found
        assert len(set(pids)) == 2
        idle(fleet)
    pid = result(fleet, "py", 0)
    fleet.create("m-stop", chain(["py"]))
    arn = fleet.start("m-stop", payload=1)
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 1)
    time.sleep(0.3)
    fleet.cli("stop", arn)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 20, say="a stopped task's process lives on")
    assert result(fleet, "py", 0) != pid


def test_idle_processes_end_and_so_do_those_that_had_enough(fleet):
    polite = ("import atexit\n"
              "if not kept: atexit.register(lambda: open(os.environ['SAID'], 'a').write('bye\\n'))\n"
              "kept.append(1)\nreturn os.getpid()")
    said = fleet.dir / "said"
    said.write_text("")
    fleet.start_worker("w1", {
        "idle": python(fleet, "idle", polite, idle="500ms", **{"env.SAID": said}),
        "enough": python(fleet, "enough", PID, tasks_max=2),
        "stubborn": raw(fleet, "stubborn", "signal.signal(15, signal.SIG_IGN)\nbegun()\nsay(b'R', b'%d' % os.getpid())\ntime.sleep(60)",
                        idle="100ms")})
    pid = result(fleet, "idle", 1)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 20, say="an idle process stays")
    assert said.read_text() == "bye\n"
    assert result(fleet, "idle", 1) != pid
    pids = [result(fleet, "enough", 1) for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
    pid = result(fleet, "stubborn", 1)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 20, say="an idle process that will not go stays")


def test_a_worker_that_leaves_takes_them_with_it(fleet):
    slow = "time.sleep(event)\nreturn os.getpid()"
    mark = {"env.MARK": "mark-leaves-4813"}
    functions = {"py": python(fleet, "py", slow, slots=2, **mark), "c": persistent("event", C, **mark)}
    for ends in (signal.SIGTERM, signal.SIGKILL):
        w = fleet.start_worker(f"w{ends}", functions, work_dir=fleet.dir / "work")
        pid = result(fleet, "c", 1)["pid"]
        result(fleet, "py", 0)
        fleet.create("m-slow", chain(["py"]))
        arn = fleet.start("m-slow", payload=1.5)
        wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 1)
        w.send(ends)
        if ends == signal.SIGTERM:  # what runs may finish, what is idle goes at once
            wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 10)
            assert fleet.finish(arn)["status"] == "SUCCEEDED"
            assert w.p.wait(20) == 0
            assert marked("mark-leaves-4813") == [] and list((fleet.dir / "work").iterdir()) == []
        else:
            w.p.wait(20)
            wait_until(lambda: marked("mark-leaves-4813") == [], 10, say="handlers live on without their worker")
        wait_until(lambda: fleet.json("workers")["workers"] == [], 20)


@pytest.mark.tsan
def test_each_task_has_its_part_of_the_log(fleet):
    says = "print('of', event); sys.stderr.write('and more\\n' * 3)\nif event == 2: os.system('echo child')\nreturn event"
    fleet.start_worker("w1", {"py": python(fleet, "py", says, memory="1GiB"), "c": persistent("event", C)})

    def log(function, payload):
        fleet.create(f"log-{function}", {"StartAt": "S", "States": {"S": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True,
            "Parameters": {"FunctionName": function, "Payload.$": "$", "LogType": "Tail"}}}})
        end = fleet.finish(fleet.start(f"log-{function}", payload=payload))
        assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
        return base64.b64decode(json.loads(end["output"])["LogResult"]).decode().splitlines()
    for n in range(3):
        lines = log("py", n)
        assert lines[0].startswith("START RequestId: ")
        assert lines[1:-2] == [f"of {n}"] + ["and more"] * 3 + (["child"] if n == 2 else []), lines
        assert re.search(r"\tMemory Size: 1024 MB\tMax Memory Used: [1-9]\d* MB\t", lines[-1])
    for n in range(2):
        assert sorted(log("c", ["print", n])[1:-2]) == sorted(["this is no frame", f'of task ["print",{n}]'])


@pytest.mark.tsan
def test_stages_of_any_size_in_one_process(fleet):
    fleet.start_worker("w1", {"py": python(fleet, "py", STREAM, "stream"), "c": persistent("stream", C)})
    small, none = b"one\ntwo\nthree", b""
    large = b"".join(b"%d %s\n" % (n, b"x" * (n % 997)) for n in range(60000))
    for function in ("py", "c"):
        pids = set()
        for name, data in (("small", small), ("none", none), ("large", large), ("again", large)):
            end, out = stage(fleet, function, f"{name}-{function}", data)
            assert end["status"] == "SUCCEEDED" and out == every_other(data), (function, name, end)
            said = json.loads(end["output"])
            assert said["lines"] == len(data.splitlines())
            pids.add(said["pid"])
            # It has enough after a line: what it did not read, the next task does not see.
            end, out = stage(fleet, function, f"{name}-early-{function}", data, "early")
            assert end["status"] == "SUCCEEDED" and out == data.split(b"\n")[0] + b"\n" * (name in ("large", "again", "small")), (function, name, end)
            pids.add(json.loads(end["output"])["pid"])
        assert len(pids) == 1
    end, out = stage(fleet, "c", "bytes", large, "bytes")
    assert out == large and json.loads(end["output"]) == {
        "status": "SUCCESS", "stage": "S", "bytesIn": len(large), "bytesOut": len(large)}


def test_a_stage_that_fails_leaves_nothing(fleet):
    fails = ("what = context.event['what']\n"
             "sink.write(b'half of it' * 200000)\n"
             "if what == 'raise': raise KeyError('gone')\n"
             "if what == 'die': os._exit(4)\n"
             "if what == 'wait': time.sleep(60)\n"
             "return os.getpid()")
    fleet.start_worker("w1", {
        "py": python(fleet, "py", fails, "stream", timeout="3s"),
        "text": raw(fleet, "text", "begun(); say(b'D', b'some'); os.write(1, b'hello'); time.sleep(60)", "stream"),
        "deaf": raw(fleet, "deaf", "os.close(0); say(b'D', b'all'); say(b'R')\ntime.sleep(60)", "stream"),
        "shut": raw(fleet, "shut", "begun(); say(b'D', b'some'); os.close(1); time.sleep(60)", "stream")})
    data = b"line\n" * 500000
    for function, what, error, words in (
            ("py", "raise", "KeyError", "gone"), ("py", "die", "Runtime.ExitError", "status 4"),
            ("py", "wait", "Sandbox.Timedout", "3.00 seconds"), ("text", "x", "Runtime.MarshalError", "'h' (0x68)"),
            ("shut", "x", "Runtime.MarshalError", "closed its stdout")):
        end, out = stage(fleet, function, f"{function}-{what}", data, what)
        assert (end["status"], end["error"], out) == ("FAILED", error, None), end
        assert words in end["cause"]
        check_history(fleet.history(end["executionArn"]))
    for n in range(2):  # it cannot be told of another task, but this one is well
        end, out = stage(fleet, "deaf", f"deaf-{n}", data)
        assert (end["status"], out) == ("SUCCEEDED", b"all"), end
    assert stage(fleet, "py", "well", data, "none")[0]["status"] == "SUCCEEDED"
    uploads = fleet.dir / "objects/.uploads"
    wait_until(lambda: not uploads.exists() or not list(uploads.iterdir()), 20, 0.2, say="half-made uploads remain")


def test_both_ways_at_once(fleet):
    """Each line is answered before the next is read, and the answers are many times the input."""
    grows = "for line in source:\n    sink.write(line * 50)\n    sink.flush()"
    fleet.start_worker("w1", {"py": python(fleet, "py", grows, "stream")})
    data = b"".join(b"%07d\n" % n for n in range(40000))
    end, out = stage(fleet, "py", "grows", data)
    assert end["status"] == "SUCCEEDED" and out == b"".join(b"%07d\n" % n * 50 for n in range(40000))


def test_the_shards_of_a_job_share_processes(fleet):
    counts = "open(os.environ['PIDS'], 'a').write('%d\\n' % os.getpid())\n" + STREAM.replace("lines % 2 == 0", "b'7' in line")
    pids = fleet.dir / "pids"
    fleet.start_worker("w1", {"filter": python(fleet, "filter", counts, "stream", slots=2, **{"env.PIDS": pids}),
                              "cfilter": persistent("stream", C)}, slots=2)
    data = b"".join(b"%d\n" % n for n in range(400000))
    path = fleet.dir / "objects/work/in.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)

    def job(name, **definition):
        fleet.cli("job", "create", name, "-", stdin=json.dumps({
            "Handler": "filter", "Input": {"Format": "lines"}, "Shards": {"Bytes": 131072}, **definition}))
        run_id = fleet.cli("job", "run", name, "--arg", "--input-bucket=work", "--arg", "--input-key=in.txt",
                           "--arg", f"--output-key=out/{name}").stdout.strip()
        def ended():
            r = fleet.json("job", "status", run_id)
            return r if r["jobRunState"] not in ("STARTING", "RUNNING", "STOPPING") else None
        end = wait_until(ended, 60)
        assert end["jobRunState"] == "SUCCEEDED", end
        return (fleet.dir / f"objects/work/out/{name}").read_bytes()
    out = job("plain")
    assert out == b"".join(x for x in data.splitlines(keepends=True) if b"7" in x)
    shards = pids.read_text().split()
    assert len(shards) >= 15 and len(set(shards)) <= 2, shards
    out = job("sorted", Shuffle={"Kind": "sort", "Keys": [{"Type": "number", "Descending": True}], "Partitions": 3})
    assert out == b"".join(sorted((x for x in data.splitlines(keepends=True) if b"7" in x), key=int, reverse=True))
    assert len(set(pids.read_text().split())) <= 2


def test_the_worker_does_not_grow(fleet):
    # What was freed is given back at once: memory is looked at.
    sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
    w = fleet.start_worker("w1", {"c": persistent("event", C)}, env={"ASAN_OPTIONS": sanitizer})
    fleet.create("map", {"StartAt": "M", "States": {"M": {"Type": "Map", "End": True, "ResultPath": None, "Iterator": {
        "StartAt": "T", "States": {"T": {**task("c"), "End": True, "ResultPath": None}}}}}})

    def grown():
        end = fleet.finish(fleet.start("map", payload=["x" * 100] * 500), 120)
        assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
        return (int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{w.pid}/status").read_text())[1]),
                len(os.listdir(f"/proc/{w.pid}/fd")))
    grown()
    memory, descriptors = grown()
    for _ in range(4):
        after = grown()
    assert after[1] <= descriptors + 4 and after[0] < memory * 1.2 + 10000, (memory, descriptors, after)


def test_the_configuration_is_checked(tmp_path):
    def check(*lines):
        path = tmp_path / "worker.conf"
        path.write_text("\n".join(["[function F]", *lines, ""]))
        p = subprocess.run([BIN / "stepfleet-worker", "-c", path, "--check-config"], capture_output=True, text=True, timeout=20)
        return p.returncode, p.stderr
    assert check("handler = event", "command = true", "persistent = yes", "idle = 1m", "tasks_max = 5")[0] == 0
    for lines, words in (
            (["handler = echo", "persistent = yes"], "only event and stream functions are persistent"),
            (["handler = event", "command = true", "idle = 1m"], "idle is of persistent functions: persistent = yes"),
            (["handler = event", "command = true", "tasks_max = 1"], "tasks_max is of persistent functions"),
            (["handler = event", "command = true", "persistent = perhaps"], "persistent"),
            (["handler = event", "command = true", "persistent = yes", "idle = often"], "idle"),
            (["handler = event", "command = true", "persistent = yes", "tasks_max = 0"], "tasks_max"),
            (["handler = event", "command = true", "persistent = yes", "output_max = 2MiB"],
             "output_max of a persistent function is at most 1048576 bytes")):
        status, said = check(*lines)
        assert status == 1 and words in said and "[function F]" in said or words in said, said


def test_a_loop_that_is_started_by_hand_says_so():
    p = subprocess.run([C], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert p.returncode == 2 and "persistent = yes" in p.stderr
    p = subprocess.run(["/usr/bin/python3", "-Bc", "import stepfleet_handler as s; s.serve_event(None)"], cwd=LOOPS,
                       capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    assert p.returncode == 1 and "persistent = yes" in p.stderr
