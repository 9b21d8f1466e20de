# SPDX-License-Identifier: Apache-2.0
"""tests/compat/pebble: what the test suites of ACME clients expect of Pebble,
with a throw-away Chancery behind it."""
import base64
import datetime
import glob
import json
import os
import signal
import subprocess
import time

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acme_client import Client, Http01, MacKey, Reply, make_csr, split_chain
from appliance import env
from beside import free_port
from responders import Dns, Dns01, TlsAlpn01
from test_clients import run

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
PEBBLE = os.path.join(SOURCE, "tests/compat/pebble")
START_SECONDS = 2
KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="module")
def dns():
    with Dns(here="test") as dns:
        yield dns


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The certificate of the listeners, as Pebble's users have one."""
    subprocess.run(["make", "-s", "-C", env("CHANCERY_BUILD"), "pebble"],
                   check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path_factory.mktemp("pebble")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(7)
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([
                x509.DNSName("localhost"), x509.DNSName("pebble")]), False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(made.public_bytes(
        serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return folder


def families(pid):
    """The process and all that came from it."""
    found = [pid]
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += families(int(stat.split("/")[2]))
    return found


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Pebble:
    """One run of the executable."""

    def __init__(self, folder, dns=None, variables=(), nonces=0,
                 top="pebble", **members):
        self.folder = folder
        self.http, self.tls = free_port(), free_port()
        self.port, self.manage = free_port(), free_port()
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.manage}",
            "certificate": "cert.pem", "privateKey": "key.pem",
            "httpPort": self.http, "tlsPort": self.tls,
            "ocspResponderURL": "", "somethingNew": [1],
            **members}
        file = folder / f"config-{self.port}.json"
        file.write_text(json.dumps({top: config}))
        argv = [PEBBLE, "-strict", "-config", str(file)]
        if dns:
            argv += ["-dnsserver", dns.address]
        began = time.monotonic()
        self.process = subprocess.Popen(
            argv, cwd=folder, text=True, stdout=subprocess.PIPE,
            stderr=open(f"{file}.log", "w"),
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1",
                 "PEBBLE_WFE_NONCEREJECT": str(nonces), **dict(variables)})
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            if "ACME directory available at" in line:
                break
        self.took = time.monotonic() - began
        self.log = f"{file}.log"
        assert "ACME directory" in self.lines[-1:][0], open(self.log).read()

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    @property
    def verify(self):
        return str(self.folder / "cert.pem")

    def client(self, **more):
        client = Client(self.directory, self.verify)
        client.register(**more)
        return client

    def management(self, place, method="GET", **more):
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, f"https://localhost:{self.manage}/{place}",
                verify=self.verify, timeout=20, **more)

    def end(self, number=signal.SIGTERM):
        """All of its processes are gone then, and its folder."""
        if self.process.returncode is not None:
            return
        pids = families(self.process.pid)
        assert len(pids) > 8, pids
        self.process.send_signal(number)
        code = self.process.wait(10)
        until = time.monotonic() + 5
        while not all(gone(pid) for pid in pids):
            assert time.monotonic() < until, pids
            time.sleep(0.02)
        self.process.stdout.close()
        assert code == (-9 if number == signal.SIGKILL else 0)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()


def leftovers():
    return set(glob.glob("/dev/shm/chancery-pebble-*") +
               glob.glob("/tmp/chancery-pebble-*"))


@pytest.fixture(scope="module")
def pebble(folder, dns):
    with Pebble(folder, dns, domainBlocklist=["blocked.test"],
                externalAccountMACKeys={"kid-1": KEY, "kid-2": "YWJj"},
                variables={"PEBBLE_ALTERNATE_ROOTS": "2",
                           "PEBBLE_CHAIN_LENGTH": "3"}) as pebble:
        yield pebble


@pytest.fixture(scope="module")
def issued(pebble):
    client = pebble.client()
    with Http01(pebble.http) as responder:
        _, order, chain = client.issue(["issued.test"], responder)
    return client, order, split_chain(chain)


