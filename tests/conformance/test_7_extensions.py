# SPDX-License-Identifier: Apache-2.0
"""Renewal information (RFC 9773) and profiles (draft-ietf-acme-profiles)."""
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from acme_client import ip, make_csr, renewal_id, split_chain
from checks import base, fresh, moment
from officers import ctl, profile_of, set_profile
from rows import row


@pytest.fixture(scope="module")
def leaf(issued):
    return split_chain(issued[2])[0]


@row("ARI-1", "renewalInfo is in the directory, at its top.")
def test_ARI_1(client):
    assert client.directory["renewalInfo"].startswith(base("/"))
    assert "renewalInfo" not in client.directory.get("meta", {})


@row("ARI-2", "A certificate is named by its key identifier and serial; each "
     "has an authority key identifier.")
def test_ARI_2(client, leaf):
    assert leaf.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value.key_identifier
    client.renewal_info(leaf).expect(200)
    kid, serial = renewal_id(leaf).split(".")
    url = client.directory["renewalInfo"] + "/"
    client.request("GET", url + f"{kid}=.{serial}").expect(400, "malformed")


@row("ARI-3", "An unauthenticated GET is 200 with suggestedWindow and "
     "Retry-After.")
def test_ARI_3(client, leaf):
    reply = client.renewal_info(leaf).expect(200)
    assert reply.headers["Content-Type"] == "application/json"
    window = reply.json["suggestedWindow"]
    assert set(reply.json) <= {"suggestedWindow", "explanationURL"}
    start, end = moment(window["start"]), moment(window["end"])
    now = datetime.now(timezone.utc)
    assert now < start < end
    assert end < leaf.not_valid_after.replace(tzinfo=timezone.utc)
    assert 60 <= int(reply.headers["Retry-After"]) <= 86400


@row("ARI-4", "The end of a window lies after its start.")
def test_ARI_4(client, responder, leaf):
    made = [leaf]
    for profile in ("short-lived", "server-cn"):
        chain = client.issue([fresh()], responder, profile=profile)[2]
        made.append(split_chain(chain)[0])
    for certificate in made:
        window = client.renewal_info(certificate).json["suggestedWindow"]
        assert moment(window["end"]) > moment(window["start"])


@row("ARI-5", "A query is no part of the name.")
def test_ARI_5(client, leaf):
    plain = client.renewal_info(leaf)
    asked = client.request("GET", client.directory["renewalInfo"] + "/" +
                           renewal_id(leaf) + "?x=1").expect(200)
    assert asked.json == plain.json


@row("ARI-6", "An unknown certificate is 404 malformed, a name that is none "
     "400.")
def test_ARI_6(client, leaf):
    url = client.directory["renewalInfo"] + "/"
    kid, serial = renewal_id(leaf).split(".")
    for name in (f"{kid}.AAAAAAAA", f"AAAA.{serial}"):
        client.request("GET", url + name).expect(404, "malformed")
    for name in ("x", "a.b.c", "=.=", f"{kid}."):
        assert client.request("GET", url + name).expect(
            client.request("GET", url + name).status, "malformed"
        ).status in (400, 404)


@row("ARI-7", "replaces: same account, a shared identifier; reflected in "
     "every view of the order.")
def test_ARI_7(client, other, responder):
    name = fresh()
    leaf = split_chain(client.issue([name], responder)[2])[0]
    replaced = renewal_id(leaf)
    for who, names in ((other, [name]), (client, [fresh()])):
        reply = who.new_order(names, replaces=replaced)
        assert reply.status in (400, 403, 404), reply
    reply = client.new_order([name, fresh()], replaces=replaced).expect(201)
    assert reply.json["replaces"] == replaced
    assert client.get(reply.location).json["replaces"] == replaced
    assert client.new_order([fresh()], replaces="AAAA.AAAA").status in (
        400, 404)


@row("ARI-8", "A certificate that another order replaces is 409 "
     "alreadyReplaced, unless that order is invalid.")
