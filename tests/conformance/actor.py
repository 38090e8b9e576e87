# SPDX-License-Identifier: Apache-2.0
"""A handler that plays its task as a conformance case says: actor.py DIR PROGRAM.

DIR/cases has the case of each machine, DIR/plays what was played already; what is to be done later by
the task's token is left in DIR/posts for whoever looks there. PROGRAM tells what to do (--tell)."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def nth_play(root, machine, state):
    """How often the state was played before; counted by files, as attempts run side by side."""
    key = hashlib.sha256(f"{machine}\n{state}".encode()).hexdigest()[:24]
    n = 0
    while True:
        try:
            os.close(os.open(root / "plays" / f"{key}.{n}", os.O_CREAT | os.O_EXCL))
            return n
        except FileExistsError:
            n += 1


def ask(program, question):
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as f:
        json.dump(question, f)
        f.flush()
        return json.loads(subprocess.run([program, "--tell", f.name], check=True,
                                         capture_output=True).stdout)


def post(root, token, deeds):
    name = hashlib.sha256(token.encode()).hexdigest()[:24]
    path = root / "posts" / f"{name}.new"
    path.write_text(json.dumps({"token": token, "deeds": deeds}), encoding="utf-8")
    path.rename(path.with_suffix(".json"))


def error_text(deed):
    """A failure as functions describe it: an object with its errorType."""
    try:
        described = json.loads(deed.get("cause", ""))
    except ValueError:
        described = None
    if not isinstance(described, dict) or described.get("errorType") != deed.get("error"):
        described = {"errorType": deed.get("error"), "errorMessage": deed.get("cause", "")}
    return json.dumps(described)


def main():
    root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    machine = os.environ["STEPFLEET_EXECUTION"].split(":")[6]
    state = os.environ["STEPFLEET_STATE"]
    submitted = os.environ.get("STEPFLEET_SUBMITTED_FD")
    case = json.loads((root / "cases" / f"{machine}.json").read_text(encoding="utf-8"))
    told = ask(program, {
        "case": case, "state": state, "function": os.environ["STEPFLEET_FUNCTION"],
        "payload": sys.stdin.read(), "submits": submitted is not None,
        "nth": nth_play(root, machine, state)})
    later = [d for d in told["deeds"] if d["kind"].startswith(("token_", "heartbeat"))]
    if later and "token" in told:
        post(root, told["token"], later)
    for deed in told["deeds"]:
        if deed in later:
            continue
        time.sleep(deed["after_ms"] / 1000)
        if deed["kind"] == "submitted":
            os.write(int(submitted), (deed["text"] + "\n").encode())
        elif deed["kind"] == "result":
            sys.stdout.write(deed["text"])
            return 0
        else:
            sys.stdout.write(error_text(deed))
            return 1
    time.sleep(3600)  # says nothing: its timeout ends it
    return 1


if __name__ == "__main__":
    sys.exit(main())
