"""What this machine allows."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from tests.tcpgoon.dialing import place, target
from vaurien.tcpgoon.limits import check_ports, count_ports, raise_descriptors


@pytest.fixture
def _limits() -> Iterator[None]:
    """Half of the descriptors that there may be; as before after the test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures('_limits')
def test_descriptors_are_raised_as_far_as_needed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert raise_descriptors(10) == ''
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    assert raise_descriptors(soft) == ''
    raised = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft < raised[0] <= hard == raised[1]


@pytest.mark.usefixtures('_limits')
def test_more_descriptors_than_there_can_be() -> None:
    said = raise_descriptors(2_000_000_000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert f'of the 2000000000 connections fit into the {hard} file descriptors' in said


@pytest.mark.parametrize(
    ('range_', 'reserved', 'count'),
    [
        ('32768\t60999\n', '', 28232),
        ('32768\t60999\n', '\n', 28232),
        ('1000 1009', '1001,1003-1005,2000\n', 6),
        ('1000 1000', '', 1),
    ],
)
def test_local_ports(range_: str, reserved: str, count: int) -> None:
    assert count_ports(range_, reserved) == count


def test_more_connections_than_local_ports() -> None:
    assert check_ports(1, target(1)) == ''
    assert 'at most' in check_ports(65536, target(1))
    assert 'of the 65536 connections have a local port' in check_ports(65536, target(1))
    assert check_ports(65536, target(1, sources=[place(0, f'127.0.0.{number}') for number in range(2, 70)])) == ''
