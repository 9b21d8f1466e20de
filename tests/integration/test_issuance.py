# SPDX-License-Identifier: Apache-2.0
"""What the signer makes of an order: subject and extensions from the profile,
keys that it takes and keys that it does not, orders from before a key change,
and CAA looked at again.  Rows: O10, O11, O12, O16, K05, D04."""
import hashlib
import ipaddress
import json
import os
import re
import secrets
import signal
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed25519, padding, rsa, utils)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import acts
from acme_client import Key, ip, make_csr, split_chain, unb64u
from appliance import env, eventually, processes, rows, value
from beside import Beside
from checks import fresh, new_client, number
from responders import CAA, Dns


def leaf(chain):
    return split_chain(chain)[0]


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


def common_names(certificate):
    return [a.value for a in certificate.subject.get_attributes_for_oid(
        NameOID.COMMON_NAME)]


def spki(key):
    return key.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)


def entry(sql, *args):
    return json.loads(value("SELECT convert_from(e.entry, 'UTF8') FROM "
                            "log_entry e " + sql, *args))


def intent_of(url):
    return entry("JOIN intent i ON i.index = e.index WHERE i.order_id = %s",
                 number(url))


# ------------------------------------------------------- what the profile says

def test_a_common_name_where_the_profile_has_one(client, responder):
    first, second = fresh("zz"), fresh("aa")
    _, order, chain = client.issue([first, second], responder,
                                   profile="server-cn")
    assert order["profile"] == "server-cn"
    assert common_names(leaf(chain)) == [first]
    san = extension(leaf(chain), x509.SubjectAlternativeName)
    assert san.critical is False
    assert san.value.get_values_for_type(x509.DNSName) == sorted(
        [first, second])


def test_a_name_too_long_for_it(client, responder):
    long, short = f"{'a' * 60}.{fresh()}", fresh("short")
    _, _, chain = client.issue([long, short], responder, profile="server-cn")
    assert common_names(leaf(chain)) == [short]
    _, _, chain = client.issue([long], responder, profile="server-cn")
    assert len(list(leaf(chain).subject)) == 0
    assert extension(leaf(chain), x509.SubjectAlternativeName).critical


