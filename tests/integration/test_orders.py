# SPDX-License-Identifier: Apache-2.0
"""What an order asks for and becomes: wildcards, addresses, profiles, dates,
authorizations that are there already, and those that come before an order."""
import threading
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509

from acme_client import ERROR, Key, ip, make_csr
from appliance import rows, value
from checks import fresh, moment, new_client, number, order_payload

ALL = ["http-01", "dns-01", "tls-alpn-01", "dns-account-01"]


def leaf(chain):
    return x509.load_pem_x509_certificate(chain.encode())


def offered(authz):
    return [challenge["type"] for challenge in authz["challenges"]]


def rfc3339(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)


# --------------------------------------------------------------- identifiers

def test_a_name_and_all_below_it(client):
    name = fresh("wild")
    order = client.new_order([f"*.{name}", name]).expect(201)
    assert [i["value"] for i in order.json["identifiers"]] == [
        name, f"*.{name}"]
    plain, wild = [client.get(url).expect(200).json
                   for url in order.json["authorizations"]]
    assert plain["identifier"] == wild["identifier"] == {
        "type": "dns", "value": name}
    assert "wildcard" not in plain and wild["wildcard"] is True
    assert offered(plain) == ALL
    assert offered(wild) == ["dns-01", "dns-account-01"]
    tokens = {c["token"] for c in plain["challenges"]}
    assert len(tokens) == 1
    assert tokens.isdisjoint(c["token"] for c in wild["challenges"])
    http, = [c for c in plain["challenges"] if c["type"] == "http-01"]
    client.post(http["url"].replace("http-01", "dns-persist-01"),
                {}).expect(404, "malformed")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_addresses_are_offered_what_can_prove_them(client, address):
    order = client.new_order([ip(address)]).expect(201)
    assert order.json["identifiers"] == [ip(address)]
    authz = client.get(order.json["authorizations"][0]).expect(200).json
    assert authz["identifier"] == ip(address)
    assert offered(authz) == ["http-01", "tls-alpn-01"]


def test_a_certificate_for_an_address(client, responder):
    name = fresh("ip")
    _, order, chain = client.issue([ip("127.0.0.1"), name], responder)
    assert order["identifiers"] == [
        {"type": "dns", "value": name}, ip("127.0.0.1")]
    names = leaf(chain).extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == [name]


@pytest.mark.parametrize("address, error", [
    ("2001:DB8::1", "malformed"), ("2001:db8:0:0::1", "malformed"),
    ("127.0.0.01", "malformed"), ("127.1", "malformed"),
    ("localhost", "malformed"), ("10.0.0.0/8", "malformed"),
    ("0.0.0.0", "rejectedIdentifier"), ("224.0.0.1", "rejectedIdentifier"),
    ("ff02::1", "rejectedIdentifier"),
    ("::ffff:127.0.0.1", "rejectedIdentifier"),
])
def test_addresses_have_one_form(client, address, error):
    refusal = client.new_order([ip(address)]).expect(400, error)
    assert refusal.json["subproblems"][0]["identifier"] == ip(address)


def test_all_that_is_wrong_at_once(client):
    bad = {ip("ff02::1")["value"]: "rejectedIdentifier",
           "a_b.test": "malformed", "com": "rejectedIdentifier",
           "a@b": "unsupportedIdentifier"}
    refusal = client.new_order([
        fresh(), ip("ff02::1"), "a_b.test", "com",
        {"type": "email", "value": "a@b"}]).expect(400, "compound")
    assert {s["identifier"]["value"]: s["type"].removeprefix(ERROR)
            for s in refusal.json["subproblems"]} == bad
    assert "4 of the identifiers" in refusal.json["detail"]


# ------------------------------------------------------------------ profiles

def test_the_order_tells_its_profile(client):
    profiles = client.directory["meta"]["profiles"]
    order = client.new_order([fresh()]).expect(201)
    assert order.json["profile"] == "server" in profiles
    for profile in profiles:
        order = client.new_order([fresh()], profile=profile).expect(201)
        assert order.json["profile"] == profile
        assert client.get(order.location).expect(200).json[
            "profile"] == profile
        assert value(
            "SELECT o.profile_hash = p.hash FROM orders o JOIN profile p"
            " ON p.name = o.profile WHERE o.id = %s ORDER BY p.version DESC"
            " LIMIT 1", number(order.location))


@pytest.mark.parametrize("profile, error", [
    ("nonesuch", "invalidProfile"), ("", "invalidProfile"),
    ("Server", "invalidProfile"), ("x" * 300, "invalidProfile"),
    (7, "malformed"), (None, "malformed"), (["server"], "malformed")])
