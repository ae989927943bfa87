"""The records of TLS (RFC 8446, 5.1), as far as they can be told apart without keys."""

from __future__ import annotations

from collections.abc import Iterator

from vaurien.plugins.handshake import After

HEADER = 5
_HANDSHAKE, _APPLICATION = 22, 23
_CERTIFICATE = 11


def split_records(data: bytes) -> Iterator[bytes]:
    """Yield the records in *data*, the last of which may be cut short."""
    at = 0
    while at < len(data):
        end = at + HEADER + int.from_bytes(data[at + 3 : at + HEADER], 'big')
        yield data[at:end]
        at = end


def cut_flight(data: bytes, after: After) -> bytes:
    """Return what a server sends first, up to the message *after* which nothing is to come.

    OpenSSL puts each message into a record of its own. From TLS 1.3 on the certificate is in an encrypted one: the
    second, behind the extensions, or the third, where the client is asked for a certificate, too.
    """
    kept = b''
    encrypted = 0
    records = list(split_records(data))
    last = 2 + (sum(record[0] == _APPLICATION for record in records) > 4)
    for record in records:
        if after == 'client_hello':
            break
        kept += record
        encrypted += record[0] == _APPLICATION
        is_certificate = record[0] == _HANDSHAKE and record[HEADER : HEADER + 1] == bytes([_CERTIFICATE])
        if after == 'server_hello' or is_certificate or encrypted == last:
            break
    return kept
