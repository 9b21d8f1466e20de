# SPDX-License-Identifier: Apache-2.0
"""TLS in front of the throw-away CA, at Pebble's places.  Requests and replies
pass octet for octet but for what Pebble does and Chancery does not: /dir,
good nonces refused now and then, Retry-After, ARI answers that a test set."""
import asyncio
import json
import random
import ssl

HEAD_MAX = 1 << 17
PIECE = 1 << 16
LINGER_MAX = 1 << 24
ARI_RETRY = 21600       # Pebble's


class Raw(Exception):
    """Not to be read: let it through as it is."""


class Head:
    """The start line and the fields of a message."""

    def __init__(self, data):
        self.data = data
        lines = data.decode("latin-1").split("\r\n")
        self.start = lines[0].split(" ", 2)
        if len(self.start) < 2:
            raise Raw
        self.fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                self.fields.setdefault(name.lower(), value.strip())

    def length(self):
        """Of the body; None: until the end of the connection."""
        if "transfer-encoding" in self.fields:
            raise Raw
        text = self.fields.get("content-length")
        if text is None:
            return None
        if not text.isdigit():
            raise Raw
        return int(text)

    @property
    def keeps(self):
        words = self.fields.get("connection", "").lower()
        old = "HTTP/1.0" in (self.start[0], self.start[-1])
        return "close" not in words and (not old or "keep-alive" in words)


class CutShort(ConnectionError):
    """The end came before the end of the body."""


async def read_head(reader):
    """None at the end of the connection."""
    try:
        return Head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise Raw(error.partial)
    except asyncio.LimitOverrunError:
        raise Raw


def reply(status, body=b"", kind=None, fields=(), head=False):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}",
             "Cache-Control: public, max-age=0, no-cache"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    lines += [f"{name}: {value}" for name, value in fields]
    text = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return text if head else text + body


async def pump(reader, writer):
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()


