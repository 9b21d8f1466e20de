# SPDX-License-Identifier: Apache-2.0
"""tls-alpn-01 (RFC 8737; RFC 8738, 6) against hosts that are right, or wrong
in one way each.  Numbers are those of the checks of RFC 8737, 3."""
import datetime
import hashlib
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from acme_client import ip
from appliance import env
from checks import fresh
from responders import TlsAlpn01, alpn_certificate
from trial import Trial

PORT = int(env("CHANCERY_TLS_ALPN_PORT"))
OBSOLETE = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")


@pytest.fixture
def host():
    with TlsAlpn01(PORT) as host:
        yield host


@pytest.fixture
def trial(client):
    return Trial(client, fresh("alpn"), "tls-alpn-01")


def test_alpn_right(trial, host):
    """3: one protocol, SNI is the name; 7: nothing is said afterwards."""
    trial.prove(host).passes()
    hello, = host.seen
    assert hello.alpn == ["acme-tls/1"]
    assert hello.sni == trial.name
    assert host.said == [b""]


@pytest.mark.parametrize("text", ["127.0.0.1", "::1"])
def test_alpn_address(client, text):
    """RFC 8738, 6: SNI is the name in reverse DNS."""
    trial = Trial(client, ip(text), "tls-alpn-01")
    with TlsAlpn01(PORT, text) as host:
        trial.prove(host).passes()
        assert host.seen[0].sni == ipaddress.ip_address(text).reverse_pointer


@pytest.mark.parametrize("key", [
    ec.SECP384R1(), ec.SECP521R1(), 2048, 4096], ids=str)
def test_alpn_any_key(trial, host, key):
    private = (rsa.generate_private_key(65537, key) if isinstance(key, int)
               else ec.generate_private_key(key))
    trial.prove(host, key=private).passes()


def test_alpn_upper_case(trial, host):
    trial.prove(host, names=[x509.DNSName(trial.name.upper())]).passes()


