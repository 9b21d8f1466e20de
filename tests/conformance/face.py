# SPDX-License-Identifier: Apache-2.0
"""A client of a second chancery-acme, which has the same URLs and listens on
another port."""
import re

from appliance import env
from checks import Checked


class Face(Checked):
    def __init__(self, port, key=None):
        self.port = port
        super().__init__(env("CHANCERY_DIRECTORY"), env("CHANCERY_ROOT"), key)

    def request(self, method, url, *args, **more):
        return super().request(method, re.sub(
            r"^https://localhost:\d+", f"https://localhost:{self.port}", url),
            *args, **more)

    def as_account(self, client):
        """The same account as another client."""
        self.key, self.kid = client.key, client.kid
        return self
