"""The fixture `vaurien_proxy`, in the test suite of somebody who has installed vaurien."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.commands import PYTEST
from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from vaurien.embedded import Proxy

SUITE = """
import socket
import pytest

BACKEND = {backend!r}
made = []

def ask(proxy):
    with socket.create_connection(proxy.address, 5) as client:
        client.sendall(b'hello')
        return client.recv(5)

def test_two_at_once(vaurien_proxy):
    one, two = vaurien_proxy(BACKEND), vaurien_proxy(BACKEND, protocol='tcp', behavior='hang')
    made.extend([one, two])
    assert one.address != two.address
    assert ask(one) == b'hello'
    with two.with_behavior('dummy'):
        assert ask(two) == b'hello'

def test_they_are_gone(vaurien_proxy):
    for proxy in made:
        with pytest.raises(RuntimeError):
            proxy.address

def test_a_test_that_fails(vaurien_proxy):
    made.append(vaurien_proxy(BACKEND))
    assert False

def test_leaves_none_either():
    with pytest.raises(RuntimeError):
        made[-1].address

def test_one_that_was_stopped_by_hand(vaurien_proxy):
    vaurien_proxy(BACKEND).stop()
    made.append(vaurien_proxy)

def test_the_fixture_of_a_test_that_is_over():
    with pytest.raises(RuntimeError, match='the test of this fixture is over'):
        made[-1](BACKEND)
"""


def pytest_in(directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTEST, *flags], cwd=directory, capture_output=True, text=True, timeout=4 * TIMEOUT, check=False
    )


def test_a_suite_of_somebodys(tmp_path: Path, echo_server: RawBackend) -> None:
    (tmp_path / 'test_mine.py').write_text(SUITE.format(backend=echo_server.address))
    result = pytest_in(tmp_path, '-q', '-W', 'error')
    assert '5 passed' in result.stdout, result.stdout
    assert '1 failed' in result.stdout
    assert 'test_a_test_that_fails' in result.stdout


SCOPES = """
import socket
import pytest

BACKEND = {backend!r}

def ask(proxy):
    with socket.create_connection(proxy.address, 5) as client:
        client.sendall(b'hello')
        return client.recv(5)

@pytest.fixture(scope='module')
def shared(vaurien_proxy_factory):
    proxy = vaurien_proxy_factory(BACKEND, seed=3)
    yield proxy
    proxy.stop()

def test_one(shared):
    shared.seen = shared.address

def test_another(shared):
    assert shared.seen == shared.address
    assert shared.status()['seed'] == 3

pytestmark = pytest.mark.vaurien(behavior='100:delay', options={{'delay': {{'sleep': 0}}}})

def test_the_marker_of_the_module(vaurien_proxy):
    status = vaurien_proxy(BACKEND).status()
    assert (status['behavior'], status['seed'], status['protocol']) == ('delay', 7, 'tcp')

@pytest.mark.vaurien(behavior='20:error', seed=5, protocol='redis')
def test_that_of_the_test_goes_first(vaurien_proxy):
    status = vaurien_proxy(BACKEND).status()
    assert (status['behavior'], status['seed'], status['protocol']) == ('20:error', 5, 'redis')
    assert vaurien_proxy(BACKEND, 'tcp', behavior='hang').status()['behavior'] == 'hang'

def test_a_file(vaurien_proxies):
    assert list(vaurien_proxies) == ['first', 'second']
    first, second = vaurien_proxies.values()
    assert (first.get_behavior(), second.get_behavior()) == ('dummy', 'delay')
    assert first.port != 8000
    assert ask(first) == b'hello'

def test_that_fails(shared, vaurien_proxy):
    proxy = vaurien_proxy(BACKEND, behavior='delay(times=1, sleep=0)')
    proxy.add_toxic('latency', latency=1)
    with socket.create_connection(proxy.address, 5) as client:
        client.sendall(b'hello')
        assert client.recv(5) == b'hello'
        with proxy.with_behavior('error', match='6 *'):
            client.sendall(b'hello')
            assert client.recv(5) == b'bye'

@pytest.mark.vaurien('20:error')
def test_a_marker_with_a_mistake(vaurien_proxy):
    pass
"""

FILE = """
[proxy.first]
proxy = 'localhost:8000'
backend = '{backend}'

[proxy.second]
backend = '{backend}'
behavior = '100:delay'
"""


def test_proxies_of_any_scope_markers_a_file_and_a_failure(tmp_path: Path, echo_server: RawBackend) -> None:
    (tmp_path / 'test_mine.py').write_text(SCOPES.format(backend=echo_server.address))
    (tmp_path / 'vaurien.toml').write_text(FILE.format(backend=echo_server.address))
    (tmp_path / 'pytest.ini').write_text('[pytest]\nvaurien_config = vaurien.toml\n')
    out = pytest_in(tmp_path, '-q', '-W', 'error', '--strict-markers', '--vaurien-seed', '7').stdout
    assert '1 failed, 5 passed, 1 error' in out, out
    assert "@pytest.mark.vaurien: name what is given, as in vaurien(behavior='20:error')" in out
    _, told = re.findall(r'^-+ vaurien -+\n(<Proxy of .*?)(?=^[-=_]{9})', out, re.DOTALL | re.MULTILINE)
    shared, own = told.split('<Proxy of tcp before ')[1:]
    assert 'seed: 3 (--vaurien-seed 3 draws the same again)' in shared
    assert 'armed: nothing' in shared
    assert 'seed: 7 (--vaurien-seed 7 draws the same again)' in own
    for line in (
        r'was armed: delay\(.*\): matched 1 of 1 exchanges, applied to 1',
        r"was armed: error\(.*match='6 \*'\): matched 0 of 1 exchanges, applied to 0",
        r'armed: delay\(.*\): matched 0 of 0 exchanges, applied to 0',
    ):
        assert re.search(f'^    {line}$', own, re.MULTILINE)
    assert '    toxic: latency(latency=1, jitter=0' in own
    assert '    exchanges: 2, faults: delay 1\n    link 1 exchange 1: delay on 5 bytes\n' in own


def test_a_file_that_nobody_has_named(tmp_path: Path) -> None:
    (tmp_path / 'test_mine.py').write_text('def test_one(vaurien_proxies): pass\n')
    out = pytest_in(tmp_path, '-q').stdout
    assert 'vaurien_proxies: no file is named, set vaurien_config in the settings of pytest' in out


def test_it_is_listed_with_what_it_does(tmp_path: Path) -> None:
    listed = pytest_in(tmp_path, '--fixtures').stdout
    assert 'vaurien_proxy -- ' in listed
    assert "``vaurien_proxy('localhost:6379', protocol='redis')``" in listed


def test_it_costs_suites_without_it_nothing(tmp_path: Path) -> None:
    (tmp_path / 'test_theirs.py').write_text(
        'import sys\ndef test_nothing():\n    assert not {"gevent", "httptools", "msgspec"} & {*sys.modules}\n'
    )
    assert pytest_in(tmp_path, '-q').returncode == 0


def test_here(vaurien_proxy: Callable[..., Proxy], echo_server: RawBackend) -> None:
    proxy = vaurien_proxy(echo_server.address, behavior='50:delay', options={'delay': {'sleep': 0}}, seed=3)
    assert proxy.status()['seed'] == 3
    with Peer.connect(proxy.address.port) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'
    assert vaurien_proxy(f'redis://{echo_server.address}/0').status()['protocol'] == 'redis'
