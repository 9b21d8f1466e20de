# SPDX-License-Identifier: Apache-2.0
"""Accounts and the web server that answers challenges, made once a module."""
import pytest

from acme_client import Http01, Key
from appliance import env
from checks import fresh, new_client


@pytest.fixture(scope="module")
def client():
    return new_client()


@pytest.fixture(scope="module")
def other():
    """Another account."""
    return new_client(Key("RS256"))


@pytest.fixture(scope="module")
def responder():
    with Http01(int(env("CHANCERY_HTTP01_PORT"))) as responder:
        yield responder


@pytest.fixture(scope="module")
def issued(client, responder):
    """An order that has ended well: URL, object, PEM chain."""
    return client.issue([fresh("issued")], responder)
