# SPDX-License-Identifier: Apache-2.0
"""Conformance cases through live processes: two fleets of a coordinator and a worker on loopback, used
for all cases, a few at a time; the command line submits and asks. In one fleet the coordinator carries
out its own integrations, in the other handlers do, for cases that mock them or call other accounts."""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import actor
from fleet import BIN, Fleet

HERE = pathlib.Path(__file__).resolve().parent
ACCOUNT = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/conformance"
AT_ONCE = 6  # cases in one fleet
NAMED = 20  # so many that are left out for one reason are named
OWN = ("states:", "aws-sdk:sfn:")
PROGRAM = BIN / "conformance_cases"


def functions(case):
    out = {t["function"] for t in case.get("tasks", ()) if "function" in t}
    if "mock_config" in case:
        out |= {literal for literal, name in case.get("bindings", ()) if "function" in name}
    return out


def bound_name(case, word, other):
    for literal, placeholder in case.get("bindings", ()):
        if re.search(word, placeholder) and re.fullmatch(r"[\w.-]+", literal):
            return literal
    return other


def seconds_of(case):
    return case.get("approx_seconds") or 0


def output_of(detail):
    out = {k: detail[k] for k in ("status", "error", "cause") if k in detail}
    if "output" in detail:
        out["output"] = json.loads(detail["output"])
    return out


def refusal(run):
    """stepfleet: CODE: MESSAGE"""
    text = run.stderr.strip().removeprefix("stepfleet: ")
    code, _, message = text.partition(": ")
    return {"code": code, "message": message}


class CommandLine:
    """What a case asks of a fleet, by the command line."""

    def __init__(self, fleet, root):
        self.fleet, self.root = fleet, root

    def cli(self, *args, seconds=0, **kwargs):
        return self.fleet.cli(*args, check=False, timeout=seconds + 120, **kwargs)

    def file(self, name, text):
        path = self.root / "texts" / name
        path.write_text(text, encoding="utf-8")
        return path

    def create(self, name, text, kind):
        """How it was refused; None: it was not."""
        run = self.cli("machine", "create", name, self.file(f"{name}.json", text), "--type", kind,
                       "--role-arn", ROLE, "--json")
        return refusal(run) if run.returncode else None

    def lint(self, name, text, kind):
        return json.loads(self.cli("machine", "lint", self.file(f"{name}.json", text), "--type", kind,
                                   "--json").stdout)

    def create_activity(self, name):
        self.cli("activity", "create", name)

    def delete_activity(self, name):
        self.cli("activity", "delete", name)

    def poll(self, activity, worker):
        """Its token and its input; None: there was no task."""
        run = self.cli("activity", "poll", activity, "--wait", 2, "--worker", worker, "--json")
        return json.loads(run.stdout) if run.returncode == 0 else None

    def input(self, machine, text):
        return [] if text is None else ["--input-file", self.file(f"{machine}.input", text)]

    def start(self, machine, name, text):
        return json.loads(self.cli("start", machine, *(("--name", name) if name else ()), "--json",
                                   *self.input(machine, text)).stdout)["executionArn"]

    def start_sync(self, machine, text):
        return json.loads(self.cli("start", machine, "--sync", "--json", *self.input(machine, text)).stdout)

    def run(self, machine, name, text, seconds):
        """Its detail when it has ended."""
        return json.loads(self.cli("start", machine, "--name", name, "--wait", "--json",
                                   *self.input(machine, text), seconds=seconds).stdout)

    def finish(self, arn, seconds):
        self.fleet.finish(arn, seconds + 60)

    def detail(self, arn):
        return self.fleet.show(arn)

    def history(self, arn):
        return self.fleet.history(arn)

    def redrive(self, arn):
        self.cli("redrive", arn)

    def stop(self, arn, **why):
        self.cli("stop", arn, *(x for k, v in why.items() for x in (f"--{k}", v)))

    def heartbeat(self, token):
        self.cli("task", "heartbeat", "-", stdin=token)

    def succeed(self, token, output):
        self.cli("task", "success", "-", "--output", output, stdin=token)

    def fail(self, token, **why):
        self.cli("task", "failure", "-", *(x for k, v in why.items() for x in (f"--{k}", v)), stdin=token)


def why_of(deed):
    return {k: deed[k] for k in ("error", "cause") if k in deed}


