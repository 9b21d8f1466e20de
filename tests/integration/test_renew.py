# SPDX-License-Identifier: Apache-2.0
"""The certificate of the HTTPS listener: renewed over ACME for the CA's own
account, with the log entries of any order; swapped without a restart and
without the loss of a connection, also when an operator replaces the files;
whole after kill -9 at any moment.  And what the account's key in the token
does not sign."""
import base64
import datetime
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance import (conf_value, env, eventually, processes, rows, value)
from beside import Beside, free_port

ROOT = os.geteuid() == 0
USER = "chancery-renew"
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


def unquoted(keyword):
    return conf_value(keyword).strip('"')


def folder():
    return os.path.join(unquoted("state_dir"), "listener")


def place(name):
    return os.path.join(folder(), name)


def base_url():
    return unquoted("base_url")


def host():
    return re.match(r"https://([^:/]+)", base_url()).group(1)


def address():
    name, _, port = conf_value("acme.listen").strip('[]" ').rpartition(":")
    return name, int(port)


def log_text():
    with open(env("CHANCERY_LOG"), errors="replace") as file:
        return file.read()


# ------------------------------------------------------------ certificates

def pair(not_before, not_after, name=None):
    """A certificate that signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "by hand")])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(who).issuer_name(who)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + not_before)
            .not_valid_after(now + not_after)
            .add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(name or host())]), critical=False)
            .sign(key, hashes.SHA256()))
    return made, key


def lasting():
    return pair(datetime.timedelta(days=-1), datetime.timedelta(days=300))


def due():
    """One that has an hour left of sixty days."""
    return pair(datetime.timedelta(days=-60), datetime.timedelta(hours=1))


def key_pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def put_file(name, data, mode):
    """As an operator who is careful: whole and at once."""
    fresh = place(name + ".byhand")
    with open(fresh, "wb") as file:
        file.write(data)
    if ROOT:
        shutil.chown(fresh, USER, "chancery")
    os.chmod(fresh, mode)
    os.rename(fresh, place(name))


def put(made, key):
    put_file("listener.key", key_pem(key), 0o640)
    put_file("listener.pem", made.public_bytes(PEM), 0o644)


def served():
    """The leaf that the listener shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(address(), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=host()) as tls:
            return x509.load_der_x509_certificate(tls.getpeercert(True))


def serves(made):
    return eventually(lambda: served() == made, 15, 0.3)


