# SPDX-License-Identifier: Apache-2.0
"""RFC 8555, statement by statement, over real requests: the resources one by
one.  A test bears the number of the row that it proves: A accounts, O orders,
X certificates, Z authorizations, C challenges, W wildcards."""
import os
import re
import secrets
import signal
import threading
import time
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from acme_client import Http01, Key, make_csr, split_chain
from appliance import env, eventually, processes, rows, value
from checks import (at_once, authz_of, base, fresh, moment,
                    new_client, number, order_payload, refused, stranger)


# ------------------------------------------------------------------- accounts

def orders_url(client):
    return client.kid.replace("/account/", "/orders/")


def test_A01_new_account():
    client = stranger()
    reply = client.new_account(contact=["mailto:a@example.com"]).expect(201)
    client.kid = reply.location
    assert reply.json == {"status": "valid",
                          "contact": ["mailto:a@example.com"],
                          "orders": orders_url(client)}
    assert client.get(client.kid).expect(200).json == reply.json


def test_A02_known_key():
    client = new_client(contact=["mailto:a@example.com"])
    reply = client.new_account(contact=["mailto:b@example.com"]).expect(200)
    assert reply.location == client.kid
    assert reply.json["contact"] == ["mailto:a@example.com"]
    assert client.new_account(contact=["tel:1"]).expect(200).json == \
        reply.json


def test_A03_only_return_existing():
    client = stranger()
    for _ in range(2):
        client.new_account(onlyReturnExisting=True).expect(
            400, "accountDoesNotExist")
    client.register()
    reply = client.new_account(onlyReturnExisting=True).expect(200)
    assert reply.location == client.kid
    client.new_account(onlyReturnExisting="yes").expect(400, "malformed")


def test_A04_unknown_members():
    client = stranger()
    reply = client.new_account(orders="https://x.test/", status="", foo={},
                               onlyReturnExisting=False).expect(201)
    client.kid = reply.location
    assert reply.json == {"status": "valid", "contact": [],
                          "orders": orders_url(client)}


@pytest.mark.parametrize("contact, error", [
    (["mailto:a@b.test?subject=x"], "invalidContact"),
    (["mailto:a@b.test,c@d.test"], "invalidContact"),
    (["mailto:"], "invalidContact"), (["mailto:a"], "invalidContact"),
    (["mailto:é@b.test"], "invalidContact"),
    (["mailto:a@b.test\r\nBcc: c@d.test"], "invalidContact"),
    (["tel:+1"], "unsupportedContact"), (["a@b.test"], "unsupportedContact"),
    (["mailto:a@b.test", "https://b.test/"], "unsupportedContact"),
    ("mailto:a@b.test", "malformed"), ([1], "malformed"), ({}, "malformed")])
def test_A05_contacts(client, contact, error):
    new = stranger()
    new.new_account(contact=contact).expect(400, error)
    new.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")
    refused(client, error, url=client.kid, payload={"contact": contact})


def test_A06_one_account_a_key():
    """All ask before the signer makes the account for one of them."""
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


def test_A07_update():
    client = new_client(contact=["mailto:a@example.com"])
    new = {"status": "valid", "contact": ["mailto:b@example.com"],
           "orders": orders_url(client)}
    assert client.post(client.kid, {
        "contact": new["contact"], "orders": "x", "foo": 1, "status": "valid",
        "termsOfServiceAgreed": False}).expect(200).json == new
    assert client.post(client.kid, {}).expect(200).json == new
    assert client.post(client.kid, {"status": "revoked"}).expect(200).json \
        == new
    assert client.get(client.kid).json == new
    assert client.post(client.kid, {"contact": []}).json["contact"] == []


def test_A10_deactivation():
    client = new_client()
    order = client.new_order([fresh()]).expect(201)
    reply = client.post(client.kid, {"status": "deactivated"}).expect(200)
    assert reply.json["status"] == "deactivated"
    for reply in (client.get(client.kid), client.get(order.location),
                  client.new_order([fresh()]), client.new_account(),
                  client.post(client.kid, {"status": "valid"}),
                  client.get(client.directory_url),
                  client.new_account(onlyReturnExisting=True)):
        reply.expect(401, "unauthorized")
    assert rows("SELECT status FROM order_status WHERE id = %s",
                number(order.location)) == [("invalid",)]