class Play:
    """One case in a fleet, by whose hands it is asked."""

    def __init__(self, hands, root, case, number):
        self.hands, self.root, self.case = hands, root, case
        mocks = case.get("mock_config", {}).get("StateMachines", {})
        self.machine = next(iter(mocks), None) or bound_name(
            case, r"state.?machine.?name", f"conformance-{number}")
        self.id = {"id": case["id"]}
        self.over = threading.Event()

    def text(self):
        return self.case.get("definition_text") or json.dumps(self.case["definition"])

    def remember(self, name):
        (self.root / "cases" / f"{name}.json").write_text(json.dumps(self.case), encoding="utf-8")

    # ---- what is around the execution ----

    def prepare(self):
        tasks = self.case.get("tasks", ())
        played = any("callback" in t or "worker" in t for t in tasks)
        self.remember(self.machine)
        for t in tasks:
            if "activity" in t:
                self.hands.create_activity(t["activity"])
                if t.get("deleted_before_start"):
                    self.hands.delete_activity(t["activity"])
                elif "worker" in t:
                    threading.Thread(target=self.work, args=(t,), daemon=True).start()
        for aux in self.case.get("aux_state_machines", ()):
            start = aux.get("started_by_test_with_input")
            name = aux["state_machine_name"]
            if start is None or not played:
                self.remember(name)
                self.hands.create(name, json.dumps(aux["definition"]), aux.get("type", "STANDARD"))
                if start is not None:
                    self.hands.start(name, None, json.dumps(start))

    def work(self, task):
        """The worker of an activity."""
        while not self.over.is_set():
            got = self.hands.poll(task["activity"], task["worker"].get("worker_name", "player"))
            if got is not None:
                told = actor.ask(PROGRAM, {"case": self.case, "activity": task,
                                           "input": got["input"]})
                answer(self.hands, got["taskToken"], told["deeds"])

    def operate(self, arn):
        """Stop and redrive it."""
        for deed in actor.ask(PROGRAM, {"case": self.case})["deeds"]:
            time.sleep(deed["after_ms"] / 1000)
            if deed["kind"] == "redrive":
                self.hands.redrive(arn)
            else:
                self.hands.stop(arn, **why_of(deed))

    # ---- the execution ----

    def input(self):
        """Its text; None: it has none."""
        case = self.case
        if case.get("input_text", "") is None or "input" not in case:
            return None
        value = case["input"]
        if "input_time" in case:
            then = time.time() + case["input_time"]["days_from_now"] * 86400
            value = {**value, case["input_time"]["path"][2:]: time.strftime(
                "%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(then))}
        if "input_fill" in case:
            fill = case["input_fill"]
            value = {**value, fill["member"]: fill["char"] * fill["count"]}
            return json.dumps(value, separators=(",", ":"))
        return case.get("input_text") or json.dumps(value)

    def execute(self):
        case = self.case
        running = case.get("flags", {}).get("expect_running")
        self.prepare()
        refused = self.hands.create(self.machine, self.text(), case.get("type", "STANDARD"))
        if refused is not None:
            return {"create_error": refused}
        name = bound_name(case, r"execution.?name", "run")
        if case["kind"] == "sync_execution":
            return output_of(self.hands.start_sync(self.machine, self.input()))
        if running or "operations" in case:
            arn = self.hands.start(self.machine, name, self.input())
            if running:
                time.sleep(1)
            else:
                self.operate(arn)
                self.hands.finish(arn, seconds_of(case))
            detail = self.hands.detail(arn)
        else:
            detail = self.hands.run(self.machine, name, self.input(), seconds_of(case))
            arn = detail["executionArn"]
        out = output_of(detail)
        if case.get("type") != "EXPRESS":
            out["history"] = self.hands.history(arn)
        if running:
            self.hands.stop(arn)
        return out

    def result(self):
        kind = self.case["kind"]
        try:
            if kind == "create_error":
                refused = self.hands.create(self.machine, self.text(), self.case.get("type", "STANDARD"))
                return {**self.id, **({"create_error": refused} if refused is not None else {})}
            if kind == "validate":
                request = self.case.get("request", {})
                return {**self.id, "response": self.hands.lint(self.machine, self.text(),
                                                               request.get("type", "STANDARD"))}
            return {**self.id, **self.execute()}
        finally:
            self.over.set()


# ---- task tokens ----

def answer(hands, token, deeds):
    for deed in deeds:
        time.sleep(deed["after_ms"] / 1000)
        if deed["kind"] == "heartbeat":
            hands.heartbeat(token)
        elif deed["kind"] == "token_success":
            hands.succeed(token, deed.get("text", "{}"))
        else:
            hands.fail(token, **why_of(deed))


def deliver(hands, root, over):
    """What actors left to be done by token."""
    while not over.wait(0.05):
        for path in (root / "posts").glob("*.json"):
            post = json.loads(path.read_text(encoding="utf-8"))
            path.unlink()
            threading.Thread(target=answer, args=(hands, post["token"], post["deeds"]),
                             daemon=True).start()


# ---- all of them ----

def choose(files, classes, seconds):
    """The cases that can be run, each with its bindings; and the others' ids, by reason."""
    cases, left = [], collections.defaultdict(list)
    for f in files:
        for line in f.read_text(encoding="utf-8").split("\n"):
            case = json.loads(line) if line.strip() else None
            if case is None or (classes and case.get("class") not in classes):
                continue
            told = actor.ask(PROGRAM, {"case": case})
            if "refusal" in told:
                left[told["refusal"]].append(case["id"])
            elif case["kind"] == "create_error" and "definition_text" in case:
                left["the command line refuses them before they are sent"].append(case["id"])
            elif seconds_of(case) > seconds:
                left[f"they take longer than {seconds:g} s"].append(case["id"])
            else:
                cases.append((case, told["bindings"]))
    return cases, left


def play_one(hands, root, case, number):
    try:
        return Play(hands, root, case, number).result()
    except (OSError, ValueError, KeyError, TimeoutError, subprocess.SubprocessError) as e:
        return {"id": case["id"], "did_not_run": f"{type(e).__name__}: {e}"}


def actors(root, offers):
    """A worker's functions of these names, played by the cases that are remembered."""
    for name in ("cases", "plays", "posts", "texts"):
        (root / name).mkdir(parents=True)
    section = {"handler": "event", "slots": 4,
               "command": f"{sys.executable} {HERE / 'actor.py'} {root} {PROGRAM}"}
    return {f: section for f in sorted(offers)}


def play_all(root, cases, bindings, hands_of=CommandLine, http=None):
    """In one fleet, a few at once; results in the order of the cases."""
    over = threading.Event()
    offers = actors(root, set().union(bindings.values(), *map(functions, cases)))
    options = {"account": ACCOUNT, "no_function": "1s", "lease": "10s"}
    with Fleet(root, coordinator=options, bind=bindings, http=http) as fleet:
        fleet.start_coordinator()
        hands = hands_of(fleet, root)
        if offers:
            fleet.start_worker("player", offers, slots=8)
        poster = threading.Thread(target=deliver, args=(hands, root, over))
        poster.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                return list(pool.map(lambda n: play_one(hands, root, cases[n], n),
                                     range(len(cases))))
        finally:
            over.set()
            poster.join()


def run(files, path, classes, seconds):
    cases, left = choose(files, classes, seconds)
    root = pathlib.Path(tempfile.mkdtemp(prefix="stepfleet-conformance."))
    results = []
    try:
        for by_handler in (False, True):
            part = [(c, b) for c, b in cases if any(k.startswith(OWN) for k in b) == by_handler]
            if part:
                bindings = {k: v for _, b in part for k, v in b.items()}
                results += play_all(root / f"fleet{by_handler:d}", [c for c, _ in part], bindings)
    finally:
        if "STEPFLEET_KEEP" not in os.environ:
            shutil.rmtree(root, ignore_errors=True)
    failed = [r for r in results if "did_not_run" in r]
    with open(path, "w", encoding="utf-8") as f:
        for r in results:
            if "did_not_run" not in r:
                f.write(json.dumps(r) + "\n")
    for reason, ids in left.items():
        print(f"{len(ids)} left out: {reason}", file=sys.stderr)
        for name in ids if len(ids) <= NAMED else ():
            print(f"    {name}", file=sys.stderr)
    for r in failed:
        print(f"{r['id']}: {r['did_not_run']}", file=sys.stderr)
    print(f"{len(results) - len(failed)} run, {len(failed)} did not", file=sys.stderr)
    return 1 if failed else 0
