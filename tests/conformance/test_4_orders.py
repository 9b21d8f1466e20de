# SPDX-License-Identifier: Apache-2.0
"""Orders, finalize, certificates: RFC 8555, 7.1.3, 7.1.6 and 7.4."""
import os
import re
import signal
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from acme_client import Key, make_csr, split_chain
from appliance import env, processes, value
from checks import (at_once, fresh, moment, new_client, number, stranger)
from rows import row


@row("O01", "newOrder is 201 with Location and the object: status, expires, "
     "identifiers, authorizations, finalize.")
def test_O01(client):
    name = fresh()
    reply = client.new_order([name]).expect(201)
    order = reply.json
    assert {"status", "expires", "identifiers", "authorizations",
            "finalize"} <= set(order)
    assert order["status"] == "pending"
    assert order["identifiers"] == [{"type": "dns", "value": name}]
    assert len(order["authorizations"]) == 1
    assert client.get(reply.location).expect(200).json == order


def stamp(days):
    at = datetime.now(timezone.utc) + timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@row("O02", "What cannot be done as asked is refused; what is asked for is "
     "kept to the second.",
     "notBefore and notAfter are honoured within the profile, or refused")
def test_O02(client, responder):
    for wish in ({"notAfter": stamp(3650)}, {"notBefore": stamp(3650)},
                 {"notAfter": stamp(-1)},
                 {"notBefore": stamp(5), "notAfter": stamp(4)},
                 {"notBefore": "soon"}, {"profile": "no-such"}):
        reply = client.new_order([fresh()], **wish)
        assert reply.status in (400, 403), (wish, reply)
    name, until = fresh(), stamp(20)
    url, order, chain = client.issue([name], responder, notAfter=until)
    assert order["notAfter"] == until
    leaf = split_chain(chain)[0]
    assert leaf.not_valid_after.strftime("%Y-%m-%dT%H:%M:%SZ") == until


@row("O03", "identifiers and authorizations never change.")
def test_O03(client, responder):
    names = sorted([fresh("o03"), fresh("o03")])
    new = client.new_order(names).expect(201)
    ids = ("identifiers", "authorizations")
    for url in new.json["authorizations"]:
        assert client.answer(url, responder)["status"] == "valid"
        now = client.get(new.location).expect(200).json
        assert [now[key] for key in ids] == [new.json[key] for key in ids]
    done = client.finalize(now, make_csr(names)[0]).expect(200).json
    assert done["status"] == "valid"
    assert [done[key] for key in ids] == [new.json[key] for key in ids]


@row("O04", "expires is in pending and valid orders.",
     "it is in all of them")
def test_O04(client, issued, responder):
    for order in (client.new_order([fresh()]).json, issued[1],
                  client.ready_order([fresh()], responder)[1]):
        assert moment(order["expires"]) > datetime.now(timezone.utc)


@row("O05", "authorizations lists all that count, reused ones too.",
     "a valid authorization of the account is reused")
def test_O05(client, responder):
    name, other = fresh(), fresh()
    first = client.ready_order([name], responder)[1]
    again = client.new_order([name, other]).expect(201).json
    assert len(again["authorizations"]) == 2
    assert first["authorizations"][0] in again["authorizations"]
    assert again["status"] == "pending"
    ready = client.new_order([name]).expect(201).json
    assert ready["status"] == "ready"
    assert ready["authorizations"] == first["authorizations"]
    # Of another account it is not.
    assert new_client().new_order([name]).json["status"] == "pending"


@row("O06", "A wildcard is *. and a name, once; its authorization has the "
     "name without and wildcard true, all others have no such member.",
     "absent where it is not true, against the RFC's own example")
def test_O06(client):
    for name in ("*", "*.", "*.*.a.test", "a*.a.test", "a.*.test", "*a.test"):
        client.new_order([name]).expect(400, "malformed")
    name = fresh()
    order = client.new_order(["*." + name, name]).expect(201)
    assert {"type": "dns", "value": "*." + name} in order.json["identifiers"]
    found = [client.get(url).json for url in order.json["authorizations"]]
    assert [authz["identifier"]["value"] for authz in found] == [name] * 2
    assert [authz["wildcard"] for authz in found if "wildcard" in authz] == \
        [True]


