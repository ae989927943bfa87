"""A proxy in the process of the test: it runs on a thread with an event loop of its own, and patches nothing."""

from __future__ import annotations

import os
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from time import sleep
from types import TracebackType

from msgspec.structs import replace

from vaurien.address import Address, is_number
from vaurien.config.arguments import check_settings, find_proxy, read_address
from vaurien.config.backend_url import read_other, read_spoken
from vaurien.config.schedules import Plan, open_schedule
from vaurien.engine.chooser import Chooser
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.record import Hasher
from vaurien.engine.thread import RUNNING, ProxyThread
from vaurien.errors import ConfigError, ToxicNameError
from vaurien.interface import PAUSE, ProxyControl
from vaurien.journal.file import check_apart
from vaurien.journal.journal import Journal
from vaurien.journal.replay import Replay
from vaurien.plugins.distribution import reading_files
from vaurien.records.entry import Entry
from vaurien.records.faults import Fault
from vaurien.records.observer import Observer
from vaurien.records.page import KEPT
from vaurien.records.status import HeldStatus, LinkStatus, ProxyStatus, ScheduleStatus, ToxicStatus
from vaurien.rules.behaviors import (
    Options,
    Spec,
    check_options,
    check_own_options,
    complete_rules,
    format_rules,
    read_rules,
    sort_options,
)
from vaurien.rules.blocks import Blocks
from vaurien.rules.decision import read_decision
from vaurien.rules.rule import Rule, list_rests
from vaurien.rules.toxics import ToxicRule, make_toxic
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import Settings
from vaurien.tls.authority import get_authority, write_ca_file
from vaurien.tls.ca_file import CaFile

#: The schemes of URLs that differ from the name of the protocol: without TLS with clients, and with it.
SCHEMES = {
    'http': ('http', 'https'),
    'postgres': ('postgresql', 'postgresql'),
    'redis': ('redis', 'rediss'),
    'smtp': ('smtp', 'smtps'),
}
#: How many rules are remembered that are not armed any more.
PAST = 10