def on_disk():
    with open(place("listener.pem"), "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def keys_on_disk():
    with open(place("listener.key")) as file:
        parts = re.findall(r"-----BEGIN.*?-----END[^\n]*\n", file.read(),
                           re.S)
    return [serialization.load_pem_private_key(part.encode(), None)
            for part in parts]


def spki(public):
    return public.public_bytes(DER, PUBLIC)


def fits_on_disk():
    """What chancery-acme would be given by these files if it started now."""
    leaf = spki(on_disk().public_key())
    return leaf in [spki(key.public_key()) for key in keys_on_disk()]


def ours(made):
    """Issued by the CA that is tested, and in its database."""
    return value("SELECT count(*) FROM certificate WHERE der = %s",
                 made.public_bytes(DER)) == 1


def renew_pid():
    pids = processes()[USER]
    return pids[0] if pids else None


def restarted(forget=True):
    """chancery-renew is killed, and chanceryd starts it anew."""
    assert eventually(renew_pid)
    before = renew_pid()
    if forget and os.path.exists(place("renewal.json")):
        os.unlink(place("renewal.json"))
    os.kill(before, signal.SIGKILL)
    assert eventually(lambda: renew_pid() not in (None, before), every=0.005)


def renewed(*others, seconds=30):
    """Another of ours is served.  A due one may never have been: it may be
    renewed before the listener looks."""
    def look():
        now = served()
        return now not in others and ours(now)
    return eventually(look, seconds, 0.3)


@pytest.fixture(autouse=True)
def left_as_it_was():
    """The next test begins with a certificate of ours."""
    yield
    if not ours(on_disk()) or not fits_on_disk():
        put(*due())
        restarted()
        assert eventually(lambda: ours(on_disk()), 40, 0.3)
    assert eventually(lambda: served() == on_disk(), 20, 0.3)


# --------------------------------------------------------------- renewal

def status():
    with open(place("renewal.json")) as file:
        return json.load(file)


def test_the_next_renewal_is_told():
    assert eventually(lambda: os.path.exists(place("renewal.json")) and
                      status().get("failures") == 0)
    told = status()
    leaf = on_disk()
    assert int(told["serial"], 16) == leaf.serial_number
    due_at = datetime.datetime.strptime(told["next_attempt"],
                                        "%Y-%m-%dT%H:%M:%SZ")
    life = leaf.not_valid_after - leaf.not_valid_before
    left = leaf.not_valid_after - due_at
    assert abs(left - min(datetime.timedelta(days=30), life / 3)) < \
        datetime.timedelta(minutes=2)
    assert f"serial={told['serial']}" in log_text()


def test_a_due_certificate_is_renewed_at_start():
    before, old = served(), due()
    entries = value("SELECT count(*) FROM log_entry")
    put(*old)
    restarted()
    assert renewed(before, old[0])
    new = served()
    ssl_names = new.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    names = ssl_names.get_values_for_type(x509.DNSName) + \
        [str(ip) for ip in ssl_names.get_values_for_type(x509.IPAddress)]
    assert host() in names
    assert spki(new.public_key()) != spki(old[0].public_key())
    # An ordinary order, of the own account.
    account, intent, profile = rows(
        "SELECT a.eab, c.intent, o.profile FROM certificate c "
        "JOIN orders o ON o.id = c.order_id "
        "JOIN account a ON a.id = o.account_id WHERE c.der = %s",
        new.public_bytes(DER))[0]
    assert account == "own"
    kinds = [kind for kind, in rows(
        "SELECT kind FROM log_entry WHERE index >= %s ORDER BY index",
        entries)]
    assert "intent" in kinds and "issued" in kinds
    entry = json.loads(bytes(value(
        "SELECT entry FROM log_entry WHERE index = %s", intent)))
    assert entry["account_key"] == value(
        "SELECT jwk FROM account WHERE eab = 'own'")
    assert profile
    assert eventually(lambda: status().get("failures") == 0 and
                      int(status()["serial"], 16) == new.serial_number)
    assert "listener certificate renewed" in log_text()


def test_the_new_one_verifies():
    context = ssl.create_default_context(cafile=env("CHANCERY_ROOT"))
    with socket.create_connection(address(), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=host()) as tls:
            assert tls.version() in ("TLSv1.2", "TLSv1.3")


def test_only_two_users_read_the_key():
    if not ROOT:                        # one user is all of them
        assert os.stat(place("listener.key")).st_mode & 0o777 == 0o600
        return

    def reads(user):
        return subprocess.run(
            ["setpriv", f"--reuid={user}", "--regid=chancery",
             "--clear-groups", "cat", place("listener.key")],
            capture_output=True, timeout=30).returncode == 0
    users = [unquoted(f"{name[len('chancery-'):]}.user")
             for name in processes()]
    assert {user for user in users if reads(user)} == \
        {"chancery-acme", "chancery-renew"}


# ------------------------------------------------------------------ swap

class Visitors:
    """Clients that stay connected and ask all the time."""

    def __init__(self, count):
        self.failures = []
        self.answers = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.visit)
                        for _ in range(count)]

    def visit(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        link = http.client.HTTPSConnection(*address(), context=context,
                                           timeout=10)
        link.connect()
        local = link.sock.getsockname()
        while not self.stop.is_set():
            try:
                link.request("GET", "/directory",
                             headers={"Host": base_url()[8:]})
                reply = link.getresponse()
                reply.read()
                assert reply.status == 200, reply.status
                assert link.sock.getsockname() == local, "another connection"
                self.answers += 1
            except Exception as error:
                self.failures.append(repr(error))
                return
            time.sleep(0.02)
        link.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_swapped_while_connections_stay():
    acme = processes()["chancery-acme"]
    with Visitors(8) as visitors:
        by_hand = lasting()
        put(*by_hand)
        assert serves(by_hand[0])
        old = due()
        put(*old)
        restarted()
        assert renewed(by_hand[0], old[0])
        before = visitors.answers
        assert eventually(lambda: visitors.answers > before + 50)
    assert visitors.failures == []
    assert processes()["chancery-acme"] == acme


def test_replaced_by_hand():
    by_hand = lasting()
    put(*by_hand)
    assert serves(by_hand[0])
    # It is good for long: chancery-renew lets it be.
    restarted()
    time.sleep(1.5)
    assert on_disk() == by_hand[0]
    assert served() == by_hand[0]


def expired():
    made, key = pair(datetime.timedelta(days=-9), datetime.timedelta(days=-1))
    return key_pem(key), made.public_bytes(PEM)


# Key and certificate; None: it stays.
BROKEN = {
    "another's key": lambda: (key_pem(lasting()[1]), None),
    "no PEM": lambda: (None, b"nothing\n"),
    "cut off": lambda: (None, lasting()[0].public_bytes(PEM)[:300]),
    "empty": lambda: (b"\n", b""),
    "expired": expired,
}


def test_a_broken_file_keeps_the_old():
    old = lasting()
    put(*old)
    assert serves(old[0])
    for what, make in BROKEN.items():
        said = log_text().count("the new TLS certificate is not used")
        key, chain = make()
        put_file("listener.key", key or key_pem(old[1]), 0o640)
        put_file("listener.pem", old[0].public_bytes(PEM) if chain is None
                 else chain, 0o644)
        assert eventually(lambda: log_text().count(
            "the new TLS certificate is not used") > said), what
        assert served() == old[0], what
    new = lasting()
    put(*new)
    assert serves(new[0])


# ------------------------------------------------------------------ kills

def test_kill_at_any_moment():
    """Whatever it was doing, the files fit, and it ends in a new one."""
    random.seed(20)
    for _ in range(5):
        put(*due())
        restarted()
        time.sleep(random.uniform(0, 0.35))
        pid = renew_pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        assert fits_on_disk()
        assert eventually(lambda: renew_pid() not in (None, pid),
                          every=0.005)
        assert fits_on_disk()
    assert eventually(lambda: ours(on_disk()), 40, 0.3)
    assert eventually(lambda: len(keys_on_disk()) == 1)
    assert fits_on_disk()
    restarted(forget=False)
    assert eventually(lambda: not any(
        name.endswith(".new") for name in os.listdir(folder())))
    assert eventually(lambda: served() == on_disk())


def test_the_signer_dies_during_a_renewal():
    before, old = served(), due()
    put(*old)
    restarted()
    os.kill(processes()["chancery-signer"][0], signal.SIGKILL)
    assert renewed(before, old[0], seconds=60)


# ------------------------------------------------------ when it cannot be

class Alone:
    """chancery-renew on files of its own, in front of what is not there."""

    def __init__(self, made, key, listen, **changes):
        self.beside = Beside(acme__listen=f'["{listen}"]', **changes)
        self.state = os.path.join(self.beside.folder, "state")
        os.makedirs(os.path.join(self.state, "listener"))
        shutil.copy(env("CHANCERY_ROOT"), self.state)
        for name, data in (("listener.pem", made.public_bytes(PEM)),
                           ("listener.key", key_pem(key))):
            with open(os.path.join(self.state, "listener", name),
                      "wb") as file:
                file.write(data)
        with open(self.beside.conf) as file:
            text = file.read()
        text = re.sub(r'state_dir = "[^"]*"', f'state_dir = "{self.state}"',
                      text)
        with open(self.beside.conf, "w") as file:
            file.write(text)
        self.run = os.path.join(self.beside.folder, "run")
        os.makedirs(os.path.join(self.run, "signer"))
        if ROOT:
            for base, _, names in os.walk(self.state):
                for name in [base, *(os.path.join(base, n) for n in names)]:
                    shutil.chown(name, USER, "chancery")
        self.log = os.path.join(self.beside.folder, "log")
        who = dict(user=USER, group="chancery", extra_groups=[]) \
            if ROOT else {}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(env("CHANCERY_BIN"), USER), "-c",
                 self.beside.conf], stderr=log, cwd="/", **who)

    def said(self):
        with open(self.log) as file:
            return file.read()

    def status(self):
        with open(os.path.join(self.state, "listener/renewal.json")) as file:
            return json.load(file)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        assert self.process.wait(15) == 0
        shutil.rmtree(self.beside.folder, ignore_errors=True)


