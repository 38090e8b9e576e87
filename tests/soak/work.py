# SPDX-License-Identifier: Apache-2.0
"""The soak's mixed work: one function a kind, which starts an execution, does to it what the kind is about, and checks
how it ended. Whatever the coordinator acknowledged is written down here and compared: a start, a token, a stop, a
redrive, a new definition. A client that is not answered asks again, so that every fault may meet every request."""
import collections
import hashlib
import json
import subprocess
import threading
import time

from fleet import LAMBDA, check_history, stages, task
from test_language_kill import OWN, STATES, UNREACHABLE, check_legal, machine, mapped, nested

REFUSED = 3  # the client's exit status
FAILED = 1
STAGES = 10
PATIENCE_S = 180  # for one request or one end: far more than any fault lasts
TASK_S = 10  # of a task whose token may be lost with the client that asked for it
LOST = {"ErrorEquals": ["Lambda.ServiceException"], "IntervalSeconds": 1, "MaxAttempts": 200, "BackoffRate": 1.0}
OVERDUE = {**LOST, "ErrorEquals": ["Lambda.ServiceException", "States.Timeout"]}


def functions(directory):
    """What a worker offers. A name ends in the execution's: `${STEPFLEET_EXECUTION##*:}`."""
    name = "${STEPFLEET_EXECUTION##*:}"
    tokens = directory / "tokens"

    def event(script, slots=8):
        return {"handler": "event", "slots": slots, "command": f"/bin/sh -c '{script}'"}
    return {
        "echo": {"handler": "echo", "slots": 64},
        "cat": {"handler": "event", "slots": 8, "command": "/bin/cat"},
        "add": {"handler": "stream", "slots": 8,
                "command": "/bin/sh -c 'cat; echo $STEPFLEET_STATE $STEPFLEET_ATTEMPT'"},
        "flaky": event('[ $STEPFLEET_ATTEMPT -gt 2 ] || { echo "{\\"errorType\\":\\"Flaky\\"}"; exit 1; }; cat'),
        "broken": event('echo "{\\"errorType\\":\\"Broken\\",\\"errorMessage\\":\\"as ever\\"}"; exit 1'),
        "gate": event(f'[ -e {directory}/open/{name} ] || {{ echo "{{\\"errorType\\":\\"Shut\\"}}"; exit 1; }}; cat'),
        "tell": event(f"cat > {tokens}/.$$ && mv {tokens}/.$$ {tokens}/{name}.$STEPFLEET_ATTEMPT; echo 1"),
        "nap": event(f"echo $$ >> {directory}/naps; exec sleep 3600", 32),
    }


def revised(number):
    """A definition whose executions tell its number at their begin and at their end."""
    return machine(A={"Type": "Pass", "Result": number, "ResultPath": "$.first", "Next": "W"},
                   W={"Type": "Wait", "Seconds": 1, "Next": "B"},
                   B={"Type": "Pass", "Result": number, "ResultPath": "$.last", "End": True})


def tried(function, retry, **fields):
    return task(function, **{"Retry": retry, "End": True, **fields})


