# SPDX-License-Identifier: Apache-2.0
"""The keys are in the token and nowhere else, and its worker uses each for
one thing only."""
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature)
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key)

from acme_client import b64u
from appliance import conf_value, env


def folder():
    return os.path.dirname(env("CHANCERY_CONF"))


def pkcs11_tool(softhsm_conf, pin_file, label, *argv):
    with open(pin_file) as file:
        pin = file.readline().strip()
    listing = subprocess.run(
        ["pkcs11-tool", "--module", env("PKCS11_MODULE"), "--token-label",
         label, "--login", "--pin", pin, *argv],
        capture_output=True, text=True, timeout=60,
        env=dict(os.environ, SOFTHSM2_CONF=softhsm_conf))
    assert listing.returncode == 0, listing.stderr
    return listing.stdout


def private_keys(kind, softhsm_conf, pin_file, label):
    text = pkcs11_tool(softhsm_conf, pin_file, label, "-O", "--type", kind)
    return re.findall(r"^  Access:\s*(.*)$", text, re.M), text


def tokens():
    """(softhsm2.conf, PIN file, label) of the issuing and the root token."""
    from appliance import conf_text
    issuing = tuple(conf_value(f"token.{name}").strip('"')
                    for name in ("softhsm_conf", "pin_file", "label"))
    ceremony = os.path.join(folder(), "ceremony.conf")
    with open(ceremony) as file:
        text = file.read()
    root = re.search(r"\broot\s*[:=]\s*\{.*?\btoken\s*[:=]\s*\{(.*?)\}",
                     text, re.S).group(1)
    return issuing, tuple(
        re.search(rf'\b{name}\s*=\s*"([^"]*)"', root).group(1)
        for name in ("softhsm_conf", "pin_file", "label"))


def test_every_private_key_is_sensitive_and_local():
    issuing, root = tokens()
    # The issuing CA's, the log's and the own account's; the root's.
    for token, least in ((issuing, 3), (root, 1)):
        access, text = private_keys("privkey", *token)
        assert len(access) >= least, text
        for flags in access:
            for flag in ("sensitive", "always sensitive",
                         "never extractable", "local"):
                assert flag in flags.split(", "), text


def test_secret_keys_too():
    issuing, _ = tokens()
    access, text = private_keys("secrkey", *issuing)
    assert len(access) >= 2, text           # of the seals and of EAB
    for flags in access:
        assert "never extractable" in flags and "sensitive" in flags, text


def test_the_running_ca_has_no_way_to_the_root_token():
    issuing, root = tokens()
    assert issuing[0] != root[0]
    with open(env("CHANCERY_CONF")) as file:
        text = file.read()
    for value in root:
        assert f'"{value}"' not in text
    if os.getuid() != 0:
        return
    probe = subprocess.run(
        ["setpriv", "--reuid=chancery-token", "--regid=chancery",
         "--clear-groups", "cat", root[1]], capture_output=True)
    assert probe.returncode != 0


PEM = re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----.*?"
                 rb"-----END (?:[A-Z]+ )?PRIVATE KEY-----", re.S)
# The heads of PKCS#8 and SEC 1 private keys for P-256 and P-384.
DER = (bytes.fromhex("301306072a8648ce3d020106082a8648ce3d03010704"),
       bytes.fromhex("301006072a8648ce3d020106052b8104002204"))


