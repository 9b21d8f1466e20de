# SPDX-License-Identifier: Apache-2.0
"""A small ACME server that can be told to misbehave, to see that the load
generator notices.  It believes every signature, fetches http-01 for real, and
issues from a CA of its own.

    with FakeAcme(http01_port, folder) as server:
        server.fault = "other-key"
"""
import datetime
import hashlib
import http.server
import itertools
import json
import os
import ssl
import threading
import time
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from acme_client import b64u, unb64u

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


def pem(*certificates):
    return b"".join(c.public_bytes(PEM) for c in certificates).decode()


class Authority:
    """A root and an issuing CA below it."""

    def __init__(self):
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1())
                                   for _ in range(2))
        self.root = self.sign("Root", self.root_key.public_key(), "Root",
                              self.root_key, ca=True)
        self.issuer = self.sign("Issuer", self.key.public_key(), "Root",
                                self.root_key, ca=True)

    @staticmethod
    def sign(subject, public, issuer, key, ca=False, names=(), days=(-1, 1)):
        def name(text):
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder(
            name(issuer), name(subject), public,
            x509.random_serial_number(), now + days[0] * DAY,
            now + days[1] * DAY).add_extension(
                x509.BasicConstraints(ca, None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(n) for n in names]), critical=False)
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return builder.sign(key, hashes.SHA256())

    def leaf(self, public, names, **how):
        return self.sign("leaf", public, "Issuer", self.key, names=names,
                         **how)


OTHER = Authority()     # the same names, other keys


