# SPDX-License-Identifier: Apache-2.0
"""Requests of every size: the largest order, and what is beyond the limits.
Each has one right answer; how long it takes from the first octet to the last
of the answer, and what processor time it costs the servers."""
import json
import os
import secrets
import socket
import ssl
import statistics
import sys
import time
from urllib.parse import urlsplit

TIMES = 15                      # each, after one that is not measured
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def clients(source):
    """The client of the integration tests; it needs Debian's python3-requests
    and python3-cryptography."""
    sys.path.insert(0, os.path.join(source, "tests/integration"))
    try:
        import acme_client
    except ImportError as error:
        raise RuntimeError(f"no sizes: {error}") from None
    return acme_client


def cpu_ms(pids):
    """Of the processes and all below them."""
    parents, times = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(pid)] = int(fields[1])
        times[int(pid)] = sum(map(int, fields[11:15])) * TICK_MS

    def ours(pid):
        while pid in parents and pid not in pids:
            pid = parents[pid]
        return pid in pids
    return sum(ms for pid, ms in times.items() if ours(pid))


class Sizes:
    def __init__(self, ca, source):
        self.ca = ca
        self.acme = clients(source)
        self.url = urlsplit(ca.env["CHANCERY_DIRECTORY"])
        self.tls = ssl.create_default_context(cafile=ca.env["CHANCERY_ROOT"])
        self.client = self.acme.Client(ca.env["CHANCERY_DIRECTORY"],
                                       ca.env["CHANCERY_ROOT"])
        self.client.register()
        self.target = self.client.directory["newOrder"]
        self.cases = (
            ("newOrder, 100 names", 201, None, lambda: self.order(100)),
            ("newOrder, 101 names", 400, "malformed",
             lambda: self.order(101)),
            ("newOrder, 10 000 names", 413, "malformed",
             lambda: self.order(10000)),
            ("body of 1 MiB", 413, "malformed",
             lambda: self.post(b"x" * (1 << 20))),
            ("10 000 header lines", 400, "malformed",
             lambda: self.post(b"{}", *[f"X-{i}: a" for i in range(10000)])),
        )

    # ------------------------------------------------------------- requests

    def post(self, body, *fields):
        return "\r\n".join([
            f"POST {urlsplit(self.target).path} HTTP/1.1",
            f"Host: {self.url.netloc}", f"Content-Type: {self.acme.JOSE}",
            f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body

    def order(self, count):
        run = secrets.token_hex(4)
        return self.post(json.dumps(self.client.jws(self.target, {
            "identifiers": [{"type": "dns", "value": f"n{i}.{run}.test"}
                            for i in range(count)]})).encode())

    def exchange(self, octets):
        """(milliseconds, status, type of the problem, document)"""
        plain = socket.create_connection(
            (self.url.hostname, self.url.port), 20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.tls.wrap_socket(
                plain, server_hostname=self.url.hostname) as tls:
            began = time.monotonic()
            try:
                tls.sendall(octets)
            except OSError:
                pass            # refused, and closed, before all was sent
            with tls.makefile("rb") as reply:
                status = int(reply.readline().split()[1])
                headers = {}
                while line := reply.readline().decode().strip():
                    name, _, value = line.partition(": ")
                    headers[name.lower()] = value
                body = reply.read(int(headers["content-length"]))
            took = (time.monotonic() - began) * 1000
        self.client.nonces.append(headers["replay-nonce"])
        document = json.loads(body)
        kind = document.get("type", "").removeprefix(self.acme.ERROR)
        return took, status, kind or None, document

    # ------------------------------------------------------------ measuring

    def case(self, name, status, kind, make):
        pids = {pid for _, pid in self.ca.processes()}
        took, wrong, cpu = [], None, 0
        for i in range(TIMES + 1):
            octets = make()
            before = cpu_ms(pids)
            try:
                ms, *got, document = self.exchange(octets)
            except (OSError, ValueError, LookupError) as error:
                wrong = f"{name}: {type(error).__name__} {error}"[:200]
                break
            if i > 0:
                took.append(ms)
                cpu += cpu_ms(pids) - before
            if got != [status, kind] or status == 201 and \
                    len(document["authorizations"]) != 100:
                wrong = f"{name}: answered {got[0]} {got[1]}"
        row = {"size": name, "answer": f"{status} {kind or ''}".strip(),
               "p50_ms": round(statistics.median(took), 2) if took else None,
               "cpu_ms": round(cpu / len(took), 2) if took else None}
        return row, wrong

    def measure(self):
        """Rows, and what was answered wrongly."""
        before = self.ca.own_processes()
        rows, wrong = [], []
        for case in self.cases:
            row, why = self.case(*case)
            rows.append(row)
            wrong += [why] if why else []
            reply = self.client.request("GET", self.client.directory_url)
            if reply.status != 200:
                wrong.append(f"{row['size']}: no directory after it")
        if self.ca.own_processes() != before:
            wrong.append("sizes: a process ended")
        return rows, wrong
