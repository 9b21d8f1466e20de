# SPDX-License-Identifier: Apache-2.0
"""RFC 8555, statement by statement, over real requests: what holds for all
resources.  A test bears the number of the row that it proves: T transport,
J JWS, G GET and POST-as-GET, U url, N nonces, E errors, D directory."""
import json
import os
import re
import secrets
import signal
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from acme_client import (ALGORITHMS, OMIT, Client, Http01, Key, b64u, hs256,
                         make_csr, unb64u)
from appliance import env, eventually, processes
from beside import Beside, free_port
from checks import (Checked, at_once, authz_of, base, fresh, new_client,
                    order_payload, refused)


# -------------------------------------------------------- transport, encoding

def test_T01_utf8_only(client):
    client.send(client.directory["newOrder"], b'{"protected":"\xff"}').expect(
        400, "malformed")
    refused(client, payload=b'{"identifiers":[{"type":"dns","value":"\xff"}]}')


def test_T01_idn_only_as_a_label(client):
    client.new_order(["bücher.test"]).expect(400, "malformed")
    client.new_order(["xn--bcher-kva.test"]).expect(201)


def test_T04_cors(client):
    reply = client.request("GET", client.directory_url,
                           headers={"Origin": "https://page.test"})
    exposed = reply.headers["Access-Control-Expose-Headers"]
    assert set(exposed.split(", ")) == {
        "Link", "Replay-Nonce", "Location", "Retry-After"}


@pytest.mark.parametrize("resource", ["newNonce", "newAccount", "newOrder"])
def test_T04_preflight_needs_no_jws(client, resource):
    reply = client.request(
        "OPTIONS", client.directory[resource],
        headers={"Origin": "https://page.test",
                 "Access-Control-Request-Method": "POST"}).expect(204)
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type"


@pytest.mark.parametrize("member", ["protected", "payload", "signature"])
def test_T05_padding(client, member):
    def pad(message):
        message[member] += "=" * (-len(message[member]) % 4 or 4)
    refused(client, tamper=pad)


def test_T05_padding_of_csr(client, issued):
    refused(client, url=issued[1]["finalize"],
            payload={"csr": b64u(make_csr([fresh()])[0]) + "="})


# ------------------------------------------------------------------------ JWS

def test_J01_signature_is_verified(client):
    def flip(message):
        octets = bytearray(unb64u(message["signature"]))
        octets[-1] ^= 1
        message["signature"] = b64u(bytes(octets))
    refused(client, tamper=flip)
    before = client.get(client.kid).json
    refused(client, url=client.kid, tamper=flip,
            payload={"contact": ["mailto:thief@example.com"]})
    assert client.get(client.kid).json == before


def test_J01_payload_is_signed(client):
    def swap(message):
        message["payload"] = b64u(json.dumps(order_payload()))
    refused(client, tamper=swap)


def test_J02_compact(client):
    parts = client.jws(client.directory["newOrder"], order_payload())
    client.send(client.directory["newOrder"], ".".join(
        parts[k] for k in ("protected", "payload", "signature"))).expect(
            400, "malformed")


def test_J02_general(client):
    def general(message):
        message["signatures"] = [{"protected": message.pop("protected"),
                                  "signature": message.pop("signature")}]
    refused(client, tamper=general)


def test_J03_one_signature(client):
    def second(message):
        message["signatures"] = [{"protected": message["protected"],
                                  "signature": message["signature"]}]
    refused(client, tamper=second)


def test_J04_unencoded_payload(client):
    refused(client, header={"b64": False, "crit": ["b64"]})
    refused(client, header={"b64": False})
    refused(client, header={"crit": ["x"], "x": 1})


def test_J05_unprotected_header(client):
    refused(client, unprotected={})
    refused(client, unprotected={"kid": client.kid})


@pytest.mark.parametrize("member", ["protected", "payload", "signature"])
def test_J06_nothing_is_detached(client, member):
    refused(client, tamper=lambda message: message.pop(member))


@pytest.mark.parametrize("member, error", [
    ("alg", "malformed"), ("url", "malformed"), ("kid", "malformed"),
    ("nonce", "badNonce")])
def test_J07_protected_header(client, member, error):
    refused(client, error, header={member: OMIT})


