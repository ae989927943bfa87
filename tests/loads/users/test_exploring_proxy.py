"""``--explore``: faults under load, one on each fourth hit, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loads.conftest import Shop
from vaurien.explore.model import Cell, Explored, Outcome
from vaurien.explore.showing.records import read_records
from vaurien.framing.trials import Kind


def read(folder: Path) -> Explored:
    [explored] = read_records(folder / 'explore.json')
    return explored


def find(explored: Explored, kind: Kind, detail: str = '') -> Cell:
    [cell] = [
        cell for cell in explored.cells if cell.injections[0].kind is kind and cell.injections[0].detail == detail
    ]
    return cell


def test_all_that_a_test_may_meet(shop: Shop, tmp_path: Path) -> None:
    flags = ['--server-url', shop.nginx.url, '--vaurien', 'protocol=http', '--explore', str(tmp_path)]
    done = shop.run('faulty.TestFaults.test_failed_in_time', '-u', '4', '--hits', '20', *flags)
    explored = read(tmp_path)
    assert ('GET /ok', 1) in [(point.request, point.nth) for point in explored.points]
    assert f'Explored: survived {sum(not cell.worst.is_finding for cell in explored.cells)} of ' in done.out
    assert find(explored, Kind.NO, '503').outcomes == {Outcome.DECLARED}
    assert find(explored, Kind.REFUSED).outcomes == {Outcome.LEAKED}
    assert 'ConnectionError' in find(explored, Kind.REFUSED).message
    silent = find(explored, Kind.SILENT)
    assert min(silent.times) >= 0.2
    assert len(explored.times) >= 40
    assert sum(len(cell.times) for cell in explored.cells) >= 10


def test_a_write_that_comes_twice(shop: Shop, tmp_path: Path) -> None:
    fault = 'redis: INCRBY visits #1 lost'
    flags = ['--vaurien', f'protocol=redis backend={shop.redis.address}', '--explore', str(tmp_path)]
    done = shop.run('faulty.TestFaults.test_twice', '--hits', '20', '--explore-fault', fault, *flags)
    [cell] = read(tmp_path).cells
    assert cell.outcomes == {Outcome.TWICE, Outcome.RETRIED}
    assert len(cell.times) == 3
    assert 'Explored: survived 0 of 1 faults, tried 1 of ' in done.out
    replay = read(tmp_path).format_replay(cell.injections)
    assert replay.endswith(f"--hits 40 --explore tried-again --explore-fault '{fault}'")


def test_a_fault_that_meets_no_request(shop: Shop, tmp_path: Path) -> None:
    flags = ['--server-url', shop.nginx.url, '--vaurien', 'protocol=http', '--explore', str(tmp_path)]
    fault = 'http: GET /okay #1 lost'
    done = shop.run('faulty.TestFaults.test_failed_in_time', '--hits', '12', '--explore-fault', fault, *flags)
    assert done.status == 1
    assert done.err == f"loads-runner: error: --explore-fault: {fault!r} has met no request: did you mean 'GET /ok'?\n"


def test_too_few_hits(shop: Shop, tmp_path: Path) -> None:
    flags = ['--server-url', shop.nginx.url, '--vaurien', 'protocol=http', '--explore', str(tmp_path)]
    shop.run('faulty.TestFaults.test_failed', '--hits', '3', *flags)
    assert read(tmp_path).problem == 'there were only 3 hits without a fault that succeeded'


def test_commands_may_be_explored(shop: Shop, tmp_path: Path) -> None:
    fault = 'http: GET /ok #1 no(503)'
    flags = ['--server-url', shop.nginx.url, '--vaurien', 'protocol=http', '--explore', str(tmp_path)]
    shop.run('test', '--hits', '12', '--test-runner', './script.sh {test}', '--explore-fault', fault, *flags)
    [cell] = read(tmp_path).cells
    assert cell.worst is Outcome.WRONG


@pytest.mark.parametrize(
    ('flags', 'said'),
    [
        (['--explore', 'found'], '--explore: faults are tried at a proxy: see --vaurien'),
        (
            ['--explore', 'found', '--vaurien', 'backend=localhost:1', '--agents', '2'],
            '--explore: it is for runs without',
        ),
        (
            ['--explore', 'found', '--vaurien', 'backend=localhost:1 behavior=5:error'],
            '--explore: it tries faults itself',
        ),
        (['--explore-fault', 'x'], '--explore-fault: there has to be a folder for the report: see --explore'),
        (
            ['--explore', 'found', '--explore-fault', 'x', '--vaurien', 'backend=localhost:1'],
            "--explore-fault: 'x' is no fault such as",
        ),
        (
            ['--explore', 'found', '--explore-fault', 'x: GET / #1 lost', '--vaurien', 'backend=localhost:1'],
            'the proxy is called tcp, and not x',
        ),
    ],
)
def test_a_mistake_is_one_line(shop: Shop, flags: list[str], said: str) -> None:
    done = shop.run('faulty.TestFaults.test_failed', *flags)
    assert done.status == 2
    assert said in done.err
    assert done.err.count('\n') == 1
