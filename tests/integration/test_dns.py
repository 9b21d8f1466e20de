# SPDX-License-Identifier: Apache-2.0
"""Validation with a DNS server of our own and with CAA: which names, which
addresses, which authority.  Rows: H http-01, N10, N11, W01 dns-01, S02
addresses, D04 CAA (RFC 8659, RFC 8657)."""
import ipaddress
import json
import ssl
import subprocess
import time

import pytest

from acme_client import Http01, ip
from appliance import database, env, eventually, rows
from beside import free_port
from checks import fresh, number
from responders import (
    A, AAAA, CAA, DNAME, SERVFAIL, TXT, Dns, Dns01, DnsAccount01,
    account_label, dns_name, txt_value)
from trial import Trial, redirecting, validating

PORT = int(env("CHANCERY_HTTP01_PORT"))


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


ZONES = """caa_zones = ( { name = "off.test"; policy = "off"; },
    { name = "on.off.test"; policy = "enforce"; },
    { name = "lenient.test"; policy = "tolerate"; } );"""


@pytest.fixture(scope="module")
def dns(https):
    """Our DNS and CAA, for the validator that does the work meanwhile."""
    with Dns() as server, Dns() as branch, validating(
            f'forward = "{server.address}"; trust_anchor = "/dev/null"; '
            'forward_zones = ( { name = "branch.test"; address = '
            f'"127.0.0.1:{free_port()}"; }}, {{ name = "branch.test"; '
            f'address = "{branch.address}"; }} );',
            'caa_identities = [ "ca.test" ]; timeout = "5s"; '
            f'https_port = "{https}"; {ZONES}',
            validator__allow='["127.0.0.0/8", "::1/128"]'):
        server.branch = branch
        yield server


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


def test_dns_forward_zone(dns, client, responder):
    """Below it another server is asked, the second one where the first one
    is down; nobody else knows of it."""
    trial = Trial(client, f"{fresh('a')}.branch.test")
    dns.branch.host(trial.name, "127.0.0.1")
    dns.host(trial.name, "10.1.2.3")
    trial.prove(responder).passes()
    assert (trial.name, A) in dns.branch.asked
    assert trial.name not in [name for name, _ in dns.asked]


def test_N11_silence(dns, there):
    dns.absent(there.name)
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


# ------------------------------------------------- dns-01, dns-account-01

@pytest.fixture
def record(dns, client):
    """A trial of dns-01; nothing is in DNS yet."""
    return Trial(client, fresh("txt"), "dns-01")


def under(trial):
    return "_acme-challenge." + trial.name


@pytest.mark.parametrize("strings", [1, 2, 43])
def test_N10_txt(dns, record, strings):
    dns.txt(under(record), txt_value(record.answer), strings=strings)
    record.passes()


def test_N10_one_of_fifty(dns, record):
    for i in range(49):
        dns.txt(under(record), f"not {i}".ljust(43, "x"))
    dns.txt(under(record), txt_value(record.answer))
    record.passes()
    assert record.transcript()["dns"]["txt"]["count"] == 50


def test_N10_cname(dns, record):
    there = f"{fresh('a')}.other.test"
    dns.alias(under(record), there)
    dns.txt(there, txt_value(record.answer))
    record.passes()
    assert record.transcript()["dns"]["txt"]["canonical"] == there + "."


def test_N10_dname(dns, record):
    zone = fresh("delegated")
    dns.zone[record.name, DNAME] = [dns_name(zone)]
    dns.txt(f"_acme-challenge.{zone}", txt_value(record.answer))
    record.passes()


def test_N10_too_many(dns, record):
    for i in range(1000):
        dns.txt(under(record), str(i))
    dns.txt(under(record), txt_value(record.answer))
    record.fails("dns", "too many")


@pytest.mark.parametrize("wrong", [
    lambda a: a, lambda a: txt_value(a)[:-1], lambda a: txt_value(a) + "x",
    lambda a: txt_value(a) + "=", lambda a: "", lambda a: txt_value(a) + " ",
    lambda a: txt_value(a).swapcase(), lambda a: txt_value(a + "x"),
    lambda a: "<script>secret</script>"])
def test_N11_no_match(dns, record, wrong):
    dns.txt(under(record), wrong(record.answer), "something else")
    record.fails("unauthorized", "none of 2 TXT records")


def test_N11_no_txt_name(dns, record):
    dns.host(record.name, "127.0.0.1")
    record.fails("dns", under(record), "no such name")


def test_N11_no_txt_record(dns, record):
    dns.absent(under(record))
    record.fails("unauthorized", under(record), "no TXT record")


def test_N11_txt_loop(dns, record):
    dns.alias(under(record), under(record))
    record.fails("dns", "TXT")


def test_N11_txt_server_failure(dns, record):
    dns.zone[under(record), TXT] = SERVFAIL
    record.fails("dns", "TXT")


@pytest.mark.parametrize("method, proof", [
    ("dns-01", Dns01), ("dns-account-01", DnsAccount01)])
def test_W01_wildcard(dns, client, method, proof):
    trial = Trial(client, "*." + fresh("wild"), method)
    trial.prove(proof(dns)).passes()
    assert trial.evidence("wildcard", "method") == (True, method)


def test_dns_account01(dns, client, other):
    """Two accounts side by side under one name, each by its own record."""
    name = fresh("account")
    for who in (client, other):
        Trial(who, name, "dns-account-01").prove(DnsAccount01(dns)).passes()
    label = account_label(client.kid)
    assert (f"{label}._acme-challenge.{name}", TXT) in dns.asked


