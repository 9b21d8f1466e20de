# SPDX-License-Identifier: Apache-2.0
"""Accounts, external account binding, key change: RFC 8555, 7.1.2 and 7.3."""
import os
import secrets
import signal
import time

from acme_client import ALGORITHMS, OMIT, Key, MacKey, b64u, make_csr
from appliance import eventually, processes, rows as sql
from checks import (at_once, base, fresh, new_client, number, refused,
                    stranger)
from officers import ctl, eab_key
from rows import row


@row("A01", "A new account is 201 with Location and the object: status, "
     "contact, orders.")
def test_A01():
    client = stranger()
    reply = client.new_account(contact=["mailto:a@example.com"]).expect(201)
    assert reply.location.startswith(base("/"))
    assert reply.json["status"] == "valid"
    assert reply.json["contact"] == ["mailto:a@example.com"]
    assert reply.json["orders"].startswith(base("/"))
    client.kid = reply.location
    assert client.get(client.kid).expect(200).json == reply.json


@row("A02", "A known key is 200 with Location and the object as it was.")
def test_A02():
    client = new_client(contact=["mailto:a@example.com"])
    before = client.get(client.kid).json
    for contact in (["mailto:b@example.com"], ["tel:1"]):
        reply = client.new_account(contact=contact).expect(200)
        assert reply.location == client.kid
        assert reply.json == before


@row("A03", "onlyReturnExisting never makes an account.")
def test_A03():
    client = stranger()
    for _ in range(2):
        client.new_account(onlyReturnExisting=True).expect(
            400, "accountDoesNotExist")
    client.register()
    reply = client.new_account(onlyReturnExisting=True).expect(200)
    assert reply.location == client.kid


@row("A04", "Unknown members and orders are ignored, nothing of the request "
     "is reflected but contact.")
def test_A04():
    reply = stranger().new_account(
        orders="https://x.test/", status="", foo={},
        onlyReturnExisting=False).expect(201)
    assert set(reply.json) <= {"status", "contact", "orders",
                               "termsOfServiceAgreed"}
    assert reply.json["orders"].startswith(base("/"))


@row("A05", "Contacts are checked: mailto with one address and no header "
     "fields; other schemes are unsupportedContact.")
def test_A05(client):
    for contact, error in (
            (["mailto:a@b.test?subject=x"], "invalidContact"),
            (["mailto:a@b.test,c@d.test"], "invalidContact"),
            (["mailto:"], "invalidContact"),
            (["tel:+1"], "unsupportedContact"),
            (["mailto:a@b.test", "https://b.test/"], "unsupportedContact")):
        new = stranger()
        reply = new.new_account(contact=contact).expect(400, error)
        if error == "unsupportedContact":
            assert "mailto" in reply.json["detail"]
        new.new_account(onlyReturnExisting=True).expect(
            400, "accountDoesNotExist")
        refused(client, error, url=client.kid, payload={"contact": contact})


@row("A06", "A key has one account, whoever is first of those that race.")
def test_A06():
    key = Key()
    twins = [stranger(key) for _ in range(4)]
    for twin in twins:
        twin.nonce()
    signer, = processes()["chancery-signer"]
    os.kill(signer, signal.SIGSTOP)

    def go_on():
        time.sleep(0.7)
        os.kill(signer, signal.SIGCONT)
    replies = at_once(go_on, *[twin.new_account for twin in twins])[1:]
    assert sorted(reply.status for reply in replies) == [200, 200, 200, 201]
    assert len({reply.location for reply in replies}) == 1


@row("A07", "An update takes contact; orders, termsOfServiceAgreed, other "
     "status and unknown members are ignored.")
def test_A07():
    client = new_client(contact=["mailto:a@example.com"])
    before = client.get(client.kid).json
    new = {**before, "contact": ["mailto:b@example.com"]}
    assert client.post(client.kid, {
        "contact": new["contact"], "orders": "x", "foo": 1, "status": "valid",
        "termsOfServiceAgreed": False}).expect(200).json == new
    for payload in ({}, {"status": "revoked"}, {"orders": None}):
        assert client.post(client.kid, payload).expect(200).json == new
    assert client.get(client.kid).json == new


@row("A08", "When the terms changed: 403 userActionRequired with Link "
     "rel=terms-of-service and instance.")
def test_A08(faces, issued, client):
    terms = "https://ca.test/terms-2"
    face = faces(f'terms_of_service = "{terms}";').as_account(client)
    authz = client.get(client.new_order([fresh()]).json[
        "authorizations"][0]).json
    for reply in (face.new_order([fresh()]), face.new_authz(fresh()),
                  face.post(authz["challenges"][0]["url"], {})):
        reply.expect(403, "userActionRequired")
        assert reply.links["terms-of-service"] == [terms]
        there = face.request("GET", reply.json["instance"])
        assert there.status == 200 and terms in there.text
    assert face.get(client.kid).expect(200).json["status"] == "valid"


@row("A09", "orders lists the account's orders, pending ones included, "
     "invalid ones left out, in pages with Link rel=next.")