# --------------------------------------------------------------------- orders

def test_O01_new_order(client):
    name = fresh()
    reply = client.new_order([name]).expect(201)
    order = reply.json
    assert set(order) == {"status", "expires", "identifiers",
                          "authorizations", "finalize", "profile"}
    assert order["status"] == "pending"
    assert order["identifiers"] == [{"type": "dns", "value": name}]
    assert len(order["authorizations"]) == 1
    assert order["finalize"].startswith(base("/"))
    assert client.get(reply.location).expect(200).json == order


def test_O01_sizes(client):
    names = [f"{i}.{fresh()}" for i in range(101)]
    client.new_order(names).expect(400, "malformed")
    client.new_order([]).expect(400, "malformed")
    order = client.new_order(names[:100]).expect(201).json
    assert len(set(order["authorizations"])) == 100
    assert sorted(i["value"] for i in order["identifiers"]) == \
        sorted(names[:100])


@pytest.mark.parametrize("identifiers", [
    "x", {}, ["x"], [{}], [{"type": "dns"}], [{"value": "a.test"}],
    [{"type": "dns", "value": 1}], [{"type": None, "value": "a.test"}], None])
def test_O01_malformed(client, identifiers):
    refused(client, payload={"identifiers": identifiers})


def test_O01_zero_values_of_go_clients(client):
    client.new_order([fresh()], status="", expires="0001-01-01T00:00:00Z",
                     authorizations=None, finalize="").expect(201)


@pytest.mark.parametrize("member, wish, error", [
    ("notBefore", "2036-01-01T00:00:00Z", "malformed"),
    ("notAfter", "2036-01-01T00:00:00Z", "malformed"),
    ("profile", "tlsserver", "invalidProfile"),
    ("replaces", "AAAA.AAAA", "malformed")])
def test_O02_never_another_certificate(client, member, wish, error):
    refused(client, error, payload={**order_payload(), member: wish})


def test_O03_lists_never_change(client, responder):
    names = sorted([fresh("o03"), fresh("o03")])
    new = client.new_order(names + names[:1]).expect(201)
    assert [i["value"] for i in new.json["identifiers"]] == names
    ids = ("identifiers", "authorizations")
    for url in new.json["authorizations"]:
        assert client.answer(url, responder)["status"] == "valid"
        now = client.get(new.location).expect(200).json
        assert [now[key] for key in ids] == [new.json[key] for key in ids]
    done = client.finalize(now, make_csr(names)[0]).expect(200).json
    assert done["status"] == "valid"
    assert [done[key] for key in ids] == [new.json[key] for key in ids]


def test_O04_expires(client, issued):
    for order in (client.new_order([fresh()]).json, issued[1]):
        assert moment(order["expires"]) > datetime.now(timezone.utc)


@pytest.mark.parametrize("name", ["*", "*.", "*.*.a.test", "a*.a.test",
                                  "a.*.test", "*a.test"])
def test_O06_malformed_wildcard(client, name):
    client.new_order([name]).expect(400, "malformed")


def test_O06_no_wildcard_member(client, issued):
    authz = client.get(issued[1]["authorizations"][0]).json
    assert "wildcard" not in authz


def test_W01_no_wildcard_by_http(client):
    order = client.new_order(["*." + fresh()]).expect(201)
    _, authz = authz_of(client, order)
    assert {c["type"] for c in authz["challenges"]} == {
        "dns-01", "dns-account-01"}


LONG = ".".join(["a" * 49] * 5)


