# SPDX-License-Identifier: Apache-2.0
"""tls-alpn-01 (RFC 8737), IP identifiers (RFC 8738), CAA (RFC 8659, RFC 8657)
and dns-account-01 (draft-ietf-acme-dns-account-label)."""
import hashlib
import ipaddress
import ssl
import time

import pytest
from cryptography import x509

from acme_client import Http01, ip, make_csr, split_chain
from appliance import database, env
from checks import authz_of, base, fresh, new_client, number
from face import Face
from names import Name, caa_answer
from responders import (CAA, SERVFAIL, Dns01, DnsAccount01, account_label,
                        alpn_certificate, txt_value)
from rows import row

DNS = x509.DNSName


@pytest.fixture
def there(lab):
    """A name under tls-alpn-01."""
    return Name(lab.client, method="tls-alpn-01")


def show(alpn, name, **how):
    """What the host shows under the name; True when that is enough."""
    alpn.prove(name.identifier, name.token, name.answer, None, **how)
    return name.end()


def fails(done):
    assert done["status"] == "invalid", done
    kind = done["error"]["type"].rpartition(":")[2]
    assert kind in ("unauthorized", "incorrectResponse", "tls"), done


@row("TLSALPN-1", "The certificate holds SHA-256 of the key authorization, "
     "made of token and key.")
def test_TLSALPN_1(lab, alpn, there):
    assert show(alpn, there)["status"] == "valid"
    for wrong in (bytes(32), hashlib.sha256(b"x").digest()):
        fails(show(alpn, Name(lab.client, method="tls-alpn-01"),
                   digest=wrong))


@row("TLSALPN-2", "One address, TLS 1.2 at least.")
def test_TLSALPN_2(lab, alpn, there):
    name = there
    digest = hashlib.sha256(name.answer.encode()).digest()
    alpn.serve(name.identifier["value"], *alpn_certificate(
        [DNS(name.identifier["value"])], digest),
        version=ssl.TLSVersion.TLSv1_1)
    done = name.end()
    assert done["status"] == "invalid"
    assert done["error"]["type"].endswith(":tls")
    name = Name(lab.client, method="tls-alpn-01")
    digest = hashlib.sha256(name.answer.encode()).digest()
    alpn.serve(name.identifier["value"], *alpn_certificate(
        [DNS(name.identifier["value"])], digest),
        version=ssl.TLSVersion.TLSv1_2)
    name.passes()


@row("TLSALPN-3", "The ClientHello has acme-tls/1 alone in ALPN, and the name "
     "in SNI.")
def test_TLSALPN_3(alpn, there):
    before = len(alpn.seen)
    assert show(alpn, there)["status"] == "valid"
    seen = alpn.seen[before:]
    assert seen
    for hello in seen:
        assert hello.alpn == ["acme-tls/1"]
        assert hello.sni == there.identifier["value"]


@row("TLSALPN-4", "The server must have chosen acme-tls/1.")
def test_TLSALPN_4(alpn, there):
    digest = hashlib.sha256(there.answer.encode()).digest()
    alpn.serve(there.identifier["value"], *alpn_certificate(
        [DNS(there.identifier["value"])], digest), protocols=())
    fails(there.end())


@row("TLSALPN-5", "subjectAltName is exactly the name, whatever its case; "
     "acmeIdentifier is critical, an OCTET STRING of 32 octets, under its "
     "final OID.")
def test_TLSALPN_5(lab, alpn):
    old = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))

    def one():
        return Name(lab.client, method="tls-alpn-01")
    name = one()
    assert show(alpn, name, names=[DNS(name.identifier["value"].upper())]
                )["status"] == "valid"
    for how in (
            lambda n, d: {"critical": False}, lambda n, d: {"oid": None},
            lambda n, d: {"oid": old},
            lambda n, d: {"digest": d[:31]},
            lambda n, d: {"digest": d + b"\0"},
            lambda n, d: {"value": d},
            lambda n, d: {"value": b"\4\x20" + d + b"\0"},
            lambda n, d: {"value": b"\4\x81\x20" + d},
            lambda n, d: {"names": []}, lambda n, d: {"names": [DNS("x.test")]},
            lambda n, d: {"names": [DNS(n), DNS(n)]},
            lambda n, d: {"names": [DNS(n), DNS("x.test")]},
            lambda n, d: {"names": [DNS(n), address]},
            lambda n, d: {"names": [address]},
            lambda n, d: {"names": [DNS("*." + n.split(".", 1)[1])]}):
        name = one()
        digest = hashlib.sha256(name.answer.encode()).digest()
        fails(show(alpn, name, **how(name.identifier["value"], digest)))