@pytest.mark.parametrize("alg", ["none", "HS256", "HS384", "HS512"])
def test_J08_none_and_mac(client, alg):
    public = json.dumps(client.key.jwk).encode()
    refused(client, "badSignatureAlgorithm", header={"alg": alg},
            signature=b"" if alg == "none" else
            lambda data: hs256(public, data))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_J09_algorithms(alg):
    client = new_client(Key(alg))
    client.new_order([fresh()]).expect(201)


def test_J10_both_jwk_and_kid(client):
    refused(client, header={"jwk": client.key.jwk})


def test_J11_new_account_by_jwk(client):
    refused(client, url=client.directory["newAccount"], payload={})


def test_J12_all_else_by_kid(client, issued):
    for url in (client.directory["newOrder"], client.kid, issued[0]):
        refused(client, url=url, jwk=True)


@pytest.mark.parametrize("alg", ["ES256K", "RS384", "RS512", "PS256", "x",
                                 ""])
def test_J13_unsupported_algorithm(client, alg):
    reply = refused(client, "badSignatureAlgorithm", header={"alg": alg})
    assert reply.json["algorithms"] == list(ALGORITHMS)


def weak_keys():
    off_curve = Key()
    jwk = dict(off_curve.jwk)
    jwk["y"] = jwk["x"]
    small = Key("RS256")
    return {
        "RSA of 1024 bits": (Key("RS256", bits=1024), None),
        "ES256 with P-384": (Key(private=ec.generate_private_key(
            ec.SECP384R1())), None),
        "off the curve": (off_curve, jwk),
        "exponent 1": (small, dict(small.jwk, e="AQ")),
        "ES256 with RSA": (Key("RS256"), Key().jwk),
        "oct": (Key(), {"kty": "oct", "k": "AAAA"}),
    }


@pytest.mark.parametrize("which", weak_keys())
def test_J14_unacceptable_key(client, which):
    key, jwk = weak_keys()[which]
    reply = client.post(client.directory["newAccount"], {}, key=key, jwk=True,
                        header={} if jwk is None else {"jwk": jwk})
    reply.expect(400, "badPublicKey")


def test_J14_algorithm_of_another_key(client):
    refused(client, "badPublicKey", header={"alg": "RS256"})


@pytest.mark.parametrize("kind", [
    "application/json", None, "application/jose+json; charset=utf-8",
    "application/jose", "text/plain"])
def test_J15_content_type(client, kind):
    url = client.directory["newOrder"]
    client.send(url, client.jws(url, order_payload()),
                content_type=kind).expect(415, "malformed")


def test_J15_content_type_in_any_case(client):
    url = client.directory["newOrder"]
    client.send(url, client.jws(url, order_payload()),
                content_type="Application/JOSE+JSON").expect(201)


def test_J16_unknown_account(client):
    last = "A" if client.kid[-1] != "A" else "Q"
    for kid in (base("/acme/account/") + b64u(secrets.token_bytes(24)),
                client.kid[:-1] + last, client.kid + "/", "x", "",
                client.kid.replace("https:", "http:"),
                client.kid.replace("/account/", "/order/")):
        refused(client, "accountDoesNotExist", header={"kid": kid})


def test_J_duplicate_members(client):
    """What two readers may read differently is refused."""
    url = client.directory["newOrder"]
    message = json.dumps(client.jws(url, order_payload()))
    client.send(url, message[:-1] + ', "payload": "e30"}').expect(
        400, "malformed")
    header = json.dumps({"alg": "ES256", "kid": client.kid, "url": url,
                         "nonce": client.nonce()})
    refused(client, text=header[:-1] + ', "alg": "ES256"}')
    refused(client, payload='{"identifiers": [], "identifiers": '
            f'{json.dumps(order_payload()["identifiers"])}}}')


# ----------------------------------------------------- GET, POST-as-GET, url

