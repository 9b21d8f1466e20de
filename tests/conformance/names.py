# SPDX-License-Identifier: Apache-2.0
"""One name under one challenge."""
from acme_client import Http01
from checks import authz_of, fresh
from responders import Dns01


class Name:
    """One name under one challenge."""

    def __init__(self, client, name=None, method="http-01"):
        order = client.new_order([name or fresh("v")]).expect(201)
        self.client = client
        self.url, authz = authz_of(client, order)
        self.identifier = authz["identifier"]
        self.challenge = client.challenge(authz, method)
        self.token = self.challenge["token"]
        self.path = Http01.PREFIX + self.token
        self.answer = client.key.key_authorization(self.token)

    def end(self):
        """The challenge in its end state."""
        self.client.post(self.challenge["url"], {}).expect(200)
        authz = self.client.poll(self.url).json
        return self.client.challenge(authz, self.challenge["type"])

    def passes(self):
        done = self.end()
        assert done["status"] == "valid", done

    def fails(self, *errors):
        done = self.end()
        assert done["status"] == "invalid", done
        kind = done["error"]["type"].rpartition(":")[2]
        assert not errors or kind in errors, done
        return done["error"]


def caa_answer(lab, records, name=None, wildcard=False):
    """The end of a right dns-01 challenge for a name with these CAA records;
    {account} in them is the URL of the account."""
    name = name or fresh("caa")
    trial = Name(lab.client, "*." + name if wildcard else name, "dns-01")
    Dns01(lab.dns).prove(trial.identifier, trial.token, trial.answer, None)
    if records is not None:
        lab.dns.caa(name, *[record.format(account=lab.client.kid)
                            for record in records])
    return trial.end()