def test_ARI_8(client, responder):
    name = fresh()
    replaced = renewal_id(split_chain(client.issue([name], responder)[2])[0])
    client_two = client.new_order([name, fresh()], replaces=replaced).expect(
        201)
    client.new_order([name, fresh()], replaces=replaced).expect(
        409, "alreadyReplaced")
    pending = next(url for url in client_two.json["authorizations"]
                   if client.get(url).json["status"] == "pending")
    client.post(pending, {"status": "deactivated"}).expect(200)
    assert client.get(client_two.location).json["status"] == "invalid"
    client.new_order([name], replaces=replaced).expect(201)


@row("ARI-9", "Retry-After suits a duty to revoke within a day: six hours.")
def test_ARI_9(client, leaf):
    reply = client.renewal_info(leaf).expect(200)
    assert int(reply.headers["Retry-After"]) == 6 * 3600


# -------------------------------------------------------------------- profiles

@row("PROFILE-1", "meta.profiles maps names to texts or URLs.")
def test_PROFILE_1(client):
    profiles = client.directory["meta"]["profiles"]
    assert {"server", "server-cn", "client", "short-lived"} <= set(profiles)
    assert all(isinstance(text, str) and text for text in profiles.values())


def days_of(leaf):
    return (leaf.not_valid_after - leaf.not_valid_before) / timedelta(days=1)


@row("PROFILE-2", "A profile that is asked for is used, and shown in the "
     "order.")
def test_PROFILE_2(client, responder):
    eku = x509.oid.ExtendedKeyUsageOID
    for profile, days, usage, common_name in (
            ("server", 90, eku.SERVER_AUTH, False),
            ("server-cn", 90, eku.SERVER_AUTH, True),
            ("client", None, eku.CLIENT_AUTH, True),
            ("short-lived", 6, eku.SERVER_AUTH, False)):
        url, order, chain = client.issue([fresh()], responder,
                                         profile=profile)
        assert order["profile"] == profile
        leaf = split_chain(chain)[0]
        assert days is None or abs(days_of(leaf) - days) < 1
        assert list(leaf.extensions.get_extension_for_class(
            x509.ExtendedKeyUsage).value) == [usage]
        assert bool(leaf.subject.rdns) == common_name


@row("PROFILE-3", "An unknown profile is invalidProfile.")
def test_PROFILE_3(client):
    for profile in ("no-such", "SERVER", "server "):
        client.new_order([fresh()], profile=profile).expect(
            400, "invalidProfile")


@row("PROFILE-4", "One that does not fit the identifiers is invalidProfile.")
def test_PROFILE_4(client):
    body = profile_of("server")
    name = set_profile({**body, "identifiers": ["dns"],
                        "wildcards": False, "names_max": 2})
    for names in ([ip("127.0.0.1")], ["*." + fresh()],
                  [fresh(), fresh(), fresh()]):
        reply = client.new_order(names, profile=name)
        assert (reply.status, reply.error) == (400, "invalidProfile"), reply


@row("PROFILE-5", "An order that names none gets one, and shows it.")
def test_PROFILE_5(client, issued):
    assert issued[1]["profile"] == "server"
    assert client.new_order([fresh()]).json["profile"] == "server"


@row("PROFILE-6", "A profile that is withdrawn before finalize is "
     "invalidProfile then.")
def test_PROFILE_6(client, responder):
    name = set_profile(profile_of("server"))
    host = fresh()
    _, order = client.ready_order([host], responder, profile=name)
    ctl("profile", "remove", name)
    client.finalize(order, make_csr([host])[0]).expect(400, "invalidProfile")


@row("PROFILE-7", "Of the CSR only the key and the names count.")
def test_PROFILE_7(client, responder):
    host = fresh()
    key = rsa.generate_private_key(65537, 2048)
    csr = make_csr([host], key=key, common_name=host, extensions=[
        (x509.ExtendedKeyUsage([
            x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.KeyUsage(True, True, True, True, True, True, True, False,
                       False), True)])[0]
    plain = split_chain(client.issue([host], responder, make_csr(
        [host], key=rsa.generate_private_key(65537, 2048))[0])[2])[0]
    asked = split_chain(client.issue([host], responder, csr)[2])[0]
    for kind in (x509.ExtendedKeyUsage, x509.KeyUsage):
        assert asked.extensions.get_extension_for_class(kind) == \
            plain.extensions.get_extension_for_class(kind)
    assert asked.subject == plain.subject