def test_version():
    done = subprocess.run([PEBBLE, "-version"], capture_output=True,
                          text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("Pebble version: Chancery ")


@pytest.mark.parametrize("argv,words", [
    (["-config", "/nonexistent.json"], "/nonexistent.json"),
    (["-nonsense"], "flag provided but not defined: -nonsense"),
    (["left", "over"], "invalid command line arguments: left over"),
])
def test_misuse(argv, words):
    done = subprocess.run([PEBBLE, *argv], capture_output=True, text=True)
    assert done.returncode == 1 and words in done.stderr


def test_two_start_fast_side_by_side_and_leave_nothing(folder, dns):
    before = leftovers()
    with Pebble(folder, dns) as one, Pebble(folder, dns) as two:
        assert min(one.took, two.took) < START_SECONDS, (one.took, two.took)
        assert len(leftovers() - before) == 2
        roots = {one.management("roots/0").text,
                 two.management("roots/0").text}
        assert len(roots) == 1          # of the template
        one.client()
        two.client()
    assert leftovers() <= before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_other_ends_leave_nothing_either(folder, number):
    before = leftovers()
    pebble = Pebble(folder)
    assert leftovers() - before
    pebble.end(number)
    until = time.monotonic() + 5
    while leftovers() - before:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_our_client(pebble, dns, issued):
    client, order, chain = issued
    assert [str(one.subject.rdns[0].rfc4514_string()) for one in chain[1:]] \
        == ["CN=Pebble Intermediate CA 1"]
    client.issue(["*.wild.test"], Dns01(dns))
    with TlsAlpn01(pebble.tls) as alpn:
        client.issue(["alpn.test"], alpn)
    directory = pebble.client().directory
    assert directory["newOrder"].startswith(
        f"https://localhost:{pebble.port}/")
    reply = Reply(client.session.get(
        directory["meta"]["termsOfService"], verify=client.verify))
    assert reply.expect(200).text


def test_the_ca_s_own_name_is_like_any_other(folder):
    """Without -dnsserver localhost is where /etc/hosts says."""
    with Pebble(folder) as pebble, Http01(pebble.http) as responder:
        pebble.client().issue(["localhost", "acme.localhost"], responder)


def test_certbot(pebble, tmp_path):
    run("certbot", "certonly", "-n", "--config-dir", f"{tmp_path}/c",
        "--work-dir", f"{tmp_path}/w", "--logs-dir", f"{tmp_path}/l",
        "--server", pebble.directory, "--standalone", "--http-01-port",
        str(pebble.http), "--http-01-address", "127.0.0.1", "--agree-tos",
        "-m", "a@example.com", "-d", "certbot.test", "--preferred-chain",
        "Pebble Root CA 3", HOME=str(tmp_path),
        REQUESTS_CA_BUNDLE=pebble.verify)
    with open(f"{tmp_path}/c/live/certbot.test/fullchain.pem") as file:
        leaf, cross = split_chain(file.read())[:2]
    assert leaf.issuer == cross.subject
    assert cross.issuer.rfc4514_string() == "CN=Pebble Root CA 3"


@pytest.mark.parametrize("options", [
    (), ("--eab", "--kid", "kid-1", "--hmac", KEY)])
def test_lego(pebble, tmp_path, options):
    run("lego", "--server", pebble.directory, "--path", str(tmp_path),
        "--email", "a@example.com", "--accept-tos", "--http", "--http.port",
        f"127.0.0.1:{pebble.http}", "--domains", "lego.test", *options,
        "run", HOME=str(tmp_path), LEGO_CA_CERTIFICATES=pebble.verify)
    assert os.path.exists(f"{tmp_path}/certificates/lego.test.crt")


def test_roots_and_intermediates(pebble, issued):
    client, order, chain = issued
    roots = [x509.load_pem_x509_certificate(
        pebble.management(f"roots/{n}").content) for n in range(3)]
    issuers = [x509.load_pem_x509_certificate(
        pebble.management(f"intermediates/{n}").content) for n in range(3)]
    for root, issuer in zip(roots, issuers):
        root.public_key().verify(issuer.signature,
                                 issuer.tbs_certificate_bytes,
                                 ec.ECDSA(issuer.signature_hash_algorithm))
        assert issuer.subject == chain[0].issuer
        assert issuer.public_key() == issuers[0].public_key() or \
            issuer.public_key().public_numbers() == \
            issuers[0].public_key().public_numbers()
    reply = client.get(order["certificate"]).expect(200)
    ways = {split_chain(client.get(url).expect(200).text)[1].issuer
            for url in reply.links["alternate"]}
    assert ways == {root.subject for root in roots[1:]}
    assert pebble.management("roots/3").status_code == 404
    assert pebble.management("roots/2").headers["Link"] == ", ".join(
        f'<https://localhost:{pebble.manage}/roots/{n}>;rel="alternate"'
        for n in range(2))
    for place in ("root-keys/0", "intermediate-keys/0", "nothing"):
        assert pebble.management(place).status_code == 404


def test_certificate_status(pebble, issued):
    leaf = issued[2][0]
    serial = f"{leaf.serial_number:x}"
    for text in (serial, serial.upper(), "0" + serial):
        reply = pebble.management(f"cert-status-by-serial/{text}")
        assert reply.status_code == 200, reply.text
        assert reply.json()["Status"] == "Valid"
        assert reply.json()["Serial"] == serial
        assert x509.load_pem_x509_certificate(
            reply.json()["Certificate"].encode()) == leaf
    for text, status in (("abcd", 404), ("x'; --", 400)):
        assert pebble.management(
            f"cert-status-by-serial/{text}").status_code == status


def test_renewal_info(pebble, issued):
    client, _, chain = issued
    pem = chain[0].public_bytes(serialization.Encoding.PEM).decode()
    usual = client.renewal_info(chain[0]).expect(200).json
    text = '{"suggestedWindow": {"start": "2020-01-01T00:00:00Z", ' \
        '"end": "2020-01-02T00:00:00Z"}}'
    for members in (("certificate", "ariResponse"),
                    ("Certificate", "ARIResponse")):
        reply = pebble.management(
            "set-renewal-info/", "POST", json=dict(zip(members,
                                                       (pem, text))))
        assert reply.status_code == 200, reply.text
        answer = client.renewal_info(chain[0]).expect(200)
        assert answer.text == text
        assert answer.headers["Retry-After"] == "21600"
        text = json.dumps(usual)
    for body, status in (("{}", 400), ('{"certificate": "x", '
                                       '"ariResponse": "y"}', 400)):
        assert pebble.management("set-renewal-info/", "POST",
                                 data=body).status_code == status


def test_keys_of_external_account_binding(pebble, folder):
    secret = base64.urlsafe_b64decode(KEY)
    assert len(secret) == 48
    client = Client(pebble.directory, pebble.verify)
    wrong = MacKey("kid-1", secret[:32])
    assert client.new_account(eab=wrong).status >= 400
    for alg in ("HS256", "HS384", "HS512"):
        client = Client(pebble.directory, pebble.verify)
        client.new_account(eab=MacKey("kid-1", secret, alg)).expect(201)
    client = Client(pebble.directory, pebble.verify)
    client.new_account(eab=MacKey("kid-2", b"abc")).expect(201)


def test_external_account_binding_is_required(folder):
    # In Go's own spelling, too.
    with Pebble(folder, top="Pebble", ExternalAccountBindingRequired=True,
                externalAccountMACKeys={"kid-1": KEY}) as pebble:
        client = Client(pebble.directory, pebble.verify)
        assert client.directory["meta"]["externalAccountRequired"] is True
        client.new_account().expect(403, "externalAccountRequired")
        client.new_account(eab=MacKey(
            "kid-1", base64.urlsafe_b64decode(KEY))).expect(201)


def test_blocked_domains(pebble):
    client = pebble.client()
    for name in ("blocked.test", "www.blocked.test", "*.blocked.test"):
        reply = client.new_order([name])
        assert reply.error == "rejectedIdentifier", reply
    client.new_order(["unblocked.test"]).expect(201)


def test_profiles_retry_after_and_always_valid(folder):
    with Pebble(folder, variables={"PEBBLE_VA_ALWAYS_VALID": "1",
                                   "PEBBLE_AUTHZREUSE": "0"},
                retryAfter={"authz": 3, "order": 5},
                profiles={"tiny": {"description": "An hour",
                                   "validityPeriod": 3600},
                          "long": {"description": "Ten years",
                                   "validityPeriod": 315360000}}) as pebble:
        client = pebble.client()
        assert client.directory["meta"]["profiles"] == {
            "tiny": "An hour", "long": "Ten years"}
        client.new_order(["a.example"], profile="default").expect(
            400, "invalidProfile")
        waiting = client.new_order(["b.example"]).expect(201)
        authz = client.get(waiting.json["authorizations"][0]).expect(200)
        assert authz.headers["Retry-After"] == "3"
        nobody = Nobody()
        for profile, days in (("tiny", 0), ("long", 825)):
            for name in ("nowhere.example", "192.0.2.7"):
                kind = "ip" if name[0] == "1" else "dns"
                _, order, chain = client.issue(
                    [{"type": kind, "value": name}], nobody, profile=profile)
                leaf = split_chain(chain)[0]
                lasts = leaf.not_valid_after - leaf.not_valid_before
                # RFC 5280, 4.1.2.5: the last second counts.
                assert (lasts + datetime.timedelta(seconds=1)).days == days
        with open(pebble.log) as log:
            text = log.read()
        assert "315360000 s is made 71280000 s" in text
        assert "PEBBLE_VA_NOSLEEP is without effect" in text


class Nobody:
    """Answers no challenge."""
    method = "http-01"

    def prove(self, *args):
        pass


def test_good_nonces_are_refused(folder):
    with Pebble(folder, nonces=50) as pebble:
        client = Client(pebble.directory, pebble.verify)
        refused = 0
        while client.kid is None:
            reply = client.new_account()
            assert reply.status == 201 or reply.error == "badNonce", reply
            client.kid = reply.location
        for _ in range(40):
            reply = client.post(client.kid, "", retry=False)
            assert reply.status == 200 or reply.error == "badNonce", reply
            refused += reply.status != 200
        assert 5 < refused < 60
    with Pebble(folder) as pebble:
        client = pebble.client()
        for _ in range(40):
            client.post(client.kid, "", retry=False).expect(200)


def test_the_front_lets_oddities_through(pebble):
    """What the CA refuses it refuses here too, in its own words."""
    client = pebble.client()
    url = client.directory["newOrder"]
    client.send(url, "x" * 100000).expect(413, "malformed")
    client.send(url, "{}").expect(400, "malformed")
    client.request("GET", url).expect(405, "malformed")
    client.request("PUT", url).expect(405, "malformed")
    reply = client.request("HEAD", client.directory["newNonce"])
    assert reply.status == 200 and not reply.body
    assert client.request("GET", client.directory["newNonce"]).status == 204
    for _ in range(3):          # one connection
        client.get(client.kid).expect(200)
    reply = client.request("POST", url, data=iter([b"{", b"}"]),
                           headers={"Content-Type": "application/jose+json"})
    assert reply.status in (400, 411), reply