def test_nothing_of_the_csr_but_the_key(client, responder):
    name = fresh()
    key = ec.generate_private_key(ec.SECP256R1())
    csr, _ = make_csr([name], key, common_name=name, extensions=[
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
        (x509.KeyUsage(True, True, True, True, True, False, False, False,
                       False), True),
        (x509.TLSFeature([x509.TLSFeatureType.status_request]), False)])
    url, _, chain = client.issue([name], responder, csr)
    assert len(list(leaf(chain).subject)) == 0
    assert list(extension(leaf(chain), x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH]
    usage = extension(leaf(chain), x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment
    assert spki(key) == leaf(chain).public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    assert intent_of(url)["profile"] == "server"


def test_a_profile_for_clients(client, responder):
    name = fresh()
    _, _, chain = client.issue([name], responder, profile="client")
    assert list(extension(leaf(chain), x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH]
    assert common_names(leaf(chain)) == [name]


def test_a_common_name_that_is_an_address(client, responder):
    """RFC 8738; the CSR may say it there only, or leave its CN empty."""
    address = "127.0.0.1"
    for csr in (make_csr([], common_name=address)[0],
                make_csr([ip(address)], common_name=address)[0],
                make_csr([ip(address)])[0]):
        _, _, chain = client.issue([ip(address)], responder, csr,
                                   profile="server-cn")
        assert common_names(leaf(chain)) == [address]
        assert extension(leaf(chain), x509.SubjectAlternativeName
                         ).value.get_values_for_type(x509.IPAddress) == [
                             ipaddress.ip_address(address)]


@pytest.fixture
def profile():
    """Makes profiles like `server` but for some members; withdraws them."""
    made = []

    def make(**changes):
        name = "t-" + secrets.token_hex(4)
        body = json.loads(value(
            "SELECT body FROM profile WHERE name = 'server' "
            "ORDER BY version DESC LIMIT 1"))
        body.update(changes, name=name)
        acts.done(acts.payload("profile", name=name, body=body))
        made.append(name)
        return name
    yield make
    for name in made:
        if acts.head(None, name) != acts.b64u(
                hashlib.sha256(b"null").digest()):
            acts.done(acts.payload("profile", name=name, body=None))


def order_of(client, responder, names, profile):
    """The face learns of a profile within a second."""
    assert eventually(lambda: client.new_order(
        names, profile=profile).status == 201)
    return client.ready_order(names, responder, profile=profile)


def test_subject_and_policies_of_the_profile(client, responder, profile):
    name = fresh()
    made = profile(organization="Ö & Co", country="DE", common_name="first",
                   policies=["1.2.3.4", "1.2.3.5"])
    url, order = order_of(client, responder, [name], made)
    client.finalize(order, make_csr([name])[0]).expect(200)
    done = client.poll(url).json
    certificate = leaf(client.get(done["certificate"]).text)
    assert [(a.oid, a.value) for a in certificate.subject] == [
        (NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Ö & Co"),
        (NameOID.COMMON_NAME, name)]
    assert [p.policy_identifier.dotted_string for p in extension(
        certificate, x509.CertificatePolicies).value] == [
            "1.2.3.4", "1.2.3.5"]
    hash_ = value("SELECT hash FROM profile WHERE name = %s", made)
    assert unb64u(intent_of(url)["profile_sha256"]) == bytes(hash_)


def test_a_profile_withdrawn_before_the_end(client, responder, profile):
    name = fresh()
    made = profile()
    url, order = order_of(client, responder, [name], made)
    acts.done(acts.payload("profile", name=made, body=None))
    client.finalize(order, make_csr([name])[0]).expect(400, "invalidProfile")
    assert client.get(url).json["status"] == "invalid"


# --------------------------------------------------------------------- keys

@pytest.mark.parametrize("make", [
    lambda: ec.generate_private_key(ec.SECP384R1()),
    lambda: ec.generate_private_key(ec.SECP521R1()),
    ed25519.Ed25519PrivateKey.generate,
    lambda: rsa.generate_private_key(65537, 2048),
    lambda: rsa.generate_private_key(65537, 3072),
], ids=["P-384", "P-521", "Ed25519", "RSA-2048", "RSA-3072"])
def test_kinds_of_keys(client, responder, make):
    name, key = fresh(), make()
    _, _, chain = client.issue([name], responder, make_csr([name], key)[0])
    usage = extension(leaf(chain), x509.KeyUsage).value
    assert usage.key_encipherment == isinstance(key, rsa.RSAPrivateKey)


def test_a_profile_takes_its_own_kinds(client, responder, profile):
    name = fresh()
    _, order = order_of(client, responder, [name],
                        profile(keys=["RSA", "P-384"]))
    client.finalize(order, make_csr([name])[0]).expect(400, "badCSR")
    key = ec.generate_private_key(ec.SECP384R1())
    client.finalize(order, make_csr([name], key)[0]).expect(200)


def close_rsa():
    """Factors that Fermat's method finds at once."""
    p = int(subprocess.run(["openssl", "prime", "-generate", "-bits", "1024"],
                           check=True, capture_output=True).stdout)
    q = p + 2
    while not all(pow(a, q - 1, q) == 1 for a in (2, 3, 5, 7)):
        q += 2
    d = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
        rsa.RSAPublicNumbers(65537, p * q)).private_key()


@pytest.mark.parametrize("make", [
    close_rsa,
    lambda: rsa.generate_private_key(3, 2048),
    lambda: rsa.generate_private_key(65537, 1024),
    lambda: ec.generate_private_key(ec.SECP256K1()),
], ids=["Fermat", "exponent", "short", "secp256k1"])
def test_bad_keys(client, responder, make):
    name = fresh()
    url, order = client.ready_order([name], responder)
    reply = client.finalize(order, make_csr([name], make())[0])
    reply.expect(400, "badCSR")
    assert client.get(url).json["status"] == "ready"


def test_O11_the_key_of_another_account(client, other, responder):
    name = fresh()
    _, order = client.ready_order([name], responder)
    for key in (client.key.private, other.key.private):
        client.finalize(order, make_csr([name], key)[0]).expect(
            400, "badCSR")


def test_a_blocked_key(client, responder):
    name = fresh()
    _, order = client.ready_order([name], responder)
    csr, key = make_csr([name])
    block = "key:" + hashlib.sha256(spki(key)).hexdigest()
    acts.done(acts.set_("block", block, {
        "type": "key", "value": block[4:], "reason": "a test"}))
    client.finalize(order, csr).expect(400, "badCSR")
    acts.done(acts.set_("block", block, None))
    client.finalize(order, csr).expect(200)


def der(tag, *parts):
    body = b"".join(parts)
    size = (bytes([len(body)]) if len(body) < 128 else
            b"\x81" + bytes([len(body)]) if len(body) < 256 else
            b"\x82" + len(body).to_bytes(2, "big"))
    return bytes([tag]) + size + body


def token_csr(name, label, folder):
    """A request for a P-256 key in our own token, signed there."""
    tool = ["pkcs11-tool", "--module", env("PKCS11_MODULE"), "--token-label",
            "chancery-issuing", "--login", "--pin",
            open(env("CHANCERY_PIN_FILE")).read().strip()]
    listed = subprocess.run([*tool, "--list-objects", "--type", "pubkey"],
                            check=True, capture_output=True, text=True)
    tool += ["--id", re.search(rf"label: +{label}\n +ID: +([0-9a-f]+)",
                               listed.stdout).group(1)]
    subprocess.run([*tool, "--read-object", "--type", "pubkey",
                    "--output-file", f"{folder}/pub"], check=True,
                   capture_output=True)
    key = serialization.load_der_public_key(
        open(f"{folder}/pub", "rb").read())
    csr, throwaway = make_csr([name])
    info = x509.load_der_x509_csr(csr).tbs_certrequest_bytes.replace(
        spki(throwaway), key.public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo))
    with open(f"{folder}/digest", "wb") as file:
        file.write(hashlib.sha256(info).digest())
    subprocess.run([*tool, "--sign", "--mechanism", "ECDSA", "--input-file",
                    f"{folder}/digest", "--output-file", f"{folder}/sig"],
                   check=True, capture_output=True)
    raw = open(f"{folder}/sig", "rb").read()
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                           int.from_bytes(raw[32:], "big"))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return der(0x30, info, algorithm, der(0x03, b"\0", signature))


@pytest.mark.parametrize("label", ["chancery-issuing", "chancery-log",
                                   "chancery-account"])
def test_a_key_of_our_own_token(client, responder, label, tmp_path):
    name = fresh()
    _, order = client.ready_order([name], responder)
    csr = token_csr(name, label, tmp_path)
    assert x509.load_der_x509_csr(csr).is_signature_valid
    reply = client.finalize(order, csr).expect(400, "badCSR")
    assert "key of this CA" in reply.json["detail"]


# --------------------------------------------------- orders and key changes

def test_K05_an_order_from_before_the_key_change(responder):
    client, name = new_client(), fresh()
    url, order = client.ready_order([name], responder)
    client.key_change(Key("ES256")).expect(200)
    client.key_change(Key("EdDSA")).expect(200)
    client.finalize(order, make_csr([name])[0]).expect(200)
    assert client.poll(url).json["status"] == "valid"


def test_K05_what_was_proven_before_counts(responder):
    client, name = new_client(), fresh()
    client.ready_order([name], responder)
    client.key_change(Key("ES256")).expect(200)
    order = client.new_order([name]).expect(201)
    assert order.json["status"] == "ready"
    client.finalize(order.json, make_csr([name])[0]).expect(200)


def test_an_order_that_the_account_never_signed(client, responder):
    """A stolen face puts another order in the place of the client's."""
    name = fresh()
    stolen = new_client()
    message = stolen.jws(stolen.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": name}],
        "profile": "short-lived"}, kid=client.kid)
    client.ready_order([name], responder)
    text = json.dumps(message)
    digest = hashlib.sha256(
        f"{message['protected']}.{message['payload']}".encode()).digest()
    order_id, = rows(
        "INSERT INTO orders (account_id, jws, digest, profile, profile_hash)"
        " SELECT %s, %s, %s, 'server', hash FROM profile WHERE name ="
        " 'server' LIMIT 1 RETURNING id", number(client.kid), text.encode(),
        digest)[0]
    public = acts.b64u(order_id.to_bytes(8, "big") + digest[:16])
    rows("INSERT INTO order_authorization (order_id, position, "
         "authorization_id) SELECT %s, 0, authorization_id FROM evidence "
         "WHERE account_id = %s AND value = %s RETURNING order_id", order_id,
         number(client.kid), name)
    finalize = client.directory["newOrder"].replace(
        "new-order", f"order/{public}/finalize")
    client.post(finalize, {"csr": acts.b64u(make_csr([name])[0])}).expect(
        400, "malformed")       # its signature is not the account's
    assert value("SELECT count(*) FROM intent WHERE order_id = %s",
                 order_id) == 0
    # Nor is it the end of anything.
    assert value("SELECT terminal FROM outcome o JOIN request r ON r.id = "
                 "o.request_id WHERE r.object_id = %s", order_id) is False


