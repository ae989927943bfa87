"""Records of TLS. What servers really send is cut in `tests/tls/test_faults.py`."""

from __future__ import annotations

import pytest

from vaurien.framing.records import cut_flight, split_records
from vaurien.plugins.handshake import After

HELLO, CERTIFICATE, DONE = b'\x16\x03\x03\x00\x02\x02h', b'\x16\x03\x03\x00\x02\x0bc', b'\x16\x03\x03\x00\x01\x0e'
CHANGE, SECRET = b'\x14\x03\x03\x00\x01\x01', b'\x17\x03\x03\x00\x01'
OLD = [HELLO, CERTIFICATE, DONE]
NEW = [HELLO, CHANGE, *(SECRET + byte for byte in (b'a', b'b', b'c', b'd'))]
#: With a request for the client's certificate before its own.
ASKING = [*NEW, SECRET + b'e']


def test_records() -> None:
    assert list(split_records(b''.join(OLD))) == OLD
    assert list(split_records(HELLO + DONE[:5])) == [HELLO, DONE[:5]]
    assert list(split_records(b'')) == []


@pytest.mark.parametrize(
    ('flight', 'after', 'count'),
    [
        (OLD, 'client_hello', 0),
        (OLD, 'server_hello', 1),
        (OLD, 'certificate', 2),
        (NEW, 'server_hello', 1),
        (NEW, 'certificate', 4),
        (ASKING, 'certificate', 5),
    ],
)
def test_what_a_server_sends_up_to_a_message(flight: list[bytes], after: After, count: int) -> None:
    assert cut_flight(b''.join(flight), after) == b''.join(flight[:count])
