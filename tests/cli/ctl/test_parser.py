"""Everything that ``vaurienctl --help`` shows works as it says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from vaurien.cli import ctl
from vaurien.cli.ctl.command import Command as CtlCommand
from vaurien.cli.ctl.parser import COMMANDS, EPILOG, GROUPS
from vaurien.cli.ctl.toxics import ADD
from vaurien.client import Client
from vaurien.toxics import Toxic

EXAMPLES = Path(__file__).parents[3] / 'examples'
EXAMPLE = re.compile(r'^  vaurienctl (.*)$', re.MULTILINE)


@pytest.fixture(scope='module')
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Return ``vaurien --server``, which keeps a journal."""
    command = Command('--server', '--log-level', 'error', '--journal', str(tmp_path_factory.mktemp('journal') / 'file'))
    try:
        yield command
    finally:
        command.kill()


@pytest.fixture
def redis(process: Client, echo_server: RawBackend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The proxy that the examples expect, with what they act on."""
    redis = process.create_proxy('redis', f'{HOST}:0', echo_server.address)
    redis.add_toxic('latency')
    monkeypatch.chdir(EXAMPLES)
    with process.schedule([{'after': 'deploy', 'proxy': 'redis', 'behavior': 'dummy'}]):
        yield redis


def examples(text: str) -> list[list[str]]:
    """The command lines in a help, as words."""
    return [shlex.split(line) for line in EXAMPLE.findall(text)]


def connect(redis: Client, peers: ExitStack) -> Peer:
    """Return one of the *peers*, which has sent a byte."""
    peer = peers.enter_context(Peer.connect(int(redis.inspect()['listen'].rpartition(':')[2])))
    peer.send(b'x')
    return peer


@pytest.mark.parametrize('command', COMMANDS, ids=lambda command: command.name)
def test_every_command_has_examples_that_work(redis: Client, command: CtlCommand) -> None:
    assert examples(command.examples)
    if command.name == 'toxic add':
        redis.remove_toxic('latency_downstream')
    with ExitStack() as peers:
        peer = connect(redis, peers)
        peer.recv_exactly(1)
        number = str(redis.links()[0]['id'])
        for words in examples(command.examples):
            assert ' '.join(words).startswith(command.name)
            if command.name.startswith('held '):
                redis.set_behavior('hold')
                connect(redis, peers)
                number = str(redis.wait_for_held(TIMEOUT)['id'])
            if '--follow' not in words:
                assert ctl.main([number if word == '3' else word for word in words]) == 0


@pytest.mark.usefixtures('redis')
def test_the_examples_of_all(server: Command) -> None:
    assert examples(EPILOG)
    here = f'{HOST}:{server.control_port}'
    for words in examples(EPILOG):
        assert ctl.main([here if word in ('staging:8080', 'localhost:8474') else word for word in words]) == 0


def test_every_help_is_reached(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            ctl.main([*command.name.split(), '--help'])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert text.startswith(f'usage: vaurienctl {command.name} ')
        assert f'examples:\n  vaurienctl {command.name}' in text
        assert ('--proxy NAME' in text) is command.of_proxy
        assert all(flag in text for flag in ('--host HOST[:PORT]', '--token', '--json'))


def test_groups_name_their_commands() -> None:
    for group, (summary, _) in GROUPS.items():
        names = [command.name.partition(' ')[2] for command in COMMANDS if command.name.startswith(f'{group} ')]
        assert names
        assert all(name in summary for name in names)


def test_all_toxics_are_named() -> None:
    built_in = {name for name in Toxic.names() if Toxic.get(name).__module__.startswith('vaurien.')}
    assert set(re.split(r'[,\s]+', ADD.partition('Types: ')[2].partition('.')[0])) == built_in
