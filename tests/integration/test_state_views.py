# SPDX-License-Identifier: Apache-2.0
"""The views authorization_status and order_status say what server/state.c
says, over every combination of facts that the tables can hold.

The facts are inserted as the owner in a transaction that is rolled back; the
C side is the table that tests/unit/state_table prints (`make check`)."""
import itertools
import os
import subprocess

import psycopg2
import pytest

from appliance import database, env

PAST, FUTURE = "-1 hour", "1 hour"
PROBLEM = '{"type":"urn:ietf:params:acme:error:unauthorized"}'


@pytest.fixture(scope="module")
def table():
    """{("authz", "0100010"): "revoked", ...} from the C functions."""
    program = os.path.join(env("CHANCERY_BUILD"), "tests/unit/state_table")
    assert os.path.exists(program), f"{program} is not there: run make check"
    out = subprocess.run([program], check=True, capture_output=True,
                         text=True).stdout
    return {(what, facts): status for what, facts, status in
            (line.split() for line in out.splitlines())}


class Facts:
    """Inserts rows with ids of its own, below all that the schema makes."""

    def __init__(self, cursor):
        self.cursor = cursor
        self.ids = itertools.count(1)

    def run(self, sql, *args):
        self.cursor.execute(sql, args)

    def account(self, status):
        """An account of that status; None: an id without a row."""
        account = next(self.ids)
        if status is not None:
            self.run("INSERT INTO account (id, public, thumbprint, jwk,"
                     " status, contact, request_id, seal) VALUES (%s, %s, %s,"
                     " '{}', %s, '[]', %s, %s)", account, bytes(16),
                     account.to_bytes(32, "big"), status, -account, bytes(32))
        return account

    def authz(self, account, result=None, end=None, expires=FUTURE,
              valid_until=FUTURE, granted=False):
        authz = next(self.ids)
        self.run("INSERT INTO authz (id, public, account_id, type, value,"
                 " wildcard, granted, token, methods, expires) VALUES (%s,"
                 " %s, %s, 'dns', 'a.test', false, %s, %s, '{http-01}',"
                 " now() + %s::interval)", authz, bytes(16), account,
                 granted, "t" * 43, expires)
        if result is not None:
            self.run("INSERT INTO evidence (authorization_id, account_id,"
                     " thumbprint, type, value, wildcard, method, result,"
                     " problem, transcript, valid_until) VALUES (%s, %s, %s,"
                     " 'dns', 'a.test', false, 'http-01', %s, %s, '{}',"
                     " now() + %s::interval)", authz, account, bytes(32),
                     result, PROBLEM if result == "invalid" else None,
                     valid_until)
        if end is not None:
            self.run("INSERT INTO authorization_end (authorization_id, kind,"
                     " request_id) VALUES (%s, %s, 1)", authz, end)
        return authz

    def order(self, account, authzs, expires=FUTURE):
        order = next(self.ids)
        self.run("INSERT INTO orders (id, account_id, jws, digest, profile,"
                 " profile_hash, expires) VALUES (%s, %s, 'x', %s, 'server',"
                 " %s, now() + %s::interval)", order, account,
                 order.to_bytes(32, "little"), bytes(32), expires)
        for position, authz in enumerate(authzs):
            self.run("INSERT INTO order_authorization (order_id, position,"
                     " authorization_id) VALUES (%s, %s, %s)", order,
                     position, authz)
        return order

    def finalize(self, account, order, outcome=None):
        """A finalize request; outcome: None or (result, terminal)."""
        request = next(self.ids)
        self.run("INSERT INTO request (id, kind, account_id, object_id, jws,"
                 " digest) VALUES (%s, 'finalize', %s, %s, 'x', %s)", request,
                 account, order, request.to_bytes(32, "little"))
        if outcome is not None:
            result, terminal = outcome
            self.run("INSERT INTO outcome (request_id, result, terminal,"
                     " problem) VALUES (%s, %s, %s, %s)", request, result,
                     terminal, PROBLEM if result == "refused" else None)

    def status(self, view, number):
        self.run(f"SELECT status FROM {view} WHERE id = %s", number)
        return self.cursor.fetchone()[0]


