# SPDX-License-Identifier: Apache-2.0
"""Handlers that do what they should not: each failure has its name and cause, nothing half-done is seen,
and nothing they began is left."""
import json
import os
import signal
import time

from fleet import Fleet, chain, check_history, stages, wait_until

PY = "/usr/bin/python3 "
SECRET = "wJalrXUtnFEMI-the-workers-own-secret"
TOKEN = "session-token-of-the-worker"


def script(fleet, name, text):
    path = fleet.dir / f"{name}.py"
    path.write_text(text)
    return PY + str(path)


def event(command, **keys):
    return {"handler": "event", "command": command, "slots": 8, **keys}


def stream(command, **keys):
    return {"handler": "stream", "command": command, "slots": 8, **keys}


def marked(marker):
    """Processes with the marker in their environment or command line: what a handler began."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for what in ("cmdline", "environ"):
            try:
                with open(f"/proc/{pid}/{what}", "rb") as f:
                    if marker.encode() in f.read():
                        found.append(int(pid))
            except OSError:
                pass  # it ended
    return sorted(set(found) - {os.getpid()})


def uploads(fleet):
    root = fleet.dir / "objects/.uploads"
    return list(root.iterdir()) if root.exists() else []


def outputs(fleet):
    return sorted(str(p.relative_to(fleet.dir / "objects")) for p in (fleet.dir / "objects").rglob("output.json"))


def ends(fleet, functions, timeout=40, **fields):
    """An execution of each function at once; its end, and what it waited for."""
    for f in functions:
        fleet.create(f"m-{f}", chain([f], **fields))
    arns = {f: fleet.start(f"m-{f}") for f in functions}
    found = {f: fleet.finish(a, timeout) for f, a in arns.items()}
    for a in arns.values():
        check_history(fleet.history(a))
    return found


def idle(fleet):
    wait_until(lambda: all(w["leased"] == 0 for w in fleet.json("workers")["workers"]))


def test_what_a_handler_says_and_how_it_ends(fleet):
    def py(name, text):
        return event(script(fleet, name, text))
    functions = {
        "text": event("echo this is no JSON"),
        "two": event("echo 1 2"),
        "nothing": event("true"),
        "notutf8": py("notutf8", "import sys; sys.stdout.buffer.write(b'\"\\xff\\xfe\"')"),
        "deep": py("deep", "print('[' * 600 + ']' * 600)"),
        "huge": py("huge", "import sys; sys.stdout.write('\"' + 'x' * (10 << 20) + '\"')"),
        "zeros": event("head -c 10485760 /dev/zero"),
        "floods": py("floods", "import sys; [sys.stderr.write('x' * 65536) for _ in range(320)]; sys.stderr.write('the end'); sys.exit(9)"),
        "floods_well": py("floods_well", "import sys; [sys.stderr.write('x' * 65536) for _ in range(320)]; print(5)"),
        "closes": py("closes", "import os; os.close(0); os.close(1); os.close(2)"),
        "unread": py("unread", "print(3)"),
        "segv": py("segv", "import os; os.kill(os.getpid(), 11)"),
        "kill": py("kill", "import os; os.kill(os.getpid(), 9)"),
        "gone": event("/bin/true --and-not-removed"),
        "longerror": py("longerror", "import json,sys; print(json.dumps({'errorType': 'E' * 1000, 'errorMessage': 'm' * 100000})); sys.exit(1)"),
    }
    fleet.start_worker("w1", functions)
    found = ends(fleet, functions)

    def failed(name, error, *words):
        d = found[name]
        assert (d["status"], d["error"]) == ("FAILED", error), (name, d)
        assert all(w in d["cause"] for w in words), (name, d["cause"][:500])
        assert len(d["cause"]) <= 32768
    failed("text", "Runtime.MarshalError", "not JSON", "this is no JSON", "line 1, column ")
    failed("two", "Runtime.MarshalError", "not JSON")
    failed("notutf8", "Runtime.MarshalError", "not JSON")
    failed("deep", "Runtime.MarshalError", "deeper nesting")
    failed("huge", "Function.ResponseSizeTooLarge", "1048576")
    failed("zeros", "Function.ResponseSizeTooLarge", "1048576")
    failed("floods", "Runtime.ExitError", "status 9", "the end")
    failed("segv", "Runtime.ExitError", "signal 11 (SIGSEGV)")
    failed("kill", "Runtime.ExitError", "signal 9 (SIGKILL)")
    failed("longerror", "E" * 256, "mmm")
    for name, output in (("nothing", None), ("floods_well", 5), ("unread", 3), ("gone", None), ("closes", None)):
        assert (found[name]["status"], json.loads(found[name]["output"])) == ("SUCCEEDED", output), found[name]
    assert len(fleet.workers["w1"].text()) < 200_000
    idle(fleet)


def test_limits_of_memory_processes_and_time(fleet):
    many = "import os,time\nfor i in range(40):\n  if os.fork() == 0:\n    os.setsid(); time.sleep(60)\ntime.sleep(60)"
    stubborn = "import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)"
    mark = {"env.MARK": "mark-limits-4711"}
    functions = {
        "memory": event(script(fleet, "memory", "x = bytearray(900 << 20)"), memory="300MiB", **mark),
        "many": event(script(fleet, "many", many), processes=10, **mark),
        "forever": event("sleep 60", timeout="500ms", **mark),
        "stubborn": event(script(fleet, "stubborn", stubborn), timeout="500ms", **mark),
        "files": event(script(fleet, "files", "x = [open('/dev/null') for _ in range(100)]"), files=20, **mark),
    }
    fleet.start_worker("w1", functions)
    found = ends(fleet, functions)
    for name, error, words in (
            ("memory", "Runtime.ExitError", "MemoryError"), ("many", "Runtime.ExitError", "more processes than its limit"),
            ("forever", "Sandbox.Timedout", "timed out after 0.50 seconds"),
            ("stubborn", "Sandbox.Timedout", "timed out after 0.50 seconds"),
            ("files", "Runtime.ExitError", "Too many open files")):
        assert (found[name]["status"], found[name]["error"]) == ("FAILED", error), (name, found[name])
        assert words in found[name]["cause"], (name, found[name]["cause"])
    idle(fleet)
    assert marked("mark-limits-4711") == []


def test_the_definitions_timeout_ends_even_who_ignores_sigterm(fleet):
    stubborn = ("import os,signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(61)\ntime.sleep(60)")
    functions = {"stubborn": event(script(fleet, "stubborn", stubborn), **{"env.MARK": "mark-deadline-4712"})}
    fleet.start_worker("w1", functions)
    found = ends(fleet, functions, TimeoutSeconds=1)["stubborn"]
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")
    idle(fleet)
    wait_until(lambda: marked("mark-deadline-4712") == [], 15, say="what it began is still there")


def test_children_do_not_outlive_their_handler(fleet):
    """Daemons, other sessions, other groups, children of children: gone when the result is there."""
    daemon = ("import os,sys,time\n"
              "for way in range(3):\n"
              "  if os.fork() == 0:\n"
              "    if way: os.setsid()\n"
              "    if way > 1 and os.fork(): os._exit(0)\n"
              "    os.close(1)\n"
              "    open(os.environ['PIDS'], 'a').write('%d\\n' % os.getpid())\n"
              "    time.sleep(60)\n"
              "while len(open(os.environ['PIDS']).read().split()) < 3: time.sleep(0.01)\n"
              "print(1) if sys.argv[1] == 'well' else sys.exit(4)")
    pids = {end: fleet.dir / f"pids-{end}" for end in ("well", "badly")}
    for path in pids.values():
        path.write_text("")
    functions = {end: event(script(fleet, end, daemon) + " " + end, **{"env.PIDS": path, "env.MARK": "mark-child-4713"})
                 for end, path in pids.items()}
    fleet.start_worker("w1", functions)
    found = ends(fleet, functions)
    assert (found["well"]["status"], found["badly"]["status"]) == ("SUCCEEDED", "FAILED")
    begun = [int(p) for path in pids.values() for p in path.read_text().split()]
    assert len(begun) == 6
    assert marked("mark-child-4713") == []
    assert not [p for p in begun if os.path.exists(f"/proc/{p}")]


def test_a_killed_workers_handlers_die_with_it(fleet):
    functions = {"long": event("sleep 60", **{"env.MARK": "mark-orphan-4714"})}
    w = fleet.start_worker("w1", functions)
    fleet.create("m", chain(["long"]))
    arn = fleet.start("m")
    wait_until(lambda: marked("mark-orphan-4714"))
    w.kill()
    wait_until(lambda: marked("mark-orphan-4714") == [], 10, say="a handler goes on without its worker")
    d = fleet.finish(arn)
    assert (d["status"], d["error"]) == ("FAILED", "Lambda.ServiceException")
    assert "w1" in d["cause"]


def test_half_an_output_is_never_seen(fleet):
    half = ("import os,sys,time\nsys.stdin.read()\n"
            "sys.stdout.write('half of it' * 1000000); sys.stdout.flush()\n")
    ways = {
        "exits": stream(script(fleet, "exits", half + "sys.exit(5)")),
        "dies": stream(script(fleet, "dies", half + "os.kill(os.getpid(), 15)")),
        "hangs": stream(script(fleet, "hangs", half + "time.sleep(60)"), timeout="1s"),
        "says": stream(script(fleet, "says", half + "os.write(4, b'not json')")),
        "toomuch": stream(script(fleet, "toomuch", half + "os.write(4, b'1' * 300000)")),
        "large": stream(script(fleet, "large", half + "os.write(4, b'\"' + b'x' * 262142 + b'\"')")),
        "early": stream(script(fleet, "early", "import os; os.close(0); print('whole')")),
    }
    fleet.start_worker("w1", ways)
    arns = {}
    for name in ways:
        definition = stages([name])
        del definition["States"]["Stage1"]["ResultPath"]
        fleet.create(f"m-{name}", definition)
        arns[name] = fleet.start(f"m-{name}", name, "y" * 100000)
    found = {name: fleet.finish(a, 40) for name, a in arns.items()}
    errors = {name: d.get("error") for name, d in found.items()}
    assert errors == {"exits": "Runtime.ExitError", "dies": "Runtime.ExitError", "hangs": "Sandbox.Timedout",
                      "says": "Runtime.MarshalError", "toomuch": "Function.ResponseSizeTooLarge",
                      "large": "States.DataLimitExceeded", "early": None}, found
    wait_until(lambda: uploads(fleet) == [], 20, 0.2, say="half-made uploads remain")
    assert outputs(fleet) == ["lake/executions/early/Stage1/output.json"]
    idle(fleet)


def test_the_environment_is_what_was_given_and_no_secret_is_seen(tmp_path):
    shows = "/bin/sh -c 'env; echo ---; cat /proc/$PPID/environ /proc/$PPID/cmdline /proc/self/cmdline | tr \"\\000\" \"\\n\"'"
    with Fleet(tmp_path, env={"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ACCESS_KEY_ID": "AKIDOFTHEWORKER",
                              "AWS_SESSION_TOKEN": TOKEN, "NOT_FOR_HANDLERS": "x", "PASSED": "on"}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"show": stream(shows, **{"env.MODE": "fast", "pass_env": "PASSED, MISSING"})}, log="debug")
        fleet.create("m", stages(["show"]))
        arn = fleet.start("m", "e1", {"k": 1})
        assert fleet.finish(arn)["status"] == "SUCCEEDED"
        said = (tmp_path / "objects/lake/executions/e1/Stage1/output.json").read_text(errors="replace")
        own = said.split("---")[0]
        names = {line.split("=")[0] for line in own.splitlines() if "=" in line}
        assert names - {"PWD", "OLDPWD", "_", "SHLVL"} == {
            "PATH", "LANG", "HOME", "TMPDIR", "MODE", "PASSED", "STEPFLEET_FUNCTION", "STEPFLEET_EXECUTION",
            "STEPFLEET_STATE", "STEPFLEET_ATTEMPT", "STEPFLEET_HEARTBEAT_FD", "STEPFLEET_EVENT",
            "STEPFLEET_EVENT_FD", "STEPFLEET_RESULT_FD", "STEPFLEET_REQUEST_ID", "AWS_LAMBDA_FUNCTION_VERSION"}
        assert f"STEPFLEET_EXECUTION={arn}\n" in own and "STEPFLEET_ATTEMPT=1\n" in own and "MODE=fast\n" in own
        fleet.workers["w1"].stop()
        fleet.coordinator.stop()
        for place in [own, fleet.coordinator.text(), fleet.workers["w1"].text(), *(
                p.read_text(errors="replace") for p in (tmp_path / "data").iterdir() if p.is_file())]:
            assert SECRET not in place and TOKEN not in place and "NOT_FOR_HANDLERS" not in place
        # What it sees of its parent: the worker's own environment too is without them.
        assert "AKIDOFTHEWORKER" in said and SECRET not in said and TOKEN not in said


def test_no_secret_is_in_a_command_line(tmp_path):
    with Fleet(tmp_path, env={"AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ACCESS_KEY_ID": "AKIDOFTHEWORKER"}) as fleet:
        fleet.start_coordinator()
        fleet.start_worker("w1", {"long": event("sleep 60")})
        fleet.create("m", chain(["long"]))
        fleet.start("m")
        wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] == 1)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    assert SECRET.encode() not in f.read()
            except OSError:
                pass


def test_a_drain_ends_what_runs_and_gives_back_what_has_not_begun(fleet):
    """SIGTERM: the running task finishes, those that wait go elsewhere and spend no retry."""
    nap = event(script(fleet, "nap", "import sys,time,os\nprint(sys.stdin.read())\ntime.sleep(1.5)"), slots=1)
    forever = event("sleep 60", slots=1, **{"env.MARK": "mark-drain-4715"})
    w1 = fleet.start_worker("w1", {"nap": nap, "forever": forever}, drain="3s", slots=2)
    fleet.create("m", chain(["nap"]))
    fleet.create("f", chain(["forever"]))
    arns = [fleet.start("m", f"n{i}", i) for i in range(4)]
    long = fleet.start("f")
    wait_until(lambda: fleet.json("workers")["workers"][0]["leased"] >= 2)
    wait_until(lambda: marked("mark-drain-4715"))
    w1.send(signal.SIGTERM)
    fleet.start_worker("w2", {"nap": {**nap, "slots": 4}})
    late = fleet.start("m", "late", 9)
    for i, arn in enumerate([*arns, late]):
        d = fleet.finish(arn)
        assert d["status"] == "SUCCEEDED" and json.loads(d["output"]) in (i, 9), d
        events = fleet.history(arn)
        check_history(events)
        assert not [e for e in events if e["type"] == "LambdaFunctionFailed"]
    d = fleet.finish(long, 20)
    assert (d["status"], d["error"]) == ("FAILED", "Lambda.ServiceException")
    assert "w1" in d["cause"] and "shutting down" in d["cause"]
    assert w1.p.wait(20) == 0
    assert marked("mark-drain-4715") == []
    wait_until(lambda: [w["name"] for w in fleet.json("workers")["workers"]] == ["w2"], 5)


def test_a_second_signal_ends_a_worker_at_once(fleet):
    w = fleet.start_worker("w1", {"forever": event("sleep 60", **{"env.MARK": "mark-twice-4716"})}, drain="30s")
    fleet.create("f", chain(["forever"]))
    fleet.start("f")
    wait_until(lambda: marked("mark-twice-4716"))
    w.send(signal.SIGTERM)
    wait_until(lambda: "draining" in w.text())
    begun = time.monotonic()
    w.send(signal.SIGTERM)
    assert w.p.wait(10) == 1
    assert time.monotonic() - begun < 5
    wait_until(lambda: marked("mark-twice-4716") == [], 10)
