# SPDX-License-Identifier: Apache-2.0
"""A raw ACME client for tests (RFC 8555).

It does what real clients do and, unlike them, also what no client should:
every part of a JWS can be replaced, left out or damaged.  Nothing is hidden:
each request returns a Reply with status, headers and body, and only the
methods that obtain a whole thing (register, issue) assert success.

    client = Client(directory_url, root_pem)
    client.register()
    with Http01(port) as responder:
        issued = client.issue(["www.example.test"], responder)
"""
import base64
import hashlib
import http.server
import json
import socket
import socketserver
import threading
import time

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature)
from cryptography.x509.oid import NameOID

ERROR = "urn:ietf:params:acme:error:"
JOSE = "application/jose+json"
OMIT = object()          # as a header's value: leave the member out


def b64u(data):
    """base64url without padding (RFC 7515, 2)."""
    if isinstance(data, str):
        data = data.encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value, length=None):
    length = length or (value.bit_length() + 7) // 8
    return b64u(value.to_bytes(length, "big"))


class Key:
    """An account key: ES256 or RS256, with its JWK and signatures."""

    def __init__(self, alg="ES256", private=None, bits=2048):
        self.alg = alg
        if private is None:
            private = (rsa.generate_private_key(65537, bits)
                       if alg == "RS256"
                       else ec.generate_private_key(ec.SECP256R1()))
        self.private = private

    @property
    def jwk(self):
        public = self.private.public_key()
        numbers = public.public_numbers()
        if isinstance(public, rsa.RSAPublicKey):
            return {"kty": "RSA", "n": _number(numbers.n),
                    "e": _number(numbers.e)}
        size = (public.curve.key_size + 7) // 8
        name = {256: "P-256", 384: "P-384", 521: "P-521"}
        return {"kty": "EC", "crv": name[public.curve.key_size],
                "x": _number(numbers.x, size), "y": _number(numbers.y, size)}

    @property
    def thumbprint(self):
        """RFC 7638, 3: SHA-256 of the canonical JWK, base64url."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64u(hashlib.sha256(text.encode()).digest())

    def sign(self, data):
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(),
                                     hashes.SHA256())
        der = self.private.sign(data, ec.ECDSA(hashes.SHA256()))
        size = (self.private.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big")
                        for n in decode_dss_signature(der))

    def key_authorization(self, token):
        return f"{token}.{self.thumbprint}"


def hs256(secret, data):
    """A MAC, for what must never be accepted as a signature."""
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(data)
    return mac.finalize()


class Reply:
    """One HTTP reply, not judged."""

    def __init__(self, response):
        self.status = response.status_code
        self.headers = response.headers
        self.body = response.content
        self.text = response.text
        self.raw = response

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def location(self):
        return self.headers.get("Location")

    @property
    def nonce(self):
        return self.headers.get("Replay-Nonce")

    @property
    def links(self):
        """{relation: [URL, ...]} of all Link headers (RFC 8288)."""
        found = {}
        for part in self.headers.get("Link", "").split(", <"):
            if ">;rel=" in part:
                url, relation = part.lstrip("<").split(">;rel=", 1)
                found.setdefault(relation.strip('"'), []).append(url)
        return found

    @property
    def error(self):
        """The problem's type without its prefix, or None."""
        kind = self.headers.get("Content-Type", "")
        if kind != "application/problem+json":
            return None
        return self.json["type"].replace(ERROR, "", 1)

    def expect(self, status, error=None):
        """Assert what came, with all of it in the message."""
        assert (self.status, self.error) == (status, error), self
        if error is not None:
            assert self.json["status"] == status, self
        return self

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.text[:2000]}>"


