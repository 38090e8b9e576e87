# SPDX-License-Identifier: Apache-2.0
"""stepfleet bucket lifecycle, against the small server of the tests and a real Ceph RADOS Gateway."""
import base64
import hashlib

import pytest
import stores
from fleet import Fleet

LOGS = ('<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>logs</ID><Filter><Prefix>'
        'logs/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule>'
        '</LifecycleConfiguration>')
OURS = {"id": "stepfleet-outputs", "prefix": "executions/", "enabled": True, "days": 7, "abortUploadsAfterDays": 7}
OTHER = {"id": "logs", "prefix": "logs/", "enabled": True, "days": 30, "abortUploadsAfterDays": 0}


@pytest.fixture(params=["server", "ceph"])
def store(request, tmp_path):
    try:
        s = stores.Faulty() if request.param == "server" else stores.Gateway(tmp_path / "ceph")
    except stores.Absent as e:
        pytest.skip(str(e))
    yield s
    s.stop()


@pytest.fixture
def fleet(tmp_path, store):
    with Fleet(tmp_path, objects=store.objects, env=store.env) as f:
        f.start_coordinator()
        yield f


def others(store):
    """A rule of somebody else's."""
    if isinstance(store, stores.Faulty):
        store.store.lifecycles[stores.BUCKET] = LOGS.encode()
    else:
        md5 = base64.b64encode(hashlib.md5(LOGS.encode()).digest()).decode()
        store.curl("?lifecycle=", "-X", "PUT", "-H", f"Content-MD5: {md5}", "-d", LOGS)


def lifecycle(f, *args):
    return f.json("bucket", "lifecycle", stores.BUCKET, *args)["rules"]


def by_id(rules):
    return sorted(rules, key=lambda r: r["id"])


def test_set_and_taken_away(fleet):
    assert lifecycle(fleet, "--show") == []
    assert lifecycle(fleet) == [OURS]
    assert lifecycle(fleet, "--show") == [OURS]
    assert lifecycle(fleet, "--days", "30", "--prefix", "a&b/") == \
        [{**OURS, "days": 30, "abortUploadsAfterDays": 30, "prefix": "a&b/"}]
    assert lifecycle(fleet, "--show")[0]["prefix"] == "a&b/"
    assert "stepfleet-outputs" in fleet.cli("bucket", "lifecycle", stores.BUCKET, "--show").stdout
    assert lifecycle(fleet, "--remove") == []
    assert lifecycle(fleet, "--show") == []
    assert lifecycle(fleet, "--remove") == []  # gone already is fine


def test_rules_of_others_stay(fleet, store):
    others(store)
    assert lifecycle(fleet, "--show") == [OTHER]
    assert by_id(lifecycle(fleet)) == [OTHER, OURS]
    assert by_id(lifecycle(fleet, "--show")) == [OTHER, OURS]
    assert lifecycle(fleet, "--remove") == [OTHER]
    assert lifecycle(fleet, "--show") == [OTHER]


def test_refused(fleet):
    run = fleet.cli("bucket", "lifecycle", "no-such-bucket", check=False)
    assert run.returncode == 3 and "no-such-bucket" in run.stderr
    for args in (["lifecycle"], [], ["lifecycle", "b", "--days", "0"], ["lifecycle", "b", "--days", "many"]):
        assert fleet.cli("bucket", *args, check=False).returncode == 2, args


def test_a_directory_has_none(tmp_path):
    with Fleet(tmp_path) as f:
        f.start_coordinator()
        run = f.cli("bucket", "lifecycle", "lake", check=False)
        assert run.returncode == 3 and "retention_outputs" in run.stderr and run.stdout == ""
