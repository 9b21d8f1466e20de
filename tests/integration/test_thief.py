# SPDX-License-Identifier: Apache-2.0
"""A thief of chancery-acme: whoever has its role inserts requests, orders and
links at will.  Everything here is put in with that role, past the process
that faces clients; the signer must refuse it, and must not let it end what
belongs to somebody else.  The last tests are the owner's and a backup's:
rows that carry authority were changed under the signer."""
import hashlib
import json
import os
import signal
import time

import pytest

from acme_client import Client, Key, b64u, make_csr, unb64u
from appliance import database, env, eventually, processes, rows, value
from checks import number
from roles import attempt, refused

ACME, VALIDATOR = "chancery_acme", "chancery_validator"
ERROR = "urn:ietf:params:acme:error:"
P256_ORDER = int("ffffffff00000000ffffffffffffffff"
                 "bce6faada7179e84f3b9cac2fc632551", 16)


def client():
    made = Client(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))
    made.register()
    return made


@pytest.fixture
def alice():
    return client()


@pytest.fixture
def bob():
    return client()


# ----------------------------------------------------------- what a thief has

def octets(data):
    return "'\\x" + data.hex() + "'::bytea"


def body_of(jws):
    return json.dumps(jws).encode()


def digest_of(jws):
    text = f"{jws['protected']}.{jws['payload']}"
    return hashlib.sha256(text.encode()).digest()


def insert(kind, account, target, jws, digest=None):
    """The statement that puts a request in."""
    return (f"INSERT INTO request (kind, account_id, object_id, jws, digest)"
            f" VALUES ('{kind}', {account or 'NULL'}, {target or 'NULL'},"
            f" {octets(body_of(jws))}, {octets(digest or digest_of(jws))})")


def stay(*statements):
    """Run them as the thief, for good."""
    last = attempt(ACME, *statements, "COMMIT")
    assert last["state"] == "", last


def submit(kind, account, target, jws, digest=None):
    """Put a request in and wait for its end: (result, terminal, problem,
    certificate)."""
    digest = digest or digest_of(jws)
    stay(insert(kind, account, target, jws, digest))
    return outcome(digest)


def outcome(digest):
    found = eventually(lambda: rows(
        "SELECT u.result, u.terminal, u.problem::json, u.certificate_id"
        " FROM outcome u JOIN request r ON r.id = u.request_id"
        " WHERE r.digest = %s", digest), 20)
    assert found, "the signer did not decide"
    return found[0]


def expect_refused(end, error=None, terminal=None):
    result, last, problem, certificate = end
    assert result == "refused" and certificate is None, end
    if error is not None:
        assert problem["type"] == ERROR + error, problem
    if terminal is not None:
        assert last is terminal, end


def refusals(who):
    """The log's entries about refused requests of an account."""
    public = who.kid.rsplit("/", 1)[1]
    return [entry for (entry,) in rows(
        "SELECT convert_from(entry, 'UTF8')::json FROM log_entry"
        " WHERE kind = 'refused'") if entry["account"] == public]


def log_size():
    return value("SELECT size FROM log_head")


def finalize(who, order, names, **how):
    """A finalize JWS that was never sent, and its order's id."""
    csr, _ = make_csr(names)
    return (who.jws(order["finalize"], {"csr": b64u(csr)}, **how),
            number(order["finalize"]))


def order_row(who, names, **more):
    """A new-order JWS that the thief keeps, as a row of its own making:
    (finalize URL, id)."""
    payload = {"identifiers": [{"type": "dns", "value": n} for n in names]}
    payload.update(more)
    jws = who.jws(who.directory["newOrder"], payload)
    return forge_order(who, jws), jws


def forge_order(who, jws, account=None, profile="server"):
    digest = digest_of(jws)
    stay(f"INSERT INTO orders (account_id, jws, digest, profile,"
         f" profile_hash) VALUES ({account or number(who.kid)},"
         f" {octets(body_of(jws))}, {octets(digest)}, '{profile}',"
         f" {octets(bytes(32))})")
    order = value("SELECT id FROM orders WHERE digest = %s", digest)
    public = b64u(order.to_bytes(8, "big") + digest[:16])
    base = who.directory["newOrder"].removesuffix("/new-order")
    return {"finalize": f"{base}/order/{public}/finalize", "id": order}