# ------------------------------------- signers with other settings than ours

@contextmanager
def signing(more, *others):
    """A signer with its token beside the running one, which sleeps; the
    others beside theirs."""
    with ExitStack() as stack:
        beside = stack.enter_context(Beside(
            more, without=[r"local = \([^)]*\);"] if others else []))
        asleep = [pid for name in ("signer", *(o for o in others
                                               if o == "validator"))
                  for pid in processes()[f"chancery-{name}"]]
        for name in others:
            beside.start(name)
        for pid in asleep:
            stack.callback(os.kill, pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)
        beside.start("signer")
        beside.start("token")
        yield beside


def test_a_list_of_weak_keys(client, responder, tmp_path):
    name = fresh()
    url, order = client.ready_order([name], responder)
    csr, key = make_csr([name])
    os.chmod(tmp_path, 0o755)
    for folder in tmp_path.parents:
        if folder.owner() == tmp_path.owner() and "pytest" in folder.name:
            os.chmod(folder, 0o755)
    weak = tmp_path / "weak"
    weak.write_text("# SHA-256 of SPKIs\n\n" + "".join(
        hashlib.sha256(octets).hexdigest().upper() + " # one\n"
        for octets in (b"", spki(key), b"x")))
    weak.chmod(0o644)
    with signing({"policy": f'weak_keys = "{weak}";'}):
        reply = client.finalize(order, csr)
        if reply.status == 200:         # it came later than the answer
            reply = client.poll(url, ("ready",))
        else:
            reply.expect(400, "badCSR")
            assert "weak" in reply.json["detail"]
        assert client.get(url).json["status"] == "ready"
        # All but that one.
        done = client.finalize(order, make_csr([name])[0]).expect(200)
        assert client.poll(done.location).json["status"] == "valid"


