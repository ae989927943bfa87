"""What is read of a JSON text that somebody else has written."""

from __future__ import annotations

import pytest

from vaurien.console.values import decode, has_more_values


@pytest.mark.parametrize(('text', 'values'), [(b'1', 0), (b'[1,2]', 2), (b'{"a":{"b":[]}}', 3), (b'",[{"', 3)])
def test_values_are_counted(text: bytes, values: int) -> None:
    assert not has_more_values(text, values)
    assert values == 0 or has_more_values(text, values - 1)


def test_a_value_of_that_kind() -> None:
    assert decode(b'{"a":1}', dict[str, int]) == {'a': 1}
    assert decode(b'["1"]', list[int], strict=False) == [1]


@pytest.mark.parametrize(
    ('text', 'kind', 'reason'),
    [
        (b'', list[int], 'truncated'),
        (b'[1', list[int], 'truncated'),
        (b'["1"]', list[int], 'Expected `int`, got `str`'),
        (b'[' * 100_000, list, 'nested too deeply'),
        (b'["\xff"]', list, '(?i)utf-8'),
    ],
)
def test_anything_else_has_a_reason(text: bytes, kind: type[object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode(text, kind)
