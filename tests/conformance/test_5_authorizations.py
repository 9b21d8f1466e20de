# SPDX-License-Identifier: Apache-2.0
"""Authorizations, challenges, http-01, dns-01, wildcards, security: RFC 8555,
7.1.4, 7.4.1, 7.5, 8, 10 and 11."""
import base64
import re
import socket
import time
from datetime import datetime, timezone

from cryptography.hazmat.primitives import serialization

from acme_client import Http01, Key, make_csr, split_chain
from appliance import env
from checks import authz_of, fresh, moment, new_client, refused
from names import Name
from officers import ctl
from responders import AAAA, DNAME, SERVFAIL, TXT, Dns01, txt_value
from rows import row
from trial import reply as answer_with


@row("Z01", "An authorization has identifier, status, challenges, and expires "
     "when it is valid.", "expires is always there")
def test_Z01(client, issued):
    new = client.new_order([fresh()]).expect(201)
    authz = authz_of(client, new)[1]
    assert authz["status"] == "pending"
    assert authz["identifier"] == new.json["identifiers"][0]
    valid = client.get(issued[1]["authorizations"][0]).json
    assert valid["status"] == "valid"
    for each in (authz, valid):
        assert set(each) == {"status", "expires", "identifier", "challenges"}
        assert moment(each["expires"]) > datetime.now(timezone.utc)


def failed(client):
    """An order whose one challenge has failed."""
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    client.post(client.challenge(authz)["url"], {}).expect(200)
    return order, client.poll(url)


@row("Z02", "The first challenge that fails makes the authorization invalid.")
def test_Z02(client, responder):
    order, authz = failed(client)
    assert authz.json["status"] == "invalid"
    assert client.get(order.location).json["status"] == "invalid"
    challenge = client.challenge(authz.json)
    responder.serve(challenge["token"],
                    client.key.key_authorization(challenge["token"]))
    again = client.post(challenge["url"], {}).expect(200)
    assert again.json["status"] == "invalid"


@row("Z03", "In an authorization that ended, a challenge that failed is kept; "
     "others may go.")
def test_Z03(client, issued):
    challenge = client.challenge(failed(client)[1].json)
    assert challenge["status"] == "invalid" and challenge["error"]["detail"]
    valid = client.get(issued[1]["authorizations"][0]).json
    assert client.challenge(valid)["status"] == "valid"


@row("Z04", "Deactivation by the owner: 200, and it never counts again.")
def test_Z04(client, responder):
    name = fresh()
    url, order = client.ready_order([name], responder)
    authz = order["authorizations"][0]
    for _ in range(2):
        reply = client.post(authz, {"status": "deactivated"}).expect(200)
        assert reply.json["status"] == "deactivated"
    assert client.get(url).json["status"] == "invalid"
    client.finalize(order, make_csr([name])[0]).expect(403, "orderNotReady")
    new = client.new_order([name]).expect(201)
    assert new.json["status"] == "pending"
    assert authz not in new.json["authorizations"]


@row("Z05", "newAuthz: 201 with Location; no wildcards; unwilling is 403.")
def test_Z05(client, responder):
    name = fresh()
    reply = client.new_authz(name).expect(201)
    assert reply.json["status"] == "pending"
    assert reply.json["identifier"] == {"type": "dns", "value": name}
    again = client.new_authz(name).expect(200)
    assert again.location == reply.location
    client.new_authz("*." + name).expect(403, "rejectedIdentifier")
    client.new_authz("a.localhost").expect(403, "rejectedIdentifier")
    assert client.answer(reply.location, responder)["status"] == "valid"
    order = client.new_order([name]).expect(201).json
    assert order["status"] == "ready"
    assert order["authorizations"] == [reply.location]


@row("Z06", "A poll during validation is 200 with Retry-After.")
def test_Z06(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)

    def slowly(handler):
        time.sleep(1.5)
        answer_with(handler, client.key.key_authorization(
            challenge["token"]))
    responder.hooks[Http01.PREFIX + challenge["token"]] = slowly
    client.post(challenge["url"], {}).expect(200)
    poll = client.get(url).expect(200)
    assert poll.json["status"] == "pending"
    assert int(poll.headers["Retry-After"]) > 0
    assert client.poll(url).json["status"] == "valid"


# ------------------------------------------------------------------ challenges

@row("C01", "A challenge has type, url, status; validated when valid; error "
     "only when invalid.",
     "no error while it is processing: RFC 8555, 8 before 8.2")
