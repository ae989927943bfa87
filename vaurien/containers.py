"""A proxy in a container, for tests that have their backends in containers. It needs ``vaurien[containers]``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from secrets import token_hex
from time import monotonic, sleep
from urllib.request import urlopen

from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import WaitStrategy, WaitStrategyTarget

from vaurien import __version__
from vaurien.address import Address
from vaurien.client import Client
from vaurien.config.backend_url import read_backend
from vaurien.errors import StartError

#: The image of the `Dockerfile`, as `make image` names it.
IMAGE = f'vaurien:{__version__}'
#: The ports of the image. Containers in the same network connect to ``PROXY_PORT`` of the container.
PROXY_PORT, CONTROL_PORT = 8000, 8474
#: How long it may take to start, and how often to look, in seconds.
START_TIMEOUT, PAUSE = 30, 0.05
#: The statuses of a container whose process does not run any more.
ENDED = 'exited', 'dead'


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

        Raise `AddressError` for what cannot be a backend. ``start`` raises `StartError` with the message of a
        ``vaurien`` that does not start.
        """
        read_backend(backend)
        super().__init__(image, ports=[PROXY_PORT, CONTROL_PORT])
        self._token = token_hex()
        self.with_env('VAURIEN_TOKEN', self._token)
        spoken = [] if protocol is None else [f'--protocol={protocol}']
        self.with_command([f'--backend={backend}', *spoken, f'--behavior={behavior}', *flags])
        self.waiting_for(_Readiness())

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


class _Readiness(WaitStrategy):
    """Wait until the control API says that the proxies listen, or the container has ended."""

    def wait_until_ready(self, container: WaitStrategyTarget) -> None:
        """Return once *container* is ready; raise `StartError` with what it has logged if it ends."""
        deadline = monotonic() + START_TIMEOUT
        while monotonic() < deadline:
            container.reload()
            if container.status in ENDED:
                raise StartError(container.get_logs()[1].decode(errors='replace').strip() or 'the container has ended')
            with suppress(OSError):  # no port of a container that ends just now is one, too
                host, port = container.get_container_host_ip(), container.get_exposed_port(CONTROL_PORT)
                with urlopen(f'http://{host}:{port}/ready', timeout=1):
                    return
            sleep(PAUSE)
        raise TimeoutError(f'the container is not ready after {START_TIMEOUT:g} s')