@pytest.fixture(scope="module")
def caa():
    """Signer and validator that look at CAA, and the DNS they ask."""
    identity = 'caa_identities = [ "ca.test" ];'
    with Dns() as dns, signing(
            {"resolver": f'forward = "{dns.address}"; '
                         'trust_anchor = "/dev/null";',
             "validator": identity}, "resolver", "probe", "validator"):
        yield dns


def proven_long_ago(client, name):
    """A ready order for a name whose CAA was looked at too long ago."""
    order = client.new_order([name]).expect(201)
    rows("INSERT INTO evidence (authorization_id, account_id, thumbprint, "
         "type, value, wildcard, method, result, transcript, caa_seconds) "
         "VALUES (%s, %s, %s, 'dns', %s, false, 'http-01', 'valid', '{}', 0)"
         " RETURNING id", number(order.json["authorizations"][0]),
         number(client.kid), unb64u(client.key.thumbprint), name)
    return order


def wanted(order):
    return rows("SELECT e.result, e.proven_by FROM caa_wanted w "
                "JOIN request r ON r.id = w.request_id "
                "LEFT JOIN evidence e ON e.wanted_id = w.id "
                "WHERE r.object_id = %s", number(order.location))


def test_D04_looked_at_again(caa, client):
    name = fresh("caa")
    caa.host(name, "127.0.0.1")
    caa.caa(name, "0 issue ca.test")
    order = proven_long_ago(client, name)
    client.finalize(order.json, make_csr([name])[0]).expect(200)
    assert client.poll(order.location).json["status"] == "valid"
    assert wanted(order) == [("valid", "http-01")]
    intent = intent_of(order.location)
    check = entry("WHERE e.index = %s", int(intent["caa_checks"][0]))
    assert check["kind"] == "validation" and check["method"] == "caa"
    assert check["proven_by"] == "http-01"
    assert check["identifier"] == {"type": "dns", "value": name}
    # Not once more: that look still counts.
    again = client.new_order([name]).expect(201)
    client.finalize(again.json, make_csr([name])[0]).expect(200)
    assert client.poll(again.location).json["status"] == "valid"
    assert wanted(again) == []


def test_D04_forbidden_meanwhile(caa, client):
    name = fresh("caa")
    caa.host(name, "127.0.0.1")
    caa.caa(name, "0 issue another.test")
    order = proven_long_ago(client, name)
    client.finalize(order.json, make_csr([name])[0])
    done = client.poll(order.location).json
    assert done["status"] == "invalid"
    assert done["error"]["type"].endswith(":caa")
    sub, = done["error"]["subproblems"]
    assert sub["identifier"] == {"type": "dns", "value": name}
    assert sub["type"].endswith(":caa")
    assert rows("SELECT 1 FROM intent WHERE order_id = %s",
                number(order.location)) == []
