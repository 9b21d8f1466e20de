# SPDX-License-Identifier: Apache-2.0
"""table.py [--readme] [client]...: runs every case of every client (or of
those whose title holds a word), checks each certificate against its key, its
names and the root, and prints the table.  Part of tests/clients/run."""
import collections
import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

import psycopg2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat, load_pem_private_key)

import clients

Case = collections.namedtuple("Case", "challenge key shape bound")
README = pathlib.Path(__file__).resolve().parents[2] / "README"
BEGIN, END = "<!-- clients -->", "<!-- end of clients -->"
KINDS = {"rsa": rsa.RSAPublicKey, "ec": ec.EllipticCurvePublicKey}
numbers = itertools.count(1)


def cases(client):
    for challenge in client.challenges:
        for key in client.keys:
            yield Case(challenge, key, "names", False)
        if challenge in client.wildcard:
            yield Case(challenge, "ec", "wildcard", False)
        if challenge in client.ip:
            yield Case(challenge, "ec", "ip", False)
    if client.eab:
        yield Case(client.challenges[0], "ec", "names", True)


def names_of(client, case):
    stem = f"{client.__name__.lower()}-{next(numbers)}.test"
    if case.shape == "wildcard":
        return [f"*.{stem}"]
    if case.shape == "ip":
        return ["127.0.0.1"]
    if client is clients.Caddy:
        # A certificate for each, and two at once would race for its account.
        return [stem]
    return [stem, f"www.{stem}"]


def ctl(*words, given=None):
    """What chanceryctl answers in JSON."""
    done = subprocess.run(
        [os.path.join(os.environ["CHANCERY_BIN"], "chanceryctl"), "-c",
         os.environ["CHANCERY_CONF"], *words, "--json"], text=True,
        stdout=subprocess.PIPE, input=given, check=True)
    return json.loads(done.stdout)


def eab_make():
    """A key for one account, from the officer."""
    made = ctl("eab", "add")
    return made["kid"], made["mac_key"]


@contextlib.contextmanager
def profile(changes):
    """The default profile with other values, for a while."""
    if not changes:
        yield
        return
    before = ctl("profile", "show", "server")
    ctl("profile", "set", "-", given=json.dumps(before | changes))
    try:
        yield
    finally:
        ctl("profile", "set", "-", given=json.dumps(before))


def bound_accounts(kid):
    connection = psycopg2.connect(options="-c search_path=chancery")
    cursor = connection.cursor()
    cursor.execute("SELECT count(*) FROM account WHERE eab = %s", (kid,))
    count = cursor.fetchone()[0]
    connection.close()
    return count


def certificate(client, case, names):
    """Of what lies on disk, checked; its serial number."""
    text = pathlib.Path(client.chain).read_bytes()
    chain = text.split(b"-----BEGIN CERTIFICATE-----")[1:]
    assert len(chain) == 2, f"{len(chain)} certificates in the chain"
    leaf = x509.load_pem_x509_certificate(text)
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile",
                    clients.ROOT, "-untrusted", client.chain, client.chain],
                   check=True, stdout=subprocess.DEVNULL)
    san = leaf.extensions.get_extension_for_class(
        x509.SubjectAlternativeName).value
    found = san.get_values_for_type(x509.DNSName) + \
        [str(a) for a in san.get_values_for_type(x509.IPAddress)]
    assert sorted(found) == sorted(names), found
    assert isinstance(leaf.public_key(), KINDS[case.key])
    private = load_pem_private_key(pathlib.Path(client.key).read_bytes(),
                                   None)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert private.public_key().public_bytes(*form) == \
        leaf.public_key().public_bytes(*form), "another key"
    return leaf.serial_number


def attempt(client_class, case):
    """None, or why not."""
    names = names_of(client_class, case)
    folder = clients.WORK / "runs" / names[0].replace("*", "_")
    if case.shape == "ip":
        folder = folder.with_name(f"ip-{next(numbers)}")
    folder.mkdir(parents=True)
    try:
        with profile(client_class.profile):
            eab = eab_make() if case.bound else None
            client = client_class(folder, case, names, eab)
            client.obtain()
            first = certificate(client, case, names)
            client.renew()
            assert certificate(client, case, names) != first, "not renewed"
        if case.bound:
            assert bound_accounts(eab[0]) == 1, "no bound account"
    except Exception as error:
        (folder / "failed").write_text(str(error))
        return f"{type(error).__name__}: {error}"
    return None


def cell(results, client, challenge):
    """What was shown for a client by one challenge type."""
    if challenge not in client.challenges:
        return "-"
    mine = {case: why for (who, case), why in results.items()
            if who is client and case.challenge == challenge
            and not case.bound}
    if any(mine.values()):
        return "FAILED"
    shapes = {case.shape for case in mine}
    words = ["RSA", "EC"] + ["*."] * ("wildcard" in shapes) + \
        ["IP"] * ("ip" in shapes)
    return " ".join(words)


def table(results, chosen):
    rows = [("client",) + tuple(
        (clients.HTTP, clients.DNS, clients.ALPN)) + ("EAB",)]
    for client in chosen:
        bound = [why for (who, case), why in results.items()
                 if who is client and case.bound]
        rows.append((client.title,
                     *[cell(results, client, challenge)
                       for challenge in rows[0][1:4]],
                     "-" if not bound else
                     "FAILED" if any(bound) else "yes"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join("  ".join(text.ljust(width) for text, width in
                               zip(row, widths)).rstrip() for row in rows)


def readme_write(text):
    before, _, rest = README.read_text().partition(BEGIN + "\n")
    _, _, after = rest.partition(END)
    body = "".join(f"\t{line}\n" for line in text.split("\n"))
    README.write_text(f"{before}{BEGIN}\n{body}{END}{after}")


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    chosen = [client for client in clients.CLIENTS if not words or any(
        word.lower() in client.title.lower() for word in words)]
    results = {}
    for client in chosen:
        for case in cases(client):
            began = time.monotonic()
            why = attempt(client, case)
            results[client, case] = why
            print(f"{client.title:20} {case.challenge:12} {case.key:4}"
                  f" {case.shape:9} {'EAB' if case.bound else '':4}"
                  f" {time.monotonic() - began:6.1f} s "
                  f" {'ok' if why is None else 'FAILED'}", flush=True)
            if why is not None:
                print("    " + why[-1500:].replace("\n", "\n    "),
                      flush=True)
    text = table(results, chosen)
    failed = sum(why is not None for why in results.values())
    print(f"\n{text}\n\nclients: {len(results) - failed} passed, "
          f"{failed} failed")
    if "--readme" in sys.argv and failed == 0 and not words:
        readme_write(text)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
