# SPDX-License-Identifier: Apache-2.0
"""The management interface, which tests ask for roots and certificates."""
import asyncio
import base64
import json
import ssl
import subprocess

from pebble_front import Raw, read_head, reply

BODY_MAX = 1 << 20
JSON = "application/json; charset=utf-8"
PEM = "application/pem-certificate-chain; charset=utf-8"


class Answer(Exception):
    """status, body, kind, fields"""


def refuse(status, detail):
    kind = "malformed" if status.startswith("400") else "notFound"
    raise Answer(status, json.dumps({
        "type": f"urn:ietf:params:acme:error:{kind}", "detail": detail,
        "status": int(status[:3])}).encode(),
        "application/problem+json; charset=utf-8")


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def describe(pem):
    """Serial number in hex, and the certificate's id (RFC 9773, 4.1)."""
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-ext",
         "authorityKeyIdentifier"], input=pem, capture_output=True, text=True)
    lines = [line.strip() for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(lines) < 3:
        refuse("400 Bad Request", "this is no certificate in PEM")
    serial = lines[0].partition("=")[2].lower()
    octets = bytes.fromhex(serial)
    if octets[0] & 0x80:
        octets = b"\0" + octets
    key = bytes.fromhex(lines[2].replace("keyid:", "").replace(":", ""))
    return serial, f"{b64u(key)}.{b64u(octets)}"


class Request:
    def __init__(self, body, host):
        self.body, self.host = body, host


class Management:
    def __init__(self, ca, front):
        self.ca, self.front = ca, front
        self.places = {
            ("GET", "roots"): self.root,
            ("GET", "intermediates"): self.intermediate,
            ("GET", "root-keys"): self.no_key,
            ("GET", "intermediate-keys"): self.no_key,
            ("GET", "cert-status-by-serial"): self.status,
            ("POST", "set-renewal-info"): self.set_renewal_info,
        }

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, Raw):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = await read_head(reader)
        if head is None:
            return False
        length = head.length() or 0
        if length > BODY_MAX:
            return False
        if head.fields.get("expect"):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length)
        method, target = head.start[0], head.start[1].partition("?")[0]
        try:
            await self.answer(method, target, Request(
                body, head.fields.get("host", "localhost")))
        except Answer as made:
            status, text, kind, *fields = made.args
            writer.write(reply(status, text, kind, fields[0] if fields else
                               (), method == "HEAD"))
        await writer.drain()
        return head.keeps

    async def answer(self, method, target, request):
        _, _, rest = target.partition("/")
        place, _, argument = rest.partition("/")
        asked = "GET" if method == "HEAD" else method
        act = self.places.get((asked, place))
        if act is None:
            known = any(place == name for _, name in self.places)
            refuse("405 Method Not Allowed" if known else "404 Not Found",
                   f"{method} {target}: there is no such place")
        await act(argument, request)

    def one_of(self, list_, place, argument, request):
        if not argument.isdigit() or int(argument) >= len(list_):
            refuse("404 Not Found", f"there are {len(list_)} of these")
        links = [("Link", f'<https://{request.host}/{place}/{other}>;'
                          'rel="alternate"')
                 for other in range(len(list_)) if other != int(argument)]
        raise Answer("200 OK", list_[int(argument)].encode(), PEM, links)

    async def root(self, argument, request):
        self.one_of(self.ca.roots, "roots", argument, request)

    async def intermediate(self, argument, request):
        self.one_of(self.ca.intermediates, "intermediates", argument, request)

    async def no_key(self, argument, request):
        refuse("404 Not Found", "this CA's keys are in a token, and stay "
               "there; the roots' are forgotten")

    async def certificate(self, serial):
        """PEM of the one with this serial number in hex, or refuse."""
        try:
            number = int(serial, 16)
            text = number.to_bytes((number.bit_length() + 7) // 8, "big")
        except (ValueError, OverflowError):
            refuse("400 Bad Request", "this is no serial number")
        row = await self.ca.query(
            "SELECT encode(der, 'base64') FROM chancery.certificate WHERE "
            f"ltrim(encode(serial, 'hex'), '0') = ltrim('{text.hex()}', '0')")
        if not row:
            refuse("404 Not Found", "no certificate has this serial number")
        return number, ssl.DER_cert_to_PEM_cert(base64.b64decode(row))

    async def status(self, argument, request):
        number, pem = await self.certificate(argument)
        raise Answer("200 OK", json.dumps({
            "Certificate": pem, "Serial": f"{number:x}", "Status": "Valid"},
            indent=3).encode(), JSON)

    async def set_renewal_info(self, argument, request):
        try:
            given = {name.lower(): value
                     for name, value in json.loads(request.body).items()}
            pem, text = given["certificate"], given["ariresponse"]
        except (ValueError, AttributeError, KeyError):
            refuse("400 Bad Request", "the members certificate and "
                   "ariResponse are needed")
        if not isinstance(pem, str) or not isinstance(text, str):
            refuse("400 Bad Request", "both members are strings")
        serial, name = describe(pem)
        await self.certificate(serial)
        self.front.renewal_info[name] = text
        raise Answer("200 OK", b"", None)