def test_dns_account01_tells_the_account(dns, client):
    trial = Trial(client, fresh("nobody"), "dns-account-01")
    dns.txt(under(trial), txt_value(trial.answer))
    trial.fails("dns", account_label(client.kid), client.kid)


def test_dns_name_that_leaves_no_room(dns, client):
    name = ".".join(["a" * 60] * 3 + ["b" * 50, "test"])
    Trial(client, name, "dns-01").fails("dns", "no room")


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


def test_D04_caa_for_wildcards(dns, client):
    for records, good in ((["0 issue ca.test", "0 issuewild ;"], False),
                          (["0 issue ;", "0 issuewild ca.test"], True)):
        trial = Trial(client, "*." + fresh("wild"), "dns-01")
        dns.caa(trial.name, *records)
        done = trial.prove(Dns01(dns)).start().end()
        assert (done["status"] == "valid") == good, done


def test_D04_caa_is_not_for_addresses(dns, client, responder):
    trial = Trial(client, ip("127.0.0.1"))
    trial.prove(responder).passes()
    assert trial.transcript()["caa"] == "not of this type"


@pytest.mark.parametrize("zone, records, good", [
    ("off.test", ["0 issue ;"], True), ("off.test", SERVFAIL, True),
    ("on.off.test", ["0 issue ;"], False), ("on.off.test", SERVFAIL, False),
    ("lenient.test", ["0 issue ;"], False), ("lenient.test", SERVFAIL, True),
    ("notlenient.test", SERVFAIL, False)])
def test_D04_caa_zones(dns, client, responder, zone, records, good):
    trial = Trial(client, f"{fresh('zone')}.{zone}")
    dns.host(trial.name, "127.0.0.1")
    if records == SERVFAIL:
        dns.zone[trial.name, CAA] = SERVFAIL
    else:
        dns.caa(trial.name, *records)
    done = trial.prove(responder).start().end()
    assert (done["status"] == "valid") == good, done


@pytest.mark.parametrize("ttl, seconds", [(60, 28800), (50000, 50000)])
def test_D04_caa_is_good_for_hours_or_its_ttl(dns, there, ttl, seconds):
    dns.host(there.name, "127.0.0.1")
    dns.caa(there.name, "0 issue ca.test")
    dns.ttl = ttl
    try:
        there.passes()
    finally:
        dns.ttl = 1
    good_for, = there.evidence("caa_seconds")
    assert seconds - 5 <= good_for <= seconds


# ------------------------------------------------------------ CAA, once more

def caa_look(client, name, method="http-01", wildcard=False):
    """What a signer asks for whose evidence is old: the row of evidence."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO caa_wanted (request_id, account_id, type, value,"
            " wildcard, method) VALUES (new_id(), %s, 'dns', %s, %s, %s)"
            " RETURNING id", (number(client.kid), name, wildcard, method))
        wanted, = cursor.fetchone()
    found = eventually(lambda: rows(
        "SELECT result, method, proven_by, wildcard, caa_seconds, problem,"
        " account_id, value, transcript FROM evidence WHERE wanted_id = %s",
        wanted))
    assert found, "nobody looked"
    result, kind, proven_by, *rest = found[0]
    assert (kind, proven_by, rest[0]) == ("caa", method, wildcard)
    assert rest[3:5] == [number(client.kid), name]
    assert json.loads(rest[5])["method"] == "caa"
    return result, rest[1], json.loads(rest[2] or "null")


def test_D04_again_without_a_proof(dns, client, responder):
    """Nobody visits the host, which is not there."""
    name = fresh("again")
    assert caa_look(client, name) == ("valid", 28800, None)
    assert (name, CAA) in dns.asked and (name, A) not in dns.asked


@pytest.mark.parametrize("method, records, good", [
    ("dns-01", ["0 issue ca.test; validationmethods=dns-01"], True),
    ("http-01", ["0 issue ca.test; validationmethods=dns-01"], False),
    ("granted", ["0 issue ca.test"], True),
    ("granted", ["0 issue ca.test; validationmethods=http-01"], False),
    ("http-01", ["0 issue ca.test; accounturi={account}"], True),
    ("http-01", ["0 issue ca.test; accounturi=https://other.test/"], False),
    ("http-01", ["0 issue other.test"], False)])
def test_D04_again(dns, client, method, records, good):
    name = fresh("again")
    dns.caa(name, *[record.format(account=client.kid) for record in records])
    result, _, problem = caa_look(client, name, method)
    assert (result == "valid") == good
    assert good or problem["type"].endswith(":caa")


def test_D04_again_for_a_wildcard(dns, client):
    name = fresh("again")
    dns.caa(name, "0 issue ca.test", "0 issuewild ;")
    assert caa_look(client, name, "dns-01", True)[0] == "invalid"
    assert caa_look(client, name, "dns-01", False)[0] == "valid"


def test_D04_again_and_it_cannot_be_seen(dns, client):
    name = fresh("again")
    dns.zone[name, CAA] = SERVFAIL
    result, _, problem = caa_look(client, name)
    assert result == "invalid" and problem["type"].endswith(":dns")


def test_many_at_once(dns, client, responder):
    trials = [Trial(client, fresh("many")) for _ in range(12)]
    for trial in trials:
        dns.host(trial.name, "127.0.0.1")
        responder.serve(trial.token, trial.answer)
        client.post(trial.challenge["url"], {}, retry=False)
    assert all(trial.end()["status"] == "valid" for trial in trials)