def leaf_of(authority, fault, public, names):
    """The chain that is served, wrong in the way that is asked for."""
    other = OTHER.key.public_key()
    how = {
        "other-key": lambda: authority.leaf(other, names),
        "name-more": lambda: authority.leaf(public, names + ["more.test"]),
        "name-other": lambda: authority.leaf(
            public, ["other.test"] + names[1:]),
        "names-none": lambda: authority.leaf(public, []),
        "expired": lambda: authority.leaf(public, names, days=(-2, -1)),
        "future": lambda: authority.leaf(public, names, days=(1, 2)),
        "ca": lambda: authority.leaf(public, names, ca=True),
        "other-issuer": lambda: OTHER.leaf(public, names),
    }.get(fault, lambda: authority.leaf(public, names))()
    if fault == "other-chain":
        return pem(OTHER.leaf(public, names), OTHER.issuer)
    if fault == "no-chain":
        return pem(how)
    if fault == "no-pem":
        return "nothing"
    return pem(how, authority.issuer)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.acme.directory(self)

    def do_HEAD(self):
        self.reply(200, "")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.acme.post(self, json.loads(body))

    def reply(self, status, body, **headers):
        if isinstance(body, dict):
            body = json.dumps(body)
        body = body.encode()
        self.send_response(status)
        headers.setdefault("Content_Type", "application/json")
        headers.setdefault("Replay_Nonce", b64u(os.urandom(12)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        """Clients that hang up are part of the tests."""


class FakeAcme:
    def __init__(self, http01_port, folder):
        self.http01_port = http01_port
        self.authority = Authority()
        self.fault = None
        self.numbers = itertools.count(1)
        self.accounts, self.orders, self.seen = {}, {}, set()
        self.cafile = os.path.join(folder, "root.pem")
        with open(self.cafile, "w") as file:
            file.write(pem(self.authority.root))
        handler = type("Handler", (Handler,), {"acme": self})
        self.server = Server(("127.0.0.1", 0), handler)
        self.url = f"https://localhost:{self.server.server_port}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.listener(folder))
        self.server.socket = context.wrap_socket(
            self.server.socket, server_side=True,
            do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)

    def listener(self, folder):
        key = ec.generate_private_key(ec.SECP256R1())
        path = os.path.join(folder, "listener.pem")
        with open(path, "wb") as file:
            file.write(key.private_bytes(
                PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
            file.write(pem(self.authority.leaf(
                key.public_key(), ["localhost"]),
                self.authority.issuer).encode())
        return path

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def first(self, fault):
        """Is this the fault that is asked for, and the first time?"""
        if self.fault != fault or fault in self.seen:
            return False
        self.seen.add(fault)
        return True

    # ------------------------------------------------------------ resources

    def directory(self, handler):
        handler.reply(200, {name: f"{self.url}/{name}" for name in
                            ("newNonce", "newAccount", "newOrder")})

    def post(self, handler, jws):
        protected = json.loads(unb64u(jws["protected"]))
        payload = jws["payload"] and json.loads(unb64u(jws["payload"]))
        what, _, number = handler.path.lstrip("/").partition("/")
        if self.fault == "hang" and what == "certificate":
            time.sleep(3)
        if self.fault == "slow":
            time.sleep(0.03)
        if what == "newOrder" and self.first("bad-nonce"):
            handler.reply(400, {"type": "urn:ietf:params:acme:error:badNonce"
                                }, Content_Type="application/problem+json")
        elif what == "newOrder" and self.first("busy"):
            handler.reply(503, {}, Retry_After="1")
        else:
            getattr(self, what)(handler, protected, payload,
                                int(number or 0))

    def newAccount(self, handler, protected, payload, _):
        number = next(self.numbers)
        text = json.dumps(protected["jwk"], sort_keys=True,
                          separators=(",", ":"))
        url = f"{self.url}/account/{number}"
        self.accounts[url] = b64u(hashlib.sha256(text.encode()).digest())
        handler.reply(201, {"status": "valid"}, Location=url)

    def newOrder(self, handler, protected, payload, _):
        number = next(self.numbers)
        self.orders[number] = order = {
            "status": "pending", "names": [i["value"] for i in
                                           payload["identifiers"]],
            "thumbprint": self.accounts[protected["kid"]],
            "authz": {}, "tokens": {}}
        for _ in order["names"]:
            authz = next(self.numbers)
            order["authz"][authz] = "pending"
            order["tokens"][authz] = b64u(os.urandom(16))
        handler.reply(201, self.order_object(number),
                      Location=f"{self.url}/order/{number}")

    def order_object(self, number):
        order = self.orders[number]
        found = {
            "status": order["status"],
            "authorizations": [f"{self.url}/authz/{a}"
                               for a in order["authz"]],
            "finalize": f"{self.url}/finalize/{number}"}
        if order["status"] == "valid":
            found["certificate"] = f"{self.url}/certificate/{number}"
        return found

    def order_of(self, authz):
        return next(o for o in self.orders.values() if authz in o["authz"])

    def challenge_object(self, number):
        order = self.order_of(number)
        return {"type": "http-01", "token": order["tokens"][number],
                "url": f"{self.url}/challenge/{number}",
                "status": order["authz"][number]}

    def authz(self, handler, protected, payload, number):
        order = self.order_of(number)
        handler.reply(200, {"status": order["authz"][number],
                            "challenges": [self.challenge_object(number)]})

    def challenge(self, handler, protected, payload, number):
        order = self.order_of(number)
        token = order["tokens"][number]
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.http01_port}/.well-known/"
                f"acme-challenge/{token}", timeout=5) as reply:
            proven = reply.read().decode() == f"{token}.{order['thumbprint']}"
        if self.fault == "authz-invalid":
            proven = False
        if self.fault != "authz-lost":
            order["authz"][number] = "valid" if proven else "invalid"
        handler.reply(200, self.challenge_object(number))

    def finalize(self, handler, protected, payload, number):
        order = self.orders[number]
        order["status"] = "processing"
        csr = x509.load_der_x509_csr(unb64u(payload["csr"]))
        assert csr.is_signature_valid
        order["chain"] = leaf_of(self.authority, self.fault,
                                 csr.public_key(), order["names"])
        if self.fault not in ("order-lost", "retry"):
            order["status"] = "valid"
        handler.reply(200, self.order_object(number), Retry_After="1")

    def order(self, handler, protected, payload, number):
        if self.fault == "retry":
            self.orders[number]["status"] = "valid"
        handler.reply(200, self.order_object(number))

    def certificate(self, handler, protected, payload, number):
        kind = "application/pem-certificate-chain"
        if self.fault == "other-type":
            kind = "application/pkix-cert"
        handler.reply(200, self.orders[number]["chain"], Content_Type=kind)
