# SPDX-License-Identifier: Apache-2.0
"""HTTP and TLS as no client should speak them, octet by octet: each gets the
exact problem (RFC 8555, 6.7) or a closed connection, and the process that
answers goes on."""
import json
import socket
import ssl
import time
from contextlib import ExitStack

import pytest

from acme_client import JOSE, b64u
from appliance import env, eventually, processes
from checks import at_once, base, fresh, order_payload
from wire import HERE, Answer, connect, read_all

HOST = f"Host: {HERE.netloc}"
LIMIT = 32768                   # octets of a body


@pytest.fixture(autouse=True)
def acme_stays_up():
    before = processes()["chancery-acme"]
    assert before
    yield
    assert eventually(lambda: processes()["chancery-acme"]) == before


def exchange(octets):
    """Send them; the one answer."""
    with connect() as tls:
        tls.sendall(octets)
        return Answer(read_all(tls))


def head(first, *fields):
    return "\r\n".join((first, *fields, "", "")).encode()


def get(path="/directory", *fields, version="1.1"):
    return head(f"GET {path} HTTP/{version}", HOST, "Connection: close",
                *fields)


def post(body=b"", *fields, path="/acme/new-order", last=True):
    """A POST with a true Content-Length unless other fields are given.
    last: the client says that it will close; if not, the server must."""
    fields = fields or (f"Content-Length: {len(body)}",)
    fields += ("Connection: close",) if last else ()
    return head(f"POST {path} HTTP/1.1", HOST, f"Content-Type: {JOSE}",
                *fields) + body


def chunk(octets):
    return b"%x\r\n%b\r\n" % (len(octets), octets)


# -------------------------------------------------------------------- framing

@pytest.mark.parametrize("fields", [
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Content-Length: 2", "Content-Length: 2"),
    ("content-length: 2", "Content-Length: 3"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: gzip",), ("Transfer-Encoding: gzip, chunked",),
    ("Content-Length: 2x",), ("Content-Length: 0x2",),
    ("Content-Length: 2, 2",)])
def test_framing_with_two_meanings(fields):
    exchange(post(b"0\r\n\r\n", *fields, last=False)).expect(400)


@pytest.mark.parametrize("length", ["-1", "-0", "+2"])
def test_negative_length(length):
    answer = exchange(post(b"{}", f"Content-Length: {length}",
                           last=False))
    answer.expect(answer.status)
    assert answer.status in (400, 411)


@pytest.mark.parametrize("chunks", [
    b"zz\r\n", b"ffffffffffffffff\r\nxx\r\n", b"-1\r\nx\r\n",
    b"2\r\n{}xx\r\n"])
def test_chunks_that_are_none(chunks):
    exchange(post(chunks, "Transfer-Encoding: chunked", last=False)
             ).expect(400)


def test_smuggled_request_is_not_read():
    """What follows a refused request is no request."""
    with connect() as tls:
        tls.sendall(post(b"0\r\n\r\n" + get(), "Content-Length: 5",
                         "Transfer-Encoding: chunked", last=False))
        assert read_all(tls).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("size", [LIMIT + 1, 100_000, 250_000])
def test_body_over_the_limit(size):
    exchange(post(b"{" + b" " * (size - 2) + b"}", last=False)).expect(413)


def test_body_of_the_limit():
    """As long as it may be: refused for what it is."""
    exchange(post(b"{" + b" " * (LIMIT - 2) + b"}")).expect(400)


@pytest.mark.parametrize("length", [10 ** 7, 2 ** 63, 2 ** 64 + 2, 10 ** 23])
def test_length_over_the_limit(length):
    exchange(post(b"{}", f"Content-Length: {length}", last=False)).expect(413)


def test_chunked_body_over_the_limit():
    body = chunk(b" " * 4096) * 9 + b"0\r\n\r\n"
    exchange(post(body, "Transfer-Encoding: chunked", last=False)).expect(413)


def test_expect_continue():
    with connect() as tls:
        tls.sendall(post(b"", "Content-Length: 2", "Expect: 100-continue"))
        assert tls.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(b"{}")
        Answer(read_all(tls)).expect(400)
    exchange(post(b"", "Content-Length: 200000",
                  "Expect: 100-continue")).expect(413)


def test_T06_genuine_order_in_chunks_without_user_agent(client):
    url = client.directory["newOrder"]
    body = json.dumps(client.jws(url, order_payload(fresh()))).encode()
    answer = exchange(post(chunk(body[:7]) + chunk(body[7:]) + b"0\r\n\r\n",
                           "Transfer-Encoding: chunked"))
    assert answer.status == 201
    assert json.loads(answer.body)["status"] == "pending"
    assert answer.headers["Location"].startswith(base("/acme/order/"))


# ----------------------------------------------------------------------- JSON

@pytest.mark.parametrize("depth", [17, 1000, 15000])
@pytest.mark.parametrize("begin, end", ["[]", ('{"a":', "}")])
def test_deep_body(depth, begin, end):
    depth = min(depth, (LIMIT - 30) // len(begin + end))
    body = '{"protected":' + begin * depth + "0" + end * depth + "}"
    exchange(post(body.encode())).expect(400)
    exchange(post(b"[" * 2 * depth)).expect(400)


@pytest.mark.parametrize("depth", [17, 1000, 9000])
def test_deep_inside_the_jws(client, depth):
    url = client.directory["newOrder"]
    deep = '{"identifiers":' + "[" * depth + "]" * depth + "}"
    client.post(url, deep).expect(400, "malformed")
    client.send(url, {"protected": b64u(deep), "payload": "",
                      "signature": ""}).expect(400, "malformed")


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b"{}", b"\0", b"{}{}", b'{"a":1e999}',
    b'{"payload":"","protected":"e30","signature":"\0"}',
    b'{"payload":1,"protected":[],"signature":{}}', b"\xef\xbb\xbf{}"])
