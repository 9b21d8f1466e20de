# SPDX-License-Identifier: Apache-2.0
"""External account binding (RFC 8555, 7.3.4): the MAC key is handed out by an
act, never stored, and verified in the token; the key is a policy, too."""
import hashlib
import hmac
import json
import os
import secrets
import signal
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from acme_client import Key, MacKey, b64u, make_csr, unb64u
from acts import done, head, insert, jws, outcome, set_
from appliance import database, eventually, processes, rows, value
from checks import at_once, fresh, order_payload, stranger


def public_key(jwk):
    return ec.EllipticCurvePublicNumbers(
        int.from_bytes(unb64u(jwk["x"]), "big"),
        int.from_bytes(unb64u(jwk["y"]), "big"),
        ec.SECP256R1()).public_key()


def make(**body):
    """A new EAB key as its officer gets it: opened as any program can that
    has the ephemeral key."""
    kid, mine = "eab-" + secrets.token_hex(5), Key()
    act = set_("eab", kid, {"accounts": 1, "expires": 0, **body},
               deliver_to=mine.jwk)
    problem, box = outcome(insert(*jws(act)))
    assert problem is None, problem
    assert set(box) == {"epk", "iv", "ciphertext", "tag"}
    shared = mine.private.exchange(ec.ECDH(), public_key(box["epk"]))
    key = HKDF(hashes.SHA256(), 32, None, b"chancery eab key").derive(shared)
    secret = AESGCM(key).decrypt(
        unb64u(box["iv"]), unb64u(box["ciphertext"]) + unb64u(box["tag"]),
        kid.encode())
    assert len(secret) == 32
    # The face looks at the rules once a second.
    time.sleep(1.2)
    return MacKey(kid, secret)


def change(sql, *args):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(sql, args)
        assert cursor.rowcount == 1


def bound(mac_key, status=201, error=None, **more):
    client = stranger()
    reply = client.new_account(eab=mac_key, **more).expect(status, error)
    client.kid = reply.location
    return client, reply


@pytest.fixture(scope="module")
def many():
    """A key without a limit."""
    return make(accounts=0)


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_B06_bound_and_shown_as_sent(many, alg):
    key = MacKey(many.kid, many.secret, alg)
    client = stranger()
    binding = client.binding(key)
    reply = client.new_account(eab=binding).expect(201)
    assert reply.json["externalAccountBinding"] == binding
    client.kid = reply.location
    assert client.post(client.kid, {}).expect(200).json[
        "externalAccountBinding"] == binding
    assert value("SELECT count(*) FROM account WHERE eab = %s AND "
                 "thumbprint = %s", many.kid,
                 unb64u(client.key.thumbprint)) == 1


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_B03_a_wrong_mac(many, alg):
    for secret in (b"\0" * 32, b"", many.secret + b"\1"):
        stranger().new_account(eab=MacKey(many.kid, secret, alg)).expect(
            403, "unauthorized")
    client = stranger()
    binding = client.binding(MacKey(many.kid, many.secret, alg))
    mac = bytearray(unb64u(binding["signature"]))
    for spoiled in (bytes(mac[:-1]), bytes(mac) + b"\0", b"",
                    bytes([mac[0] ^ 1]) + bytes(mac[1:])):
        client.new_account(eab={**binding, "signature": b64u(
            spoiled)}).expect(403, "unauthorized")
    # Cut to the length of another algorithm.
    client.new_account(eab=client.binding(
        MacKey(many.kid, many.secret, alg), signature=lambda data: hmac.new(
            many.secret, data, hashlib.sha512).digest()[:16])).expect(
                403, "unauthorized")


def test_a_binding_is_for_one_account_key(many):
    """Whoever reads it cannot bind another key with it."""
    client, thief = stranger(), stranger()
    binding = client.binding(many)
    thief.new_account(eab=binding).expect(400, "malformed")
    client.new_account(eab=binding).expect(201)


def test_the_key_of_another_id(many):
    other = make()
    bound(MacKey(other.kid, many.secret), 403, "unauthorized")
    bound(other)


def test_a_known_key_needs_no_binding(many):
    client, _ = bound(many)
    again = stranger(client.key)
    reply = again.new_account(eab=MacKey("nobody", b"x" * 32))
    assert reply.expect(200).location == client.kid


