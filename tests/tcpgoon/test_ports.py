"""Local ports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.servers import TIMEOUT
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


#: Names an address to connect from while all of its local ports are taken.
ALL_TAKEN = """\
import socket
from vaurien.tcpgoon.target import parse_sources

taken = [socket.create_server(('127.0.0.1', port)) for port in (40000, 40001)]
print([source.address for source in parse_sources('127.0.0.1')])
"""


def test_naming_an_address_takes_no_port() -> None:
    script = (
        'ip link set lo up && echo "40000 40001" > /proc/sys/net/ipv4/ip_local_port_range && '
        f'exec {sys.executable} -c "$PROGRAM"'
    )
    done = subprocess.run(
        ['unshare', '--map-root-user', '--net', 'sh', '-c', script],
        env={**os.environ, 'PROGRAM': ALL_TAKEN},
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT,
    )
    if 'unshare' in done.stderr:
        pytest.skip(f'no network namespace here: {done.stderr.strip()}')
    assert (done.stdout, done.stderr) == ("[('127.0.0.1', 0)]\n", '')


def test_an_address_that_is_named_twice_counts_once() -> None:
    assert 'at most' in check_ports(65536, target(1, sources=[place(0, '127.0.0.2')] * 70))
