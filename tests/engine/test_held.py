"""What a stream holds: every byte comes out once, in order, with the marks that it passes, and is counted.

A table of single cases, and a state machine of Hypothesis that compares it with a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vaurien.engine.held import Held
from vaurien.framing.marks import END, HEAD, INTERIM, OPAQUE, PROMPT, REPLY, REQUEST, UNANSWERED, Mark

#: Where the held bytes of the table stand in their stream.
AT = 100


def holding(data: bytes, *marks: Mark, at: int = AT) -> Held:
    """What holds *data*; the positions of the marks count from its first byte."""
    held = Held(at)
    held.append(data, [(kind, at + offset) for kind, offset in marks])
    return held


def left(held: Held) -> tuple[bytes, list[Mark]]:
    """What is still held; positions count as those of `holding`."""
    return bytes(held.data), [(kind, position - AT) for kind, position in held.marks]


class TestTake:
    @pytest.mark.parametrize(
        ('marks', 'size', 'taken', 'kinds'),
        [
            ([], 4, b'abcd', []),
            ([], 100, b'abcdef', []),
            ([], 0, b'', []),
            ([(END, 6)], 100, b'abcdef', [END]),
            ([(END, 3)], 100, b'abc', [END]),
            ([(END, 3)], 3, b'abc', [END]),
            ([(END, 3)], 2, b'ab', []),
            ([(END, 3), (REQUEST, 5)], 100, b'abc', [END]),
            ([(END, 3), (OPAQUE, 3)], 100, b'abc', [END, OPAQUE]),
            ([(UNANSWERED, 0), (REQUEST, 5)], 100, b'', [UNANSWERED]),
        ],
    )
    def test_it_stops_at_the_next_mark(self, marks: list[Mark], size: int, taken: bytes, kinds: list[int]) -> None:
        held = holding(b'abcdef', *marks)
        assert held.take(size) == (taken, kinds)
        assert left(held) == (b'abcdef'[len(taken) :], marks[len(kinds) :])
        assert (held.position, held.dropped, held.end) == (AT + len(taken), len(taken), AT + 6)

    def test_of_nothing(self) -> None:
        held = Held(AT)
        assert held.take(100) == (b'', [])
        assert (held.position, held.dropped) == (AT, 0)

    def test_of_a_mark_alone(self) -> None:
        """The end of a body in chunks may come without a byte that was held."""
        assert holding(b'', (END, 0)).take(100) == (b'', [END])


class TestRelease:
    @pytest.mark.parametrize(
        ('offset', 'released', 'kinds'),
        [
            (-1, b'', []),
            (0, b'', []),
            (1, b'a', []),
            (2, b'ab', [INTERIM]),
            (3, b'abc', [INTERIM]),
            (5, b'abcde', [INTERIM, PROMPT, REPLY]),
            (6, b'abcdef', [INTERIM, PROMPT, REPLY]),
        ],
    )
    def test_up_to_a_position(self, offset: int, released: bytes, kinds: list[int]) -> None:
        marks = [(INTERIM, 2), (PROMPT, 5), (REPLY, 5)]
        held = holding(b'abcdef', *marks)
        assert held.release_to(AT + offset) == (released, kinds)
        assert left(held) == (b'abcdef'[len(released) :], marks[len(kinds) :])
        assert (held.position, held.dropped) == (AT + len(released), 0)

    @pytest.mark.parametrize(
        ('marks', 'released', 'is_whole', 'is_opaque', 'marks_left'),
        [
            ([], b'abcdef', False, False, []),
            ([(END, 6)], b'abcdef', True, False, []),
            ([(END, 4)], b'abcd', True, False, []),
            ([(END, 4), (REQUEST, 6)], b'abcd', True, False, [(REQUEST, 6)]),
            ([(END, 4), (HEAD, 5)], b'abcd', True, False, [(HEAD, 5)]),
            ([(END, 0), (REQUEST, 6)], b'', True, False, [(REQUEST, 6)]),
            ([(OPAQUE, 6)], b'abcdef', True, True, []),
            ([(OPAQUE, 2)], b'abcdef', True, True, []),
            ([(END, 4), (OPAQUE, 4)], b'abcd', True, True, []),
            ([(END, 4), (OPAQUE, 6)], b'abcd', True, False, [(OPAQUE, 6)]),
        ],
    )
    def test_of_a_request(
        self, marks: list[Mark], released: bytes, is_whole: bool, is_opaque: bool, marks_left: list[Mark]
    ) -> None:
        """It ends at END; if framing ends in the middle of it, everything is part of it."""
        held = holding(b'abcdef', *marks)
        assert held.release_request() == (released, is_whole, is_opaque)
        assert left(held) == (b'abcdef'[len(released) :], marks_left)
        assert held.dropped == 0

    def test_of_a_request_of_which_nothing_is_held(self) -> None:
        assert Held(AT).release_request() == (b'', False, False)


class TestReplay:
    def test_it_takes_everything_out_and_stays_where_it_is(self) -> None:
        held = holding(b'abcdef', (END, 2), (REQUEST, 6))
        assert held.replay() == (b'abcdef', [(END, AT + 2), (REQUEST, AT + 6)])
        assert left(held) == (b'', [])
        assert (held.position, held.end, held.dropped) == (AT, AT, 0)

    def test_of_nothing(self) -> None:
        assert Held(AT).replay() == (b'', [])

    def test_what_comes_next_is_not_seen_by_whoever_has_the_rest(self) -> None:
        held = holding(b'abc', (END, 3))
        data, marks = held.replay()
        held.append(b'def', [(END, AT + 3)])
        assert (data, marks) == (b'abc', [(END, AT + 3)])


class TestDrop:
    def test_marks_are_gone_with_the_bytes(self) -> None:
        held = holding(b'abcdef', (END, 2), (REQUEST, 6))
        held.drop()
        assert left(held) == (b'', [])
        assert (held.position, held.end, held.dropped) == (AT + 6, AT + 6, 6)


#: Kinds and how many bytes there are before each, for the marks in some bytes.
some_marks = st.lists(st.tuples(st.sampled_from([END, HEAD, OPAQUE, REPLY, REQUEST]), st.integers(0, 20)), max_size=4)


class AgainstAModel(RuleBasedStateMachine):
    """The model has the whole stream, and where in it the first byte stands that is held."""

    @initialize(position=st.integers(0, 1000))
    def begin(self, position: int) -> None:
        self.held = Held(position)
        self.stream = bytes(position)
        self.front = position
        self.marks: list[Mark] = []
        self.dropped = 0

    def pass_to(self, position: int) -> tuple[bytes, list[int]]:
        """Move the front, in the model: return the bytes and the kinds of the marks on the way."""
        data, self.front = self.stream[self.front : position], position
        passed = [mark for mark in self.marks if mark[1] <= position]
        self.marks = self.marks[len(passed) :]
        return data, [kind for kind, _ in passed]

    def bound(self, size: int) -> int:
        """Return the position so many bytes ahead, or the end."""
        return min(self.front + size, len(self.stream))

    @rule(data=st.binary(max_size=20), marks=some_marks)
    def append(self, data: bytes, marks: Sequence[tuple[int, int]]) -> None:
        begin = len(self.stream)
        self.stream += data
        positions = [(kind, min(begin + offset, len(self.stream))) for kind, offset in marks]
        new = sorted(positions, key=lambda mark: mark[1])
        self.marks += new
        self.held.append(data, new)

    @rule(size=st.integers(0, 50))
    def take(self, size: int) -> None:
        end = self.bound(size)
        if self.marks:
            end = min(end, self.marks[0][1])
        expected = self.pass_to(end)
        self.dropped += len(expected[0])
        assert self.held.take(size) == expected

    @rule(size=st.integers(0, 50))
    def release_to(self, size: int) -> None:
        end = self.bound(size)
        assert self.held.release_to(end) == self.pass_to(end)

    @rule(back=st.integers(1, 50))
    def release_to_what_has_gone(self, back: int) -> None:
        assert self.held.release_to(self.front - back) == self.pass_to(self.front)

    @rule()
    def release_request(self) -> None:
        ends = [position for kind, position in self.marks if kind == END]
        breaks = [position for kind, position in self.marks if kind == OPAQUE]
        is_cut = bool(breaks) and (not ends or self.marks.index((OPAQUE, breaks[0])) < self.marks.index((END, ends[0])))
        end = len(self.stream) if is_cut or not ends else ends[0]
        data, kinds = self.pass_to(end)
        assert self.held.release_request() == (data, bool(ends or breaks), OPAQUE in kinds)

    @rule()
    def drop(self) -> None:
        self.dropped += len(self.pass_to(len(self.stream))[0])
        self.held.drop()

    @rule()
    def replay(self) -> None:
        """As the dispatcher does: what it takes out goes in again, or on."""
        data, marks = self.held.replay()
        assert (data, marks) == (self.stream[self.front :], self.marks)
        assert (self.held.position, self.held.end) == (self.front, self.front)
        self.held.append(data, marks)

    @precondition(lambda self: not (self.held.data or self.held.marks))
    @rule(count=st.integers(0, 50))
    def skip(self, count: int) -> None:
        self.stream += bytes(count)
        self.front += count
        self.held.skip(count)

    @precondition(lambda self: not (self.held.data or self.held.marks))
    @rule(count=st.integers(0, 50))
    def continue_further_on(self, count: int) -> None:
        self.stream += bytes(count)
        self.front += count
        self.held.continue_at(self.front)

    @invariant()
    def is_as_the_model(self) -> None:
        assert bytes(self.held.data) == self.stream[self.front :]
        assert self.held.marks == self.marks
        assert self.held.position == self.front
        assert self.held.end == len(self.stream)
        assert self.held.dropped == self.dropped


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=40, deadline=None)
