# SPDX-License-Identifier: Apache-2.0
"""Nonces, limits, errors, the directory: RFC 8555, 6.5 to 7.2."""
import email.utils
import re
import secrets
import time

from acme_client import OMIT, Key, b64u, unb64u
from appliance import eventually
from checks import (REGISTERED, authz_of, base, fresh, order_payload, refused)
from names import caa_answer
from rows import row


@row("N01", "Replay-Nonce is on every answer to a POST, errors too.")
def test_N01(client, issued):
    url = client.directory["newOrder"]
    for ask in (lambda: client.get(client.kid), lambda: client.get(issued[0]),
                lambda: client.get(issued[1]["certificate"]),
                lambda: client.new_order([fresh()]),
                lambda: client.new_order(["x"]),
                lambda: client.send(url, "{"),
                lambda: client.send(url, "x", "text/plain"),
                lambda: client.send(base("/nothing"), "{}"),
                lambda: client.request("GET", url)):
        reply = ask()
        assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", reply.nonce)
        client.get(client.kid, nonce=reply.nonce).expect(200)


@row("N02", "A nonce is ours, and good for one request, whatever becomes of "
     "it.")
def test_N02(client):
    url = client.directory["newOrder"]
    for how in ({}, {"payload": {}}, {"signature": b"\0" * 64},
                {"header": {"kid": "x"}}, {"header": {"url": "x"}}):
        nonce = client.nonce()
        first = client.post(url, **{"payload": order_payload(),
                                    "nonce": nonce, **how})
        assert first.error != "badNonce"
        client.post(url, order_payload(), nonce=nonce).expect(400, "badNonce")
    client.get(client.kid, nonce=b64u(secrets.token_bytes(32))).expect(
        400, "badNonce")


@row("N03", "A missing or bad nonce is 400 badNonce, with a fresh one that "
     "works.")
def test_N03(client):
    for nonce in (b64u(secrets.token_bytes(32)), "AAAA"):
        refused(client, "badNonce", nonce=nonce)
    refused(client, "badNonce", header={"nonce": OMIT})


@row("N04", "Nonces are unique, unpredictable and base64url.")
def test_N04(client):
    nonces = [client.request("HEAD", client.directory["newNonce"]).nonce
              for _ in range(50)]
    client.nonces.clear()
    assert len(set(nonces)) == 50
    for nonce in nonces:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", nonce)
        assert len(unb64u(nonce)) >= 16
    assert len({nonce[12:20] for nonce in nonces}) == 50


@row("N05", "A nonce that is not base64url is malformed.")
def test_N05(client):
    for nonce in ("a=b", "AAAA==", "", "a b", "é"):
        refused(client, header={"nonce": nonce})


@row("N06", "HEAD newNonce is 200, GET 204 and empty, both no-store.")
def test_N06(client):
    for method, status in (("HEAD", 200), ("GET", 204)):
        reply = client.request(method, client.directory["newNonce"])
        assert (reply.status, reply.body) == (status, b"")
        assert "no-store" in reply.headers["Cache-Control"]
        client.get(client.kid, nonce=reply.nonce).expect(200)


@row("N07", "A nonce of one node is good once on another.")
def test_N07(client, faces):
    face = faces().as_account(client)
    for there, here in ((client, face), (face, client)):
        nonce = there.request("HEAD", there.directory["newNonce"]).nonce
        there.nonces.clear()
        here.get(client.kid, nonce=nonce).expect(200)
        here.get(client.kid, nonce=nonce).expect(400, "badNonce")


# --------------------------------------------------------------------- limits

def wait_of(reply):
    """Seconds of a Retry-After, of either form (RFC 9110, 10.2.3)."""
    text = reply.headers["Retry-After"]
    if text.isdigit():
        return int(text)
    return (email.utils.parsedate_to_datetime(text).timestamp() -
            time.time())


@row("R01", "Over a limit: 429 rateLimited, Retry-After when all limits "
     "allow it, Link rel=help.")
def test_R01(faces):
    face = faces(limits='orders_per_account = "2/1h"; '
                        'orders_per_name = "1/24h";')
    face.register()
    name = fresh()
    face.new_order([name]).expect(201)
    by_name = face.new_order([name]).expect(429, "rateLimited")
    assert 23 * 3600 < wait_of(by_name) <= 24 * 3600
    face.new_order([fresh()]).expect(201)
    by_account = face.new_order([fresh()]).expect(429, "rateLimited")
    assert 0 < wait_of(by_account) <= 3600
    both = face.new_order([name]).expect(429, "rateLimited")
    assert wait_of(both) > 23 * 3600
    for reply in (by_name, by_account, both):
        assert reply.links["help"]
        assert reply.json["detail"]


