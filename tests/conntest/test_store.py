"""What is kept, and how much of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vaurien.conntest.messages import Run
from vaurien.conntest.plan import Plan
from vaurien.conntest.store import GROUP_COST, PIECE, RUN_COST, Group, Store
from vaurien.conntest.timestamps import UNSET
from vaurien.errors import CapacityError

PLENTY = 1 << 30


def make_run(number: int, data: bytes | None = None) -> Run:
    times: dict[str, Any] = dict.fromkeys(('time', 'client_start', 'client_end', 'server_start', 'server_end'), UNSET)
    return Run(run_id=str(number), run_count=number, data=data, **times)


def decode(group: Group) -> Any:
    return json.loads(b''.join(group.encode()))


@pytest.mark.parametrize('count', [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1])
def test_runs_come_back_in_order(count: int) -> None:
    group = Store(1, PLENTY).create(Plan(description='null, "test_runs":null'))
    for number in range(count):
        group.add(make_run(number))
    decoded = decode(group)
    assert decoded['description'] == 'null, "test_runs":null'
    runs = decoded['test_runs']
    assert [run['run_id'] for run in runs or ()] == [str(number) for number in range(count)]
    assert (runs is None) == (count == 0)


def test_runs_that_arrive_meanwhile_come_another_time() -> None:
    group = Store(1, PLENTY).create(Plan())
    for number in range(PIECE + 1):
        group.add(make_run(number))
    pieces = []
    for piece in group.encode():
        pieces.append(piece)
        group.add(make_run(-1))
    assert len(json.loads(b''.join(pieces))['test_runs']) == PIECE + 1


def test_room_that_is_given_back() -> None:
    store = Store(2, PLENTY)
    group, gone = store.create(Plan()), store.create(Plan())
    before = store.cost
    for one in (group, gone):
        store.reserve(one, 1000)
    store.remove(gone)
    for one in (group, gone):
        store.release(one, 1000)
    assert store.cost == group.cost == before - GROUP_COST


def test_groups_are_found_by_id() -> None:
    store = Store(2, PLENTY)
    one, other = store.create(Plan()), store.create(Plan())
    assert store.find(one.id) is one
    assert store.find(other.id) is other
    assert store.find('') is None
    assert store.groups == [one, other]


def test_no_more_groups_than_that() -> None:
    store = Store(2, PLENTY)
    first = store.create(Plan())
    store.create(Plan())
    with pytest.raises(CapacityError, match='this server keeps no more than 2 test groups: delete a group'):
        store.create(Plan())
    store.remove(first)
    store.create(Plan())


def test_no_more_bytes_than_that() -> None:
    store = Store(10, GROUP_COST + 2 * (RUN_COST + 400))
    group = store.create(Plan())
    for _ in range(2):
        store.reserve(group, 300)
    with pytest.raises(CapacityError, match='this server keeps no more than 0 MiB of runs'):
        store.reserve(group, 0)
    with pytest.raises(CapacityError):
        store.create(Plan())
    store.remove(group)
    assert store.cost == 0
    store.reserve(store.create(Plan()), 800)


@pytest.mark.parametrize('size', [0, 1, 2, 3, 1000])
def test_what_a_run_costs_is_enough(size: int) -> None:
    store = Store(1, PLENTY)
    group = store.create(Plan())
    store.reserve(group, size)
    run = make_run(2**63 - 1, bytes(size))
    run.run_id = '8' * 36
    run.upstream_response_code, run.upstream_response_time_ns, run.error = 999, 2**63, 'e' * 200
    for name in ('time', 'client_start', 'client_end', 'server_start', 'server_end'):
        setattr(run, name, '2026-01-05T10:12:31.004512345Z')
    before = len(b''.join(group.encode()))
    group.add(run)
    assert len(b''.join(group.encode())) - before <= group.cost - GROUP_COST
