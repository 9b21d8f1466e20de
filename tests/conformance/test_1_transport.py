# SPDX-License-Identifier: Apache-2.0
"""Transport, encoding, JWS, GET and POST-as-GET, url: RFC 8555, 5 and 6.1 to
6.4."""
import json
import re
import socket
import ssl
import warnings

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from acme_client import (ALGORITHMS, OMIT, Http01, Key, MacKey, b64u, hs256,
                         make_csr, unb64u)
from appliance import env
from checks import (authz_of, base, fresh, new_client, order_payload,
                    refused, stranger)
from rows import row
from wire import HERE, connect, read_all


@row("T01", "Bodies are UTF-8; internationalized names travel as A-labels.")
def test_T01(client):
    client.send(client.directory["newOrder"], b'{"protected":"\xff"}').expect(
        400, "malformed")
    refused(client, payload=b'{"identifiers":[{"type":"dns","value":"\xff"}]}')
    client.new_order(["bücher.test"]).expect(400, "malformed")
    client.new_order(["xn--bcher-kva.test"]).expect(201)


@row("T02", "Only HTTPS serves ACME.")
def test_T02():
    with socket.create_connection((HERE.hostname, HERE.port), 20) as plain:
        plain.sendall(f"GET /directory HTTP/1.1\r\nHost: {HERE.netloc}\r\n"
                      "Connection: close\r\n\r\n".encode())
        answer = read_all(plain)
    assert not answer.startswith(b"HTTP/1.1 2")
    assert b"newNonce" not in answer


