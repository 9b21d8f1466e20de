# SPDX-License-Identifier: Apache-2.0
"""What officers decided, as it shows in orders, authorizations and chains."""
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acme_client import MacKey, make_csr
from appliance import conf_value, eventually, value
from checks import fresh, new_client, stranger
from test_officer_cli import ctl


def bound(**policy):
    """A client whose account is bound by a new EAB key of that policy."""
    options = [word for key, text in policy.items()
               for word in (f"--{key}", text)]
    key = ctl("eab", "add", *options)
    client = stranger()
    assert eventually(lambda: client.new_account(
        eab=MacKey(key["name"], key["mac_key"])).status == 201)
    client.register()
    return client


def order_when(client, names, status, **more):
    """Another process looks at the rules once a second."""
    found = []

    def asked():
        found[:] = [client.new_order(names, **more)]
        return found[0].status == status
    assert eventually(asked, every=0.2), found
    return found[0]


def offered(client, order):
    return [[c["type"] for c in client.get(url).expect(200).json[
        "challenges"]] for url in order.json["authorizations"]]


# ------------------------------------------------------------------- granted

def test_a_name_that_needs_no_proof(responder):
    name, other = fresh("granted"), fresh("granted-not")
    client = bound(prevalidated=f".{name}")
    order = order_when(client, [f"a.{name}"], 201)
    assert order.json["status"] == "ready"
    authz = client.get(order.json["authorizations"][0]).expect(200).json
    assert authz["status"] == "valid" and authz["challenges"] == []
    assert authz["identifier"]["value"] == f"a.{name}"
    reply = client.finalize(order.json, make_csr([f"a.{name}"])[0])
    done = client.poll(reply.expect(200).location).json
    assert done["status"] == "valid"
    # One that is granted and one that is not.
    order = client.new_order([f"b.{name}", other]).expect(201)
    assert order.json["status"] == "pending"
    assert client.get(order.location).json == order.json
    for url in order.json["authorizations"]:
        assert client.answer(url, responder)["status"] == "valid"
    assert client.get(order.location).json["status"] == "ready"
    # Another account's word is none.
    assert new_client().new_order([f"a.{name}"]).expect(201).json[
        "status"] == "pending"


def test_newAuthz_of_such_a_name(responder):
    name = fresh("granted")
    client = bound(prevalidated=name)
    authz = client.new_authz(name).expect(201)
    assert authz.json["status"] == "valid" and not authz.json["challenges"]
    assert client.new_authz(name).expect(200).location == authz.location
    client.post(authz.location, {"status": "deactivated"}).expect(200)
    assert client.get(authz.location).json["status"] == "deactivated"
    assert client.new_authz(name).expect(201).location != authz.location


# --------------------------------------------------------------------- names

def test_names_that_may_not_be_had(client):
    blocked, high = fresh("blocked"), fresh("high")
    ctl("block", "add", f".{blocked}", "--reason", "for a test")
    ctl("restrict", "add", high)
    try:
        refusal = order_when(client, [f"x.{blocked}", high, fresh()], 400)
        assert {s["identifier"]["value"] for s in
                refusal.json["subproblems"]} == {f"x.{blocked}", high}
        refusal = client.new_authz(high)
        assert refusal.status == 403, refusal
        ctl("grant", "add", fresh("grant"), "--account", client.kid,
            "--names", high, "--expires", "1d")
        order_when(client, [high], 201)
    finally:
        ctl("block", "remove", f".{blocked}")
        ctl("restrict", "remove", high)


def test_what_an_eab_key_leaves_open():
    name = fresh("eab")
    client = bound(names=f"{name},.{name}", wildcards="no",
                   challenges="dns-01,http-01", profiles="server,client")
    order = order_when(client, [name], 201)
    assert offered(client, order) == [["http-01", "dns-01"]]
    for names in ([fresh()], [f"*.{name}"]):
        refusal = client.new_order(names)
        assert refusal.error in ("rejectedIdentifier", "unauthorized"), \
            refusal
    client.new_order([name], profile="client").expect(201)
    client.new_order([name], profile="short-lived").expect(
        400, "invalidProfile")


def test_a_wildcard_that_nothing_could_prove():
    client = bound(challenges="http-01")
    refusal = order_when(client, [f"*.{fresh()}"], 400)
    assert refusal.error == "rejectedIdentifier"
    assert "wildcard" in refusal.json["detail"]


# -------------------------------------------------------------------- chains

@pytest.fixture
def chain(tmp_path):
    """Another root's certificate for the issuer, made known."""
    with open(os.path.join(conf_value("state_dir").strip('"'),
                           "issuing.pem"), "rb") as file:
        issuing = x509.load_pem_x509_certificate(file.read())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME,
                                         "Another Root")])
    cross = (x509.CertificateBuilder().subject_name(issuing.subject)
             .issuer_name(name).public_key(issuing.public_key())
             .serial_number(x509.random_serial_number())
             .not_valid_before(issuing.not_valid_before)
             .not_valid_after(issuing.not_valid_after)
             .sign(key, hashes.SHA256()))
    file = tmp_path / "cross.pem"
    file.write_bytes(cross.public_bytes(serialization.Encoding.PEM))
    label = fresh("chain")
    ctl("chain", "add", label, str(file), "--issuer",
        value("SELECT name FROM issuer"))
    yield cross
    ctl("chain", "remove", label)


def certificates(text):
    return [x509.load_pem_x509_certificate(
        (part + "-----END CERTIFICATE-----\n").encode())
        for part in text.split("-----END CERTIFICATE-----\n")[:-1]]


def test_another_way_up(client, responder, issued, chain):
    """D09: the same leaf, another chain, each with links to the others."""
    url = issued[1]["certificate"]
    assert eventually(lambda: client.get(url).links.get("alternate"))
    plain = client.get(url).expect(200)
    assert plain.links["alternate"] == [f"{url}/1"]
    other = client.get(f"{url}/1").expect(200)
    assert other.links["alternate"] == [url]
    assert other.headers["Content-Type"] == \
        "application/pem-certificate-chain"
    leaf, issuer = certificates(plain.text)
    assert certificates(other.text) == [leaf, chain]
    assert chain.public_key() == issuer.public_key() or \
        chain.public_key().public_numbers() == \
        issuer.public_key().public_numbers()
    for number_ in ("0", "2", "01", "1x", "999", "-1"):
        client.get(f"{url}/{number_}").expect(404, "malformed")


def test_the_chain_that_was_removed(client, issued):
    url = issued[1]["certificate"]
    assert eventually(lambda: "alternate" not in client.get(url).links)
    client.get(f"{url}/1").expect(404, "malformed")


def test_only_the_owner_sees_it(other, issued):
    other.get(issued[1]["certificate"] + "/1").expect(403, "unauthorized")
