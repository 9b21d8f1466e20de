# SPDX-License-Identifier: Apache-2.0
"""name_server.py FOLDER: answers on 127.0.0.1:53 over UDP and TCP.  Every
name has the address 127.0.0.1; its TXT records are the lines of
FOLDER/name.  Enough for clients that look for their own records, and for
nothing else."""
import pathlib
import socket
import socketserver
import struct
import sys
import threading

A, NS, SOA, TXT = 1, 2, 6, 16
FOLDER = pathlib.Path(sys.argv[1])


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode()
                    for label in name.split(".") if label) + b"\0"


def question(query):
    """Name in lower case, type, and where the question ends."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", query,
                                                       at + 1)[0], at + 5


def texts(name):
    path = FOLDER / name
    return path.read_text().split() if path.is_file() else []


def answers(name, kind):
    zone = ".".join(name.split(".")[-2:])
    if kind == A:
        return [(name, A, socket.inet_aton("127.0.0.1"))], []
    if kind == TXT:
        found = [(name, TXT, bytes([len(text)]) + text.encode())
                 for text in texts(name)]
        if found:
            return found, []
    if kind == NS and name == zone:
        return [(name, NS, encode("localhost"))], []
    soa = (zone, SOA, encode("localhost") + encode("host.localhost") +
           struct.pack("!5I", 1, 60, 60, 60, 1))
    if kind == SOA and name == zone:
        return [soa], []
    return [], [soa]


def reply(query):
    name, kind, end = question(query)
    found, authority = answers(name, kind)
    head = query[:2] + struct.pack("!5H", 0x8580, 1, len(found),
                                   len(authority), 0)
    return head + query[12:end] + b"".join(
        encode(owner) + struct.pack("!HHIH", kind, 1, 1, len(data)) + data
        for owner, kind, data in found + authority)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        sock.sendto(reply(query), self.client_address)


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        size = self.rfile.read(2)
        if len(size) == 2:
            data = reply(self.rfile.read(struct.unpack("!H", size)[0]))
            self.wfile.write(struct.pack("!H", len(data)) + data)


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 53), Tcp)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    socketserver.ThreadingUDPServer(("127.0.0.1", 53), Udp).serve_forever()
