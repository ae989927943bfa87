"""Makes the connections of a link secure, as far as they are to be, before its streams begin."""

from __future__ import annotations

import ssl
from _socket import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from socket import MSG_PEEK
from time import monotonic
from typing import Any, Protocol

from vaurien.engine.departure import Departure
from vaurien.engine.tls_socket import READ, WRITE, Connection, TLSSocket
from vaurien.errors import ConfigError, EndedError, HandshakeError
from vaurien.framing.client_hello import ClientHello, HelloReader, begins_tls
from vaurien.framing.records import cut_flight
from vaurien.plugins.distribution import Distribution
from vaurien.plugins.handshake import Ending, Handshake, make_alert
from vaurien.protocols.upgrade import Talk, Upgrading
from vaurien.records.counters import Peer
from vaurien.records.proxy_log import ProxyLog
from vaurien.tls.contexts import BackendLeg, ClientLeg, Legs
from vaurien.tls.session import Session, advise, explain

#: What a client is told if a handshake fails and it is not the client's fault.
_ALERT = make_alert('internal_error')

#: What is waited for: a socket, and READ or WRITE; or seconds.
Wait = tuple[socket, int] | float
Steps = Generator[Wait, None, None]


@contextmanager
def _needing_files() -> Iterator[None]:
    """Raise `HandshakeError` where a context cannot be made: a file may be gone that was there at the start."""
    try:
        yield
    except ConfigError as error:
        raise HandshakeError(str(error)) from None


class OpeningLink(Protocol):
    """The part of a link that the opening of its connections needs."""

    @property
    def number(self) -> int:
        """The number of the link."""

    def draw_handshake(self, text: str) -> Handshake:
        """Return what becomes of the handshake with the client, which has that *text*."""

    def make_error(self) -> bytes:
        """Return an error of the protocol."""

    def on_secure(self, client: Connection, backend: Connection) -> None:
        """Handle that both connections are as they are to be: they are the link's from now on."""

    def on_insecure(self, peer: Peer) -> None:
        """Close the link: there is no TLS with *peer*."""

    def close(self) -> None:
        """Close the link."""