@row("R02", "Accounts of a source, orders of an account, validations of a "
     "name, challenge POSTs, failed validations and pending authorizations "
     "can be limited.")
def test_R02(faces):
    def limited(limits):
        face = faces('trusted_proxies = [ "127.0.0.1/32" ];', limits=limits)
        face.session.headers["X-Forwarded-For"] = \
            f"2001:db8:{secrets.randbelow(65536):x}::1"
        face.register()
        return face

    def answer(face, order):
        url, authz = authz_of(face, order)
        return url, face.post(face.challenge(authz)["url"], {})
    face = limited('accounts_per_address = "1/1h";')
    face.register()                     # the same account is not counted
    face.new_account(Key()).expect(429, "rateLimited")
    face = limited('orders_per_account = "1/1h";')
    face.new_order([fresh()]).expect(201)
    face.new_order([fresh()]).expect(429, "rateLimited")
    face, domain = limited('orders_per_domain = "2/1h";'), fresh("domain")
    for label, status in ("a", 201), ("b", 201), ("c", 429):
        assert face.new_order([f"{label}.{domain}"]).status == status
    face = limited('pending_per_account = "2";')
    face.new_order([fresh(), fresh()]).expect(201)
    face.new_order([fresh()]).expect(429, "rateLimited")
    face = limited('challenges_per_account = "1/1h";')
    orders = [face.new_order([fresh()]).expect(201) for _ in "12"]
    answer(face, orders[0])[1].expect(200)
    answer(face, orders[1])[1].expect(429, "rateLimited")
    face, name = limited('failures_per_name = "1/1h";'), fresh()
    url, reply = answer(face, face.new_order([name]).expect(201))
    assert face.poll(url).json["status"] == "invalid"
    face.new_order([name]).expect(429, "rateLimited")
    face.new_order([fresh()]).expect(201)


# --------------------------------------------------------------------- errors

@row("E01", "Errors are problem documents with type, detail and a status "
     "that is the HTTP status.")
def test_E01(client, other, issued):
    for reply, status in ((client.new_order(["x"]), 400),
                          (client.request("GET", base("/nothing")), 404),
                          (client.request("PUT", client.kid), 405),
                          (other.get(issued[0]), 403),
                          (client.send(client.kid, "{}", "a/b"), 415)):
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.status == reply.json["status"] == status
        assert reply.json["type"] and reply.json["detail"]


@row("E02", "Types under urn:ietf:params:acme:error: are registered ones.",
     "and invalidProfile, which draft-ietf-acme-profiles asks for there")
def test_E02(client):
    # Every reply of every test of this suite is held to it, by Checked.
    assert "invalidProfile" in REGISTERED
    reply = client.new_order([fresh()], profile="no-such-profile")
    assert reply.expect(400, "invalidProfile").json["type"] == \
        "urn:ietf:params:acme:error:invalidProfile"


@row("E03", "identifier is in subproblems only.")
def test_E03(client):
    reply = client.new_order([fresh(), "a b.test"]).expect(400, "malformed")
    assert "identifier" not in reply.json
    sub, = reply.json["subproblems"]
    assert sub["identifier"] == {"type": "dns", "value": "a b.test"}
    assert sub["type"] and sub["detail"]


@row("E04", "Several bad names of an order are told in one answer.")
def test_E04(client):
    bad = [("dns", "a b.test", "malformed"),
           ("dns", "localhost", "rejectedIdentifier"),
           ("email", "a@b.test", "unsupportedIdentifier")]
    reply = client.new_order([fresh()] + [
        {"type": kind, "value": name} for kind, name, _ in bad])
    reply.expect(400, "compound")
    assert [(sub["identifier"]["type"], sub["identifier"]["value"],
             sub["type"].rpartition(":")[2])
            for sub in reply.json["subproblems"]] == bad
    reply = client.new_order(["localhost", "x.onion"]).expect(
        400, "rejectedIdentifier")
    assert len(reply.json["subproblems"]) == 2


# ------------------------------------------------------------------ directory

@row("D01", "directory and newNonce are there, and all that is advertised.")
def test_D01(client):
    urls = {name: url for name, url in client.directory.items()
            if name != "meta"}
    assert {"newNonce", "newAccount", "newOrder", "newAuthz", "keyChange",
            "renewalInfo"} <= set(urls)
    for name, url in urls.items():
        assert url.startswith(base("/"))
        if name == "renewalInfo":
            url += "/AAAA.AAAA"
        assert client.request("OPTIONS", url).status in (200, 204)


