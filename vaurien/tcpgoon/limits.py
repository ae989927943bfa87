"""What this machine allows: descriptors, which are raised as far as may be, and local ports."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from vaurien.tcpgoon.target import Target

#: Descriptors for everything but connections, beyond those that are open already.
SPARE = 8

SYSTEM = Path('/proc/sys/net/ipv4')


def raise_descriptors(connections: int) -> str:
    """Have so many connections fit into this process; if they cannot, what is to be said."""
    others = len(list(Path('/proc/self/fd').iterdir())) + SPARE
    needed = connections + others
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed <= soft or soft == resource.RLIM_INFINITY:
        return ''
    enough = hard == resource.RLIM_INFINITY or needed <= hard
    for limits in ((needed, hard if enough else needed), (hard, hard)):  # the first may take a privilege
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            break
        except (OSError, ValueError):
            continue
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if needed <= soft:
        return ''
    return (
        f'about {max(0, soft - others)} of the {connections} connections fit into the {soft} file descriptors of a '
        f'process here: ulimit -Hn {needed} before, as root, makes room'
    )


def check_ports(connections: int, target: Target) -> str:
    """What is to be said if the local ports do not suffice for so many connections to one target."""
    ports = count_ports((SYSTEM / 'ip_local_port_range').read_text(), _read('ip_local_reserved_ports'))
    addresses = max(1, len(target.sources))
    if connections <= ports * addresses:
        return ''
    return (
        f'at most {ports * addresses} of the {connections} connections have a local port '
        f'(net.ipv4.ip_local_port_range: {ports} for each address): --source names more addresses to dial from, '
        f'{-(-connections // ports)} in all'
    )


def count_ports(range_: str, reserved: str) -> int:
    """How many ports the kernel gives out by itself, from the texts of its two settings."""
    low, high = map(int, range_.split())
    return high - low + 1 - sum(low <= port <= high for port in _expand(reserved))


def _expand(ranges: str) -> Iterator[int]:
    """The numbers of ``8080,9000-9002``."""
    for part in filter(None, ranges.strip().split(',')):
        first, _, last = part.partition('-')
        yield from range(int(first), int(last or first) + 1)


def _read(setting: str) -> str:
    path = SYSTEM / setting
    return path.read_text() if path.exists() else ''
