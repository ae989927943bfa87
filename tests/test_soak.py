"""A minute of the soak, and that the soak finds what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event

import pytest

from soak.__main__ import report
from soak.clients import Talk
from soak.faults import Record
from soak.rounds import Round
from soak.worker import Load, Outcome, Worker


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_minute() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'soak', '--minutes', '1', '--pause', '0.3', '--seed', '1'],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ''), done.stdout
    assert done.stdout.count(' 0 wrong') == 4


class TestWorker:
    """Tests what a worker says of an exchange that went wrong."""

    def run(self, talk: Talk, record: Record) -> Outcome:
        """Return what a worker has seen after one exchange."""
        stopped = Event()

        @contextmanager
        def connect(port: int) -> Iterator[Talk]:
            def once(data: bytes) -> bytes:
                stopped.set()
                return talk(data)

            yield once

        worker = Worker('redis', connect, 0, record, Random(1), Load())
        worker.run(stopped)
        return worker.outcome

    def test_other_bytes_are_wrong_whether_or_not_a_fault_was_armed(self) -> None:
        for periods in (['calm'], ['fault']):
            outcome = self.run(lambda data: data[:-1] + bytes([data[-1] ^ 1]), Record(periods))
            assert (len(outcome.wrong), outcome.untouched, outcome.survived) == (1, 0, 0)

    def test_an_error_is_wrong_if_no_fault_was_armed(self) -> None:
        def fail(data: bytes) -> bytes:
            raise ConnectionResetError

        assert len(self.run(fail, Record(['calm'])).wrong) == 1
        assert self.run(fail, Record(['fault'])) == Outcome(failed=1)

    def test_changed_bytes_are_not_compared(self) -> None:
        record = Record(['calm'])

        def spoil(data: bytes) -> bytes:
            record.periods.append('spoiler')
            return b''

        assert self.run(spoil, record) == Outcome(spoiled=1)


class TestReport:
    """Tests what counts as wrong once all rounds are over."""

    def test_descriptors_and_memory(self) -> None:
        def rounds(*last: int) -> Iterator[Round]:
            yield from (Round(Outcome(), 0, 30, 40_000) for _ in range(20))
            yield Round(Outcome(), 0, *last)

        assert list(report(rounds(30, 41_024), 21)) == []
        assert list(report(rounds(31, 41_025), 21)) == [
            '1 descriptors gained since round 1',
            '1025 KiB gained since round 20',
        ]

    def test_each_wrong_exchange_is_named(self) -> None:
        assert list(report(iter([Round(Outcome(wrong=['redis: no']), 0, 30, 40_000)]), 1)) == ['round 1: redis: no']
