# SPDX-License-Identifier: Apache-2.0
"""http-01 (RFC 8555, 8.3) against hosts that are right, wrong, slow, huge or
hostile.  A test with a row's number is of that row."""
import gzip
import os
import signal
import time

import pytest

from acme_client import Http01, ip
from appliance import env, eventually, processes, rows
from checks import fresh, number
from trial import SECRET, Trial, redirecting, reply

PORT = int(env("CHANCERY_HTTP01_PORT"))


@pytest.fixture
def trial(client):
    return Trial(client, fresh("http"))


# ------------------------------------------------------------- right and wrong

def test_H01_request(trial, responder):
    seen = []

    def look(handler):
        seen.append((handler.command, handler.path, handler.request_version,
                     dict(handler.headers)))
        reply(handler, trial.answer)
    responder.hooks[trial.path] = look
    trial.passes()
    (method, path, version, headers), = seen
    assert (method, path) == ("GET", trial.path)
    assert version == "HTTP/1.1"
    assert headers["Host"] in (trial.name, f"{trial.name}:{PORT}")
    assert not {"Cookie", "Authorization", "Referer"} & set(headers)


@pytest.mark.parametrize("end", ["", "\n", " \r\n\t\n"])
def test_H02_trailing_white_space(trial, responder, end):
    responder.serve(trial.token, trial.answer + end)
    trial.passes()