@row("T03", "TLS 1.2 and 1.3 only (RFC 9325).")
def test_T03():
    for version, good in (("TLSv1", False), ("TLSv1_1", False),
                          ("TLSv1_2", True), ("TLSv1_3", True)):
        context = ssl.create_default_context(cafile=env("CHANCERY_ROOT"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion[version]
        if good:
            with connect(context) as tls:
                assert tls.version() == version.replace("_", ".")
        else:
            with pytest.raises(ssl.SSLError):
                connect(context).close()


@row("T04", "CORS: Access-Control-Allow-Origin: *, the headers exposed, and a "
     "preflight without a JWS.")
def test_T04(client):
    origin = {"Origin": "https://page.test"}
    reply = client.request("GET", client.directory_url, headers=origin)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert set(reply.headers["Access-Control-Expose-Headers"].split(", ")) \
        >= {"Link", "Replay-Nonce", "Location", "Retry-After"}
    for url in (client.directory["newOrder"], client.kid):
        reply = client.request("OPTIONS", url, headers={
            **origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type"})
        assert reply.status in (200, 204)
        assert "POST" in reply.headers["Access-Control-Allow-Methods"]
        assert reply.headers["Access-Control-Allow-Headers"].lower() == \
            "content-type"


@row("T05", "base64url with padding is malformed: in protected, payload, "
     "signature, csr and in an external account binding.")
def test_T05(client, issued):
    for member in ("protected", "payload", "signature"):
        def pad(message):
            message[member] += "=" * (-len(message[member]) % 4 or 4)
        refused(client, tamper=pad)
    refused(client, url=issued[1]["finalize"],
            payload={"csr": b64u(make_csr([fresh()])[0]) + "="})
    new = stranger()
    for member in ("protected", "payload", "signature"):
        def pad_inner(message):
            message[member] += "=" * (-len(message[member]) % 4 or 4)
        inner = new.binding(MacKey("x", b"x" * 32), tamper=pad_inner)
        new.new_account(eab=inner).expect(400, "malformed")


@row("T06", "A client without User-Agent is served.")
def test_T06(client):
    client.send(client.directory["newOrder"], client.jws(
        client.directory["newOrder"], order_payload()),
        headers={"User-Agent": None}).expect(201)


# ------------------------------------------------------------------------ JWS

@row("J01", "The signature is verified before anything is done.")
def test_J01(client):
    def flip(message):
        octets = bytearray(unb64u(message["signature"]))
        octets[-1] ^= 1
        message["signature"] = b64u(bytes(octets))

    def swap(message):
        message["payload"] = b64u(json.dumps(order_payload()))
    before = client.get(client.kid).json
    refused(client, tamper=flip)
    refused(client, tamper=swap)
    refused(client, url=client.kid, tamper=flip,
            payload={"contact": ["mailto:thief@example.com"]})
    refused(client, url=client.kid, tamper=flip,
            payload={"status": "deactivated"})
    assert client.get(client.kid).json == before


def general(message):
    message["signatures"] = [{"protected": message.pop("protected"),
                              "signature": message.pop("signature")}]


@row("J02", "Flattened JSON serialization only.")
def test_J02(client):
    url = client.directory["newOrder"]
    parts = client.jws(url, order_payload())
    client.send(url, ".".join(
        parts[k] for k in ("protected", "payload", "signature"))).expect(
            400, "malformed")
    refused(client, tamper=general)


@row("J03", "Exactly one signature.")
def test_J03(client):
    def second(message):
        message["signatures"] = [{"protected": message["protected"],
                                  "signature": message["signature"]}]
    refused(client, tamper=second)
    refused(client, tamper=lambda message: message.update(signatures=[]))


@row("J04", "No unencoded payload (RFC 7797): crit and b64 are refused.")
def test_J04(client):
    refused(client, header={"b64": False, "crit": ["b64"]})
    refused(client, header={"b64": False})
    refused(client, header={"crit": ["x"], "x": 1})


@row("J05", "No unprotected header.")
def test_J05(client):
    refused(client, unprotected={})
    refused(client, unprotected={"kid": client.kid})


@row("J06", "Nothing is detached: payload, protected and signature are "
     "there.")
def test_J06(client):
    for member in ("payload", "protected", "signature"):
        refused(client, tamper=lambda message: message.pop(member))


@row("J07", "The protected header holds alg, nonce, url and one of jwk, kid.")
def test_J07(client):
    for member, error in (("alg", "malformed"), ("url", "malformed"),
                          ("kid", "malformed"), ("nonce", "badNonce")):
        refused(client, error, header={member: OMIT})


@row("J08", "alg is neither none nor a MAC.")
def test_J08(client):
    public = json.dumps(client.key.jwk).encode()
    for alg in ("none", "HS256", "HS384", "HS512"):
        refused(client, "badSignatureAlgorithm", header={"alg": alg},
                signature=b"" if alg == "none" else
                lambda data: hs256(public, data))


@row("J09", "ES256 and EdDSA with Ed25519 are implemented; ES384, ES512 and "
     "RS256, too.")
def test_J09(responder):
    for alg in ALGORITHMS:
        client = new_client(Key(alg))
        assert client.get(client.kid).expect(200).json["status"] == "valid"
        client.issue([fresh(alg)], responder)


@row("J10", "Both jwk and kid are refused.")
def test_J10(client):
    refused(client, header={"jwk": client.key.jwk})


@row("J11", "newAccount is signed by jwk.")
def test_J11(client):
    refused(client, url=client.directory["newAccount"], payload={})


@row("J12", "Everything else is signed by kid.")
def test_J12(client, issued):
    urls = [client.directory[name] for name in
            ("newOrder", "newAuthz", "keyChange")] + [
                client.kid, issued[0], issued[1]["finalize"],
                issued[1]["certificate"], issued[1]["authorizations"][0]]
    for url in urls:
        refused(client, url=url, jwk=True)


@row("J13", "An unknown alg is badSignatureAlgorithm with a true list of "
     "algorithms.")
def test_J13(client):
    for alg in ("ES256K", "RS512", "PS256", "x", ""):
        reply = refused(client, "badSignatureAlgorithm", header={"alg": alg})
        assert set(reply.json["algorithms"]) == set(ALGORITHMS)


@row("J14", "An unacceptable key is badPublicKey with a detail that says why.")
def test_J14(client):
    small = Key("RS256", bits=1024)
    off_curve, rsa = Key(), Key("RS256")
    cases = (
        (small, None, "1024"), (rsa, dict(rsa.jwk, e="AQ"), "exponent"),
        (Key("ES256", ec.generate_private_key(ec.SECP384R1())), None, ""),
        (Key("EdDSA", ed448.Ed448PrivateKey.generate()), None, ""),
        (off_curve, dict(off_curve.jwk, y=off_curve.jwk["x"]), "point"),
        (Key(), {"kty": "oct", "k": "AAAA"}, "oct"))
    for key, jwk, word in cases:
        reply = client.post(client.directory["newAccount"], {}, key=key,
                            jwk=True, header={} if jwk is None else
                            {"jwk": jwk}).expect(400, "badPublicKey")
        assert word in reply.json["detail"]
    refused(client, "badPublicKey", header={"alg": "RS256"})


@row("J15", "Content-Type is application/jose+json, otherwise 415.",
     "parameters of the type are refused: RFC 7515, 9.2.1 defines none")
def test_J15(client):
    url = client.directory["newOrder"]
    for kind in ("application/json", None, "text/plain",
                 "application/jose+json; charset=utf-8"):
        client.send(url, client.jws(url, order_payload()),
                    content_type=kind).expect(415, "malformed")
    client.send(url, client.jws(url, order_payload()),
                content_type="Application/JOSE+json").expect(201)


@row("J16", "An unknown kid is accountDoesNotExist.")
def test_J16(client):
    for kid in (base("/acme/account/") + "A" * 32, client.kid + "A", "x",
                client.kid.replace("https:", "http:")):
        refused(client, "accountDoesNotExist", header={"kid": kid})


# ----------------------------------------------------- GET, POST-as-GET, url

@row("G01", "GET on anything but directory, newNonce and renewalInfo is 405 "
     "malformed.")
def test_G01(client, issued):
    authz = client.get(issued[1]["authorizations"][0]).json
    urls = [client.directory[name] for name in
            ("newAccount", "newOrder", "newAuthz", "keyChange")] + [
                client.kid, issued[0], issued[1]["finalize"],
                issued[1]["certificate"], issued[1]["authorizations"][0],
                authz["challenges"][0]["url"],
                client.get(client.kid).json["orders"]]
    for url in urls:
        for method in ("GET", "PUT", "DELETE"):
            reply = client.request(method, url).expect(405, "malformed")
            assert "POST" in reply.headers["Allow"]
        assert client.request("HEAD", url).status == 405


@row("G02", "An empty payload reads a resource.")
def test_G02(client, issued):
    url, order, chain = issued
    authz = client.get(order["authorizations"][0]).expect(200).json
    assert client.get(client.kid).expect(200).json["status"] == "valid"
    assert client.get(url).expect(200).json == order
    assert client.get(authz["challenges"][0]["url"]).expect(200).json in \
        authz["challenges"]
    assert client.get(order["certificate"]).expect(200).text == chain
    for url in (client.directory["newOrder"], order["finalize"],
                client.directory["newAuthz"], client.directory["keyChange"]):
        refused(client, url=url, payload="")
    for url in (issued[0], order["certificate"]):
        refused(client, url=url, payload={})


@row("G03", "directory and newNonce answer to GET, HEAD and POST-as-GET.")
def test_G03(client):
    for reply in (client.request("GET", client.directory_url),
                  client.get(client.directory_url)):
        assert reply.expect(200).json == client.directory
    head = client.request("HEAD", client.directory_url)
    assert (head.status, head.body) == (200, b"")
    client.request("GET", client.directory["newNonce"]).expect(204)
    client.get(client.directory["newNonce"]).expect(204)


@row("G04", "An empty payload reads a challenge, {} starts it.")
def test_G04(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    for _ in range(2):
        assert client.get(challenge["url"]).expect(200).json == challenge
    assert client.get(url).json["status"] == "pending"
    assert Http01.PREFIX + challenge["token"] not in responder.seen
    client.post(challenge["url"], {}).expect(200)
    assert client.poll(url).json["status"] == "invalid"
    assert Http01.PREFIX + challenge["token"] in responder.seen


@row("G05", "The signature of another account opens nothing, and the answer "
     "says no more than no.")
def test_G05(client, other, issued):
    url, order, _ = issued
    authz_url = order["authorizations"][0]
    challenge = client.get(authz_url).json["challenges"][0]["url"]
    orders = client.get(client.kid).json["orders"]
    replies = [other.get(u) for u in (url, authz_url, challenge, client.kid,
                                      order["certificate"], orders)]
    replies += [other.post(u, payload) for u, payload in (
        (order["finalize"], {"csr": b64u(make_csr([fresh()])[0])}),
        (authz_url, {"status": "deactivated"}), (challenge, {}),
        (client.kid, {"status": "deactivated"}))]
    for reply in replies:
        reply.expect(403, "unauthorized")
    assert len({reply.json["detail"] for reply in replies}) == 1
    assert client.get(client.kid).json["status"] == "valid"


@row("U01", "url that is not the URL of the request is refused.",
     "403 unauthorized, the RFC's word with the status of its own example")
def test_U01(client):
    right = client.directory["newOrder"]
    for wrong in (right.replace("new-order", "new-account"),
                  right.replace("https:", "http:"), right + "?x=1",
                  right.replace("localhost", "ca.test"), "/acme/new-order"):
        refused(client, "unauthorized", 403, header={"url": wrong})


@row("U02", "url is compared octet by octet with what was handed out.")
def test_U02(client):
    right = client.directory["newOrder"]
    for wrong in (right + "/", right.replace("localhost", "LOCALHOST"),
                  right.replace("new-order", "new%2Dorder"),
                  re.sub(r":\d+/", "/", right), right + "#", right + "?",
                  right.replace("localhost", "127.0.0.1")):
        assert wrong != right
        refused(client, "unauthorized", 403, header={"url": wrong})
    client.send(right + "?x=1", client.jws(right + "?x=1",
                                           order_payload())).expect(
        403, "unauthorized")
