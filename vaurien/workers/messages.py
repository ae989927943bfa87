"""How the parent asks a worker, and gets its answer: calls of functions, one beside the other, over a stream socket.

Both ends are the same program on the same machine, and nobody else has the socket. So messages are pickled. Plug-ins
are in them by their names: a class that was registered under another name cannot be imported.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from gevent.lock import Semaphore

from vaurien.behaviors import Behavior
from vaurien.errors import EndOfStreamError
from vaurien.plugins.options import Configurable
from vaurien.plugins.registry import Registry
from vaurien.protocols import Protocol
from vaurien.toxics import Toxic

_REGISTRIES: tuple[Registry[Any], ...] = Behavior, Protocol, Toxic

#: In front of a message: its number, and how many bytes it has.
_HEAD = struct.Struct('!QQ')


class Ask(NamedTuple):
    """A call that a worker is to make. The answer has the same number."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


class Answer(NamedTuple):
    """What a call has returned, or why it has not."""

    value: Any = None
    error: str | None = None


class Messages:
    """One end of the stream. Any number of greenlets may send, and one receives."""

    def __init__(self, sock: Any) -> None:
        """*sock* is a socket of gevent."""
        self._socket = sock
        self._sending = Semaphore()

    def send(self, number: int, data: bytes) -> None:
        """Send a message, which *data* is encoded; raise `OSError` if the other end has gone."""
        with self._sending:
            self._socket.sendall(_HEAD.pack(number, len(data)) + data)

    def receive(self) -> tuple[int, bytes]:
        """Return the number of the next message, and what it is encoded; raise `OSError` if the other end has gone."""
        number, length = _HEAD.unpack(self._read(_HEAD.size))
        return number, self._read(length)

    def close(self) -> None:
        """Tell the other end that there is nobody here any more."""
        self._socket.close()

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                raise EndOfStreamError('the other end has gone')
            data += part
        return bytes(data)


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        if isinstance(obj, type) and issubclass(obj, Configurable):
            return next((one.kind, obj.name) for one in _REGISTRIES if issubclass(obj, one.base))
        return None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: tuple[str, str]) -> Any:
        kind, name = pid
        return next(one for one in _REGISTRIES if one.kind == kind).get(name)


def encode(message: Any) -> bytes:
    """Return the bytes of a message."""
    data = io.BytesIO()
    _Pickler(data, pickle.HIGHEST_PROTOCOL).dump(message)
    return data.getvalue()


def decode(data: bytes) -> Any:
    """Return the message of those bytes."""
    return _Unpickler(io.BytesIO(data)).load()
