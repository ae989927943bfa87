"""A relay between a real client and a real server, in which a protocol reads what the two say to each other."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from tests.servers import HOST, TIMEOUT, Server
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.protocols.base import END, GREETING, HEAD, INTERIM, PROMPT, REPLY, REQUEST, UNANSWERED, BaseProtocol

#: What most requests mean. ONCE is a write that is another one if it comes again.
CONNECT, READ, STEP = Meaning(Effect.CONNECT), Meaning(Effect.READ), Meaning(Effect.STEP)
WRITE, ONCE = Meaning(Effect.WRITE), Meaning(Effect.WRITE, repeatable=False)
#: What replies mean that say nothing of a transaction.
OK, NOTHING, ERROR = (ReplyMeaning(kind) for kind in (ReplyClass.OK, ReplyClass.NOTHING, ReplyClass.ERROR))


@dataclass
class Said:
    """One request, with what it means, and its reply."""

    text: str
    meaning: Meaning
    reply: bytes = b''
    reply_meaning: ReplyMeaning | None = None
    middle: int = 0


class Reader:
    """Feeds a protocol both streams of a link, and has it read each request, and each reply."""

    def __init__(self, protocol: BaseProtocol) -> None:
        self.protocol = protocol
        self.said: list[Said] = []
        self._open: deque[Said] = deque()
        self._up, self._down = bytearray(), bytearray()
        self._up_boundary = self._down_boundary = 0

    def feed_upstream(self, data: bytes) -> None:
        """Take what the client says; nothing, once it has said all."""
        if self.protocol.opaque or not data:
            return
        if len(data) < self.protocol.upstream_body:
            self.protocol.skip_upstream(len(data))
            self._up += data
            return
        given, marks = self.protocol.feed_upstream(data)
        self._up += given
        for kind, position in marks:
            if kind in (REQUEST, HEAD):
                self._begin(bytes(self._up[self._up_boundary : position]), self._up_boundary)
            elif kind == UNANSWERED:
                self._open.pop()
            if kind in (REQUEST, END):
                self._up_boundary = position

    def feed_downstream(self, data: bytes) -> None:
        """Take what the server says; nothing, once it has said all."""
        self._down += data
        if self.protocol.opaque:
            return
        if data and len(data) < self.protocol.downstream_body:
            self.protocol.skip_downstream(len(data))
            return
        for kind, position in self.protocol.feed_downstream(data) if data else self.protocol.end_downstream():
            if kind == GREETING:
                self._begin(b'', 0)
            elif kind == REPLY:
                self._end(bytes(self._down[self._down_boundary : position]))
            if kind in (REPLY, INTERIM, PROMPT):
                self._down_boundary = position

    def _begin(self, request: bytes, position: int) -> None:
        self.protocol.on_reached(position)
        text = self.protocol.describe(request)
        said = Said(text, self.protocol.meaning(request, text))
        self.said.append(said)
        self._open.append(said)

    def _end(self, reply: bytes) -> None:
        said = self._open.popleft()
        said.reply = reply
        head, tail = reply[:SHOWN_OF_REPLY], reply[-SHOWN_OF_REPLY:]
        said.reply_meaning = self.protocol.reply_meaning(head, tail, said.meaning)
        said.middle = self.protocol.find_middle(head, len(reply))


@dataclass
class Relay:
    """Listens on a port, and passes on what comes."""

    port: int
    #: What was said since `take` was called last, whoever said it.
    readers: list[Reader] = field(default_factory=list)

    def take(self) -> list[Said]:
        """Return what was said, but for how connections were set up, and forget it."""
        said = [said for reader in self.readers for said in reader.said if said.meaning.effect is not Effect.CONNECT]
        self.forget()
        return said

    def take_all(self) -> list[Said]:
        """Return what was said, and forget it."""
        said = [said for reader in self.readers for said in reader.said]
        self.forget()
        return said

    def forget(self) -> None:
        """Forget what was said."""
        for reader in self.readers:
            reader.said.clear()


@contextmanager
def relaying(server: Server, kind: type[BaseProtocol]) -> Iterator[Relay]:
    """Run a relay in front of *server*, whose protocol is of that *kind*."""
    with socket.create_server((HOST, 0)) as listener:
        relay = Relay(listener.getsockname()[1])
        accepting = threading.Thread(target=_accept, args=(listener, server, kind, relay))
        accepting.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(TIMEOUT)


def _accept(listener: socket.socket, server: Server, kind: type[BaseProtocol], relay: Relay) -> None:
    with ExitStack() as stack, suppress(OSError):  # the test is over
        while True:
            client = stack.enter_context(listener.accept()[0])
            backend = stack.enter_context(socket.create_connection((server.host, server.port)))
            reader = Reader(kind())
            relay.readers.append(reader)
            lock = threading.Lock()
            for source, sink, feed in (
                (client, backend, reader.feed_upstream),
                (backend, client, reader.feed_downstream),
            ):
                passing = threading.Thread(target=_pass, args=(source, sink, feed, lock))
                passing.start()
                stack.callback(passing.join, TIMEOUT)
                stack.callback(_close, source)


def _pass(source: socket.socket, sink: socket.socket, feed: Callable[[bytes], None], lock: threading.Lock) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            with lock:
                feed(data)
            sink.sendall(data)
    with lock:
        feed(b'')
    _close(sink)


def _close(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
