# SPDX-License-Identifier: Apache-2.0
"""The token stops in the middle of its work, and the signer dies while it
waits: what was announced in the log is signed later as it was announced, and
no order is lost."""
import json
import os
import signal

import pytest

from acme_client import Client, make_csr, split_chain, unb64u
from appliance import env, eventually, processes, rows, value
from checks import number


@pytest.fixture
def client():
    made = Client(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))
    made.register()
    return made


def intents(url):
    return rows("SELECT i.index, i.serial, c.index IS NOT NULL FROM intent i"
                " LEFT JOIN closing c ON c.intent = i.index"
                " WHERE i.order_id = %s", number(url))


def send(what, name):
    for pid in processes()[name]:
        os.kill(pid, what)


def finalize(client, order, names):
    return client.finalize(order, make_csr(names)[0]).expect(200).json


def test_token_stops(client, responder):
    """The order waits as `processing` and ends when the token goes on."""
    names = ["token.resume.test"]
    url, order = client.ready_order(names, responder)
    send(signal.SIGSTOP, "chancery-token")
    try:
        assert finalize(client, order, names)["status"] == "processing"
        assert [row[2] for row in intents(url)] == [False]
    finally:
        send(signal.SIGCONT, "chancery-token")
    assert client.poll(url, seconds=60).json["status"] == "valid"


def test_signer_dies_waiting(client, responder):
    """The next run signs the announced octets: same serial, one intent."""
    names = ["signer.resume.test"]
    url, order = client.ready_order(names, responder)
    send(signal.SIGSTOP, "chancery-token")
    try:
        assert finalize(client, order, names)["status"] == "processing"
        (index, serial, closed), = intents(url)
        assert not closed
        send(signal.SIGKILL, "chancery-signer")
    finally:
        send(signal.SIGCONT, "chancery-token")
    done = client.poll(url, seconds=60).json
    assert done["status"] == "valid"
    assert [row[:2] for row in intents(url)] == [(index, serial)]
    leaf = split_chain(client.get(done["certificate"]).text)[0]
    assert leaf.serial_number == int.from_bytes(serial, "big")
    entry = json.loads(value("SELECT convert_from(entry, 'UTF8') FROM"
                             " log_entry WHERE index = %s", index))
    assert unb64u(entry["tbs"]) == leaf.tbs_certificate_bytes


def test_account_ends_meanwhile(client, responder):
    """What may no longer be issued is abandoned, and the order ends."""
    names = ["ended.resume.test"]
    url, order = client.ready_order(names, responder)
    send(signal.SIGSTOP, "chancery-token")
    try:
        assert finalize(client, order, names)["status"] == "processing"
        (index, _, closed), = intents(url)
        assert not closed
        send(signal.SIGKILL, "chancery-signer")
        # Before the next run has its seal key from the token again.
        rows("INSERT INTO authorization_end (authorization_id, kind,"
             " request_id) VALUES (%s, 'revoked', 0)"
             " RETURNING authorization_id",
             number(order["authorizations"][0]))
    finally:
        send(signal.SIGCONT, "chancery-token")
    assert eventually(lambda: rows(
        "SELECT e.kind FROM closing c JOIN log_entry e ON e.index = c.index"
        " WHERE c.intent = %s", index), 60) == [("abandoned",)]
    assert client.poll(url, seconds=60).json["status"] == "invalid"
    assert value("SELECT count(*) FROM certificate WHERE order_id = %s",
                 number(url)) == 0
