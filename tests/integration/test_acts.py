# SPDX-License-Identifier: Apache-2.0
"""Acts of officers, judged by the signer alone: whatever is not exactly an
act of an officer, of today and for the first time, changes nothing."""
import hashlib
import json
import secrets
import time

import psycopg2
import pytest
from cryptography.hazmat.primitives import serialization

from acme_client import OMIT, Key, b64u
from acts import (
    canonical, do, done, head, insert, jws, officer_key, outcome, payload,
    refused, set_, versions)
from appliance import database, env, eventually, rows, value
from checks import at_once, base, new_client, stranger

EMPTY = {"accounts": 1, "expires": 0}


def name():
    return "act-" + secrets.token_hex(5)


@pytest.fixture
def eab():
    """The name of a directive that the test makes; nothing is left of it."""
    kid = name()
    yield kid
    if head("eab", kid) not in (None, b64u(hashlib.sha256(b"null").digest())):
        done(set_("eab", kid, None))


def entries(request):
    return [entry for entry in (json.loads(bytes(text)) for text, in rows(
        "SELECT entry FROM log_entry WHERE kind = 'act'"))
        if entry["request"] == str(request)]


def test_what_an_act_leaves(eab):
    act = set_("eab", eab, EMPTY)
    message, digest = jws(act)
    request = insert(message, digest)
    assert outcome(request) == (None, None)
    (kind, body, hashed, by), = rows(
        "SELECT kind, body, hash, request_id FROM directive WHERE name = %s",
        eab)
    assert (kind, body, by) == ("eab", canonical(EMPTY), request)
    assert bytes(hashed) == hashlib.sha256(body.encode()).digest()
    entry, = entries(request)
    assert entry["act"] == act and entry["control"] == "single"
    assert entry["officer"] == "officer-1"
    assert json.loads(entry["officer_key"]) == officer_key().jwk
    assert entry["object_version"] == "1"
    flat = json.loads(message)
    assert entry["jws"] == ".".join(
        flat[part] for part in ("protected", "payload", "signature"))


# --------------------------------------------------------------- who signed

@pytest.mark.parametrize("how,error", [
    (dict(key=Key()), "malformed"),
    (dict(key=Key("EdDSA")), "badPublicKey"),
    (dict(signature=b"\0" * 64), "malformed"),
    (dict(header={"alg": "none"}), "badSignatureAlgorithm"),
    (dict(header={"alg": "HS256"}), "badSignatureAlgorithm"),
    (dict(header={"kid": OMIT}), "malformed"),
    (dict(header={"kid": OMIT, "jwk": {}}), "unauthorized"),
    (dict(header={"kid": "/officer/nobody"}), "unauthorized"),
    (dict(header={"kid": "/officer/"}), "unauthorized"),
    (dict(header={"kid": "/acme/account/officer-1"}), "unauthorized"),
    (dict(header={"url": "/acme/new-account"}), "unauthorized"),
    (dict(header={"url": "/officer/act/"}), "unauthorized"),
    (dict(header={"url": OMIT}), "malformed"),
    (dict(header={"crit": ["b64"]}), "malformed"),
])
def test_not_an_officers(eab, how, error):
    header = {k: base(v) if isinstance(v, str) and v.startswith("/") else v
              for k, v in how.get("header", {}).items()}
    problem = do(set_("eab", eab, EMPTY), **{**how, "header": header})
    assert problem and problem["type"].endswith(":" + error), problem
    assert versions("eab", eab) == 0


def test_the_key_of_an_account_is_no_officers():
    client = new_client()
    act = set_("eab", name(), EMPTY)
    refused(act, "not that of an officer", "unauthorized", key=client.key,
            header={"kid": client.kid})