@row("D02", "newAuthz is absent when it is not offered.")
def test_D02(client, faces):
    assert "newAuthz" in client.directory
    face = faces('pre_authorization = "no";').as_account(client)
    assert "newAuthz" not in face.directory
    face.post(client.directory["newAuthz"], {"identifier": {
        "type": "dns", "value": fresh()}}).expect(404, "malformed")


@row("D03", "meta is an object; its members have their types.")
def test_D03(client, faces):
    face = faces('website = "https://ca.test/"; '
                 'terms_of_service = "https://ca.test/terms"; '
                 'external_account_required = "yes";',
                 validator='caa_identities = [ "ca.test" ];')
    kinds = {"termsOfService": str, "website": str, "caaIdentities": list,
             "externalAccountRequired": bool, "profiles": dict}
    for meta in (client.directory.get("meta", {}), face.directory["meta"]):
        for name, value in meta.items():
            assert isinstance(value, kinds[name]), name
    assert set(face.directory["meta"]) == set(kinds)


@row("D04", "caaIdentities is exactly what the CA looks for in CAA.",
     "without the setting CAA is not looked at: private zones")
def test_D04(client, lab):
    assert lab.client.directory["meta"]["caaIdentities"] == ["ca.test"]
    assert "caaIdentities" not in client.directory.get("meta", {})
    assert caa_answer(lab, ["0 issue ca.test"])["status"] == "valid"
    assert caa_answer(lab, ["0 issue ca2.test"])["status"] == "invalid"


TERMS = "https://ca.test/terms-1"


@row("D05", "Terms that must be agreed to are in meta.termsOfService, and "
     "newAccount without agreement is refused.",
     "403 userActionRequired with Link rel=terms-of-service and instance")
def test_D05(faces):
    face = faces(f'terms_of_service = "{TERMS}";')
    assert face.directory["meta"]["termsOfService"] == TERMS
    for payload in ({}, {"termsOfServiceAgreed": False}):
        reply = face.post(face.directory["newAccount"], payload, jwk=True)
        reply.expect(403, "userActionRequired")
        assert reply.links["terms-of-service"] == [TERMS]
        assert reply.json["instance"].startswith("https://")
    face.new_account(onlyReturnExisting=True).expect(
        400, "accountDoesNotExist")
    face.new_account().expect(201)


@row("D06", "meta.externalAccountRequired is true when binding is demanded.")
def test_D06(client, faces):
    assert "externalAccountRequired" not in client.directory.get("meta", {})
    face = faces('external_account_required = "yes";')
    assert face.directory["meta"]["externalAccountRequired"] is True


@row("D07", "Link rel=index on every resource but the directory.")
def test_D07(client, issued):
    for reply in (client.get(client.kid), client.get(issued[0]),
                  client.get(issued[1]["certificate"]),
                  client.request("HEAD", client.directory["newNonce"]),
                  client.request("GET", base("/nothing")),
                  client.new_order(["x"])):
        assert reply.links["index"] == [client.directory_url]
    assert "index" not in client.request("GET", client.directory_url).links


@row("D08", "Answers about a challenge carry Link rel=up.")
def test_D08(client, issued):
    url = issued[1]["authorizations"][0]
    challenge = client.get(url).json["challenges"][0]["url"]
    assert client.get(challenge).links["up"] == [url]
    assert client.post(challenge, {}).links["up"] == [url]


@row("D09", "Other chains of the same leaf are offered as Link "
     "rel=alternate.")
def test_D09(client, issued, chain):
    url = issued[1]["certificate"]
    assert eventually(lambda: "alternate" in client.get(url).links)
    reply = client.get(url).expect(200)
    alternate, = reply.links["alternate"]
    other = client.get(alternate).expect(200)
    assert other.links["alternate"] == [url]
    leaf = reply.text.index("-----END")
    assert other.text[:leaf] == reply.text[:leaf]
    assert other.text != reply.text
    assert other.headers["Content-Type"] == \
        "application/pem-certificate-chain"
    client.get(url + "/2").expect(404, "malformed")


@row("D10", "Clients must bear unknown keys of a directory.",
     "none is added at random: nothing is advertised that is not there")
def test_D10(client):
    known = {"newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert",
             "keyChange", "renewalInfo", "meta"}
    assert set(client.directory) <= known
    assert client.request("GET", client.directory_url).json == \
        client.directory
