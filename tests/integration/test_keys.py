# SPDX-License-Identifier: Apache-2.0
"""The keys are in the token and nowhere else."""
import base64
import os
import re
import subprocess

from cryptography.hazmat.primitives.serialization import load_pem_private_key

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
    for token, least in ((issuing, 2), (root, 1)):
        access, text = private_keys("privkey", *token)
        assert len(access) >= least, text
        for flags in access:
            for flag in ("sensitive", "always sensitive",
                         "never extractable", "local"):
                assert flag in flags.split(", "), text


def test_secret_keys_too():
    issuing, _ = tokens()
    access, text = private_keys("secrkey", *issuing)
    assert access, text
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


def test_no_private_key_lies_in_a_file_but_the_listeners():
    """Everything under the data folder: the database's files, the token's,
    logs and configuration."""
    state = conf_value("state_dir").strip('"')
    listener = os.path.realpath(os.path.join(state, "listener.key"))
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
    assert [os.path.realpath(path) for path in ours] == [listener]


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