LONG = ".".join(["a" * 49] * 5)


@row("O07", "Names are checked: A-labels, characters, lengths; upper case is "
     "folded, a trailing dot is refused.",
     "folding and sorting before all comparison")
def test_O07(client):
    for name in ("a_b.test", "a.test.", ".a.test", "a..test", "", "-a.test",
                 "a" * 64 + ".test", LONG + ".test", "xn--a.test",
                 "ab--c.test", "192.0.2.1", " a.test"):
        client.new_order([name]).expect(400, "malformed")
    name = fresh("Upper")
    order = client.new_order([name, name.upper()]).expect(201).json
    assert order["identifiers"] == [{"type": "dns", "value": name.lower()}]
    client.new_order(["a" * 63 + "." + fresh()]).expect(201)


@row("O08", "pending, ready, (processing,) valid; invalid when an "
     "authorization fails or is deactivated.")
def test_O08(client, responder):
    names = [fresh("o08"), fresh("o08")]
    new = client.new_order(names).expect(201)
    seen = [new.json["status"]]
    for url in new.json["authorizations"]:
        client.answer(url, responder)
        seen.append(client.get(new.location).json["status"])
    client.finalize(new.json, make_csr(names)[0]).expect(200)
    seen.append(client.get(new.location).json["status"])
    assert seen == ["pending", "pending", "ready", "valid"]
    url, order = client.ready_order([fresh(), fresh()], responder)
    client.post(order["authorizations"][1],
                {"status": "deactivated"}).expect(200)
    assert client.get(url).json["status"] == "invalid"


@row("O09", "finalize of an order that is not ready is 403 orderNotReady.")
def test_O09(client, issued):
    new = client.new_order([fresh()]).expect(201)
    csr = make_csr([new.json["identifiers"][0]["value"]])[0]
    client.finalize(new.json, csr).expect(403, "orderNotReady")
    client.post(new.json["authorizations"][0],
                {"status": "deactivated"}).expect(200)
    client.finalize(new.json, csr).expect(403, "orderNotReady")
    done = issued[1]
    client.finalize(done, make_csr([done["identifiers"][0]["value"]])[0]
                    ).expect(403, "orderNotReady")


@row("O10", "The names of the CSR, in CN or SAN, are those of the order as "
     "sets; otherwise badCSR, and the order stays ready.")
def test_O10(client, responder):
    names = [fresh(), fresh()]
    url, order = client.ready_order(names, responder)
    for csr in (make_csr(names + [fresh()]), make_csr(names[:1]),
                make_csr([fresh(), names[0]]),
                make_csr(names, common_name=fresh())):
        client.finalize(order, csr[0]).expect(400, "badCSR")
        assert client.get(url).json["status"] == "ready"
    csr = make_csr([names[0].upper(), names[0]], common_name=names[1])[0]
    client.finalize(order, csr).expect(200)
    leaf = split_chain(client.get(client.poll(url).json["certificate"]
                                  ).text)[0]
    found = leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    assert sorted(found.get_values_for_type(x509.DNSName)) == sorted(names)


@row("O11", "The key of the CSR is no account's key.",
     "of any account, now or ever: one look-up")
