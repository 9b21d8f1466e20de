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

A name is a text (a DNS name), or an identifier as it is: ip("192.0.2.1").
The other challenges are answered by what responders.py has.
"""
import base64
import hashlib
import ipaddress
import json
import time

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec, ed448, ed25519, padding, rsa)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature)
from cryptography.x509.oid import NameOID

from responders import Http01  # noqa: F401 (imported from here by many)

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


def ip(text):
    """An identifier of type ip (RFC 8738)."""
    return {"type": "ip", "value": text}


CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
EDWARDS = {ed25519.Ed25519PublicKey: "Ed25519", ed448.Ed448PublicKey: "Ed448"}
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256")


class Key:
    """An account key of any kind, with its JWK and signatures.  `alg` and the
    key need not fit: the hash is that of `alg`, the rest of the key."""

    def __init__(self, alg="ES256", private=None, bits=2048):
        self.alg = alg
        if private is None:
            private = (rsa.generate_private_key(65537, bits)
                       if alg == "RS256" else
                       ed25519.Ed25519PrivateKey.generate()
                       if alg == "EdDSA" else
                       ec.generate_private_key(CURVES[alg]()))
        self.private = private

    @property
    def jwk(self):
        public = self.private.public_key()
        for kind, name in EDWARDS.items():
            if isinstance(public, kind):        # RFC 8037, 2
                return {"kty": "OKP", "crv": name, "x": b64u(
                    public.public_bytes(serialization.Encoding.Raw,
                                        serialization.PublicFormat.Raw))}
        numbers = public.public_numbers()
        if isinstance(public, rsa.RSAPublicKey):
            return {"kty": "RSA", "n": _number(numbers.n),
                    "e": _number(numbers.e)}
        size = (public.curve.key_size + 7) // 8
        name = {"secp256r1": "P-256", "secp384r1": "P-384",
                "secp521r1": "P-521", "secp256k1": "secp256k1"}
        return {"kty": "EC", "crv": name[public.curve.name],
                "x": _number(numbers.x, size), "y": _number(numbers.y, size)}

    @property
    def thumbprint(self):
        """RFC 7638, 3: SHA-256 of the canonical JWK, base64url."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64u(hashlib.sha256(text.encode()).digest())

    def sign(self, data):
        if not isinstance(self.private, (rsa.RSAPrivateKey,
                                         ec.EllipticCurvePrivateKey)):
            return self.private.sign(data)
        digest = HASHES.get(self.alg[2:], hashes.SHA256)()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        der = self.private.sign(data, ec.ECDSA(digest))
        size = (self.private.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big")
                        for n in decode_dss_signature(der))

    def key_authorization(self, token):
        return f"{token}.{self.thumbprint}"


def mac(alg, secret, data):
    """HS256, HS384 or HS512 (RFC 7518, 3.2)."""
    state = hmac.HMAC(secret, HASHES[alg[2:]]())
    state.update(data)
    return state.finalize()


def hs256(secret, data):
    """A MAC, for what must never be accepted as a signature."""
    return mac("HS256", secret, data)


