# SPDX-License-Identifier: Apache-2.0
"""The load generator (tests/bench/load): what it measures is worth something
only if it notices a server that is wrong, slow, or loses an order.  A server
that can be told to do all of that stands in for one; the appliance is then
asked by it too."""
import json
import os
import socket
import subprocess

import pytest

from appliance import env
from fake_acme import FakeAcme


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def program():
    path = os.path.join(env("CHANCERY_BUILD"), "tests/bench/load")
    assert os.path.exists(path), f"{path} is not there: run make check"
    return path


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fake")
    with FakeAcme(free_port(), str(folder)) as server:
        yield server


class Run:
    def __init__(self, program, *options):
        done = subprocess.run(
            [program, "--json", "-", *map(str, options)],
            capture_output=True, text=True, timeout=60)
        self.status, self.said = done.returncode, done.stderr
        self.json = json.loads(done.stdout) if done.stdout else None

    def passed(self, orders):
        assert self.status == 0, self.said
        assert self.json["orders"] == orders
        assert not any(self.json["failures"].values())
        return self.json

    def failed(self, kind, word):
        assert self.status == 1
        assert self.json["failures"][kind] == 1, self.json["failures"]
        assert f"warning: {kind}: " in self.said
        assert word in self.said
        return self.json


@pytest.fixture
def ask(program, fake):
    """Run the generator against the server with this fault."""
    def run(fault, *options):
        fake.fault = fault
        fake.seen.clear()
        return Run(program, "--directory", fake.url, "--cafile", fake.cafile,
                   "--http-port", fake.http01_port, "--orders", 1, *options)
    yield run
    fake.fault = None


def test_a_good_server_passes(ask):
    found = ask(None, "--orders", 12, "--workers", 3, "--warmup", 1,
                "--max-p99", 10000).passed(12)
    assert found["requests_per_order"] == 6
    assert found["connections_per_order"] == 0
    assert not found["slow"]
    for step in ("newOrder", "authz", "challenge", "finalize", "certificate",
                 "order"):
        times = [found["steps"][step][p] for p in
                 ("p50_ms", "p95_ms", "p99_ms")]
        assert 0 < times[0] and times == sorted(times)


@pytest.mark.parametrize("fault, word", [
    ("other-key", "the key is not the one of the CSR"),
    ("name-more", "2 names instead of 1"),
    ("name-other", "the name other.test was not ordered"),
    ("names-none", "there is no subjectAltName"),
    ("expired", "it is valid no longer"),
    ("future", "it is not valid yet"),
    ("ca", "it is a CA certificate"),
    ("other-issuer", "the chain does not verify"),
    ("other-chain", "the chain does not verify"),
    ("no-chain", "the chain has no issuer"),
    ("no-pem", "it is not a certificate in PEM"),
    ("other-type", "a certificate of type application/pkix-cert"),
])
def test_a_wrong_certificate_fails(ask, fault, word):
    found = ask(fault).failed("wrong", word)
    assert found["orders"] == 0


def test_a_wrong_signature_fails_after_a_right_one(program, fake):
    """The issuer of an equal chain is remembered; the leaf is checked all
    the same."""
    fake.fault = None
    leaf, authority = fake.authority.leaf, fake.authority
    seen = []

    def second_is_wrong(*args, **how):
        seen.append(1)
        if len(seen) < 2:
            return leaf(*args, **how)
        return type(authority).sign("leaf", args[0], "Issuer",
                                    authority.root_key, names=args[1])
    authority.leaf = second_is_wrong
    try:
        Run(program, "--directory", fake.url, "--cafile", fake.cafile,
            "--http-port", fake.http01_port, "--orders", 2).failed(
                "wrong", "its signature is not the issuer's")
    finally:
        del authority.leaf


@pytest.mark.parametrize("fault", ["order-lost", "authz-lost"])
def test_a_lost_order_fails(ask, fault):
    ask(fault, "--deadline", 1).failed("lost", "has no end within 1 s")


def test_a_server_that_hangs_fails(ask):
    ask("hang", "--deadline", 0.5).failed("lost", "before the deadline")


def test_a_refusal_fails(ask):
    ask("authz-invalid").failed("refused", "not valid but")


def test_a_slow_server_fails(ask):
    run = ask("slow", "--max-p99", 100)
    assert run.status == 1 and run.json["slow"]
    assert not any(run.json["failures"].values())
    assert run.json["steps"]["order"]["p50_ms"] > 150
    ask("slow", "--max-p99", 5000).passed(1)


def test_nobody_there_fails(program, fake):
    run = Run(program, "--directory", f"https://localhost:{free_port()}/",
              "--cafile", fake.cafile, "--http-port", free_port(),
              "--orders", 1)
    run.failed("transport", "Connection refused")


def test_a_listener_of_another_ca_fails(program, fake):
    run = Run(program, "--directory", fake.url, "--cafile",
              env("CHANCERY_ROOT"), "--http-port", fake.http01_port,
              "--orders", 1)
    run.failed("transport", "certificate verify failed")


def test_nonces_and_pauses(ask):
    assert ask("bad-nonce").passed(1)["bad_nonces"] == 1
    found = ask("busy").passed(1)
    assert found["deferrals"] == 1
    assert found["steps"]["newOrder"]["p50_ms"] >= 1000     # Retry-After: 1
    found = ask("retry").passed(1)
    assert found["steps"]["finalize"]["p50_ms"] >= 1000


def test_open_loop(ask):
    """Orders are due at their times, and their time counts from then."""
    found = ask("slow", "--orders", 8, "--rate", 20).passed(8)
    assert found["steps"]["order"]["p99_ms"] > 1000
    found = ask(None, "--orders", 4, "--rate", 10, "--workers",
                4).passed(4)
    assert 0.3 <= found["seconds"] < 2


@pytest.mark.parametrize("options", [
    ("--key", "ES256", "--names", 3),
    ("--key", "RS256", "--new-connections"),
])
def test_the_appliance_passes(program, options):
    port = env("CHANCERY_HTTP01_PORT")
    found = Run(program, "--directory", env("CHANCERY_DIRECTORY"),
                "--cafile", env("CHANCERY_ROOT"), "--http-port", port,
                "--workers", 2, "--orders", 4, "--pid",
                f"self={os.getpid()}", *options).passed(4)
    assert found["processes"]["self"]["rss_mb"] > 1
    if "--new-connections" in options:
        assert found["connections_per_order"] == \
            found["requests_per_order"] >= 6


def test_misuse_is_told_apart(program):
    for options in ((), ("--directory", "https://x/", "--workers", "0"),
                    ("--bogus",)):
        assert Run(program, *options).status == 100