def test_profiles_that_are_none(client, profile, error):
    client.new_order([fresh()], profile=profile).expect(400, error)


def test_names_must_fit_the_profile(client):
    refusal = client.new_order([f"*.{fresh()}"], profile="client")
    refusal.expect(400, "invalidProfile")
    assert "client" in refusal.json["detail"]


def test_the_profile_decides_the_life(client, responder):
    url, _, chain = client.issue([fresh()], responder, profile="short-lived")
    life = (leaf(chain).not_valid_after - leaf(chain).not_valid_before +
            timedelta(seconds=1))
    assert life == timedelta(days=6)
    assert client.get(url).json["profile"] == "short-lived"


# --------------------------------------------------------------------- dates

def test_dates_are_had_to_the_second(client, responder):
    until = now() + timedelta(days=10, seconds=7)
    url, order, chain = client.issue([fresh()], responder,
                                     notAfter=rfc3339(until))
    assert order["notAfter"] == rfc3339(until) and "notBefore" not in order
    assert leaf(chain).not_valid_after == until.replace(tzinfo=None)


def test_any_form_of_a_date_is_shown_in_one(client):
    until = now() + timedelta(days=10)
    text = until.astimezone(timezone(timedelta(hours=2))).isoformat()
    assert text.endswith("+02:00")
    order = client.new_order([fresh()], notAfter=text).expect(201)
    assert moment(order.json["notAfter"]) == until


@pytest.mark.parametrize("dates", [
    {"notAfter": rfc3339(now() + timedelta(days=3650))},
    {"notAfter": rfc3339(now() - timedelta(days=1))},
    {"notBefore": rfc3339(now() - timedelta(days=30))},
    {"notBefore": rfc3339(now() + timedelta(days=3650))},
    {"notBefore": rfc3339(now() + timedelta(minutes=2)),
     "notAfter": rfc3339(now() + timedelta(minutes=1))},
    {"notAfter": "tomorrow"}, {"notAfter": "2026-02-30T00:00:00Z"},
    {"notAfter": "2026-11-23"}, {"notAfter": ""}, {"notAfter": 1795000000},
    {"notBefore": None}, {"notAfter": {}},
])
def test_dates_that_cannot_be_had(client, dates):
    client.new_order([fresh()], **dates).expect(400, "malformed")


# --------------------------------------------------------------------- reuse

def test_what_is_proven_need_not_be_proven_again(client, responder):
    name, new = fresh("again"), fresh("again-new")
    _, first = client.ready_order([name], responder)
    order = client.new_order([name]).expect(201)
    assert order.json["status"] == "ready"
    assert order.json["authorizations"] == first["authorizations"]
    assert order.location != first["finalize"].removesuffix("/finalize")
    reply = client.finalize(order.json, make_csr([name])[0]).expect(200)
    assert client.poll(reply.location).json["status"] == "valid"
    # With a new name beside it: one is kept, one is to be proven.
    both = client.new_order([new, name]).expect(201)
    assert both.json["status"] == "pending"
    assert [i["value"] for i in both.json["identifiers"]] == sorted(
        [new, name])
    position = sorted([new, name]).index(name)
    assert both.json["authorizations"][position] == first[
        "authorizations"][0]
    assert client.get(both.location).json == both.json


def test_only_what_lasts_and_is_ones_own_is_kept(client, other, responder):
    name = fresh("kept")
    _, first = client.ready_order([name], responder)
    kept = first["authorizations"]
    assert client.new_order([name]).expect(201).json["authorizations"] == kept
    strange = other.new_order([name]).expect(201)
    assert strange.json["status"] == "pending"
    wild = client.new_order([f"*.{name}"]).expect(201)
    assert wild.json["status"] == "pending"
    assert wild.json["authorizations"] != kept
    client.post(kept[0], {"status": "deactivated"}).expect(200)
    fresh_order = client.new_order([name]).expect(201)
    assert fresh_order.json["status"] == "pending"
    assert fresh_order.json["authorizations"] != kept


def test_what_is_pending_is_not_shared_by_orders(client):
    name = fresh("pending")
    orders = [client.new_order([name]).expect(201) for _ in range(2)]
    assert orders[0].json["authorizations"] != orders[1].json[
        "authorizations"]


# ------------------------------------------------------------------ newAuthz

