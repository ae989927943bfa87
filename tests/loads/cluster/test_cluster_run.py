"""``loads-runner --agents``: agents that the runner starts, and agents that were started elsewhere."""

from __future__ import annotations

import re
import signal
import zipfile
from pathlib import Path

import psutil
import pytest

from tests.loads.commands import wait_until, workers
from tests.loads.conftest import Shop, Starter
from tests.servers import HOST, TIMEOUT, free_port

FAR = 'far.test_far.TestFar.test_far'
#: A hit of this takes a tenth of a second.
SLOW = 'far.test_far.TestFar.test_slowly'
#: A hit of this waits until the test opens the gate.
GATED = 'far.test_far.TestFar.test_gated'
#: For peers whose end is waited for.
SHORT = ('--heartbeat-timeout', '3')


def test_agents_of_the_runner(shop: Shop, scratch: Path) -> None:
    done = shop.run(FAR, '-u', '3:2', '--hits', '4', '--agents', '2')
    hits = 2 * (3 + 2) * 4
    assert (done.status, done.counts()) == (0, (hits, hits, 0, 0)), done
    assert shop.counted('far') == done.number('far') == hits
    assert re.search(rf'^  GET far +{hits} ', done.out, re.MULTILINE)
    assert list(scratch.iterdir()) == []


def test_failures_and_durations(shop: Shop) -> None:
    failed, lasted = shop.run_all(
        [
            ['far.test_far.TestFar.test_fails', '-u', '3', '--hits', '5', '--agents', '2'],
            [SLOW, '-u', '2', '-d', '0.5', '--agents', '1'],
        ]
    )
    assert (failed.status, failed.counts()) == (1, (30, 0, 30, 0)), failed
    assert '30 x error: RuntimeError: on an agent' in failed.out
    assert failed.out.count('Traceback') == 1
    assert lasted.status == 0, lasted
    assert lasted.number('Hits') >= 2
    assert 0.5 <= lasted.number('Duration') < 0.5 + 2 * TIMEOUT


def test_an_import_that_fails_on_an_agent(shop: Shop, scratch: Path) -> None:
    done = shop.run(FAR, '--agents', '1', BREAK_ON_AGENTS='yes')
    assert (done.status, done.out) == (1, ''), done
    last = done.err.splitlines()[-1]
    assert last == 'loads-runner: error: agent local-1: cannot import far.test_far: ImportError: only on an agent'
    assert 'Traceback (most recent call last):' in done.err
    assert "raise ImportError('only on an agent')" in done.err
    assert list(scratch.iterdir()) == []


def test_files_and_requirements_that_travel(shop: Shop, scratch: Path, tmp_path: Path) -> None:
    """``cli/test_cluster.py`` has what else is packed, ``test_requirements.py`` what cannot be installed."""
    (shop.folder / 'notes.md').write_text('included\n')
    wheel = tmp_path / 'tiny_dependency-1.0-py3-none-any.whl'
    with zipfile.ZipFile(wheel, 'w') as archive:
        archive.writestr('tiny_dependency.py', "WORD = 'installed'\n")
        info = 'tiny_dependency-1.0.dist-info'
        archive.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\nName: tiny-dependency\nVersion: 1.0\n')
        archive.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        archive.writestr(f'{info}/RECORD', '')
    test = 'far.test_far.TestFar.test_what_came_along'
    done = shop.run(test, '-a', '1', '--include-file', '*.md', '--python-dep', str(wheel))
    assert (done.status, done.counts()) == (0, (1, 1, 0, 0)), done
    assert list(scratch.iterdir()) == []


def test_ctrl_c(shop: Shop, start: Starter, scratch: Path) -> None:
    runner = start('loads-runner', SLOW, '-u', '2', '--hits', '1000', '--agents', '2')
    wait_until(lambda: shop.counted('slowly') > 10)
    runner.signal(signal.SIGINT)
    done = runner.wait()
    assert done.status == 130, done
    assert done.number('Hits') > 0
    assert done.number('Cut off') > 0
    assert 'Interrupted' in done.out
    assert 'Traceback' not in done.out + done.err
    assert (workers(scratch), list(scratch.iterdir())) == ([], [])


