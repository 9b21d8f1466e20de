# SPDX-License-Identifier: Apache-2.0
"""Acts of officers from the command line: signed, done, logged, listed."""
import base64
import json
import os
import secrets
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature)

from acme_client import unb64u
from appliance import (
    conf_value, env, eventually, processes, rows, value)
from checks import new_client, number

def ctl_command(*argv):
    return [os.path.join(env("CHANCERY_BIN"), "chanceryctl"), "-c",
            env("CHANCERY_CONF"), *argv]


def run(*argv, officer=None, code=0):
    variables = dict(os.environ)
    variables.pop("CHANCERY_OFFICER")
    done = subprocess.run(
        ctl_command(*argv, *([] if argv[0] == "status" else
                             ["--officer", officer or
                              env("CHANCERY_OFFICER")])),
        capture_output=True, text=True, timeout=60, env=variables)
    assert done.returncode == code, done
    return done


def ctl(*argv, **how):
    """The JSON that it prints."""
    return json.loads(run(*argv, "--json", **how).stdout)


def refusal(*argv, code=1, **how):
    return run(*argv, code=code, **how).stderr


def listed(kind):
    return {one["name"]: one for one in ctl(kind, "list")}


def fresh(label="x"):
    return f"{label}-{secrets.token_hex(4)}"


def entry_of(result):
    """The log's entry of an act."""
    text, = [bytes(entry) for entry, in rows(
        "SELECT entry FROM log_entry WHERE kind = 'act' ORDER BY index DESC "
        "LIMIT 50") if json.loads(bytes(entry))["request"] ==
        result["request"]]
    return json.loads(text)


def identity(folder, name, **members):
    path = os.path.join(str(folder), f"{name}.conf")
    with open(path, "w") as file:
        file.write(f'name = "{name}";\n')
        for keyword, text in members.items():
            file.write(f"{keyword} = {text};\n")
    return path


@pytest.fixture
def second(tmp_path):
    """A second officer, with a key of its own: name, identity file."""
    name = fresh("officer")
    file = identity(tmp_path, name, key_file=f'"{tmp_path}/{name}.key"')
    pem = tmp_path / "public.pem"
    pem.write_text(run("officer", "key", officer=file).stdout)
    ctl("officer", "add", name, str(pem))
    yield name, file
    if name in listed("officer"):
        ctl("officer", "remove", name)


# ------------------------------------------------------------- what is done

KINDS = [
    ("restrict", [".{name}.test"], ["--note", "high value"]),
    ("block", ["{name}.test"], ["--reason", "asked for"]),
    ("block", ["2001:db8:{a:x}:{b:x}::/64"], ["--reason", "not ours"]),
    ("eab", ["{name}"], ["--names", ".a.test,b.test", "--names", "10.0.0.0/8",
                     "--wildcards", "no", "--accounts", "0",
                     "--expires", "90d"]),
    ("grant", ["{name}"], ["--eab", "own", "--names", "bank.test",
                       "--expires", "30d"]),
]


@pytest.mark.parametrize("kind,args,options", KINDS)
def test_an_act_is_done_logged_and_listed(kind, args, options):
    args = [arg.format(name=fresh(), a=1 + secrets.randbelow(65535),
                       b=1 + secrets.randbelow(65535)) for arg in args]
    result = ctl(kind, "add", *args, *options)
    name = result["name"]
    assert result["result"] == "done" and result["version"] == 1
    body = listed(kind)[name]["body"]
    assert body == result["act"]["body"]
    assert body.get("names", []) in ([], ["bank.test"],
                                     [".a.test", "b.test", "10.0.0.0/8"])
    entry = entry_of(result)
    assert entry["act"] == result["act"]
    assert entry["officer"] == result["officer"] == "officer-1"
    assert entry["control"] == "single"
    again = ctl(kind, "add", *args, *options)
    assert again["version"] == 2
    assert listed(kind)[name]["version"] == 2
    gone = ctl(kind, "remove", name)
    assert gone["version"] == 3 and gone["act"]["body"] is None
    assert name not in listed(kind)
    assert "there is no" in refusal(kind, "remove", name)


