"""How many connections fit into the descriptors of a process."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Iterator

import pytest

from vaurien.console.limits import SPARE, describe_shortage, raise_descriptors

#: More than the kernel allows any process (fs.nr_open).
TOO_MANY = 2_000_000_000


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    """Set the limit to half of what it may be; it is as before after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def test_the_limit_is_raised_to_the_hard_one() -> None:
    soft, hard = limits()
    assert soft < hard
    fitting = raise_descriptors()
    assert limits() == (hard, hard)
    assert hard - SPARE - 200 < fitting < hard - SPARE
    assert raise_descriptors() == fitting


def test_what_is_open_counts() -> None:
    before = raise_descriptors()
    ends = os.pipe()
    assert raise_descriptors() == before - 2
    for end in ends:
        os.close(end)


def test_there_is_room() -> None:
    soft, hard = limits()
    assert describe_shortage(soft) == ''
    assert limits() == (hard, hard)


def test_more_than_there_can_be() -> None:
    _, hard = limits()
    said = describe_shortage(TOO_MANY)
    assert limits() == (hard, hard)
    match = re.fullmatch(
        rf'about (\d+) of the {TOO_MANY} connections fit into the {hard} file descriptors that this process may open: '
        r'as root, ulimit -Hn (\d+) makes room for what is started after it',
        said,
    )
    assert match
    assert (int(match[1]), int(match[2]) - TOO_MANY) == (raise_descriptors(), hard - raise_descriptors())


@pytest.mark.parametrize('privileged', [True, False])
def test_the_hard_limit_is_raised_where_that_may_be(monkeypatch: pytest.MonkeyPatch, privileged: bool) -> None:
    limits = (100, 1000)

    def set_limits(kind: int, wanted: tuple[int, int]) -> None:
        nonlocal limits
        if wanted[1] > limits[1] and not privileged:
            raise ValueError('not allowed to raise maximum limit')
        limits = wanted

    monkeypatch.setattr(resource, 'getrlimit', lambda kind: limits)
    monkeypatch.setattr(resource, 'setrlimit', set_limits)
    fitting = raise_descriptors(2000)
    assert (fitting >= 2000) is privileged
    assert (limits == (1000, 1000)) is not privileged
    assert limits[0] == limits[1]


def test_a_limit_that_is_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, 'setrlimit', lambda *arguments: None)
    monkeypatch.setattr(resource, 'getrlimit', lambda kind: (10, 10))
    assert raise_descriptors() == 0
    assert describe_shortage(5).startswith('about 0 of the 5 connections fit into the 10 file descriptors')


def test_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, 'getrlimit', lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert describe_shortage(TOO_MANY) == ''
