"""A proxy in a container, for tests that have their backends in containers. It needs ``vaurien[containers]``."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from vaurien import __version__
from vaurien.address import Address
from vaurien.client import Client
from vaurien.config.backend_url import read_backend

#: The image of the `Dockerfile`, as `docker build -t vaurien:VERSION .` names it.
IMAGE = f'vaurien:{__version__}'
#: The ports of the image. Containers in the same network connect to ``PROXY_PORT`` of the container.
PROXY_PORT, CONTROL_PORT = 8000, 8474
#: How long it may take to start, and how often to look, in seconds.
START_TIMEOUT, PAUSE = 30, 0.05


class VaurienContainer(DockerContainer):
    """A container of Testcontainers in which Vaurien stands before a *backend*, under the name that its network knows.

    ``with VaurienContainer('redis:6379', 'redis').with_network(network) as vaurien`` starts it, and waits until it
    listens. Then tests connect to ``vaurien.address``, and arm faults with ``vaurien.client.set_behavior('error')``.
    """

    def __init__(
        self,
        backend: str,
        protocol: str | None = None,
        behavior: str = 'dummy',
        *,
        flags: Sequence[str] = (),
        image: str = IMAGE,
    ) -> None:
        """*backend* is ``host:port``, or a URL, which says the *protocol*, too; without either it is ``tcp``.

        *flags* are more of those that the command ``vaurien`` has, such as ``--seed=7``.

        Raise `AddressError` for what cannot be a backend.
        """
        read_backend(backend)
        super().__init__(image, ports=[PROXY_PORT, CONTROL_PORT])
        self._token = token_hex()
        self.with_env('VAURIEN_TOKEN', self._token)
        spoken = [] if protocol is None else [f'--protocol={protocol}']
        self.with_command([f'--backend={backend}', *spoken, f'--behavior={behavior}', *flags])
        ready = HttpWaitStrategy(CONTROL_PORT, '/ready').with_startup_timeout(START_TIMEOUT).with_poll_interval(PAUSE)
        self.waiting_for(ready)

    @property
    def address(self) -> Address:
        """The address that tests on this machine connect to. It is known once the container has started."""
        return self._find(PROXY_PORT)

    @property
    def client(self) -> Client:
        """A client of the control API, which has the token of the container."""
        control = self._find(CONTROL_PORT)
        return Client(control.host, control.port, token=self._token)

    def _find(self, port: int) -> Address:
        return Address(self.get_container_host_ip(), self.get_exposed_port(port))
