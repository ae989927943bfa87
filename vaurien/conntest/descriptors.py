"""How many connections this process may have open."""

from __future__ import annotations

import resource

#: Descriptors that are no connections: files, the event loop, the resolver's.
SPARE = 64


def allow_descriptors(wanted: int) -> int:
    """Raise the limit of this process to *wanted* descriptors, as far as it may itself; the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit
