# SPDX-License-Identifier: Apache-2.0
"""A request that ends the signer, each time it is looked at.  The signer of
the tests is built with such a fault (configure --enable-test-faults): it
aborts while it checks a finalize of an order for abort.fault.test."""
from acme_client import Client, make_csr
from appliance import env, eventually, rows, value
from checks import number

NAME = "abort.fault.test"


def client():
    made = Client(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"))
    made.register()
    return made


def runs():
    """How often a signer was started."""
    return value("SELECT count(*) FROM instance WHERE process = 'signer'")


def test_poison(responder):
    """Refused after three attempts that were counted, with an entry in the
    log; what waits behind it is done, and so is what comes after."""
    bad, good = client(), client()
    poison, order = bad.ready_order([NAME], responder)
    waiting, behind = good.ready_order(["behind.fault.test"], responder)
    before = runs()
    assert bad.finalize(order, make_csr([NAME])[0]).status == 200
    assert good.finalize(behind, make_csr(["behind.fault.test"])[0]
                         ).status == 200
    done = good.poll(waiting, seconds=60).json
    assert done["status"] == "valid", done
    ended = bad.poll(poison, seconds=60).json
    assert ended["status"] == "invalid", ended
    assert ended["error"]["type"].endswith(":serverInternal")
    (attempts, result, terminal), = rows(
        "SELECT r.attempts, u.result, u.terminal FROM request r"
        " JOIN outcome u ON u.request_id = r.id WHERE r.object_id = %s",
        number(poison))
    # The fourth is the one that refused it, without looking at it.
    assert (attempts, result, terminal) == (4, "refused", True)
    assert 3 <= runs() - before <= 4
    assert value("SELECT count(*) FROM intent WHERE order_id = %s",
                 number(poison)) == 0
    good.issue(["after.fault.test"], responder)


def test_batches_resume(responder):
    """The next order does not wait one by one: nothing is counted."""
    again = client()
    url, _, _ = again.issue(["batch.fault.test"], responder)
    assert eventually(lambda: rows(
        "SELECT attempts FROM request WHERE object_id = %s",
        number(url))) == [(0,)]