def test_the_log_entry_proves_the_act_to_an_outsider():
    """Signature by the officer's key over exactly the act."""
    name = fresh() + ".test"
    result = ctl("restrict", "add", name)
    entry = entry_of(result)
    head, payload, signature = entry["jws"].split(".")
    assert json.loads(unb64u(payload)) == result["act"]
    header = json.loads(unb64u(head))
    base = conf_value("base_url").strip('"')
    assert header == {"alg": "ES256", "kid": f"{base}/officer/officer-1",
                      "url": f"{base}/officer/act"}
    key = json.loads(entry["officer_key"])
    public = ec.EllipticCurvePublicNumbers(
        int.from_bytes(unb64u(key["x"]), "big"),
        int.from_bytes(unb64u(key["y"]), "big"), ec.SECP256R1()).public_key()
    raw = unb64u(signature)
    public.verify(encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
        f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    ctl("restrict", "remove", name)


def test_block_a_key_by_its_hash():
    digest = secrets.token_hex(32)
    result = ctl("block", "add", digest, "--reason", "compromised")
    assert result["name"] == f"key:{digest}"
    assert result["act"]["body"]["type"] == "key"
    ctl("block", "remove", digest)


def test_a_chain_needs_the_issuers_key(tmp_path):
    """Another way up: the issuer's key and name, signed by another root."""
    with open(os.path.join(conf_value("state_dir").strip('"'),
                           "issuing.pem"), "rb") as file:
        issuing = x509.load_pem_x509_certificate(file.read())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(
        x509.NameOID.COMMON_NAME, "Another Root")])

    def cross(public):
        return (x509.CertificateBuilder().subject_name(issuing.subject)
                .issuer_name(name).public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(issuing.not_valid_before)
                .not_valid_after(issuing.not_valid_after)
                .sign(key, hashes.SHA256()))

    pem = tmp_path / "cross.pem"
    chain = fresh("chain")
    pem.write_bytes(cross(key.public_key()).public_bytes(
        serialization.Encoding.PEM))
    assert "issuer" in refusal("chain", "add", chain, str(pem), "--issuer",
                               "issuing-1")
    good = cross(issuing.public_key()).public_bytes(
        serialization.Encoding.DER)
    pem.write_text("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(
        good).decode() + "-----END CERTIFICATE-----\n")
    result = ctl("chain", "add", chain, str(pem), "--issuer", "issuing-1")
    held, = listed("chain")[chain]["body"]["certificates"]
    assert unb64u(held) == good
    assert result["result"] == "done"
    ctl("chain", "remove", chain)


def test_profiles_are_shown_edited_and_withdrawn(tmp_path):
    file = tmp_path / "profile.json"
    body = ctl("profile", "show", "short-lived")
    body["name"] = fresh("p")
    body["validity_seconds"] = 86400
    file.write_text(json.dumps(body, indent=1))
    result = ctl("profile", "set", str(file))
    assert result["version"] == 1
    assert listed("profile")[body["name"]]["body"] == body
    assert entry_of(result)["act"]["body"] == body
    body["description"] = "another"
    file.write_text(json.dumps(body))
    assert ctl("profile", "set", str(file))["version"] == 2
    assert json.loads(run("profile", "show", body["name"]).stdout) == body
    body["colour"] = "red"
    file.write_text(json.dumps(body))
    assert "unknown member" in refusal("profile", "set", str(file))
    ctl("profile", "remove", body["name"])
    assert body["name"] not in listed("profile")
    assert "there is no" in refusal("profile", "show", body["name"])


