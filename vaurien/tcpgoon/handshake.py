"""The steps until a connection counts as established: TCP, then TLS, a text sent, a text expected, where asked for.

They are written as a generator that never blocks: it yields the descriptor and the event that it waits for, and is
resumed when that is there. Whoever drives it may close it at any time. It returns the socket.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable, Generator
from typing import NamedTuple, TypeVar

from vaurien.errors import EndOfStreamError
from vaurien.tcpgoon.target import Place, Target

READ = 1
WRITE = 2

#: Of ip(7); Python has it from 3.12 on. The port is chosen when connecting: it has to be free for this target only.
IP_BIND_ADDRESS_NO_PORT = 24

#: Bytes received at a time.
CHUNK = 65536

Result = TypeVar('Result')
Steps = Generator[tuple[int, int], None, Result]


class Recipe(NamedTuple):
    """What is done on every connection."""

    target: Target
    tls: ssl.SSLContext | None
    send: bytes
    expect: bytes


def shake_hands(recipe: Recipe) -> Steps[socket.socket]:
    """A new connection, established; raises `OSError` with what went wrong at the last address tried."""
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
    """What went wrong, in one word: the name of the errno, or what OpenSSL calls it."""
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
    sock = socket.socket(place.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        source = target.next_source(place.family)
        if source is not None:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind(source)
        error = sock.connect_ex(place.address)
        if error == errno.EINPROGRESS:
            error = sock.connect_ex(place.address)  # within one machine the handshake is over by now
        while error == errno.EALREADY:
            yield sock.fileno(), WRITE
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not error and sock.getsockname() == place.address:  # met itself, on a local port that nobody listens on
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
        chunk = yield from _attempt(sock, lambda: sock.recv(CHUNK), READ)
        if not chunk:
            raise EndOfStreamError
        seen = seen[-len(text) :] + chunk


def _attempt(sock: socket.socket, operation: Callable[[], Result], event: int) -> Steps[Result]:
    """What *operation* returns, tried again on *event* until it does not block; TLS may wait for the other one."""
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
