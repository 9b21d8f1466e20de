# SPDX-License-Identifier: Apache-2.0
"""The token stops in the middle of its work, and the signer dies while it
waits: what was announced in the log is signed later as it was announced, and
no order is lost."""
import json
import os
import re
import signal
from datetime import datetime, timedelta

import pytest

from acme_client import Client, b64u, make_csr, split_chain, unb64u
from appliance import (
    database, env, eventually, processes, rows, value)
from checks import number

asn1_times = re.compile(rb"\x17\x0d(\d{12}Z)")	# UTCTime


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


def dates(tbs, days):
    """The same octets with another validity."""
    der = asn1_times.findall(tbs)
    assert len(der) == 2
    for old in der:
        moment = datetime.strptime(old.decode(), "%y%m%d%H%M%SZ")
        moment += timedelta(days=days)
        tbs = tbs.replace(old, moment.strftime("%y%m%d%H%M%SZ").encode(), 1)
    return tbs


def test_announced_for_later(client, responder):
    """Who owns the database moves what was announced into the future, in the
    row and in the log: nothing else than what was decided is signed."""
    names = ["later.resume.test"]
    url, order = client.ready_order(names, responder)
    send(signal.SIGSTOP, "chancery-token")
    try:
        assert finalize(client, order, names)["status"] == "processing"
        (index, _, closed), = intents(url)
        assert not closed
        send(signal.SIGKILL, "chancery-signer")
        tbs, text = rows("SELECT i.tbs, convert_from(e.entry, 'UTF8') FROM"
                         " intent i JOIN log_entry e ON e.index = i.index"
                         " WHERE i.index = %s", index)[0]
        moved = dates(bytes(tbs), 30)
        entry = text.replace(b64u(bytes(tbs)), b64u(moved)).encode()
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE log_entry DISABLE TRIGGER"
                           " append_only")
            cursor.execute("UPDATE log_entry SET entry = %s, leaf_hash ="
                           " sha256('\\x00'::bytea || %s) WHERE index = %s",
                           (entry, entry, index))
            cursor.execute("UPDATE intent SET tbs = %s WHERE index = %s",
                           (moved, index))
            cursor.execute("ALTER TABLE log_entry ENABLE TRIGGER"
                           " append_only")
    finally:
        send(signal.SIGCONT, "chancery-token")
    assert eventually(lambda: rows(
        "SELECT e.kind FROM closing c JOIN log_entry e ON e.index = c.index"
        " WHERE c.intent = %s", index), 60) == [("abandoned",)]
    assert client.poll(url, seconds=60).json["status"] == "invalid"