MACHINES = {
    "chain": stages(["add"] * STAGES, [LOST]),
    "tasks": machine(A=task("cat", Retry=[LOST], Next="B"), B=tried("echo", [LOST])),
    "fan": machine(P={"Type": "Parallel", "End": True, "Branches": [
        mapped(T=tried("echo", [LOST])),
        machine(Q={"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($.n, 1)"}, "End": True}),
        machine(C=tried("cat", [LOST]))]}),
    "retried": machine(F=tried("flaky", [LOST, {"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "MaxAttempts": 2}])),
    "caught": machine(F=task("broken", Retry=[LOST], Next="Z", Catch=[
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Z"}]), Z={"Type": "Succeed"}),
    "waits": machine(W={"Type": "Wait", "SecondsPath": "$.seconds", "End": True}),
    "deeper": machine(
        C={"Type": "Choice", "Default": "Z",
           "Choices": [{"Variable": "$.depth", "NumericGreaterThan": 0, "Next": "D"}]},
        Z={"Type": "Pass", "End": True},
        D={"Type": "Pass", "Parameters": {"depth.$": "States.MathAdd($.depth, -1)"}, "Next": "N"},
        N=nested("deeper")),
    "activity": machine(A={"Type": "Task", "Resource": f"{OWN}activity:approve", "TimeoutSeconds": TASK_S,
                           "Retry": [OVERDUE], "End": True}),
    "callback": machine(T={"Type": "Task", "Resource": STATES + "lambda:invoke.waitForTaskToken", "Retry": [OVERDUE],
                           "TimeoutSeconds": 3 * TASK_S, "End": True, "Parameters": {
                               "FunctionName": LAMBDA + "tell", "Payload": {"token.$": "$$.Task.Token"}}}),
    "stopped": machine(P={"Type": "Parallel", "End": True, "Branches": [
        machine(T=tried("nap", [LOST])),
        machine(W={"Type": "Wait", "Seconds": 3600, "End": True}),
        machine(N=nested("sleeper"))]}),
    "sleeper": machine(S={"Type": "Wait", "Seconds": 3600, "End": True}),
    "redriven": machine(A=task("cat", Retry=[LOST], Next="G"), G=tried("gate", [LOST])),
    "updated": revised(0),
}
EXPRESS = {"express": MACHINES["tasks"], "sync": machine(A=tried("echo", [LOST]))}


class Work:
    """What is done to one fleet, and what came of it. Any thread; `lock` guards all that is counted."""

    def __init__(self, fleet, store, run):
        self.fleet, self.store, self.run = fleet, store, run
        self.lock, self.updating = threading.Lock(), threading.Lock()
        self.counts = collections.Counter()
        self.wrong = []  # what was found, in words
        self.begun = {}  # ARN -> the kind, of every acknowledged start
        self.ends = {}  # ARN -> how it was seen to end
        self.sent = collections.defaultdict(set)  # name -> the answers that were sent with one of its tokens
        self.acknowledged = {}  # name -> the answer that was acknowledged
        self.answered = {}  # name -> the answer in its output
        self.objects = {}  # name of a chain -> a digest of all that its stages wrote
        self.tried_revision = self.revision = 0

    def prepare(self):
        for directory in ("tokens", "open"):
            (self.fleet.dir / directory).mkdir()
        self.fleet.cli("activity", "create", "approve")
        for name, definition in MACHINES.items():
            self.fleet.create(name, definition)
        for name, definition in EXPRESS.items():
            self.fleet.create(name, definition, "EXPRESS")

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def report(self, what, found):
        with self.lock:
            self.counts["wrong"] += 1
            if len(self.wrong) < 100:
                self.wrong.append(f"{what}: {found}")

    # ---- one client ----

    def ask(self, *args):
        """Exit status, what it says, what it complains of; one that is never answered could not reach anybody."""
        try:
            run = self.fleet.cli(*args, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            return UNREACHABLE, "", "no answer in time"
        return run.returncode, run.stdout, run.stderr

    def insist(self, *args, refusal=None):
        """Ask until there is an answer: (whether it was granted, what it says, whether an answer was lost before).
        refusal: the one that is an answer too."""
        end = time.monotonic() + PATIENCE_S
        lost = False
        while time.monotonic() < end:
            status, out, err = self.ask(*args)
            if status == 0:
                return True, out, lost
            if status == REFUSED and refusal is not None and refusal in err:
                return False, err, lost
            assert status == UNREACHABLE, (args, status, err)
            lost = True
            time.sleep(0.3)
        raise AssertionError(f"never answered: {args}")

    def start(self, kind, name, payload):
        granted, out, lost = self.insist("start", kind, "--name", name, "--input", json.dumps(payload), "--json",
                                         refusal="ExecutionAlreadyExists")
        assert granted or lost, f"{name} cannot exist: {out}"
        arn = json.loads(out)["executionArn"] if granted else f"{OWN}execution:{kind}:{name}"
        with self.lock:
            self.begun[arn] = kind
        return arn

    def show(self, arn):
        return json.loads(self.insist("show", arn, "--json")[1])

    def await_end(self, arn, meanwhile=lambda: None):
        end = time.monotonic() + PATIENCE_S
        pause = 0.2
        while (shown := self.show(arn))["status"] == "RUNNING":
            assert time.monotonic() < end, f"it does not end: {shown}"
            meanwhile()
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)
        return shown

    def check_end(self, shown, status="SUCCEEDED"):
        """It ended so, by a legal history: its events."""
        assert shown["status"] == status, shown
        events = json.loads(self.insist("history", shown["executionArn"], "--json")[1])["events"]
        check_history(events)
        check_legal(events)
        with self.lock:
            self.ends[shown["executionArn"]] = status
            self.counts["history events"] += len(events)
        return events

    def finish(self, arn, status="SUCCEEDED"):
        shown = self.await_end(arn)
        self.check_end(shown, status)
        return json.loads(shown["output"]) if status == "SUCCEEDED" else shown

    def answer(self, name, token, output):
        """End a task by its token. A token that was used or is overdue is refused, and so is one whose answer was
        lost: then it is open whether it took effect."""
        with self.lock:
            self.sent[name].add(output["answer"])
        granted, _, _ = self.insist("task", "success", token, "--output", json.dumps(output), refusal="TaskTimedOut")
        if granted:
            with self.lock:
                twice = self.acknowledged.setdefault(name, output["answer"]) != output["answer"]
                self.counts["tokens"] += 1
            assert not twice, f"{name}: two tokens were acknowledged"

    def finish_answered(self, arn, name, meanwhile):
        shown = self.await_end(arn, meanwhile)
        self.check_end(shown)
        answer = json.loads(shown["output"])["answer"]
        with self.lock:
            self.answered[name] = answer
            assert answer in self.sent[name], (answer, self.sent[name])

    # ---- what stages wrote ----

    def written(self, name):
        """All that a chain's stages wrote, in their order."""
        return [self.store.get(f"executions/{name}/Stage{i}/output.json") for i in range(1, STAGES + 1)]

    def digest(self, outputs):
        return hashlib.sha256(b"\0".join(outputs)).hexdigest()


def attempts(events):
    """Of each state of a chain, how often it was tried."""
    found = collections.Counter()
    state = None
    for e in events:
        if e["type"] == "TaskStateEntered":
            state = e["stateEnteredEventDetails"]["name"]
        elif e["type"] == "TaskScheduled":
            found[state] += 1
    return found


# ---- the kinds: each with (work, name, chance) ----

def chain(w, name, rng):
    """Each object is the one before and a line of the attempt that succeeded: a second write would show."""
    payload = {"pad": "x" * rng.randrange(3000)}
    arn = w.start("chain", name, payload)
    shown = w.await_end(arn)
    made = attempts(w.check_end(shown))
    outputs = w.written(name)
    before = json.dumps(payload, separators=(",", ":")).encode()
    for i, output in enumerate(outputs, 1):
        line = f"Stage{i} {made[f'Stage{i}']}\n".encode()
        assert output == before + line, f"Stage{i} wrote {output and output[-200:]}, and not {line} last"
        before = output
    with w.lock:
        w.objects[name] = w.digest(outputs)


def simple(kind):
    def run(w, name, rng):
        payload = {"n": rng.randrange(1000), "text": "y" * rng.randrange(500)}
        output = w.finish(w.start(kind, name, payload))
        assert output == payload, output
    return run


def fan(w, name, rng):
    payload = {"n": rng.randrange(1000), "items": list(range(rng.randrange(1, 30)))}
    output = w.finish(w.start("fan", name, payload))
    assert output == [payload["items"], {"sum": payload["n"] + 1}, payload], output


def caught(w, name, rng):
    output = w.finish(w.start("caught", name, {}))
    assert output["caught"]["Error"] == "Broken", output


def waits(w, name, rng):
    payload = {"seconds": rng.randrange(1, 6)}
    assert w.finish(w.start("waits", name, payload)) == payload


def deeper(w, name, rng):
    assert w.finish(w.start("deeper", name, {"depth": rng.randrange(1, 5)})) == {"depth": 0}


def activity(w, name, rng):
    """Whoever waits for an end here takes whatever task there is: its own or another's."""
    def take():
        status, out, _ = w.ask("activity", "poll", "approve", "--wait", "1", "--json")
        assert status in (0, FAILED, UNREACHABLE), out
        if status == 0:
            polled = json.loads(out)
            w.answer(json.loads(polled["input"])["name"], polled["taskToken"], {"answer": rng.getrandbits(60)})
    w.finish_answered(w.start("activity", name, {"name": name}), name, take)


def callback(w, name, rng):
    seen = set()

    def answer():
        for told in set((w.fleet.dir / "tokens").glob(f"{name}.*")) - seen:
            seen.add(told)
            token = json.loads(told.read_text())["token"]
            if name not in w.acknowledged:
                w.answer(name, token, {"answer": rng.getrandbits(60)})
    w.finish_answered(w.start("callback", name, {}), name, answer)
    for told in seen:
        told.unlink()


def sync(w, name, rng):
    """At most once: with an answer it is right; without one nothing is owed."""
    payload = {"n": rng.randrange(1000)}
    status, out, err = w.ask("start", "sync", "--name", name, "--sync", "--input", json.dumps(payload), "--json")
    if status == UNREACHABLE:
        w.count("sync without an answer")
        return
    assert status == 0, (status, out, err)
    shown = json.loads(out)
    assert (shown["status"], json.loads(shown["output"])) == ("SUCCEEDED", payload), shown
    w.count("sync answered")


def stopped(w, name, rng):
    arn = w.start("stopped", name, {})
    time.sleep(rng.uniform(0, 1.5))
    w.insist("stop", arn, "--error", f"Stop.{name}")
    w.count("stops")
    shown = w.finish(arn, "ABORTED")
    assert shown["error"] == f"Stop.{name}", shown
    w.count("stops that took effect")


def redriven(w, name, rng):
    arn = w.start("redriven", name, {"n": 1})
    shown = w.finish(arn, "FAILED")
    assert shown["error"] == "Shut", shown
    door = w.fleet.dir / "open" / name
    door.touch()
    granted, err, lost = w.insist("redrive", arn, refusal="ExecutionNotRedrivable")
    assert granted or lost, err
    w.count("redrives")
    shown = w.await_end(arn)
    events = w.check_end(shown)
    assert sum(e["type"] == "ExecutionRedriven" for e in events) == shown["redriveCount"] == 1, shown
    assert json.loads(shown["output"]) == {"n": 1}, shown
    door.unlink()
    w.count("redrives that took effect")


def updated(w, name, rng):
    """An execution keeps the definition it began with, and that is never older than an acknowledged one."""
    with w.updating:
        w.tried_revision += 1
        path = w.fleet.dir / "updated.asl.json"
        path.write_text(json.dumps(revised(w.tried_revision)))
        w.insist("machine", "update", "updated", path)
        w.revision = w.tried_revision
        w.count("updates")
    oldest = w.revision
    arn = w.start("updated", name, {})
    newest = w.tried_revision
    output = w.finish(arn)
    assert output["first"] == output["last"] and oldest <= output["first"] <= newest, (output, oldest, newest)
    w.count("updates that took effect")


KINDS = {  # name -> how many in a hundred or so, and what is done
    "chain": (20, chain), "tasks": (12, simple("tasks")), "fan": (12, fan), "retried": (8, simple("retried")),
    "caught": (6, caught), "waits": (6, waits), "nested": (6, deeper), "activity": (6, activity),
    "callback": (6, callback), "express": (8, simple("express")), "sync": (8, sync), "stopped": (6, stopped),
    "redriven": (6, redriven), "updated": (3, updated),
}