def still_ready(who, url, order, names):
    """The order was not harmed: its owner gets the certificate."""
    assert who.get(url).json["status"] == "ready"
    who.finalize(order, make_csr(names)[0]).expect(200)
    assert who.poll(url).json["status"] == "valid"


# ------------------------------------------------------------------- controls

def test_control(alice, responder):
    """What the thief only passes on is issued: the tests below fail for
    their own reason and not for one of the insertion's."""
    names = ["control.thief.test"]
    _, order = alice.ready_order(names, responder)
    jws, target = finalize(alice, order, names)
    end = submit("finalize", number(alice.kid), target, jws)
    assert end[0] == "done" and end[3] is not None


def test_finalize_again(alice, responder):
    """RFC 8555, 7.4: the same certificate, and the log does not grow."""
    names = ["again.thief.test"]
    _, order = alice.ready_order(names, responder)
    jws, target = finalize(alice, order, names)
    first = submit("finalize", number(alice.kid), target, jws)
    before = log_size()
    for _ in range(3):
        jws, _ = finalize(alice, order, names)
        again = submit("finalize", number(alice.kid), target, jws)
        assert again[0] == "done" and again[3] == first[3]
    assert log_size() == before


def test_two_at_once(alice, responder):
    """Two finalizes in one batch: one certificate for both."""
    names = ["twice.thief.test"]
    _, order = alice.ready_order(names, responder)
    one, target = finalize(alice, order, names)
    two, _ = finalize(alice, order, names)
    account = number(alice.kid)
    stay(insert("finalize", account, target, one),
         insert("finalize", account, target, two))
    ends = outcome(digest_of(one)), outcome(digest_of(two))
    assert [e[0] for e in ends] == ["done", "done"]
    assert ends[0][3] == ends[1][3]
    assert value("SELECT count(*) FROM intent WHERE order_id = %s",
                 target) == 1


# ------------------------------------------------------ other people's orders

def test_order_of_another(alice, bob, responder):
    names = ["owned.thief.test"]
    url, order = alice.ready_order(names, responder)
    jws, target = finalize(bob, order, names)
    expect_refused(submit("finalize", number(bob.kid), target, jws),
                   "unauthorized", False)
    jws, _ = finalize(bob, order, names)
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", False)
    # Bob signs, and says that he is Alice.
    jws, _ = finalize(bob, order, names, kid=alice.kid)
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   terminal=False)
    assert {e["reason"] for e in refusals(bob)} == {ERROR + "unauthorized"}
    still_ready(alice, url, order, names)


def test_order_row_of_another(alice, bob, responder):
    """Alice's new-order JWS under Bob's name."""
    jws = alice.jws(alice.directory["newOrder"], {"identifiers": [
        {"type": "dns", "value": "row.thief.test"}]})
    order = forge_order(bob, jws)
    message, target = finalize(bob, order, ["row.thief.test"])
    expect_refused(submit("finalize", number(bob.kid), target, message),
                   "unauthorized", False)


def test_other_order_underneath(alice, responder):
    """The url of one order, the row of another: names, profile and dates
    come from the new-order JWS that the url commits to."""
    names = ["under.thief.test"]
    url, order = alice.ready_order(names, responder)
    for more in ({}, {"notAfter": "2040-01-01T00:00:00Z"},
                 {"profile": "other"}):
        other, _ = order_row(alice, ["other.thief.test"], **more)
        jws, _ = finalize(alice, order, names)
        expect_refused(submit("finalize", number(alice.kid), other["id"],
                              jws), "unauthorized", False)
    still_ready(alice, url, order, names)


@pytest.mark.parametrize("more, error", [
    ({"notBefore": "2040-01-01T00:00:00Z"}, "malformed"),
    ({"notAfter": "2041-01-01T00:00:00Z"}, "malformed"),
    ({"notAfter": "soon"}, "malformed"), ({"profile": 1}, "malformed"),
    ({"profile": "other"}, "invalidProfile"),
    ({"replaces": "no certificate"}, "malformed")])
