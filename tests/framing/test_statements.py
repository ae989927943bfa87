"""Prepared statements of a link, against a plain history of them."""

from __future__ import annotations

from hypothesis import given, strategies as st

from vaurien.framing.statements import KEPT, Statements

changes = st.tuples(st.sampled_from('abc'), st.sampled_from(['one', 'two', '', None]))


@given(st.lists(changes, max_size=20), st.lists(st.integers(0, 25), max_size=10))
def test_as_of_any_position(history: list[tuple[str, str | None]], positions: list[int]) -> None:
    statements = Statements(bytes.decode)
    for position, (name, statement) in enumerate(history):
        statements.put_behind(position, name, None if statement is None else statement.encode())
    for position in sorted(positions):
        statements.go_to(position)
        then = dict(history[:position])
        assert {name: statements.find(name) for name in 'abc'} == {name: then.get(name) for name in 'abc'}


def test_a_text_is_made_once_and_only_if_somebody_asks() -> None:
    made = []

    def show(statement: bytes) -> str:
        made.append(statement)
        return statement.decode()

    statements = Statements(show)
    statements.put('a', b'one')
    statements.put('b', b'two')
    assert [statements.find('b') for _ in range(3)] == ['two'] * 3
    statements.put('b', b'three')
    assert statements.find('b') == 'three'
    assert made == [b'two', b'three']


def test_the_bytes_are_kept_though_the_text_is_made() -> None:
    statements = Statements(lambda statement: statement.decode()[:1])
    statements.put('a', b'one')
    assert [statements.find('a'), statements.find_bytes('a')] == ['o', b'one']
    statements.put('a', None)
    assert [statements.find('a'), statements.find_bytes('a')] == [None, b'']


def test_forgets_the_oldest() -> None:
    statements = Statements(bytes.decode)
    for number in range(KEPT):
        statements.put(number, b'%d' % number)
    statements.put(0, b'again')
    statements.put(KEPT, b'one more')
    assert [statements.find(number) for number in (0, 1, 2, KEPT)] == ['again', None, '2', 'one more']


def test_keeps_little_of_what_is_never_asked_for() -> None:
    statements = Statements(bytes.decode)
    for number in range(5 * KEPT):
        statements.put_behind(number, number, b'')
    assert len(statements._known) == len(statements._coming) == KEPT
    statements.go_to(5 * KEPT)
    assert [statements.find(number) for number in (4 * KEPT - 1, 4 * KEPT)] == [None, '']
    assert not statements._coming