class Proxy(ProxyControl):
    """A proxy that serves during a block: ``with Proxy(backend='localhost:6379', protocol='redis') as proxy:``.

    It belongs to the process that has started it. In a child of a fork nothing of it is left: `stop` does nothing, and
    what else is asked of it raises `RuntimeError`.
    """

    def __init__(
        self,
        backend: str | Address,
        protocol: str | None = None,
        *,
        behavior: Spec = 'dummy',
        options: Options | None = None,
        protocol_options: Mapping[str, object] | None = None,
        proxy: str | Address = '127.0.0.1:0',
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: bool | str | os.PathLike[str] = False,
        replay: str | os.PathLike[str] | None = None,
        **settings: object,
    ) -> None:
        """Check all that is given; raise `ConfigError`, or `TypeError` for a setting that there is not.

        *backend* is ``host:port``, or a URL such as ``redis://localhost:6379/0``, which says the *protocol*, too; else
        that is ``tcp``. *behavior* is a name, a text such as ``20:error,10:delay(sleep=2)``, or a list of mappings with
        ``name``, ``percent`` and options. *options* are those of behaviors, by the name of the behavior. *settings* are
        more fields of `Settings`: ``seed``, ``timeout``, ``idle_timeout``, ``keepalive``, ``backlog``, ``max_links``,
        ``addressed``, ``mark_faults``, ``journal_max``, and those that begin with ``tls``, ``backend_tls`` and
        ``proxy_tls``.

        *observer* is told of links, requests, faults and exchanges, and *chooser* is asked for each request, in the
        thread of the proxy. *digest* returns a new hash, such as `hashlib.blake2b`, for the digests of requests.

        *journal* is the file that each exchange is written to, from `start` to `stop`; True: none, but `journal()` has
        the last exchanges. *replay* is the file of a journal whose faults are injected again, and no others.
        """
        with reading_files():
            rules = read_rules(behavior)
            checked = check_options(options or {}, rules)
        address, spoken = read_spoken(backend, protocol, settings)
        made = Settings(
            proxy=read_address(proxy),
            backend=address,
            protocol=spoken,
            behaviors=complete_rules(rules, checked),
            behavior_options=checked,
            protocol_options={spoken: dict(protocol_options or {})},
            **check_settings(settings, list(type(self).__init__.__kwdefaults__ or ())),
        )
        self._set_up(made, observer, chooser, digest, journal, replay)

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        seed: int | None = None,
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
    ) -> Proxy:
        """Return the proxy of that *name* in a config file, or the only one, on a free port; raise `ConfigError`.

        A *seed* goes before that of the file. What is for a process, such as the control API, is not looked at.
        *observer*, *chooser* and *digest* are those of the constructor.
        """
        settings = find_proxy(path, name)
        made = cls.__new__(cls)
        made._set_up(settings if seed is None else replace(settings, seed=seed), observer, chooser, digest)
        return made

    def _set_up(
        self,
        settings: Settings,
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: bool | str | os.PathLike[str] = False,
        replay: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(observer, Observer | None):
            raise TypeError(f'observer: expected an instance of a subclass of Observer, got {observer!r}')
        #: All that it was created with, also while it does not run.
        self.settings = settings
        self._journal = _make_journal(journal, self.settings.journal_max)
        self._replay = None if replay is None else Replay(replay)
        if replay is not None and not isinstance(journal, bool):
            check_apart(journal, replay)
        #: What chooses the faults of the journal that is replayed.
        self._replayed = None if self._replay is None else self._replay.make_chooser(self.settings)
        if chooser is not None and self._replayed is not None:
            raise ConfigError('it chooses faults, and so does chooser: give one of them', 'replay')
        self._thread = ProxyThread(self.settings, observer, chooser or self._replayed, digest, self._journal)
        self._ca_file = CaFile()
        self._blocks: Blocks[Sequence[Rule]] = Blocks()
        self._past_rules: deque[str] = deque(maxlen=PAST)
        #: Exists from the first schedule on.
        self._scheduler: Scheduler | None = None

    def start(self) -> Proxy:
        """Listen, and return once clients can connect. Raise `OSError` if the address cannot be listened on.

        Raise `RuntimeError` if it is running already, which goes on with its journal as before.
        """
        if self._thread.is_running:  # before the journal is opened, which forgets what it has
            raise RuntimeError(RUNNING)
        if self.settings.tls_ca_file is not None:
            write_ca_file(self.settings.tls_ca_file)
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
        if is_here:
            self._ca_file.remove()

    def __enter__(self) -> Proxy:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        settings = self.settings
        where = f'on {self.address}' if self._thread.is_running else 'not running'
        return f'<{type(self).__name__} of {settings.protocol} before {settings.backend}, {where}>'

    @property
    def is_running(self) -> bool:
        """Whether it serves, in this process."""
        return self._thread.is_running

    @property
    def address(self) -> Address:
        """The address on which it listens."""
        return self._thread.server.address

    @property
    def host(self) -> str:
        """The host on which it listens, without brackets."""
        return self.address.host

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return self.address.port

    @property
    def url(self) -> str:
        """The URL for clients, without a user and a path: ``redis://127.0.0.1:43211``, ``tcp://…`` if nothing fits."""
        protocol = self.settings.protocol
        schemes = SCHEMES.get(protocol, (protocol, protocol))
        return f'{schemes[self.settings.client_leg is not None]}://{self.address}'

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
        if self.settings.tls_ca_file is not None:
            return self.settings.tls_ca_file
        return self._thread.call(lambda server: self._ca_file.find())  # one at a time: there is one file

    def ssl_context(self) -> ssl.SSLContext:
        """Return a context for clients, which believes that authority and nobody else. Raise `ConfigError`."""
        return ssl.create_default_context(cadata=self.ca_pem)

    def disable(self) -> None:
        """Refuse clients, and close all links. The port stays with the proxy; so do toxics and what is armed."""
        self._thread.call(lambda server: server.shut_down(keeps_port=True), waits=True)

    def enable(self) -> None:
        """Serve clients again, on the same port."""
        self._thread.call(_enable)

    def reset(self) -> None:
        """Remove the toxics, arm what it was created with, and enable it."""
        self._thread.call(_reset)

    @contextmanager
    def down(self) -> Iterator[Proxy]:
        self.disable()
        try:
            yield self
        finally:
            if self._thread.is_running:
                self.enable()

    def get_backend(self) -> str:
        return str(self.backend)

    def set_backend(self, backend: str | Address) -> None:
        """Change the backend, from the next exchange on; a URL has to be for what the proxy speaks.

        Raise `ConfigError` if it is for something else, or the backend is the proxy itself.
        """
        address = read_other(backend, self.settings)

        def change(server: ProxyServer) -> None:
            if is_number(address.host):  # a name could not be looked up here without keeping links waiting
                server.refuse_loop(address)
            server.set_backend(address)

        self._thread.call(change)

    def get_behavior(self) -> str:
        return format_rules(self._thread.server.rules)

    def set_behavior(self, behavior: Spec, **options: object) -> None:
        with reading_files():
            rules = read_rules(behavior)
            given = check_own_options(sort_options(behavior, options), rules)
        self._arm(complete_rules(rules, given, self.settings.behavior_options))

    @contextmanager
    def with_behavior(self, behavior: Spec, **options: object) -> Iterator[Proxy]:
        with self._blocks.within(
            lambda: self._thread.server.rules, lambda: self.set_behavior(behavior, **options), self._arm_again
        ):
            yield self

    def _arm_again(self, rules: Sequence[Rule]) -> None:
        if self._thread.is_running:
            self._arm(list_rests(rules))

    @contextmanager
    def schedule(self, schedule: Plan) -> Iterator[Proxy]:
        """Run a schedule for the length of a block at most; then stop it, and have it put back what it has changed.

        *schedule* is what `set_schedule` takes.
        """
        self.set_schedule(schedule)
        try:
            yield self
        finally:
            if self._thread.is_running:
                self.stop_schedule()

    def set_schedule(self, schedule: Plan) -> None:
        """Run a schedule from now on: that in a file, by its path, or a mapping as it would be there, or its steps.

        One that still runs is stopped first, and puts back what it has changed. Raise `ConfigError`.
        """
        opened = open_schedule(schedule)
        self.stop_schedule()
        self._thread.call(lambda server: self._find_scheduler(server).start(opened))

    def stop_schedule(self) -> None:
        while self._thread.call(lambda server: self._find_scheduler(server).request_stop()):
            sleep(PAUSE)

    def get_schedule(self) -> ScheduleStatus:
        return self._thread.call(lambda server: self._find_scheduler(server).status())

    def mark(self, name: str) -> None:
        self._thread.call(lambda server: self._find_scheduler(server).mark(name))

    def _find_scheduler(self, server: ProxyServer) -> Scheduler:
        if self._scheduler is None:
            self._scheduler = Scheduler({server.name: server}, server.settings.seed)
        return self._scheduler

    def toxics(self) -> list[ToxicStatus]:
        return self._thread.call(lambda server: [rule.status() for rule in server.toxics])

    def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> ToxicStatus:
        with reading_files():
            rule = make_toxic(type_, attributes, name=name, stream=stream, toxicity=toxicity, client=client)
        self._thread.call(lambda server: server.toxics.add(rule))
        return rule.status()

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: object) -> ToxicStatus:
        def update(server: ProxyServer) -> ToxicRule:
            with reading_files():
                rule = server.toxics.get(name).change(attributes, toxicity)
            server.toxics.update(rule)
            return rule

        return self._thread.call(update).status()

    def remove_toxic(self, name: str) -> None:
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
        **attributes: object,
    ) -> Iterator[Proxy]:
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
        return self._thread.call(lambda server: [link.status() for link in server.links.values()])

    def cut_link(self, number: int) -> None:
        def cut(server: ProxyServer) -> None:
            if number not in server.links:
                raise ConfigError(f'there is no open link {number}')
            server.links[number].end()

        self._thread.call(cut)

    def faults(self) -> list[Fault]:
        return self._thread.call(lambda server: server.faults.last())

    def clear_faults(self) -> None:
        self._thread.call(lambda server: server.faults.clear())

    def journal(self, limit: int | None = None) -> list[Entry]:
        """Return the last exchanges since it was started, up to *limit*, also once it is stopped.

        They are in the order in which they were over. Raise `ConfigError` if it keeps no journal.
        """
        journal = self._journal
        if journal is None:
            raise ConfigError('it keeps none: give journal=True, or the path of a file', 'journal')
        most = KEPT if limit is None else limit
        if not self._thread.is_running:
            return journal.kept.find(limit=most).entries
        return self._thread.call(lambda server: journal.kept.find(limit=most).entries)

    def take_fault(self) -> Fault | None:
        return self._thread.call(lambda server: server.faults.take())

    def held(self) -> list[HeldStatus]:
        return self._thread.call(lambda server: server.breakpoints.list())

    def decide(self, number: int, decision: str, **options: object) -> None:
        def decide(server: ProxyServer) -> None:
            if not server.breakpoints.decide(number, read_decision(decision, options, server.protocol)):
                raise ConfigError(f'no request {number} is held')

        self._thread.call(decide)

    def describe_rules(self) -> list[str]:
        return self._thread.call(lambda server: server.report_rules())

    @property
    def past_rules(self) -> list[str]:
        """The same lines for the last rules that are not armed any more, the oldest first."""
        return list(self._past_rules)

    def _arm(self, rules: Sequence[Rule]) -> None:
        def arm(server: ProxyServer) -> None:
            past = server.report_rules()
            server.arm(rules)
            self._past_rules.extend(past)

        self._thread.call(arm)


def _enable(server: ProxyServer) -> None:
    if not server.enabled:
        server.start(wait=False)


def _reset(server: ProxyServer) -> None:
    server.toxics.clear()
    server.arm(server.settings.behaviors)
    _enable(server)


def _make_journal(given: bool | str | os.PathLike[str], most: int) -> Journal | None:
    return Journal(None if given is True else os.fspath(given), most) if given else None
