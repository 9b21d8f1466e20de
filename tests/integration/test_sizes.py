# SPDX-License-Identifier: Apache-2.0
"""Requests of every size: the largest that is served, and what is beyond it.
Each gets its exact answer, as often as it is asked, and whoever asked goes on:
on the same connection where it was kept, on a new one where the server ended
it after the refusal."""
import json
import secrets

import pytest

from acme_client import JOSE
from appliance import env, eventually, processes
from checks import fresh, new_client, orders_of
from wire import HERE, Answer, connect, read_all

NAMES = 100                     # in one order
BODY = 32768                    # octets


@pytest.fixture(scope="module")
def client():
    return new_client()


@pytest.fixture(autouse=True)
def acme_stays_up(client):
    """The same process answers, and the same client has its order."""
    before = processes()["chancery-acme"]
    yield
    assert eventually(lambda: processes()["chancery-acme"]) == before
    client.new_order([fresh()]).expect(201)


def names(count):
    run = secrets.token_hex(4)
    return [f"n{i}.{run}.test" for i in range(count)]


def test_order_of_a_hundred_names(client):
    wanted = names(NAMES)
    reply = client.new_order(wanted).expect(201)
    assert sorted(i["value"] for i in reply.json["identifiers"]) == \
        sorted(wanted)
    urls = reply.json["authorizations"]
    assert len(set(urls)) == NAMES
    # In the same order, and each is there.
    for i in (0, NAMES // 2, NAMES - 1):
        authz = client.get(urls[i]).expect(200).json
        assert authz["identifier"] == reply.json["identifiers"][i]
        assert authz["status"] == "pending"
    again = client.get(reply.location).expect(200).json
    assert again["authorizations"] == urls


@pytest.mark.parametrize("count", [0, NAMES + 1, 5 * NAMES])
def test_order_of_another_number_of_names(client, count):
    before = orders_of(client)
    reply = client.new_order(names(count)).expect(400, "malformed")
    assert reply.json["detail"] == \
        "RFC 8555, 7.4: identifiers is an array of 1 to 100"
    assert orders_of(client) == before
    # It is no error of the connection.
    assert "close" not in reply.headers.get("Connection", "")


def test_order_of_ten_thousand_names(client):
    """Beyond the limit of a body before anybody counts them."""
    before = orders_of(client)
    for _ in range(3):
        reply = client.new_order(names(10000)).expect(413, "malformed")
        assert reply.json["detail"] == \
            f"a request's body has at most {BODY} octets"
        assert reply.headers["Connection"] == "close"
    assert orders_of(client) == before


@pytest.mark.parametrize("size", [BODY + 1, 1 << 20, 2 << 20])
def test_large_body(client, size):
    """A client that sends all before it reads has its answer too."""
    for _ in range(3):
        client.send(client.directory["newOrder"], "x" * size).expect(
            413, "malformed")


def test_body_of_the_limit(client):
    """A JWS padded to the last octet that is read."""
    url = client.directory["newOrder"]
    message = json.dumps(client.jws(url, {"identifiers": [
        {"type": "dns", "value": fresh()}]}))
    client.send(url, message + " " * (BODY - len(message))).expect(201)


def asked(count, *fields):
    """newOrder with {} for a body, and so many fields that mean nothing."""
    return "\r\n".join([
        "POST /acme/new-order HTTP/1.1", f"Host: {HERE.netloc}",
        f"Content-Type: {JOSE}", "Content-Length: 2", *fields,
        *[f"X-{i}: a" for i in range(count)], "", "{}"]).encode()


def test_many_header_lines():
    """As many as are read: the request is refused for what it is, and the
    connection is kept."""
    with connect() as tls:
        tls.sendall(asked(60) + asked(59, "Connection: close"))
        octets = read_all(tls)
    first, second, third = octets.split(b"HTTP/1.1 ")
    assert (first, second[:3]) == (b"", b"400")
    Answer(b"HTTP/1.1 " + third).expect(400)


@pytest.mark.parametrize("count, status", [
    (61, 431), (500, 431),      # 64 with the others
    (10000, 400)])              # more than 16 KiB of head
def test_too_many_header_lines(count, status):
    for _ in range(3):
        with connect() as tls:
            try:
                tls.sendall(asked(count))
            except OSError:
                pass            # refused, and closed, before all was sent
            Answer(read_all(tls)).expect(status)


def test_directory_is_still_served(client):
    client.request("GET", env("CHANCERY_DIRECTORY")).expect(200)