def test_a_failure_is_an_alarm():
    with Alone(*due(), f"127.0.0.1:{free_port()}") as alone:
        assert eventually(lambda: "is not renewed, attempt 1: "
                          "chancery-signer is not there" in alone.said())
        assert alone.said().count("is not renewed") == 1
        told = alone.status()
        assert told["failures"] == 1
        # It tries again, later and later.
        assert eventually(lambda: "attempt 2:" in alone.said(), 12)
        first, second = re.findall(r"next attempt (\S+)", alone.said())
        form = "%Y-%m-%dT%H:%M:%SZ"
        assert datetime.datetime.strptime(second, form) - \
            datetime.datetime.strptime(first, form) >= \
            datetime.timedelta(seconds=9)


class FakeSigner:
    """Answers who we are; counts what it is asked to sign."""

    def __init__(self, alone):
        self.asked = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = os.path.join(alone.run, "signer/account")
        self.socket.bind(path)
        os.chmod(path, 0o777)
        os.chmod(os.path.dirname(path), 0o755)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.socket.accept()
            while question := link.recv(65536):
                if question == b"?":
                    link.send(b"+" + json.dumps({
                        "account": base_url() + "/acme/account/x",
                        "names": [host()]}).encode())
                else:
                    self.asked.append(question)
                    link.send(b"+" + bytes(64))