def test_accounts_are_listed_and_revoked():
    client = new_client()
    shown = ctl("account", "show", client.kid)
    assert shown["status"] == "valid" and shown["url"] == client.kid
    assert shown["id"] == str(number(client.kid))
    assert client.kid in [one["url"] for one in ctl("account", "list")]
    own, = ctl("account", "list", "--eab", "own")
    assert own["eab"] == "own"
    assert "--reason" in refusal("account", "revoke", client.kid, code=100)
    result = ctl("account", "revoke", client.kid, "--reason", "abuse")
    assert entry_of(result)["act"]["reason"] == "abuse"
    assert ctl("account", "show", client.kid)["status"] == "revoked"
    assert eventually(lambda: client.post(client.kid, {}).error ==
                      "unauthorized", 5, 0.3)
    assert "already" in refusal("account", "revoke", client.kid, "--reason",
                                "again")


# ---------------------------------------------------------------- EAB keys

def test_the_mac_key_is_shown_once_and_stored_nowhere():
    result = ctl("eab", "add", "--note", "for a test")
    mac = result["mac_key"]
    assert len(unb64u(mac)) == 32
    for table, column in (("request", "jws"), ("log_entry", "entry"),
                          ("outcome", "detail"), ("directive", "body")):
        assert value(f"SELECT count(*) FROM {table} WHERE "
                     f"position(%s::bytea IN {column}::text::bytea) > 0"
                     if column in ("detail", "body") else
                     f"SELECT count(*) FROM {table} WHERE "
                     f"position(%s::bytea IN {column}) > 0",
                     mac.encode()) == 0
    again = ctl("eab", "add", result["name"], "--accounts", "5")
    assert "mac_key" not in again
    one = listed("eab")[result["name"]]
    assert one["body"]["accounts"] == 5 and one["used"] == 0
    text = run("eab", "add").stdout
    assert "key id" in text and "MAC key" in text
    ctl("eab", "remove", result["name"])


def test_a_removed_key_id_is_not_given_again():
    """Its MAC key would be the one that was taken away."""
    name = ctl("eab", "add")["name"]
    ctl("eab", "remove", name)
    assert "take another id" in refusal("eab", "add", name)


# ---------------------------------------------------------------- officers

def test_a_second_officer_acts_until_removed(second):
    name, file = second
    restricted = fresh() + ".test"
    result = ctl("restrict", "add", restricted, officer=file)
    assert entry_of(result)["officer"] == name
    ctl("officer", "remove", name)
    error = refusal("restrict", "remove", restricted, officer=file)
    assert "refused" in error and "not an officer" in error
    ctl("restrict", "remove", restricted)


def test_the_last_officer_stays():
    while True:
        others = [name for name in listed("officer") if name != "officer-1"]
        if not others:
            break
        ctl("officer", "remove", others[0])
    assert "last officer" in refusal("officer", "remove", "officer-1")


@pytest.mark.parametrize("make,alg", [
    (lambda: ec.generate_private_key(ec.SECP384R1()), "ES384"),
    (lambda: ec.generate_private_key(ec.SECP521R1()), "ES512"),
    (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
    (lambda: rsa.generate_private_key(65537, 2048), "RS256"),
])
def test_officers_with_keys_of_other_kinds(tmp_path, make, alg):
    name, key = fresh("officer"), make()
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    pem = tmp_path / "public.pem"
    pem.write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo))
    ctl("officer", "add", name, str(pem))
    file = identity(tmp_path, name, key_file=f'"{path}"')
    result = ctl("officer", "remove", name, officer=file)
    head = entry_of(result)["jws"].split(".")[0]
    assert json.loads(unb64u(head))["alg"] == alg


@pytest.fixture
def token(tmp_path):
    """An officer's own token: the members of an identity file."""
    objects = tmp_path / "objects"
    objects.mkdir(mode=0o700)
    conf, pin = tmp_path / "softhsm2.conf", tmp_path / "pin"
    conf.write_text(f"directories.tokendir = {objects}\n"
                    "objectstore.backend = file\nlog.level = ERROR\n")
    pin.touch(0o600)
    pin.write_text("1234")
    subprocess.run(["softhsm2-util", "--init-token", "--free", "--label",
                    "officers", "--pin", "1234", "--so-pin", "5678"],
                   check=True, capture_output=True,
                   env=dict(os.environ, SOFTHSM2_CONF=str(conf)))
    return {"token": f'{{ module = "{env("PKCS11_MODULE")}"; label = '
                     f'"officers"; pin_file = "{pin}"; softhsm_conf = '
                     f'"{conf}"; }}', "key": '"mine"'}