def test_H02_chunked(trial, responder):
    def chunked(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n")
        for part in (trial.answer[:5], trial.answer[5:], ""):
            handler.wfile.write(f"{len(part):x}\r\n{part}\r\n".encode())
    responder.hooks[trial.path] = chunked
    trial.passes()


@pytest.mark.parametrize("wrong", [
    lambda answer: SECRET, lambda answer: "", lambda answer: answer[:-1],
    lambda answer: " " + answer, lambda answer: answer + "x",
    lambda answer: answer.split(".")[0], lambda answer: answer + "\0",
    lambda answer: answer.upper(), lambda answer: answer + " " * 2000,
    lambda answer: answer + "\n" + answer])
def test_H02_wrong_body(trial, responder, wrong):
    responder.serve(trial.token, wrong(trial.answer))
    trial.fails("unauthorized", "127.0.0.1", "key authorization")


@pytest.mark.parametrize("status", [201, 204, 206, 299])
def test_H02_any_2xx(trial, responder, status):
    responder.hooks[trial.path] = lambda handler: reply(
        handler, "" if status == 204 else trial.answer, status)
    if status == 204:
        trial.fails("unauthorized")
    else:
        trial.passes()


@pytest.mark.parametrize("status", [300, 304, 400, 401, 404, 500, 503])
def test_H02_other_status(trial, responder, status):
    responder.hooks[trial.path] = lambda handler: reply(
        handler, trial.answer, status)
    trial.fails("unauthorized", str(status))


def test_H02_not_found(trial, responder):
    trial.fails("unauthorized", "404")
    assert trial.path in responder.seen


def test_H02_gzip_is_not_undone(trial, responder):
    responder.hooks[trial.path] = lambda handler: reply(
        handler, gzip.compress(trial.answer.encode()), 200,
        ("Content-Encoding", "gzip"))
    trial.fails("unauthorized")


def test_H02_huge_body(trial, responder):
    """What is not wanted is not read."""
    sent = []

    def huge(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(10 ** 10))
        handler.end_headers()
        try:
            handler.wfile.write(trial.answer.encode())
            while len(sent) < 10000:
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            pass
    responder.hooks[trial.path] = huge
    started = time.monotonic()
    trial.fails("unauthorized")
    assert time.monotonic() - started < 3
    assert sum(sent) < 50_000_000


def test_H02_huge_head(trial, responder):
    def huge(handler):
        handler.send_response(200)
        for i in range(3000):
            handler.send_header(f"X-{i}", "y" * 1000)
        reply(handler, trial.answer)
    responder.hooks[trial.path] = huge
    trial.fails("connection")


@pytest.mark.parametrize("octets, words", [
    (b"SSH-2.0-OpenSSH\r\n", "not HTTP"), (b"", "closed"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nabc", "closed"),
    (b"HTTP/9.9 200 OK\r\n\r\n", "not HTTP")])
def test_no_http(trial, responder, octets, words):
    responder.hooks[trial.path] = lambda handler: handler.wfile.write(octets)
    trial.fails("connection", words)


def test_H02_slow_hosts(client, responder):
    """Nothing, or one octet a second: given up in ten seconds, all three
    beside each other and beside a host that is quick."""
    def silent(handler):
        time.sleep(11)

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n")
        try:
            for _ in range(11):
                handler.wfile.write(b"a")
                handler.wfile.flush()
                time.sleep(1)
        except OSError:
            pass

    def redirect(handler):
        time.sleep(6)
        reply(handler, "", 302, ("Location", slow[1].path))
    slow = [Trial(client, fresh("slow")) for _ in range(3)]
    for trial, hook in zip(slow, (silent, drip, redirect)):
        responder.hooks[trial.path] = hook
        trial.start()
    started = time.monotonic()
    quick = Trial(client, fresh("quick"))
    responder.serve(quick.token, quick.answer)
    quick.passes()
    assert time.monotonic() - started < 3
    for trial in slow:
        trial.failed(trial.end(), "connection", "in time")
    assert time.monotonic() - started < 13


# ------------------------------------------------------------------- redirects

@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_H03_followed(trial, responder, status):
    there = "/" + fresh("elsewhere")
    responder.answers[there] = trial.answer
    redirecting(trial, responder, there, status)
    trial.passes()


@pytest.mark.parametrize("location", [
    "http://{other}{path}", "http://{other}:{port}{path}?a=b%20c",
    "//{other}{path}", "HTTP://{upper}{path}", "http://{other}{path}#part"])
def test_H03_to_another_host(trial, responder, location):
    other, path = fresh("other"), "/" + fresh("path")
    responder.answers[path] = trial.answer
    responder.answers[path + "?a=b%20c"] = trial.answer
    redirecting(trial, responder, location.format(
        other=other, upper=other.upper(), path=path, port=PORT))
    trial.passes()
    hops = trial.transcript()["hops"]
    assert [hop["url"].split("/")[2] for hop in hops] == [
        f"{trial.name}:{PORT}", f"{other}:{PORT}"]


LONG = "http://a.test/" + "a" * 3000


@pytest.mark.parametrize("location, words", [
    ("file:///etc/passwd", "redirect"), ("gopher://a.test/", "redirect"),
    ("ftp://a.test/", "redirect"), ("data:text/plain,x", "redirect"),
    ("http://127.0.0.1/", "redirect"), ("http://2130706433/", "redirect"),
    ("http://0x7f.1/", "redirect"), ("http://[::1]/", "redirect"),
    ("http://localhost/", "redirect"), ("http:///", "redirect"),
    ("http://user@a.test/", "redirect"), ("http://a.test:22/", "to port 22"),
    ("http://a.test:{base}/", "to port {base}"), ("http://a.test:0/", ""),
    ("http://a.test:99999/", ""), (LONG, "redirect"),
    ("http://a.test/ a", ""), ("http://a_b.test/", "redirect"), ("", "")])
def test_H03_not_followed(trial, responder, location, words):
    base = env("CHANCERY_DIRECTORY").split(":")[2].split("/")[0]
    redirecting(trial, responder, location.format(base=base))
    done = trial.start().end()
    assert done["status"] == "invalid", done
    assert done["error"]["type"].endswith((":connection", ":unauthorized"))
    assert words.format(base=base) in done["error"]["detail"], done


@pytest.mark.parametrize("status", [300, 303, 305])
def test_H03_other_3xx_is_no_redirect(trial, responder, status):
    there = "/" + fresh("elsewhere")
    responder.answers[there] = trial.answer
    redirecting(trial, responder, there, status)
    trial.fails("unauthorized", str(status))
    assert there not in responder.seen


def test_H03_loop(trial, responder):
    redirecting(trial, responder, trial.path)
    done = trial.start().end()
    assert done["error"]["type"].endswith(":connection")
    assert "redirects" in done["error"]["detail"]
    assert responder.seen.count(trial.path) == 11


def test_H03_ten_redirects(trial, responder):
    paths = [trial.path] + ["/" + fresh("hop") for _ in range(10)]
    for path, following in zip(paths, paths[1:]):
        responder.hooks[path] = lambda handler, to=following: reply(
            handler, "", 302, ("Location", to))
    responder.answers[paths[-1]] = trial.answer
    trial.passes()


# ------------------------------------------------------------ IP identifiers

@pytest.mark.parametrize("address, host", [
    ("127.0.0.31", "127.0.0.31"), ("::1", "[::1]")])
def test_ip_http01(client, address, host):
    """RFC 8738, 4: no DNS; the address is the Host."""
    trial = Trial(client, ip(address))
    seen = []

    def look(handler):
        seen.append(handler.headers["Host"])
        reply(handler, trial.answer)
    with Http01(PORT, address) as responder:
        responder.hooks[trial.path] = look
        trial.passes()
    assert seen == [f"{host}:{PORT}"]
    hop, = trial.transcript()["hops"]
    assert "dns" not in hop
    assert [t["address"] for t in hop["tries"]] == [address]


def test_ip_http01_redirects(client):
    """On the same host, where it is written so; an address in a Location is
    never followed."""
    for location, good in (("/there", True),
                           (f"http://127.0.0.32:{PORT}/there", False)):
        trial = Trial(client, ip("127.0.0.32"))
        with Http01(PORT, "127.0.0.32") as responder:
            responder.answers["/there"] = trial.answer
            redirecting(trial, responder, location)
            done = trial.start().end()
            assert (done["status"] == "valid") == good, done
        if good:
            client.post(trial.authz, {"status": "deactivated"}).expect(200)


def test_ip_http01_wrong(client):
    trial = Trial(client, ip("127.0.0.33"))
    with Http01(PORT, "127.0.0.33") as responder:
        responder.serve(trial.token, SECRET)
        trial.fails("unauthorized", "key authorization")


def test_ip_is_not_for_dns(client):
    order = client.new_order([ip("127.0.0.34")]).expect(201)
    authz = client.get(order.json["authorizations"][0]).json
    assert {c["type"] for c in authz["challenges"]} == {"http-01",
                                                        "tls-alpn-01"}


# ------------------------------------------------------ evidence, resilience

def test_evidence_tells_what_was_seen(trial, responder):
    responder.serve(trial.token, SECRET)
    trial.fails("unauthorized")
    hop, = trial.transcript()["hops"]
    assert hop["url"] == f"http://{trial.name}:{PORT}{trial.path}"
    assert hop["tries"] == [{"address": "127.0.0.1", "outcome": "answer",
                             "status": 200}]
    assert hop["body"]["length"] == len(SECRET)


def test_child_that_dies_is_replaced(trial, responder):
    """kill -9 of the process that talks to the host: one more is made."""
    zygote, = processes()["chancery-probe"]
    visits = []

    def children():
        with open(f"/proc/{zygote}/task/{zygote}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def first_hangs(handler):
        visits.append(handler.client_address)
        if len(visits) == 1:
            for pid in children():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
        reply(handler, trial.answer)
    responder.hooks[trial.path] = first_hangs
    trial.passes()
    assert len(visits) == 2


def kill_validator():
    """Its end is unclean, and it is the last of this host that ended."""
    validator, = processes()["chancery-validator"]
    os.kill(validator, signal.SIGKILL)
    assert eventually(lambda: processes()["chancery-validator"] not in
                      ([], [validator]))


def test_poisoned_challenge_is_refused(client, responder):
    """A challenge under which the validator has died three times is not
    tried again and keeps nobody waiting."""
    kill_validator()
    before, poison, well = [Trial(client, fresh("poison")) for _ in range(3)]
    for trial in (before, poison, well):
        responder.serve(trial.token, trial.answer)
    before.passes()
    validator, = processes()["chancery-validator"]
    os.kill(validator, signal.SIGSTOP)
    poison.start()
    assert rows("UPDATE challenge_ready SET attempts = 3 WHERE "
                "authorization_id = %s RETURNING id", number(poison.authz))
    well.start()
    kill_validator()
    done = poison.end()
    assert done["status"] == "invalid", done
    assert done["error"]["type"].endswith(":serverInternal")
    assert well.end()["status"] == "valid"
    assert poison.path not in responder.seen
