"""One command, run again and again: what it asks of its backends, with and without faults."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import pytest

from tests.servers import TIMEOUT, Server
from vaurien.errors import ConfigError, StartError
from vaurien.explore.command_runner import CommandRunner
from vaurien.explore.environment import Environment, Variable
from vaurien.explore.model import Injection

#: Asks Redis for what the arguments are, without a client, which starts quickly.
ASK = """
import os, re, socket, sys
host, port = re.search(r'//([^:/]+):(\\d+)', os.environ['REDIS_URL']).groups()
with socket.create_connection((host, int(port))) as connection:
    for word in sys.argv[1:]:
        connection.sendall(b'GET %s\\r\\n' % word.encode())
        if not connection.recv(1024):
            raise ConnectionError('no reply')
print('asked')
"""
LOST = Injection.parse('redis: GET b #1 lost')


class Runners:
    """Makes runners, and keeps the faults of each run that begins."""

    def __init__(self, url: str) -> None:
        self._environ = {**os.environ, 'REDIS_URL': url}
        self.begun: list[Sequence[Injection]] = []

    def make(self, *command: str) -> CommandRunner:
        environment = Environment([Variable('redis', 'REDIS_URL')], self._environ, allow_remote=False)
        return CommandRunner(command, environment, self._environ, self.begun.append)

    def ask(self, *words: str) -> CommandRunner:
        return self.make(sys.executable, '-S', '-E', '-c', ASK, *words)


@pytest.fixture
def runners(redis_server: Server) -> Runners:
    return Runners(f'redis://{redis_server.address}')


def test_a_run_has_what_the_command_asks_and_says(runners: Runners) -> None:
    with runners.ask('a', 'b') as runner:
        run = runner.run(limit=TIMEOUT)
        assert run.has_passed
        assert [(entry.request, entry.proxy) for entry in run.entries] == [('GET a', 'redis'), ('GET b', 'redis')]
        assert all(entry.where.startswith('python') for entry in run.entries)
        assert runner.output == 'asked\n'
        assert [proxy.name for proxy in runner.proxies] == ['redis']
        assert not runner.renew()


def test_a_fault_meets_its_request_in_the_run_that_it_is_for(runners: Runners) -> None:
    with runners.ask('a', 'b') as runner:
        run = runner.run([LOST])
        assert run.failure is not None
        assert (run.hit, run.failure.kinds, run.failure.message) == (True, ('ConnectionError',), 'no reply')
        assert [entry.behavior for entry in run.entries] == [None, 'abort']
        assert runner.run().has_passed
        assert runners.begun == [[LOST], ()]
    with runners.ask('a') as other:
        assert not other.run([LOST]).hit


def test_what_does_not_end_in_time_has_hung(runners: Runners) -> None:
    with runners.make('sleep', '600') as runner:
        run = runner.run(limit=0.1)
        assert run.hung
        assert run.failure is None


def test_once_interrupted_it_runs_no_more(runners: Runners) -> None:
    with runners.make('sleep', '600') as runner:
        runner.interrupt()
        with pytest.raises(KeyboardInterrupt):
            runner.run()


def test_what_cannot_be_run(runners: Runners) -> None:
    with runners.make('/no/such') as runner, pytest.raises(StartError, match=r"^cannot run '/no/such'"):
        runner.run()
    with runners.make('true') as runner, pytest.raises(ConfigError, match=r'has nothing for'):
        runner.run([Injection.parse('redis: GET b #1 no(503)')])


def test_a_word_may_have_blanks(runners: Runners) -> None:
    assert runners.make('echo', 'a b').test == "echo 'a b'"
