# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus as a process of a test's own, and what it is asked."""
import json
import subprocess
import urllib.parse
import urllib.request

from fleet import Process, free_port, wait_until


class Prometheus:
    """Scrapes each second, and looks at the rules as often."""

    def __init__(self, directory, endpoint, rules, token=None, ca=None):
        """endpoint: the coordinator's, http or https. rules: the text of a rules file. token, ca: files."""
        self.dir = directory
        scheme, place = endpoint.split("://")
        job = {"job_name": "stepfleet", "scheme": scheme, "static_configs": [{"targets": [place]}]}
        if token:
            job["authorization"] = {"credentials_file": str(token)}
        if ca:
            job["tls_config"] = {"ca_file": str(ca)}
        (directory / "rules.yml").write_text(rules)
        # JSON is YAML.
        (directory / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"], "scrape_configs": [job]}))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.process = Process(
            ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"], directory / "prometheus.log")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.alive():
            self.process.kill()

    def ask(self, path, **parameters):
        url = self.url + path + "?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=20) as answer:
            got = json.load(answer)
        assert got["status"] == "success", got
        return got["data"]

    def query(self, expression):
        """[(labels, number)]"""
        return [(r["metric"], float(r["value"][1])) for r in self.ask("query", query=expression)["result"]]

    def is_up(self):
        """It answers, and so does what it scrapes."""
        assert self.process.alive(), self.process.text()
        try:
            return self.query("up") and all(value == 1 for _, value in self.query("up"))
        except OSError:
            return False

    def wait(self, expression, timeout=30):
        """Until there is an answer that is not empty."""
        return wait_until(lambda: self.query(expression), timeout, 0.2, f"{expression} has no answer")

    def firing(self):
        return {(m["alertname"], m.get("machine") or m.get("queue") or m.get("function"))
                for m, _ in self.query('ALERTS{alertstate="firing"}')}


def promtool(*args, **kwargs):
    run = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True, timeout=60, **kwargs)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr
