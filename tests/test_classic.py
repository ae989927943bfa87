"""What the documentation and the tests of Vaurien 1 do: it works as it is written there."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import vaurien.cli.main
import vaurien.run
import vaurienclient
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from vaurien import Client, Proxy, __version__
from vaurien.behaviors.dummy import Dummy
from vaurien.errors import ConfigError
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.util import start_proxy, stop_proxy

Make = Callable[..., Proxy]


def test_import_paths() -> None:
    assert vaurienclient.Client is Client
    assert vaurien.run.main is vaurien.cli.main.main
    assert (vaurien.start_proxy, vaurien.stop_proxy) == (start_proxy, stop_proxy)


def test_the_module_of_the_command() -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'vaurien.run', '--version'], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert done.stdout == f'vaurien {__version__}\n'


def test_a_proxy_with_flags_as_options(echo_server: RawBackend) -> None:
    port, control = free_port(), free_port()
    pid = start_proxy(
        proxy_port=port,
        backend_host=HOST,
        backend_port=echo_server.port,
        http=True,
        warmup=1,
        http_host='127.0.0.1',
        http_port=control,
        options=['--behavior-delay-sleep', '0', '--pool-max-size', '10'],
        log_level='ERROR',
    )
    try:
        client = vaurienclient.Client('127.0.0.1', control)
        with pytest.raises(ValueError, match="unknown behavior 'nothing'"):
            client.set_behavior('nothing')
        with client.with_behavior('delay'), Peer.connect(port) as peer:
            assert client.status()['behaviors'][0]['options']['sleep'] == 0
            peer.send(b'hello')
            assert peer.recv_exactly(5) == b'hello'
        assert client.get_behavior() == 'dummy'
    finally:
        stop_proxy(pid)


def test_a_proxy_without_the_control_api(echo_server: RawBackend, tmp_path: Path) -> None:
    port, control = free_port(), free_port()
    pid = start_proxy(proxy_port=port, backend_host=HOST, backend_port=echo_server.port, http=False, http_port=control)
    try:
        with Peer.connect(port) as peer:
            peer.send(b'hello')
            assert peer.recv_exactly(5) == b'hello'
        with pytest.raises(ConnectionRefusedError), socket.create_connection(('localhost', control)):
            pass
    finally:
        stop_proxy(pid)


def test_without_the_control_api_nobody_would_know_a_free_port() -> None:
    with pytest.raises(ConfigError, match=r'^proxy_port: '):
        start_proxy(proxy_port=0, http=False)


@pytest.mark.parametrize('mistake', [{'behavior': 'nothing'}, {'options': ['--nothing']}])
def test_a_proxy_that_does_not_start_is_a_value_error(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='nothing'):
        start_proxy(http_port=free_port(), proxy_port=0, **mistake)


class Super:
    """A behavior without a base class."""

    name = 'super'
    options = {'mark': ('Text in front of a request', str, '>')}

    def __init__(self) -> None:
        self.handled: list[str] = []

    def on_before_handle(self, protocol: Any, source: Any, dest: Any, to_backend: bool) -> bool:
        self.handled.append('before')
        dest.sendall(self.option('mark').encode())  # type: ignore[attr-defined]
        return True

    def on_after_handle(self, protocol: Any, source: Any, dest: Any, to_backend: bool) -> bool:
        self.handled.append('after')
        return True


def test_a_behavior_without_a_base_class(
    behaviors: Registry[Dummy], echo_server: RawBackend, vaurien_proxy: Make
) -> None:
    behaviors.register(Super)  # type: ignore[arg-type]
    behaviors.register(Super)  # type: ignore[arg-type]
    proxy = vaurien_proxy(echo_server.address, behavior='super', options={'super': {'mark': '!'}})
    with Peer.connect(proxy.address.port) as peer:
        peer.send(b'hello')
        assert peer.recv_exactly(6) == b'!hello'
    assert proxy.status()['faults'] == {'super': 1}


class Classic(BaseProtocol):
    """Moves bytes as the example in the documentation does, which reads until the backend has said all."""

    name = 'classic'

    def _handle(self, source: End, dest: End, to_backend: bool) -> bool:
        data = self._get_data(source, buffer=3)
        if data:
            dest.sendall(data)
        return data != b''


def test_a_protocol_that_gets_its_data(
    protocols: Registry[BaseProtocol], echo_server: RawBackend, vaurien_proxy: Make
) -> None:
    protocols.register(Classic)
    proxy = vaurien_proxy(echo_server.address, 'classic')
    with Peer.connect(proxy.address.port) as peer:
        peer.send(b'hello')
        assert peer.recv_exactly(5) == b'hello'
    assert proxy.status()['exchanges'] == 2
