# SPDX-License-Identifier: Apache-2.0
"""What a host under validation runs: a web server (http-01), a TLS server
(tls-alpn-01) and a DNS server (dns-01, dns-account-01), each of which can
also answer wrongly.

Each has `method` and prove(identifier, token, key_authorization, account_url),
which puts the right answer in its place.
"""
import base64
import datetime
import hashlib
import http.server
import ipaddress
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Http01:
    """Answers http-01 challenges (RFC 8555, 8.3) on a local port.

    serve(token, text) sets what is answered; hooks[path] = function(handler)
    takes a request over completely; `seen` lists the paths asked for.
    """
    method = "http-01"
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

        class Server(_Server):
            address_family = (socket.AF_INET6 if ":" in address
                              else socket.AF_INET)
        self.server = Server((address, port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,), daemon=True)

    def prove(self, identifier, token, key_authorization, account_url):
        self.serve(token, key_authorization)

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


# ------------------------------------------------------------------------ DNS

A, CNAME, TXT, AAAA, DNAME, CAA = 1, 5, 16, 28, 39, 257
SERVFAIL = "servfail"


def dns_name(text):
    """On the wire (RFC 1035, 3.1)."""
    return b"".join(bytes([len(label)]) + label.encode()
                    for label in text.split(".") if label) + b"\0"


def txt_value(key_authorization):
    """What the TXT record holds (RFC 8555, 8.4)."""
    return base64.urlsafe_b64encode(hashlib.sha256(
        key_authorization.encode()).digest()).rstrip(b"=").decode()


def account_label(account_url):
    """draft-ietf-acme-dns-account-label, 3.2: the label of an account."""
    digest = hashlib.sha256(account_url.encode()).digest()[:10]
    return "_" + base64.b32encode(digest).decode().lower()


class _Udp(socketserver.ThreadingMixIn, socketserver.UDPServer):
    daemon_threads = True

    def finish_request(self, request, client_address):
        data, sock = request
        answer = self.zone.answer(data)
        if answer is not None:
            if len(answer) > 1200:              # TC: come back over TCP
                answer = self.zone.answer(data, truncated=True)
            sock.sendto(answer, client_address)


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def finish_request(self, request, client_address):
        file = request.makefile("rb")
        while len(size := file.read(2)) == 2:
            answer = self.zone.answer(file.read(struct.unpack(">H", size)[0]))
            if answer is None:
                return
            request.sendall(struct.pack(">H", len(answer)) + answer)