@row("TLSALPN-6", "The path of the certificate is not validated.",
     "self-signed or not, expired or not: only what RFC 8737 names counts")
def test_TLSALPN_6(alpn, there):
    assert show(alpn, there)["status"] == "valid"


@row("TLSALPN-7", "No application data; not for wildcards.")
def test_TLSALPN_7(lab, alpn, there):
    before = len(alpn.said)
    assert show(alpn, there)["status"] == "valid"
    end = time.monotonic() + 5
    while len(alpn.said) == before and time.monotonic() < end:
        time.sleep(0.05)
    assert set(alpn.said[before:]) == {b""}
    order = lab.client.new_order(["*." + fresh()]).expect(201)
    authz = authz_of(lab.client, order)[1]
    assert "tls-alpn-01" not in {c["type"] for c in authz["challenges"]}


# -------------------------------------------------------------------- addresses

@row("IP-1", "An identifier of type ip is a dotted quad or RFC 5952 text; "
     "anything else is malformed.")
def test_IP_1(client):
    for good in ("127.0.0.1", "::1", "2001:db8::1:0:0:1"):
        order = client.new_order([ip(good)]).expect(201).json
        assert order["identifiers"] == [ip(good)]
    for bad in ("127.0.0.01", "127.1", "2130706433", "0x7f.0.0.1", "1.2.3.4.",
                "2001:DB8::1", "2001:0db8::1", "2001:db8:0:0:0:0:0:1",
                "[::1]", "fe80::1%eth0", "::1/128", "a.test", "*.1.2.3.4"):
        client.new_order([ip(bad)]).expect(400, "malformed")
    client.new_order(["127.0.0.1"]).expect(400, "malformed")


@row("IP-2", "http-01 and tls-alpn-01 are offered, never a DNS challenge.")
def test_IP_2(client):
    for text in ("127.0.0.1", "::1"):
        authz = authz_of(client, client.new_order([ip(text)]))[1]
        assert {c["type"] for c in authz["challenges"]} == {"http-01",
                                                            "tls-alpn-01"}
        assert "wildcard" not in authz


def addressed(text, http):
    """A certificate for an address: the leaf, and the Hosts asked for."""
    client, hosts = new_client(), []
    order = client.new_order([ip(text)]).expect(201)
    url, authz = authz_of(client, order)
    challenge = client.challenge(authz)
    answer = client.key.key_authorization(challenge["token"])

    def look(handler):
        hosts.append(handler.headers["Host"])
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(answer.encode())
    http.hooks[Http01.PREFIX + challenge["token"]] = look
    client.post(challenge["url"], {}).expect(200)
    assert client.poll(url).json["status"] == "valid"
    client.finalize(order.json, make_csr([ip(text)])[0]).expect(200)
    done = client.poll(order.location).json
    return split_chain(client.get(done["certificate"]).text)[0], hosts


@row("IP-3", "No DNS is asked: the address itself is connected.")
def test_IP_3(lab, responder):
    name = Name(lab.client, ip("127.0.0.1"))
    responder.serve(name.token, name.answer)
    before = len(lab.dns.asked)
    name.passes()
    assert not [q for q in lab.dns.asked[before:] if "127" in q[0]]


@row("IP-4", "http-01: Host is the address, IPv6 in brackets.")
def test_IP_4(responder):
    port = env("CHANCERY_HTTP01_PORT")
    _, hosts = addressed("127.0.0.1", responder)
    assert hosts[0] in ("127.0.0.1", f"127.0.0.1:{port}")
    with Http01(int(port), "::1") as six:
        _, hosts = addressed("::1", six)
    assert hosts[0] in ("[::1]", f"[::1]:{port}")


@row("IP-5", "tls-alpn-01: SNI is the reverse name, the certificate has one "
     "iPAddress.")
def test_IP_5(lab, alpn):
    name = Name(new_lab_client(lab), ip("127.0.0.1"), "tls-alpn-01")
    before = len(alpn.seen)
    assert show(alpn, name)["status"] == "valid"
    assert {hello.sni for hello in alpn.seen[before:]} == {
        "1.0.0.127.in-addr.arpa"}
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    for names in ([DNS("127.0.0.1")], [DNS("1.0.0.127.in-addr.arpa")],
                  [address, DNS("1.0.0.127.in-addr.arpa")]):
        fails(show(alpn, Name(new_lab_client(lab), ip("127.0.0.1"),
                              "tls-alpn-01"), names=names))


def new_lab_client(lab):
    """Another account there: it has no authorization to be reused."""
    client = Face(lab.port)
    client.register()
    return client


@row("IP-6", "The certificate has an iPAddress of 4 or 16 octets, and no "
     "dNSName for it.")
