# SPDX-License-Identifier: Apache-2.0
"""Whoever is validated may not send the CA where it should not go (row S02;
RFC 8555, 10.4): refused at the connection, whatever DNS and redirects say,
and no word of a target in what the client sees.

Hosts of applicants are at 127.0.0.77 here, the only address of loopback that
the operator allows; every other test host stands where it must not be asked.
"""
import socket

import pytest

from acme_client import Http01, ip
from appliance import env
from checks import fresh
from responders import A, Dns, TlsAlpn01
from trial import SECRET, Trial, redirecting, validating

PORT = int(env("CHANCERY_HTTP01_PORT"))
HERE, FORBIDDEN = "127.0.0.77", "127.0.0.1"
ALLOW = f'["0.0.0.0/0", "::/0", "{HERE}/32"]'


def own_address():
    """An address of this host that is not loopback: the CA's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


INSIDE = [
    FORBIDDEN, "127.1.2.3", "0.0.0.0", "169.254.1.1",
    "169.254.169.254", "192.0.0.170", "224.0.0.251", "255.255.255.255",
    "::1", "::", "fe80::1", "fec0::1", "ff02::1", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1",
    "2002:7f00:1::1", "2001:0:7f00:1::", "OWN", "::ffff:OWN"]


def real(address):
    return address.replace("OWN", own_address())


class Rebinding(Dns):
    """Names in `turning` get another of their addresses at each question."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.turning = {}

    def look(self, name, kind):
        turns = self.turning.get(name)
        if kind == A and turns:
            turns.append(turns.pop(0))
            return 0, [(name, A, socket.inet_aton(turns[-1]))]
        return super().look(name, kind)


@pytest.fixture(scope="module")
def dns():
    with Rebinding() as server, validating(
            f'forward = "{server.address}"; trust_anchor = "/dev/null";',
            'timeout = "4s"; deny = [ "127.0.0.99" ];',
            validator__allow=ALLOW):
        server.ttl = 0
        yield server


@pytest.fixture(scope="module")
def host():
    """The applicant's web server."""
    with Http01(PORT, HERE) as host:
        yield host


@pytest.fixture(scope="module")
def inside():
    """A web server of the CA's own; whatever it says is secret."""
    with Http01(PORT, FORBIDDEN) as inside:
        yield inside


@pytest.fixture
def there(dns, client, host, inside):
    """A trial at 127.0.0.77.  After it nobody has asked the inside."""
    trial = Trial(client, fresh("ssrf"))
    inside.answers[trial.path] = trial.answer
    inside.answers["/secret"] = SECRET
    before = len(inside.seen)
    yield trial
    assert inside.seen[before:] == []


def untouched(trial, address):
    """Nobody was connected to for the last step of it; the address is in the
    transcript alone."""
    last = trial.transcript()["hops"][-1]
    assert last["tries"] == []
    assert last["refused"], last


def test_ssrf_control(dns, there, host):
    """The applicant's own host is reached, also by a redirect."""
    dns.host(there.name, HERE)
    redirecting(there, host, "/moved")
    host.answers["/moved"] = there.answer
    there.passes()


@pytest.mark.parametrize("address", INSIDE)
def test_ssrf_dns_answer(dns, there, address):
    dns.host(there.name, real(address))
    there.fails("connection", "policy forbids")
    untouched(there, address)


@pytest.mark.parametrize("address", INSIDE)
def test_ssrf_redirect(dns, there, host, address):
    target = fresh("inside")
    dns.host(there.name, HERE)
    dns.host(target, real(address))
    redirecting(there, host, f"http://{target}/secret")
    done = there.start().end()
    there.failed(done, "connection", "redirect 1", "policy forbids")
    assert target not in done["error"]["detail"]
    assert real(address) not in done["error"]["detail"]
    untouched(there, address)


