"""What both peers of a link say, and a compiled framer that takes turns with a protocol object as it is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.protocols.test_quick import SCRATCH, Turn, Ways, feed, state_of
from vaurien.framing.marks import HEAD, REPLY, REQUEST

_framing = pytest.importorskip('vaurien.native._framing')

#: What is set before it is read, or is not read outside of a batch that is open.
UNTOLD = {*SCRATCH, '_head_mark', '_executed'}


class Talk:
    """Has a compiled framer take chunks for as long as it is sure, and compares everything with the full way."""

    def __init__(self, ways: Ways) -> None:
        self.protocol, self.full = ways.quick(), ways.full()
        ways.prepare(self.protocol)
        ways.prepare(self.full)
        self._framing: Any = None

    def take(self, is_upstream: bool, chunk: bytes) -> bool:
        """Take a chunk; return whether it was ordinary."""
        at = self.full._up_at if is_upstream else self.full._down_at
        given, marks = feed(self.full, is_upstream, chunk)
        if self._framing is None and self.protocol.ordinary is not None:
            self._framing = _framing.Framing(self.protocol)
        if self._framing is not None:
            found = self._framing.requests(chunk) if is_upstream else self._framing.replies(chunk)
            if found is not None:
                kinds = (REQUEST, HEAD) if is_upstream else (REPLY,)
                assert found == (given, [position - at for kind, position in marks if kind in kinds])
                assert self.full.opaque is None
                return True
            self._end_framing()
        assert feed(self.protocol, is_upstream, chunk) == (given, marks)
        assert self.protocol.opaque == self.full.opaque
        self._check_state()
        return False

    def hand_over(self) -> None:
        """Have the protocol object go on, which is then where it would be had it been fed everything."""
        self._end_framing()
        self._check_state()

    def _end_framing(self) -> None:
        if self._framing is not None:
            self._framing.finish()
            self._framing = None

    def _check_state(self) -> None:
        if self.full.opaque:
            return
        for protocol in (self.protocol, self.full):
            for walker, left in (('_up', protocol.upstream_body), ('_down', protocol.downstream_body)):
                if hasattr(protocol, walker):
                    getattr(protocol, walker).left = left  # it is told that when it goes on, and not before
        for name in sorted({*vars(self.full), 'opaque', 'upstream_body', 'downstream_body'} - UNTOLD):
            assert state_of(getattr(self.protocol, name)) == state_of(getattr(self.full, name)), name


def count_ordinary(ways: Ways, said: Iterable[Turn], hands_over: Iterable[bool] = ()) -> int:
    """Return how many of the chunks that both peers have *said* were ordinary; check all of them."""
    talk = Talk(ways)
    orders = iter(hands_over)
    ordinary = 0
    for is_upstream, chunk in said:
        if talk.full.opaque and is_upstream:
            continue
        ordinary += talk.take(is_upstream, chunk)
        if talk.full.opaque and not is_upstream:  # else the replies to earlier requests go on
            break
        if next(orders, False):
            talk.hand_over()
    talk.hand_over()
    return ordinary
