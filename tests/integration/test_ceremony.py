# SPDX-License-Identifier: Apache-2.0
"""What the key ceremony left in the log, in the database and on the record,
and what it says of a file that will not do."""
import hashlib
import json
import os
import subprocess

import pytest

from acme_client import unb64u
from appliance import conf_value, env, rows, value


def folder():
    return os.path.dirname(os.path.realpath(env("CHANCERY_CONF")))


def state(name):
    return os.path.join(conf_value("state_dir").strip('"'), name)


def ceremony_conf():
    with open(os.path.join(folder(), "ceremony.conf")) as file:
        return file.read()


def init(*argv):
    return subprocess.run(
        [os.path.join(env("CHANCERY_BIN"), "chanceryctl"), "-c",
         env("CHANCERY_CONF"), "init", *argv],
        capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def done():
    """The entry that says what was done."""
    entries = [json.loads(bytes(entry)) for entry, in rows(
        "SELECT entry FROM log_entry WHERE kind = 'ceremony' ORDER BY index")]
    assert [entry["phase"] for entry in entries] == ["begun", "done"]
    return entries[1]


def test_four_profiles_are_in_the_log_and_in_force(done):
    stored = dict(rows("SELECT name, body FROM profile WHERE version = 1"))
    logged = {json.loads(body)["name"]: body for body in done["profiles"]}
    assert set(logged) == {"server", "server-cn", "client", "short-lived"}
    assert {name: stored[name] for name in logged} == logged
    profile = {name: json.loads(body) for name, body in logged.items()}
    server_auth, client_auth = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
    for name, eku, common_name, days in (
            ("server", server_auth, "none", 90),
            ("server-cn", server_auth, "first", 90),
            ("client", client_auth, "first", 90),
            ("short-lived", server_auth, "none", 6)):
        assert profile[name]["eku"] == [eku]
        assert profile[name]["common_name"] == common_name
        assert profile[name]["validity_seconds"] == days * 86400
        assert profile[name]["description"]


def test_first_officer_and_own_eab_key_are_in_the_log(done):
    logged = {(one["kind"], one["name"]): one["body"]
              for one in done["directives"]}
    assert set(logged) == {("officer", "officer-1"), ("eab", "own")}
    for (kind, name), body in logged.items():
        assert value("SELECT body FROM directive WHERE kind = %s AND "
                     "name = %s AND version = 1", kind, name) == body
    own = json.loads(logged["eab", "own"])
    host = conf_value("base_url").strip('"').split("/")[2].split(":")[0]
    assert own["accounts"] == 1 and own["names"] == own["prevalidated"]
    assert host in own["names"]


def test_the_own_accounts_key_is_the_one_in_the_token(done):
    key, = [key for key in done["keys"] if key["role"] == "account"]
    assert key["label"] == "chancery-account"
    assert key["attributes"]["extractable"] is False
    jwk = json.loads(done["account"]["jwk"])
    point = unb64u(jwk["x"]) + unb64u(jwk["y"])
    assert unb64u(key["spki"]).endswith(b"\4" + point)
    text = done["account"]["jwk"].encode()
    assert json.dumps(jwk, sort_keys=True, separators=(",", ":")) == \
        text.decode()
    thumbprint = hashlib.sha256(text).digest()
    public = hashlib.sha256(b"chancery own account" + thumbprint).digest()
    assert unb64u(done["account"]["public"]) == public[:16]
    (stored, mark, status, eab, request), = rows(
        "SELECT public, thumbprint, status, eab, request_id FROM account "
        "WHERE request_id IS NULL")
    assert (bytes(stored), bytes(mark)) == (public[:16], thumbprint)
    assert (status, eab, request) == ("valid", "own", None)
    assert value("SELECT count(*) FROM account_key WHERE thumbprint = %s",
                 thumbprint) == 1


def test_the_record_names_what_witnesses_compare(done):
    with open(state("ceremony-record.txt")) as file:
        record = file.read()
    digits = "".join(record.split())
    officer, = [json.loads(one["body"])["jwk"] for one in done["directives"]
                if one["kind"] == "officer"]
    text = json.dumps(officer, sort_keys=True, separators=(",", ":"))
    for one in (text, done["account"]["jwk"]):
        assert hashlib.sha256(one.encode()).hexdigest() in digits
    for body in done["profiles"]:
        assert body in record
    for role in ("root", "issuing", "log", "seal", "eab", "account"):
        assert f"\n  {role} " in record


def test_the_same_command_again_changes_nothing():
    files = ("listener/listener.pem", "listener/listener.key")
    before = value("SELECT size FROM log_head"), [
        os.stat(state(name)).st_ino for name in files]
    text = init("--json", os.path.join(folder(), "ceremony.conf"))
    assert text.returncode == 0, text
    assert json.loads(text.stdout)["result"] == "already initialised"
    assert before == (value("SELECT size FROM log_head"), [
        os.stat(state(name)).st_ino for name in files])


OFFICER = 'key_file = "'


@pytest.mark.parametrize("old,new,words", [
    ('name = "server-cn"', 'name = "server"', "same name"),
    ('name = "client"', 'name = "Client"', "lower-case"),
    ('"clientAuth" ]', '"codeSigning" ]', "serverAuth clientAuth"),
    ('common_name = "none"', 'common_name = "last"', "none first"),
    ('validity = "6d"', 'validity = "6y"', "validity"),
    ('"Ed25519"', '"Ed448"', "Ed25519"),
    ('identifiers = [ "dns"', 'identifiers = [ "email"', "dns ip"),
    ('open = "yes"', 'open = "perhaps"', "yes"),
    ('open = "yes"', 'opened = "yes"', "did you mean"),
    (OFFICER, 'public_' + OFFICER + '/tmp/x"; ' + OFFICER, "not both"),
    (OFFICER, 'key_fil = "', "did you mean"),
    ('[ "localhost"', '[ "Localhost"', "lower case"),
    ('[ "localhost"', '[ "10.0.0.256"', "address"),
])
def test_a_file_that_will_not_do(tmp_path, old, new, words):
    text = ceremony_conf()
    assert old in text
    file = tmp_path / "ceremony.conf"
    file.write_text(text.replace(old, new, 1))
    refused = init("--dry-run", str(file))
    assert refused.returncode == 1 and words in refused.stderr, refused


def test_the_hosts_name_must_be_the_listeners(tmp_path):
    file = tmp_path / "ceremony.conf"
    file.write_text(ceremony_conf().replace('[ "localhost"', '[ "other"'))
    refused = init("--dry-run", str(file))
    assert refused.returncode == 1 and "base_url" in refused.stderr