def test_no_jws(body):
    exchange(post(body)).expect(400)


# ----------------------------------------------------------- heads and targets

@pytest.mark.parametrize("octets, status", [
    (head("GET /directory HTTP/1.1"), 400),
    (head("GET /directory HTTP/1.1", HOST, HOST), 400),
    (head("GET /directory HTTP/2.0", HOST), 505),
    (head("FOO /directory HTTP/1.1", HOST), 400),
    (head("TRACE /directory HTTP/1.1", HOST), 400),
    (head("get /directory HTTP/1.1", HOST), 400),
    (head("GET /directory"), 400),
    (head("GET /directory HTTP/1.1", HOST, "no colon"), 400),
    (b"\0\1\2\r\n\r\n", 400),
    (get("/directory", "X: " + "a" * 20000), 400),
    (get("/directory", *[f"X{i}: a" for i in range(70)]), 431)])
def test_bad_head(octets, status):
    exchange(octets).expect(status)


def test_http_1_0():
    answer = exchange(head("GET /directory HTTP/1.0"))
    assert answer.status == 200
    assert answer.headers["Connection"] == "close"


def test_absolute_target():
    assert exchange(get(base("/directory"))).status == 200


@pytest.mark.parametrize("path", [
    "/%2e%2e/etc/passwd", "/../etc/passwd", "/acme/../directory", "//",
    "/%64irectory", "/directory/", "/directory%00", "/acme/order/",
    "/acme/order/%00", "/acme/order/" + "A" * 5000, "/acme/order/*",
    "/acme/challenge/x/http-01", "/%", "/\\"])
def test_strange_paths(path):
    for request in (get(path), post(b"{}", path=path)):
        answer = exchange(request)
        assert 400 <= answer.status < 500
        answer.expect(answer.status)


def test_no_upgrade():
    answer = exchange(head(
        "GET /directory HTTP/1.1", HOST, "Connection: Upgrade",
        "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    assert answer.status == 200


# ---------------------------------------------------------------- connections

def test_keep_alive_and_pipelining():
    request = head("GET /acme/new-nonce HTTP/1.1", HOST)
    with connect() as tls:
        tls.sendall(request)
        assert b"Connection: keep-alive" in tls.recv(65536)
        tls.sendall(request * 3 + get())
        octets = read_all(tls)
    assert octets.count(b"HTTP/1.1 204 ") == 3
    assert octets.count(b"HTTP/1.1 200 ") == 1


def test_slow_clients_are_given_up():
    """Half a head, half a body, nothing after a reply."""
    def idle():
        with connect() as tls:
            tls.sendall(head("GET /acme/new-nonce HTTP/1.1", HOST))
            read_all(tls)
    started = time.monotonic()
    half_head, half_body, _ = at_once(
        lambda: exchange(b"GET /dir"),
        lambda: exchange(post(b"{", "Content-Length: 20")), idle)
    assert time.monotonic() - started < 15
    half_head.expect(400)
    half_body.expect(408)


def test_half_requests_do_not_keep_others_out(client):
    with ExitStack() as stack:
        for octets in (b"", b"GET /dir", post(b"{", "Content-Length: 20")):
            for _ in range(20):
                stack.enter_context(connect()).sendall(octets)
        started = time.monotonic()
        client.request("GET", client.directory_url).expect(200)
        client.get(client.kid).expect(200)
        assert time.monotonic() - started < 2


def test_R01_connections_of_one_address(client):
    """RFC 8555, 6.6: rateLimited with Retry-After, and only for a while."""
    request = head("HEAD /acme/new-nonce HTTP/1.1", HOST)
    answers = []
    with ExitStack() as stack:
        for _ in range(80):
            tls = stack.enter_context(connect())
            tls.sendall(request)
            answers.append(Answer(tls.recv(65536)))
    statuses = [answer.status for answer in answers]
    assert statuses[:50] == [200] * 50
    assert statuses[-1] == 429
    assert set(statuses) == {200, 429}
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert eventually(lambda: exchange(get()).status == 200)


# ------------------------------------------------------------------------ TLS

def test_T02_no_plain_http():
    with socket.create_connection((HERE.hostname, HERE.port), 20) as plain:
        plain.sendall(get())
        assert not read_all(plain).startswith(b"HTTP/1.1 2")


@pytest.mark.parametrize("version, good", [
    ("TLSv1", False), ("TLSv1_1", False), ("TLSv1_2", True),
    ("TLSv1_3", True)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_T03_versions(version, good):
    context = ssl.create_default_context(cafile=env("CHANCERY_ROOT"))
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion[version]
    if good:
        with connect(context) as tls:
            assert tls.version() == version.replace("_", ".")
    else:
        with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
            connect(context).close()


@pytest.mark.parametrize("offered, chosen", [
    (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"),
    (["h2"], None), (["acme-tls/1"], None)])
def test_T03_alpn(offered, chosen):
    context = ssl.create_default_context(cafile=env("CHANCERY_ROOT"))
    context.set_alpn_protocols(offered)
    if chosen:
        with connect(context) as tls:
            assert tls.selected_alpn_protocol() == chosen
    else:
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            connect(context).close()


def test_T03_certificate_is_our_own():
    """The listener's certificate is of this CA, for the host of its URLs."""
    with connect() as tls:
        names = tls.getpeercert()["subjectAltName"]
    assert ("DNS", HERE.hostname) in names
