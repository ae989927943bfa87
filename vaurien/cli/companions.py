"""What stands beside the proxies if the command line asks for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vaurien.cli.flags import Arguments
from vaurien.console import log
from vaurien.console.writer import count_lost
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError
from vaurien.journal.file import check_apart
from vaurien.journal.journal import Journal
from vaurien.journal.replay import Replay
from vaurien.settings import ONLY, Settings
from vaurien.web.url import read_url

if TYPE_CHECKING:
    from vaurien.telemetry.telemetry import Telemetry
    from vaurien.workers.pool import Pool


class Companions(NamedTuple):
    """What is told of exchanges, what decides about them, and who moves them; each is None if it is not wanted."""

    #: The journal that is written.
    journal: Journal | None = None
    #: The faults of a journal that are injected again.
    replay: Replay | None = None
    telemetry: Telemetry | None = None
    #: The workers, if links are handed to other processes.
    pool: Pool | None = None

    def make_proxies(self, arguments: Arguments) -> Proxies:
        """Return the proxies that are there at the start; raise `ConfigError` with the flag, or the line of a file."""
        make_proxy: Callable[..., ProxyServer] = ProxyServer
        if self.pool is not None:
            from vaurien.workers.proxy import SharedProxy

            make_proxy = partial(SharedProxy, self.pool)
        proxies = Proxies(
            (),
            arguments.settings.defaults,
            journal=self.journal,
            make_chooser=None if self.replay is None else self.replay.make_chooser,
            make_observer=None if self.telemetry is None else self.telemetry.make_observer,
            make_proxy=make_proxy,
        )
        for one in arguments.settings.each_proxy:
            try:
                proxies.add(proxies.make(one))
            except ConfigError as error:
                raise arguments.locate(error, one.name) from None
        return proxies

    def reopen_files(self) -> None:
        """Open the log anew, that of each worker too, and the journal: somebody has moved them away."""
        log.reopen()
        if self.pool is not None:
            self.pool.reopen_logs()
        if self.journal is not None:
            self.journal.reopen()

    def count_lost(self) -> int:
        """Return how many lines of the log, the journal, the standard output and error could not be written."""
        return count_lost() if self.pool is None else self.pool.count_lost()


def plan_companions(arguments: Arguments) -> Companions:
    """Return what the command line asks for, without telemetry, and with nothing opened or started.

    Raise `ConfigError` for what cannot be had, with the flag, or the line of a file.
    """
    settings = arguments.settings
    try:
        pool = make_pool(arguments)
        import_telemetry(settings)
        if settings.journal is not None and settings.replay is not None:
            check_apart(settings.journal, settings.replay)
    except ConfigError as error:
        raise arguments.locate(error, ONLY) from None
    replay = None if settings.replay is None else Replay(settings.replay)
    journal = None if settings.journal is None else Journal(settings.journal, settings.journal_max)
    return Companions(journal, replay, pool=pool)


@contextmanager
def open_companions(arguments: Arguments) -> Iterator[Companions]:
    """Have for a block what the command line asks for; raise `ConfigError`."""
    settings = arguments.settings
    companions = plan_companions(arguments)
    with ExitStack() as stack:
        make_telemetry = import_telemetry(settings)
        if make_telemetry is not None:
            telemetry = make_telemetry(settings.otel, takes_all=settings.otel_all)
            stack.callback(telemetry.close)
            companions = companions._replace(telemetry=telemetry)
        if companions.journal is not None:
            companions.journal.open()
            stack.callback(companions.journal.close)
        yield companions


def import_telemetry(settings: Settings) -> Callable[..., Telemetry] | None:
    """Return what sends telemetry, if that is wanted; raise `ConfigError`."""
    if settings.otel is None:
        if settings.otel_all:
            raise ConfigError('it is of no use without --otel URL', 'otel_all')
        return None
    try:
        read_url(settings.otel)
    except ConfigError:
        text = f'expected a URL such as http://localhost:4318, got {settings.otel!r}'
        raise ConfigError(text, 'otel') from None
    try:
        from vaurien.telemetry.telemetry import Telemetry  # late: it takes half a second, and an extra
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] != 'opentelemetry':
            raise
        raise ConfigError("it needs OpenTelemetry: pip install 'vaurien[otel]'", 'otel') from None
    return Telemetry


def make_pool(arguments: Arguments) -> Pool | None:
    """Return the workers, if there are any beside this process; raise `ConfigError` for what they cannot do."""
    settings = arguments.settings
    if settings.size == 1:
        return None
    if sys.platform != 'linux':
        raise ConfigError('links are handed to workers on Linux only: start with --workers 1', 'workers')
    for name, value in (('journal', settings.journal), ('replay', settings.replay), ('otel', settings.otel)):
        if value is not None:
            raise ConfigError('it needs all exchanges in one process: start with --workers 1', name)
    from vaurien.workers.pool import Pool  # late: most processes have no workers
    from vaurien.workers.process import Setup

    return Pool(settings.size, Setup(arguments.plugins, settings.log_level, settings.log_output, settings.log_format))