def test_B07_one_account(many):
    key = make(accounts=1)
    bound(key)
    _, reply = bound(key, 403, "unauthorized")
    assert "as many accounts" in reply.json["detail"]


def test_B07_at_once():
    key = make(accounts=3)
    clients = [stranger() for _ in range(9)]
    replies = at_once(*[lambda c=c: c.new_account(eab=key) for c in clients])
    assert sorted(r.status for r in replies) == [201] * 3 + [403] * 6
    assert value("SELECT count(*) FROM account WHERE eab = %s",
                 key.kid) == 3


def test_B07_deactivated_accounts_count():
    key = make(accounts=1)
    client, _ = bound(key)
    client.post(client.kid, {"status": "deactivated"}).expect(200)
    bound(key, 403, "unauthorized")


def test_B07_expiry():
    key = make(expires=int(time.time()) + 4)
    client, _ = bound(key)
    time.sleep(5)
    bound(key, 403, "unauthorized")
    # What was bound while it counted has lost its ground, too.
    client.post(client.directory["newOrder"],
                order_payload()).expect(403, "unauthorized")


def test_B07_withdrawn():
    key = make(accounts=0)
    client, _ = bound(key)
    done(set_("eab", key.kid, None))
    assert eventually(lambda: client.post(
        client.directory["newOrder"], order_payload()).error ==
        "unauthorized", 5, 0.3)
    bound(key, 403, "unauthorized")


def test_B07_scope(responder):
    inside = fresh("eab")
    key = make(accounts=0, names=["." + inside, inside], wildcards=False,
               challenges=["http-01"], profiles=["server"])
    client, _ = bound(key)
    for name in (fresh("out"), "x" + inside):
        client.new_order([name]).expect(400, "rejectedIdentifier")
    client.new_order(["*." + inside]).expect(400, "rejectedIdentifier")
    for profile in ("short-lived", "client"):
        reply = client.new_order([inside], profile=profile)
        assert reply.error in ("invalidProfile", "unauthorized"), reply
    order = client.new_order(["a." + inside]).expect(201)
    authz = client.get(order.json["authorizations"][0]).expect(200).json
    assert [c["type"] for c in authz["challenges"]] == ["http-01"]
    client.issue([inside, "a." + inside], responder)


def test_B07_prevalidated():
    """An officer's word in place of a proof: ready at once."""
    name = fresh("ready")
    key = make(prevalidated=[name])
    client, _ = bound(key)
    order = client.new_order([name]).expect(201)
    assert order.json["status"] == "ready"
    reply = client.finalize(order.json, make_csr([name])[0]).expect(200)
    assert client.poll(order.location).json["status"] == "valid", reply
    other = client.new_order([fresh()]).expect(201)
    assert other.json["status"] == "pending"


def test_the_signer_looks_at_the_scope_itself(responder):
    """The key is narrowed between order and finalize."""
    name = fresh("narrow")
    key = make(accounts=0)
    client, _ = bound(key)
    _, order = client.ready_order([name], responder)
    done(set_("eab", key.kid, {"accounts": 0, "expires": 0,
                               "names": [".other.test"]}))
    reply = client.finalize(order, make_csr([name])[0])
    if reply.status == 200:
        assert client.poll(reply.location).json["status"] == "invalid"
    else:
        assert reply.error in ("rejectedIdentifier", "unauthorized"), reply


def test_an_account_is_not_moved_to_another_key(many):
    """Who owns the database writes another key id into the row: its seal
    does not hold any more."""
    client, _ = bound(many)
    other = make()
    sql = "UPDATE account SET eab = %s WHERE eab = %s AND thumbprint = %s"
    mine = unb64u(client.key.thumbprint)
    change(sql, other.kid, many.kid, mine)
    client.post(client.kid, {"contact": ["mailto:a@example.com"]}).expect(
        403, "unauthorized")
    change(sql, many.kid, other.kid, mine)
    client.post(client.kid, {"contact": ["mailto:a@example.com"]}).expect(
        200)


