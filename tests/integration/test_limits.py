# SPDX-License-Identifier: Apache-2.0
"""Rate limits (RFC 8555, 6.6 and 10.3), at a face beside the running
appliance, with limits low enough to meet.  It trusts 127.0.0.1 as a proxy,
so each test comes from an address of its own."""
import itertools
import math
import re
import time

import pytest

from appliance import env, value
from beside import Beside, free_port
from checks import Checked, authz_of, fresh, new_client

LIMITS = """
    accounts_per_address = "2/4s";
    orders_per_account = "4/5s";
    orders_per_name = "2/8s";
    orders_per_domain = "3/5s";
    failures_per_name = "1/6s";
    challenges_per_account = "2/4s";
    pending_per_account = "6";
"""
addresses = (f"192.0.2.{n}" for n in itertools.count(1))


class Limited(Checked):
    """A client of the limited face; its account is made at the other."""

    def __init__(self, port, address=None, account=None):
        self.port = port
        self.address = address or next(addresses)
        super().__init__(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))
        if account is not None:
            self.key, self.kid = account.key, account.kid

    def request(self, method, url, *args, headers=None, **more):
        sent = {"X-Forwarded-For": self.address, **(headers or {})}
        return super().request(method, re.sub(
            r"^https://localhost:\d+", f"https://localhost:{self.port}", url),
            *args, headers=sent, **more)


def face():
    return Beside({"acme": 'trusted_proxies = [ "127.0.0.1/32" ];'
                           ' website = "https://ca.test/help";',
                   "limits": LIMITS},
                  acme__listen=f'["127.0.0.1:{free_port()}"]')


def port_of(beside):
    with open(beside.conf) as file:
        return int(re.search(r'acme:.*?listen\s*=\s*\[\s*"127.0.0.1:(\d+)"',
                             file.read(), re.S)[1])


@pytest.fixture(scope="module")
def limits():
    with face() as beside:
        beside.start("acme")
        yield port_of(beside)


@pytest.fixture
def limited(limits):
    return Limited(limits, account=new_client())


def over(reply, *details):
    """The refusal, with one subproblem for each limit: seconds to wait."""
    reply.expect(429, "rateLimited")
    assert reply.links["help"] == ["https://ca.test/help"]
    found = [sub["detail"] for sub in reply.json["subproblems"]]
    assert len(found) == len(details), reply
    for detail, text in zip(details, found):
        assert detail in text, reply
    waits = [int(re.search(r"again in (\d+) seconds", text)[1])
             for text in found]
    assert int(reply.headers["Retry-After"]) == max(waits)
    return max(waits)


def truthful(ask, wait):
    """Refused until the time told, allowed then."""
    time.sleep(max(0, wait - 1.2))
    assert ask().status == 429
    time.sleep(1.3)
    assert ask().status in (200, 201)


def test_R02_accounts_of_an_address(limits):
    address = next(addresses)

    def ask():
        return Limited(limits, address).new_account()
    ask().expect(201)
    ask().expect(201)
    wait = over(ask(), "at most 2 new accounts from one address in 4 seconds")
    assert 2 <= wait <= 4
    Limited(limits).new_account().expect(201)
    # An account that is there is no new one.
    assert Limited(limits, address, new_client()).new_account().status == 200
    truthful(ask, wait)


def test_R02_accounts_of_a_network(limits):
    for host in ("1", "2", "ffff:1:2:3"):
        reply = Limited(limits, f"2001:db8:7:7:{'' if ':' in host else ':'}"
                        f"{host}").new_account()
    over(reply, "new accounts from one address")
    Limited(limits, "2001:db8:7:8::1").new_account().expect(201)


def test_R02_only_the_last_hop_is_believed(limits):
    """What a client itself writes into the header has no weight."""
    address = next(addresses)
    for n in range(2):
        Limited(limits, f"198.51.100.{n}, {address}").new_account().expect(
            201)
    over(Limited(limits, f"198.51.100.9, {address}").new_account(),
         "new accounts from one address")


def test_R02_orders_of_an_account(limited):
    def ask():
        return limited.new_order([fresh()])
    for _ in range(4):
        ask().expect(201)
    wait = over(ask(), "at most 4 orders of the account in 5 seconds")
    truthful(ask, wait)