def test_another_server_is_not_believed():
    """One that has neither a chain to the root nor the listener's key."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with Alone(*due(), f"127.0.0.1:{server.getsockname()[1]}") as alone:
            signer = FakeSigner(alone)
            made, key = lasting()
            paths = []
            for name, data in (("c", made.public_bytes(PEM)),
                               ("k", key_pem(key))):
                paths.append(os.path.join(alone.beside.folder, name))
                with open(paths[-1], "wb") as file:
                    file.write(data)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*paths)
            server.settimeout(20)
            while "the server's certificate" not in alone.said():
                link, _ = server.accept()
                try:
                    context.wrap_socket(link, server_side=True).recv(1)
                except OSError:
                    pass
                time.sleep(0.2)
            assert signer.asked == []


def test_files_elsewhere_are_the_operators():
    made, _ = due()
    place_of = os.path.join("/tmp", f"chancery-elsewhere-{os.getpid()}.pem")
    with open(place_of, "wb") as file:
        file.write(made.public_bytes(PEM))
    os.chmod(place_of, 0o644)
    try:
        beside = Beside({"acme": f'tls_certificate = "{place_of}";'},
                        acme__listen=f'["127.0.0.1:{free_port()}"]')
        who = dict(user=USER, group="chancery", extra_groups=[]) \
            if ROOT else {}
        process = subprocess.Popen(
            [os.path.join(env("CHANCERY_BIN"), USER), "-c", beside.conf],
            stderr=subprocess.PIPE, text=True, cwd="/", **who)
        time.sleep(1)
        process.terminate()
        said = process.communicate(timeout=15)[1]
        assert process.returncode == 0
        assert "not renewed here" in said
        assert f"{place_of}: ends" in said
        with open(place_of, "rb") as file:
            assert file.read() == made.public_bytes(PEM)
        shutil.rmtree(beside.folder, ignore_errors=True)
    finally:
        os.unlink(place_of)


# ------------------------------------------------------ the signer's socket

ASK = r"""
import socket, sys, json, base64
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(30)
s.connect(sys.argv[1])
answers = []
for question in json.load(sys.stdin):
    s.send(base64.b64decode(question))
    answers.append(base64.b64encode(s.recv(65536)).decode())
