"""Local ports."""

from __future__ import annotations

import pytest

from tests.tcpgoon.dialing import place, target
from vaurien.tcpgoon.ports import check_ports, count_ports


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