def test_an_act_is_no_request_of_an_account():
    """The face of a thief inserts it as another kind."""
    message, digest = jws(set_("eab", name(), EMPTY))
    problem, _ = outcome(insert(message, digest, "new-account"))
    assert problem["type"].endswith(":unauthorized"), problem
    # And the other way around: a new account's JWS is no act.
    client = stranger()
    message = client.jws(client.directory["newAccount"], {}, jwk=True)
    data = f"{message['protected']}.{message['payload']}".encode()
    problem, _ = outcome(insert(json.dumps(message),
                                hashlib.sha256(data).digest()))
    assert problem["type"].endswith(":unauthorized"), problem


# -------------------------------------------------------------- what it says

@pytest.mark.parametrize("change,words", [
    (dict(act="sett"), "act"),
    (dict(act=1), "act"),
    (dict(act=OMIT), "act"),
    (dict(id=OMIT), "id"),
    (dict(id=b64u(b"x" * 31)), "id"),
    (dict(id=b64u(b"x" * 33)), "id"),
    (dict(id="!" * 43), "id"),
    (dict(expires=OMIT), "expires"),
    (dict(expires="1"), "expires"),
    (dict(expires=1), "expired"),
    (dict(expires=1 << 40), "later than"),
    (dict(expires=1 << 60), "53 bits"),
    (dict(kind=OMIT), "kind"),
    (dict(kind=[]), "kind"),
    (dict(kind="nothing"), "kind"),
    (dict(name=OMIT), "name"),
    (dict(name=None), "name"),
    (dict(name="a b"), "name"),
    (dict(name=""), "name"),
    (dict(name="x" * 129), "name"),
    (dict(body=OMIT), "body"),
    (dict(body=[]), "body"),
    (dict(body="null"), "body"),
    (dict(body={}), "accounts"),
    (dict(body={**EMPTY, "x": 1}), "x:"),
    (dict(body={**EMPTY, "accounts": 1.5}), "number"),
    (dict(body={**EMPTY, "names": ["*.test"]}), "names"),
    (dict(replaces=OMIT), "replaces"),
    (dict(replaces=1), "replaces"),
    (dict(replaces=b64u(b"x" * 32)), "replaces"),
    (dict(extra=1), "extra"),
    (dict(account="x"), "account"),
    (dict(deliver_to={}), "kty"),
    (dict(deliver_to=Key("ES384").jwk), "P-256"),
    (dict(deliver_to="x"), "deliver_to"),
    (dict(kind="restrict", name="a.test", body={"value": "a.test"},
          deliver_to=Key().jwk), "deliver_to"),
])
def test_not_an_act(eab, change, words):
    act = {**set_("eab", eab, EMPTY), **change}
    refused({k: v for k, v in act.items() if v is not OMIT}, words)
    assert versions("eab", eab) == 0


@pytest.mark.parametrize("spoil", [
    lambda text: text.replace(":", ": ", 1),
    lambda text: text + " ",
    lambda text: "{" + text[1:-1].partition(",")[2] + "," +
        text[1:-1].partition(",")[0] + "}",
    lambda text: text.replace('"eab"', '"\\u0065ab"'),
    lambda text: text[:-1],
    lambda text: text.replace("{", '{"act":"set",', 1),
    lambda text: "",
    lambda text: "[]",
    lambda text: "\xff",
])
def test_not_canonical(eab, spoil):
    act = set_("eab", eab, EMPTY)
    problem = do(act, text=spoil(canonical(act)), header={"typ": eab})
    assert problem["type"].endswith(":malformed"), problem
    assert versions("eab", eab) == 0


# ------------------------------------------------------------ once, in order

def test_an_act_counts_once(eab):
    act = set_("eab", eab, EMPTY)
    message, digest = jws(act)
    assert outcome(insert(message, digest))[0] is None
    with pytest.raises(psycopg2.errors.UniqueViolation):
        insert(message, digest)
    # Signed again with another header: the id was used.
    refused(act, "done before", header={"typ": "again"})
    # The same id for another act.
    refused({**set_("eab", eab, None), "id": act["id"]}, "done before")
    assert versions("eab", eab) == 1


def test_an_act_of_yesterday(eab):
    act = set_("eab", eab, EMPTY, expires=int(time.time()) - 1)
    refused(act, "expired", "unauthorized")
    refused({**act, "expires": int(time.time()) + 86400 + 60}, "later than")


