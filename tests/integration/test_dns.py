# SPDX-License-Identifier: Apache-2.0
"""Validation with a DNS server of our own and with CAA: which names, which
addresses, which authority.  Rows: H http-01, N11 dns, S02 addresses, D04 CAA
(RFC 8659, RFC 8657)."""
import ipaddress
import os
import signal
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest

from acme_client import Http01
from appliance import env, processes
from beside import Beside
from checks import fresh
from trial import Trial, redirecting

PORT = int(env("CHANCERY_HTTP01_PORT"))
A, AAAA, CAA = 1, 28, 257
SERVFAIL = "servfail"


class Dns(socketserver.ThreadingMixIn, socketserver.UDPServer):
    """Answers from `zone`: {(name, type): [rdata]} or SERVFAIL; silent about
    names in `mute`.  A name that has nothing, and nothing below it, does not
    exist."""
    daemon_threads = True

    def __init__(self):
        self.zone = {}
        self.mute = set()
        super().__init__(("127.0.0.1", 0), None)
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,),
                         daemon=True).start()

    def finish_request(self, request, client_address):
        data, sock = request
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        kind, = struct.unpack(">H", data[at + 1:at + 3])
        name = ".".join(labels)
        if name in self.mute:
            return
        found = self.zone.get((name, kind), [])
        exists = any(n == name or n.endswith("." + name)
                     for n, _ in self.zone)
        code = 2 if found == SERVFAIL else 0 if exists else 3
        records = [] if found == SERVFAIL else found
        answer = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1,
                                        len(records), 0, 0)
        answer += data[12:at + 5]
        for rdata in records:
            answer += b"\xc0\x0c" + struct.pack(
                ">HHIH", kind, 1, 1, len(rdata)) + rdata
        sock.sendto(answer, client_address)

    def host(self, name, *addresses):
        for text in addresses:
            address = ipaddress.ip_address(text)
            kind = A if address.version == 4 else AAAA
            self.zone.setdefault((name, kind), []).append(address.packed)

    def caa(self, name, *records):
        """Records as "0 issue ca.test"."""
        self.zone[name, CAA] = []
        for record in records:
            flags, tag, text = record.split(" ", 2)
            self.zone[name, CAA].append(bytes([int(flags), len(tag)]) +
                                        tag.encode() + text.encode())


@pytest.fixture(scope="module")
def https(responder, tmp_path_factory):
    """A port that answers as `responder` does, by TLS, with a certificate
    that nobody trusts."""
    folder = tmp_path_factory.mktemp("https")
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "ec",
                    "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=x",
                    "-keyout", f"{folder}/key", "-out", f"{folder}/cert"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert", f"{folder}/key")
    secure = Http01(0)
    secure.answers, secure.hooks = responder.answers, responder.hooks
    secure.server.socket = context.wrap_socket(secure.server.socket,
                                               server_side=True)
    with secure:
        yield secure.port


@pytest.fixture(scope="module")
def dns(https):
    """A validator with its helpers beside the running one, which sleeps
    meanwhile: the same work, but with our DNS and with CAA."""
    server = Dns()
    with ExitStack() as stack:
        beside = stack.enter_context(Beside(
            {"resolver": f'forward = "{server.address}";'
                         ' trust_anchor = "/dev/null";',
             "validator": 'caa_identities = [ "ca.test" ]; '
                          f'https_port = "{https}"; timeout = "5s";'},
            without=[r"local = \([^)]*\);"],
            validator__allow='["127.0.0.0/8", "::1/128"]'))
        validator, = processes()["chancery-validator"]
        stack.callback(os.kill, validator, signal.SIGCONT)
        for name in ("resolver", "probe", "validator"):
            beside.start(name)
        os.kill(validator, signal.SIGSTOP)
        yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def there(dns, client, responder):
    """A trial whose right answer is served; its name is not in DNS yet."""
    trial = Trial(client, fresh("dns"))
    responder.serve(trial.token, trial.answer)
    return trial


# ------------------------------------------------------- names and addresses

def test_dns_address(dns, there):
    dns.host(there.name, "127.0.0.1")
    there.passes()


def test_N11_no_such_name(dns, there):
    there.fails("dns", "no A or AAAA record")


def test_N11_no_address(dns, there):
    dns.caa(there.name, "0 issue ca.test")
    there.fails("dns", "no A or AAAA record")


def test_N11_server_failure(dns, there):
    dns.zone[there.name, A] = SERVFAIL
    there.fails("dns", "A record")


def test_dns_aaaa_failure_is_forgiven(dns, there):
    dns.zone[there.name, AAAA] = SERVFAIL
    dns.host(there.name, "127.0.0.1")
    there.passes()


def test_N11_silence(dns, there):
    dns.zone[there.name, A] = []
    dns.mute.add(there.name)
    started = time.monotonic()
    there.fails("dns")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("address", [
    "10.1.2.3", "169.254.169.254", "0.0.0.0", "224.0.0.1", "192.0.2.1",
    "fe80::1", "fd00:ec2::254", "64:ff9b::7f00:1", "::", "::127.0.0.1"])
def test_S02_addresses_that_are_not_allowed(dns, there, address):
    dns.host(there.name, address)
    started = time.monotonic()
    there.fails("connection", "policy")
    assert time.monotonic() - started < 3