def test_no_private_key_lies_in_a_file_but_two():
    """The listener's and the officer's.  Everything under the data folder is
    looked at: the database's files, the token's, logs and configuration."""
    state = conf_value("state_dir").strip('"')
    listener = os.path.join(state, "listener", "listener.key")
    officer = os.path.join(folder(), "officer.key")
    client = os.path.join(folder(), "demo")     # the demo's own keys
    found, looked = [], 0
    for top, _, names in os.walk(folder()):
        if os.path.relpath(top, folder()).split(os.sep)[0] in (
                "build", "programs"):
            continue
        for name in names:
            path = os.path.join(top, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                data = file.read()
            looked += 1
            if PEM.search(data) or any(head in data for head in DER):
                found.append(path)
    assert looked > 100
    ours = [path for path in found if not path.startswith(client + os.sep)]
    assert sorted(map(os.path.realpath, ours)) == sorted(
        map(os.path.realpath, (listener, officer)))
    assert os.stat(officer).st_mode & 0o777 == 0o600
    assert os.stat(listener).st_mode & 0o777 == 0o640


def test_the_search_would_find_a_key():
    """The patterns above match what they should."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    for curve in (ec.SECP256R1(), ec.SECP384R1()):
        key = ec.generate_private_key(curve)
        for encoding, pattern in (
                (serialization.Encoding.PEM, PEM.search),
                (serialization.Encoding.DER,
                 lambda data: any(head in data for head in DER))):
            assert pattern(key.private_bytes(
                encoding, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))


# ------------------------------------------------------------- the worker

WIRE, SIGN, KEY, EAB_KEY, EAB_VERIFY = 0x43540001, 0, 2, 4, 5
CERTIFICATE, LOG_HEAD, JWS = range(3)
DONE, REFUSED = 0, 1


class Worker:
    """A token worker as the ceremony starts it, on the issuing token."""

    def __init__(self):
        self.socket, end = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        token, _ = tokens()
        more = {} if os.getuid() != 0 else {
            "user": "chancery-token", "group": "chancery",
            "extra_groups": []}
        self.process = subprocess.Popen(
            [os.path.join(env("CHANCERY_BIN"), "chancery-token"),
             "--ceremony", env("PKCS11_MODULE"), token[2], token[1],
             token[0], "-c", env("CHANCERY_CONF")],
            preexec_fn=lambda: os.dup2(end.fileno(), 3), pass_fds=[3],
            **more)
        end.close()
        assert self.hear()[0] == DONE
        self.keys = {}
        for i in range(self.ask(KEY)[2]):
            _, data, _ = self.ask(KEY, purpose=i)
            label = data[:64].split(b"\0")[0].decode()
            spki_len, = struct.unpack_from("N", data, 696)
            self.keys[label] = data[80:96], data[96:96 + spki_len]

    def hear(self):
        data = self.socket.recv(1 << 17)
        version, status, count, length = struct.unpack_from("4I", data)
        assert version == WIRE and len(data) == 16 + 256 + length
        self.why = data[16:272].split(b"\0")[0].decode()
        return status, data[272:], count

    def ask(self, kind, data=b"", purpose=0, key_id=bytes(16)):
        self.socket.send(struct.pack("4I", WIRE, kind, purpose, len(data)) +
                         key_id + data)
        return self.hear()

    def sign(self, label, purpose, data):
        return self.ask(SIGN, data, purpose, self.keys[label][0])[:2]

    def verify(self, kid, alg, mac, text):
        status, data, _ = self.ask(
            EAB_VERIFY, kid.encode() + b"\0" + alg.encode() + b"\0" +
            struct.pack(">H", len(mac)) + mac + text)
        assert status == DONE, self.why
        return data == b"\1"


@pytest.fixture(scope="module")
def worker():
    worker = Worker()
    yield worker
    worker.socket.close()
    worker.process.wait(30)


def jws_input(**header):
    return (b64u(json.dumps({"url": "https://x", "kid": "y", **header})
                 .encode()) + "." + b64u(b"{}")).encode()


def test_the_own_accounts_key_signs_a_jws(worker):
    text = jws_input(alg="ES256")
    status, raw = worker.sign("chancery-account", JWS, text)
    assert status == DONE and len(raw) == 64
    load_der_public_key(worker.keys["chancery-account"][1]).verify(
        encode_dss_signature(int.from_bytes(raw[:32], "big"),
                             int.from_bytes(raw[32:], "big")),
        text, ec.ECDSA(hashes.SHA256()))


CHECKPOINT = b"o\n1\n" + b"q" * 42 + b"o=\n"


@pytest.mark.parametrize("label,purpose,data", [
    ("chancery-account", JWS, jws_input(alg="RS256")),
    ("chancery-account", JWS, jws_input(alg="none")),
    ("chancery-account", JWS, b"any octets"),
    ("chancery-account", JWS, CHECKPOINT),
    ("chancery-account", CERTIFICATE, jws_input(alg="ES256")),
    ("chancery-account", LOG_HEAD, CHECKPOINT),
    ("chancery-issuing", JWS, jws_input(alg="ES256")),
    ("chancery-log", JWS, jws_input(alg="ES256")),
    ("chancery-log", CERTIFICATE, CHECKPOINT),
    ("chancery-issuing", LOG_HEAD, CHECKPOINT),
    ("chancery-seal", JWS, jws_input(alg="ES256")),
    ("chancery-eab", JWS, jws_input(alg="HS256")),
    ("chancery-issuing", 7, CHECKPOINT),
])
def test_a_worker_is_no_oracle(worker, label, purpose, data):
    status, signature = worker.sign(label, purpose, data)
    assert status == REFUSED and signature == b"" and worker.why


def test_eab_macs_are_verified_in_the_worker(worker):
    status, key, _ = worker.ask(EAB_KEY, b"a-key-id")
    assert status == DONE and len(key) == 32
    assert worker.ask(EAB_KEY, b"a-key-id")[1] == key
    assert worker.ask(EAB_KEY, b"another")[1] != key
    for bad in (b"", b"x" * 256):
        assert worker.ask(EAB_KEY, bad)[0] == REFUSED
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384),
                        ("HS512", hashlib.sha512)):
        mac = hmac.new(key, b"text", digest).digest()
        assert worker.verify("a-key-id", alg, mac, b"text")
        assert not worker.verify("a-key-id", alg, mac, b"tex")
        assert not worker.verify("another", alg, mac, b"text")
        assert not worker.verify("a-key-id", alg, mac[:-1], b"text")
        assert not worker.verify("a-key-id", "HS1", mac, b"text")
        assert not worker.verify("a-key-id", alg, b"", b"text")
    assert worker.ask(EAB_VERIFY, b"kid\0HS256\0\xff\xffx")[0] == REFUSED
