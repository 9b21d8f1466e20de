# SPDX-License-Identifier: Apache-2.0
"""Fixtures, and the table that is printed at the end: row | statement |
result.  The client and the appliance are those of tests/integration."""
import os
import signal
import sys
from contextlib import ExitStack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "integration"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from acme_client import Http01, Key                           # noqa: E402
from appliance import env, processes, rows, value             # noqa: E402
from beside import Beside, free_port                          # noqa: E402
from checks import fresh, new_client                          # noqa: E402
from face import Face                                         # noqa: E402
from officers import ctl                                      # noqa: E402
from responders import Dns, TlsAlpn01                         # noqa: E402
from rows import IDS                                          # noqa: E402

CA = "ca.test"                  # the issuer domain of the laboratory


# ------------------------------------------------------------------- the table

def pytest_configure(config):
    config.addinivalue_line("markers", "row(name, statement, choice): a row")
    config.table = {}


def pytest_collection_finish(session):
    for item in session.items:
        mark = item.get_closest_marker("row")
        if mark:
            name = mark.kwargs["name"]
            assert name not in session.config.table, f"two tests for {name}"
            session.config.table[name] = [mark.kwargs, None]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    mark = item.get_closest_marker("row")
    if mark and (report.when == "call" or report.outcome != "passed"):
        item.config.table[mark.kwargs["name"]][1] = report.outcome


def result_of(kwargs, outcome):
    if outcome != "passed":
        return "NOT RUN" if outcome is None else outcome.upper()
    if kwargs["choice"]:
        return f"passed, our choice: {kwargs['choice']}"
    return "passed"


def pytest_terminal_summary(terminalreporter, config):
    write = terminalreporter.write_line
    write("")
    for name in sorted(config.table, key=lambda name: (
            IDS.index(name) if name in IDS else -1)):
        kwargs, outcome = config.table[name]
        write(f"{name} | {kwargs['statement']} | "
              f"{result_of(kwargs, outcome)}")
    outcomes = [outcome for _, outcome in config.table.values()]
    passed = outcomes.count("passed")
    write(f"conformance: {passed} passed, {len(outcomes) - passed} failed")


# -------------------------------------------------------------------- fixtures

@pytest.fixture(scope="module")
def client():
    return new_client()


@pytest.fixture(scope="module")
def other():
    """Another account."""
    return new_client(Key("RS256"))


@pytest.fixture(scope="module")
def responder():
    with Http01(int(env("CHANCERY_HTTP01_PORT"))) as responder:
        yield responder


@pytest.fixture(scope="module")
def issued(client, responder):
    """An order that has ended well: URL, object, PEM chain."""
    return client.issue([fresh("issued")], responder)


@pytest.fixture
def chain(tmp_path):
    """Another way up for the issuer: a root of somebody else that certifies
    its key.  Taken away again."""
    file = tmp_path / "chain.pem"
    issuer, text = value("SELECT name FROM issuer"), rows(
        "SELECT certificate FROM issuer")[0][0]
    upper = cross_sign(x509.load_der_x509_certificate(bytes(text)))
    file.write_text(upper)
    ctl("chain", "add", "conformance", str(file), "--issuer", issuer)
    yield upper
    ctl("chain", "remove", "conformance")


def cross_sign(issuer):
    """A certificate for the issuer's key by another root, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Other Root")])
    builder = (x509.CertificateBuilder().subject_name(issuer.subject)
               .issuer_name(name).public_key(issuer.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(issuer.not_valid_before)
               .not_valid_after(issuer.not_valid_after)
               .add_extension(x509.BasicConstraints(True, 0), critical=True))
    return builder.sign(key, hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM).decode()


@pytest.fixture
def faces():
    """faces(acme settings, group=settings, group__keyword=new value): another
    face with them, and a client of it that has no account."""
    with ExitStack() as stack:
        def start(acme="", **more):
            port = free_port()
            changes = {name: more.pop(name) for name in list(more)
                       if "__" in name}
            beside = stack.enter_context(Beside(
                {"acme": acme, **more}, **changes,
                acme__listen=f'["127.0.0.1:{port}"]'))
            beside.start("acme")
            return Face(port)
        yield start


class Lab:
    """An appliance with our DNS server that looks at CAA, and a client."""

    def __init__(self, port, dns):
        self.port = port
        self.dns = dns
        self.client = Face(port)
        self.client.register()


@pytest.fixture(scope="module")
def lab():
    """Beside the appliance, whose signer and validator sleep meanwhile."""
    port = free_port()
    with ExitStack() as stack:
        dns = stack.enter_context(Dns(here="test"))
        beside = stack.enter_context(Beside(
            {"resolver": f'forward = "{dns.address}";'
                         ' trust_anchor = "/dev/null";',
             "validator": f'caa_identities = [ "{CA}" ]; timeout = "4s";'},
            without=[r"local = \([^)]*\);"],
            acme__listen=f'["127.0.0.1:{port}"]'))
        for name in ("resolver", "probe", "acme"):
            beside.start(name)
        for name in ("validator", "signer"):
            pid, = processes()[f"chancery-{name}"]
            stack.callback(os.kill, pid, signal.SIGCONT)
            os.kill(pid, signal.SIGSTOP)
        for name in ("validator", "signer", "token"):
            beside.start(name)
        yield Lab(port, dns)


@pytest.fixture(scope="module")
def alpn():
    with TlsAlpn01(int(env("CHANCERY_TLS_ALPN_PORT"))) as responder:
        yield responder
