"""Feeds a protocol the way a link does, cut at any places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from vaurien.protocols.base import END, HEAD, OPAQUE, REQUEST, UNANSWERED, BaseProtocol, Mark


def upstream(protocol: BaseProtocol, pieces: Iterable[bytes]) -> tuple[bytes, list[Mark]]:
    """Return everything that *pieces* give back, and every mark; feed nothing after an OPAQUE mark."""
    given = bytearray()
    marks: list[Mark] = []
    for piece in pieces:
        if protocol.opaque:
            given += piece
        elif len(piece) < protocol.upstream_body:
            protocol.skip_upstream(len(piece))
            given += piece
        else:
            out, news = protocol.feed_upstream(piece)
            check_positions(marks, news)
            marks += news
            given += out
            assert not news or news[-1][0] == OPAQUE or news[-1][1] <= len(given)
            assert bool(protocol.opaque) == any(kind == OPAQUE for kind, _ in news)
    given += protocol.end_upstream()
    return bytes(given), marks


def downstream(protocol: BaseProtocol, pieces: Iterable[bytes]) -> list[Mark]:
    """Return every mark of *pieces*; feed nothing after an OPAQUE mark."""
    passed = 0
    marks: list[Mark] = []
    for piece in pieces:
        passed += len(piece)
        if protocol.opaque:
            continue
        if len(piece) < protocol.downstream_body:
            protocol.skip_downstream(len(piece))
            continue
        news = protocol.feed_downstream(piece)
        check_positions(marks, news)
        marks += news
        assert all(position <= passed for _, position in news)
        assert bool(protocol.opaque) == any(kind == OPAQUE for kind, _ in news)
    return marks


def is_unparsed(protocol: BaseProtocol) -> bool:
    """Return whether framing has ended because bytes did not parse."""
    return protocol.opaque is not None and protocol.opaque.unparsed


class Describer:
    """Describes requests as a link does: in their order, and perhaps long after they were fed."""

    def __init__(self, protocol: BaseProtocol, position: int) -> None:
        """Begin with the request at *position* of the upstream."""
        self.protocol = protocol
        #: None: it was skipped.
        self.texts: list[str | None] = []
        #: Requests that have ended.
        self.ended = 0
        self._data = bytearray(position)
        self._boundary = position
        self._marks: list[Mark] = []

    def feed(self, data: bytes) -> None:
        """Feed what the client sends next."""
        if len(data) < self.protocol.upstream_body:
            self.protocol.skip_upstream(len(data))
        else:
            data, marks = self.protocol.feed_upstream(data)
            self._marks += marks
        self._data += data

    def describe(self) -> None:
        """Describe every request that has been fed."""
        for begin, end in self._requests():
            self.protocol.on_reached(begin)
            self.texts.append(self.protocol.describe(bytes(self._data[begin:end])))

    def skip(self) -> None:
        """Describe no request that has been fed: nobody asks."""
        self.texts += [None for _ in self._requests()]

    def check(self, expected: Iterable[str]) -> None:
        """Check that requests have their *expected* texts, where they were described; there is one for each request."""
        both = list(zip(self.texts, expected, strict=True))
        assert [text for text, _ in both if text is not None] == [other for text, other in both if text is not None]

    def _requests(self) -> Iterator[tuple[int, int]]:
        marks, self._marks = self._marks, []
        for kind, position in marks:
            if kind in (REQUEST, HEAD):
                yield self._boundary, position
            if kind in (REQUEST, END):
                self._boundary = position
                self.ended += 1


def check_positions(marks: Sequence[Mark], news: Sequence[Mark]) -> None:
    """Check that *news*, which come after *marks*, never go back."""
    positions = [position for _, position in [*marks[-1:], *news]]
    assert positions == sorted(positions)


def uncut(marks: Iterable[Mark]) -> list[Mark]:
    """Return upstream *marks* as they would be if every message had come whole: without heads, requests for ends."""
    whole: list[Mark] = []
    unanswered = False
    for kind, position in marks:
        if kind == HEAD:
            continue
        if kind == UNANSWERED and (not whole or whole[-1][1] != position):
            unanswered = True
        elif kind == END:
            whole.append((REQUEST, position))
            if unanswered:
                whole.append((UNANSWERED, position))
            unanswered = False
        else:
            whole.append((kind, position))
    return whole


def single(data: bytes) -> Iterator[bytes]:
    """Return *data*, byte by byte."""
    return (data[i : i + 1] for i in range(len(data)))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return *data*, cut at *places* (modulo its length)."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@st.composite
def anything(draw: st.DrawFn, fragments: st.SearchStrategy[bytes], *, pieces: int = 6, changes: int = 3) -> bytes:
    """Draw at most so many *pieces* of what makes sense, with at most so many *changes* that do not."""
    data = bytearray(b''.join(draw(st.lists(fragments, max_size=pieces))))
    for _ in range(draw(st.integers(0, changes))):
        i = draw(st.integers(0, len(data)))
        data[i : i + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)