class Exchange:
    """One client's connection and its own to the CA."""

    def __init__(self, front, reader, writer):
        self.front, self.config = front, front.config
        self.reader, self.writer = reader, writer
        self.up = None

    async def upstream(self):
        if self.up is not None and self.up[0].at_eof():
            self.hang_up()              # the CA keeps none that is idle
        if self.up is None:
            self.up = await asyncio.open_connection(
                "127.0.0.1", self.front.ca.acme_port, limit=HEAD_MAX,
                ssl=self.front.inner, server_hostname="localhost")
        return self.up

    def hang_up(self):
        if self.up is not None:
            self.up[1].close()
            self.up = None

    async def run(self):
        try:
            while await self.one():
                pass
        except Raw as raw:
            await self.raw(raw)
        finally:
            self.hang_up()

    async def raw(self, raw):
        """Both ways until the CA has said all that it has to say."""
        up_reader, up_writer = await self.upstream()
        for part in raw.args:
            up_writer.write(part)
        there = asyncio.create_task(pump(self.reader, up_writer))
        try:
            await pump(up_reader, self.writer)
        finally:
            there.cancel()

    async def one(self):
        """One request; whether another may follow."""
        head = await read_head(self.reader)
        if head is None:
            return False
        method, target = head.start[0], head.start[1]
        answer = self.front.own(method, target)
        if answer is None and method == "POST" and \
                random.random() * 100 < self.config.nonce_reject:
            answer = await self.bad_nonce()
        try:
            length = head.length() or 0
        except Raw:
            raise Raw(self.request_head(head))
        if answer is not None:
            await self.discard(length)
            self.writer.write(answer)
            await self.writer.drain()
            return head.keeps
        return await self.forward(head, length)

    def request_head(self, head):
        path, mark, query = head.start[1].partition("?")
        if path != "/dir":
            return head.data
        _, _, rest = head.data.partition(b"\r\n")
        head.start[1] = "/directory" + mark + query
        return " ".join(head.start).encode("latin-1") + b"\r\n" + rest

    async def discard(self, length):
        while length > 0:
            data = await self.reader.read(min(PIECE, length))
            if not data:
                break
            length -= len(data)

    async def copy(self, reader, writer, length):
        while length > 0:
            data = await reader.read(min(PIECE, length))
            if not data:
                raise CutShort
            writer.write(data)
            await writer.drain()
            length -= len(data)

    async def forward(self, head, length):
        up_reader, up_writer = await self.upstream()
        up_writer.write(self.request_head(head))
        if head.fields.get("expect"):
            raise Raw
        answer, whole = await self.ask(up_reader, up_writer, length)
        if answer is None:
            raise ConnectionError("no answer")
        status = answer.start[1]
        bodyless = head.start[0] == "HEAD" or status in ("204", "304")
        size = 0 if bodyless else answer.length()
        if size is None:
            self.writer.write(answer.data)
            await pump(up_reader, self.writer)
            return False
        await self.send(head, answer, up_reader, size)
        if not answer.keeps or not whole:
            self.hang_up()
        if not whole:
            await self.linger()
        return head.keeps and answer.keeps and whole

    async def ask(self, up_reader, up_writer, length):
        """The answer's head, and whether the whole body went before it: one
        that is too large is not awaited."""
        body = asyncio.create_task(self.copy(self.reader, up_writer, length))
        head = asyncio.create_task(read_head(up_reader))
        try:
            await asyncio.wait({body, head},
                               return_when=asyncio.FIRST_COMPLETED)
            if body.done() and isinstance(body.exception(), CutShort):
                raise body.exception()
            answer = await head
            return answer, body.done() and body.exception() is None
        finally:
            for task in (body, head):
                task.cancel()
            await asyncio.gather(body, head, return_exceptions=True)

    async def linger(self):
        """A client that still sends would lose the answer to a reset."""
        try:
            await asyncio.wait_for(self.discard(LINGER_MAX), 2)
        except asyncio.TimeoutError:
            pass

    async def send(self, head, answer, up_reader, size):
        what = self.front.paced(head.start[1])
        if what is None or size > PIECE:
            self.writer.write(answer.data)
            await self.copy(up_reader, self.writer, size)
            return
        body = await up_reader.readexactly(size)
        data = answer.data
        if "retry-after" not in answer.fields and waits(body):
            data = (data[:-2] + f"Retry-After: "
                    f"{self.config.retry_after[what]}\r\n\r\n".encode())
        self.writer.write(data + body)
        await self.writer.drain()

    async def bad_nonce(self):
        up_reader, up_writer = await self.upstream()
        up_writer.write(b"HEAD /acme/new-nonce HTTP/1.1\r\n"
                        b"Host: localhost\r\n\r\n")
        fresh = await read_head(up_reader)
        if fresh is None:
            raise ConnectionError("no answer")
        body = json.dumps({
            "type": "urn:ietf:params:acme:error:badNonce",
            "detail": "this nonce is good and refused all the same: "
                      "PEBBLE_WFE_NONCEREJECT", "status": 400}).encode()
        return reply("400 Bad Request", body, "application/problem+json", (
            ("Replay-Nonce", fresh.fields["replay-nonce"]),
            ("Link", f'<{self.config.base_url}/dir>;rel="index"')))


def waits(body):
    try:
        return json.loads(body).get("status") in ("pending", "processing")
    except (ValueError, AttributeError):
        return False


class Front:
    """The ACME side."""

    def __init__(self, ca):
        self.ca, self.config = ca, ca.config
        self.renewal_info = {}          # certificate id: text
        self.inner = None

    def open(self):
        self.inner = ssl.create_default_context(
            cadata="".join(self.ca.roots[:1]))

    def own(self, method, target):
        """An answer that is not the CA's, or None."""
        if method not in ("GET", "HEAD"):
            return None
        path = target.partition("?")[0]
        text = self.renewal_info.get(path.rpartition("/")[2]) \
            if path.startswith("/acme/renewal-info/") else None
        if text is not None:
            return reply("200 OK", text.encode(), "application/json",
                         [("Retry-After", ARI_RETRY)], method == "HEAD")
        if path == "/terms-plz":
            return reply("200 OK", b"Do what thou wilt\n", "text/plain",
                         head=method == "HEAD")
        return None

    def paced(self, target):
        """Which Retry-After of the configuration this URL has, if any."""
        for name, seconds in self.config.retry_after.items():
            if seconds and target.startswith(f"/acme/{name}/"):
                return name
        return None

    async def serve(self, reader, writer):
        try:
            await Exchange(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, Raw):
            pass                        # one of the two has hung up
        finally:
            writer.close()