def test_C01(client, issued):
    new = authz_of(client, client.new_order([fresh()]))[1]
    for challenge in new["challenges"]:
        assert set(challenge) == {"type", "url", "status", "token"}
        assert challenge["status"] == "pending"
    valid = client.challenge(client.get(
        issued[1]["authorizations"][0]).json)
    assert set(valid) == {"type", "url", "status", "token", "validated"}
    assert moment(valid["validated"]) <= datetime.now(timezone.utc)
    invalid = client.challenge(failed(client)[1].json)
    assert set(invalid) == {"type", "url", "status", "token", "error"}


@row("C02", "{} is 200 with the challenge; unknown members are ignored; what "
     "is no object is refused.")
def test_C02(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    for payload in ("[]", '"x"', "{", b"\xff"):
        refused(client, url=challenge["url"], payload=payload)
    assert client.get(challenge["url"]).json["status"] == "pending"
    responder.serve(challenge["token"],
                    client.key.key_authorization(challenge["token"]))
    reply = client.post(challenge["url"], {"keyAuthorization": "x",
                                           "type": "dns-01"}).expect(200)
    assert reply.json["url"] == challenge["url"]
    assert client.poll(url).json["status"] == "valid"


@row("C03", "A query that failed is tried again, the status stays processing, "
     "Retry-After tells when; the client may ask again.",
     "news of retries by Retry-After alone, and only where retry_for is set")
def test_C03(lab):
    """A host that comes up late; and a POST that is repeated."""
    name = fresh("late")
    lab.dns.host(name, "127.0.0.21")
    order = lab.client.new_order([name]).expect(201)
    url, authz = authz_of(lab.client, order)
    challenge = lab.client.challenge(authz)
    reply = lab.client.post(challenge["url"], {}).expect(200)
    assert reply.json["status"] == "processing"
    assert int(reply.headers["Retry-After"]) > 0
    again = lab.client.post(challenge["url"], {}).expect(200)
    assert again.json["status"] == "processing"
    with Http01(int(env("CHANCERY_HTTP01_PORT")), "127.0.0.21") as late:
        late.serve(challenge["token"], lab.client.key.key_authorization(
            challenge["token"]))
        assert lab.client.poll(url).json["status"] == "valid"


@row("C04", "A token has 128 bits of entropy at least, in base64url, and is "
     "unique.")
def test_C04(client):
    order = client.new_order([f"{i}.{fresh()}" for i in range(8)])
    tokens = {client.challenge(client.get(url).json)["token"]
              for url in order.json["authorizations"]}
    assert len(tokens) == 8
    for token in tokens:
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", token)


@row("C05", "The key authorization is made with the key that the account has "
     "when it responds.")
def test_C05(responder):
    for current in (False, True):
        client = new_client()
        order = client.new_order([fresh()]).expect(201)
        url, authz = authz_of(client, order)
        challenge = client.challenge(authz)
        old = client.key
        client.key_change(Key()).expect(200)
        key = client.key if current else old
        responder.serve(challenge["token"],
                        key.key_authorization(challenge["token"]))
        client.post(challenge["url"], {}).expect(200)
        assert client.poll(url).json["status"] == \
            ("valid" if current else "invalid")


# --------------------------------------------------------------------- http-01

@row("H01", "The first request is GET /.well-known/acme-challenge/TOKEN over "
     "HTTP to the port of http-01.")
def test_H01(client, responder):
    name, seen = Name(client), []

    def look(handler):
        seen.append((handler.command, handler.path,
                     handler.headers["Host"].split(":")[0]))
        answer_with(handler, name.answer)
    responder.hooks[name.path] = look
    name.passes()
    assert seen == [("GET", name.path, name.identifier["value"])]


@row("H02", "The body is the key authorization, trailing white space aside; "
     "a large or slow one fails in time.")
def test_H02(client, responder):
    name = Name(client)
    responder.serve(name.token, name.answer + " \r\n\n")
    name.passes()
    for wrong in ("", "x", lambda a: a + "x", lambda a: a[:-1],
                  lambda a: " " + a, lambda a: a + "\n" + a):
        name = Name(client)
        responder.serve(name.token, wrong(name.answer) if callable(wrong)
                        else wrong)
        name.fails("unauthorized", "incorrectResponse")

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            pass
    name = Name(client)
    responder.hooks[name.path] = endless
    started = time.monotonic()
    name.fails("unauthorized", "incorrectResponse", "connection")
    assert time.monotonic() - started < 15


def redirect(responder, name, location, status=302):
    responder.hooks[name.path] = lambda handler: answer_with(
        handler, "x", status, ("Location", location))


@row("H03", "Redirects are followed: 301, 302, 307, 308, to http and https, "
     "at most ten; to no other port and no forbidden address.",
     "ports of http and https, 303 refused, certificates not verified")
def test_H03(client, responder):
    port = env("CHANCERY_HTTP01_PORT")
    for status in (301, 302, 307, 308):
        name = Name(client)
        responder.answers[f"/to/{name.token}"] = name.answer
        redirect(responder, name, f"http://{fresh()}:{port}/to/{name.token}",
                 status)
        name.passes()
    for location, status in (
            ("http://{name}:{port}/x", 303), ("file:///etc/passwd", 302),
            ("ftp://{name}/x", 302), ("http://{name}:22/x", 302),
            ("http://{name}:{port}{path}", 302),
            ("http://169.254.169.254:{port}/", 302), ("", 302)):
        name = Name(client)
        redirect(responder, name, location.format(
            name=name.identifier["value"], port=port, path=name.path), status)
        name.fails()


@row("H04", "IPv6 first, then IPv4.", "once, and only when nobody answered")
def test_H04(lab, responder):
    for six_answers in (True, False):
        host = fresh("six")
        lab.dns.host(host, "127.0.0.1", "::1")
        name = Name(lab.client, host)
        responder.serve(name.token, name.answer)
        before = len(responder.seen)
        if six_answers:
            with Http01(int(env("CHANCERY_HTTP01_PORT")), "::1") as six:
                six.serve(name.token, name.answer)
                name.passes()
                assert six.seen == [name.path]
            assert name.path not in responder.seen[before:]
        else:
            name.passes()
            assert name.path in responder.seen[before:]


# ---------------------------------------------------------------------- dns-01

@row("N10", "dns-01: a TXT record of _acme-challenge, any one of several; "
     "CNAME and DNAME are followed, strings are joined.")
def test_N10(lab):
    def one(host=None):
        name = Name(lab.client, host, method="dns-01")
        return name, "_acme-challenge." + name.identifier["value"]
    name, at = one()
    lab.dns.txt(at, txt_value(name.answer))
    name.passes()
    name, at = one()
    lab.dns.txt(at, *["x" * 43] * 49, txt_value(name.answer))
    name.passes()
    name, at = one()
    lab.dns.txt(at, txt_value(name.answer), strings=5)
    name.passes()
    name, at = one()
    target = "txt." + fresh()
    lab.dns.alias(at, target)
    lab.dns.txt(target, txt_value(name.answer))
    name.passes()
    old, new = fresh("old"), fresh("new")
    lab.dns.alias(old, new, DNAME)
    name, at = one("www." + old)
    lab.dns.txt("_acme-challenge.www." + new, txt_value(name.answer))
    name.passes()


@row("N11", "No such name, a failing server and no match are invalid, with "
     "dns or unauthorized and a detail that helps.")
def test_N11(lab):
    name = Name(lab.client, method="dns-01")
    at = "_acme-challenge." + name.identifier["value"]
    assert at in name.fails("dns", "unauthorized")["detail"]
    name = Name(lab.client, method="dns-01")
    at = "_acme-challenge." + name.identifier["value"]
    lab.dns.zone[at, TXT] = SERVFAIL
    assert at in name.fails("dns")["detail"]
    for wrong in (["x"], [""], None):
        name = Name(lab.client, method="dns-01")
        at = "_acme-challenge." + name.identifier["value"]
        lab.dns.txt(at, *(wrong or [txt_value(name.answer)[:-1]]))
        assert at in name.fails("unauthorized", "incorrectResponse")["detail"]


@row("W01", "Wildcards are proven by DNS only.",
     "dns-01 and dns-account-01, as the BR have it")
def test_W01(lab):
    name = fresh("wild")
    order = lab.client.new_order(["*." + name]).expect(201)
    url, authz = authz_of(lab.client, order)
    assert {c["type"] for c in authz["challenges"]} == {"dns-01",
                                                        "dns-account-01"}
    for method in ("http-01", "tls-alpn-01"):
        lab.client.post(authz["challenges"][0]["url"].rsplit("/", 1)[0] +
                        "/" + method, {}).expect(404, "malformed")
    _, order, chain = lab.client.issue(["*." + name], Dns01(lab.dns))
    assert order["identifiers"] == [{"type": "dns", "value": "*." + name}]


# -------------------------------------------------------------------- security

@row("S01", "An authorization counts for its account only.")
def test_S01(client, other, responder):
    name = fresh()
    _, mine = client.ready_order([name], responder)
    theirs = other.new_order([name]).expect(201)
    assert theirs.json["status"] == "pending"
    assert theirs.json["authorizations"] != mine["authorizations"]
    other.finalize(theirs.json, make_csr([name])[0]).expect(
        403, "orderNotReady")
    other.finalize(mine, make_csr([name])[0]).expect(403, "unauthorized")


@row("S02", "Validation reaches intended networks only, judged on the address "
     "that is connected; nothing of the body goes back.",
     "prefixes of the configuration; a private CA may need private ones")
def test_S02(lab, responder):
    for address in ("169.254.169.254", "10.1.2.3", "0.0.0.0", "fe80::1",
                    "64:ff9b::7f00:1", "::ffff:10.1.2.3"):
        host = fresh("deny")
        if address.startswith("::ffff"):
            lab.dns.zone[host, AAAA] = [socket.inet_pton(socket.AF_INET6,
                                                         address)]
        else:
            lab.dns.host(host, address)
        assert "policy" in Name(lab.client, host).fails(
            "connection")["detail"]
    name = Name(lab.client, fresh())
    responder.serve(name.token, "the secret of an inner host")
    assert "secret" not in str(name.fails("unauthorized",
                                          "incorrectResponse"))


@row("S03", "URLs cannot be guessed; each kind of resource has its own.")
def test_S03(client, issued):
    url, order, _ = issued
    urls = [client.kid, url, order["authorizations"][0],
            order["certificate"]]
    assert len({u.rsplit("/", 1)[0] for u in urls}) == len(urls)
    for each in urls:
        public = each.rsplit("/", 1)[1]
        octets = base64.urlsafe_b64decode(public + "=" * (-len(public) % 4))
        assert len(octets) >= 16
        guess = base64.urlsafe_b64encode(octets[:8] + bytes(16)).decode(
            ).rstrip("=")
        if each != client.kid:
            client.get(each.rsplit("/", 1)[0] + "/" + guess).expect(
                404, "malformed")


@row("S04", "DNS over TCP is spoken, and DNSSEC validated where the resolver "
     "has trust anchors.")
def test_S04(lab):
    """Fifty records do not fit one datagram; DNSSEC is the matter of
    tests/integration/test_dnssec.py."""
    name = Name(lab.client, method="dns-01")
    at = "_acme-challenge." + name.identifier["value"]
    lab.dns.txt(at, *["x" * 200] * 60, txt_value(name.answer))
    assert len(lab.dns.answer(b"\0\0\1\0\0\1\0\0\0\0\0\0" + b"".join(
        bytes([len(label)]) + label.encode() for label in at.split(".")) +
        b"\0\0\x10\0\1")) > 4096
    name.passes()


@row("S05", "Several vantage points are recommended.",
     "one: a private CA's networks are seen from one place")
def test_S05(lab):
    name = Name(lab.client, method="dns-01")
    at = "_acme-challenge." + name.identifier["value"]
    lab.dns.txt(at, txt_value(name.answer))
    name.passes()
    assert (at, TXT) in lab.dns.asked


@row("S06", "Policy comes before issuance: name syntax, wildcards, public "
     "suffixes, blocked names, key strength, CAA.")
def test_S06(client, responder):
    for name, error in (("a b.test", "malformed"),
                        ("*.co.uk", "rejectedIdentifier"),
                        ("co.uk", "rejectedIdentifier")):
        client.new_order([name]).expect(400, error)
    name = fresh("blocked")
    ctl("block", "add", name, "--reason", "conformance")
    end = time.monotonic() + 10
    while (reply := client.new_order([name])).status == 201:
        assert time.monotonic() < end
        time.sleep(0.3)
    assert reply.error in ("rejectedIdentifier", "unauthorized"), reply


@row("S07", "The key of an account is in no certificate.")
def test_S07(client, issued, responder):
    for text in (issued[2], client.issue([fresh()], responder)[2]):
        for certificate in split_chain(text):
            keys = [other.public_bytes(
                serialization.Encoding.DER,
                serialization.PublicFormat.SubjectPublicKeyInfo)
                for other in (certificate.public_key(),
                              client.key.private.public_key())]
            assert keys[0] != keys[1]
    name = fresh()
    _, order = client.ready_order([name], responder)
    client.finalize(order, make_csr([name], client.key.private)[0]).expect(
        400, "badCSR")
