"""Proxies in the way of the backends that variables of the environment name, whoever sets these, and whenever."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from vaurien.explore.environment import KEPT, Backend, Environment, Variable
from vaurien.explore.proxies import Watched, WatchedProxies
from vaurien.explore.trust import AUTHORITY, trust


class Backends:
    """Puts proxies before the backends of variables, and has the variables say so.

    A conftest or a fixture may set a variable later, or change it, so `refresh` is called again and again.
    """

    def __init__(self, variables: Sequence[Variable], proxies: WatchedProxies, *, allow_remote: bool) -> None:
        self._variables = variables
        self._proxies = proxies
        self._allow_remote = allow_remote
        #: The variables that nobody has set yet. One that is set by a test alone is not set any more at the end.
        self.missing = [variable.name for variable in variables]
        #: What was written into the environment.
        self._written: dict[str, str | None] = {}
        #: The variables that have the certificates of proxies trusted, and what they had.
        self._trusted: dict[str, str] = {}
        self._ca_file = ''
        self._replaced: dict[str, str | None] = {}
        self._running: dict[Backend, Watched] = {}
        self._stack = ExitStack()

    def refresh(self) -> None:
        """Have every variable that is set name a proxy; raise `ConfigError` for a backend that cannot be used."""
        found = {variable.name: os.environ.get(variable.name) for variable in self._variables}
        if all(value == self._written.get(name) for name, value in found.items()):
            return
        self.missing = [name for name in self.missing if not found[name]]
        # What is kept of a variable that somebody has changed is out of date.
        environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(KEPT) or self._is_current(name.removeprefix(KEPT))
        }
        variables = [variable for variable in self._variables if environ.get(variable.name)]
        environment = Environment(variables, environ, allow_remote=self._allow_remote)
        for backend in environment.backends:
            if backend not in self._running:
                started = self._running[backend] = self._proxies.start(called=backend.proxy, **backend.settings())
                self._stack.callback(started.proxy.stop)
        watched = {backend.proxy: self._running[backend] for backend in environment.backends}
        self._proxies.keep(list(watched.values()))
        if not self._trusted and (secure := [each for each in watched.values() if each.explored.is_tls]):
            self._trust(secure[0].proxy.ca_pem)
        addresses = {name: each.proxy.address for name, each in watched.items()}
        os.environ.update(environment.rewrite(addresses, self._ca_file))
        self._written = {name: os.environ.get(name) for name in found}

    def _trust(self, ca_pem: str) -> None:
        """Have the application trust the certificates of the proxies."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix='vaurien-explore-')))
        self._trusted = trust(ca_pem, os.environ, folder)
        self._ca_file = str(folder / AUTHORITY)
        self._replaced = {name: os.environ.get(name) for name in self._trusted}
        os.environ.update(self._trusted)

    def _is_current(self, name: str) -> bool:
        return name not in self._written or os.environ.get(name) == self._written[name]

    def close(self) -> None:
        """Stop the proxies, and give the variables back."""
        for name in [name for name in os.environ if name.startswith(KEPT)]:
            kept = os.environ.pop(name)
            if self._is_current(name.removeprefix(KEPT)):
                os.environ[name.removeprefix(KEPT)] = kept
        for name, replaced in self._replaced.items():
            os.environ.pop(name, None)
            if replaced is not None:
                os.environ[name] = replaced
        self._stack.close()
