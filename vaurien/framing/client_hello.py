"""How a client begins TLS: what it says of itself before anything is encrypted.

Source: RFC 8446, 4.1.2 (ClientHello), 4.2 (extensions), 5.1 (records); RFC 6066, 3 (SNI); RFC 7301, 3.1 (ALPN).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vaurien.framing.head import TEXT_MAX, escape

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_VERSION_AND_RANDOM = 2 + 32
_SERVER_NAME, _ALPN = b'\x00\x00', b'\x00\x10'
_HOST_NAME = 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4

#: A record has at most 2 ** 14 bytes (5.1).
_RECORD_MAX = 1 << 14
#: No client known says more: the longest keys of today take about 1,200 bytes.
_HELLO_MAX = 1 << 16


@dataclass(frozen=True)
class ClientHello:
    """What a client asks for."""

    #: The name of the server that it wants (SNI); empty if it gives none.
    name: str = ''
    #: The protocols that it offers (ALPN), the one it likes best first.
    protocols: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the handshake, for matching and logs: ``TLS sni=api.example.com alpn=h2,http/1.1``.

        It is never ``TLS`` alone, which ``TLS *`` would not match.
        """
        alpn = f' alpn={",".join(self.protocols)}' if self.protocols else ''
        return f'TLS sni={self.name or "-"}{alpn}'[:TEXT_MAX]


def begins_tls(data: bytes) -> bool:
    """Return whether *data*, which may be but a few bytes, is how TLS begins: a record of handshake, version 3.x."""
    return data[:1] == b'\x16' and data[1:2] in (b'', b'\x03') and (len(data) < 3 or data[2] <= 4)


class HelloReader:
    """Reads a ClientHello, however many records it is in, and in however many pieces these come."""

    def __init__(self) -> None:
        #: All that has come: the ClientHello, and whatever is behind it.
        self.data = bytearray()
        #: What is read of that: up to where, how many bytes of a record follow, and what there is of the message.
        self._at = self._left = 0
        self._message = bytearray()

    def feed(self, data: bytes) -> ClientHello | None:
        """Take more; return the ClientHello if it is complete. Raise `ValueError` if it is none."""
        self.data += data
        message = self._message
        while self._left or self._begin_record():
            piece = self.data[self._at : self._at + self._left]
            self._at += len(piece)
            self._left -= len(piece)
            message += piece
            if message and message[0] != _CLIENT_HELLO:
                raise ValueError(f'a TLS message of type {message[0]} where a ClientHello is expected')
            if len(message) >= _MESSAGE_HEADER:
                length = int.from_bytes(message[1:_MESSAGE_HEADER], 'big')
                if length > _HELLO_MAX:
                    raise ValueError(f'a ClientHello of {length} bytes')
                if len(message) >= _MESSAGE_HEADER + length:
                    return _read_body(bytes(message[_MESSAGE_HEADER : _MESSAGE_HEADER + length]))
            if self._left:
                return None
        return None

    def _begin_record(self) -> bool:
        """Read the header of a record; return False if it has not come yet."""
        header = bytes(self.data[self._at : self._at + _RECORD_HEADER])
        if header and not begins_tls(header[:3]):
            raise ValueError('not the beginning of TLS')
        if len(header) < _RECORD_HEADER:
            return False
        self._left = int.from_bytes(header[3:], 'big')
        if not 0 < self._left <= _RECORD_MAX:
            raise ValueError(f'a TLS record of {self._left} bytes')
        self._at += _RECORD_HEADER
        return True


def _read_body(body: bytes) -> ClientHello:
    """Look for the two extensions that matter, and step over everything else: each link waits for this."""
    at = _VERSION_AND_RANDOM
    for size in (1, 2, 1):  # legacy_session_id, cipher_suites, legacy_compression_methods
        _, at = _take_vector(body, at, size)
    name = ''
    protocols: tuple[str, ...] = ()
    extensions, _ = _take_vector(body, at, 2) if at < len(body) else (b'', at)
    at = 0
    while at < len(extensions):
        kind = extensions[at : at + 2]
        data, at = _take_vector(extensions, at + 2, 2)
        if kind == _SERVER_NAME:
            name = _read_name(data)
        elif kind == _ALPN:
            protocols = tuple(_read_protocols(data))
    return ClientHello(name, protocols)


def _read_name(data: bytes) -> str:
    names, at = _take_vector(data, 0, 2)[0], 0
    while at < len(names):
        kind = names[at]
        name, at = _take_vector(names, at + 1, 2)
        if kind == _HOST_NAME:
            return escape(name)
    return ''


def _read_protocols(data: bytes) -> Iterator[str]:
    names, at = _take_vector(data, 0, 2)[0], 0
    while at < len(names):
        name, at = _take_vector(names, at, 1)
        yield escape(name)


def _take_vector(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Return the bytes at a place that follow their own length, a number of *size* bytes, and the place behind them.

    Raise `ValueError` where bytes are missing. Source: RFC 8446, 3.4.
    """
    begin = at + size
    end = begin + int.from_bytes(data[at:begin], 'big')
    if not begin <= end <= len(data):
        raise ValueError('a ClientHello that does not parse')
    return data[begin:end], end
