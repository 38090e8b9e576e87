# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the coordinator at random moments while messages go from a topic through queues and pipes to Express and
Standard workflows: each that was acknowledged is done or a dead letter, none is lost, none starts two executions, a
rule's target is told of each that fails, and all dead letters are redriven. And while all of that is deployed."""
import collections
import concurrent.futures
import itertools
import random
import threading
import time

from fleet import Fleet, wait_until
from flow import TEMPLATE, Flow

SECONDS = 40
VISIBILITY = 2
PATIENT = 20  # while dead letters are redriven: longer than all of them together take


class Publishers:
    """They publish, each message once, until they are told to stop. acknowledged: way -> numbers."""

    def __init__(self, flow, count=2):
        self.flow = flow
        self.acknowledged = {"express": set(), "standard": set()}
        self.numbers = itertools.count()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(count)]

    def _run(self):
        while not self.over.wait(0.02):
            n = next(self.numbers)
            way = "express" if n % 2 else "standard"
            try:
                self.flow.publish(way, n, is_bad(n))
                self.acknowledged[way].add(n)
            except Exception:  # the coordinator is away: it was not acknowledged, and may be there or not
                self.over.wait(0.1)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join()


def is_bad(n):
    return n % 10 > 7


def kill_for(fleet, seconds, rng):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(rng.uniform(0.05, 2.5))
        fleet.coordinator.kill()
        fleet.start_coordinator()


def check_express(flow, acknowledged):
    """The dead letters' numbers."""
    flow.empty("ExpressQueue", 120)
    done, letters = flow.done("express"), flow.dead()
    assert len(letters) == len(set(letters)) == flow.left("ExpressDead"), "a message is among the dead letters twice"
    assert acknowledged <= done | set(letters), f"lost: {acknowledged - done - set(letters)}"
    assert {n for n in acknowledged if is_bad(n)} <= set(letters) and not any(map(is_bad, done))
    received = collections.Counter(m["n"] for m in flow.seen("express"))
    assert max(received.values()) <= 3, f"received too often: {received.most_common(3)}"
    return set(letters)


def check_standard(flow, acknowledged):
    flow.empty("StandardQueue", 120)
    wait_until(lambda: not flow.sfn.list_executions(stateMachineArn=flow.arn("Standard"), statusFilter="RUNNING")[
        "executions"], 120, 0.5, say="executions do not end")
    executions = flow.executions()
    assert acknowledged <= set(executions), f"lost: {acknowledged - set(executions)}"
    for n, started in executions.items():
        assert [e["status"] for e in started] == ["FAILED" if is_bad(n) else "SUCCEEDED"], started
    failed = {e["executionArn"] for started in executions.values() for e in started if e["status"] == "FAILED"}
    wait_until(lambda: {told["executionArn"] for told in flow.failures()} == failed, 60, 1,
               say="the rule's target is not told of all failures")


def test_every_message_is_done_once_or_a_dead_letter_whatever_is_killed(tmp_path):
    rng = random.Random(23)
    with Fleet(tmp_path, http={"access": "open"}) as fleet:
        fleet.start_coordinator()
        flow = Flow(fleet, VISIBILITY)
        with Publishers(flow) as publishers:
            kill_for(fleet, SECONDS, rng)
        check_standard(flow, publishers.acknowledged["standard"])
        letters = check_express(flow, publishers.acknowledged["express"])

        flow.mend()
        flow.deploy(PATIENT)
        flow.sqs.start_message_move_task(SourceArn=flow.arn("ExpressDead"))
        kill_for(fleet, 1, rng)
        wait_until(lambda: flow.left("ExpressDead") == 0, 30, 0.2, say="dead letters are not moved")
        flow.empty("ExpressQueue", 3 * PATIENT)
        assert flow.left("ExpressDead") == 0 and letters <= flow.done("express")


def test_a_deployment_goes_on_whatever_is_killed(tmp_path):
    rng = random.Random(3)
    with Fleet(tmp_path, http={"access": "open"}) as fleet:
        fleet.start_coordinator()
        for n in range(8):
            deploy = ("deploy", TEMPLATE, "--stack", f"s{n}")
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                deployed = pool.submit(fleet.cli, *deploy)
                time.sleep(rng.uniform(0.02, 0.08))
                fleet.coordinator.kill()
                fleet.start_coordinator()
                deployed.result()
            assert {r["change"] for r in fleet.json(*deploy)["resources"]} == {"NONE", "LEFT_OUT"}
        flow = Flow(fleet, VISIBILITY)
        flow.publish("express", 1)
        flow.publish("standard", 2)
        wait_until(lambda: flow.done("express") == {1} and flow.done("standard") == {2})
        assert set(flow.executions()) == {2}
