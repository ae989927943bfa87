"""Runs one command again and again, with proxies in the way of the backends that it finds in the environment."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from vaurien.explore.command_failure import read_failure
from vaurien.explore.environment import Environment
from vaurien.explore.model import ExploredProxy, Injection, Run
from vaurien.explore.peers import find_peer
from vaurien.explore.process_group import ProcessGroup
from vaurien.explore.proxies import WatchedProxies
from vaurien.explore.trust import AUTHORITY, trust
from vaurien.explore.watching import Requester
from vaurien.records.observer import ObservedLink


class CommandRunner:
    """Runs a command. Its exit status says whether it has passed; its output says more about why it has not.

    It is a context manager, whose proxies serve for the length of the block.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Environment,
        environ: Mapping[str, str],
        on_run: Callable[[Sequence[Injection]], None] = lambda _: None,
    ) -> None:
        """*environment* is what was read from *environ*, which the command gets with its backends replaced.

        *on_run* is called before each run, with its faults.
        """
        self._command = command
        self._environment = environment
        self._environ = dict(environ)
        self._on_run = on_run
        self._stack = ExitStack()
        self._watched = WatchedProxies(self._make_asker, allow_remote=True)  # `Environment` has refused others
        self._ports: set[int] = set()
        self._group: ProcessGroup | None = None
        self._is_interrupted = False
        #: The end of what the last run has printed, and whether it has passed.
        self.output = ''
        self.has_passed = True

    def __enter__(self) -> CommandRunner:
        with ExitStack() as stack:
            lasting = []
            for backend in self._environment.backends:
                lasting.append(self._watched.start(called=backend.proxy, **backend.settings()))
                stack.callback(lasting[-1].proxy.stop)
            self._watched.keep(lasting)
            addresses = {watched.name: watched.proxy.address for watched in lasting}
            self._ports.update(address.port for address in addresses.values())
            ca_file = ''
            if ca_pem := next((watched.proxy.ca_pem for watched in lasting if watched.explored.is_tls), ''):
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix='vaurien-explore-')))
                self._environ |= trust(ca_pem, self._environ, folder)
                ca_file = str(folder / AUTHORITY)
            self._environ |= self._environment.rewrite(addresses, ca_file)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def test(self) -> str:
        """The command, as a shell takes it."""
        return shlex.join(self._command)

    @property
    def proxies(self) -> Sequence[ExploredProxy]:
        """The proxies, in the order of the variables."""
        return self._watched.explored

    def run(self, injections: Sequence[Injection] = (), limit: float | None = None) -> Run:
        """Run it with those faults, for up to *limit* seconds.

        Raise `ConfigError` for a bad fault, `StartError` if it cannot be run, `KeyboardInterrupt` after `interrupt`.
        """
        return self._run(injections, limit, echoes=False)

    def renew(self) -> bool:
        """Return False: each run is a process of its own already."""
        return False

    def run_visibly(self, injections: Sequence[Injection], limit: float | None = None) -> Run:
        """Do as `run` does, and print what the command prints."""
        return self._run(injections, limit, echoes=True)

    def interrupt(self) -> None:
        """End the run that goes on, and begin no other one. A signal handler may call this."""
        self._is_interrupted = True
        if self._group is not None:
            self._group.interrupt()

    def _run(self, injections: Sequence[Injection], limit: float | None, *, echoes: bool) -> Run:
        self._on_run(injections)
        self._watched.begin_run()
        call = self._watched.begin_call(injections)
        began = monotonic()
        self._group = group = ProcessGroup(self._command, self._environ, echoes=echoes)
        if self._is_interrupted:  # before there was anything to end
            group.interrupt()
        try:
            status = group.wait(limit)
        finally:
            self._group = None
        seconds = monotonic() - began
        self.output, self.has_passed = group.output, status == 0
        self._watched.end_call()
        self._watched.end_run(is_clean=not injections)
        if self._is_interrupted:
            raise KeyboardInterrupt
        return Run(
            seconds=seconds,
            failure=read_failure(status, group.output) if status else None,
            hung=status is None,
            hit=call.has_hit,
            entries=call.entries,
            own=call.own,
        )

    def _make_asker(self) -> Callable[[ObservedLink], Requester]:
        return _Asker(self._find_requester).find

    def _find_requester(self, client_port: int) -> Requester:
        group = self._group
        peer = None if group is None else find_peer(group.number, client_port, self._ports)
        return Requester(is_own=False) if peer is None else Requester(is_own=peer.has_server, where=peer.name)


class _Asker:
    """Says who asks on the links of one proxy. It is found out once for each link."""

    def __init__(self, find: Callable[[int], Requester]) -> None:
        """*find* returns who has connected from a port."""
        self._find = find
        self._requesters: dict[int, Requester] = {}

    def find(self, link: ObservedLink) -> Requester:
        """Return who asks on *link*."""
        if link.number not in self._requesters:
            client = link.client_address
            self._requesters[link.number] = Requester(is_own=False) if client is None else self._find(client.port)
        return self._requesters[link.number]
