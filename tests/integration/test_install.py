# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` brings, and whether it is right: units, pages, completion. What packages make of it is in
tests/packages."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from fleet import BIN

HERE = pathlib.Path(__file__).parent
DEPLOY = HERE.parents[1] / "deploy"
PREFIX = "usr/local"
INSTALLED = {
    "bin": ["stepfleet", "stepfleet-coordinator", "stepfleet-worker"],
    "etc/logrotate.d": ["stepfleet-coordinator"],
    "etc/stepfleet": ["coordinator.conf", "worker.conf"],
    "include": ["stepfleet.h"],
    "lib": ["libstepfleet.a", "libstepfleet.so", "libstepfleet.so.0", "libstepfleet.so.0.1.0"],
    "lib/pkgconfig": ["stepfleet.pc"],
    "lib/systemd/system": ["stepfleet-coordinator.service", "stepfleet-worker.service", "stepfleet-worker@.service"],
    "lib/sysusers.d": ["stepfleet-coordinator.conf", "stepfleet-worker.conf"],
    "share/bash-completion/completions": ["stepfleet"],
    "share/doc/stepfleet": ["LICENSE", "OPERATING.md", "README.md"],
    "share/man/man1": ["stepfleet.1"],
    "share/man/man5": ["coordinator.conf.5", "worker.conf.5"],
    "share/man/man8": ["stepfleet-coordinator.8", "stepfleet-worker.8"],
    "share/stepfleet/handlers": ["README.md", "stepfleet_handler.h", "stepfleet_handler.py"],
    "share/stepfleet/prometheus": ["alerts.yml", "dashboard.json", "prometheus.yml"],
    "share/zsh/vendor-completions": ["_stepfleet"],
}
# As systemd-analyze counts, in tenths: 0 is a sandbox without anything, 100 none.
EXPOSURE = {"stepfleet-coordinator.service": 11, "stepfleet-worker.service": 15, "stepfleet-worker@.service": 15}
# zsh's completion system, played: what is offered is printed, a line each.
OFFER = r"""
_call_program() { shift; "$@" }
_describe() { [[ $1 == -o ]] && shift; print -rl -- ${(P)2} }
_files() { print -r -- files $@ }
_message() { print -r -- message $@ }
compset() { : }
compadd() { [[ $1 == -S ]] && shift 2; [[ $1 == -a ]] && print -rl -- ${(P)2} || print -rl -- $@ }
words=(stepfleet "$@"); CURRENT=$#words
"""

needs = {name: pytest.mark.skipif(shutil.which(name) is None, reason=f"no {name}")
         for name in ["man", "mandoc", "systemd-analyze", "zsh"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """An installation below a directory of its own, as a package is staged."""
    if not (BIN.parent / "cmake_install.cmake").exists():
        pytest.skip("these programs were not built here")
    path = tmp_path_factory.mktemp("root")
    subprocess.run(["cmake", "--install", BIN.parent], check=True, capture_output=True, timeout=120,
                   env={**os.environ, "DESTDIR": str(path)})
    return path


def test_all_is_there_and_nothing_else(root):
    found = {}
    for path in root.rglob("*"):
        if not path.is_dir():
            found.setdefault(str(path.parent.relative_to(root / PREFIX)), []).append(path.name)
    # Where a system keeps its libraries is its own affair: /lib, /lib64, /lib/x86_64-linux-gnu.
    found = {re.sub(r"^lib(64|/[a-z0-9_]+-linux-gnu)(?=/|$)", "lib", k): sorted(v) for k, v in found.items()}
    assert found == INSTALLED


def test_modes_are_those_of_a_system(root):
    assert (root / PREFIX / "bin/stepfleet").stat().st_mode & 0o777 == 0o755
    assert (root / PREFIX / "etc/stepfleet/worker.conf").stat().st_mode & 0o777 == 0o644


def test_the_configurations_are_taken_as_they_are(root):
    for program in ["coordinator", "worker"]:
        done = subprocess.run([root / PREFIX / f"bin/stepfleet-{program}", "--check-config", "-c",
                               root / PREFIX / f"etc/stepfleet/{program}.conf"], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_a_prefix_of_ones_own_holds_all_of_it(tmp_path):
    if not (BIN.parent / "cmake_install.cmake").exists():
        pytest.skip("these programs were not built here")
    subprocess.run(["cmake", "--install", BIN.parent, "--prefix", tmp_path], check=True, capture_output=True, timeout=120)
    assert (tmp_path / "etc/stepfleet/coordinator.conf").exists() and (tmp_path / "bin/stepfleet").exists()


# ---- Pages ----


def pages(root):
    return sorted((root / PREFIX / "share/man").rglob("*.[158]"))


@needs["mandoc"]
def test_pages_have_no_fault(root):
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages(root)], capture_output=True, text=True, timeout=60)
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


@needs["man"]
def test_pages_are_formatted_without_a_warning(root):
    for page in pages(root):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", page], capture_output=True,
                              text=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0 and done.stderr == "", (page, done.stderr)


@pytest.mark.parametrize("program", ["coordinator", "worker"])
def test_a_page_has_every_key_of_its_configuration(root, program):
    def keys(text, pattern):
        return sorted(re.findall(pattern, text, re.M))
    page = (root / PREFIX / f"share/man/man5/{program}.conf.5").read_text()
    page = page.replace("\\-", "-").replace("\\(dq", '"')
    conf = (DEPLOY / f"{program}.conf").read_text()
    assert len(keys(conf, r"^(?:# )?([\w.:-]+ = .*)$")) > 15
    assert keys(page, r"^\.B ([\w.:-]+ = .*)$") == keys(conf, r"^(?:# )?([\w.:-]+ = .*)$")
    assert set(keys(page, r'^\.S[HS] "(\[.*\])"$')) >= set(keys(conf, r"^(\[.*\])$"))


# ---- Units ----


@needs["systemd-analyze"]
def test_units_are_right(root):
    units = root / PREFIX / "lib/systemd/system"
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *sorted(units.iterdir())],
                          capture_output=True, text=True, timeout=60)
    # Users and programs are where they were staged, not where the units say.
    wrong = [line for line in done.stderr.splitlines() if line.startswith("stepfleet") or str(units) in line]
    assert [line for line in wrong if "is not executable" not in line] == []


