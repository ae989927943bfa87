"""Groups, runs, results and the report, field by field as they travel.

The order of the fields, which of them are left out when empty, base64 for bytes and the time that was never set are
those of the original, a Go program, for either side to be the counterpart of one of its. A field with a default is
left out when it has it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from vaurien.conntest.moments import UNSET

#: What fits the original's int64.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Run(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One request, as one side saw it. Times are texts, see `moments`."""

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
    """What is to be run, and the runs that one side has seen."""

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
    """One run, both sides compared."""

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
    """A whole test. Without ``server_run_group`` the server's record could not be had, and nothing was compared."""

    client_run_group: RunGroup
    server_run_group: RunGroup | None
    results: list[Result] | None
    average_response_time_ns: int


def client_run(group: RunGroup, number: int, data: bytes, start: str, end: str, error: str) -> Run:
    """A run as the client records it."""
    return Run(
        run_group_id=group.run_group_id,
        remote_addr=group.remote_addr,
        run_count=number,
        time=start,
        data=data,
        client_start=start,
        client_end=end,
        server_start=UNSET,
        server_end=UNSET,
        error=error,
    )
