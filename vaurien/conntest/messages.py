"""Groups, runs, results and reports, as they travel between client and server and are stored.

The order of the fields, which of them are left out when they are empty, base64 for bytes and the zero timestamp are
those of the original, a Go program: client and server work with its counterparts. A field is left out if it has its
default.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from vaurien.conntest.timestamps import UNSET

#: A number that the original has room for (int64).
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Run(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One request, as one side saw it. Timestamps are texts, see `timestamps`."""

    run_id: str = ''
    run_group_id: str = ''
    remote_addr: str = ''
    run_count: Count = 0
    time: str
    data: bytes | None = None
    client_start: str
    client_end: str
    server_start: str
    server_end: str
    upstream_response_code: int = 0
    upstream_response_time_ns: int = 0
    error: str = ''


class RunGroup(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The settings of a test group, and the runs that one side has seen."""

    run_group_id: str
    run_count: Count
    test_runs: list[Run] | None
    description: str
    created_at: str
    concurrency: Count
    client_delay_ns: Count
    server_delay_ns: Count
    remote_addr: str = ''
    upstream_endpoint: str = ''
    upstream_timeout_ns: Count = 0


class Result(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One run, with both sides compared."""

    run_id: str
    run_group_id: str = ''
    remote_addr: str = ''
    run_count: Count
    client_time: str
    server_time: str
    client_duration_ns: int
    server_duration_ns: int
    error: str = ''


class Report(msgspec.Struct, kw_only=True):
    """A whole test. Without ``server_run_group``, the server's record is missing, and nothing was compared."""

    client_run_group: RunGroup
    server_run_group: RunGroup | None
    results: list[Result] | None
    average_response_time_ns: int


def client_run(group: RunGroup, number: int, data: bytes, start: str, end: str, error: str) -> Run:
    """Return a run as the client records it."""
    return Run(
        run_group_id=group.run_group_id,
        remote_addr=group.remote_addr,
        run_count=number,
        time=start,
        data=data or None,  # left out if empty, as by the server
        client_start=start,
        client_end=end,
        server_start=UNSET,
        server_end=UNSET,
        error=error,
    )