def test_IP_6(responder):
    leaf, _ = addressed("127.0.0.1", responder)
    with Http01(int(env("CHANCERY_HTTP01_PORT")), "::1") as six:
        leaf6, _ = addressed("::1", six)
    for each, text in ((leaf, "127.0.0.1"), (leaf6, "::1")):
        names = each.extensions.get_extension_for_class(
            x509.SubjectAlternativeName).value
        assert list(names) == [x509.IPAddress(ipaddress.ip_address(text))]
        assert not each.subject.get_attributes_for_oid(
            x509.oid.NameOID.COMMON_NAME) or text in str(each.subject)
    client = new_client()
    _, order = client.ready_order([fresh()], responder)
    client.finalize(order, make_csr([ip("127.0.0.1")])[0]).expect(
        400, "badCSR")


@row("IP-7", "Which addresses may be certified is policy.",
     "none unless policy.ip_identifiers names their prefix")
def test_IP_7(client, faces):
    face = faces(policy__ip_identifiers='["192.0.2.0/24"]').as_account(
        client)
    face.new_order([ip("192.0.2.7")]).expect(201)
    for text in ("198.51.100.1", "2001:db8::1"):
        face.new_order([ip(text)]).expect(400, "rejectedIdentifier")


# ------------------------------------------------------------------------- CAA

def allows(lab, *records, **more):
    done = caa_answer(lab, records, **more)
    assert done["status"] == "valid", (records, done)


def forbids(lab, *records, error=("caa",), **more):
    done = caa_answer(lab, records, **more)
    assert done["status"] == "invalid", (records, done)
    assert done["error"]["type"].rpartition(":")[2] in error, done
    return done["error"]


@row("CAA-1", "From the name up to the root, the first RRset that is not "
     "empty decides.")
def test_CAA_1(lab):
    parent = fresh("parent")
    lab.dns.caa(parent, "0 issue ;")
    assert caa_answer(lab, None, f"a.b.{parent}")["status"] == "invalid"
    assert caa_answer(lab, ["0 issue ca.test"], f"c.{parent}")["status"] == \
        "valid"
    assert caa_answer(lab, None)["status"] == "valid"


@row("CAA-2", "issue names the issuer domain, compared without case; an empty "
     "one denies.")
def test_CAA_2(lab):
    allows(lab, "0 issue ca.test")
    allows(lab, "0 issue CA.Test")
    allows(lab, "0 issue other.test", "0 issue ca.test")
    for record in ("0 issue other.test", "0 issue ;", "0 issue ca.test.evil",
                   "0 issue xca.test"):
        forbids(lab, record)


@row("CAA-3", "With issuewild it alone governs wildcards; without, issue "
     "does.")
def test_CAA_3(lab):
    allows(lab, "0 issue other.test", "0 issuewild ca.test", wildcard=True)
    forbids(lab, "0 issue other.test", "0 issuewild ca.test")
    forbids(lab, "0 issue ca.test", "0 issuewild ;", wildcard=True)
    allows(lab, "0 issue ca.test", "0 issuewild ;")
    allows(lab, "0 issue ca.test", wildcard=True)
    forbids(lab, "0 issue other.test", wildcard=True)


@row("CAA-4", "An RRset without issue or issuewild restricts nothing.")
def test_CAA_4(lab):
    allows(lab, "0 iodef mailto:a@b.test")
    allows(lab, "0 issuewild other.test")
    allows(lab, "0 unknown x")


@row("CAA-5", "An unknown tag with the critical bit denies.")
def test_CAA_5(lab):
    forbids(lab, "128 unknown x")
    forbids(lab, "128 unknown x", "0 issue ca.test")
    allows(lab, "128 issue ca.test")


@row("CAA-6", "A value that does not fit the grammar is unsatisfiable.")
def test_CAA_6(lab):
    for record in ("0 issue ca.test; x", "0 issue ca.test; =1",
                   "0 issue %%%", "0 issue ca test"):
        forbids(lab, record)
    allows(lab, "0 issue  ca.test ; a=b;  c=d ")


@row("CAA-7", "CNAME is followed at each step.")
def test_CAA_7(lab, responder):
    for record, good in (("0 issue ;", False), ("0 issue ca.test", True)):
        alias, target = "www." + fresh("alias"), fresh("target")
        lab.dns.alias(alias, target)
        lab.dns.caa(target, record)
        lab.dns.host(target, "127.0.0.1")
        name = Name(lab.client, alias)
        responder.serve(name.token, name.answer)
        assert (name.end()["status"] == "valid") == good


@row("CAA-8", "A failing look-up denies.",
     "unless the zone is configured as one that is tolerated")
