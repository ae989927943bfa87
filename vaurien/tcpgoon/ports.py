"""How many local ports the connections of this machine can have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vaurien.tcpgoon.target import Target

SYSTEM = Path('/proc/sys/net/ipv4')


def check_ports(connections: int, target: Target) -> str:
    """Return what is missing if so many connections to one target have no local port each, empty if all have one.

    Systems other than Linux do not tell it in a file, and it is found out while they connect.
    """
    range_ = _read('ip_local_port_range')
    if not range_:
        return ''
    ports = count_ports(range_, _read('ip_local_reserved_ports'))
    addresses = max(1, len(set(target.sources)))
    if connections <= ports * addresses:
        return ''
    return (
        f'at most {ports * addresses} of the {connections} connections have a local port '
        f'(net.ipv4.ip_local_port_range: {ports} for each address): --source names more addresses to dial from, '
        f'{-(-connections // ports)} in all'
    )


def count_ports(range_: str, reserved: str) -> int:
    """Return how many local ports the kernel assigns: ``ip_local_port_range`` without ``ip_local_reserved_ports``.

    Source: ``Documentation/networking/ip-sysctl.rst`` of Linux.
    """
    low, high = map(int, range_.split())
    return high - low + 1 - sum(low <= port <= high for port in _expand(reserved))


def _expand(ranges: str) -> Iterator[int]:
    """Yield the numbers of ``8080,9000-9002``."""
    for part in filter(None, ranges.strip().split(',')):
        first, _, last = part.partition('-')
        yield from range(int(first), int(last or first) + 1)


def _read(setting: str) -> str:
    path = SYSTEM / setting
    return path.read_text() if path.exists() else ''