@pytest.fixture
def facts():
    connection = database()
    connection.autocommit = False
    yield Facts(connection.cursor())
    connection.rollback()
    connection.close()


def bits(*values):
    return "".join("1" if value else "0" for value in values)


RESULTS = (None, "valid", "invalid")
ENDS = (None, "deactivated", "revoked")
ACCOUNTS = ("valid", "deactivated", "revoked", None)


def test_authorization_status(table, facts):
    seen = set()
    for account, result, end, expires, until, granted in itertools.product(
            ACCOUNTS, RESULTS, ENDS, (PAST, FUTURE), (PAST, FUTURE),
            (False, True)):
        past = (until if result == "valid" else expires) == PAST
        key = bits(end == "deactivated", end == "revoked", result == "valid",
                   result == "invalid", past, account == "valid", granted)
        authz = facts.authz(facts.account(account), result, end, expires,
                            until, granted)
        assert facts.status("authorization_status", authz) == \
            table["authz", key], (account, result, end, expires,
                                     until, granted)
        seen.add(key)
    # All but what two UNIQUE constraints forbid: both results, both ends.
    assert seen == {facts for what, facts in table if what == "authz" and
                    facts[0:2] != "11" and facts[2:4] != "11"}


# What the authorizations of an order are: their results, and the two facts.
SETS = {
    (): (False, False),
    (None,): (False, False),
    ("valid",): (True, False),
    ("invalid",): (False, True),
    ("valid", "valid"): (True, False),
    ("valid", None): (False, False),
    ("valid", "invalid"): (False, True),
    (None, "invalid"): (False, True),
}


def test_order_status(table, facts):
    seen = set()
    for account, results, expires, issued, rejected, again, finalizing in \
            itertools.product(ACCOUNTS, SETS, (PAST, FUTURE), *[(0, 1)] * 4):
        all_valid, any_dead = SETS[results]
        key = bits(issued, rejected, finalizing, expires == PAST,
                   account == "valid", all_valid, any_dead)
        owner = facts.account(account)
        order = facts.order(owner, [facts.authz(owner, result)
                                    for result in results], expires)
        if issued:
            facts.finalize(owner, order, ("done", True))
        if rejected:
            facts.finalize(owner, order, ("refused", True))
        if again:               # refused, but may be finalized again
            facts.finalize(owner, order, ("refused", False))
        if finalizing:
            facts.finalize(owner, order)
        assert facts.status("order_status", order) == table["order", key], \
            (account, results, expires, issued, rejected, again, finalizing)
        seen.add(key)
    # All but an order whose authorizations are all valid and one is not.
    assert seen == {facts for what, facts in table if what == "order" and
                    facts[5:7] != "11"}


def test_deactivated_authorizations_kill_the_order(facts):
    owner = facts.account("valid")
    for end in ("deactivated", "revoked"):
        order = facts.order(owner, [facts.authz(owner, "valid"),
                                    facts.authz(owner, "valid", end)])
        assert facts.status("order_status", order) == "invalid"
    late = facts.order(owner, [facts.authz(owner, "valid",
                                           valid_until=PAST)])
    assert facts.status("order_status", late) == "invalid"


def test_only_finalize_requests_count(facts):
    """A request of another kind about the same number is not a finalize."""
    owner = facts.account("valid")
    order = facts.order(owner, [facts.authz(owner, "valid")])
    facts.run("INSERT INTO request (kind, account_id, object_id, jws, digest)"
              " VALUES ('authz-deactivate', %s, %s, 'x', %s)", owner, order,
              bytes(31) + b"\x07")
    assert facts.status("order_status", order) == "ready"


def test_nothing_is_rewritten(facts):
    """What decides a status cannot be changed or deleted, not even by the
    owner of the tables."""
    for name in ("certificate", "closing", "evidence", "outcome",
                 "authorization_end", "evidence_logged", "account_key",
                 "issuer", "profile", "orders", "log_entry"):
        for sql in (f"DELETE FROM {name}", f"TRUNCATE {name} CASCADE"):
            facts.run("SAVEPOINT before")
            with pytest.raises(psycopg2.Error) as error:
                facts.run(sql)
            assert error.value.pgcode == "42501", (sql, error.value)
            facts.run("ROLLBACK TO before")