def test_a_version_is_replaced_by_who_has_seen_it(eab):
    first = set_("eab", eab, EMPTY)
    done(first)
    seen = head("eab", eab)
    refused(set_("eab", eab, EMPTY, replaces=None), "not the version")
    refused(set_("eab", eab, EMPTY, replaces=b64u(b"x" * 32)),
            "not the version")
    done(set_("eab", eab, {**EMPTY, "note": "2"}, replaces=seen))
    refused(set_("eab", eab, {**EMPTY, "note": "3"}, replaces=seen),
            "not the version")
    assert versions("eab", eab) == 2


def test_two_at_once_replace_one_version(eab):
    done(set_("eab", eab, EMPTY))
    acts = [jws(set_("eab", eab, {**EMPTY, "note": str(i)}))
            for i in range(6)]
    requests = at_once(*[lambda act=act: insert(*act) for act in acts])
    problems = [outcome(request)[0] for request in requests]
    assert sorted(p is None for p in problems) == [False] * 5 + [True]
    assert all("not the version" in p["detail"] for p in problems if p)
    assert versions("eab", eab) == 2


def test_what_is_not_there_cannot_be_ended():
    refused(set_("eab", name(), None), "nothing that could be ended")
    refused(set_("eab", name(), EMPTY, replaces=b64u(b"x" * 32)),
            "nothing yet")


# ----------------------------------------------------------------- officers

def test_the_last_officer_stays_and_keys_are_of_one_use():
    officers = value("SELECT count(*) FROM (SELECT DISTINCT ON (name) body "
                     "FROM directive WHERE kind = 'officer' ORDER BY name, "
                     "version DESC) d WHERE body <> 'null'")
    if officers == 1:
        refused(set_("officer", "officer-1", None), "last officer")
    refused(set_("officer", name(), {"jwk": officer_key().jwk}),
            "an officer already", "badPublicKey")
    client = new_client()
    refused(set_("officer", name(), {"jwk": client.key.jwk}),
            "that of an account", "badPublicKey")


def test_an_officers_key_is_no_accounts():
    key, who = Key(), name()
    done(set_("officer", who, {"jwk": key.jwk}))
    try:
        stranger(key).new_account().expect(400, "badPublicKey")
        client = new_client()
        client.key_change(key).expect(400, "badPublicKey")
    finally:
        done(set_("officer", who, None), key=key,
             header={"kid": base("/officer/" + who)})
    refused(set_("officer", name(), {"jwk": Key().jwk}), "not an officer",
            "unauthorized", key=key, header={"kid": base("/officer/" + who)})
    stranger(key).new_account().expect(201)


# ------------------------------------------------------------------ effects

