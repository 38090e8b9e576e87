#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""elasticmapreduce:addStep.sync for a cluster that is this machine: a step of command-runner.jar is a program here.

The event is what the state's Parameters came to, as on AWS. The program is begun, its step's id said on
STEPFLEET_SUBMITTED_FD (history's TaskSubmitted), a heartbeat given each second, and in the end the step as
DescribeStep shows it is the result, or the cause of States.TaskFailed. What the program writes is the log. It runs in
this process group: a state that times out or is aborted ends both."""
import hashlib
import json
import os
import subprocess
import sys
import time

PROGRAMS = os.environ.get("STEP_PROGRAMS", "/nonexistent")  # the directory whose programs may be steps


def refuse(why):
    print(json.dumps({"errorType": "ElasticMapReduce.InvalidRequestException", "errorMessage": why}))
    sys.exit(1)


def read_step(event):
    """The step's description and its arguments, or a refusal."""
    step = event.get("Step") if isinstance(event, dict) else None
    jar = step.get("HadoopJarStep") if isinstance(step, dict) else None
    if not isinstance(jar, dict) or jar.get("Jar") != "command-runner.jar":
        refuse("A step here is {Name, ActionOnFailure, HadoopJarStep: {Jar: command-runner.jar, Args}}.")
    args = jar.get("Args")
    if not isinstance(args, list) or not args or not all(isinstance(a, str) and "\0" not in a for a in args):
        refuse("Args are strings, the first one a program's name.")
    if "/" in args[0] or not os.access(os.path.join(PROGRAMS, args[0]), os.X_OK):
        refuse(f"{args[0]} is not a program of {PROGRAMS}.")
    attempt = hashlib.sha256(os.environ["STEPFLEET_REQUEST_ID"].encode()).hexdigest()
    return {"Id": "s-" + attempt[:13].upper(), "Name": step.get("Name"), "ActionOnFailure": step.get("ActionOnFailure", "CONTINUE"),
            "Config": {"Jar": jar["Jar"], "Args": args, "Properties": {}}}, args


def main():
    if "STEPFLEET_SUBMITTED_FD" not in os.environ:  # a step would end with this process
        refuse("Only elasticmapreduce:addStep.sync is offered here.")
    step, args = read_step(json.load(sys.stdin))
    program = subprocess.Popen([os.path.join(PROGRAMS, args[0]), *args[1:]],
                               stdin=subprocess.DEVNULL, stdout=sys.stderr)
    os.write(int(os.environ["STEPFLEET_SUBMITTED_FD"]), json.dumps({"StepId": step["Id"]}).encode())
    begun = time.time()
    while True:
        try:
            status = program.wait(timeout=1)
            break
        except subprocess.TimeoutExpired:
            os.write(int(os.environ["STEPFLEET_HEARTBEAT_FD"]), f"{step['Id']} is RUNNING\n".encode())
    step["Status"] = {"State": "FAILED" if status else "COMPLETED", "StateChangeReason": {},
                      "Timeline": {"StartDateTime": int(begun * 1000), "EndDateTime": int(time.time() * 1000)}}
    if status:
        print(json.dumps({"errorType": "States.TaskFailed", "errorMessage": f"{args[0]} ended with status {status}",
                          "Step": step}))
        sys.exit(1)
    print(json.dumps({"Step": step}))


main()
