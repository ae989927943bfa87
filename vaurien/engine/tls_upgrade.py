"""Makes one connection of a link secure while the link is at work, where a protocol has asked for TLS."""

from __future__ import annotations

from _socket import socket

import gevent
from gevent.hub import Waiter

from vaurien.engine.tls_opening import Steps, TLSOpening, Wait
from vaurien.errors import EndedError, HandshakeError


class TLSUpgrade(TLSOpening):
    """Shakes hands in the greenlet that calls it: that of the exchange in which TLS begins."""

    #: What wakes that greenlet.
    _waiter: Waiter[None]

    def secure_client(self, began: bytes, seconds: float) -> None:
        """Shake hands with the client, which has sent *began*, within so many *seconds*.

        If that fails, close the link and raise `HandshakeError`.
        """
        self._take(self._take_client_steps(began), seconds)

    def secure_backend(self, host: str, question: bytes, problem: str, seconds: float) -> None:
        """Send the backend at *host* the *question* and shake hands, unless there is a *problem*; likewise."""
        self._take(self._take_backend_steps(host, question, problem), seconds)

    def let_go(self) -> None:
        if self._is_held:
            self._is_held = False
            self._loop.run_callback(self._waiter.switch, None)

    def close(self) -> None:
        """Watch the connections no more. The link closes them."""
        self._stop_watching()
        self._stop_departure()

    def _take_client_steps(self, began: bytes) -> Steps:
        leg, client = self._legs.client, self._client
        assert leg is not None
        assert isinstance(client, socket)
        hello, began = yield from self._read_hello(client, began)
        fault = yield from self._begin_fault(client, hello)
        yield from self._secure_client(leg, client, hello, '', began, fault)

    def _take_backend_steps(self, host: str, question: bytes, problem: str) -> Steps:
        leg, backend = self._legs.backend, self._backend
        assert leg is not None
        assert isinstance(backend, socket)
        self._peer = 'backend'
        if problem:
            raise HandshakeError(problem)
        yield from self._send(backend, question)
        yield from self._secure_backend(leg, host, ())

    def _take(self, steps: Steps, seconds: float) -> None:
        self._alerts = False  # the client may not have begun, or has got one
        self._limit = seconds
        self._start_timer()
        try:
            for wait in steps:
                self._wait(wait)
        except EndedError:
            self._link.close()
            raise
        except HandshakeError as failure:
            self._fail(str(failure))
            raise
        finally:
            self._stop_timer()
            steps.close()

    def _start_timer(self) -> None:
        self._timer = gevent.Timeout.start_new(self._limit, HandshakeError('it took too long'))

    def _stop_timer(self) -> None:
        self._timer.close()

    def _wait(self, wait: Wait) -> None:
        """Let the calling greenlet sleep until that has come, or until what a behavior holds is let go."""
        loop = self._loop
        self._waiter = waiter = Waiter()
        self._watcher = loop.timer(wait) if isinstance(wait, float) else loop.io(wait[0].fileno(), wait[1])
        try:
            self._watcher.start(waiter.switch, None)
            waiter.get()
        finally:
            self._stop_watching()