def test_dates_and_profile(alice, responder, more, error):
    """RFC 8555, 7.4: never something else than what was asked for."""
    names = ["dates.thief.test"]
    alice.ready_order(names, responder)
    order, _ = order_row(alice, names, **more)
    jws, target = finalize(alice, order, names)
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   error, True)


def test_profile_of_the_row(alice, responder):
    """The row names another profile than the message."""
    names = ["column.thief.test"]
    alice.ready_order(names, responder)
    jws = alice.jws(alice.directory["newOrder"], {"identifiers": [
        {"type": "dns", "value": names[0]}]})
    order = forge_order(alice, jws, profile="client")
    message, target = finalize(alice, order, names)
    end = submit("finalize", number(alice.kid), target, message)
    assert end[0] == "done"
    assert value("SELECT p.name FROM intent i JOIN profile p ON p.id ="
                 " i.profile_id WHERE i.order_id = %s", target) == "server"


# -------------------------------------------------------------- old messages

def test_used_before(alice, responder):
    names = ["used.thief.test"]
    _, order = alice.ready_order(names, responder)
    jws, target = finalize(alice, order, names)
    account = number(alice.kid)
    assert submit("finalize", account, target, jws)[0] == "done"
    refused(ACME, "23505", insert("finalize", account, target, jws))
    # Another signature over the same input is the same message.
    raw = unb64u(jws["signature"])
    s = P256_ORDER - int.from_bytes(raw[32:], "big")
    other = dict(jws, signature=b64u(raw[:32] + s.to_bytes(32, "big")))
    refused(ACME, "23505", insert("finalize", account, target, other))
    # With a digest of the thief's own, the signer computes the right one.
    fake = os.urandom(32)
    expect_refused(submit("finalize", account, target, other, fake),
                   "malformed", False)


def test_other_kind(alice, responder):
    names = ["kind.thief.test"]
    url, order = alice.ready_order(names, responder)
    account, target = number(alice.kid), number(order["finalize"])
    authz = number(order["authorizations"][0])
    poll, update = (url, ""), (alice.kid, {"contact": []})
    challenge = (order["authorizations"][0], {})
    csr = (order["finalize"], {"csr": b64u(make_csr(names)[0])})
    new_order = (alice.directory["newOrder"], {"identifiers": []})
    for kind, where, message in (
            ("finalize", target, poll), ("finalize", target, new_order),
            ("finalize", target, update), ("account-deactivate", None, csr),
            ("account-deactivate", None, update),
            ("account-update", None, challenge),
            ("authz-deactivate", authz, challenge),
            ("new-account", None, new_order)):
        jws = alice.jws(*message)
        expect_refused(submit(kind, None if kind == "new-account" else
                              account, where, jws))
    assert alice.get(alice.kid).expect(200).json["status"] == "valid"
    still_ready(alice, url, order, names)


def test_swapped_csr(alice, responder):
    names = ["swap.thief.test"]
    url, order = alice.ready_order(names, responder)
    jws, target = finalize(alice, order, names)
    csr, _ = make_csr(names)
    jws["payload"] = b64u(json.dumps({"csr": b64u(csr)}))
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   terminal=False)
    still_ready(alice, url, order, names)


# ------------------------------------------------------------------- evidence

def test_no_evidence(alice):
    order, _ = order_row(alice, ["none.thief.test"])
    jws, target = finalize(alice, order, ["none.thief.test"])
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


def test_evidence_of_another_account(alice, bob, responder):
    """Bob proved the name; the thief links his authorization to Alice's."""
    names = ["proved.thief.test"]
    _, theirs = bob.ready_order(names, responder)
    order, _ = order_row(alice, names)
    stay(f"INSERT INTO order_authorization VALUES ({order['id']}, 0,"
         f" {number(theirs['authorizations'][0])})")
    assert value("SELECT status FROM order_status WHERE id = %s",
                 order["id"]) == "ready"
    jws, target = finalize(alice, order, names)
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


