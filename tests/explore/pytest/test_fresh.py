"""A process that runs a test for another one: how it is told, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.descriptors import descriptors
from tests.servers import TIMEOUT
from vaurien.explore.model import Injection
from vaurien.explore.process_group import find_session
from vaurien.explore.pytest import fresh
from vaurien.explore.pytest.fresh import FreshProcess

LOST = Injection.parse('redis: GET a #1 lost')

#: What stands for pytest: it says how many orders it had before, and ends, or waits, at one with a limit.
SERVING = """
import json, os, socket, sys, time
sock = socket.socket(fileno=int(sys.argv[-1].partition('--vaurien-explore-serve=')[2]))
with open('started', 'a') as started:
    print(os.getpid(), file=started)
for number, line in enumerate(sock.makefile()):
    order = json.loads(line)
    if order['limit'] is not None:
        {reaction}
    answer = {{'run': {{'seconds': 0.5, 'own': number}}, 'proxies': [{{'name': 'redis', 'protocol': 'redis'}}]}}
    sock.sendall(json.dumps(answer).encode() + b'\\n')
"""

#: Makes a process that does something about an order with a limit.
Start = Callable[[str], FreshProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give what makes a process, which ends with the test."""
    processes = []

    def make(reaction: str) -> FreshProcess:
        processes.append(FreshProcess([sys.executable, '-c', SERVING.format(reaction=reaction)], {}, tmp_path))
        return processes[-1]

    yield make
    for process in processes:
        process.close()


def started(folder: Path) -> list[int]:
    """Return the numbers of the processes that were started."""
    return [int(line) for line in (folder / 'started').read_text().split()]


def test_it_is_started_when_it_is_needed_and_then_told_again_and_again(start: Start, tmp_path: Path) -> None:
    process = start('pass')
    assert not (tmp_path / 'started').exists()
    runs = [process.run([LOST], None), process.run([], TIMEOUT)]
    assert [run.own for run in runs] == [1, 2]  # what it does once, it has done before
    assert [proxy.name for proxy in process.proxies] == ['redis']
    assert len(started(tmp_path)) == 1


def test_one_that_ends_is_started_anew(start: Start, tmp_path: Path) -> None:
    process = start('os._exit(1)')
    failure = process.run([LOST], TIMEOUT).failure
    assert failure is not None
    assert failure.message == 'the process has ended'
    assert process.run([LOST], None).has_passed
    assert len(started(tmp_path)) == 2


def test_one_that_does_not_answer_has_hung_and_is_ended(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, 'RUN_MARGIN', 0.1)
    run = start('time.sleep(600)').run([LOST], 0.01)
    assert run.hung
    [number] = started(tmp_path)
    assert find_session(number) == []


def test_one_that_does_not_even_start_is_a_failure(tmp_path: Path) -> None:
    failure = FreshProcess([sys.executable, '-c', ''], {}, tmp_path).run([LOST], None).failure
    assert failure is not None
    assert failure.phase == 'setup'


def test_one_that_cannot_be_started_is_a_failure_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = descriptors()
    process = FreshProcess([sys.executable], {}, tmp_path / 'gone')
    run = process.run([LOST], None)
    assert not run.hit
    assert run.failure is not None
    assert run.failure.message == 'no fresh process of pytest can be started: no such file or directory'
    assert descriptors() == before
    process.close()


def test_it_ends_in_order(start: Start, tmp_path: Path) -> None:
    process = start('pass')
    process.run([], None)
    process.close()
    [number] = started(tmp_path)
    assert find_session(number) == []
    process.close()  # once more does nothing
