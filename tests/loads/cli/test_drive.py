"""From settings to a plan, to outputs, and through a run. ``test_runner.py`` has whole runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.loads.users.test_run import StillRun
from tests.loop import in_loop
from vaurien.errors import ConfigError
from vaurien.loads.cli import drive
from vaurien.loads.cli.flags import parse
from vaurien.loads.outputs.base import Output
from vaurien.loads.plan import Cycle, Plan
from vaurien.loads.report import Report
from vaurien.loads.users.run import Run


def test_a_plan() -> None:
    line = 't.T.test -u 2:3 --hits 4 -a 5 --server-url http://localhost --python-dep redis --project-name p --user-id u'
    assert drive.make_plan(parse(line.split())) == Plan(
        test='t.T.test',
        cycles=(Cycle(2, 4), Cycle(3, 4)),
        agents=5,
        server_url='http://localhost',
        python_dep=('redis',),
        project_name='p',
        user_id='u',
    )
    plan = drive.make_plan(parse(['x', '--test-runner', 'sh {test}', '--vaurien', 'backend=a:1 behavior=5:delay']))
    assert (plan.test_runner, plan.vaurien) == ('sh {test}', ('backend=a:1', 'behavior=5:delay'))
    assert drive.make_plan(parse(['t.T.test', '--no-patching'])).no_patching


@pytest.mark.parametrize(
    ('flags', 'path', 'text'),
    [
        (['--test-runner', "'"], '--test-runner', 'is not a command'),
        (['--vaurien', 'backend=a:1 behavior=eror'], '--vaurien.behavior', 'unknown behavior'),
        (['--vaurien', 'behavior=error'], '--vaurien', 'backend=HOST:PORT is missing'),
    ],
)
def test_mistakes_in_a_plan(flags: list[str], path: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        drive.make_plan(parse(['t.T.test', *flags]))
    assert caught.value.path == path


def test_outputs() -> None:
    flags = ['--output', 'null,json', '--output', 'null', '--output-json-filename', 'out.json']
    live = ['--statsd', 'localhost:8125', '--influxdb', 'http://localhost/?bucket=b', '--web-port', '0', '--quiet']
    outputs = drive.make_outputs(parse(['t.T.test', *flags, *live]))
    assert [output.name for output in outputs] == ['null', 'json', 'statsd', 'influxdb', 'web']
    assert outputs[1].option('filename') == 'out.json'
    for url in ('localhost', 'http://localhost', 'http://[x/?bucket=b', 'http://localhost:99999/?bucket=b'):
        with pytest.raises(ConfigError, match='--influxdb: expected http://HOST:PORT'):
            drive.make_outputs(parse(['t.T.test', '--influxdb', url]))


@pytest.fixture
def _path() -> Iterator[None]:
    """The path of modules is put back."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.mark.usefixtures('_path')
def test_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'inside').mkdir()
    drive.enter('')
    assert sys.path[0] == str(tmp_path)
    drive.enter('inside')
    assert (Path.cwd(), sys.path[0]) == (tmp_path / 'inside', str(tmp_path / 'inside'))
    with pytest.raises(ConfigError, match='--test-dir: cannot enter nowhere: No such file or directory'):
        drive.enter('nowhere')


class Noting(Output):
    """Notes when it is called."""

    name = 'noting'

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.failure: Exception | None = None

    def start(self, run: Run) -> None:
        self.calls.append('start')

    def tick(self, run: Run) -> None:
        self.calls.append('tick')
        if self.failure is not None:
            raise self.failure

    def finish(self, run: Run, report: Report) -> None:
        self.calls.append(f'finish {report.status}')
        if self.failure is not None:
            raise self.failure


class SomeRun(StillRun):
    """Goes on until its output has had two ticks, or fails."""

    def __init__(self, output: Noting, *, fails: bool) -> None:
        super().__init__(Plan(test='t', cycles=(Cycle(1, 1),)))
        self._output = output
        self._fails = fails

    def execute(self) -> None:
        gevent.sleep(0.02)
        assert self._output.calls == ['start']  # no ticks before the first cycle
        self.started = self.now()
        if self._fails:
            raise ConfigError('it fails')
        while self._output.calls.count('tick') < 2:
            gevent.sleep(0.001)
        self.stats.end_hit('success', 0.1)


def follow(output: Noting, **run: Any) -> int:
    """Follow such a run to its end."""

    def call() -> int:
        made = SomeRun(output, **run)
        try:
            return drive.follow(made, parse(['t', '--output', 'null', '--quiet']))
        finally:
            made.environment.runner.greenlet.kill()

    return in_loop(call)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Noting:
    """The only output, that is called every hundredth of a second."""
    output = Noting()
    monkeypatch.setattr(drive, 'make_outputs', lambda settings: [output])
    monkeypatch.setattr(drive, 'TICK', 0.01)
    monkeypatch.setattr(drive, '_stopping', lambda run: nullcontext())  # signals are for the main thread
    return output


def test_outputs_follow_the_run(output: Noting) -> None:
    assert follow(output, fails=False) == 0
    first, *ticks, last = output.calls
    assert (first, set(ticks), last) == ('start', {'tick'}, 'finish 0')


def test_outputs_do_without_each_other(
    output: Noting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Noting(), Noting()
    first.failure, second.failure = OSError(28, 'No space left on device'), ValueError('nor there')
    monkeypatch.setattr(drive, 'make_outputs', lambda settings: [first, second, output])
    with pytest.raises(OSError, match='No space left on device'):
        follow(output, fails=False)
    for one in (first, second, output):
        assert one.calls.count('tick') > 1
        assert one.calls[-1] == 'finish 0'
    assert [record.getMessage() for record in caplog.records] == [
        'the output noting has failed: no space left on device',
        'the output noting has failed: nor there',
        'the output noting has failed: nor there',
    ]


def test_a_run_that_fails_has_no_results(output: Noting) -> None:
    with pytest.raises(ConfigError, match='it fails'):
        follow(output, fails=True)
    assert [call for call in output.calls if call != 'tick'] == ['start']