def test_granted_by_the_face(alice):
    """That a name needs no proof is an officer's word, not the face's."""
    name = "granted.thief.test"
    order, _ = order_row(alice, [name])
    stay("INSERT INTO authz (public, account_id, type, value, wildcard,"
         f" granted, token, methods) VALUES ({octets(os.urandom(16))},"
         f" {number(alice.kid)}, 'dns', '{name}', false, true,"
         f" '{b64u(os.urandom(32))}', '{{}}')")
    authz = value("SELECT id FROM authz WHERE value = %s", name)
    stay(f"INSERT INTO order_authorization VALUES ({order['id']}, 0,"
         f" {authz})")
    assert value("SELECT status FROM order_status WHERE id = %s",
                 order["id"]) == "ready"
    jws, target = finalize(alice, order, [name])
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


def test_evidence_of_another_name(alice, responder):
    _, mine = alice.ready_order(["mine.thief.test"], responder)
    for wanted in ("bank.thief.test", "sub.mine.thief.test", "thief.test"):
        order, _ = order_row(alice, [wanted])
        stay(f"INSERT INTO order_authorization VALUES ({order['id']}, 0,"
             f" {number(mine['authorizations'][0])})")
        jws, target = finalize(alice, order, [wanted])
        expect_refused(submit("finalize", number(alice.kid), target, jws),
                       "unauthorized", True)


def test_one_of_two_names(alice, responder):
    alice.ready_order(["one.thief.test"], responder)
    names = ["one.thief.test", "two.thief.test"]
    order, _ = order_row(alice, names)
    jws, target = finalize(alice, order, names)
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


def test_wildcard_by_http01(alice, responder):
    """RFC 8555, 8.3: not even when the evidence itself says wildcard."""
    alice.ready_order(["wild.thief.test"], responder)
    order, _ = order_row(alice, ["*.wild.thief.test"])
    jws, target = finalize(alice, order, ["*.wild.thief.test"])
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)
    last = attempt(VALIDATOR,
                   "INSERT INTO evidence (authorization_id, account_id,"
                   " thumbprint, type, value, wildcard, method, result,"
                   " transcript) SELECT -id, id, thumbprint, 'dns',"
                   " 'wild.thief.test', true, 'http-01', 'valid', '{}'"
                   f" FROM account WHERE id = {number(alice.kid)}", "COMMIT")
    assert last["state"] == "", last
    order, _ = order_row(alice, ["*.wild.thief.test"])
    jws, target = finalize(alice, order, ["*.wild.thief.test"])
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


def test_evidence_that_is_hard_to_log(alice, responder):
    """A thief of the validator fills a row with what JSON must escape: it is
    logged by its digest, and the log goes on."""
    last = attempt(VALIDATOR,
                   "INSERT INTO evidence (authorization_id, account_id,"
                   " thumbprint, type, value, wildcard, method, result,"
                   " problem, transcript) SELECT -id, id, thumbprint, 'dns',"
                   " 'hard.thief.test', false, 'http-01', 'invalid',"
                   " repeat(chr(1), 8192), repeat(chr(1), 16384)"
                   f" FROM account WHERE id = {number(alice.kid)}", "COMMIT")
    assert last["state"] == "", last
    assert eventually(lambda: value(
        "SELECT count(*) FROM evidence e JOIN evidence_logged l ON"
        " l.evidence_id = e.id WHERE e.value = 'hard.thief.test'"
        " AND e.account_id = %s", number(alice.kid)))
    alice.issue(["after.thief.test"], responder)


def test_ended_evidence(alice, responder):
    """An authorization that was deactivated does not count again."""
    _, old = alice.ready_order(["ended.thief.test"], responder)
    alice.post(old["authorizations"][0],
               {"status": "deactivated"}).expect(200)
    order, _ = order_row(alice, ["ended.thief.test"])
    jws, target = finalize(alice, order, ["ended.thief.test"])
    expect_refused(submit("finalize", number(alice.kid), target, jws),
                   "unauthorized", True)


# ------------------------------------------------------------------- accounts

def test_account_of_another(alice, bob):
    for kind, payload in (("account-update", {"contact": []}),
                          ("account-deactivate", {"status": "deactivated"})):
        for url, kid in ((alice.kid, bob.kid), (alice.kid, alice.kid),
                         (bob.kid, bob.kid)):
            jws = bob.jws(url, payload, kid=kid)
            expect_refused(submit(kind, number(alice.kid), None, jws))
    assert alice.get(alice.kid).json["status"] == "valid"


