# SPDX-License-Identifier: Apache-2.0
"""Challenges that are tried again (RFC 8555, 8.2; row C03), with a validator
whose configuration says so: the status stays `processing` meanwhile."""
import time

import pytest

from appliance import database, value
from checks import fresh, number
from responders import Dns, Dns01
from trial import Trial, reply, validating

INTERVAL, PATIENCE, THREADS = 2, 7, 4


@pytest.fixture(scope="module")
def dns():
    with Dns(here="test") as server, validating(
            f'forward = "{server.address}"; trust_anchor = "/dev/null";',
            f'retry_for = "{PATIENCE}s"; retry_interval = "{INTERVAL}s"; '
            f'concurrency = "{THREADS}";'):
        yield server


@pytest.fixture
def late(dns, client):
    """A trial whose host does not know the answer yet."""
    return Trial(client, fresh("late"))


def status(trial):
    return trial.client.challenge(
        trial.client.get(trial.authz).json, trial.method)["status"]


def test_C03_tried_again(late, responder):
    late.start()
    time.sleep(1)
    assert status(late) == "processing"
    late.prove(responder)
    assert late.end()["status"] == "valid"
    assert responder.seen.count(late.path) == 2


def test_C03_not_for_ever(late, responder):
    started = time.monotonic()
    late.fails("unauthorized", "404")
    assert PATIENCE - INTERVAL - 1 < time.monotonic() - started < PATIENCE + 2
    assert responder.seen.count(late.path) == 1 + PATIENCE // INTERVAL


def test_C03_asked_again_at_once(late, responder):
    late.start()
    time.sleep(0.5)
    assert responder.seen.count(late.path) == 1
    late.prove(responder).start()
    started = time.monotonic()
    assert late.end()["status"] == "valid"
    assert time.monotonic() - started < 1.5
    assert responder.seen.count(late.path) == 2


def test_C03_asked_again_while_it_is_tried(late, responder):
    """The second word waits for the end of the first attempt."""
    def slow(handler):
        if responder.seen.count(late.path) == 1:
            time.sleep(1.5)
            reply(handler, "not yet", 404)
        else:
            reply(handler, late.answer)
    responder.hooks[late.path] = slow
    late.start()
    time.sleep(0.5)
    late.start()
    assert responder.seen.count(late.path) == 1
    started = time.monotonic()
    assert late.end()["status"] == "valid"
    assert time.monotonic() - started < 2.5


def test_C03_another_challenge_meanwhile(dns, late):
    """Not one that failed for good: another one may still prove the name."""
    late.start()
    time.sleep(0.5)
    authz = late.client.get(late.authz).json
    late.method = "dns-01"
    late.challenge = late.client.challenge(authz, "dns-01")
    late.prove(Dns01(dns)).start()
    assert late.end()["status"] == "valid"
    assert late.evidence("method") == ("dns-01",)


def test_C03_many_wait_without_threads(dns, client, responder):
    """More challenges than threads wait; one that is right does not."""
    waiting = [Trial(client, fresh("wait")) for _ in range(3 * THREADS)]
    for trial in waiting:
        trial.client.post(trial.challenge["url"], {})
    good = Trial(client, fresh("good")).prove(responder)
    started = time.monotonic()
    good.passes()
    assert time.monotonic() - started < 2
    for trial in waiting:
        trial.prove(responder)
    assert all(trial.end()["status"] == "valid" for trial in waiting)


def test_C05_a_key_that_is_not_the_accounts(dns, client, other, responder):
    """A row that a stolen face made up, with the thumbprint of another
    account, moves nothing."""
    trial = Trial(client, fresh("thief"))
    responder.serve(trial.token, other.key.key_authorization(trial.token))
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO challenge_ready (authorization_id, method,"
            " thumbprint) SELECT %s, 'http-01', thumbprint FROM account"
            " WHERE id = %s", (number(trial.authz), number(other.kid)))
    time.sleep(2.5)
    assert trial.path not in responder.seen
    assert value("SELECT count(*) FROM evidence WHERE authorization_id = %s",
                 number(trial.authz)) == 0
