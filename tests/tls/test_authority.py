"""The authority of a process: one key, a certificate for each name, and not more of them than it keeps."""

from __future__ import annotations

import sys

import pytest

from vaurien.errors import ConfigError
from vaurien.tls import authority
from vaurien.tls.authority import Authority, get_authority


def test_there_is_one() -> None:
    assert get_authority() is get_authority()
    assert b'BEGIN CERTIFICATE' in get_authority().pem
    assert b'PRIVATE' not in get_authority().pem


def test_a_name_keeps_its_certificate() -> None:
    mine = Authority()
    assert mine.issue('a.example.com') is mine.issue('a.example.com')
    assert mine.issue('b.example.com') != mine.issue('a.example.com')


def test_those_that_are_not_asked_for_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, 'KEPT', 2)
    mine = Authority()
    first, second = mine.issue('a'), mine.issue('b')
    assert mine.issue('a') is first
    mine.issue('c')
    assert mine.issue('a') is first
    assert mine.issue('b') is not second


@pytest.mark.parametrize(
    ('name', 'problem'),
    [('', 'length'), ('a..b', 'Empty Label'), ('a\nb', 'not allowed'), ('x' * 300, 'too long')],
)
def test_a_name_that_nobody_can_have(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        get_authority().issue(name)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'trustme', None)
    with pytest.raises(ConfigError, match=r"tls: it needs trustme: pip install 'vaurien\[tls\]'"):
        Authority()
