"""The limit of open files, which limits the connections of a process."""

from __future__ import annotations

import sys
from contextlib import suppress
from errno import (
    ECONNABORTED,
    EHOSTDOWN,
    EHOSTUNREACH,
    EMFILE,
    ENETDOWN,
    ENETUNREACH,
    ENFILE,
    ENOBUFS,
    ENOMEM,
    ENOPROTOOPT,
    EOPNOTSUPP,
    EPERM,
    EPROTO,
)
from pathlib import Path

#: A socket cannot be had because the machine has run out of something, whatever its address is.
EXHAUSTED = {EMFILE, ENFILE, ENOBUFS, ENOMEM}

#: A client has gone before it was accepted, or a firewall does not let it pass: the next one may be well (accept(2)).
LOST = {
    ECONNABORTED,
    EHOSTDOWN,
    EHOSTUNREACH,
    ENETDOWN,
    ENETUNREACH,
    ENOPROTOOPT,
    EOPNOTSUPP,
    EPERM,
    EPROTO,
}

#: Descriptors that will be needed beside those of connections: by the event loop, the resolver, reports.
SPARE = 16
#: Those of the event loop and of signals alone, where names are resolved before and files are opened after.
LEAST_SPARE = 6


def raise_descriptors(connections: int = 0, spare: int = SPARE) -> int:
    """Raise the limit of open files as far as possible; return how many connections fit, beside what is open.

    *spare* is how many more descriptors will be needed.

    It is raised to the hard limit. That is raised, too, if *connections* need it and this process has the privilege.
    """
    used = _count_open() + spare
    _, hard = find_limits()
    if hard != UNLIMITED and connections + used > hard:
        _try_limit(connections + used)
    _try_limit(find_limits()[1])
    soft, _ = find_limits()
    return sys.maxsize if soft == UNLIMITED else max(0, soft - used)


def describe_shortage(connections: int, spare: int = SPARE) -> str:
    """Make room for so many connections; return what is missing and what to do, empty if nothing is missing.

    *spare* is how many more descriptors will be needed.
    """
    fitting = raise_descriptors(connections, spare)
    if fitting >= connections:
        return ''
    soft, _ = find_limits()
    return (
        f'about {fitting} of the {connections} connections fit into the {soft} file descriptors that this process may '
        f'open: as root, ulimit -Hn {connections + _count_open() + spare} makes room for what is started after it'
    )


if sys.platform != 'win32':
    import resource

    UNLIMITED = resource.RLIM_INFINITY

    def find_limits() -> tuple[int, int]:
        """Return how many files this process may open, and what it may raise that to."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)

    def _count_open() -> int:
        return sum(1 for _ in Path('/dev/fd').iterdir()) - 1  # less the one of the folder itself

    def _try_limit(limit: int) -> None:
        with suppress(OSError, ValueError):  # more than this process may set, or the kernel allows (fs.nr_open)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

else:
    UNLIMITED = -1

    def find_limits() -> tuple[int, int]:
        """Return that there is no limit: sockets are no files there."""
        return UNLIMITED, UNLIMITED

    def _count_open() -> int:
        return 0

    def _try_limit(limit: int) -> None:
        """Do nothing."""
