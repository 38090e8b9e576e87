# SPDX-License-Identifier: Apache-2.0
"""/metrics, the alarms and the dashboard of deploy/prometheus, by Debian's Prometheus."""
import json
import pathlib
import re
import ssl
import subprocess
import urllib.error
import urllib.request

import fleet as fleets
import pytest
from fleet import task, wait_until
from http_client import ask
from prometheus import Prometheus, promtool

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy" / "prometheus"
ALARMS = DEPLOY / "alerts.yml"
TOKEN = "a-token-for-the-tests-only"
NAMES = re.compile(r"\b(?:stepfleet|process)_[a-z_]+\b")
ROLE = "arn:aws:iam::123456789012:role/r"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def certificate(directory):
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-keyout", "tls.key", "-out", "tls.crt", "-days", "10", "-subj", "/CN=127.0.0.1",
                           "-addext", "subjectAltName=IP:127.0.0.1"], cwd=directory, capture_output=True)
    assert made.returncode == 0, made.stderr
    return directory / "tls.crt", directory / "tls.key"


@pytest.fixture
def secure_fleet(tmp_path):
    crt, key = certificate(tmp_path)
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN + "\n")
    with fleets.Fleet(tmp_path, http={"certificate": crt, "key": key, "metrics": "token",
                                      "metrics_tokens": tokens},
                      coordinator={"audit_log": tmp_path / "audit.jsonl"}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


@pytest.fixture
def open_fleet(tmp_path):
    with fleets.Fleet(tmp_path, http={"access": "open", "metrics": "open"}) as f:
        f.start_coordinator()
        yield f
        f.check_serves()


def scrape(f, path="/metrics", **headers):
    """(status, headers, text)"""
    context = ssl.create_default_context(cafile=f.http["certificate"]) if "certificate" in f.http else None
    try:
        r = urllib.request.urlopen(urllib.request.Request(f.endpoint + path, headers=headers), timeout=20,
                                   context=context)
    except urllib.error.HTTPError as e:
        r = e
    with r:
        return r.status, r.headers, r.read().decode()


def samples(text):
    """{line without its number: number}; none is there twice."""
    got = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in got, f"twice: {name}"
            got[name] = float(value)
    return got


def test_the_rules_by_promtool():
    promtool("check", "rules", ALARMS)
    promtool("test", "rules", DEPLOY / "alerts_test.yml", cwd=DEPLOY)
    promtool("check", "config", "--syntax-only", DEPLOY / "prometheus.yml", cwd=DEPLOY)


def test_who_may_scrape(secure_fleet):
    f = secure_fleet
    status, headers, _ = scrape(f)
    assert status == 401 and headers["www-authenticate"] == "Bearer"
    assert scrape(f, authorization="Bearer " + TOKEN[:-1])[0] == 401
    assert scrape(f, authorization="Bearer " + TOKEN)[0] == 200
    tokens = pathlib.Path(f.http["metrics_tokens"])
    tokens.write_text("another-token-of-the-tests\n")
    assert scrape(f, authorization="Bearer " + TOKEN)[0] == 401
    assert scrape(f, authorization="Bearer another-token-of-the-tests")[0] == 200
    tokens.unlink()
    assert scrape(f, authorization="Bearer another-token-of-the-tests")[0] == 503
    assert scrape(f, path="/metrics/x", authorization="Bearer another-token-of-the-tests")[0] >= 400


def test_counts_are_what_happened(open_fleet):
    f = open_fleet
    f.start_worker("w", {"Good": {"handler": "echo"}, "Bad": {"handler": "event", "command": "sh -c 'exit 3'"}})
    for function in ("Good", "Bad"):
        f.create(function.lower(), {"StartAt": "S", "States": {"S": {**task(function), "End": True}}})
        for _ in range(3):
            f.finish(f.start(function.lower()))
    f.create("waits", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
    stopped, _ = f.start("waits"), f.start("waits")
    f.cli("stop", stopped)
    health = f.json("health")
    assert (health["openExecutions"], health["workers"], health["unofferedTasks"]) == (1, 1, 0)
    assert 0 < health["diskFreeBytes"] < health["diskSizeBytes"]
    status, headers, text = scrape(f)
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert promtool("check", "metrics", input=text) == ""
    got = samples(text)
    ended = 'stepfleet_executions_ended_total{machine="%s",status="%s"}'
    attempts = 'stepfleet_stage_attempts_total{function="%s",outcome="%s"}'
    assert got[ended % ("good", "succeeded")] == 3 and got[ended % ("bad", "failed")] == 3
    assert got[ended % ("waits", "aborted")] == 1
    assert got['stepfleet_executions_running{machine="waits"}'] == 1
    assert got['stepfleet_executions_started_total{machine="waits"}'] == 2
    assert got[attempts % ("Good", "succeeded")] == 3 and got[attempts % ("Bad", "failed")] == 3
    assert got['stepfleet_stage_duration_seconds_count{function="Bad"}'] == 3
    assert got["stepfleet_leases_granted_total"] == 6
    assert got["stepfleet_workers"] == 1 and got["stepfleet_leases"] == 0
    assert got["stepfleet_commit_duration_seconds_count"] == got["stepfleet_commit_bytes_count"] > 0
    assert got["process_resident_memory_bytes"] > 1e6


def test_many_names_are_bounded(open_fleet):
    """256 machines and queues have lines of their own, and what is deleted stays in the sums."""
    f = open_fleet

    def call(operation, parameters):
        status, answer = ask(f.endpoint, operation, parameters)
        assert status == 200, answer

    for i in range(300):
        call("CreateStateMachine", {"name": f"m{i}", "definition": json.dumps(PASS), "roleArn": ROLE})
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:m%d"
    for i in (0, 299):
        call("StartExecution", {"stateMachineArn": arn % i})
    got = samples(scrape(f)[2])
    started = 'stepfleet_executions_started_total{machine="%s"}'
    assert sum(name.startswith("stepfleet_executions_started_total") for name in got) == 257
    assert got[started % "m0"] == 1 and got[started % "<other>"] == 1 and started % "m299" not in got
    call("DeleteStateMachine", {"stateMachineArn": arn % 0})
    got = wait_until(lambda: (g := samples(scrape(f)[2])) and started % "m0" not in g and g)
    assert got[started % "<other>"] == 2


# ---- alarms and dashboard ----

def hurried(rules):
    """The rules for who has no time: seconds instead of minutes, and thresholds that a test passes."""
    rules = re.sub(r"\[\d+[mh]\]", "[10s]", rules)
    rules = re.sub(r"^( *for:) .*$", r"\1 0s", rules, flags=re.M)
    for is_, becomes in ((r"> 14400$", "> 0.5"), (r"> 1800$", "> 2")):
        rules, count = re.subn(is_, becomes, rules, flags=re.M)
        assert count == 1
    return rules


def dashboard_queries():
    for panel in json.loads((DEPLOY / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")


def check_queries(p):
    """Each can be answered, and speaks of metrics that there are."""
    names = set(p.ask("label/__name__/values"))
    count = 0
    for expression in dashboard_queries():
        p.query(expression)
        missing = {n for n in NAMES.findall(expression)} - names
        assert not missing, f"{expression}: {missing}"
        count += 1
    assert count > 40
    used = set(NAMES.findall(re.sub(r"^ *(summary|description|runbook):.*$", "", ALARMS.read_text(), flags=re.M)))
    assert len(used) > 10 and not used - names, used - names


def cause_alarms(f):
    for _ in range(6):
        f.start("fails")
    f.start("slow")
    f.cli("queue", "send", "work", "poison")
    f.cli("queue", "receive", "work")
    assert f.cli("queue", "receive", "work", check=False).returncode == 1  # once too often
    f.cli("queue", "send", "late", "nobody receives it")


def test_each_alarm_by_its_cause(secure_fleet, tmp_path):
    f = secure_fleet
    f.start_worker("w", {"Bad": {"handler": "event", "command": "sh -c 'exit 3'"}})
    f.create("fails", {"StartAt": "S", "States": {"S": {**task("Bad"), "End": True}}})
    f.create("slow", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}})
    f.create("fine", PASS)
    f.cli("queue", "create", "dead")
    dead = "arn:aws:sqs:us-east-1:123456789012:dead"
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    f.cli("queue", "create", "work", "--attribute", "VisibilityTimeout=0", "--attribute", f"RedrivePolicy={policy}")
    f.cli("queue", "create", "late")
    (tmp_path / "p").mkdir()
    with Prometheus(tmp_path / "p", f.endpoint, hurried(ALARMS.read_text()), f.http["metrics_tokens"],
                    f.http["certificate"]) as p:
        wait_until(p.is_up, 30, say="Prometheus or what it scrapes is not up")
        f.start("fine")
        p.wait('stepfleet_executions_ended_total{machine="fine",status="succeeded"} == 1')
        wanted = {("StepfleetExecutionsFailing", "fails"), ("StepfleetExecutionsSlow", "slow"),
                  ("StepfleetDeadLetters", "dead"), ("StepfleetStageErrors", "Bad"), ("StepfleetQueueBacklog", "late")}
        five = {name for name, _ in wanted}
        assert [name for name, _ in p.firing() if name in five] == []
        assert ("StepfleetCertificateExpiring", None) in p.firing()  # the test's is of ten days
        check_queries(p)
        cause_alarms(f)
        seen = set()

        def all_fired():
            seen.update(p.firing())
            return wanted <= seen
        wait_until(all_fired, 40, 0.3, "not all alarms were raised")
        assert {(name, of) for name, of in seen if name in five} == wanted
    assert f.json("health")["deadLetters"] == 1


def test_scale_takes_the_same_token(secure_fleet):
    """Autoscalers cannot sign; the token is good for no other operation."""
    with_token = {"Authorization": f"Bearer {TOKEN}"}
    status, _, text = scrape(secure_fleet, "/scale", **with_token)
    assert status == 200 and json.loads(text)["functions"] == []
    assert scrape(secure_fleet, "/scale/Nobody", **with_token)[0] == 200
    assert scrape(secure_fleet, "/scale", Authorization="Bearer not-one-of-the-tokens")[0] == 401
    assert scrape(secure_fleet, "/scale")[0] == 403
    assert scrape(secure_fleet, "/v1/pipes", **with_token)[0] in (400, 403)


def test_scale_is_open_where_metrics_are(tmp_path):
    with fleets.Fleet(tmp_path, http={"metrics": "open"}) as f:
        f.start_coordinator()
        assert scrape(f, "/scale")[0] == 200
        assert scrape(f, "/scale", Origin="http://elsewhere")[0] in (400, 403)
        assert scrape(f, "/v1/pipes")[0] in (400, 403)
        f.check_serves()