def test_A09():
    client = new_client()
    made = [client.new_order([fresh()]).expect(201).location
            for _ in range(130)]
    invalid = client.new_order([fresh()]).expect(201)
    client.post(invalid.json["authorizations"][0],
                {"status": "deactivated"}).expect(200)
    url, found, pages = client.get(client.kid).json["orders"], [], 0
    while url:
        page = client.get(url).expect(200)
        found += page.json["orders"]
        url, = page.links.get("next", [None])
        pages += 1
    assert sorted(found) == sorted(made)
    assert pages > 1
    empty = new_client()
    assert empty.get(empty.get(empty.kid).json["orders"]).json["orders"] == []


@row("A10", "Deactivation: 200, then 401 for whatever the key signs; orders "
     "are cancelled, certificates are not revoked.",
     "401, as the RFC says; other servers answer 403")
def test_A10(responder):
    client = new_client()
    _, done, _ = client.issue([fresh()], responder)
    order = client.new_order([fresh()]).expect(201)
    reply = client.post(client.kid, {"status": "deactivated"}).expect(200)
    assert reply.json["status"] == "deactivated"
    for reply in (client.get(client.kid), client.get(order.location),
                  client.new_order([fresh()]), client.new_account(),
                  client.post(client.kid, {"status": "valid"}),
                  client.get(done["certificate"]),
                  client.new_account(onlyReturnExisting=True)):
        reply.expect(401, "unauthorized")
    assert sql("SELECT status FROM order_status WHERE id = %s",
               number(order.location)) == [("invalid",)]


@row("A11", "An account that the CA revoked is refused like a deactivated "
     "one.")
def test_A11():
    client = new_client()
    client.new_order([fresh()]).expect(201)
    ctl("account", "revoke", client.kid, "--reason", "conformance")
    assert eventually(lambda: client.get(client.kid).status == 401, 2)
    for reply in (client.get(client.kid), client.new_order([fresh()]),
                  client.new_account()):
        reply.expect(401, "unauthorized")


# ---------------------------------------------------- external account binding

@row("B01", "A key identifier is ASCII; the MAC key is handed out in "
     "base64url.")
def test_B01():
    kid, text = eab_key()
    assert kid.isascii() and kid
    assert text == b64u(MacKey(kid, text).secret)
    assert len(MacKey(kid, text).secret) >= 32


@row("B02", "The inner JWS: a MAC alg, kid, no nonce, the outer url, the "
     "account's JWK as payload.")
def test_B02():
    key = MacKey(*eab_key(accounts=0))
    client = stranger()
    wrong = (
        client.binding(key, header={"alg": "ES256"}),
        client.binding(key, header={"alg": "none"}, signature=b""),
        client.binding(key, header={"kid": OMIT}),
        client.binding(key, header={"nonce": client.nonce()}),
        client.binding(key, url=client.directory["newOrder"]),
        client.binding(key, header={"url": OMIT}),
        client.binding(key, payload={"kty": "EC"}),
        client.binding(key, payload={"account": "x"}))
    for inner in wrong:
        reply = client.new_account(eab=inner)
        assert reply.status in (400, 403), reply
    for alg in ("HS256", "HS384", "HS512"):
        key.alg = alg
        stranger().new_account(eab=key).expect(201)


@row("B03", "It is verified: form, header, key, MAC, and that the payload is "
     "the outer key whatever its octets.")
def test_B03():
    key = MacKey(*eab_key(accounts=0))
    client = stranger()
    client.new_account(eab=client.binding(key, signature=bytes(32))).expect(
        403, "unauthorized")
    client.new_account(eab=client.binding(
        MacKey(key.kid, secrets.token_bytes(32)))).expect(403, "unauthorized")
    client.new_account(eab=client.binding(
        MacKey("nobody-" + secrets.token_hex(4), key.secret))).expect(
        403, "unauthorized")
    reply = client.new_account(eab=client.binding(key, Key()))
    assert reply.status in (400, 403)
    jwk = client.key.jwk
    other_text = {name: jwk[name] for name in reversed(sorted(jwk))}
    client.new_account(eab=client.binding(key, payload=other_text)).expect(
        201)


@row("B04", "Whatever fails, no account is made.",
     "malformed for its form, unauthorized for key id and MAC")
def test_B04():
    key = MacKey(*eab_key(accounts=0))
    client = stranger()
    for eab, status, error in (
            ("x", 400, "malformed"), ({}, 400, "malformed"),
            (client.binding(key, signature=b"x"), 403, "unauthorized"),
            (client.binding(key, header={"nonce": "AAAA"}), 400,
             "malformed")):
        client.new_account(eab=eab).expect(status, error)
        client.new_account(onlyReturnExisting=True).expect(
            400, "accountDoesNotExist")


@row("B05", "Where binding is demanded, an account without is "
     "externalAccountRequired.")
def test_B05(faces):
    face = faces('external_account_required = "yes";')
    face.new_account().expect(403, "externalAccountRequired")
    face.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")
    face.new_account(eab=MacKey(*eab_key())).expect(201)
    face.new_account().expect(200)