RESOURCES = ["/acme/new-account", "/acme/new-order", "/acme/new-authz",
             "/acme/key-change", "/acme/account/*", "/acme/orders/*",
             "/acme/orders/*/1", "/acme/order/*", "/acme/order/*/finalize", "/acme/authz/*",
             "/acme/challenge/*/http-01", "/acme/certificate/*",
             "/acme/certificate/*/1"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize("path", RESOURCES)
def test_G01_only_post(client, path, method):
    reply = client.request(method, base(path).replace("*", "A" * 32))
    if method == "HEAD":
        assert (reply.status, reply.body) == (405, b"")
    else:
        reply.expect(405, "malformed")
    assert reply.headers["Allow"] == "POST, OPTIONS"


def test_G02_post_as_get(client, issued):
    url, order, chain = issued
    authz = client.get(order["authorizations"][0]).expect(200).json
    assert client.get(client.kid).expect(200).json["status"] == "valid"
    assert client.get(url).expect(200).json == order
    assert client.get(client.challenge(authz)["url"]).expect(200).json == \
        client.challenge(authz)
    assert client.get(order["certificate"]).expect(200).text == chain


def test_G02_not_where_there_is_nothing_to_get(client, issued):
    for url in (client.directory["newOrder"], issued[1]["finalize"]):
        refused(client, url=url, payload="")
    client.post(client.directory["newAccount"], "", jwk=True).expect(
        400, "malformed")


def test_G02_payload_where_there_is_nothing_to_post(client, issued):
    for url in (issued[0], issued[1]["certificate"], client.directory_url):
        refused(client, url=url, payload={})
    refused(client, payload="[]")
    refused(client, payload="null")


def test_G03_directory_and_new_nonce(client):
    for reply in (client.request("GET", client.directory_url),
                  client.get(client.directory_url)):
        assert reply.expect(200).json == client.directory
    client.request("GET", client.directory["newNonce"]).expect(204)
    client.get(client.directory["newNonce"]).expect(204)
    head = client.request("HEAD", client.directory_url)
    assert (head.status, head.body) == (200, b"")


def test_G04_reading_does_not_start(client, responder):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    for _ in range(2):
        reply = client.get(challenge["url"]).expect(200)
        assert reply.json == challenge
        assert "Retry-After" not in reply.headers
    assert client.get(url).json["status"] == "pending"
    assert Http01.PREFIX + challenge["token"] not in responder.seen


def test_G05_not_for_another_account(client, other, issued):
    url, order, _ = issued
    authz_url = order["authorizations"][0]
    challenge = client.challenge(client.get(authz_url).json)["url"]
    replies = [other.get(u) for u in (url, authz_url, challenge, client.kid,
                                      order["certificate"])]
    replies += [other.post(u, payload) for u, payload in (
        (order["finalize"], {"csr": b64u(make_csr([fresh()])[0])}),
        (authz_url, {"status": "deactivated"}),
        (client.kid, {"status": "deactivated"}),
        (client.kid, {"contact": []}),
        (challenge, {}))]
    for reply in replies:
        reply.expect(403, "unauthorized")
    # It does not tell more than "no".
    assert len({reply.json["detail"] for reply in replies}) == 1
    assert client.get(client.kid).json["status"] == "valid"
    assert client.get(authz_url).json["status"] == "valid"


@pytest.mark.parametrize("path", RESOURCES[RESOURCES.index("/acme/order/*"):])
def test_G05_urls_cannot_be_guessed(client, issued, path):
    """The right number with another secret is as good as nothing."""
    octets = unb64u(issued[0].rsplit("/", 1)[1])
    guess = b64u(octets[:8] + secrets.token_bytes(16))
    payload = {"csr": "AAAA"} if "finalize" in path else ""
    for public in (guess, "A" * 32, guess[:-1], guess + "A"):
        client.post(base(path).replace("*", public), payload).expect(
            404, "malformed")


@pytest.mark.parametrize("wrong", [
    lambda url: url + "/", lambda url: url + "?x=1", lambda url: url + "#x",
    lambda url: url.replace("https:", "http:"),
    lambda url: url.replace("localhost", "LOCALHOST"),
    lambda url: url.replace("localhost", "127.0.0.1"),
    lambda url: url.replace("new-order", "new%2Dorder"),
    lambda url: url.replace("new-order", "new-account"),
    lambda url: re.sub(r":\d+/", "/", url),
    lambda url: re.sub(r"^https://[^/]*", "", url), lambda url: ""])
def test_U01_url_of_another_place(client, wrong):
    url = wrong(client.directory["newOrder"])
    assert url != client.directory["newOrder"]
    refused(client, "unauthorized", 403, header={"url": url})


def test_U02_query_on_the_request(client):
    url = client.directory["newOrder"]
    for signed in (url, url + "?x=1"):
        client.send(url + "?x=1", client.jws(signed, order_payload())).expect(
            403, "unauthorized")


# --------------------------------------------------------------------- nonces

def test_N02_a_nonce_is_used_once(client):
    nonce = client.nonce()
    client.get(client.kid, nonce=nonce).expect(200)
    client.get(client.kid, nonce=nonce).expect(400, "badNonce")


@pytest.mark.parametrize("wrong", [
    {"payload": {}}, {"header": {"kid": "x"}}, {"signature": b"\0" * 64},
    {"header": {"url": "https://elsewhere.test/"}}])
def test_N02_also_by_a_request_that_fails(client, wrong):
    url, nonce = client.directory["newOrder"], client.nonce()
    first = client.post(url, **{"payload": order_payload(), "nonce": nonce,
                                **wrong})
    assert first.status in (400, 403) and first.error != "badNonce"
    client.post(url, order_payload(), nonce=nonce).expect(400, "badNonce")


def test_N02_two_at_once(client):
    nonce = client.nonce()
    twins = [Client(client.directory_url, client.verify, client.key)
             for _ in range(6)]
    for twin in twins:
        twin.kid = client.kid
    replies = at_once(*[lambda twin=twin: twin.get(client.kid, nonce=nonce)
                        for twin in twins])
    assert sorted(reply.error or "" for reply in replies) == \
        [""] + ["badNonce"] * 5


def test_N03_bad_nonce_brings_a_good_one(client):
    def damaged():
        nonce = client.nonce()
        return nonce[:8] + ("A" if nonce[8] != "A" else "B") + nonce[9:]
    for nonce in (b64u(secrets.token_bytes(32)), "AAAA", damaged()):
        refused(client, "badNonce", nonce=nonce)


def test_N04_unpredictable(client):
    nonces = [client.request("HEAD", client.directory["newNonce"]).nonce
              for _ in range(50)]
    client.nonces.clear()
    assert len(set(nonces)) == 50
    for nonce in nonces:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", nonce)
        assert len(unb64u(nonce)) >= 16
    # The counter inside does not show.
    tails = {nonce[12:20] for nonce in nonces}
    assert len(tails) == 50


@pytest.mark.parametrize("nonce", ["a=b", "AAAA==", "", "a b", "é", 7])
def test_N05_not_base64url(client, nonce):
    refused(client, header={"nonce": nonce})


def test_N06_new_nonce(client):
    for method, status in (("HEAD", 200), ("GET", 204)):
        reply = client.request(method, client.directory["newNonce"])
        assert (reply.status, reply.body) == (status, b"")
        client.get(client.kid, nonce=reply.nonce).expect(200)


def test_N07_nonce_from_before_a_restart(client):
    nonces = [client.request("HEAD", client.directory["newNonce"]).nonce
              for _ in range(2)]
    client.nonces.clear()
    before = processes()["chancery-acme"]
    os.kill(before[0], signal.SIGKILL)
    client.session.close()

    def is_back():
        try:
            client.request("GET", client.directory_url)
        except OSError:
            return False
        return processes()["chancery-acme"] not in ([], before)
    assert eventually(is_back)
    for nonce in nonces:
        client.get(client.kid, nonce=nonce).expect(200)
        client.get(client.kid, nonce=nonce).expect(400, "badNonce")


# ------------------------------------------------------------- a second face

class SecondFace(Checked):
    """Speaks to another chancery-acme that has the same URLs."""

    def __init__(self, port):
        self.port = port
        super().__init__(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))

    def request(self, method, url, *args, **more):
        return super().request(method, re.sub(
            r"^https://localhost:\d+", f"https://localhost:{self.port}", url),
            *args, **more)


