"""What the protocols that have messages share: positions, bytes that are kept, requests without a reply."""

from __future__ import annotations

import pytest

from vaurien.framing.marks import OPAQUE, Mark, Opaque
from vaurien.protocols.framed import Framed


@pytest.fixture
def protocol() -> Framed[int]:
    return Framed()


def test_what_is_skipped_is_accounted_for(protocol: Framed[int]) -> None:
    protocol.upstream_body, protocol.downstream_body = 10, 20
    protocol.skip_upstream(3)
    protocol.skip_downstream(4)
    protocol.skip_downstream(1)
    assert (protocol.upstream_body, protocol.downstream_body) == (7, 15)
    assert (protocol._up_at, protocol._down_at) == (3, 5)


def test_what_is_held_back_is_given_once(protocol: Framed[int]) -> None:
    protocol._held = b'GET'
    assert [protocol.end_upstream(), protocol.end_upstream()] == [b'GET', b'']


def test_the_oldest_request_is_withdrawn(protocol: Framed[int]) -> None:
    protocol._outstanding.extend([1, 2])
    for left in ([2], [], []):
        protocol.withdraw()
        assert list(protocol._outstanding) == left


@pytest.mark.parametrize('unparsed', [True, False])
def test_framing_ends_once_with_a_reason(protocol: Framed[int], unparsed: bool) -> None:
    marks: list[Mark] = []
    protocol._end_framing('CONNECT', 7, marks, unparsed=unparsed)
    assert protocol.opaque == Opaque('CONNECT', unparsed)
    assert marks == [(OPAQUE, 7)]
