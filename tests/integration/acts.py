# SPDX-License-Identifier: Apache-2.0
"""Acts of officers without chanceryctl: signed here, inserted as a request,
so that each part can be wrong.  Nothing is judged: do() says what came."""
import hashlib
import json
import re
import secrets
import socket
import time

from cryptography.hazmat.primitives import serialization

from acme_client import OMIT, Key, b64u
from appliance import (
    conf_value, database, env, eventually, rows, value)
from checks import base


def canonical(payload):
    """RFC 8785, for what an act holds."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"),
                      ensure_ascii=False)


def officer_key():
    """The key of the first officer, which the quickstart keeps in a file."""
    with open(env("CHANCERY_OFFICER")) as file:
        path = re.search(r'key_file = "([^"]*)"', file.read()).group(1)
    with open(path, "rb") as file:
        return Key("ES256", serialization.load_pem_private_key(
            file.read(), None))


def head(kind, name):
    """The hash that the next version replaces, or None."""
    table, where = (("profile", "name = %s") if kind is None else
                    ("directive", "name = %s AND kind = %s"))
    found = rows(f"SELECT hash FROM {table} WHERE {where} ORDER BY version "
                 "DESC LIMIT 1", name, *([] if kind is None else [kind]))
    return b64u(bytes(found[0][0])) if found else None


def payload(act, **members):
    whole = {"act": act, "id": b64u(secrets.token_bytes(32)),
             "expires": int(time.time()) + 600, **members}
    if act in ("set", "profile"):
        whole.setdefault("replaces", head(members.get("kind"),
                                          members["name"]))
    return {k: v for k, v in whole.items() if v is not OMIT}


def set_(kind, name, body, **members):
    return payload("set", kind=kind, name=name, body=body, **members)


def jws(act, key=None, header=None, text=None, signature=None):
    """A flattened JWS as text; header: members to replace, or OMIT."""
    key = key or officer_key()
    protected = {"alg": key.alg, "kid": base("/officer/officer-1"),
                 "url": base("/officer/act"), **(header or {})}
    protected = {k: v for k, v in protected.items() if v is not OMIT}
    message = {"protected": b64u(json.dumps(protected)),
               "payload": b64u(text if text is not None else canonical(act))}
    data = f"{message['protected']}.{message['payload']}".encode()
    message["signature"] = b64u(signature or key.sign(data))
    return json.dumps(message), hashlib.sha256(data).digest()


def ring():
    """The signer's doorbell: it would look within a second anyway."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.sendto(b"", conf_value("run_dir").strip('"') + "/signer/bell")


def insert(message, digest, kind="officer-act"):
    """The request's id."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO request (kind, jws, digest) "
                       "VALUES (%s, %s, %s) RETURNING id",
                       (kind, message.encode(), digest))
        request = cursor.fetchone()[0]
    ring()
    return request


def outcome(request, seconds=15):
    """(problem or None, detail or None); None while there is none."""
    found = eventually(lambda: rows(
        "SELECT problem, detail FROM outcome WHERE request_id = %s",
        request), seconds)
    if not found:
        return None
    return tuple(None if text is None else json.loads(text)
                 for text in found[0])


def do(act, **how):
    """What is wrong with it, or None: it is done."""
    end = outcome(insert(*jws(act, **how)))
    assert end is not None, "no outcome"
    return end[0]


def done(act, **how):
    problem = do(act, **how)
    assert problem is None, problem


def refused(act, words, error=None, **how):
    problem = do(act, **how)
    assert problem is not None and words in problem["detail"], problem
    if error is not None:
        assert problem["type"].endswith(":" + error), problem


def versions(kind, name):
    return value("SELECT count(*) FROM directive WHERE kind = %s AND "
                 "name = %s", kind, name)