TERMS = "https://ca.test/terms-1"


@pytest.fixture(scope="module")
def second():
    port = free_port()
    with Beside({"acme": f'terms_of_service = "{TERMS}";'
                         ' website = "https://ca.test/";',
                 "validator": 'caa_identities = [ "ca.test", "ca2.test" ];'},
                acme__listen=f'["127.0.0.1:{port}"]') as beside:
        beside.start("acme")
        yield port


@pytest.fixture
def face(second):
    return SecondFace(second)


def test_N07_nonce_of_another_node(client, face):
    for there, here in ((client, face), (face, client)):
        nonce = there.request("HEAD", there.directory["newNonce"]).nonce
        there.nonces.clear()
        here.get(client.kid, key=client.key, kid=client.kid,
                 nonce=nonce).expect(200)
        here.get(client.kid, key=client.key, kid=client.kid,
                 nonce=nonce).expect(400, "badNonce")


def test_D03_meta(face):
    meta = dict(face.directory["meta"])
    assert meta.pop("profiles")
    assert meta == {
        "termsOfService": TERMS, "website": "https://ca.test/",
        "caaIdentities": ["ca.test", "ca2.test"]}


def test_D05_terms_of_service(face):
    for payload in ({}, {"termsOfServiceAgreed": False}):
        reply = face.post(face.directory["newAccount"], payload, jwk=True)
        reply.expect(403, "userActionRequired")
        assert reply.links["terms-of-service"] == [TERMS]
    face.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")
    face.new_account().expect(201)
    face.post(face.directory["newAccount"], {}, jwk=True).expect(200)