class MacKey:
    """What an operator hands out for external account binding (RFC 8555,
    7.3.4): key id and secret, as text and as octets."""

    def __init__(self, kid, secret, alg="HS256"):
        self.kid = kid
        self.alg = alg
        self.secret = unb64u(secret) if isinstance(secret, str) else secret

    def sign(self, data):
        return mac(self.alg, self.secret, data)


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

        key: a Key, or a MacKey whose id is the kid

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
        if isinstance(key, MacKey):
            protected["kid"] = key.kid
        elif jwk:
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

    def binding(self, mac_key, key=None, url=None, payload=None, **how):
        """The inner JWS of RFC 8555, 7.3.4, right unless told otherwise."""
        return self.jws(url or self.directory["newAccount"],
                        payload or (key or self.key).jwk, key=mac_key,
                        **{"nonce": OMIT, **how})

    def new_account(self, key=None, eab=None, **payload):
        """eab: a MacKey to bind the account with, or the binding itself."""
        key = key or self.key
        payload.setdefault("termsOfServiceAgreed", True)
        if eab is not None:
            payload["externalAccountBinding"] = (
                self.binding(eab, key) if isinstance(eab, MacKey) else eab)
        return self.post(self.directory["newAccount"], payload, key=key,
                         jwk=True)

    def roll_over(self, new, url=None, payload=None, **how):
        """The inner JWS of RFC 8555, 7.3.5, right unless told otherwise."""
        return self.jws(url or self.directory["keyChange"], payload or
                        {"account": self.kid, "oldKey": self.key.jwk},
                        **{"key": new, "jwk": True, "nonce": OMIT, **how})

    def key_change(self, new, inner=None, **how):
        """Change the account's key; self.key follows when it worked."""
        reply = self.post(self.directory["keyChange"],
                          inner or self.roll_over(new), **how)
        if reply.status == 200:
            self.key = new
        return reply

    def register(self, **payload):
        reply = self.new_account(**payload)
        assert reply.status in (200, 201), reply
        self.kid = reply.location
        return reply

    def new_order(self, names, **more):
        payload = {"identifiers": [identifier(name) for name in names]}
        payload.update(more)
        return self.post(self.directory["newOrder"], payload)

    def new_authz(self, name, **more):
        return self.post(self.directory["newAuthz"],
                         {"identifier": identifier(name), **more})

    def renewal_info(self, certificate):
        """A plain GET (RFC 9773, 4.1)."""
        return self.request("GET", self.directory["renewalInfo"] + "/" +
                            renewal_id(certificate))

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
        """Prove control by the responder's method; the authorization in its
        end state."""
        authz = self.get(authz_url).expect(200).json
        if authz["status"] != "pending":
            return authz
        challenge = self.challenge(authz, responder.method)
        responder.prove(authz["identifier"], challenge["token"],
                        self.key.key_authorization(challenge["token"]),
                        self.kid)
        self.post(challenge["url"], {}).expect(200)
        return self.poll(authz_url, ("valid", "invalid", "deactivated",
                                     "expired", "revoked")).json

    def ready_order(self, names, responder, **more):
        """A new order, all authorizations proven: its URL and object."""
        order = self.new_order(names, **more).expect(201)
        for url in order.json["authorizations"]:
            authz = self.answer(url, responder)
            assert authz["status"] == "valid", authz
        ready = self.get(order.location).expect(200).json
        assert ready["status"] == "ready", ready
        return order.location, ready

    def finalize(self, order, csr):
        """`order` is the object, `csr` DER octets."""
        return self.post(order["finalize"], {"csr": b64u(csr)})

    def issue(self, names, responder, csr=None, **more):
        """From nothing to a certificate; (order URL, order, PEM chain)."""
        url, order = self.ready_order(names, responder, **more)
        reply = self.finalize(order, csr or make_csr(names)[0])
        assert reply.status == 200, reply
        order = self.poll(url).json
        assert order["status"] == "valid", order
        chain = self.get(order["certificate"]).expect(200)
        return url, order, chain.text


def identifier(name):
    return name if isinstance(name, dict) else {"type": "dns", "value": name}


def general_name(name):
    """A name as it stands in a subjectAltName."""
    name = identifier(name)
    if name["type"] == "ip":
        return x509.IPAddress(ipaddress.ip_address(name["value"]))
    return x509.DNSName(name["value"])


def make_csr(names, key=None, common_name=None, extensions=(), sans=None,
             digest=hashes.SHA256):
    """A PKCS#10 request: (DER, private key).  `sans` overrides the names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = [] if common_name is None else [
        x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name(subject))
    sans = [general_name(n) for n in names] if sans is None else sans
    if sans:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(sans), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    pure = isinstance(key, (ed25519.Ed25519PrivateKey,
                            ed448.Ed448PrivateKey))
    request = builder.sign(key, None if pure else digest())
    return request.public_bytes(serialization.Encoding.DER), key


def renewal_id(certificate):
    """RFC 9773, 4.1: keyIdentifier and the octets of the serial as in DER,
    with a leading zero where its first bit is set."""
    aki = certificate.extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier).value.key_identifier
    serial = certificate.serial_number
    return b64u(aki) + "." + b64u(serial.to_bytes(
        serial.bit_length() // 8 + 1, "big"))


def split_chain(text):
    """The certificates of a PEM chain, first the leaf."""
    end = "-----END CERTIFICATE-----\n"
    return [x509.load_pem_x509_certificate((part + end).encode())
            for part in text.split(end)[:-1]]
