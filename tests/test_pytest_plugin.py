"""The fixture `vaurien_proxy`, in the test suite of somebody who has installed vaurien."""

from __future__ import annotations

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
"""


def pytest_in(directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTEST, *flags], cwd=directory, capture_output=True, text=True, timeout=4 * TIMEOUT, check=False
    )


def test_a_suite_of_somebodys(tmp_path: Path, echo_server: RawBackend) -> None:
    (tmp_path / 'test_mine.py').write_text(SUITE.format(backend=echo_server.address))
    result = pytest_in(tmp_path, '-q', '-W', 'error')
    assert '4 passed' in result.stdout, result.stdout
    assert '1 failed' in result.stdout
    assert 'test_a_test_that_fails' in result.stdout


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
