"""How many connections this process may have open at a time, as far as its limit of open files goes."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

#: Descriptors that will be needed beside those of connections: by the event loop, the resolver, reports.
SPARE = 16


def raise_descriptors(connections: int = 0) -> int:
    """Raise the limit of open files as far as may be; return how many connections then fit beside what is open.

    That is up to the hard limit, and above it only if *connections* need it, which takes a privilege.
    """
    used = _count_used()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and connections + used > hard:
        _try_limit(connections + used)
    _try_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(0, soft - used)


def describe_shortage(connections: int) -> str:
    """Make room for so many connections; return what is missing and what to do about it, empty if nothing is."""
    fitting = raise_descriptors(connections)
    if fitting >= connections:
        return ''
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f'about {fitting} of the {connections} connections fit into the {soft} file descriptors that this process may '
        f'open: as root, ulimit -Hn {connections + _count_used()} makes room for what is started after it'
    )


def _count_used() -> int:
    return len(list(Path('/proc/self/fd').iterdir())) + SPARE


def _try_limit(limit: int) -> None:
    with suppress(OSError, ValueError):  # raised for more than this process may set, or the kernel allows (fs.nr_open)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
