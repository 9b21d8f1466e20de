# SPDX-License-Identifier: Apache-2.0
"""One challenge for one name, and what a host may do when it is asked."""
import json

from acme_client import Http01
from appliance import rows
from checks import number

SECRET = "<script>the host's own words</script>"


class Trial:
    """One challenge for one name."""

    def __init__(self, client, name):
        order = client.new_order([name]).expect(201)
        self.client = client
        self.name = name
        self.authz, = order.json["authorizations"]
        self.challenge = client.challenge(client.get(self.authz).json)
        self.token = self.challenge["token"]
        self.path = Http01.PREFIX + self.token
        self.answer = client.key.key_authorization(self.token)

    def start(self):
        self.client.post(self.challenge["url"], {}).expect(200)
        return self

    def end(self):
        """The challenge, valid or invalid; no word of the host is in it."""
        reply = self.client.poll(self.authz, seconds=40)
        assert SECRET[1:7] not in reply.text
        done = self.client.challenge(reply.json)
        assert done["status"] == reply.json["status"]
        return done

    def passes(self):
        done = self.start().end()
        assert done["status"] == "valid", done

    def fails(self, error, *words):
        done = self.start().end()
        self.failed(done, error, *words)

    def failed(self, done, error, *words):
        assert done["status"] == "invalid", done
        assert done["error"]["type"].rpartition(":")[2] == error, done
        for word in (self.name, *words):
            assert word in done["error"]["detail"], done

    def transcript(self):
        return json.loads(rows(
            "SELECT transcript FROM evidence WHERE authorization_id = %s",
            number(self.authz))[0][0])


def reply(handler, body, status=200, *headers):
    if isinstance(body, str):
        body = body.encode()
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.end_headers()
    try:
        handler.wfile.write(body)
    except OSError:
        pass                            # the validator has hung up


def redirecting(trial, responder, location, status=302):
    responder.hooks[trial.path] = lambda handler: reply(
        handler, "x" * 5000, status, ("Location", location))