class Client:
    """A directory, an account key, and requests of any kind."""

    def __init__(self, directory, verify=True, key=None):
        self.directory_url = directory
        self.session = requests.Session()
        # The environment's proxies and certificates are not ours to use.
        self.session.trust_env = False
        self.verify = verify
        self.key = key or Key()
        self.kid = None
        self.nonces = []
        self.directory = self.request("GET", directory).json

    # ---------------------------------------------------------------- HTTP

    def request(self, method, url, data=None, headers=None, **more):
        """Any request; keeps the nonce of the reply for the next JWS."""
        reply = Reply(self.session.request(
            method, url, data=data, headers=headers, verify=self.verify,
            allow_redirects=False, timeout=60, **more))
        if reply.nonce:
            self.nonces = self.nonces[-7:] + [reply.nonce]
        return reply

    def nonce(self):
        if not self.nonces:
            self.request("HEAD", self.directory["newNonce"])
        return self.nonces.pop()

    # ----------------------------------------------------------------- JWS

    def jws(self, url, payload, key=None, kid=None, jwk=False, nonce=None,
            header=None, unprotected=None, signature=None, tamper=None,
            text=None):
        """A flattened JWS as a dict, right unless told otherwise.

        payload: a dict (made JSON), "" (POST-as-GET), str or bytes (as is)
        jwk: sign with the key itself instead of the account's URL
        header: members to replace in the protected header, or OMIT
        unprotected: value of the forbidden `header` member
        signature: octets, or a function of the signing input, in its place
        text: the protected header's text in its place
        tamper: called with the finished dict, may change it
        """
        key = key or self.key
        protected = {"alg": key.alg, "url": url,
                     "nonce": self.nonce() if nonce is None else nonce}
        if jwk:
            protected["jwk"] = key.jwk
        else:
            protected["kid"] = kid or self.kid
        protected.update(header or {})
        protected = {k: v for k, v in protected.items() if v is not OMIT}
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        message = {"protected": b64u(text or json.dumps(protected)),
                   "payload": b64u(payload)}
        data = f"{message['protected']}.{message['payload']}".encode()
        if callable(signature):
            signature = signature(data)
        message["signature"] = b64u(
            key.sign(data) if signature is None else signature)
        if unprotected is not None:
            message["header"] = unprotected
        if tamper:
            tamper(message)
        return message

    def send(self, url, message, content_type=JOSE, headers=None):
        """POST a JWS (dict) or any text as it is."""
        if isinstance(message, dict):
            message = json.dumps(message)
        sent = {} if content_type is None else {"Content-Type": content_type}
        sent.update(headers or {})
        return self.request("POST", url, data=message, headers=sent)

    def post(self, url, payload, retry=True, **how):
        """Sign and POST; a badNonce is tried once more, as RFC 8555, 6.5
        wants of clients, unless retry is False."""
        reply = self.send(url, self.jws(url, payload, **how))
        if retry and "nonce" not in how and reply.error == "badNonce":
            reply = self.send(url, self.jws(url, payload, **how))
        return reply

    def get(self, url, **how):
        """POST-as-GET."""
        return self.post(url, "", **how)

    # ------------------------------------------------------------ resources

    def new_account(self, key=None, **payload):
        key = key or self.key
        payload.setdefault("termsOfServiceAgreed", True)
        return self.post(self.directory["newAccount"], payload, key=key,
                         jwk=True)

    def register(self, **payload):
        reply = self.new_account(**payload)
        assert reply.status in (200, 201), reply
        self.kid = reply.location
        return reply

    def new_order(self, names, **more):
        payload = {"identifiers": [
            name if isinstance(name, dict) else
            {"type": "dns", "value": name} for name in names]}
        payload.update(more)
        return self.post(self.directory["newOrder"], payload)

    def challenge(self, authz, method="http-01"):
        """The challenge of a method out of an authorization's object."""
        return next(c for c in authz["challenges"] if c["type"] == method)

    def poll(self, url, until=("valid", "invalid"), seconds=30):
        """POST-as-GET until the status is one of `until`."""
        end = time.monotonic() + seconds
        while True:
            reply = self.get(url)
            assert reply.status == 200, reply
            if reply.json["status"] in until:
                return reply
            assert time.monotonic() < end, f"still waiting: {reply}"
            time.sleep(float(reply.headers.get("Retry-After", 1)) / 4)

    def answer(self, authz_url, responder):
        """Prove control by http-01; the authorization in its end state."""
        authz = self.get(authz_url).expect(200).json
        if authz["status"] != "pending":
            return authz
        challenge = self.challenge(authz)
        responder.serve(challenge["token"],
                        self.key.key_authorization(challenge["token"]))
        self.post(challenge["url"], {}).expect(200)
        return self.poll(authz_url, ("valid", "invalid", "deactivated",
                                     "expired", "revoked")).json

    def ready_order(self, names, responder):
        """A new order, all authorizations proven: its URL and object."""
        order = self.new_order(names).expect(201)
        for url in order.json["authorizations"]:
            authz = self.answer(url, responder)
            assert authz["status"] == "valid", authz
        ready = self.get(order.location).expect(200).json
        assert ready["status"] == "ready", ready
        return order.location, ready

    def finalize(self, order, csr):
        """`order` is the object, `csr` DER octets."""
        return self.post(order["finalize"], {"csr": b64u(csr)})

    def issue(self, names, responder, csr=None):
        """From nothing to a certificate; (order URL, order, PEM chain)."""
        url, order = self.ready_order(names, responder)
        reply = self.finalize(order, csr or make_csr(names)[0])
        assert reply.status == 200, reply
        order = self.poll(url).json
        assert order["status"] == "valid", order
        chain = self.get(order["certificate"]).expect(200)
        return url, order, chain.text


def make_csr(names, key=None, common_name=None, extensions=(), sans=None):
    """A PKCS#10 request: (DER, private key).  `sans` overrides the names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [] if common_name is None else [
        x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name(subject))
    sans = [x509.DNSName(n) for n in names] if sans is None else sans
    if sans:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(sans), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    request = builder.sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER), key


def split_chain(text):
    """The certificates of a PEM chain, first the leaf."""
    end = "-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate((part + end).encode())
            for part in text.split(end)[:-1]]


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Http01:
    """Answers http-01 challenges (RFC 8555, 8.3) on a local port.

    serve(token, text) sets what is answered; hooks[path] = function(handler)
    takes a request over completely; `seen` lists the paths asked for.
    """
    PREFIX = "/.well-known/acme-challenge/"

    def __init__(self, port, address="127.0.0.1"):
        self.answers = {}
        self.hooks = {}
        self.seen = []
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                responder.seen.append(self.path)
                hook = responder.hooks.get(self.path)
                if hook:
                    hook(self)
                    return
                answer = responder.answers.get(self.path)
                self.send_response(404 if answer is None else 200)
                body = (answer or "no such token").encode()
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        _Server.address_family = (socket.AF_INET6 if ":" in address
                                  else socket.AF_INET)
        self.server = _Server((address, port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)

    def serve(self, token, text):
        self.answers[self.PREFIX + token] = text

    def forget(self, token):
        self.answers.pop(self.PREFIX + token, None)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
