"""A pattern is compiled once, when it is first used, and then is what `re` makes of it."""

from __future__ import annotations

import re
from unittest.mock import Mock

import pytest

from vaurien.framing import late_pattern
from vaurien.framing.late_pattern import LatePattern


def test_it_is_compiled_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = Mock(wraps=re.compile)
    monkeypatch.setattr(late_pattern, 're', Mock(compile=compiled))
    pattern = LatePattern(rb'(?P<word>a+)', re.IGNORECASE)
    assert not compiled.called
    found = [pattern.match(b'bAA', 1), pattern.match(b'b'), pattern.match(b'a')]
    assert [one and one['word'] for one in found] == [b'AA', None, b'a']
    compiled.assert_called_once_with(rb'(?P<word>a+)', re.IGNORECASE)


def test_all_of_a_text() -> None:
    pattern = LatePattern('a+')
    assert pattern.fullmatch('aa')
    assert not pattern.fullmatch('aab')
