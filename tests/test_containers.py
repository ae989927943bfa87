"""A proxy as a container of Testcontainers. There is no Docker: `tests/daemon.py` takes its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config

import vaurien
from tests import daemon
from tests.daemon import Daemon
from tests.peers import Peer, RawBackend
from vaurien.containers import VaurienContainer
from vaurien.errors import AddressError, ControlError, StartError


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Give what stands in for Docker, to those who look for it in the environment."""
    monkeypatch.setattr(testcontainers_config, 'ryuk_disabled', True)
    # Even if the tests themselves run in a container.
    monkeypatch.setattr(testcontainers_config, 'connection_mode_override', ConnectionMode.docker_host)
    with daemon.serving() as docker:
        monkeypatch.setenv('DOCKER_HOST', docker.url)
        yield docker


def test_a_backend_in_a_container_fails(docker: Daemon, echo_server: RawBackend) -> None:
    with VaurienContainer(f'redis://{echo_server.address}/0', flags=['--seed=7']) as container:
        assert docker.created['Image'] == f'vaurien:{vaurien.__version__}'
        assert set(docker.created['ExposedPorts']) == {'8000/tcp', '8474/tcp'}
        with Peer.connect(container.address.port, container.address.host) as peer:
            peer.send(b'+OK\r\n')
            assert peer.recv_exactly(5) == b'+OK\r\n'
        status = container.client.status()
        assert (status['backend'], status['protocol'], status['seed']) == (echo_server.address, 'redis', 7)
        with pytest.raises(ControlError, match='expected Bearer and the token'):
            vaurien.Client(container.client.host, container.client.port).status()
    assert docker.process is not None
    assert docker.process.wait()[0] == 0
    assert any('control API: http://0.0.0.0:' in line for line in docker.process.out_lines)


def test_a_container_that_ends_says_why(docker: Daemon) -> None:
    docker.fails = True
    with pytest.raises(StartError, match=r"^vaurien: error: --behavior: unknown behavior 'eror'"):
        VaurienContainer('redis:6379', 'redis', 'eror').start()


def test_what_cannot_be_a_backend(docker: Daemon) -> None:
    with pytest.raises(AddressError, match='redis'):
        VaurienContainer('redis')
