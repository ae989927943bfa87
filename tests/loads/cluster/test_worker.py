"""A worker, which is a process, and its master, which the test plays. `__main__.py` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import msgspec
from locust.env import Environment

from tests.loads.cluster.peers import eventually, listening
from tests.loads.engine import in_engine
from tests.servers import HOST, TIMEOUT
from vaurien.loads.cluster import messages, packing
from vaurien.loads.cluster.agents import Agents
from vaurien.loads.cluster.job import Job
from vaurien.loads.cluster.seal import SECRET, Seal
from vaurien.loads.plan import Cycle, Plan

TEST = """\
import time, unittest

class TestIt(unittest.TestCase):
    def test_short(self):
        pass

    def test_long(self):
        type(self).hits = getattr(type(self), 'hits', 0) + 1
        time.sleep(0.01 if self.hits < 3 else 3600)
"""


@contextmanager
def working(agents: Agents, folder: Path, secret: str) -> Iterator[subprocess.Popen[str]]:
    """A worker that has connected."""
    directory = folder / 'directory'
    directory.mkdir()
    flags = ['--broker', f'{HOST}:{agents.port}', '--name', 'alpha', '--host', 'test', '--directory', str(directory)]
    with (folder / 'log').open('w') as log:
        process = subprocess.Popen(
            [sys.executable, '-m', 'vaurien.loads.cluster', *flags, '--heartbeat-timeout', '60'],
            env={**os.environ, SECRET: secret},
            stdin=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_end(process: subprocess.Popen[str]) -> int:
    """Return the exit status, while the event loop goes on."""
    with gevent.Timeout(4 * TIMEOUT):
        while process.poll() is None:
            gevent.sleep(0.01)
    return int(process.returncode)


def test_orders(tmp_path: Path) -> None:
    received: list[tuple[str, object]] = []

    def test(environment: Environment) -> None:
        with listening(environment, secret='s') as agents, working(agents, tmp_path, 's') as process:
            with gevent.Timeout(4 * TIMEOUT):
                while not agents.idle():
                    gevent.sleep(0.01)
            agents.listen(lambda gone: None, lambda agent, kind, data: received.append((kind, data)))
            (agent,) = agents.idle()
            assert (agent.name, agent.host, agent.about['pid']) == ('alpha', 'test', process.pid)
            process.send_signal(signal.SIGINT)  # whoever started it decides
            for parts in ([b''], [b'\xc1'], [b'a', b'b'], [msgspec.msgpack.encode(('quit', None, ''))]):
                agents.runner.server.socket.send_multipart([agent.client_id.encode(), *parts])
            stranger = Seal('a guess', agent.client_id, b'')
            agents.runner.send_message(messages.END, stranger.close(messages.END, None), agent.client_id)
            agents.order(agent, messages.STOP)  # before anything runs
            agents.order(agent, messages.SETUP, {'plan': Plan(test='t', cycles=()).to_data(), 'files': b'no zip'})
            eventually(lambda: received)
            agents.order(agent, messages.END)
            assert wait_for_end(process) == 0

    in_engine(test)
    ((kind, why),) = received
    assert kind == messages.FAILED
    assert isinstance(why, dict)
    assert why['why'] == 'BadZipFile: File is not a zip file'
    assert why['details'].startswith('Traceback')
    lines = [line.partition(' alpha: ')[2] for line in (tmp_path / 'log').read_text().splitlines() if 'alpha' in line]
    assert lines == ['connected', 'ignored: a message loads_end was sealed with another secret', 'runs t', 'done']
    assert not (tmp_path / 'directory').exists()


def test_one_that_is_told_to_leave_in_the_middle_sends_what_it_counted(tmp_path: Path) -> None:
    (tmp_path / 'case.py').write_text(TEST)

    def test(environment: Environment) -> Job:
        plan = Plan(test='case.TestIt.test_long', cycles=(Cycle(1, 9),), agents=1)
        with listening(environment) as agents, working(agents, tmp_path, '') as process:
            job = Job(agents, plan, packing.pack([tmp_path / 'case.py'], tmp_path))
            running = gevent.Greenlet(job.run)
            running.start()
            with gevent.Timeout(4 * TIMEOUT):
                while job.stats.hits < 2:
                    gevent.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert wait_for_end(process) == 0
            running.join(TIMEOUT)
            return job

    job = in_engine(test)
    assert (job.stats.success, job.stats.cut, job.lost) == (2, 1, ['alpha'])
    assert 'told to leave' in (tmp_path / 'log').read_text()


def test_no_broker(tmp_path: Path) -> None:
    script = (
        'import sys, locust.runners; from vaurien.loads.cluster import __main__, worker; '
        'locust.runners.CONNECT_RETRY_COUNT = 0; locust.runners.CONNECT_TIMEOUT = 0.01; '
        f"sys.exit(__main__.main(['--broker', '{HOST}:1', '--name', 'alpha', '--heartbeat-timeout', '9']))"
    )
    process = subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.wait(6 * TIMEOUT) == 1
        assert process.stderr is not None
        assert process.stderr.read().startswith(f'alpha: no broker at {HOST}:1: ')