def test_a_blocked_key_is_no_accounts():
    key = Key()
    digest = hashlib.sha256(key.private.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    body = {"type": "key", "value": digest, "reason": "stolen"}
    done(set_("block", "key:" + digest, body))
    stranger(key).new_account().expect(400, "badPublicKey")
    new_client().key_change(key).expect(400, "badPublicKey")
    done(set_("block", "key:" + digest, None))
    stranger(key).new_account().expect(201)


def test_an_account_is_revoked():
    client = new_client()
    act = payload("account-revoke", account=client.kid, reason="gone")
    refused({**act, "account": client.kid + "x"}, "not the URL")
    refused({**act, "account": client.kid[:-4] + "AAAA"}, "no such account")
    refused({**act, "account": 5}, "not the URL")
    refused({**act, "reason": None}, "reason")
    done(act)
    # The face remembers an account for a moment.
    assert eventually(lambda: client.get(client.kid).status == 401, 5, 0.3)
    client.get(client.kid).expect(401, "unauthorized")
    refused(payload("account-revoke", account=client.kid, reason="again"),
            "already")


def test_a_profile_has_its_own_name():
    body = json.loads(value("SELECT body FROM profile WHERE name = 'server' "
                            "ORDER BY version DESC LIMIT 1"))
    refused(payload("profile", name="p-" + secrets.token_hex(4), body=body),
            "another name")
    refused(payload("profile", name="No", body=body), "name")
    refused(payload("profile", name="p", body={"name": "p"}), "body")


# ------------------------------------------------------------- a forged row

def log_text():
    with open(env("CHANCERY_LOG")) as file:
        return file.read()


def test_a_forged_directive_stops_everything():
    """Who owns the database can write a row, but not its seal: then nothing
    is decided until the row is gone."""
    who = name()
    body = canonical({"jwk": Key().jwk})
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO directive (kind, name, version, body, hash, seal) "
            "VALUES ('officer', %s, 1, %s, sha256(convert_to(%s, 'UTF8')), "
            "%s)", (who, body, body, b"\0" * 32))
    words = f"nothing is decided: directive officer {who}: its seal"
    try:
        assert eventually(lambda: words in log_text(), 10)
        act = set_("eab", name(), EMPTY)
        request = insert(*jws(act))
        time.sleep(2)
        assert rows("SELECT FROM outcome WHERE request_id = %s",
                    request) == []
    finally:
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE directive DISABLE TRIGGER "
                           "append_only")
            cursor.execute("DELETE FROM directive WHERE name = %s", (who,))
            cursor.execute("ALTER TABLE directive ENABLE TRIGGER "
                           "append_only")
    assert outcome(request) == (None, None)
    done(set_("eab", act["name"], None))
    assert log_text().count(words) == 1
    new_client()


def without_trigger(table, sql, *args):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        cursor.execute(sql, args)
        assert cursor.rowcount == 1
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


def test_a_removed_version_is_missed(eab):
    """Who owns the database takes the newest version away: an officer's act
    on what is left is not done."""
    done(set_("eab", eab, EMPTY))
    done(set_("eab", eab, {**EMPTY, "note": "2"}))
    row = rows("SELECT id, kind, name, version, body, hash, request_id, seal "
               "FROM directive WHERE name = %s AND version = 2", eab)[0]
    without_trigger("directive", "DELETE FROM directive WHERE id = %s",
                    row[0])
    refused(set_("eab", eab, {**EMPTY, "note": "3"}), "is gone",
            "serverInternal")
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO directive (id, kind, name, version, body,"
                       " hash, request_id, seal) VALUES (%s, %s, %s, %s, %s,"
                       " %s, %s, %s)", row)
    done(set_("eab", eab, {**EMPTY, "note": "3"}))


def test_the_issuer_of_a_profile_is_not_the_rows():
    """Who owns the database puts a version with another issuer before the
    officer's: the act is done under the issuer that is sealed."""
    issuer, body, version = rows(
        "SELECT issuer_id, body, version FROM profile WHERE name = 'client' "
        "ORDER BY version DESC LIMIT 1")[0]
    other = "forged-" + secrets.token_hex(4)
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO issuer (name, certificate, root, key_id,"
                       " seal) SELECT %s, certificate, root, key_id, %s FROM"
                       " issuer WHERE id = %s RETURNING id",
                       (other, b"\0" * 32, issuer))
        forged = cursor.fetchone()[0]
        cursor.execute("INSERT INTO profile (name, version, issuer_id, body,"
                       " hash, seal) SELECT name, version + 1, %s, body,"
                       " hash, %s FROM profile WHERE name = 'client' AND"
                       " version = %s RETURNING id",
                       (forged, b"\0" * 32, version))
        row = cursor.fetchone()[0]
    try:
        # The signer has seen it.
        assert eventually(lambda: "profile client: the seal" in log_text(),
                          10)
        done(payload("profile", name="client", body=json.loads(body)))
        assert value("SELECT issuer_id FROM profile WHERE name = 'client' "
                     "ORDER BY version DESC LIMIT 1") == issuer
    finally:
        without_trigger("profile", "DELETE FROM profile WHERE id = %s", row)
        without_trigger("issuer", "DELETE FROM issuer WHERE id = %s", forged)