class Dns:
    """A DNS server over UDP and TCP.

    zone: {(name, type): [rdata] or SERVFAIL}; names in `mute` get silence;
    every name at or below `here` that is not in the zone is at 127.0.0.1.  A
    name that has nothing, and nothing below it, does not exist.  `asked`
    lists the questions as (name, type).
    """

    def __init__(self, address="127.0.0.1", here=None):
        self.zone = {}
        self.mute = set()
        self.asked = []
        self.here = here
        self.ttl = 1
        self.tcp = _Tcp((address, 0), None)
        self.port = self.tcp.server_address[1]
        self.udp = _Udp((address, self.port), None)
        self.address = f"{address}:{self.port}"
        for server in (self.udp, self.tcp):
            server.zone = self
            threading.Thread(target=server.serve_forever, args=(0.05,),
                             daemon=True).start()

    def close(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ------------------------------------------------------------- answering

    def answer(self, data, truncated=False):
        """The reply to a message, or None for silence."""
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        kind, = struct.unpack(">H", data[at + 1:at + 3])
        name = ".".join(labels)
        self.asked.append((name, kind))
        if name in self.mute:
            return None
        code, records = self.look(name, kind)
        if truncated:
            records = []
        answer = data[:2] + struct.pack(
            ">HHHHH", 0x8180 | (0x0200 if truncated else 0) | code, 1,
            len(records), 0, 0)
        answer += data[12:at + 5]
        for owner, sort, rdata in records:
            answer += dns_name(owner) + struct.pack(
                ">HHIH", sort, 1, self.ttl, len(rdata)) + rdata
        return answer

    def look(self, name, kind):
        """Return code and records (owner, type, rdata), not following."""
        for sort in (kind, CNAME):
            found = self.zone.get((name, sort))
            if found == SERVFAIL:
                return 2, []
            if found:
                return 0, [(name, sort, rdata) for rdata in found]
        above = name
        while "." in above:
            above = above.split(".", 1)[1]
            for target in self.zone.get((above, DNAME), ()):
                return 0, [(above, DNAME, target), (
                    name, CNAME, dns_name(name[:-len(above)]).rstrip(b"\0") +
                    target)]
        known = any(n == name or n.endswith("." + name) for n, _ in self.zone)
        if self.here and not known and (
                name == self.here or name.endswith("." + self.here)) \
                and not name.split(".")[0].startswith("_"):
            return 0, ([(name, A, b"\x7f\0\0\1")] if kind == A else [])
        return (0 if known else 3), []

    # --------------------------------------------------------------- filling

    def host(self, name, *addresses):
        for text in addresses:
            address = ipaddress.ip_address(text)
            kind = A if address.version == 4 else AAAA
            self.zone.setdefault((name, kind), []).append(address.packed)

    def absent(self, name):
        """It exists and has no address; below `here`, too."""
        self.zone[name, A] = []

    def alias(self, name, target, kind=CNAME):
        self.zone[name, kind] = [dns_name(target)]

    def txt(self, name, *values, strings=1):
        """One record for each value, cut into so many strings."""
        found = self.zone.setdefault((name, TXT), [])
        for value in values:
            octets = value.encode()
            size = -(-len(octets) // strings) or 1
            parts = [octets[i:i + size]
                     for i in range(0, len(octets), size)] or [b""]
            found.append(b"".join(bytes([len(part)]) + part
                                  for part in parts))

    def caa(self, name, *records):
        """Records as "0 issue ca.test"."""
        self.zone[name, CAA] = []
        for record in records:
            flags, tag, text = record.split(" ", 2)
            self.zone[name, CAA].append(bytes([int(flags), len(tag)]) +
                                        tag.encode() + text.encode())


class Dns01:
    """RFC 8555, 8.4."""
    method = "dns-01"

    def __init__(self, dns):
        self.dns = dns

    def name(self, identifier, account_url):
        return "_acme-challenge." + identifier["value"]

    def prove(self, identifier, token, key_authorization, account_url):
        self.dns.txt(self.name(identifier, account_url),
                     txt_value(key_authorization))


class DnsAccount01(Dns01):
    """draft-ietf-acme-dns-account-label, 3.2."""
    method = "dns-account-01"

    def name(self, identifier, account_url):
        return (account_label(account_url) + "._acme-challenge." +
                identifier["value"])


# ---------------------------------------------------------------- tls-alpn-01

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def alpn_certificate(names, digest, oid=ACME_IDENTIFIER, critical=True,
                     value=None, key=None):
    """The self-signed certificate of RFC 8737, 3 as (certificate, key).
    names: x509.GeneralName; value: the extension's octets in place of the
    OCTET STRING of `digest`."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alpn")])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(now - datetime.timedelta(days=1))
               .not_valid_after(now + datetime.timedelta(days=1)))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names),
                                        critical=False)
    if oid is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(
            oid, bytes([4, len(digest)]) + digest if value is None
            else value), critical)
    return builder.sign(key, hashes.SHA256()), key


class Hello:
    """A ClientHello (RFC 8446, 4.1.2): its SNI and ALPN list."""

    def __init__(self, octets):
        self.sni, self.alpn = None, None
        at = 5 + 4 + 2 + 32
        at += 1 + octets[at]                            # session id
        at += 2 + struct.unpack_from(">H", octets, at)[0]   # cipher suites
        at += 1 + octets[at]                            # compression
        end = at + 2 + struct.unpack_from(">H", octets, at)[0]
        at += 2
        while at < end:
            kind, size = struct.unpack_from(">HH", octets, at)
            self.take(kind, octets[at + 4:at + 4 + size])
            at += 4 + size

    def take(self, kind, body):
        if kind == 0:
            self.sni = body[5:].decode()
        elif kind == 16:
            self.alpn, at = [], 2
            while at < len(body):
                self.alpn.append(body[at + 1:at + 1 + body[at]].decode())
                at += 1 + body[at]


class TlsAlpn01:
    """A TLS server that answers tls-alpn-01 challenges (RFC 8737).

    serve(sni, certificate, key, protocols, version) sets what is shown under
    a name; `seen` lists the Hellos, `said` what came after the handshakes.
    """
    method = "tls-alpn-01"

    def __init__(self, port, address="127.0.0.1"):
        self.contexts = {}
        self.seen = []
        self.said = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,),
                             daemon=True).start()

    def one(self, connection):
        with connection:
            connection.settimeout(10)
            try:
                connection.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
                octets = connection.recv(16384, socket.MSG_PEEK)
                size, = struct.unpack_from(">H", octets, 3)
                octets = connection.recv(5 + size, socket.MSG_PEEK |
                                         socket.MSG_WAITALL)
                hello = Hello(octets)
                self.seen.append(hello)
                context = self.contexts.get(hello.sni)
                if context is None:
                    return
                with context.wrap_socket(connection,
                                         server_side=True) as tls:
                    self.said.append(tls.recv(4096))
            except (OSError, ValueError, IndexError, struct.error):
                pass

    def serve(self, sni, certificate, key, protocols=("acme-tls/1",),
              version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = version
        with tempfile.NamedTemporaryFile() as file:
            file.write(key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()) +
                certificate.public_bytes(serialization.Encoding.PEM))
            file.flush()
            context.load_cert_chain(file.name)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        self.contexts[sni] = context

    def prove(self, identifier, token, key_authorization, account_url,
              **more):
        """more: of alpn_certificate."""
        sni, name = identifier["value"], None
        if identifier["type"] == "ip":
            address = ipaddress.ip_address(sni)
            sni, name = address.reverse_pointer, x509.IPAddress(address)
        digest = hashlib.sha256(key_authorization.encode()).digest()
        names = more.pop("names", [name or x509.DNSName(sni)])
        self.serve(sni, *alpn_certificate(names, more.pop("digest", digest),
                                          **more))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        # A thread in accept() is not woken by close() alone.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