class TLSOpening:
    """Shakes hands, first with the backend and then with the client, which is told what the backend has chosen."""

    def __init__(
        self,
        link: OpeningLink,
        loop: Any,
        legs: Legs,
        cipher: memoryview,
        log: ProxyLog,
        client: Connection,
        backend: Connection,
    ) -> None:
        """*cipher* is a buffer to read into, *log* that of the proxy.

        The client of a link that gets another backend is secure already.
        """
        self._link = link
        self._loop = loop
        self._legs = legs
        self._cipher = cipher
        self._log = log
        self._client: Connection = client
        self._plain_backend = backend
        self._backend: Connection = backend
        #: How many seconds it may take, and whether a behavior has it wait, without a limit.
        self._limit = 0.0
        self._is_held = False
        #: With whom hands are shaken.
        self._peer: Peer = 'client'
        self._watcher: Any = None
        self._timer: Any = None
        self._departure: Departure | None = None
        self._steps: Steps | None = None
        #: Whether a client that is not secure takes an alert for what it is.
        self._alerts = legs.client is not None

    def begin(
        self, host: str, known: Sequence[str] | None, deadline: float, upgrading: type[Upgrading[Any]] | None
    ) -> None:
        """Shake hands with the backend at *host*. The link is closed if that is not done by the *deadline*.

        *known* are the protocols whose messages are understood; None: any will do. *upgrading* is the protocol inside
        of which TLS begins; None: it begins with the first byte.
        """
        self._limit = max(0.0, deadline - monotonic())
        self._start_timer()
        if upgrading is None:
            self._steps = self._take_steps(host, known)
        else:
            self._alerts = False
            self._steps = self._take_steps_inside(host, known, upgrading)
        self._advance()

    # The steps

    def _take_steps(self, host: str, known: Sequence[str] | None) -> Steps:
        legs, client = self._legs, self._client
        if legs.client is None or not isinstance(client, socket):
            if legs.backend is not None:
                yield from self._secure_backend(legs.backend, host, known or ())
            return
        hello, began = yield from self._read_hello(client)
        fault = yield from self._begin_fault(client, hello)
        offered = [one for one in hello.protocols if known is None or one in known]
        protocol = offered[0] if offered else ''
        if legs.backend is not None:
            protocol = yield from self._secure_backend(legs.backend, host, offered)
        yield from self._secure_client(legs.client, client, hello, protocol, began, fault)

    def _take_steps_inside(self, host: str, known: Sequence[str] | None, upgrading: type[Upgrading[Any]]) -> Steps:
        legs, client = self._legs, self._client
        talk = None if legs.backend is None else upgrading.ask_backend()
        if legs.backend is not None and talk is not None:
            yield from self._secure_backend(legs.backend, host, (), talk)
        if legs.client is None or not isinstance(client, socket) or not upgrading.begins_with_tls:
            return
        self._peer = 'client'
        if begins_tls((yield from self._peek(client))):
            self._alerts = True
            hello, began = yield from self._read_hello(client)
            fault = yield from self._begin_fault(client, hello)
            offered = [one for one in hello.protocols if known is None or one in known]
            yield from self._secure_client(legs.client, client, hello, offered[0] if offered else '', began, fault)

    def _read_hello(self, client: socket, began: bytes = b'') -> Generator[Wait, None, tuple[ClientHello, bytes]]:
        self._peer = 'client'
        reader = HelloReader()
        while True:
            try:
                hello = reader.feed(began)
            except ValueError as error:
                raise HandshakeError(str(error)) from None
            if hello is not None:
                return hello, bytes(reader.data)
            began = yield from self._receive(client)

    def _secure_backend(
        self, leg: BackendLeg, host: str, offered: Sequence[str], talk: Talk | None = None
    ) -> Generator[Wait, None, str]:
        """Shake hands with the backend, after a *talk* if there is one; return the protocol that it has chosen."""
        self._peer = 'backend'
        sock = self._backend
        assert isinstance(sock, socket)
        with _needing_files():
            context = leg.find_context(offered)
        session = Session.for_backend(context, leg.find_name(host), leg.sessions.get(context))
        if isinstance(self._client, socket):
            self._departure = Departure(self._client, self._loop, self._link.close)
        try:
            kept = b'' if talk is None else (yield from self._talk(sock, talk))
            yield from self._shake_hands(sock, session)
        finally:
            self._stop_departure()
        self._backend = backend = self._wrap(sock, session, leg.remember)
        backend.put_before(kept)
        return session.tls.selected_alpn_protocol() or ''

    def _secure_client(
        self, leg: ClientLeg, client: socket, hello: ClientHello, protocol: str, began: bytes, fault: Handshake
    ) -> Steps:
        self._peer = 'client'
        local = client.getsockname()[0]
        with _needing_files():
            # A client that resumes a session is shown no certificate behind which a handshake could end.
            context = leg.find_context(hello.name, local, protocol, fault.problem, resumes=fault.ending is None)
        session = Session.for_client(context)
        session.incoming.write(began)
        if fault.ending is not None:
            self._go_on(client, session)
            yield from self._send(client, cut_flight(session.outgoing.read(), fault.after))
            yield from self._end(client, fault)
        yield from self._shake_hands(client, session)
        self._client = self._wrap(client, session)

    def _wrap(
        self, sock: socket, session: Session, on_received: Callable[[ssl.SSLObject], None] | None = None
    ) -> TLSSocket:
        label = f'link {self._link.number}: the {self._peer}'
        return TLSSocket(sock, session, self._loop, self._cipher, self._log, label, on_received)

    # What a behavior does

    def _begin_fault(self, client: socket, hello: ClientHello) -> Generator[Wait, None, Handshake]:
        """Draw a behavior for the handshake, and do what it does before the server's first message."""
        fault = self._link.draw_handshake(hello.text)
        assert not isinstance(fault.delay, Distribution), 'it was drawn'
        if fault.delay:
            self._hold()
            yield fault.delay
            self._is_held = False
            self._start_timer()
        if fault.ending is not None and fault.after == 'client_hello':
            yield from self._end(client, fault)
        return fault

    def _end(self, client: socket, fault: Handshake) -> Steps:
        """Let the handshake end as *fault* says."""
        if fault.ending is Ending.ALERT:
            yield from self._send(client, make_alert(fault.alert))
        elif fault.ending is Ending.PLAIN:
            yield from self._send(client, self._link.make_error())
        elif fault.ending is Ending.SILENCE:
            self._hold()
            yield from self._ignore(client)
        raise EndedError('a behavior has ended it')

    def _ignore(self, client: socket) -> Steps:
        """Drop what the client sends, until it leaves or other behaviors are armed."""
        while self._is_held:
            yield client, READ
            try:
                if not client.recv_into(self._cipher):
                    return
            except BlockingIOError:
                continue
            except OSError:
                return

    def _hold(self) -> None:
        """Have no limit of time for a while."""
        self._is_held = True
        self._stop_timer()

    def let_go(self) -> None:
        """Handle that other behaviors are armed: what one of them holds goes on, or is given up."""
        if self._is_held:
            self._is_held = False
            self._advance()

    # One step

    def _talk(self, sock: socket, talk: Talk) -> Generator[Wait, None, bytes]:
        """Say what *talk* says, and return what it returns."""
        try:
            said = next(talk)
            while True:
                yield from self._send(sock, said)
                said = talk.send((yield from self._receive(sock)))
        except StopIteration as end:
            return bytes(end.value)
        except ValueError as error:
            raise HandshakeError(str(error)) from None

    def _peek(self, sock: socket) -> Generator[Wait, None, bytes]:
        """Return the first byte that comes, and leave it there; return nothing if the peer has left."""
        while True:
            yield sock, READ
            try:
                return sock.recv(1, MSG_PEEK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise HandshakeError(explain(error)) from None

    def _shake_hands(self, sock: socket, session: Session) -> Steps:
        while True:
            is_done = self._go_on(sock, session)
            if is_done and session.leaves_tickets:
                return
            yield from self._send(sock, session.outgoing.read())
            if is_done:
                return
            session.incoming.write((yield from self._receive(sock)))

    def _go_on(self, sock: socket, session: Session) -> bool:
        """Go on with a handshake as far as possible; return whether it is done.

        If it fails, tell the peer why, and raise `HandshakeError`.
        """
        try:
            return session.shake_hands()
        except ssl.SSLError as error:
            with suppress(OSError):
                sock.send(session.outgoing.read())
            advice = advise(error) if self._peer == 'backend' else ''
            raise HandshakeError(explain(error) + advice) from None

    def _send(self, sock: socket, data: bytes) -> Steps:
        while data:
            try:
                data = data[sock.send(data) :]
            except BlockingIOError:
                yield sock, WRITE
            except OSError as error:
                raise HandshakeError(explain(error)) from None

    def _receive(self, sock: socket) -> Generator[Wait, None, bytes]:
        while True:
            yield sock, READ
            try:
                count = sock.recv_into(self._cipher)
            except BlockingIOError:
                continue
            except OSError as error:
                raise HandshakeError(explain(error)) from None
            if not count:
                raise HandshakeError('it has left')
            return self._cipher[:count].tobytes()

    # Who takes them

    def _advance(self) -> None:
        self._stop_watching()
        assert self._steps is not None
        try:
            wait = next(self._steps)
        except StopIteration:
            self._stop()
            self._link.on_secure(*self.join())
        except EndedError:
            self._link.close()
        except HandshakeError as failure:
            self._fail(str(failure))
        else:
            loop = self._loop
            self._watcher = loop.timer(wait) if isinstance(wait, float) else loop.io(wait[0].fileno(), wait[1])
            self._watcher.start(self._advance)

    def join(self) -> tuple[Connection, Connection]:
        """Return both connections. If both are secure, what cuts one session short does so with the other."""
        client, backend = self._client, self._backend
        if isinstance(client, TLSSocket) and isinstance(backend, TLSSocket):
            client.join(backend)
            backend.join(client)
        return client, backend

    def _fail_late(self) -> None:
        self._fail('it took too long')

    def _fail(self, reason: str) -> None:
        self._log.warning('link %d: no TLS with the %s: %s', self._link.number, self._peer, reason)
        if isinstance(self._client, socket) and self._alerts:
            with suppress(OSError):
                self._client.send(_ALERT)
        self._link.on_insecure(self._peer)

    def close(self) -> None:
        """Stop, and close the connection to the backend."""
        self._stop()
        self._backend.close()

    def leave_to_parent(self) -> None:
        """Close this process's copy of the connection to the backend, for it is a child of a fork."""
        self._plain_backend.close()

    def _stop(self) -> None:
        self._stop_watching()
        self._stop_departure()
        self._stop_timer()
        if self._steps is not None:
            self._steps.close()

    def _start_timer(self) -> None:
        self._timer = self._loop.timer(self._limit)
        self._timer.start(self._fail_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def _stop_departure(self) -> None:
        if self._departure is not None:
            self._departure.stop()
            self._departure = None