def test_account_with_another_key(alice, bob):
    """The jwk of one, the signature of the other."""
    before = value("SELECT count(*) FROM account")
    key = Key()
    jws = bob.jws(bob.directory["newAccount"], {}, jwk=True,
                  header={"jwk": key.jwk})
    expect_refused(submit("new-account", None, None, jws))
    assert value("SELECT count(*) FROM account") == before


def test_account_twice_at_once(alice):
    """RFC 8555, 11.1: two requests with one new key make one account."""
    key = Key()
    one, two = (alice.jws(alice.directory["newAccount"],
                          {"termsOfServiceAgreed": True}, jwk=True, key=key)
                for _ in range(2))
    stay(insert("new-account", None, None, one),
         insert("new-account", None, None, two))
    outcome(digest_of(one)), outcome(digest_of(two))
    made = rows("SELECT u.account_id FROM outcome u JOIN request r"
                " ON r.id = u.request_id WHERE r.digest IN (%s, %s)",
                digest_of(one), digest_of(two))
    assert len(made) == 2 and made[0] == made[1] != (None,)


def test_authorization_of_another(alice, bob, responder):
    url, order = alice.ready_order(["authz.thief.test"], responder)
    authz = order["authorizations"][0]
    jws = bob.jws(authz, {"status": "deactivated"})
    expect_refused(submit("authz-deactivate", number(bob.kid), number(authz),
                          jws), "unauthorized")
    still_ready(alice, url, order, ["authz.thief.test"])


def test_certificate_for_account_key(alice, responder):
    """RFC 8555, 11.1: neither the requester's key nor another's."""
    names = ["key.thief.test"]
    url, order = alice.ready_order(names, responder)
    for key in (alice.key, client().key):
        csr, _ = make_csr(names, key=key.private)
        jws = alice.jws(order["finalize"], {"csr": b64u(csr)})
        expect_refused(submit("finalize", number(alice.kid),
                              number(order["finalize"]), jws), "badCSR",
                       False)
    still_ready(alice, url, order, names)


def test_many_large_key_changes(responder):
    """From the Internet: a chain of key changes as large as a request may be
    must not end the signer, which walks back along it."""
    thief = client()
    names = ["chain.thief.test"]
    _, order = thief.ready_order(names, responder)
    for _ in range(40):
        thief.key_change(new := Key(), thief.roll_over(new, payload={
            "account": thief.kid, "oldKey": thief.key.jwk,
            "more": "x" * 16000})).expect(200)
    before = processes()["chancery-signer"]
    jws, target = finalize(thief, order, names)
    end = submit("finalize", number(thief.kid), target, jws)
    assert processes()["chancery-signer"] == before
    # So many in the life of one order are nobody's who needs them.
    expect_refused(end, "malformed", False)


def test_orders_survive_some_key_changes(responder):
    """RFC 8555, 7.3.5: the order stays the account's."""
    alice, names = client(), ["changes.thief.test"]
    _, order = alice.ready_order(names, responder)
    for _ in range(5):
        alice.key_change(Key()).expect(200)
    jws, target = finalize(alice, order, names)
    assert submit("finalize", number(alice.kid), target, jws)[0] == "done"


# ----------------------------------------------------------- the log is kept

def test_refusals_are_counted(alice):
    """One entry at once, however many follow within its minute."""
    order, _ = order_row(alice, ["flood.thief.test"])
    for _ in range(6):
        jws, target = finalize(alice, order, ["else.thief.test"])
        expect_refused(submit("finalize", number(alice.kid), target, jws),
                       "badCSR", False)
    entries = refusals(alice)
    assert len(entries) == 1 and entries[0]["count"] == "1", entries
    assert entries[0]["request"] == "finalize"
    assert entries[0]["reason"] == ERROR + "badCSR"


# --------------------------------------------------- rows that carry authority

def as_owner(*statements):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        for sql, args in statements:
            cursor.execute(sql, args)
        cursor.execute("COMMIT")


