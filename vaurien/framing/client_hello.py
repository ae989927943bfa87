"""How a client begins TLS: what it says of itself before anything is encrypted.

Source: RFC 8446, 4.1.2 (ClientHello), 4.2 (extensions), 5.1 (records); RFC 6066, 3 (SNI); RFC 7301, 3.1 (ALPN).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vaurien.framing.head import TEXT_MAX, escape

_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ALPN, _SUPPORTED_VERSIONS = 0, 16, 43
_HOST_NAME = 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4

#: A record has at most 2 ** 14 bytes (5.1).
_RECORD_MAX = 1 << 14
#: No client known says more: the longest keys of today take about 1,200 bytes.
_HELLO_MAX = 1 << 16

_VERSIONS = {0x0300: 'SSLv3', 0x0301: 'TLSv1', 0x0302: 'TLSv1.1', 0x0303: 'TLSv1.2', 0x0304: 'TLSv1.3'}


@dataclass(frozen=True)
class ClientHello:
    """What a client asks for."""

    #: The name of the server that it wants (SNI); empty if it gives none.
    name: str = ''
    #: The protocols that it offers (ALPN), the one it likes best first.
    protocols: tuple[str, ...] = ()
    #: The versions that it speaks, the one it likes best first: ``TLSv1.3``. Unknown ones are left out.
    versions: tuple[str, ...] = ()

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


def read_client_hello(data: bytes) -> ClientHello | None:
    """Return the ClientHello that *data* begins with; None if it is not complete. Raise `ValueError` if it is none."""
    message = bytearray()
    at = 0
    while True:
        if not begins_tls(data[at : at + 3]) and data[at:]:
            raise ValueError('not the beginning of TLS')
        header = data[at : at + _RECORD_HEADER]
        size = int.from_bytes(header[3:], 'big')
        if len(header) < _RECORD_HEADER:
            return None
        if not 0 < size <= _RECORD_MAX:
            raise ValueError(f'a TLS record of {size} bytes')
        message += data[at + _RECORD_HEADER : at + _RECORD_HEADER + size]
        at += _RECORD_HEADER + size
        if message and message[0] != _CLIENT_HELLO:
            raise ValueError(f'a TLS message of type {message[0]} where a ClientHello is expected')
        if len(message) >= _MESSAGE_HEADER:
            length = int.from_bytes(message[1:_MESSAGE_HEADER], 'big')
            if length > _HELLO_MAX:
                raise ValueError(f'a ClientHello of {length} bytes')
            if len(message) >= _MESSAGE_HEADER + length:
                return _read_body(bytes(message[_MESSAGE_HEADER : _MESSAGE_HEADER + length]))
        if at > len(data):
            return None


def _read_body(body: bytes) -> ClientHello:
    try:
        reader = _Reader(body)
        version = reader.number(2)
        reader.take(32)  # random
        reader.vector(1)  # legacy_session_id
        reader.vector(2)  # cipher_suites
        reader.vector(1)  # legacy_compression_methods
        extensions = dict(_read_extensions(reader.vector(2))) if reader.left else {}
        return ClientHello(
            _read_name(extensions.get(_SERVER_NAME, b'')),
            tuple(_read_protocols(extensions.get(_ALPN, b''))),
            tuple(_read_versions(extensions.get(_SUPPORTED_VERSIONS, b''), version)),
        )
    except EOFError:
        raise ValueError('a ClientHello that does not parse') from None


def _read_extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = _Reader(data)
    while reader.left:
        yield reader.number(2), reader.vector(2)


def _read_name(data: bytes) -> str:
    if not data:
        return ''
    names = _Reader(_Reader(data).vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == _HOST_NAME:
            return escape(name)
    return ''


def _read_protocols(data: bytes) -> Iterator[str]:
    names = _Reader(_Reader(data).vector(2)) if data else _Reader(b'')
    while names.left:
        yield escape(names.vector(1))


def _read_versions(data: bytes, legacy: int) -> Iterator[str]:
    """Yield the versions. Without the extension, a client speaks any up to the *legacy* one (4.2.1)."""
    if not data:
        yield from (name for number, name in sorted(_VERSIONS.items(), reverse=True) if number <= legacy)
        return
    versions = _Reader(_Reader(data).vector(1))
    while versions.left:
        number = versions.number(2)
        if number in _VERSIONS:  # others are reserved, to keep servers tolerant (RFC 8701)
            yield _VERSIONS[number]


class _Reader:
    """Reads numbers and vectors; raises `EOFError` where bytes are missing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise EOFError
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), 'big')

    def vector(self, size: int) -> bytes:
        """Return the bytes that follow their own length, a number of *size* bytes (RFC 8446, 3.4)."""
        return self.take(self.number(size))
