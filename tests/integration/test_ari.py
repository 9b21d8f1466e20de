# SPDX-License-Identifier: Apache-2.0
"""Renewal information (RFC 9773), and orders that replace a certificate."""
from datetime import timedelta, timezone

import pytest
from cryptography import x509

from acme_client import make_csr, renewal_id
from appliance import rows, value
from checks import at_once, fresh, moment, number, stranger


def leaf(chain):
    return x509.load_pem_x509_certificate(chain.encode())


def utc(when):
    return when.replace(tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def old(client, responder):
    """A certificate to be replaced, and its name."""
    name = fresh("old")
    return leaf(client.issue([name], responder)[2]), name


def another(client, responder):
    name = fresh("old")
    return leaf(client.issue([name], responder)[2]), name


# -------------------------------------------------------------------- window

def test_the_window_lies_in_the_last_third(old):
    client = stranger()                 # RFC 9773, 4.1: nobody signs
    reply = client.renewal_info(old[0]).expect(200)
    assert set(reply.json) == {"suggestedWindow"}
    start, end = (moment(reply.json["suggestedWindow"][which])
                  for which in ("start", "end"))
    begin, until = utc(old[0].not_valid_before), utc(old[0].not_valid_after)
    assert begin + (until - begin) * 0.6 < start < end < until
    assert end - start == (until - begin + timedelta(seconds=1)) / 50
    assert reply.headers["Retry-After"] == "21600"
    assert client.renewal_info(old[0]).json == reply.json


def test_the_window_of_a_short_life(client, responder):
    chain = client.issue([fresh()], responder, profile="short-lived")[2]
    window = client.renewal_info(leaf(chain)).expect(200).json[
        "suggestedWindow"]
    begin = utc(leaf(chain).not_valid_before)
    assert moment(window["start"]) == begin + timedelta(days=3)
    assert moment(window["end"]) > moment(window["start"])


def test_a_query_changes_nothing(client, old):
    plain = client.renewal_info(old[0]).expect(200)
    url = f"{client.directory['renewalInfo']}/{renewal_id(old[0])}"
    assert client.request("GET", url + "?cache=no").expect(
        200).json == plain.json
    assert client.request("HEAD", url).status == 200
    client.get(url).expect(405, "malformed")


def test_names_of_no_certificate(client, old):
    base = client.directory["renewalInfo"] + "/"
    aki, serial = renewal_id(old[0]).split(".")
    for unknown in (f"{aki}.{'A' * len(serial)}", f"{serial}.{serial}",
                    f"{aki}.AA{serial}", f"{aki}.AQ"):
        client.request("GET", base + unknown).expect(404, "malformed")
    for text in ("x", aki, f"{aki}.", f".{serial}", f"{aki}.{serial}=",
                 f"{aki}.{serial}.{serial}", f"{aki}.+{serial}",
                 f"{aki}.{'A' * 90}"):
        client.request("GET", base + text).expect(400, "malformed")
    for path in ("", aki + "/" + serial, "A" * 200):
        client.request("GET", base + path).expect(404, "malformed")


# ------------------------------------------------------------------ replaces

def test_an_order_that_replaces_tells_so(client, responder):
    cert, name = another(client, responder)
    order = client.new_order([name, fresh()],
                             replaces=renewal_id(cert)).expect(201)
    assert order.json["replaces"] == renewal_id(cert)
    assert client.get(order.location).json["replaces"] == renewal_id(cert)
    for url in order.json["authorizations"]:
        assert client.answer(url, responder)["status"] == "valid"
    names = [i["value"] for i in order.json["identifiers"]]
    done = client.finalize(order.json, make_csr(names)[0]).expect(200)
    done = client.poll(done.location).json
    assert done["status"] == "valid"
    assert done["replaces"] == renewal_id(cert)
    client.new_order([name], replaces=renewal_id(cert)).expect(
        409, "alreadyReplaced")


def test_it_can_be_replaced_again_when_that_came_to_nothing(client,
                                                            responder):
    cert, name = another(client, responder)
    for attempt in range(3):
        order = client.new_order([fresh(), name],
                                 replaces=renewal_id(cert)).expect(201)
        client.new_order([name], replaces=renewal_id(cert)).expect(
            409, "alreadyReplaced")
        pending = next(url for url in order.json["authorizations"]
                       if client.get(url).json["status"] == "pending")
        client.post(pending, {"status": "deactivated"}).expect(200)
        assert client.get(order.location).json["status"] == "invalid"
        assert value("SELECT replaces_attempt FROM orders WHERE id = %s",
                     number(order.location)) == attempt


def test_one_of_many_wins(client, responder):
    cert, name = another(client, responder)
    orders = [client.jws(client.directory["newOrder"], {
        "identifiers": [{"type": "dns", "value": name}],
        "replaces": renewal_id(cert)}) for _ in range(8)]
    replies = at_once(*[
        lambda order=order: client.send(client.directory["newOrder"], order)
        for order in orders])
    assert sorted(r.status for r in replies) == [201] + [409] * 7, replies
    assert {r.error for r in replies} == {None, "alreadyReplaced"}
    assert len(rows("SELECT id FROM orders WHERE replaces = %s",
                    renewal_id(cert))) == 1


def test_what_cannot_be_replaced(client, other, old):
    cert, name = old
    other.new_order([name], replaces=renewal_id(cert)).expect(
        403, "unauthorized")
    aki, serial = renewal_id(cert).split(".")
    for replaces in (f"{aki}.AQ", "x", "", 7, None, [renewal_id(cert)]):
        client.new_order([name], replaces=replaces).expect(400, "malformed")
    for names in ([fresh()], [f"*.{name}"], [f"www.{name}"]):
        client.new_order(names, replaces=renewal_id(cert)).expect(
            400, "malformed")
    # None of them counts.
    client.new_order([name.upper(), fresh()],
                     replaces=renewal_id(cert)).expect(201)
