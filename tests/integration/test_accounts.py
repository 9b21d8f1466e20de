# SPDX-License-Identifier: Apache-2.0
"""Accounts beyond their making (RFC 8555, 7.1.2 and 7.3): the list of their
orders, the change of their key, bindings to something outside as far as the
face judges them, terms that change, and what the directory says of it all."""
import os
import re
import signal
import time

import pytest

from acme_client import OMIT, Client, Key, MacKey, b64u
from appliance import conf_set, conf_text, env, eventually, processes, rows
from beside import Beside, free_port
from checks import (Checked, authz_of, base, fresh, new_client, number,
                    stranger)


class Face(Checked):
    """Speaks to another chancery-acme that has the same URLs."""

    def __init__(self, port, **more):
        self.port = port
        super().__init__(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"),
                         **more)

    def request(self, method, url, *args, **more):
        return super().request(method, re.sub(
            r"^https://localhost:\d+", f"https://localhost:{self.port}", url),
            *args, **more)


# ------------------------------------------------------------- list of orders

def orders_url(client):
    return client.get(client.kid).expect(200).json["orders"]


def test_A09_orders_of_an_account(other):
    client = new_client()
    url = orders_url(client)
    reply = client.get(url).expect(200)
    assert reply.json == {"orders": []}
    assert "next" not in reply.links
    first = client.new_order([fresh()]).expect(201)
    second = client.new_order([fresh()]).expect(201)
    assert client.get(url).json["orders"] == [second.location,
                                              first.location]
    other.get(url).expect(403, "unauthorized")
    client.post(url, {}).expect(400, "malformed")
    client.request("GET", url).expect(405, "malformed")


def test_A09_invalid_orders_are_left_out():
    client = new_client()
    dead = client.new_order([fresh()]).expect(201)
    alive = client.new_order([fresh()]).expect(201)
    client.post(authz_of(client, dead)[0], {"status": "deactivated"}).expect(
        200)
    assert client.get(orders_url(client)).json["orders"] == [alive.location]


def test_A09_pages():
    client = new_client()
    made = [client.new_order([fresh()]).expect(201).location
            for _ in range(203)]
    pages, url = [], orders_url(client)
    while url:
        reply = client.get(url).expect(200)
        pages.append(reply.json["orders"])
        url, = reply.links.get("next", [None])
    assert [len(page) for page in pages] == [100, 100, 3]
    assert sum(pages, []) == made[::-1]


@pytest.mark.parametrize("end", ["x", "0", "-1", "01", "9" * 19, "1" * 20,
                                 "1/2", ""])
def test_A09_pages_that_were_not_handed_out(client, end):
    client.get(f"{orders_url(client)}/{end}").expect(404, "malformed")


def test_A09_below_all(client):
    assert client.get(f"{orders_url(client)}/1").json == {"orders": []}


# ----------------------------------------------------------------- key change

@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "EdDSA",
                                 "RS256"])
def test_K05_key_change(alg, responder):
    client = new_client(contact=["mailto:a@example.com"])
    old, order = client.key, client.new_order([fresh()]).expect(201)
    account = client.get(client.kid).json
    reply = client.key_change(Key(alg)).expect(200)
    assert reply.json == account
    client.get(client.kid, key=old).expect(
        400, "malformed" if old.alg == alg else "badPublicKey")
    assert client.get(client.kid).expect(200).json == account
    # What was begun before goes on, under the key of today (C05).
    for url in client.get(order.location).json["authorizations"]:
        assert client.answer(url, responder)["status"] == "valid"
    assert client.get(order.location).json["status"] == "ready"


def test_K06_old_key_is_spent():
    client = new_client()
    old = client.key
    client.key_change(Key()).expect(200)
    again = stranger(old)
    again.new_account().expect(400, "badPublicKey")
    again.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")
    assert stranger(client.key).new_account().expect(200).location == \
        client.kid


def test_K04_key_of_an_account(other):
    client = new_client()
    before, old = client.key, other.key
    client.key_change(other.key).expect(409, "malformed")
    reply = client.post(client.directory["keyChange"],
                        client.roll_over(old)).expect(409, "malformed")
    assert reply.location == other.kid
    # Its own, of now and of before.
    assert client.key_change(before).expect(
        409, "malformed").location == client.kid
    client.key_change(Key()).expect(200)
    assert client.key_change(before).expect(
        409, "malformed").location == client.kid