def test_R02_orders_of_a_name(limits):
    name = fresh()

    def ask():
        return Limited(limits, account=new_client()).new_order(
            [name, fresh()])
    ask().expect(201)
    ask().expect(201)
    reply = ask()
    over(reply, "at most 2 orders that have this name in 8 seconds")
    sub, = reply.json["subproblems"]
    assert sub["identifier"] == {"type": "dns", "value": name}


def test_R02_orders_of_a_domain(limits):
    domain = fresh()

    def ask(*names):
        return Limited(limits, account=new_client()).new_order(
            [f"{name}.{domain}" for name in names])
    # One order of many names of the domain counts once.
    ask("a", "b", "c", "d").expect(201)
    ask("e").expect(201)
    ask("f").expect(201)
    over(ask("g"), "at most 3 orders that have names of this registered")


def test_R01_all_limits_in_one_answer(limits):
    name, account = fresh(), new_client()
    limited = Limited(limits, account=account)
    for _ in range(2):
        limited.new_order([name]).expect(201)
    time.sleep(1.5)
    for _ in range(2):
        limited.new_order([fresh()]).expect(201)
    wait = over(limited.new_order([name]), "orders of the account",
                "orders that have this name")
    # That of the name is the later one, and the time told is its.
    assert wait > 5
    time.sleep(4)
    assert over(limited.new_order([name]), "orders that have this name") \
        <= wait - 4 + 1


def test_R02_refused_requests_do_not_count(limited):
    name = fresh()
    for _ in range(2):
        limited.new_order([name]).expect(201)
    first = over(limited.new_order([name]), "this name")
    before = value("SELECT count(*) FROM rate_event")
    time.sleep(1)
    assert over(limited.new_order([name]), "this name") < first
    assert value("SELECT count(*) FROM rate_event") == before


def test_R02_failures_of_a_name(limited, client):
    name = fresh("nobody")
    order = limited.new_order([name]).expect(201)
    url, authz = authz_of(limited, order)
    limited.post(limited.challenge(authz)["url"], {}).expect(200)
    assert limited.poll(url).json["status"] == "invalid"
    reply = limited.new_order([name])
    wait = over(reply, "at most 1 failed validations of this name")
    assert wait <= 6
    assert reply.json["subproblems"][0]["identifier"]["value"] == name
    limited.new_order([fresh()]).expect(201)
    # Another account's failures are its own.
    other = Limited(limited.port, account=client)
    other.new_order([name]).expect(201)
    time.sleep(wait + 0.1)
    assert limited.new_order([name]).status == 201


def test_R02_challenges_of_an_account(limited):
    order = limited.new_order([fresh(), fresh(), fresh()]).expect(201)
    urls = [limited.challenge(limited.get(url).json)["url"]
            for url in order.json["authorizations"]]
    for url in urls[:2]:
        limited.post(url, {}).expect(200)
    wait = over(limited.post(urls[2], {}),
                "at most 2 challenges answered by the account in 4 seconds")
    limited.get(urls[2]).expect(200)
    truthful(lambda: limited.post(urls[2], {}), wait)


def test_R02_pending_authorizations(limited):
    order = limited.new_order([fresh() for _ in range(5)]).expect(201)
    reply = limited.new_order([fresh(), fresh()])
    wait = over(reply, "at most 6 pending authorizations of the account")
    assert math.isclose(wait, 7 * 86400, abs_tol=30)
    limited.new_order([fresh()]).expect(201)
    over(limited.new_order([fresh()]), "pending authorizations")
    limited.post(order.json["authorizations"][0],
                 {"status": "deactivated"}).expect(200)
    limited.new_order([fresh()]).expect(201)


def test_R02_more_than_can_ever_be_pending(limited):
    reply = limited.new_order([fresh() for _ in range(7)]).expect(
        429, "rateLimited")
    assert "Retry-After" not in reply.headers


def test_limits_survive_a_restart():
    account, name = new_client(), fresh()
    for n in range(2):
        with face() as beside:
            beside.start("acme")
            limited = Limited(port_of(beside), account=account)
            limited.new_order([name]).expect(201)
    with face() as beside:
        beside.start("acme")
        over(Limited(port_of(beside), account=account).new_order([name]),
             "orders that have this name")


def test_what_is_not_limited_is_not_counted(client):
    before = value("SELECT count(*) FROM rate_event")
    client.new_order([fresh()]).expect(201)
    assert value("SELECT count(*) FROM rate_event") == before