@needs["systemd-analyze"]
@pytest.mark.parametrize("unit, most", EXPOSURE.items())
def test_a_unit_is_a_sandbox(root, unit, most):
    path = root / PREFIX / "lib/systemd/system" / unit
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={most}", path],
                          capture_output=True, text=True, timeout=60)
    assert "exposure level" in done.stdout and done.returncode == 0, done.stdout + done.stderr


def test_units_name_what_is_installed(root):
    for unit in EXPOSURE:
        text = (root / PREFIX / "lib/systemd/system" / unit).read_text()
        program, conf = re.search(r"^ExecStart=/(\S+) --config /(\S+)$", text, re.M).groups()
        assert (root / program).exists()
        assert "%i" in conf or (root / conf).exists()
        assert "@" not in re.sub(r"stepfleet-worker@NAME|@[a-z-]+", "", text)
        user = re.search(r"^User=(\S+)$", text, re.M).group(1)
        assert any(f"u {user} " in p.read_text() for p in (root / PREFIX / "lib/sysusers.d").iterdir())


# ---- zsh ----


@pytest.fixture
def offered(root, tmp_path):
    def complete(*words):
        script = tmp_path / "complete.zsh"
        script.write_text(OFFER + f"source {root / PREFIX}/share/zsh/vendor-completions/_stepfleet\n")
        env = {**os.environ, "PATH": f"{root / PREFIX / 'bin'}:{os.environ['PATH']}", **offered_env}
        done = subprocess.run(["zsh", "-f", script, *words], capture_output=True, text=True, timeout=60, env=env)
        assert done.stderr == "", done.stderr
        return [line.split(":")[0] for line in done.stdout.splitlines() if line]
    offered_env = {"STEPFLEET_COORDINATOR": "ipc:///nowhere"}
    complete.env = offered_env
    return complete


@needs["zsh"]
def test_zsh_offers_the_commands_there_are(root, offered):
    help_text = subprocess.run([root / PREFIX / "bin/stepfleet", "--help"], capture_output=True, text=True, timeout=60).stdout
    commands = re.findall(r"^  ([a-z]+) {2,}", help_text, re.M)
    assert "machine" in commands and offered("") == commands
    assert offered("machine", "")[:3] == ["create", "update", "lint"]
    assert offered("--json", "queue", "")[:3] == ["create", "list", "show"]
    assert offered("event", "") == ["put"]


@needs["zsh"]
def test_zsh_offers_options_and_what_they_take(offered):
    assert {"--name", "--input", "--wait", "--json", "--coordinator"} <= set(offered("start", "--"))
    assert "--status" not in offered("start", "--")
    assert offered("list", "--status", "") == offered("list", "-s", "") == ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    assert offered("list", "--status=") == offered("list", "-s", "")
    assert offered("machine", "create", "m", "--type", "") == ["STANDARD", "EXPRESS"]
    assert offered("start", "m", "--input-file", "") == ["files"]
    assert offered("dev", "--data", "") == ["files -/"]
    assert offered("queue", "receive", "q", "--wait", "") == ["message SECONDS"]
    assert offered("machine", "create", "m", "") == offered("deploy", "--dry-run", "") == ["files"]


@needs["zsh"]
def test_zsh_offers_names_the_coordinator_knows(fleet, offered):
    definition = {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
    fleet.create("first", definition)
    fleet.create("second", definition)
    fleet.cli("queue", "create", "work")
    assert offered("start", "") == []
    assert offered("--coordinator", fleet.url, "start", "") == ["first", "second"]
    offered.env["STEPFLEET_COORDINATOR"] = fleet.url
    assert offered("start", "--wait", "") == offered("machine", "show", "") == ["first", "second"]
    assert offered("queue", "show", "") == ["work"]
    assert offered("machine", "create", "") == ["message NAME"]


def test_every_alarm_has_its_section_for_operators():
    wanted = set(re.findall(r'runbook: "OPERATING.md#([a-z-]+)"', (DEPLOY / "prometheus/alerts.yml").read_text()))
    there = re.findall(r"^### ([a-z-]+)$", (DEPLOY / "OPERATING.md").read_text(), re.MULTILINE)
    assert wanted and sorted(wanted) == sorted(there)