def test_proof_before_the_order(client, responder):
    name = fresh("early")
    early = client.new_authz(name).expect(201)
    assert early.json["status"] == "pending"
    assert early.json["identifier"] == {"type": "dns", "value": name}
    assert "wildcard" not in early.json and offered(early.json) == ALL
    assert client.get(early.location).json == early.json
    # Asked for again it is the same, in capitals as well.
    again = client.new_authz(name.upper()).expect(200)
    assert (again.location, again.json) == (early.location, early.json)
    done = client.answer(early.location, responder)
    assert done["status"] == "valid"
    assert offered(done) == ["http-01"]
    again = client.new_authz(name).expect(200)
    assert (again.location, again.json) == (early.location, done)
    order = client.new_order([name]).expect(201)
    assert order.json["status"] == "ready"
    assert order.json["authorizations"] == [early.location]


def test_a_failure_does_not_stay(client, responder):
    name = fresh("failed")
    early = client.new_authz(name).expect(201)
    client.post(client.challenge(early.json)["url"], {}).expect(200)
    failed = client.poll(early.location).json
    assert failed["status"] == "invalid" and offered(failed) == ["http-01"]
    assert failed["challenges"][0]["error"]
    later = client.new_authz(name).expect(201)
    assert later.location != early.location


def test_newAuthz_for_an_address(client):
    early = client.new_authz(ip("127.0.0.9")).expect(201)
    assert offered(early.json) == ["http-01", "tls-alpn-01"]
    assert client.new_authz(ip("127.0.0.9")).expect(
        200).location == early.location


@pytest.mark.parametrize("payload, status, error", [
    ({"identifier": {"type": "dns", "value": "*.a.test"}}, 403,
     "rejectedIdentifier"),
    ({"identifier": {"type": "dns", "value": "com"}}, 403,
     "rejectedIdentifier"),
    ({"identifier": {"type": "dns", "value": "a_b.test"}}, 400, "malformed"),
    ({"identifier": {"type": "email", "value": "a@b"}}, 400,
     "unsupportedIdentifier"),
    ({"identifier": {"type": "dns"}}, 400, "malformed"),
    ({"identifier": "a.test"}, 400, "malformed"),
    ({"identifiers": [{"type": "dns", "value": "a.test"}]}, 400, "malformed"),
    ({}, 400, "malformed"),
])
def test_newAuthz_refused(client, payload, status, error):
    client.post(client.directory["newAuthz"], payload).expect(status, error)


# ---------------------------------------------------------------- challenges

def test_said_again_it_asks_again_but_not_for_ever(client, responder):
    """RFC 8555, 8.1 and 8.2: the key of that moment stands beside each."""
    early = client.new_authz(fresh("again")).expect(201)
    challenge = client.challenge(early.json)
    path = responder.PREFIX + challenge["token"]
    released = threading.Event()
    responder.hooks[path] = lambda handler: (
        released.wait(8), handler.send_response(404), handler.end_headers())
    for _ in range(12):
        reply = client.post(challenge["url"], {}).expect(200)
        assert reply.json["status"] == "processing"
        assert reply.headers["Retry-After"] == "1"
    said = rows("SELECT method, thumbprint FROM challenge_ready WHERE"
                " authorization_id = %s", number(early.location))
    assert len(said) == 10
    assert {(method, bytes(key)) for method, key in said} == {
        ("http-01", bytes(value("SELECT thumbprint FROM account WHERE"
                                " id = %s", number(client.kid))))}
    released.set()
    assert client.poll(early.location).json["status"] == "invalid"
    client.post(challenge["url"], {}).expect(200)


def test_an_order_of_the_most_names(client):
    names = [fresh(f"many{i}") for i in range(100)]
    order = client.new_order(names).expect(201)
    assert len(set(order.json["authorizations"])) == 100
    client.new_order(names + [fresh()]).expect(400, "malformed")
    client.new_order([]).expect(400, "malformed")


def test_newOrder_is_made_once(client):
    """The same signed octets are refused by their nonce, whatever was made
    of them."""
    url = client.directory["newOrder"]
    message = client.jws(url, order_payload())
    client.send(url, message).expect(201)
    client.send(url, message).expect(400, "badNonce")


def test_each_account_its_own(responder):
    """The authorization of a key that was changed still counts."""
    client = new_client()
    name = fresh("rolled")
    _, order = client.ready_order([name], responder)
    client.key_change(Key("ES384")).expect(200)
    again = client.new_order([name]).expect(201)
    assert again.json["status"] == "ready"
    assert again.json["authorizations"] == order["authorizations"]
    reply = client.finalize(again.json, make_csr([name])[0]).expect(200)
    assert client.poll(reply.location).json["status"] == "valid"