def test_stop_loses_no_reply(responder):
    """The held reply of a face that is told to end still comes."""
    port = free_port()
    with Beside(acme__listen=f'["127.0.0.1:{port}"]') as beside:
        process = beside.start("acme")
        face = SecondFace(port)
        face.register()
        name = fresh()
        _, order = face.ready_order([name], responder)
        csr = make_csr([name])[0]
        signer, = processes()["chancery-signer"]
        os.kill(signer, signal.SIGSTOP)
        try:
            reply, _ = at_once(
                lambda: face.finalize(order, csr),
                lambda: (time.sleep(0.5), process.terminate()))
            assert beside.stop("acme") == 0
        finally:
            os.kill(signer, signal.SIGCONT)
    assert reply.expect(200).json["status"] == "processing"
    assert reply.headers["Connection"] == "close"


# --------------------------------------------------------------------- errors

def test_E03_one_bad_name(client):
    reply = client.new_order([fresh(), "a b.test"]).expect(400, "malformed")
    sub, = reply.json["subproblems"]
    assert sub["identifier"] == {"type": "dns", "value": "a b.test"}
    assert sub["detail"]


def test_E04_several_bad_names(client):
    bad = [("dns", "a b.test", "malformed"),
           ("dns", "*.*.w.test", "malformed"),
           ("dns", "localhost", "rejectedIdentifier"),
           ("ip", "192.0.2.01", "malformed"),
           ("email", "a@w.test", "unsupportedIdentifier")]
    reply = client.new_order([fresh()] + [
        {"type": kind, "value": name} for kind, name, _ in bad])
    reply.expect(400, "compound")
    assert [(sub["identifier"]["type"], sub["identifier"]["value"],
             sub["type"].rpartition(":")[2])
            for sub in reply.json["subproblems"]] == bad
    client.new_order(["localhost", "x.onion"]).expect(
        400, "rejectedIdentifier")


def test_E01_unknown_resource(client):
    for path in ("/", "/nothing", "/acme", "/acme/", "/acme/new-order/",
                 "/acme/terms", "/acme/revoke-cert"):
        client.request("GET", base(path)).expect(404, "malformed")


def test_E01_hostile_text_in_details(client):
    """Whatever is quoted comes back as one line of JSON in UTF-8."""
    for text in ("é€😀" * 60, "\0\r\n\"\\" * 40, "\x01" * 2000, "x" * 9000):
        for reply in (client.new_order([{"type": text, "value": "a.test"}]),
                      client.new_order([{"type": "dns", "value": text}]),
                      client.post(client.kid, {"contact": [text]}),
                      client.get(client.kid, header={"alg": text}),
                      client.get(client.kid, header={"kid": text})):
            assert reply.status == 400
            assert len(reply.json["detail"]) < 300
            assert not re.search(r"[\0-\x1f\x7f]", reply.json["detail"])


# ------------------------------------------------------------------ directory

def test_D01_directory(client):
    """Nothing is advertised that is not there, and all of it answers."""
    urls = {name: url for name, url in client.directory.items()
            if name != "meta"}
    assert set(urls) == {"newNonce", "newAccount", "newOrder", "newAuthz",
                         "keyChange", "renewalInfo"}
    for name, url in urls.items():
        assert url.startswith(base("/"))
        if name == "renewalInfo":
            url += "/AAAA.AAAA"
        assert client.request("OPTIONS", url).status == 204


def test_D03_nothing_demanded_nothing_said(client):
    assert set(client.directory["meta"]) == {"profiles"}


def test_D08_up_on_challenges(client):
    order = client.new_order([fresh()]).expect(201)
    url, authz = authz_of(client, order)
    reply = client.get(client.challenge(authz)["url"]).expect(200)
    assert reply.links["up"] == [url]