def new_account(client, mac_key=None):
    """A new-account request that was never sent, as a row's columns."""
    payload = {"termsOfServiceAgreed": True}
    if mac_key is not None:
        payload["externalAccountBinding"] = client.binding(mac_key)
    jws = client.jws(client.directory["newAccount"], payload, jwk=True)
    text = f"{jws['protected']}.{jws['payload']}".encode()
    return json.dumps(jws), hashlib.sha256(text).digest()


def waiting():
    """How many wait for a lock."""
    return value("SELECT count(*) FROM pg_locks WHERE NOT granted")


def hold_pass(request_changed):
    """Stop the signer in the middle of a pass, at the locked head of the log,
    have a statement wait for the row of a request, and let both go on."""
    gate, other = database(), database()
    gate.autocommit = False
    with gate.cursor() as cursor:
        cursor.execute("SELECT size FROM log_head FOR UPDATE")
        sql, args, insert_request = request_changed()
        insert_request()
        assert eventually(lambda: waiting() == 1)
        change = threading.Thread(target=other.cursor().execute,
                                  args=(sql, args))
        change.start()
        assert eventually(lambda: waiting() == 2)
    gate.rollback()
    change.join()
    gate.close()
    other.close()


def test_an_answer_is_for_what_was_asked():
    """Who owns the database has a binding verified and puts another, with a
    MAC of its own making, in its place before that is used."""
    key, victim, thief = make(accounts=0), stranger(), stranger()

    right = new_account(victim, key)
    wrong = new_account(thief, MacKey(key.kid, b"\0" * 32))
    hold_pass(lambda: (
        "UPDATE request SET jws = %s, digest = %s WHERE digest = %s",
        (wrong[0].encode(), wrong[1], right[1]),
        lambda: insert(*right, kind="new-account")))
    request = value("SELECT id FROM request WHERE digest = %s", wrong[1])
    problem, _ = outcome(request)
    assert problem is not None and "MAC" in problem["detail"], problem
    assert value("SELECT count(*) FROM account WHERE eab = %s", key.kid) == 0


def send(what, name):
    for pid in processes()[name]:
        os.kill(pid, what)


@pytest.mark.parametrize("size", [9000, 14000])
def test_a_binding_that_cannot_be_kept(many, size):
    """It is shown as sent for as long as the account is there, so there is a
    measure to it; the batch that it comes in does not fail."""
    client = stranger()
    began = value("SELECT clock_timestamp()")
    binding = client.binding(many, payload={**client.key.jwk,
                                            "more": "x" * size})
    client.new_account(eab=binding).expect(400, "malformed")
    assert value("SELECT count(*) FROM request WHERE attempts > 0 AND "
                 "received >= %s", began) == 0


def test_a_removed_key_does_not_come_back():
    """Its MAC key would be the one that was withdrawn."""
    key = make(accounts=0)
    done(set_("eab", key.kid, None))
    act = set_("eab", key.kid, {"accounts": 0, "expires": 0})
    problem, _ = outcome(insert(*jws(act)))
    assert problem is not None and "another" in problem["detail"], problem
    bound(key, 403, "unauthorized")


def test_who_waits_for_the_token_holds_up_nobody():
    """More bindings than a batch has places wait for a token that does not
    answer: accounts without one are made all the same."""
    key, client = make(accounts=0), stranger()
    send(signal.SIGSTOP, "chancery-token")
    try:
        held = []
        for _ in range(70):
            client.key = Key()
            held.append(insert(*new_account(client, key),
                               kind="new-account"))
        client.key = Key()
        plain = insert(*new_account(client), kind="new-account")
        assert outcome(plain, 60) == (None, None)
        assert value("SELECT count(*) FROM outcome WHERE request_id = "
                     "ANY (%s)", held) == 0
    finally:
        send(signal.SIGCONT, "chancery-token")
    assert all(outcome(r, 60) == (None, None) for r in held)


def test_nothing_secret_is_stored():
    key = make()
    bound(key)
    text = json.dumps([[str(bytes(c) if isinstance(c, memoryview) else c)
                        for c in row] for row in rows(
        "SELECT d.body, o.detail, r.jws FROM directive d "
        "JOIN request r ON r.id = d.request_id "
        "JOIN outcome o ON o.request_id = r.id WHERE d.name = %s",
        key.kid)])
    assert b64u(key.secret) not in text and key.secret.hex() not in text
    assert head("eab", key.kid) is not None