print(json.dumps(answers))
"""


def ask(*questions):
    """The signer's answers to chancery-renew's user."""
    assert eventually(lambda: processes()["chancery-signer"])
    command = [sys.executable, "-c", ASK,
               os.path.join(unquoted("run_dir"), "signer/account")]
    if ROOT:
        command = ["setpriv", f"--reuid={USER}", "--regid=chancery",
                   "--clear-groups", *command]
    words = json.dumps([base64.b64encode(
        q.encode() if isinstance(q, str) else q).decode()
        for q in questions])
    ended = subprocess.run(command, input=words, capture_output=True,
                           text=True, timeout=120, cwd="/")
    assert ended.returncode == 0, ended.stderr
    return [base64.b64decode(answer) for answer in json.loads(ended.stdout)]


def b64u(data):
    data = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_input(url, payload, **header):
    protected = {"alg": "ES256", "kid": own_account(), "nonce": "bm9uY2U",
                 "url": url}
    protected.update(header)
    if not isinstance(payload, str):
        payload = json.dumps(payload)
    return f"{b64u(json.dumps(protected))}.{b64u(payload)}"


def own_account():
    answer, = ask("?")
    assert answer[:1] == b"+", answer
    return json.loads(answer[1:])["account"]


def test_who_it_is():
    answer, = ask("?")
    told = json.loads(answer[1:])
    assert told["account"].startswith(base_url() + "/acme/account/")
    assert host() in told["names"]


def test_an_order_is_signed():
    question = signing_input(base_url() + "/acme/new-order", {
        "identifiers": [{"type": "dns", "value": host()}]})
    answer, = ask(question)
    assert answer[:1] == b"+" and len(answer) == 65
    jwk = json.loads(value("SELECT jwk FROM account WHERE eab = 'own'"))
    numbers = ec.EllipticCurvePublicNumbers(
        *(int.from_bytes(base64.urlsafe_b64decode(jwk[c] + "="), "big")
          for c in "xy"), ec.SECP256R1())
    from cryptography.hazmat.primitives.asymmetric.utils import \
        encode_dss_signature
    numbers.public_key().verify(
        encode_dss_signature(int.from_bytes(answer[1:33], "big"),
                             int.from_bytes(answer[33:], "big")),
        question.encode(), ec.ECDSA(hashes.SHA256()))


WRONG = {
    "key change": ("/acme/key-change", {"account": "x"}, {}),
    "new account": ("/acme/new-account", {}, {}),
    "revocation": ("/acme/revoke-cert", {"certificate": "AA"}, {}),
    "officer's act": ("/officer/act", {"act": "set"}, {}),
    "deactivation of the account": (None, {"status": "deactivated"}, {}),
    "other contacts": (None, {"contact": ["mailto:x@ca.test"]}, {}),
    "deactivation of an authorization": (
        "/acme/authz/AAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAA",
        {"status": "deactivated"}, {}),
    "another member": ("/acme/new-order", {
        "identifiers": [], "notAfter": "2030-01-01T00:00:00Z"}, {}),
    "another account": ("/acme/new-order", {"identifiers": []},
                        {"kid": "https://x/acme/account/y"}),
    "another algorithm": ("/acme/new-order", {"identifiers": []},
                          {"alg": "none"}),
    "a header more": ("/acme/new-order", {"identifiers": []},
                      {"crit": ["x"]}),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_things_are_not_signed(what):
    path, payload, header = WRONG[what]
    url = own_account() if path is None else base_url() + path
    answer, = ask(signing_input(url, payload, **header))
    assert answer[:1] == b"-", answer


def test_octets_that_are_no_jws():
    octets = [b".", b"x", b"a.b", b"e30.e30", bytes(40), b"\xff" * 100,
              b"A" * 32768, b"?x", b"0\x82\x01\x00TBSCertificate"]
    for question, answer in zip(octets, ask(*octets)):
        assert answer[:1] == b"-", question[:40]
