# SPDX-License-Identifier: Apache-2.0
"""A child of chancery-probe that a host took over (tests/stolen): it can lie
about its own challenge, which costs that challenge, and nothing else."""
import os
import signal
import time

import pytest

from appliance import env, eventually
from checks import fresh
from responders import Dns, TlsAlpn01
from trial import Trial, validating

PROGRAM = os.path.join(env("CHANCERY_BUILD"), "tests/stolen/chancery-probe")
THREADS = 4         # of the validator; twice as many children may live


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    with open(tmp_path_factory.mktemp("stolen") / "log", "w+") as file:
        yield file


@pytest.fixture(scope="module")
def beside(log):
    with Dns(here="test") as dns, validating(
            f'forward = "{dns.address}"; trust_anchor = "/dev/null";',
            f'timeout = "3s"; concurrency = "{THREADS}";', probe=PROGRAM, log=log) as beside:
        yield beside


@pytest.fixture
def well(beside, client, responder):
    """When a test is over, the validator does its work as before, and no
    child is left."""
    pid = beside.running["validator"].pid
    yield
    assert beside.running["validator"].poll() is None
    assert beside.running["validator"].pid == pid
    Trial(client, fresh("honest")).prove(responder).passes()
    assert eventually(lambda: children(beside) == [], 3)


def children(beside):
    pid = beside.running["probe"].pid
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return file.read().split()


@pytest.mark.parametrize("act, error, words", [
    ("guess", "unauthorized", "key authorization"),
    ("flood", "unauthorized", "key authorization"),
    ("linger", "unauthorized", "key authorization"),
    ("shout", "unauthorized", "key authorization"),
    ("hang", "connection", "in time"),
    ("garbage", "connection", "interrupted"),
    ("ones", "connection", "interrupted"),
    ("crash", "connection", "interrupted"),
    ("elsewhere", "connection", "another address"),
    ("unended", "dns", "redirect 1"), ("loopback", "dns", "redirect 1"),
    ("split", "connection", "redirect"),
    ("shadow", "connection", "redirect"), ("ssh", "connection", "port 22"),
    ("file", "connection", "interrupted"),
    ("unix", "connection", "interrupted"),
    ("breed", "connection", "interrupted"),
    ("murder", "connection", "interrupted"),
    ("shell", "connection", "interrupted")])
def test_stolen_child_http01(well, client, responder, act, error, words):
    trial = Trial(client, fresh(act))
    if act == "elsewhere":
        trial.prove(responder)
    started = time.monotonic()
    done = trial.start().end()
    assert time.monotonic() - started < 6
    assert done["status"] == "invalid", done
    assert done["error"]["type"].endswith(":" + error), done
    assert words in done["error"]["detail"], done
    for theirs in ("aaaa", "evil", "DROP", "127.0.0.1:"):
        assert theirs not in done["error"]["detail"], done
    assert not os.path.exists("/tmp/stolen")


@pytest.mark.parametrize("act, error", [
    ("guess", "unauthorized"), ("flood", "unauthorized"),
    ("hang", "connection"), ("garbage", "connection"),
    ("ones", "connection"), ("ssh", "connection")])
def test_stolen_child_tls_alpn01(well, client, act, error):
    """It may claim any facts, but does not know what they should be."""
    Trial(client, fresh(act), "tls-alpn-01").fails(error)


def test_stolen_child_says_it_for_all(well, client, responder):
    """What one child says counts for its own challenge alone, however often
    it says it: of two that hear the same words, one is proven."""
    thief, victim = (Trial(client, fresh("repeat")) for _ in range(2))
    responder.serve(thief.token, thief.answer)
    responder.serve(victim.token, thief.answer)
    thief.start()
    victim.start()
    assert thief.end()["status"] == "valid"
    victim.failed(victim.end(), "unauthorized", "key authorization")


def test_stolen_children_leave_room(well, client, responder):
    """More children that never go than the zygote may have."""
    stolen = [Trial(client, fresh("hang")) for _ in range(THREADS - 1)] + \
        [Trial(client, fresh("linger")) for _ in range(6 * THREADS)]
    for trial in stolen:
        trial.client.post(trial.challenge["url"], {})
    started = time.monotonic()
    Trial(client, fresh("honest")).prove(responder).passes()
    assert time.monotonic() - started < 5
    assert all(trial.end()["status"] == "invalid" for trial in stolen)


def test_stolen_child_writes_no_log(well, client, log):
    """The zygote tells that a child died; the child tells nothing."""
    Trial(client, fresh("shout")).fails("unauthorized")
    Trial(client, fresh("crash")).fails("connection")
    log.seek(0)
    text = log.read()
    assert "died signal=11" in text
    assert "STOLEN" not in text


def test_stolen_child_does_not_outlive_the_probe(beside, client):
    trial = Trial(client, fresh("hang")).start()
    assert eventually(lambda: children(beside), 3)
    pids = children(beside)
    beside.stop("probe", signal.SIGKILL)
    try:
        assert eventually(lambda: not any(
            os.path.exists(f"/proc/{pid}") for pid in pids), 3)
    finally:
        beside.start("probe", PROGRAM)
    assert trial.end()["status"] == "invalid"


def test_honest_children_serve_tls_alpn01(well, client):
    with TlsAlpn01(int(env("CHANCERY_TLS_ALPN_PORT"))) as responder:
        Trial(client, fresh("honest"),
              "tls-alpn-01").prove(responder).passes()