@pytest.mark.parametrize("name, error", [
    ("a_b.test", "malformed"), ("a.test.", "malformed"),
    (".a.test", "malformed"), ("a..test", "malformed"), ("", "malformed"),
    ("-a.test", "malformed"), ("a-.test", "malformed"),
    (" a.test", "malformed"), ("a.test\0", "malformed"),
    ("a" * 64 + ".test", "malformed"), (LONG + ".test", "malformed"),
    ("xn--a.test", "malformed"), ("xn--bcher-kvA1.test", "malformed"),
    ("ab--c.test", "malformed"), ("192.0.2.1", "malformed"),
    ("2001:db8::1", "malformed"), ("a.0x7f", "malformed"),
    ("https://a.test/", "malformed"), ("test", "rejectedIdentifier"),
    ("a.localhost", "rejectedIdentifier"), ("a.invalid", "rejectedIdentifier"),
    ("1.0.0.127.in-addr.arpa", "rejectedIdentifier"),
    ("co.uk", "rejectedIdentifier")])
def test_O07_names(client, name, error):
    client.new_order([name]).expect(400, error)


def test_O07_upper_case_is_folded(client):
    name = fresh("Upper-Case")
    order = client.new_order([name, name.upper()]).expect(201).json
    assert order["identifiers"] == [{"type": "dns", "value": name.lower()}]


def test_O07_longest_names(client):
    name = secrets.token_hex(20)[:39] + "." + ".".join(["a" * 51] * 4)
    name += ".test"
    assert len(name) == 253 - 1
    client.new_order([name, "a" * 63 + "." + fresh()]).expect(201)


def test_O08_life_of_an_order(client, responder):
    names = [fresh("o08"), fresh("o08")]
    new = client.new_order(names).expect(201)
    seen = [new.json["status"]]
    for url in new.json["authorizations"]:
        client.answer(url, responder)
        seen.append(client.get(new.location).json["status"])
    client.finalize(new.json, make_csr(names)[0]).expect(200)
    seen.append(client.get(new.location).json["status"])
    assert seen == ["pending", "pending", "ready", "valid"]


def test_O08_invalid_by_deactivation(client, responder):
    _, order = client.ready_order([fresh(), fresh()], responder)
    client.post(order["authorizations"][1],
                {"status": "deactivated"}).expect(200)
    reply = client.finalize(order, make_csr(
        [i["value"] for i in order["identifiers"]])[0])
    reply.expect(403, "orderNotReady")


def test_O09_not_ready(client, issued):
    new = client.new_order([fresh()]).expect(201)
    csr = make_csr([new.json["identifiers"][0]["value"]])[0]
    client.finalize(new.json, csr).expect(403, "orderNotReady")
    client.post(new.json["authorizations"][0],
                {"status": "deactivated"}).expect(200)
    assert client.get(new.location).json["status"] == "invalid"
    client.finalize(new.json, csr).expect(403, "orderNotReady")
    done = issued[1]
    client.finalize(done, make_csr([done["identifiers"][0]["value"]])[0]
                    ).expect(403, "orderNotReady")