@row("B06", "A verified binding is in the account object as it was sent.")
def test_B06():
    client = stranger()
    inner = client.binding(MacKey(*eab_key()))
    reply = client.new_account(eab=inner).expect(201)
    assert reply.json["externalAccountBinding"] == inner
    client.kid = reply.location
    assert client.get(client.kid).json["externalAccountBinding"] == inner
    assert "externalAccountBinding" not in new_client().register().json


@row("B07", "A MAC key binds at most so many accounts, whoever races; it "
     "expires, is withdrawn, and limits profiles and names.")
def test_B07():
    key = MacKey(*eab_key(accounts=2))
    clients = [stranger() for _ in range(5)]
    for each in clients:
        each.nonce()
    replies = at_once(*[lambda each=each: each.new_account(eab=key)
                        for each in clients])
    assert sorted(reply.status for reply in replies) == [201] * 2 + [403] * 3
    kid, text = eab_key(names="allowed.test", profiles="server")
    bound = new_client(eab=MacKey(kid, text))
    bound.new_order(["allowed.test"]).expect(201)
    reply = bound.new_order([fresh()])
    assert (reply.status, reply.error) in ((400, "rejectedIdentifier"),
                                           (403, "unauthorized"))
    bound.new_order(["allowed.test"], profile="client").expect(
        400, "invalidProfile")
    ctl("eab", "remove", kid)
    stranger().new_account(eab=MacKey(kid, text)).expect(403, "unauthorized")


# ------------------------------------------------------------------ key change

@row("K01", "Outer JWS of the account's key, inner of the new one by jwk, "
     "with the same url and no nonce.")
def test_K01():
    for alg in ALGORITHMS:
        client, new = new_client(), Key(alg)
        old = client.key
        client.key_change(new).expect(200)
        client.get(client.kid).expect(200)
        assert client.get(client.kid, key=old).status in (400, 401, 403)
    client, new = new_client(), Key()
    for inner in (client.roll_over(new, url=client.directory["newOrder"]),
                  client.roll_over(new, header={"url": OMIT}),
                  client.roll_over(new, header={"nonce": client.nonce()}),
                  client.roll_over(new, header={"jwk": OMIT,
                                                "kid": client.kid}),
                  client.roll_over(new, unprotected={})):
        assert client.key_change(new, inner).status == 400
    assert client.get(client.kid).status == 200


@row("K02", "The inner payload names the account of the outer kid and its "
     "present key.")
def test_K02(other):
    client, new = new_client(), Key()
    good = {"account": client.kid, "oldKey": client.key.jwk}
    for payload in ({**good, "account": other.kid}, {**good, "account": 1},
                    {**good, "oldKey": other.key.jwk},
                    {**good, "oldKey": new.jwk}, {**good, "oldKey": {}},
                    {"account": client.kid}, {"oldKey": client.key.jwk}):
        reply = client.key_change(new, client.roll_over(new,
                                                        payload=payload))
        assert reply.status in (400, 403), reply
    client.key_change(new).expect(200)


@row("K03", "The inner JWS verifies under its own jwk.")
def test_K03():
    client, new = new_client(), Key()
    for how in ({"signature": bytes(64)},
                {"signature": client.key.sign},
                {"header": {"jwk": Key().jwk}},
                {"tamper": lambda message: message.update(
                    payload=b64u('{"account": "x"}'))}):
        client.key_change(new, client.roll_over(new, **how)).expect(
            400, "malformed")
    client.get(client.kid).expect(200)


@row("K04", "A key that an account has: 409 with the Location of that "
     "account.")
def test_K04(other):
    client = new_client()
    reply = client.key_change(other.key).expect(409, "malformed")
    assert reply.location == other.kid
    client.key_change(client.key).expect(409, "malformed")
    client.get(client.kid).expect(200)


@row("K05", "200; pending orders and authorizations survive, proven ones "
     "count.")
def test_K05(responder):
    client = new_client()
    name = fresh()
    url, ready = client.ready_order([name], responder)
    pending = client.new_order([fresh()]).expect(201)
    reply = client.key_change(Key("EdDSA")).expect(200)
    assert reply.json["status"] == "valid"
    done = client.finalize(ready, make_csr([name])[0]).expect(200)
    assert done.json["status"] == "valid"
    authz = client.answer(pending.json["authorizations"][0], responder)
    assert authz["status"] == "valid"


@row("K06", "A bad new key is badPublicKey; a key given up never makes "
     "another account.",
     "it stays with its account for ever: what it signed may still be about")
def test_K06():
    client = new_client()
    weak = Key("RS256", bits=1024)
    client.key_change(weak).expect(400, "badPublicKey")
    old = client.key
    client.key_change(Key()).expect(200)
    stranger(old).new_account().expect(400, "badPublicKey")
    third = new_client()
    reply = third.key_change(old)
    assert reply.status in (400, 409), reply
    assert client.key_change(old).status in (400, 409)