def test_ssrf_redirect_by_tls(dns, there, host):
    target = fresh("inside")
    dns.host(there.name, HERE)
    dns.host(target, FORBIDDEN)
    redirecting(there, host, f"https://{target}/secret")
    there.fails("connection", "policy forbids")


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "gopher://{0}/_x", "ftp://{0}/", "dict://{0}/x",
    "ldap://{0}/", "unix:/run/x", "javascript:0", "//127.0.0.1/",
    "http://127.0.0.1:{port}/secret", "http://[::1]:{port}/secret",
    "http://2130706433/secret", "http://0x7f000001/", "http://017700000001/",
    "http://127.1/", "http://0/", "http://[::ffff:127.0.0.1]/",
    "http://localhost/secret", "http://{0}:22/", "http://{0}:5432/",
    "http://{0}:25/", "https://{0}:6443/", "http://x@{0}/", "http://{0}@x/",
    "http://{0}\t/", "http://{0}%00.test/", "http://{0}/%0d%0aX: y",
    "http://{0}\\@x.test/"])
def test_ssrf_other_schemes_and_ports(dns, there, host, location):
    target = fresh("inside")
    dns.host(there.name, HERE)
    dns.host(target, FORBIDDEN)
    redirecting(there, host, location.format(target, port=PORT))
    done = there.start().end()
    assert done["status"] == "invalid", done
    assert done["error"]["type"].endswith((":connection", ":dns"))
    assert target not in done["error"]["detail"], done


def test_ssrf_what_a_redirected_host_says(dns, there, host):
    """Allowed, but not the answer: its words stay here."""
    dns.host(there.name, HERE)
    target = fresh("database")
    dns.host(target, HERE)
    host.answers["/status"] = SECRET
    redirecting(there, host, f"http://{target}/status")
    done = there.start().end()
    there.failed(done, "unauthorized", "redirect 1", "key authorization")
    assert target not in str(done) and HERE not in str(done["error"])


def test_ssrf_names_inside_stay_unknown(dns, there, host):
    """Whether a name exists in our DNS is not for the applicant to learn from
    its address."""
    dns.host(there.name, HERE)
    target = fresh("hr-database")
    redirecting(there, host, f"http://{target}/")
    done = there.start().end()
    there.failed(done, "dns", "redirect 1")
    assert target not in str(done)


def test_ssrf_rebinding_between_steps(dns, there, host):
    """The name moves between the first question and the redirect."""
    dns.turning[there.name] = [HERE, FORBIDDEN]
    redirecting(there, host, f"http://{there.name}/secret")
    there.fails("connection", "redirect 1", "policy forbids")


def test_ssrf_rebinding(dns, client, there, host):
    """A name with two addresses in turn: what was judged is connected to."""
    for _ in range(20):
        trial = Trial(client, fresh("turn"))
        host.answers[trial.path] = trial.answer
        dns.turning[trial.name] = [FORBIDDEN, HERE]
        for _ in range(len(dns.asked) % 2):
            dns.turning[trial.name].reverse()
        done = trial.start().end()
        seen = [t["address"] for hop in trial.transcript()["hops"]
                for t in hop["tries"]]
        assert seen == ([HERE] if done["status"] == "valid" else []), done


def test_ssrf_cname_to_inside(dns, there):
    target = fresh("inside")
    dns.host(target, FORBIDDEN)
    dns.alias(there.name, target)
    done = there.start().end()
    there.failed(done, "connection", "policy forbids")
    assert target not in done["error"]["detail"]


def test_ssrf_denied_although_allowed(dns, there):
    dns.host(there.name, "127.0.0.99")
    there.fails("connection", "policy forbids")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1",
                                     "fd00:ec2::254", "OWN"])
@pytest.mark.parametrize("method", ["http-01", "tls-alpn-01"])
def test_ssrf_addresses_as_identifiers(dns, client, inside, address, method):
    trial = Trial(client, ip(real(address)), method)
    before = len(inside.seen)
    trial.fails("connection", "policy forbids")
    untouched(trial, address)
    assert inside.seen[before:] == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "OWN"])
def test_ssrf_tls_alpn(dns, client, address):
    with TlsAlpn01(int(env("CHANCERY_TLS_ALPN_PORT")), FORBIDDEN) as inside:
        trial = Trial(client, fresh("ssrf"), "tls-alpn-01").prove(inside)
        dns.host(trial.name, real(address))
        trial.fails("connection", "policy forbids")
        assert inside.seen == []