def csr_cases(name, account_key):
    """What makes a CSR unfit: (DER)."""
    mail = x509.RFC822Name("a@example.com")
    broken = bytearray(make_csr([name])[0])
    broken[-1] ^= 1
    weak = rsa.generate_private_key(65537, 1024)
    dns = x509.DNSName
    return {
        "superset": make_csr([name, "more-" + name])[0],
        "other name": make_csr(["other-" + name])[0],
        "no name": make_csr([])[0],
        "common name outside": make_csr([name], common_name="x-" + name)[0],
        "mail address": make_csr([], sans=[dns(name), mail])[0],
        "CA": make_csr([name], extensions=[
            (x509.BasicConstraints(True, None), True)])[0],
        "unknown critical": make_csr([name], extensions=[
            (x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0"), True)])[0],
        "broken signature": bytes(broken),
        "trailing octets": make_csr([name])[0] + b"\0",
        "not a CSR": b"\x30\x03\x02\x01\x00",
        "RSA of 1024 bits": make_csr([name], key=weak)[0],
        "P-256K": make_csr([name], key=ec.generate_private_key(
            ec.SECP256K1()))[0],
        "account key": make_csr([name], key=account_key)[0],
    }


def test_O10_O11_O12_O16_bad_csr(client, responder):
    """Each is refused, and the order stays ready for a better one."""
    name = fresh("csr")
    url, order = client.ready_order([name], responder)
    for label, csr in csr_cases(name, client.key.private).items():
        reply = client.finalize(order, csr)
        assert (reply.status, reply.error) == (400, "badCSR"), (label, reply)
        assert client.get(url).json["status"] == "ready", label
    client.finalize(order, make_csr([name])[0]).expect(200)
    assert client.get(url).json["status"] == "valid"


def test_O10_subset(client, responder):
    names = [fresh(), fresh()]
    url, order = client.ready_order(names, responder)
    client.finalize(order, make_csr(names[:1])[0]).expect(400, "badCSR")
    assert client.get(url).json["status"] == "ready"


@pytest.mark.parametrize("how", ["case", "twice", "common name", "both"])
def test_O10_same_set(client, responder, how):
    name = fresh()
    csr = {"case": lambda: make_csr([name.upper()]),
           "twice": lambda: make_csr([name, name]),
           "common name": lambda: make_csr([], common_name=name),
           "both": lambda: make_csr([name], common_name=name)}[how]()[0]
    leaf = split_chain(client.issue([name], responder, csr)[2])[0]
    names = leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]


def test_O11_key_of_another_account(client, other, responder):
    name = fresh()
    _, order = client.ready_order([name], responder)
    client.finalize(order, make_csr([name], other.key.private)[0]).expect(
        400, "badCSR")


def test_O12_unwanted_extensions_are_not_copied(client, responder):
    name = fresh()
    csr = make_csr([name], common_name="a host of ours", extensions=[
        (x509.ExtendedKeyUsage([
            x509.oid.ExtendedKeyUsageOID.CODE_SIGNING]), False),
        (x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0"), False)])[0]
    leaf = split_chain(client.issue([name], responder, csr)[2])[0]
    oids = {extension.oid.dotted_string for extension in leaf.extensions}
    assert "1.2.3.4.5" not in oids
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert x509.oid.ExtendedKeyUsageOID.CODE_SIGNING not in usage.value
    assert b"a host of ours" not in leaf.public_bytes(
        serialization.Encoding.DER)


def test_O13_finalize(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    assert "certificate" not in order
    reply = client.finalize(order, make_csr([name])[0]).expect(200)
    assert reply.json["status"] == "valid"
    assert reply.json["certificate"].startswith(base("/acme/certificate/"))
    assert client.get(url).json == reply.json


def test_O13_when_the_signer_is_slow(client, responder):
    name, new = fresh(), stranger()
    url, order = client.ready_order([name], responder)
    csr = make_csr([name])[0]
    signer, = processes()["chancery-signer"]
    os.kill(signer, signal.SIGSTOP)
    try:
        started = time.monotonic()
        account, reply = at_once(new.new_account,
                                 lambda: client.finalize(order, csr))
        assert time.monotonic() - started < 9
        assert reply.expect(200).json["status"] == "processing"
        assert reply.headers["Retry-After"] == "1"
        assert reply.location == url
        poll = client.get(url).expect(200)
        assert poll.json == reply.json
        assert poll.headers["Retry-After"] == "1"
        assert "certificate" not in poll.json
        # Another CSR cannot take the place of the one that is under way.
        client.finalize(order, make_csr([name])[0]).expect(
            403, "orderNotReady")
        account.expect(503, "serverInternal")
        assert int(account.headers["Retry-After"]) > 0
    finally:
        os.kill(signer, signal.SIGCONT)
    assert client.poll(url).json["status"] == "valid"
    assert eventually(lambda: new.new_account().status == 200)


def test_O14_location(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    assert client.get(url).location == url
    assert client.finalize(order, make_csr([name])[0]).location == url


def test_O15_finalize_again(client, responder):
    name = fresh()
    _, order = client.ready_order([name], responder)
    csr = make_csr([name])[0]
    replies = [client.finalize(order, csr).expect(200) for _ in range(3)]
    assert replies[0].json == replies[1].json == replies[2].json


@pytest.mark.parametrize("same", [True, False])
def test_O15_racing_finalizes(client, responder, same):
    name = fresh()
    url, order = client.ready_order([name], responder)
    csrs = [make_csr([name])[0] for _ in range(4)]
    twins = [stranger(client.key) for _ in csrs]
    for twin in twins:
        twin.kid = client.kid
        twin.nonce()
    replies = at_once(*[
        lambda twin=twin, csr=csr: twin.finalize(order, csrs[0] if same
                                                 else csr)
        for twin, csr in zip(twins, csrs)])
    done = client.poll(url).json
    for reply in replies:
        assert reply.status == 200 or (not same and
                                       reply.error == "orderNotReady"), reply
    assert value("SELECT count(*) FROM certificate WHERE order_id = %s",
                 number(url)) == 1
    for twin in twins:
        assert twin.get(url).json == done


# --------------------------------------------------------------- certificates

def certifies(upper, lower):
    """Does the key of `upper` verify the signature of `lower`?"""
    key = upper.public_key()
    scheme = ([padding.PKCS1v15(), lower.signature_hash_algorithm]
              if isinstance(key, rsa.RSAPublicKey)
              else [ec.ECDSA(lower.signature_hash_algorithm)])
    key.verify(lower.signature, lower.tbs_certificate_bytes, *scheme)
    return upper.subject == lower.issuer


def test_X01_chain(client, issued):
    reply = client.get(issued[1]["certificate"]).expect(200)
    assert reply.headers["Content-Type"] == \
        "application/pem-certificate-chain"
    block = (r"-----BEGIN CERTIFICATE-----\n"
             r"(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}\n"
             r"-----END CERTIFICATE-----\n")
    assert re.fullmatch(f"(?:{block}){{2,}}", reply.text), reply.text
    chain = split_chain(reply.text)
    with open(env("CHANCERY_ROOT"), "rb") as file:
        root = x509.load_pem_x509_certificate(file.read())
    assert root not in chain
    for upper, lower in zip(chain[1:] + [root], chain):
        assert certifies(upper, lower)


@pytest.mark.parametrize("accept", [
    "application/pkix-cert", "text/html", "*/*", ""])
def test_X02_one_format(client, issued, accept):
    url = issued[1]["certificate"]
    reply = client.send(url, client.jws(url, ""), headers={"Accept": accept})
    assert reply.expect(200).text == issued[2]


def test_X03_renewal_is_another_certificate(client, issued, responder):
    name = issued[1]["identifiers"][0]["value"]
    _, order, chain = client.issue([name], responder)
    assert order["certificate"] != issued[1]["certificate"]
    assert split_chain(chain)[0].serial_number != \
        split_chain(issued[2])[0].serial_number
    assert client.get(issued[1]["certificate"]).text == issued[2]


# ------------------------------------------------- authorizations, challenges

def test_Z01_authorization(client, issued):
    new = client.new_order([fresh()]).expect(201)
    authz = authz_of(client, new)[1]
    assert set(authz) == {"status", "expires", "identifier", "challenges"}
    assert authz["status"] == "pending"
    assert authz["identifier"] == new.json["identifiers"][0]
    valid = client.get(issued[1]["authorizations"][0]).json
    assert valid["status"] == "valid"
    for each in (authz, valid):
        assert moment(each["expires"]) > datetime.now(timezone.utc)


def failed(client):
    """An order whose one challenge has failed."""
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    client.post(client.challenge(authz)["url"], {}).expect(200)
    return order, client.poll(url)


def test_Z02_failure_is_final(client, responder):
    order, authz = failed(client)
    assert authz.json["status"] == "invalid"
    assert client.get(order.location).json["status"] == "invalid"
    challenge = client.challenge(authz.json)
    responder.serve(challenge["token"],
                    client.key.key_authorization(challenge["token"]))
    again = client.post(challenge["url"], {}).expect(200)
    assert again.json["status"] == "invalid"
    assert client.get(order.location).json["status"] == "invalid"


def test_Z03_invalid_challenge_is_kept(client, responder):
    challenge = client.challenge(failed(client)[1].json)
    assert challenge["status"] == "invalid"
    assert challenge["error"]["type"].startswith("urn:ietf:params:acme:")
    assert challenge["error"]["detail"]
    assert "validated" not in challenge


def test_Z04_deactivation(client, responder):
    for url, was in (
            (client.new_order([fresh()]).json["authorizations"][0],
             "pending"),
            (client.ready_order([fresh()], responder)[1]["authorizations"][0],
             "valid")):
        before = client.get(url).json
        assert before["status"] == was
        for _ in range(2):
            reply = client.post(url, {"status": "deactivated"}).expect(200)
            assert reply.json["status"] == "deactivated"
            assert reply.json["identifier"] == before["identifier"]
        assert client.get(url).json["status"] == "deactivated"
        challenge = client.challenge(before)["url"]
        if was == "pending":
            client.post(challenge, {}).expect(400, "malformed")


def test_Z04_only_deactivation(client):
    url, _ = authz_of(client, client.new_order([fresh()]))
    for payload in ({}, {"status": "valid"}, {"status": 1},
                    {"status": "DEACTIVATED"}):
        refused(client, url=url, payload=payload)
    assert client.get(url).json["status"] == "pending"


def test_Z04_not_after_failure(client, responder):
    order, _ = failed(client)
    url = order.json["authorizations"][0]
    refused(client, url=url, payload={"status": "deactivated"})
    assert client.get(url).json["status"] == "invalid"


def test_Z06_polling(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    path = Http01.PREFIX + challenge["token"]
    go_on = threading.Event()

    def slowly(handler):
        go_on.wait(8)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(client.key.key_authorization(
            challenge["token"]).encode())
    responder.hooks[path] = slowly
    started = time.monotonic()
    replies = [client.post(challenge["url"], {}).expect(200)]
    assert time.monotonic() - started < 2
    replies.append(client.get(challenge["url"]).expect(200))
    replies.append(client.post(challenge["url"], {}).expect(200))
    for reply in replies:
        assert reply.json["status"] == "processing"
        assert "error" not in reply.json
        assert reply.headers["Retry-After"] == "1"
    poll = client.get(url).expect(200)
    assert poll.json["status"] == "pending"
    assert poll.headers["Retry-After"] == "1"
    go_on.set()
    assert client.poll(url).json["status"] == "valid"
    assert responder.seen.count(path) == 1


def test_C01_C02_challenge(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    assert set(challenge) == {"type", "url", "status", "token"}
    assert challenge["status"] == "pending"
    responder.serve(challenge["token"],
                    client.key.key_authorization(challenge["token"]))
    # Unknown members of the response, as of old clients, are ignored.
    reply = client.post(challenge["url"], {"keyAuthorization": "x",
                                           "type": "dns-01"}).expect(200)
    assert reply.links["up"] == [url]
    assert client.poll(url).json["status"] == "valid"
    done = client.get(challenge["url"]).json
    assert set(done) == {"type", "url", "status", "token", "validated"}
    assert abs((moment(done["validated"]) -
                datetime.now(timezone.utc)).total_seconds()) < 60


def test_C02_unusable_response(client):
    _, authz = authz_of(client, client.new_order([fresh()]))
    challenge = client.challenge(authz)["url"]
    for payload in ("[]", '"x"', "{", b"\xff"):
        refused(client, url=challenge, payload=payload)
    client.post(challenge.replace("http-01", "dns-02"), {}).expect(
        404, "malformed")
    assert client.get(challenge).json["status"] == "pending"


def test_C04_token(client):
    order = client.new_order([f"{i}.{fresh()}" for i in range(8)])
    tokens = {client.challenge(client.get(url).json)["token"]
              for url in order.json["authorizations"]}
    assert len(tokens) == 8
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", token)


def test_C05_another_key_proves_nothing(client, other, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    responder.serve(challenge["token"],
                    other.key.key_authorization(challenge["token"]))
    client.post(challenge["url"], {}).expect(200)
    assert client.poll(url).json["status"] == "invalid"
