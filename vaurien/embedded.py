"""A proxy in the process of the test: it runs on a thread with an event loop of its own, and patches nothing."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any

from vaurien.address import Address, parse_backend
from vaurien.config.keys import SETTINGS
from vaurien.config.schedules import Plan, open_schedule
from vaurien.engine.chooser import Chooser
from vaurien.engine.lookup import is_number
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.record import Hasher
from vaurien.engine.thread import ProxyThread
from vaurien.errors import ConfigError, OptionError, ToxicNameError
from vaurien.journal.journal import Journal
from vaurien.journal.replay import Replay
from vaurien.plugins.distribution import reading_files
from vaurien.plugins.options import convert
from vaurien.plugins.units import find_unit
from vaurien.records.entry import Entry
from vaurien.records.faults import Fault
from vaurien.records.observer import Observer
from vaurien.records.status import LinkStatus, ProxyStatus, ScheduleStatus, ToxicStatus
from vaurien.rules.behaviors import (
    Spec,
    check_options,
    check_own_options,
    complete_rules,
    read_rules,
    sort_options,
)
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule, make_toxic
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import Settings
from vaurien.tls.authority import get_authority, write_ca_file

#: How often `wait_for_fault` looks for a fault, in seconds.
PAUSE = 0.005


class Proxy:
    """A proxy that serves during a block: ``with Proxy(backend='localhost:6379', protocol='redis') as proxy:``.

    It belongs to the process that has started it. In a child of a fork nothing of it is left: `stop` does nothing, and
    what else is asked of it raises `RuntimeError`.
    """

    def __init__(
        self,
        backend: str | Address,
        protocol: str = 'tcp',
        *,
        behavior: Spec = 'dummy',
        options: Mapping[str, Mapping[str, Any]] | None = None,
        protocol_options: Mapping[str, Any] | None = None,
        proxy: str | Address = '127.0.0.1:0',
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: bool | str | os.PathLike[str] = False,
        replay: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        """Check all that is given; raise `ConfigError`.

        *behavior* is a name, a text such as ``20:error,10:delay(sleep=2)``, or a list of mappings with ``name``,
        ``percent`` and options. *options* are those of behaviors, by the name of the behavior. *settings* are more
        fields of `Settings`: ``seed``, ``timeout``, ``idle_timeout``, ``keepalive``, ``backlog``, ``max_links``,
        ``addressed``, ``journal_max``, and those that begin with ``tls``, ``backend_tls`` and ``proxy_tls``.

        *observer* is told of links, requests, faults and exchanges, and *chooser* is asked for each request, in the
        thread of the proxy. *digest* returns a new hash, such as `hashlib.blake2b`, for the digests of requests.

        *journal* is the file that each exchange is written to, from `start` to `stop`; True: none, but `journal()` has
        the last exchanges. *replay* is the file of a journal whose faults are injected again, and no others.
        """
        with reading_files():
            rules = read_rules(behavior)
            self._options = check_options(options or {}, rules)
        self._settings = Settings(
            proxy=_address(proxy),
            backend=_backend(backend),
            protocol=protocol,
            behaviors=complete_rules(rules, self._options),
            behavior_options=self._options,
            protocol_options={protocol: dict(protocol_options or {})},
            **_check_settings(settings),
        )
        self._journal = _make_journal(journal, self._settings.journal_max)
        self._replay = None if replay is None else Replay(replay)
        #: What chooses the faults of the journal that is replayed.
        self._replayed = None if self._replay is None else self._replay.make_chooser(self._settings)
        if chooser is not None and self._replayed is not None:
            raise ConfigError('it chooses faults, and so does chooser: give one of them', 'replay')
        self._thread = ProxyThread(self._settings, observer, chooser or self._replayed, digest, self._journal)
        self._temporary_ca_file: str | None = None
        #: Exists from the first schedule on.
        self._scheduler: Scheduler | None = None

    def start(self) -> Proxy:
        """Listen, and return once clients can connect. Raise `OSError` if the address cannot be listened on."""
        if self._settings.tls_ca_file is not None:
            write_ca_file(self._settings.tls_ca_file)
        if self._replayed is not None:
            self._replayed.rewind()
        with ExitStack() as stack:
            if self._journal is not None:
                self._journal.open()
                stack.callback(self._journal.close)
            self._thread.start()
            stack.pop_all()
        self._scheduler = None  # if there is one, it is that of the process that this one is a fork of
        return self

    def stop(self) -> None:
        """Close every link and the listening socket, and return when they are closed. A second call does nothing.

        Nor does a call in a child of a fork: the proxy runs in the parent. A rule whose `match` has fitted no request
        is a warning in the log.
        """
        is_here = self._thread.is_running
        if is_here and self._scheduler is not None:
            self._thread.call(lambda server: self._find_scheduler(server).abandon())
            self._scheduler = None
        self._thread.stop()
        if is_here and self._journal is not None:
            self._journal.close()
        if is_here and self._temporary_ca_file is not None:
            Path(self._temporary_ca_file).unlink(missing_ok=True)
            self._temporary_ca_file = None

    def __enter__(self) -> Proxy:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> Address:
        """The address on which it listens."""
        return self._thread.server.address

    @property
    def backend(self) -> Address:
        """The address of the backend."""
        return self._thread.server.backend

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that signs what clients are shown (``tls='auto'``), as PEM.

        Raise `ConfigError` if the package for it is not installed.
        """
        return get_authority().pem.decode()

    @property
    def ca_file(self) -> str:
        """The path of a file with that certificate. It is ``tls_ca_file``, or else one that `stop` removes.

        Raise `ConfigError` if the package for it is not installed.
        """
        if self._settings.tls_ca_file is not None:
            return self._settings.tls_ca_file
        return self._thread.call(lambda server: self._find_ca_file())  # one at a time: there is one file

    def _find_ca_file(self) -> str:
        if self._temporary_ca_file is None:
            pem = self.ca_pem.encode()
            descriptor, self._temporary_ca_file = tempfile.mkstemp(prefix='vaurien-ca-', suffix='.pem')
            with os.fdopen(descriptor, 'wb') as file:
                file.write(pem)
        return self._temporary_ca_file

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context for clients, which believes that authority and nobody else. Raise `ConfigError`."""
        return ssl.create_default_context(cadata=self.ca_pem)

    def disable(self) -> None:
        """Refuse clients, and close all links. The port stays with the proxy; so do toxics and what is armed."""
        self._thread.call(lambda server: server.shut_down(keeps_port=True))

    def enable(self) -> None:
        """Serve clients again, on the same port."""
        self._thread.call(lambda server: None if server.enabled else server.start(wait=False))

    @contextmanager
    def down(self) -> Iterator[Proxy]:
        """Disable the proxy for the length of a block."""
        self.disable()
        try:
            yield self
        finally:
            if self._thread.is_running:
                self.enable()

    def set_backend(self, backend: str | Address) -> None:
        """Change the backend, from the next exchange on. Raise `ConfigError` if it is the proxy itself."""
        address = _backend(backend)

        def change(server: ProxyServer) -> None:
            if is_number(address.host):  # a name could not be looked up here without keeping links waiting
                server.refuse_loop(address)
            server.set_backend(address)

        self._thread.call(change)

    def set_behavior(self, behavior: Spec, **options: Any) -> None:
        """Arm one behavior, or several by weight; raise `ConfigError`.

        ``set_behavior('delay', match='GET *', sleep=2)``; ``set_behavior('20:error,10:delay(match="GET *")')``;
        ``set_behavior([{'name': 'error', 'percent': 20}, {'name': 'delay', 'percent': 10, 'match': 'GET *'}])``.
        """
        with reading_files():
            rules = read_rules(behavior)
            given = check_own_options(sort_options(behavior, options), rules)
        self._arm(complete_rules(rules, given, self._options))

    @contextmanager
    def with_behavior(self, behavior: Spec, **options: Any) -> Iterator[Proxy]:
        """Arm as `set_behavior` does for the length of a block; then arm again what was armed before."""
        before = self._thread.server.rules
        self.set_behavior(behavior, **options)
        try:
            yield self
        finally:
            if self._thread.is_running:
                self._arm(before)

    @contextmanager
    def schedule(self, schedule: Plan) -> Iterator[Proxy]:
        """Run a schedule for the length of a block at most; then stop it, and have it put back what it has changed.

        *schedule* is the path of a file, a mapping as it would be there, or its steps. One that still runs is stopped
        first. Raise `ConfigError`.
        """
        opened = open_schedule(schedule)
        self._stop_schedule()
        self._thread.call(lambda server: self._find_scheduler(server).start(opened))
        try:
            yield self
        finally:
            if self._thread.is_running:
                self._stop_schedule()

    def get_schedule(self) -> ScheduleStatus:
        """Return how far the schedule has come, as ``GET /schedule`` does."""
        return self._thread.call(lambda server: self._find_scheduler(server).status())

    def mark(self, name: str) -> None:
        """Set a mark: the steps of the schedule that are after it begin.

        Raise `NoScheduleError` if no schedule runs, and `ConfigError` if no step of it is after that mark.
        """
        self._thread.call(lambda server: self._find_scheduler(server).mark(name))

    def _find_scheduler(self, server: ProxyServer) -> Scheduler:
        if self._scheduler is None:
            self._scheduler = Scheduler({server.name: server}, server.settings.seed)
        return self._scheduler

    def _stop_schedule(self) -> None:
        """Return when no schedule runs, and everything is put back."""
        while self._thread.call(lambda server: self._find_scheduler(server).request_stop()):
            sleep(PAUSE)

    def toxics(self) -> list[ToxicStatus]:
        """Return its toxics, those of the upstream first: type, name, stream, toxicity and attributes of each."""
        return self._thread.call(lambda server: [rule.status() for rule in server.toxics])

    def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: Any,
    ) -> ToxicStatus:
        """Add a toxic to a stream, behind the others: ``add_toxic('latency', latency=200)``. Return it as it is now.

        *stream* is ``upstream``, ``downstream`` or ``both``. *toxicity* is the probability that a link gets it, if it
        is one of that *client*: an address or a network. Without a *name* it is called ``latency_downstream``. Raise
        `ConfigError`.
        """
        with reading_files():
            rule = make_toxic(type_, attributes, name=name, stream=stream, toxicity=toxicity, client=client)
        self._thread.call(lambda server: server.toxics.add(rule))
        return rule.status()

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: Any) -> ToxicStatus:
        """Change the toxicity or the attributes of a toxic, on open links, too. Return it as it is now.

        Raise `ConfigError`.
        """

        def update(server: ProxyServer) -> ToxicRule:
            with reading_files():
                rule = server.toxics.get(name).change(attributes, toxicity)
            server.toxics.update(rule)
            return rule

        return self._thread.call(update).status()

    def remove_toxic(self, name: str) -> None:
        """Remove the toxic of that name. The bytes that wait in it go on. Raise `ConfigError`."""
        self._thread.call(lambda server: server.toxics.remove(name))

    @contextmanager
    def toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: Any,
    ) -> Iterator[Proxy]:
        """Add a toxic as `add_toxic` does for the length of a block; then remove it if it is still there."""
        added = self.add_toxic(type_, stream=stream, toxicity=toxicity, name=name, client=client, **attributes)
        try:
            yield self
        finally:
            if self._thread.is_running:
                with suppress(ToxicNameError):
                    self.remove_toxic(added['name'])

    def status(self) -> ProxyStatus:
        """Return everything about the running proxy, as ``GET /status`` does."""
        status = self._thread.call(lambda server: server.status())
        if self._replay is not None:
            status['replay'] = self._replay.status(status['name'])
        return status

    def links(self) -> list[LinkStatus]:
        """Return the open links, as ``GET /links`` does."""
        return self._thread.call(lambda server: [link.status() for link in server.links.values()])

    def cut_link(self, number: int) -> None:
        """Close both connections of the link with that id; raise `ConfigError` if it is not open."""

        def cut(server: ProxyServer) -> None:
            if number not in server.links:
                raise ConfigError(f'there is no open link {number}')
            server.links[number].close()

        self._thread.call(cut)

    def faults(self) -> list[Fault]:
        """Return the last faults, the oldest first, as ``GET /faults`` does."""
        return self._thread.call(lambda server: server.faults.last())

    def clear_faults(self) -> None:
        """Forget the faults until now."""
        self._thread.call(lambda server: server.faults.clear())

    def journal(self) -> list[Entry]:
        """Return the last exchanges since it was started, the first that was over first, also once it is stopped.

        Raise `ConfigError` if it keeps no journal.
        """
        journal = self._journal
        if journal is None:
            raise ConfigError('it keeps none: give journal=True, or the path of a file', 'journal')
        if not self._thread.is_running:
            return journal.kept.find().entries
        return self._thread.call(lambda server: journal.kept.find().entries)

    def wait_for_fault(self, timeout: float = 5.0) -> Fault:
        """Return the next fault since rules were last armed: each call returns another one, in order.

        Raise `TimeoutError` if there is none within *timeout* seconds.
        """
        deadline = monotonic() + timeout
        while True:
            fault = self._thread.call(lambda server: server.faults.take())
            if fault is not None:
                return fault
            if monotonic() >= deadline:
                reports = self._thread.call(lambda server: server.report_rules())
                raise TimeoutError('; '.join([f'no fault within {timeout:g} s', *reports]))
            sleep(PAUSE)

    def _arm(self, rules: Sequence[Rule]) -> None:
        self._thread.call(lambda server: server.arm(rules))


def _make_journal(given: bool | str | os.PathLike[str], most: int) -> Journal | None:
    return Journal(None if given is True else os.fspath(given), most) if given else None


def _check_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return *settings*, checked: those of TLS, where a mistake could leave a link plain, and those with a unit.

    Raise `ConfigError`.
    """
    checked = dict(settings)
    for name, value in settings.items():
        type_ = SETTINGS.get(name)
        if type_ is not None and ('tls' in name or find_unit(type_)):
            try:
                checked[name] = convert(os.fspath(value) if isinstance(value, os.PathLike) else value, type_)
            except OptionError as error:
                raise error.within(name) from None
    return checked


def _backend(value: str | Address) -> Address:
    return value if isinstance(value, Address) else parse_backend(value)


def _address(value: str | Address) -> Address:
    return value if isinstance(value, Address) else Address.parse(value)
