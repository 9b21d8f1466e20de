# SPDX-License-Identifier: Apache-2.0
"""One challenge for one identifier, what a host may do when it is asked, and
validators that ask with other settings than the running one."""
import json
import os
import signal
from contextlib import ExitStack, contextmanager

from acme_client import Http01
from appliance import processes, rows
from beside import Beside
from checks import number

SECRET = "<script>the host's own words</script>"


@contextmanager
def validating(resolver, validator="", probe=None, log=None, **changes):
    """A validator with its helpers beside the running one, which sleeps
    meanwhile: the same work with other settings."""
    with ExitStack() as stack:
        beside = stack.enter_context(Beside(
            {"resolver": resolver, "validator": validator},
            without=[r"local = \([^)]*\);"], **changes))
        running, = processes()["chancery-validator"]
        stack.callback(os.kill, running, signal.SIGCONT)
        beside.start("resolver")
        beside.start("probe", probe, log)
        beside.start("validator")
        os.kill(running, signal.SIGSTOP)
        yield beside


class Trial:
    """One challenge for one name (or identifier object)."""

    def __init__(self, client, name, method="http-01"):
        order = client.new_order([name]).expect(201)
        self.client = client
        self.identifier = order.json["identifiers"][0]
        self.method = method
        self.authz, = order.json["authorizations"]
        authz = client.get(self.authz).expect(200).json
        self.name = authz["identifier"]["value"]
        self.challenge = client.challenge(authz, method)
        self.token = self.challenge["token"]
        self.path = Http01.PREFIX + self.token
        self.answer = client.key.key_authorization(self.token)

    def prove(self, responder, **more):
        """The right answer, where `responder` has it (responders.py)."""
        responder.prove(dict(self.identifier, value=self.name), self.token,
                        self.answer, self.client.kid, **more)
        return self

    def start(self):
        self.client.post(self.challenge["url"], {}).expect(200)
        return self

    def end(self):
        """The challenge, valid or invalid; no word of the host is in it."""
        reply = self.client.poll(self.authz, seconds=40)
        assert SECRET[1:7] not in reply.text
        done = self.client.challenge(reply.json, self.method)
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

    def evidence(self, *columns):
        return rows(f"SELECT {', '.join(columns)} FROM evidence WHERE "
                    "authorization_id = %s", number(self.authz))[0]

    def transcript(self):
        return json.loads(self.evidence("transcript")[0])


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
