# SPDX-License-Identifier: Apache-2.0
"""What the tests of the protocol share: a client that holds each reply to
what all replies must have, and small steps that many tests begin with."""
import re
import secrets
import threading
from datetime import datetime, timezone

from acme_client import Client, unb64u
from appliance import env, value

# The registry "ACME Error Types" (RFC 8555, 9.7.2), as far as it is ours, and
# invalidProfile (draft-ietf-acme-profiles, 5), which is asked for there.
REGISTERED = {
    "accountDoesNotExist", "alreadyReplaced", "badCSR", "badNonce",
    "badPublicKey", "badSignatureAlgorithm", "caa", "compound", "connection",
    "dns", "externalAccountRequired", "incorrectResponse", "invalidContact",
    "invalidProfile", "malformed", "orderNotReady", "rateLimited",
    "rejectedIdentifier", "serverInternal", "tls", "unauthorized",
    "unsupportedContact", "unsupportedIdentifier", "userActionRequired"}


class Checked(Client):
    """A client that holds each reply to what all replies must have: N01,
    D07, E01-E03, T04."""

    def request(self, method, url, *args, **more):
        reply = super().request(method, url, *args, **more)
        simply_read = (method in ("GET", "HEAD", "OPTIONS") and
                       reply.status < 400 and "new-nonce" not in url)
        assert (reply.nonce is None) == simply_read, reply
        if not simply_read:
            assert reply.headers["Cache-Control"] == "no-store", reply
        assert reply.headers["Access-Control-Allow-Origin"] == "*", reply
        is_directory = url.split("?")[0].endswith("/directory")
        assert reply.links.get("index") == (
            None if is_directory else [base("/directory")]), reply
        if reply.status >= 400 and method != "HEAD":
            assert reply.error in REGISTERED, reply
            assert reply.json["status"] == reply.status, reply
            assert reply.json["detail"], reply
            assert "identifier" not in reply.json, reply
        elif reply.body and not re.match(r"text/plain|application/pem-",
                                         reply.headers["Content-Type"]):
            assert reply.headers["Content-Type"] == "application/json"
        return reply

    def jws(self, *args, nonce=None, **more):
        """A nonce that a test chooses is not there for the next request."""
        if nonce in self.nonces:
            self.nonces.remove(nonce)
        return super().jws(*args, nonce=nonce, **more)


def base(path=""):
    return env("CHANCERY_DIRECTORY").removesuffix("/directory") + path


def stranger(key=None):
    """A client that has no account yet."""
    return Checked(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"), key)


def new_client(key=None, **payload):
    client = stranger(key)
    client.register(**payload)
    return client


def fresh(label="acme"):
    """A name that no other test and no earlier run has used."""
    return f"{label}-{secrets.token_hex(5)}.test"


def order_payload(*names):
    return {"identifiers": [{"type": "dns", "value": name}
                            for name in names or [fresh()]]}


def number(url):
    """The row that the URL of an account, order or authorization is, or that
    of an order's finalize."""
    public = url.removesuffix("/finalize").rsplit("/", 1)[1]
    return int.from_bytes(unb64u(public)[:8], "big")


def authz_of(client, order):
    """URL and object of the first authorization."""
    url = order.json["authorizations"][0]
    return url, client.get(url).expect(200).json


def at_once(*calls):
    """Run them together; what each returned."""
    results = [None] * len(calls)

    def run(i):
        results[i] = calls[i]()
    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def moment(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text), text
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=timezone.utc)


def refused(client, error="malformed", status=400, url=None, payload=None,
            **how):
    """A request that is wrong in one way is refused for it, has no effect,
    and the client can go on with the nonce of the refusal."""
    before = orders_of(client)
    reply = client.post(url or client.directory["newOrder"],
                        order_payload() if payload is None else payload,
                        retry=False, **how).expect(status, error)
    assert orders_of(client) == before
    client.post(client.kid, {}, nonce=reply.nonce).expect(200)
    return reply


def orders_of(client):
    return value("SELECT count(*) FROM orders WHERE account_id = %s",
                 number(client.kid))