def test_S02_mapped_address_is_judged_as_ipv4(dns, there):
    dns.zone[there.name, AAAA] = [
        ipaddress.ip_address("::ffff:10.1.2.3").packed]
    there.fails("connection", "policy", "10.1.2.3")


def test_S02_forbidden_beside_allowed(dns, there):
    dns.host(there.name, "169.254.169.254", "127.0.0.1")
    there.passes()
    tries = there.transcript()["hops"][0]["tries"]
    assert {t["address"] for t in tries} == {"127.0.0.1"}


def test_S02_redirect_to_a_forbidden_address(dns, there, responder):
    meta = fresh("meta")
    dns.host(there.name, "127.0.0.1")
    dns.host(meta, "169.254.169.254")
    redirecting(there, responder, f"http://{meta}/latest")
    done = there.start().end()
    assert done["error"]["type"].endswith(":connection")
    assert "policy" in done["error"]["detail"]


def test_H04_ipv6_first(dns, there, responder):
    dns.host(there.name, "127.0.0.1", "::1")
    before = len(responder.seen)
    with Http01(PORT, "::1") as six:
        six.serve(there.token, there.answer)
        there.passes()
        assert six.seen == [there.path]
    assert responder.seen[before:] == []


def test_H04_then_ipv4(dns, there):
    dns.host(there.name, "127.0.0.1", "::1")
    there.passes()
    tries = there.transcript()["hops"][0]["tries"]
    assert [t["address"] for t in tries] == ["::1", "127.0.0.1"]


def test_H04_not_after_a_wrong_answer(dns, there):
    dns.host(there.name, "127.0.0.1", "::1")
    with Http01(PORT, "::1"):
        there.fails("unauthorized", "::1")


def test_server_that_comes_late(dns, there):
    """Refused connections are tried again for a while (RFC 8555, 8.2)."""
    dns.host(there.name, "127.0.0.9")
    there.start()
    time.sleep(1)
    with Http01(PORT, "127.0.0.9") as late:
        late.serve(there.token, there.answer)
        assert there.end()["status"] == "valid"


def test_nobody_listens(dns, there):
    dns.host(there.name, "127.0.0.10")
    there.fails("connection", "127.0.0.10", "refused")


def test_H03_https_with_any_certificate(dns, there, responder):
    other, path = fresh("secure"), "/" + fresh("path")
    dns.host(there.name, "127.0.0.1")
    dns.host(other, "127.0.0.1")
    responder.answers[path] = there.answer
    redirecting(there, responder, f"https://{other}{path}")
    there.passes()


def test_H03_https_where_there_is_none(dns, there, responder):
    dns.host(there.name, "127.0.0.1")
    redirecting(there, responder, f"https://{there.name}:{PORT}/")
    there.fails("tls")


# ------------------------------------------------------------------------ CAA

@pytest.mark.parametrize("records", [
    ("0 issue ca.test",), ("0 issue other.test", "0 issue CA.test"),
    ("0 issuewild other.test",), ("0 iodef mailto:a@b.test",),
    ("0 issue ca.test; validationmethods=dns-01,http-01",),
    ("0 issue ca.test; accounturi={account}",),
    ("0 unknown x", "0 issue ca.test")])
def test_D04_caa_allows(dns, there, records):
    dns.host(there.name, "127.0.0.1")
    dns.caa(there.name, *[record.format(account=there.client.kid)
                          for record in records])
    there.passes()
    assert there.name in there.transcript()["caa"]


@pytest.mark.parametrize("records", [
    ("0 issue other.test",), ("0 issue ;",), ("0 issue ca.test.evil.test",),
    ("128 unknown x",), ("128 unknown x", "0 issue ca.test"),
    ("0 issue ca.test; validationmethods=dns-01",),
    ("0 issue ca.test; accounturi={account}x",),
    ("0 issue ca.test; accounturi=https://localhost/acme/account/x",)])
def test_D04_caa_forbids(dns, there, records):
    dns.host(there.name, "127.0.0.1")
    dns.caa(there.name, *[record.format(account=there.client.kid)
                          for record in records])
    there.fails("caa")


def test_D04_caa_of_a_parent(dns, client, responder):
    parent = fresh("parent")
    dns.caa(parent, "0 issue ;")
    for label, records, good in (("a.b", None, False),
                                 ("c", ["0 issue ca.test"], True)):
        trial = Trial(client, f"{label}.{parent}")
        responder.serve(trial.token, trial.answer)
        dns.host(trial.name, "127.0.0.1")
        if records:
            dns.caa(trial.name, *records)
        assert (trial.start().end()["status"] == "valid") == good


def test_D04_caa_that_cannot_be_seen(dns, there):
    dns.host(there.name, "127.0.0.1")
    dns.zone[there.name, CAA] = SERVFAIL
    there.fails("dns", "CAA")


def test_many_at_once(dns, client, responder):
    trials = [Trial(client, fresh("many")) for _ in range(12)]
    for trial in trials:
        dns.host(trial.name, "127.0.0.1")
        responder.serve(trial.token, trial.answer)
        client.post(trial.challenge["url"], {}, retry=False)
    assert all(trial.end()["status"] == "valid" for trial in trials)