def test_O11(client, other, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    past = new_client()
    old = past.key
    past.key_change(Key()).expect(200)
    for key in (client.key, other.key, old):
        client.finalize(order, make_csr([name], key.private)[0]).expect(
            400, "badCSR")
    assert client.get(url).json["status"] == "ready"


@row("O12", "Unwanted extensions of the CSR are badCSR or not copied.",
     "a CA, other kinds of names and critical ones are refused, the rest is "
     "ignored: the profile decides")
def test_O12(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    unknown = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("1.2.3.4.5"), b"\5\0")
    for how in ({"extensions": [(x509.BasicConstraints(True, None), True)]},
                {"extensions": [(unknown, True)]},
                {"sans": [x509.DNSName(name),
                          x509.RFC822Name("a@example.com")]}):
        client.finalize(order, make_csr([name], **how)[0]).expect(
            400, "badCSR")
    csr = make_csr([name], extensions=[
        (x509.ExtendedKeyUsage([
            x509.oid.ExtendedKeyUsageOID.CODE_SIGNING]), False),
        (unknown, False)])[0]
    client.finalize(order, csr).expect(200)
    leaf = split_chain(client.get(client.poll(url).json["certificate"]
                                  ).text)[0]
    assert "1.2.3.4.5" not in {e.oid.dotted_string for e in leaf.extensions}
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(usage.value) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


@row("O13", "finalize is 200 with the order; processing with Retry-After when "
     "it takes time; certificate only when valid.",
     "synchronous for two seconds, then processing")
def test_O13(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    assert "certificate" not in order
    reply = client.finalize(order, make_csr([name])[0]).expect(200)
    assert reply.json["status"] == "valid" and reply.json["certificate"]
    name = fresh()
    url, order = client.ready_order([name], responder)
    signer, = processes()["chancery-signer"]
    os.kill(signer, signal.SIGSTOP)
    try:
        reply = client.finalize(order, make_csr([name])[0]).expect(200)
        assert reply.json["status"] == "processing"
        assert "certificate" not in reply.json
        assert int(reply.headers["Retry-After"]) > 0
    finally:
        os.kill(signer, signal.SIGCONT)
    assert client.poll(url).json["certificate"]


@row("O14", "Location of the order is on finalize and on polls.",
     "no RFC asks for it; clients need it")
def test_O14(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    assert client.get(url).location == url
    assert client.finalize(order, make_csr([name])[0]).location == url
    assert client.get(url).location == url


@row("O15", "finalize again is the same order; of two that race one makes the "
     "certificate.")
def test_O15(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    csrs = [make_csr([name])[0] for _ in range(3)]
    twins = [stranger(client.key) for _ in csrs]
    for twin in twins:
        twin.kid = client.kid
        twin.nonce()
    replies = at_once(*[lambda twin=twin, csr=csr: twin.finalize(order, csr)
                        for twin, csr in zip(twins, csrs)])
    done = client.poll(url).json
    for reply in replies:
        assert reply.status == 200 or reply.error == "orderNotReady", reply
    assert value("SELECT count(*) FROM certificate WHERE order_id = %s",
                 number(url)) == 1
    name = fresh()
    url, order = client.ready_order([name], responder)
    csr = make_csr([name])[0]
    first, again = [client.finalize(order, csr).expect(200) for _ in "12"]
    assert first.json == again.json


@row("O16", "The signature of the CSR is verified.")
def test_O16(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    broken = bytearray(make_csr([name])[0])
    broken[-1] ^= 1
    client.finalize(order, bytes(broken)).expect(400, "badCSR")
    assert client.get(url).json["status"] == "ready"


# --------------------------------------------------------------- certificates

def certifies(upper, lower):
    """Does the key of `upper` verify the signature of `lower`?"""
    key = upper.public_key()
    scheme = ([padding.PKCS1v15(), lower.signature_hash_algorithm]
              if isinstance(key, rsa.RSAPublicKey)
              else [ec.ECDSA(lower.signature_hash_algorithm)])
    key.verify(lower.signature, lower.tbs_certificate_bytes, *scheme)
    return upper.subject == lower.issuer


@row("X01", "The chain is strict PEM, leaf first, each certifying the one "
     "before.")
def test_X01(client, issued):
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
    for upper, lower in zip(chain[1:] + [root], chain):
        assert certifies(upper, lower)


@row("X02", "Other formats by Accept are optional.",
     "there is one format, whatever Accept says")
def test_X02(client, issued):
    url = issued[1]["certificate"]
    for accept in ("application/pkix-cert", "text/html", "*/*", ""):
        reply = client.send(url, client.jws(url, ""),
                            headers={"Accept": accept}).expect(200)
        assert reply.text == issued[2]


@row("X03", "A certificate's URL is one certificate for ever; renewal is a "
     "new order.")
def test_X03(client, issued, responder):
    name = issued[1]["identifiers"][0]["value"]
    _, order, chain = client.issue([name], responder)
    assert order["certificate"] != issued[1]["certificate"]
    assert client.get(issued[1]["certificate"]).text == issued[2]
    assert chain != issued[2]


@row("X04", "Certificates are read by POST-as-GET only.")
def test_X04(client, issued):
    client.request("GET", issued[1]["certificate"]).expect(405, "malformed")