def test_an_officer_whose_key_is_in_a_token(tmp_path, token):
    name = fresh("officer")
    file = identity(tmp_path, name, **token)
    assert ctl("officer", "key", "--dry-run",
               officer=file)["key"] == "would be made"
    made = ctl("officer", "key", officer=file)
    assert made["key"] == "made" and "BEGIN PUBLIC KEY" in made["public_key"]
    assert ctl("officer", "key", officer=file) == dict(made, key="there")
    pem = tmp_path / "public.pem"
    pem.write_text(made["public_key"])
    ctl("officer", "add", name, str(pem))
    restricted = fresh() + ".test"
    result = ctl("restrict", "add", restricted, officer=file)
    assert entry_of(result)["officer"] == name
    ctl("restrict", "remove", restricted)
    ctl("officer", "remove", name)


def test_the_key_of_an_account_is_no_officers(tmp_path):
    client = new_client()
    pem = tmp_path / "public.pem"
    pem.write_bytes(client.key.private.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo))
    assert "account" in refusal("officer", "add", fresh("officer"), str(pem))


# ---------------------------------------------------------- what is not done

def test_dry_run_signs_and_stores_nothing():
    before = value("SELECT count(*) FROM request WHERE kind = 'officer-act'")
    name = fresh() + ".test"
    result = ctl("restrict", "add", name, "--dry-run")
    assert result["result"] == "dry run" and "request" not in result
    assert result["act"]["name"] == name
    assert "would sign this" in run("block", "add", name, "--reason", "x",
                                    "--dry-run").stdout
    assert value("SELECT count(*) FROM request WHERE kind = "
                 "'officer-act'") == before
    assert name not in listed("restrict")


def test_a_key_that_others_may_read_is_not_used(second):
    _, file = second
    with open(file) as text:
        path = text.read().split('key_file = "')[1].split('"')[0]
    os.chmod(path, 0o644)
    assert "chmod 600" in refusal("restrict", "add", "x.test", officer=file)


def test_a_key_that_is_not_the_officers(tmp_path):
    file = identity(tmp_path, "officer-1", key_file=f'"{tmp_path}/k"')
    run("officer", "key", officer=file)
    assert "signature" in refusal("restrict", "add", "x.test",
                                  officer=file).lower()


@pytest.mark.parametrize("argv,code,words", [
    (["eab", "add", "a", "b"], 100, "one word too many"),
    (["eab", "add", "--colour", "red"], 100, "not an option"),
    (["eab", "add", "--accounts"], 100, "--accounts"),
    (["eab", "add", "--accounts", "many"], 100, "--accounts"),
    (["eab", "add", "--names", "Upper.test"], 100, "names"),
    (["eab", "add", "a b"], 100, "name"),
    (["restrict", "add"], 100, "missing"),
    (["grant", "add", "g", "--names", "a.test"], 100, ""),
    (["officer", "add", "x", "/nonexistent"], 1, "/nonexistent"),
    (["profile", "set", "/dev/null"], 1, "JSON"),
    (["account", "show", "https://elsewhere.test/1"], 100, "URL"),
    (["eab", "polish"], 100, "not a verb"),
])
def test_what_is_not_understood(argv, code, words):
    assert words in refusal(*argv, code=code)


def test_the_signer_is_away_and_comes_back():
    pid, = processes()["chancery-signer"]
    name = fresh() + ".test"
    os.kill(pid, signal.SIGSTOP)
    try:
        act = subprocess.Popen(ctl_command("restrict", "add", name),
                               stderr=subprocess.PIPE, text=True)
        assert "has not answered yet" in act.stderr.readline()
        assert name not in listed("restrict")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert act.wait(30) == 0, act.stderr.read()
    act.stderr.close()
    ctl("restrict", "remove", name)