def other_jwk(client, other):
    """The new key named, the old one signing."""
    return client.jws(client.directory["keyChange"],
                      {"account": client.kid, "oldKey": client.key.jwk},
                      header={"jwk": Key().jwk}, jwk=True, nonce=OMIT)


def rolled(**how):
    return lambda client, other: client.roll_over(Key(), **how)


def paid(**payload):
    """With another payload; the values are functions of both clients."""
    return lambda client, other: client.roll_over(Key(), payload={
        name: get(client, other) for name, get in payload.items()})


@pytest.mark.parametrize("inner", [
    lambda client, other: client.roll_over(
        Key(), url=client.directory["newOrder"]),
    lambda client, other: client.roll_over(Key(), nonce=client.nonce()),
    rolled(jwk=False), rolled(header={"jwk": OMIT}), other_jwk,
    rolled(header={"kid": "x"}), rolled(header={"alg": "HS256"}),
    rolled(payload="[]"), rolled(payload="{}"), rolled(payload="null"),
    rolled(unprotected={}), rolled(signature=b""),
    paid(account=lambda c, o: o.kid, oldKey=lambda c, o: c.key.jwk),
    paid(account=lambda c, o: c.kid, oldKey=lambda c, o: o.key.jwk),
    paid(account=lambda c, o: c.kid), paid(oldKey=lambda c, o: c.key.jwk),
    lambda client, other: {"account": client.kid},
    lambda client, other: {}])
def test_K01_K02_K03_inner(client, other, inner):
    account = client.get(client.kid).json
    reply = client.post(client.directory["keyChange"], inner(client, other))
    assert reply.status in (400, 403), reply
    assert reply.error in ("malformed", "unauthorized",
                           "badSignatureAlgorithm"), reply
    assert client.get(client.kid).expect(200).json == account


def test_K06_weak_key(client):
    reply = client.post(client.directory["keyChange"],
                        client.roll_over(Key("RS256", bits=1024)))
    reply.expect(400, "badPublicKey")


@pytest.fixture(scope="module")
def node():
    """Another node of the same authority."""
    port = free_port()
    with Beside(acme__listen=f'["127.0.0.1:{port}"]') as beside:
        beside.start("acme")
        yield port


def test_K05_at_once_on_every_node(node):
    client = new_client()
    there = Face(node, key=client.key)
    there.kid = client.kid
    there.get(client.kid).expect(200)
    client.key_change(Key()).expect(200)
    there.key = client.key
    there.get(client.kid).expect(200)


# -------------------------------------------------------------------- binding

MAC = MacKey("no-such-key", b"k" * 32)


def test_B03_unknown_key():
    client = stranger()
    client.new_account(eab=MAC).expect(403, "unauthorized")
    client.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")


@pytest.mark.parametrize("how", [
    dict(url="https://localhost/other"), dict(nonce="AAAA"),
    dict(header={"alg": "none"}), dict(header={"alg": "ES256"}),
    dict(header={"kid": OMIT}), dict(header={"alg": OMIT}),
    dict(payload=Key().jwk), dict(payload="[]"), dict(unprotected={}),
    dict(tamper=lambda jws: jws.pop("signature")),
    dict(tamper=lambda jws: jws.update(payload=jws["payload"] + "="))])
def test_B02_B03_form(how):
    client = stranger()
    binding = client.binding(MAC, **how)
    reply = client.new_account(eab=binding)
    assert reply.error in ("malformed", "badSignatureAlgorithm",
                           "unauthorized"), reply
    # Told for what it is, before the key id is looked at.
    assert "in force" not in reply.json["detail"], reply


@pytest.mark.parametrize("binding", [1, "a.b.c", [], {}, None])
def test_B03_no_jws(binding):
    stranger().post(base("/acme/new-account"), {
        "externalAccountBinding": binding}, jwk=True).expect(
            400, "malformed")


@pytest.fixture(scope="module")
def strict():
    """A face that demands bindings and offers no pre-authorization."""
    port = free_port()
    with Beside({"acme": 'external_account_required = "yes";'
                         ' pre_authorization = "no";'},
                acme__listen=f'["127.0.0.1:{port}"]') as beside:
        beside.start("acme")
        yield port


def test_B05_binding_is_demanded(strict):
    face = Face(strict)
    assert face.directory["meta"]["externalAccountRequired"] is True
    face.new_account().expect(403, "externalAccountRequired")
    # An account that is there needs none.
    known = new_client()
    assert Face(strict, key=known.key).new_account().expect(
        200).location == known.kid


