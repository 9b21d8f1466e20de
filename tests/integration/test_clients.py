# SPDX-License-Identifier: Apache-2.0
"""certbot, lego and uacme as Debian has them: each obtains a certificate by
http-01 and renews it, with RSA and with EC keys.  A client that is not there
is a failure."""
import functools
import http.server
import os
import subprocess
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_pem_private_key)
from cryptography.x509 import DNSName, SubjectAlternativeName

from acme_client import split_chain
from appliance import env
from checks import fresh

KINDS = {"rsa": rsa.RSAPublicKey, "ec": ec.EllipticCurvePublicKey}
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def run(*argv, **more):
    """Run a client, with nothing of our own environment but the path."""
    variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
                 **more}
    done = subprocess.run(argv, env=variables, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=90)
    assert done.returncode == 0, done.stdout
    return done.stdout


class Certbot:
    def __init__(self, folder, kind, names):
        self.names = names
        self.chain = f"{folder}/c/live/{names[0]}/fullchain.pem"
        self.key = f"{folder}/c/live/{names[0]}/privkey.pem"
        self.common = ["-n", "--config-dir", f"{folder}/c", "--work-dir",
                       f"{folder}/w", "--logs-dir", f"{folder}/l"]
        self.kind = {"rsa": "rsa", "ec": "ecdsa"}[kind]
        self.run = functools.partial(run, HOME=str(folder),
                                     REQUESTS_CA_BUNDLE=env("CHANCERY_ROOT"))

    def obtain(self):
        self.run("certbot", "certonly", *self.common,
                 "--server", env("CHANCERY_DIRECTORY"), "--standalone",
                 "--http-01-port", env("CHANCERY_HTTP01_PORT"),
                 "--http-01-address", "127.0.0.1", "--agree-tos",
                 "-m", "a@example.com", "--key-type", self.kind,
                 *[word for name in self.names for word in ("-d", name)])

    def renew(self):
        self.run("certbot", "renew", *self.common, "--force-renewal",
                 "--no-random-sleep-on-renew")


class Lego:
    def __init__(self, folder, kind, names):
        self.chain = f"{folder}/certificates/{names[0]}.crt"
        self.key = f"{folder}/certificates/{names[0]}.key"
        self.common = [
            "lego", "--server", env("CHANCERY_DIRECTORY"), "--path",
            str(folder), "--email", "a@example.com", "--accept-tos",
            "--key-type", {"rsa": "rsa2048", "ec": "ec256"}[kind], "--http",
            "--http.port", f"127.0.0.1:{env('CHANCERY_HTTP01_PORT')}",
            *[word for name in names for word in ("--domains", name)]]
        self.run = functools.partial(
            run, HOME=str(folder),
            LEGO_CA_CERTIFICATES=env("CHANCERY_ROOT"))

    def obtain(self):
        self.run(*self.common, "run")

    def renew(self):
        self.run(*self.common, "renew", "--days", "10000",
                 "--no-random-sleep")


class Uacme:
    """It knows no other authorities than the system's, so it sees a system
    where these are ours, in a mount namespace of its own."""

    def __init__(self, folder, kind, names):
        self.chain = f"{folder}/{names[0]}/cert.pem"
        self.key = f"{folder}/private/{names[0]}/key.pem"
        self.hook = f"{folder}/hook"
        self.names = names
        self.common = ["uacme", "-v", "-a", env("CHANCERY_DIRECTORY"),
                       "-c", str(folder), "-t", kind.upper()]
        with open(self.hook, "w") as file:
            file.write('#!/bin/sh\n[ "$2" = http-01 ] || exit 1\n'
                       f'cd "{folder}/web" || exit 1\n'
                       'case $1 in\nbegin) printf %s "$5" >"$4" ;;\n'
                       '*) rm -f "$4" ;;\nesac\n')
        os.chmod(self.hook, 0o755)
        os.mkdir(f"{folder}/web")
        self.web = f"{folder}/web"

    def run(self, *argv):
        with FolderServer(self.web):
            run("unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c",
                f'mount --bind "$0" {BUNDLE} && exec "$@"',
                env("CHANCERY_ROOT"), *self.common, *argv)

    def obtain(self):
        self.run("-y", "new", "a@example.com")
        self.run("-h", self.hook, "issue", *self.names)

    def renew(self):
        self.run("-f", "-h", self.hook, "issue", *self.names)


class FolderServer:
    """Serves the files of a folder as answers to challenges."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, path):
                where, token = os.path.split(path)
                assert where == "/.well-known/acme-challenge", path
                return os.path.join(folder, token)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", int(env("CHANCERY_HTTP01_PORT"))), Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


def check(client, kind, names):
    """The chain on the client's disk is good for its key and its names; the
    leaf."""
    run("openssl", "verify", "-x509_strict", "-purpose", "sslserver",
        "-verify_hostname", names[-1], "-CAfile", env("CHANCERY_ROOT"),
        "-untrusted", client.chain, client.chain)
    with open(client.chain) as file:
        chain = split_chain(file.read())
    assert len(chain) == 2
    key = chain[0].public_key()
    assert isinstance(key, KINDS[kind])
    found = chain[0].extensions.get_extension_for_class(
        SubjectAlternativeName).value.get_values_for_type(DNSName)
    assert sorted(found) == sorted(names)
    with open(client.key, "rb") as file:
        private = load_pem_private_key(file.read(), None)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(*form) == \
        key.public_bytes(*form)
    return chain[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [Certbot, Lego, Uacme])
def test_client(make, kind, tmp_path):
    names = [fresh(make.__name__.lower()), "www." + fresh()]
    client = make(tmp_path, kind, names)
    client.obtain()
    first = check(client, kind, names)
    client.renew()
    second = check(client, kind, names)
    assert second.serial_number != first.serial_number
