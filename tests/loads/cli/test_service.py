"""The flags of ``loads-agent`` and ``loads-broker`` (`agent.py`, `broker.py`), and mistakes in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.loads.commands import run
from vaurien.loads.cli import agent, broker

MAINS: dict[str, Callable[[list[str]], int]] = {'loads-agent': agent.main, 'loads-broker': broker.main}


@pytest.mark.parametrize(
    ('command', 'flags', 'said'),
    [
        ('loads-agent', '--broker 192.0.2.1:5557', '--broker: 192.0.2.1:5557 is not a loopback address'),
        ('loads-agent', '--broker here', "'here' is not an address"),
        ('loads-agent', '--heartbeat-timeout 1', "--heartbeat-timeout: expected float >= 2.0, got '1'"),
        (
            'loads-broker',
            '--heartbeat-timeout soon',
            "--heartbeat-timeout: expected a duration such as 200ms or 2s, got 'soon'",
        ),
        ('loads-broker', '--bind 0.0.0.0:5557', '--bind: 0.0.0.0:5557 is not a loopback address'),
        ('loads-broker', '--port 1', 'unknown flag --port, see loads-broker --help'),
    ],
)
def test_mistakes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, flags: str, said: str
) -> None:
    monkeypatch.delenv('LOADS_SECRET', raising=False)
    assert MAINS[command](flags.split()) == 2
    out, err = capsys.readouterr()
    assert out == ''
    assert re.fullmatch(f'{command}: error: .*{re.escape(said)}.*\n', err)


def test_flags() -> None:
    arguments = agent.make_parser().parse(['--name', 'alpha', '--secret', 's', '--heartbeat-timeout', '2.5'])
    assert (arguments.name, arguments.broker, arguments.secret) == ('alpha', 'localhost:5557', 's')
    assert (arguments.heartbeat_timeout, arguments.no_patching) == (2.5, False)
    arguments = broker.make_parser().parse([])
    assert (arguments.bind, arguments.secret, arguments.heartbeat_timeout) == ('localhost:5557', '', 9)


@pytest.mark.parametrize('command', MAINS)
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as left:
        MAINS[command](['--help'])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, '')
    assert 'examples:' in out
    assert 'runner counts as lost (9)' in ' '.join(out.split())
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize('command', MAINS)
def test_version(tmp_path: Path, command: str) -> None:
    assert run(command, '--version', cwd=tmp_path).out == f'{command} 2.0.0\n'