def test_B05_binding_is_not_demanded(client):
    assert "externalAccountRequired" not in client.directory["meta"]


# ------------------------------------------------------------------ directory

def test_D02_newauthz_only_when_offered(client, strict):
    assert "newAuthz" in client.directory
    assert "newAuthz" not in Face(strict).directory
    face = Face(strict, key=client.key)
    face.kid = client.kid
    face.post(client.directory["newAuthz"], {}).expect(404, "malformed")


def test_meta_names_the_profiles(client):
    assert set(client.directory["meta"]["profiles"]) >= {
        "server", "server-cn", "client", "short-lived"}
    assert all(client.directory["meta"]["profiles"].values())


def test_names_of_resources_are_bounded(client):
    url = client.directory["renewalInfo"]
    assert not url.endswith("/")
    for length in (129, 4000):
        client.request("GET", f"{url}/{'a' * length}").expect(
            404, "malformed")
    client.request("GET", f"{url}/a/b").expect(404, "malformed")


# ---------------------------------------------------------------------- terms

TERMS = "https://ca.test/terms-%d"


def restart(*names):
    """Processes that the supervisor starts again, with what the
    configuration says now."""
    before = processes()
    for name in names:
        for pid in before[name]:
            os.kill(pid, signal.SIGKILL)

    def are_back():
        now = processes()
        if any(now[name] == [] or set(now[name]) & set(before[name])
               for name in names):
            return False
        try:
            return stranger().new_account().status != 503
        except OSError:
            return False
    assert eventually(are_back)
    time.sleep(0.2)


def terms_set(number):
    text = conf_text()
    line = f'terms_of_service = "{TERMS % number}";'
    if "terms_of_service" in text:
        text = conf_set(text, "acme.terms_of_service",
                        f'"{TERMS % number}"')
    else:
        text = re.sub(r"\bacme\s*[:=]\s*\{", lambda m: f"{m[0]} {line} ",
                      text)
    with open(env("CHANCERY_CONF"), "w") as file:
        file.write(text)
    restart("chancery-acme", "chancery-signer")


def test_no_page_of_terms_without_terms(client):
    """Stands before the tests that give the appliance terms."""
    assert "termsOfService" not in stranger().directory["meta"]
    client.request("GET", base("/acme/terms")).expect(404, "malformed")


@pytest.fixture(scope="module")
def terms():
    """The appliance with terms of service, which the tests change."""
    before = conf_text()
    try:
        terms_set(1)
        yield terms_set
    finally:
        with open(env("CHANCERY_CONF"), "w") as file:
            file.write(before)
        restart("chancery-acme", "chancery-signer")


def must_agree(reply, number):
    reply.expect(403, "userActionRequired")
    assert reply.links["terms-of-service"] == [TERMS % number]
    assert reply.json["instance"] == base("/acme/terms")


def test_D05_terms_of_a_new_account(terms):
    client = stranger()
    assert client.directory["meta"]["termsOfService"] == TERMS % 1
    for payload in ({}, {"termsOfServiceAgreed": False}):
        must_agree(client.post(client.directory["newAccount"], payload,
                               jwk=True), 1)
    client.register()
    client.new_order([fresh()]).expect(201)


def test_A08_terms_change(terms, responder):
    client = new_client()
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)["url"]
    terms(2)
    must_agree(client.new_order([fresh()]), 2)
    must_agree(client.new_authz(fresh()), 2)
    must_agree(client.post(challenge, {}), 2)
    must_agree(client.post(order.json["finalize"], {"csr": "AA"}), 2)
    # What only reads, and what gives up, goes on.
    client.get(order.location).expect(200)
    client.get(challenge).expect(200)
    assert client.get(url).expect(200).json["status"] == "pending"
    client.post(client.kid, {"contact": []}).expect(200)
    must_agree(client.new_order([fresh()]), 2)
    page = Client(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT")).request(
        "GET", base("/acme/terms"))
    assert page.status == 200 and TERMS % 2 in page.text
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    client.post(client.kid, {"termsOfServiceAgreed": True}).expect(200)
    client.new_order([fresh()]).expect(201)
    assert client.answer(url, responder)["status"] == "valid"
    assert rows("SELECT terms FROM account WHERE id = %s",
                number(client.kid)) == [(TERMS % 2,)]