def test_forged_account(alice, responder):
    """The owner role gives Alice's account a key of its own."""
    names = ["forged.thief.test"]
    url, order = alice.ready_order(names, responder)
    account = number(alice.kid)
    old = rows("SELECT jwk, thumbprint FROM account WHERE id = %s", account)[0]
    key = Key()
    jwk = json.dumps(key.jwk, sort_keys=True, separators=(",", ":"))
    change = "UPDATE account SET jwk = %s, thumbprint = %s WHERE id = %s"
    as_owner((change, (jwk, unb64u(key.thumbprint), account)))
    try:
        jws, target = finalize(alice, order, names, key=key)
        expect_refused(submit("finalize", account, target, jws),
                       "unauthorized", False)
    finally:
        as_owner((change, (old[0], bytes(old[1]), account)))
    still_ready(alice, url, order, names)


def test_forged_profile(alice, responder):
    """A profile that was changed in its row stops the issuing."""
    names = ["profile.thief.test"]
    url, order = alice.ready_order(names, responder)
    newest, body = rows("SELECT id, body FROM profile WHERE name = 'server'"
                        " ORDER BY version DESC LIMIT 1")[0]
    longer = json.loads(body)
    longer["validity_seconds"] = 800 * 86400
    longer = json.dumps(longer, sort_keys=True, separators=(",", ":"))
    stop = "ALTER TABLE profile DISABLE TRIGGER append_only"
    go = "ALTER TABLE profile ENABLE TRIGGER append_only"
    change = ("UPDATE profile SET body = %s, hash = sha256(%s::bytea)"
              " WHERE id = %s")
    as_owner((stop, ()), (change, (longer, longer, newest)), (go, ()))
    try:
        time.sleep(2.5)			# it looks each second
        jws, target = finalize(alice, order, names)
        expect_refused(submit("finalize", number(alice.kid), target, jws),
                       "serverInternal", False)
        # The others are not touched.
        alice.issue(names, responder, profile="client")
    finally:
        as_owner((stop, ()), (change, (body, body, newest)), (go, ()))
    time.sleep(2.5)
    still_ready(alice, url, order, names)


def test_forged_intent(alice, responder):
    """Octets that no request asked for, put under a dead run's name: the
    next run abandons them and asks the token for nothing."""
    names = ["intent.thief.test"]
    _, order, _ = alice.issue(names, responder)
    dead = rows("INSERT INTO instance (process, host) VALUES ('signer', 'x')"
                " RETURNING id")[0][0]
    serial = b"\x11" + os.urandom(15)
    target = number(order["finalize"])
    before = rows("SELECT request_id, tbs, issuer_id, profile_id, spki_hash,"
                  " serial FROM intent WHERE order_id = %s", target)[0]
    tbs = bytes(before[1]).replace(bytes(before[5]), serial)
    assert tbs != bytes(before[1])
    # A request of its own, that names the order and proves nothing.
    jws = alice.jws(order["finalize"], {"csr": "AAAA"})
    entry = json.dumps({"kind": "intent", "serial": serial.hex(),
                        "tbs": b64u(tbs), "time": str(int(time.time())),
                        "version": 1}).encode()
    as_owner(
        ("INSERT INTO request (kind, account_id, object_id, jws, digest)"
         " VALUES ('finalize', %s, %s, %s, %s)",
         (number(alice.kid), target + 1, body_of(jws), digest_of(jws))),
        ("INSERT INTO log_entry (index, kind, entry, leaf_hash) SELECT size,"
         " 'intent', %s, sha256('\\x00'::bytea || %s) FROM log_head",
         (entry, entry)),
        ("INSERT INTO intent (index, request_id, order_id, account_id,"
         " issuer_id, profile_id, serial, tbs, spki_hash, instance)"
         " SELECT size, (SELECT id FROM request WHERE digest = %s), %s, %s,"
         " %s, %s, %s, %s, %s, %s FROM log_head",
         (digest_of(jws), target + 1, number(alice.kid), before[2], before[3],
          serial, tbs, bytes(before[4]), dead)),
        ("UPDATE log_head SET size = size + 1", ()))
    for pid in processes()["chancery-signer"]:
        os.kill(pid, signal.SIGKILL)
    end = eventually(lambda: rows(
        "SELECT e.kind FROM intent i JOIN closing c ON c.intent = i.index"
        " JOIN log_entry e ON e.index = c.index WHERE i.serial = %s",
        serial), 60)
    assert end == [("abandoned",)]
    assert value("SELECT count(*) FROM certificate WHERE serial = %s",
                 serial) == 0