def test_a_runner_that_dies_takes_its_agents_along(shop: Shop, start: Starter, scratch: Path) -> None:
    runner = start('loads-runner', SLOW, '--hits', '1000', '--agents', '1')
    wait_until(lambda: shop.counted('slowly') > 2)
    runner.signal(signal.SIGKILL)
    wait_until(lambda: not workers(scratch))
    wait_until(lambda: not list(scratch.iterdir()))


def test_an_agent_of_the_runner_that_dies(shop: Shop, start: Starter, scratch: Path) -> None:
    runner = start('loads-runner', GATED, '-u', '2', '--hits', '3', '--agents', '2')
    wait_until(lambda: shop.counted('waiting') == 4)
    (one,) = [process for process in workers(scratch) if 'local-1' in process.cmdline()]
    one.kill()
    shop.open_gate()
    done = runner.wait()
    assert done.status == 1, done
    assert 'Lost agents: local-1' in done.out
    assert (done.number('Hits'), done.number('Missing')) == (6, 6)


@pytest.mark.slow
def test_agents_elsewhere(shop: Shop, start: Starter, scratch: Path, tmp_path: Path) -> None:
    port = free_port()
    flags = ['--broker', f'{HOST}:{port}', '-a', '2']
    runner = start('loads-runner', FAR, '-u', '3', '--hits', '2', *flags)
    runner.wait_for('waiting for 2 agents, there are 0: none yet')
    agents = start.agents(port, 'alpha', flags=SHORT)
    runner.wait_for('waiting for 2 agents, there are 1: alpha')
    agents += start.agents(port, 'beta', flags=SHORT)
    done = runner.wait()
    assert (done.status, done.counts()) == (0, (12, 12, 0, 0)), done
    assert [list((tmp_path / name).iterdir()) for name in ('alpha', 'beta')] == [[], []]
    # The same agents serve the next runner at that address, and miss it when it dies.
    runner = start('loads-runner', SLOW, '--hits', '1000', *flags)
    wait_until(lambda: shop.counted('slowly') > 2)
    runner.signal(signal.SIGKILL)
    for agent, name in zip(agents, ('alpha', 'beta'), strict=True):
        agent.wait_for(f'{name}: the broker has gone', 6 * TIMEOUT)
        agent.signal(signal.SIGTERM)
    assert [agent.wait().status for agent in agents] == [0, 0]
    assert list(scratch.iterdir()) == []


def test_agents_killed_in_the_middle(shop: Shop, start: Starter, scratch: Path) -> None:
    """Kill one agent as a whole, and the worker of another one, which the agent replaces at once."""
    port = free_port()
    flags = ['-u', '2', '--hits', '3', '-a', '3', '--quiet', '-b', f'{HOST}:{port}']
    runner = start('loads-runner', GATED, *flags, *SHORT)
    agents = start.agents(port, 'alpha', 'beta', 'gamma')
    wait_until(lambda: shop.counted('waiting') == 6)
    alpha, beta = ([agent, *agent.children()] for agent in (psutil.Process(one.process.pid) for one in agents[:2]))
    alpha[0].kill()
    beta[1].kill()
    psutil.wait_procs([alpha[1], beta[1]], TIMEOUT)
    shop.open_gate()
    done = runner.wait()
    assert done.status == 1, done
    (lost,) = re.findall('^Lost agents: (.*)$', done.out, re.MULTILINE)
    assert set(lost.split(', ')) == {'alpha', 'beta'}
    assert (done.number('Hits'), done.number('Missing')) == (6, 12)


def test_secrets(shop: Shop, start: Starter, scratch: Path) -> None:
    port = free_port()
    runner = start('loads-runner', FAR, '-a', '1', '-b', f'{HOST}:{port}', LOADS_SECRET='the right one')
    (stranger,) = start.agents(port, 'stranger', LOADS_SECRET='a guess')
    stranger.wait_for('stranger: refused: the broker has another --secret')
    runner.wait_for('agent stranger has another secret, and is not let in')
    stranger.kill()
    start.agents(port, 'friend', LOADS_SECRET='the right one')
    done = runner.wait()
    assert (done.status, done.counts()) == (0, (1, 1, 0, 0)), done
