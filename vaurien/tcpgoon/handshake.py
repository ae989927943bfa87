"""The steps until a connection counts as established: TCP and, if asked for, TLS, a text sent, a text expected.

They are a generator that never blocks: it yields the descriptor and the event that it waits for, and is resumed when
the event has come. It may be closed at any time. It returns the socket.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

from vaurien.errors import EndOfStreamError
from vaurien.tcpgoon.target import Place, Target, bind_address

READ = 1
WRITE = 2

#: Bytes received at a time.
CHUNK = 65536

Result = TypeVar('Result')
Steps = Generator[tuple[int, int], None, Result]


class Recipe(NamedTuple):
    """The target of a test, and what is done on each connection to it."""

    target: Target
    tls: ssl.SSLContext | None
    send: bytes
    expect: bytes


def shake_hands(recipe: Recipe) -> Steps[socket.socket]:
    """Establish a connection; raise `OSError` with what went wrong at the last address that was tried."""
    sock = yield from _connect(recipe.target)
    try:
        if recipe.tls is not None:
            sock = recipe.tls.wrap_socket(sock, server_hostname=recipe.target.name, do_handshake_on_connect=False)
            yield from _attempt(sock, sock.do_handshake, READ)
        if recipe.send:
            yield from _send(sock, recipe.send)
        if recipe.expect:
            yield from _expect(sock, recipe.expect)
    except BaseException:  # GeneratorExit is one
        sock.close()
        raise
    return sock


def name_error(error: OSError) -> str:
    """Return the name of an error: that of its errno, such as ``ECONNREFUSED``, or that of OpenSSL.

    That of a certificate has what is wrong with it, too.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return f'{error.reason}: {error.verify_message.rstrip(".")}'
    if isinstance(error, EndOfStreamError):
        return 'EOF'
    if isinstance(error, ssl.SSLError):
        return error.reason or 'SSL'
    return errno.errorcode.get(error.errno or 0, 'EIO')


def _connect(target: Target) -> Steps[socket.socket]:
    for place in target.places[:-1]:
        try:
            return (yield from _connect_to(target, place))
        except OSError:
            continue
    return (yield from _connect_to(target, target.places[-1]))


def _connect_to(target: Target, place: Place) -> Steps[socket.socket]:
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        source = target.next_source(place.family)
        if source is not None:
            bind_address(sock, source)
        error = sock.connect_ex(place.address)
        if error == errno.EINPROGRESS:
            error = sock.connect_ex(place.address)  # within one machine the handshake is over by now
        while error == errno.EALREADY:
            yield sock.fileno(), WRITE
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # A port that nobody listens on may be chosen as the local port: TCP then connects the socket to itself.
        if not error and sock.getsockname() == place.address:
            error = errno.ECONNREFUSED
        if error:
            raise OSError(error, os.strerror(error))
    except BaseException:
        sock.close()
        raise
    target.prefer(place)
    return sock


def _send(sock: socket.socket, data: bytes) -> Steps[None]:
    rest = memoryview(data)
    while rest:
        sent = yield from _attempt(sock, lambda: sock.send(rest), WRITE)  # noqa: B023  # called before it changes
        rest = rest[sent:]


def _expect(sock: socket.socket, text: bytes) -> Steps[None]:
    seen = b''
    while text not in seen:
        if seen:  # after each receiving, also of a server that never stops to send, others have their turn
            yield sock.fileno(), READ
        chunk = yield from _attempt(sock, lambda: sock.recv(CHUNK), READ)
        if not chunk:
            raise EndOfStreamError
        seen = seen[-len(text) :] + chunk


def _attempt(sock: socket.socket, operation: Callable[[], Result], event: int) -> Steps[Result]:
    """Return what *operation* returns. While it would block, wait for *event* and try again.

    In TLS, reading may have to wait until the socket can be written, and the other way round.
    """
    while True:
        try:
            return operation()
        except ssl.SSLWantReadError:
            awaited = READ
        except ssl.SSLWantWriteError:
            awaited = WRITE
        except BlockingIOError:
            awaited = event
        yield sock.fileno(), awaited
