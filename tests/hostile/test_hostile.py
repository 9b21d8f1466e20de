# SPDX-License-Identifier: Apache-2.0
"""The hostile corpus, sent one by one.  Each input has exactly one answer;
none is a 5xx, none is an error in the log, no process ends, and afterwards
the server issues a certificate.

Members of a case, all optional but "id" and "is":
  to            a resource: a name of World.urls, or a path
  by            "kid" or "jwk"; key: "account", "new", or of pkcs10.MAKERS
  header        members of the protected header to replace; without: to drop
  header_text   its text instead
  jwk           members of the key to replace, null drops one
  payload       a JSON value; payload_text, payload_octets: as it is
  name, value   an order for one identifier of that type
  order         a good identifier is added to the payload
  signature     one of SIGNATURES
  message       members of the finished JWS to replace; drop: to drop
  body, body_octets  what is sent in place of the JWS
  content_type  null: none
Those of csr.json describe a PKCS#10 request (pkcs10.py), or the payload.
"""
import json
import re
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature)

import corpus
import pkcs10
from acme_client import JOSE, OMIT, Http01, Key, b64u, hs256, make_csr
from appliance import env, eventually, processes, value
from checks import base, fresh, new_client, number, order_payload
from wire import Answer, connect, read_all

ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
ALGS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512",
        "Ed25519": "EdDSA", "Ed448": "EdDSA", "RSA": "RS256",
        "RSA-1024": "RS256", "secp256k1": "ES256"}


class World:
    """What the cases are about: accounts, an order of each kind."""

    def __init__(self, responder):
        self.client = new_client()
        self.other = new_client()
        self.before = processes()
        self.log = open(env("CHANCERY_LOG"), errors="replace")
        self.log.seek(0, 2)
        pending = self.client.new_order([fresh("hostile")]).expect(201)
        authz_url, = pending.json["authorizations"]
        authz = self.client.get(authz_url).expect(200).json
        self.responder = responder
        self.used = self.client.nonce()
        self.client.get(self.client.kid, nonce=self.used).expect(200)
        self.urls = {
            "new-order": base("/acme/new-order"),
            "new-account": base("/acme/new-account"),
            "new-authz": base("/acme/new-authz"),
            "new-nonce": base("/acme/new-nonce"),
            "key-change": base("/acme/key-change"),
            "directory": base("/directory"),
            "account": self.client.kid, "other-account": self.other.kid,
            "order": pending.location,
            "authz": authz_url,
            "challenge": self.client.challenge(authz)["url"]}
        self.words = {
            "base": base(), "kid": self.client.kid, "other": self.other.kid,
            "jwk": self.client.key.jwk, "order": pending.location,
            "order_id": pending.location.rsplit("/", 1)[1],
            "authz_id": authz_url.rsplit("/", 1)[1], "used": self.used,
            "host": base().split("//")[1]}
        self.make_ready()
        self.orders = self.count("orders")
        self.accounts = value("SELECT count(*) FROM account")
        self.accepted = 0

    def make_ready(self):
        """An order that waits for its CSR."""
        name = fresh("hostile")
        self.ready, order = self.client.ready_order([name], self.responder)
        self.urls["finalize"] = order["finalize"]
        self.good = make_csr([name])[0]
        self.words.update(name=name, csr=b64u(self.good))

    def count(self, table):
        return value(f"SELECT count(*) FROM {table} WHERE account_id = %s",
                     number(self.client.kid))

    def fill(self, thing, **more):
        return corpus.fill(thing, {**self.words, **more})

    def url(self, case):
        to = case.get("to", "new-order")
        return base(self.fill(to)) if to.startswith("/") else self.urls[to]

    def key(self, case):
        name = case.get("key", "account")
        if name in ("account", "new"):
            return self.client.key if name == "account" else Key()
        return Key(ALGS[name], pkcs10.MAKERS[name]())

    def payload(self, case):
        if "payload_text" in case:
            return self.fill(case["payload_text"])
        if "payload_octets" in case:
            return bytes.fromhex(case["payload_octets"])
        if "value" in case:
            return {"identifiers": [{"type": case["name"], "value":
                                     self.fill(case["value"])}]}
        found = self.fill(case.get("payload", order_payload()))
        return {**order_payload(), **found} if case.get("order") else found


def _rs(signature):
    half = len(signature) // 2
    return signature[:half], signature[half:]


# From a good signature, its input and its key.
SIGNATURES = {
    "empty": lambda good, data, key: b"",
    "flipped": lambda good, data, key: good[:-1] + bytes([good[-1] ^ 1]),
    "one octet short": lambda good, data, key: good[:-1],
    "one octet long": lambda good, data, key: good + b"\0",
    "der": lambda good, data, key: encode_dss_signature(
        *[int.from_bytes(part, "big") for part in _rs(good)]),
    "zeros": lambda good, data, key: bytes(64),
    "ones": lambda good, data, key: b"\xff" * 64,
    "r zero": lambda good, data, key: bytes(32) + _rs(good)[1],
    "s zero": lambda good, data, key: _rs(good)[0] + bytes(32),
    "r the order": lambda good, data, key:
        ORDER.to_bytes(32, "big") + _rs(good)[1],
    "r and s swapped": lambda good, data, key:
        _rs(good)[1] + _rs(good)[0],
    "of another key": lambda good, data, key: Key().sign(data),
    "of other text": lambda good, data, key: key.sign(data + b" "),
    "mac of the public key": lambda good, data, key: hs256(
        json.dumps(key.jwk).encode(), data),
    "long": lambda good, data, key: b"x" * 10000,
}