def test_CAA_8(lab):
    name = fresh("caa")
    lab.dns.zone[name, CAA] = SERVFAIL
    done = caa_answer(lab, None, name)
    assert done["status"] == "invalid"
    assert done["error"]["type"].rpartition(":")[2] in ("caa", "dns")


@row("CAA-9", "accounturi is the URL of the account; another one, a repeated "
     "or a broken one is unsatisfiable.")
def test_CAA_9(lab):
    allows(lab, "0 issue ca.test; accounturi={account}")
    for uri in ("{account}x", base("/acme/account/x"), "", "x",
                "https://ca.test/1",
                "{account}; accounturi={account}"):
        forbids(lab, f"0 issue ca.test; accounturi={uri}")


@row("CAA-10", "validationmethods lists the method that was used.")
def test_CAA_10(lab):
    allows(lab, "0 issue ca.test; validationmethods=dns-01")
    allows(lab, "0 issue ca.test; validationmethods=http-01,dns-01")
    for methods in ("http-01", "", "ca-dns-01", "dns-01-x"):
        forbids(lab, f"0 issue ca.test; validationmethods={methods}")


@row("CAA-11", "The problem is caa and names the identifier.")
def test_CAA_11(lab):
    name = fresh("caa")
    error = forbids(lab, "0 issue other.test", name=name)
    assert name in str(error)


def grow_old(url, hours):
    """The look at CAA that an authorization rests on was so long ago."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE evidence DISABLE TRIGGER append_only")
        cursor.execute("UPDATE evidence SET at = at - interval '1 hour' * %s"
                       " WHERE authorization_id = %s", (hours, number(url)))
        cursor.execute("ALTER TABLE evidence ENABLE TRIGGER append_only")


@row("CAA-12", "CAA is looked at again before issuance when the last look is "
     "older than its TTL and eight hours.")
def test_CAA_12(lab):
    for hours, record, good in ((7, "0 issue other.test", True),
                                (9, "0 issue ca.test", True),
                                (9, "0 issue other.test", False)):
        name = fresh("again")
        lab.dns.caa(name, "0 issue ca.test")
        url, order = lab.client.ready_order([name], Dns01(lab.dns))
        grow_old(order["authorizations"][0], hours)
        # What the resolver still knows of the first look is forgotten.
        time.sleep(lab.dns.ttl + 2)
        lab.dns.caa(name, record)
        reply = lab.client.finalize(order, make_csr([name])[0])
        done = lab.client.poll(url).json
        assert (done["status"] == "valid") == good, (reply, done)
        if not good:
            error = done.get("error") or reply.json
            assert error["type"].endswith(":caa"), done
            sub, = error["subproblems"]
            assert sub["identifier"]["value"] == name


# -------------------------------------------------------------- dns-account-01

@row("DNSACCT-1", "The name is _BASE32(SHA-256(account URL)[0:10])"
     "._acme-challenge.DOMAIN; TXT as in dns-01.")
def test_DNSACCT_1(lab):
    assert account_label(
        "https://example.com/acme/acct/ExampleAccount") == "_ujmmovf2vn55tgye"
    lab.client.issue([fresh("acct")], DnsAccount01(lab.dns))


@row("DNSACCT-2", "The account URL is the one of kid and Location.")
def test_DNSACCT_2(lab):
    name = Name(lab.client, method="dns-account-01")
    before = len(lab.dns.asked)
    name.fails()
    at = (account_label(lab.client.kid) + "._acme-challenge." +
          name.identifier["value"])
    assert at in {asked for asked, _ in lab.dns.asked[before:]}


@row("DNSACCT-3", "Records of another account or of dns-01 prove nothing.")
def test_DNSACCT_3(lab):
    for label in (account_label(lab.client.kid + "x") + ".", ""):
        name = Name(lab.client, method="dns-account-01")
        lab.dns.txt(f"{label}_acme-challenge.{name.identifier['value']}",
                    txt_value(name.answer))
        name.fails("unauthorized", "dns", "incorrectResponse")


@row("DNSACCT-4", "When nothing is found the problem names the account's "
     "URL.")
def test_DNSACCT_4(lab):
    error = Name(lab.client, method="dns-account-01").fails(
        "unauthorized", "dns", "incorrectResponse")
    assert lab.client.kid in error["detail"]


@row("DNSACCT-5", "It is offered for names and wildcards, not for addresses.")
def test_DNSACCT_5(lab):
    name = fresh("acct")
    lab.client.issue(["*." + name], DnsAccount01(lab.dns))
    authz = authz_of(lab.client, lab.client.new_order([fresh()]))[1]
    assert "dns-account-01" in {c["type"] for c in authz["challenges"]}
