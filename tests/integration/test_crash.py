# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each process, one at a time, at random moments while
certificates are issued: afterwards the log, the rows and what the clients
hold agree, and no order is lost."""
import base64
import hashlib
import json
import os
import random
import signal
import threading
import time

import pytest
import requests

from acme_client import Client, Http01, make_csr, split_chain
from appliance import NAMES, env, eventually, processes, rows, value

ISSUANCES = 200
CLIENTS = 4
KILLS = 3               # of each process, at least
TROUBLE = (requests.RequestException, AssertionError, KeyError, ValueError,
           StopIteration)


class Worker(threading.Thread):
    """A client that is told to stop after its share, and tries again, from a
    new order, whatever went wrong in between."""

    def __init__(self, number, share, responder):
        super().__init__(daemon=True)
        self.number, self.share, self.responder = number, share, responder
        self.received, self.orders, self.retries = [], [], 0
        self.client = None
        self.random = random.Random(number)

    def attempt(self, name):
        if self.client is None:
            self.client = Client(env("CHANCERY_DIRECTORY"),
                                 env("CHANCERY_ROOT"))
            self.client.register()
        url, order, chain = self.client.issue([name], self.responder)
        self.orders.append(url)
        self.received.append(chain)

    def run(self):
        for n in range(self.share):
            time.sleep(self.random.uniform(0, 0.5))
            end = time.monotonic() + 120
            while True:
                try:
                    self.attempt(f"crash-{self.number}-{n}.test")
                    break
                except TROUBLE:
                    self.retries += 1
                    if self.client is not None and self.client.kid is None:
                        self.client = None
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.1)


class Killer(threading.Thread):
    """Kills one process after the other, in random order, each at a random
    moment after the one before was started again."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.killed = {name: 0 for name in NAMES}
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            for name in self.random.sample(NAMES, len(NAMES)):
                eventually(everyone_is_back, 10)
                self.over.wait(self.random.uniform(0.1, 0.6))
                if self.over.is_set():
                    return
                self.kill(name)

    def kill(self, name):
        victims = processes()[name]
        if not victims:
            return
        try:
            os.kill(self.random.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            return
        self.killed[name] += 1


def everyone_is_back():
    running = processes()
    return all(running[name] for name in NAMES)


@pytest.fixture(scope="module")
def aftermath():
    """Run it once; every test below looks at what is left."""
    assert eventually(everyone_is_back)
    seed = random.SystemRandom().randrange(2 ** 32)
    print(f"seed {seed}")
    with Http01(int(env("CHANCERY_HTTP01_PORT"))) as responder:
        killer = Killer(seed)
        workers = [Worker(n, ISSUANCES // CLIENTS, responder)
                   for n in range(CLIENTS)]
        killer.start()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        killer.over.set()
        killer.join()
    assert eventually(everyone_is_back, 60), processes()
    # Orders that a client gave up may still be under way; they end, too.
    eventually(lambda: value("SELECT count(*) FROM request r WHERE NOT EXISTS "
                             "(SELECT FROM outcome o "
                             "WHERE o.request_id = r.id)") == 0, 60)
    print("killed", killer.killed, "retries",
          sum(worker.retries for worker in workers))
    return workers, killer


def entries(kind):
    return [json.loads(bytes(entry)) for entry, in rows(
        "SELECT entry FROM log_entry WHERE kind = %s ORDER BY index", kind)]


def der_of(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_every_process_was_killed(aftermath):
    assert min(aftermath[1].killed.values()) >= KILLS, aftermath[1].killed


def test_every_client_got_its_certificates(aftermath):
    assert sum(len(worker.received) for worker in aftermath[0]) == ISSUANCES


def test_received_certificates_are_in_the_log_once(aftermath):
    logged = [der_of(entry["certificate"]) for entry in entries("issued")]
    assert len(logged) == len(set(logged))
    logged = set(logged)
    from cryptography.hazmat.primitives.serialization import Encoding
    for worker in aftermath[0]:
        for chain in worker.received:
            leaf = split_chain(chain)[0].public_bytes(Encoding.DER)
            assert leaf in logged


def test_every_intent_has_one_end(aftermath):
    assert rows("SELECT i.index FROM intent i WHERE NOT EXISTS "
                "(SELECT FROM closing c WHERE c.intent = i.index)") == []
    ends = value("SELECT count(*) FROM log_entry "
                 "WHERE kind IN ('issued', 'abandoned')")
    assert ends == value("SELECT count(*) FROM closing")
    assert ends == value("SELECT count(*) FROM log_entry "
                         "WHERE kind = 'intent'")


def test_every_index_is_that_of_an_entry(aftermath):
    for table, column, kinds in (
            ("evidence_logged", "index", ["validation"]),
            ("intent", "index", ["intent"]),
            ("closing", "index", ["issued", "abandoned"])):
        assert rows(
            f"SELECT t.{column}, e.kind FROM {table} t LEFT JOIN log_entry e"
            f" ON e.index = t.{column} WHERE e.kind IS NULL"
            " OR e.kind <> ALL (%s)", kinds) == [], table


def test_no_serial_twice(aftermath):
    serials = [entry["serial"] for entry in entries("intent")]
    assert len(serials) == len(set(serials))
    issued = [entry["serial"] for entry in entries("issued")]
    assert len(issued) == len(set(issued))
    assert set(issued) <= set(serials)


def test_no_order_is_left_processing(aftermath):
    assert rows("SELECT id FROM order_status WHERE status = 'processing'") == []


def test_one_certificate_an_order(aftermath):
    assert rows("SELECT order_id FROM certificate WHERE order_id IS NOT NULL "
                "GROUP BY order_id HAVING count(*) > 1") == []


def test_log_is_whole(aftermath):
    found = rows("SELECT index, entry, leaf_hash FROM log_entry "
                 "ORDER BY index")
    assert [index for index, _, _ in found] == list(range(len(found)))
    assert value("SELECT size FROM log_head") == len(found)
    for _, entry, leaf_hash in found:
        assert hashlib.sha256(b"\0" + bytes(entry)).digest() == \
            bytes(leaf_hash)


def test_appliance_issues_again(aftermath):
    with Http01(int(env("CHANCERY_HTTP01_PORT"))) as responder:
        client = Client(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))
        client.register()
        client.issue(["after-the-crash.test"], responder,
                     make_csr(["after-the-crash.test"])[0])
