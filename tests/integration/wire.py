# SPDX-License-Identifier: Apache-2.0
"""HTTPS octet by octet: a connection to the ACME port, and what comes back
taken apart."""
import json
import socket
import ssl
from urllib.parse import urlsplit

from appliance import env

HERE = urlsplit(env("CHANCERY_DIRECTORY"))


class Answer:
    """A reply as it came, taken apart."""

    def __init__(self, octets):
        head, _, self.body = octets.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines)

    def expect(self, status, error="malformed"):
        """A problem document that ends the connection."""
        assert self.headers["Connection"] == "close"
        return self.problem(status, error)

    def problem(self, status, error):
        """A problem document (RFC 8555, 6.7), and only that."""
        assert self.status == status, (self.status, self.headers, self.body)
        assert self.headers["Content-Type"] == "application/problem+json"
        assert int(self.headers["Content-Length"]) == len(self.body)
        assert self.headers["Replay-Nonce"]
        problem = json.loads(self.body)
        assert problem["type"] == f"urn:ietf:params:acme:error:{error}"
        assert problem["status"] == status
        assert problem["detail"]
        return self


def connect(context=None):
    """A TLS connection to the ACME port."""
    context = context or ssl.create_default_context(
        cafile=env("CHANCERY_ROOT"))
    plain = socket.create_connection((HERE.hostname, HERE.port), 20)
    try:
        return context.wrap_socket(plain, server_hostname=HERE.hostname)
    except BaseException:
        plain.close()
        raise


def read_all(connection):
    """All that comes until the server closes."""
    octets = b""
    try:
        while chunk := connection.recv(65536):
            octets += chunk
    except ConnectionResetError:
        pass
    return octets