@pytest.mark.parametrize("version", [
    ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_alpn_versions(trial, host, version):
    trial.prove(host)
    context = host.contexts[trial.name]
    context.minimum_version = context.maximum_version = version
    trial.passes()


@pytest.mark.parametrize("version", [
    ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_alpn_2_old_tls(trial, host, version):
    digest = hashlib.sha256(trial.answer.encode()).digest()
    host.serve(trial.name, *alpn_certificate(
        [x509.DNSName(trial.name)], digest), version=version)
    trial.fails("tls")


@pytest.mark.parametrize("protocols, error", [
    ((), "unauthorized"), (("http/1.1",), "unauthorized"),
    (("h2", "acme-tls/1.1"), "unauthorized")])
def test_alpn_4_not_selected(trial, host, protocols, error):
    digest = hashlib.sha256(trial.answer.encode()).digest()
    host.serve(trial.name, *alpn_certificate(
        [x509.DNSName(trial.name)], digest), protocols=protocols)
    trial.fails(error, "ALPN")


DER = {"31 octets": b"\x04\x1f" + bytes(31), "33 octets": b"\x04\x21" +
       bytes(33), "no DER": b"x" * 32, "empty": b"", "cut": b"\x04\x20abc",
       "trailing": b"\x04\x20" + bytes(33), "BIT STRING": b"\x03\x20" +
       bytes(32), "long form": b"\x04\x81\x20" + bytes(32),
       "indefinite": b"\x24\x80\x04\x20" + bytes(32) + b"\0\0"}


@pytest.mark.parametrize("wrong", sorted(DER))
def test_alpn_5_not_an_octet_string_of_32(trial, host, wrong):
    digest = hashlib.sha256(trial.answer.encode()).digest()
    trial.prove(host, value=DER[wrong].replace(bytes(31), digest[:31]))
    trial.fails("unauthorized", "acmeIdentifier")


@pytest.mark.parametrize("more", [
    {"critical": False}, {"oid": None}, {"oid": OBSOLETE},
    {"digest": hashlib.sha256(b"").digest()}], ids=str)
def test_alpn_5_acme_identifier(trial, host, more):
    trial.prove(host, **more)
    trial.fails("unauthorized", "acmeIdentifier")


NAMES = {
    "none": lambda n: [],
    "another": lambda n: [x509.DNSName("other.test")],
    "two": lambda n: [x509.DNSName(n), x509.DNSName("other.test")],
    "twice": lambda n: [x509.DNSName(n), x509.DNSName(n)],
    "and an address": lambda n: [
        x509.DNSName(n), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))],
    "an address": lambda n: [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1"))],
    "mail": lambda n: [x509.RFC822Name(f"a@{n}")],
    "URI": lambda n: [x509.UniformResourceIdentifier(f"https://{n}/")],
    "a part": lambda n: [x509.DNSName(n[:-1])],
    "more": lambda n: [x509.DNSName(n + ".")],
    "NUL": lambda n: [x509.DNSName(n + "\0.evil.test")],
    "wildcard": lambda n: [x509.DNSName("*." + n.split(".", 1)[1])]}


@pytest.mark.parametrize("names", sorted(NAMES))
def test_alpn_5_names(trial, host, names):
    trial.prove(host, names=NAMES[names](trial.name))
    trial.fails("unauthorized", "subjectAltName")


@pytest.mark.parametrize("name", [
    x509.DNSName("127.0.0.21"), x509.DNSName("21.0.0.127.in-addr.arpa"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::ffff:127.0.0.21"))], ids=str)
def test_alpn_5_address_names(client, name):
    trial = Trial(client, ip("127.0.0.21"), "tls-alpn-01")
    with TlsAlpn01(PORT, "127.0.0.21") as host:
        trial.prove(host, names=[name])
        trial.fails("unauthorized", "subjectAltName")


class Twin:
    """A certificate with two acmeIdentifiers, which cryptography does not
    make: another extension is renamed.  Nobody looks at the signature."""

    def __init__(self, name, digest):
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(x509.Name([]))
                   .issuer_name(x509.Name([])).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now)
                   .not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.SubjectAlternativeName(
                       [x509.DNSName(name)]), False))
        for last in (31, 32):
            builder = builder.add_extension(x509.UnrecognizedExtension(
                x509.ObjectIdentifier(f"1.3.6.1.5.5.7.1.{last}"),
                b"\x04\x20" + digest), True)
        self.key = key
        self.der = builder.sign(key, hashes.SHA256()).public_bytes(
            serialization.Encoding.DER).replace(
                bytes.fromhex("06082b06010505070120"),
                bytes.fromhex("06082b0601050507011f"))

    def public_bytes(self, encoding):
        return ssl.DER_cert_to_PEM_cert(self.der).encode()


def test_alpn_5_two_acme_identifiers(trial, host):
    digest = hashlib.sha256(trial.answer.encode()).digest()
    twin = Twin(trial.name, digest)
    host.serve(trial.name, twin, twin.key)
    trial.fails("unauthorized", "acmeIdentifier")


@contextmanager
def serving(answer):
    """A TCP server on the port of tls-alpn-01 that is no TLS server."""
    listener = socket.create_server(("127.0.0.1", PORT))

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(15)
                try:
                    answer(connection)
                except OSError:
                    pass
    threading.Thread(target=run, daemon=True).start()
    with listener:
        yield
        listener.shutdown(socket.SHUT_RDWR)


def test_alpn_no_tls(trial):
    def http(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with serving(http):
        trial.fails("tls")


def test_alpn_closed(trial):
    with serving(lambda connection: connection.recv(1)):
        trial.fails("tls")


def test_alpn_silence(trial):
    started = time.monotonic()
    with serving(lambda connection: time.sleep(12)):
        trial.fails("connection", "in time")
    assert time.monotonic() - started < 14


def test_alpn_nobody_listens(trial):
    trial.fails("connection", "refused")


def test_alpn_not_for_wildcards(client):
    order = client.new_order(["*." + fresh("wild")]).expect(201)
    authz = client.get(order.json["authorizations"][0]).json
    assert "tls-alpn-01" not in [c["type"] for c in authz["challenges"]]