@pytest.fixture(scope="module")
def responder():
    with Http01(int(env("CHANCERY_HTTP01_PORT"))) as responder:
        yield responder


@pytest.fixture(scope="module")
def world(responder):
    return World(responder)


def expect(world, case, reply):
    world.accepted += reply.status == 201
    answer = f"{reply.status} {reply.error or ''}".rstrip()
    assert answer == case["is"], (answer, reply)
    if reply.error == "badSignatureAlgorithm":
        assert "ES256" in reply.json["algorithms"], reply


# ------------------------------------------------------------------ JWS, JSON

def headers_of(world, case, key, words):
    """The arguments of Client.jws for the protected header."""
    header = world.fill(case.get("header", {}), **words)
    header.update({name: OMIT for name in case.get("without", ())})
    if "jwk" in case:
        jwk = {**key.jwk, **corpus.fill(case["jwk"], key.jwk)}
        header["jwk"] = {k: v for k, v in jwk.items() if v is not None}
    text = case.get("header_text")
    return {"header": header,
            "text": text and world.fill(text, **words)}


def message_of(world, case):
    """The JWS of a case as a dict; the text to send."""
    client, key, url = world.client, world.key(case), world.url(case)
    words = {"url": url, "alg": key.alg, "nonce": client.nonce()}
    how = headers_of(world, case, key, words)
    if "signature" in case:
        how["signature"] = lambda data: SIGNATURES[case["signature"]](
            key.sign(data), data, key)
    message = client.jws(url, world.payload(case), key=key,
                         nonce=words["nonce"], jwk=case.get("by") == "jwk",
                         **how)
    message.update(world.fill(case.get("message", {}), **words))
    for name in case.get("drop", ()):
        del message[name]
    if "body_octets" in case:
        return bytes.fromhex(case["body_octets"])
    if "body" in case:
        return world.fill(case["body"], **message).encode()
    return json.dumps(message)


def send(world, case):
    expect(world, case, world.client.send(
        world.url(case), message_of(world, case),
        case.get("content_type", JOSE)))


def cases(name):
    found = corpus.cases(name)
    return pytest.mark.parametrize("case", found,
                                   ids=[case["id"] for case in found])


@cases("jws")
def test_jws(world, case):
    send(world, case)


@cases("keys")
def test_key(world, case):
    send(world, case)


@cases("payloads")
def test_payload(world, case):
    send(world, case)


# ------------------------------------------------------------------------ CSR

def csr_of(world, case):
    case = world.fill({"names": ["${name}"], **case})
    if "der" in case:
        return bytes.fromhex(case["der"])
    keys = {"account": world.client.key.private,
            "other account": world.other.key.private}
    name = case.get("key", "P-256")
    return pkcs10.request(case, keys.get(name) or pkcs10.MAKERS[name]())


@cases("csr")
def test_csr(world, case):
    if "payload" in case or "payload_text" in case:
        payload = world.payload(case)
    elif "text" in case:
        payload = {"csr": world.fill(case["text"])}
    else:
        payload = {"csr": b64u(csr_of(world, case))}
    reply = world.client.post(world.urls["finalize"], payload)
    order = world.client.get(world.ready).expect(200).json
    if order["status"] != "ready":
        world.make_ready()
        world.orders += 1
    expect(world, case, reply)
    assert order["status"] == "ready", order


# ----------------------------------------------------------------------- HTTP

def raw(name):
    found = corpus.raw_cases()
    return pytest.mark.parametrize("case", found,
                                   ids=[case["id"] for case in found])


@raw("http")
def test_http(world, case):
    octets = corpus.fill(case["octets"].decode("latin-1"), world.words)
    with connect() as tls:
        tls.sendall(octets.encode("latin-1"))
        answer = tls.recv(65536) if case.get("first") else read_all(tls)
    if case["is"] == "closed":
        assert answer == b""
        return
    assert answer, "the connection was closed without an answer"
    reply = Answer(answer)
    status, _, error = case["is"].partition(" ")
    assert reply.status == int(status), (reply.status, reply.body)
    assert answer.count(b"\nHTTP/1.1 ") == \
        int(case.get("answers", 1)) - 1, answer
    assert case.get("lacks", "\0").encode() not in answer
    if "has" in case:
        name, wanted = case["has"].split(": ")
        assert reply.headers[name] == wanted
    if error:
        reply.problem(int(status), error)


# ------------------------------------------------------------------ afterwards

def test_corpus_is_as_large_as_promised():
    names = ("jws", "keys", "payloads", "csr")
    assert sum(len(corpus.cases(name)) for name in names) >= 400
    assert len(corpus.raw_cases()) >= 80


def test_afterwards_nothing_was_made(world):
    """Orders only for those that were accepted, accounts for none."""
    assert world.count("orders") == world.orders + world.accepted
    assert value("SELECT count(*) FROM account") == world.accounts


def test_afterwards_the_order_is_still_good(world):
    done = world.client.post(world.urls["finalize"],
                             {"csr": b64u(world.good)}).expect(200).json
    assert done["status"] == "valid"
    world.client.get(done["certificate"]).expect(200)


def test_afterwards_a_certificate_is_issued(world, responder):
    world.client.issue([fresh("after")], responder)


def test_afterwards_the_processes_are_the_same(world):
    assert eventually(lambda: processes() == world.before)


def test_afterwards_the_log_has_no_error(world):
    time.sleep(1)
    bad = [line for line in world.log.read().splitlines() if re.search(
        r"error: |serverInternal|Sanitizer|runtime error|Assertion|signal",
        line)]
    assert bad == []
