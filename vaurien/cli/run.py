"""Serve in the foreground until a signal comes."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.pool import Group

from vaurien.address import Address
from vaurien.cli.announcing import announce, summarize
from vaurien.cli.companions import Companions, open_companions, plan_companions
from vaurien.cli.flags import Arguments
from vaurien.config.reload import Reloader
from vaurien.config.schedules import check_schedule
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.limits import raise_descriptors
from vaurien.console.output import make_printable, print_line
from vaurien.console.signals import on_hangup_in_loop, on_signals_in_loop
from vaurien.engine.memory import MemoryWatch
from vaurien.engine.proxies import Proxies
from vaurien.errors import ConfigError, StartError
from vaurien.journal.replay import Replay
from vaurien.schedule.preview import preview
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import ONLY, Settings
from vaurien.tls.authority import write_ca_file

if TYPE_CHECKING:
    from vaurien.control.server import ControlServer

#: Seconds that open exchanges may take to finish at the end.
GRACE = 3.0

logger = logging.getLogger(__name__)


def run(arguments: Arguments) -> int:
    """Do what the command line asks for and return the exit status; raise `ConfigError`, `StartError`."""
    if arguments.demo:
        return show_demo()
    if arguments.dry_run:
        return show_schedule(arguments)
    settings = arguments.settings
    with in_background(log_format=settings.log_format):
        log.set_up(settings.log_level, settings.log_output, settings.log_format)
        if arguments.ignored:
            logger.warning('ignored, without meaning since version 2: %s', ', '.join(arguments.ignored))
        return serve(arguments)


def show_demo() -> int:
    """Run the demonstration and return its exit status."""
    from vaurien.cli import demo

    return demo.main()


def show_schedule(arguments: Arguments) -> int:
    """Print what the schedule will do, a line for each change, and return 0; raise `ConfigError`."""
    settings = arguments.settings
    if settings.schedule is None:
        raise ConfigError('there is no schedule to show: give one with --schedule FILE', '--dry-run')
    for line in preview_schedule(arguments, settings.schedule, plan_companions(arguments).make_proxies(arguments)):
        if not print_line(line):
            break
    return 0


def preview_schedule(arguments: Arguments, schedule: Schedule, proxies: Proxies) -> Iterator[str]:
    """Return what a schedule will do to *proxies*, a line for each change; raise `ConfigError` if they cannot have it.

    The schedule draws by the seed of the proxies, unless it has one of its own. If nothing says which proxies there
    are, it may be for any.
    """
    is_early = arguments.settings.http or not arguments.has_proxies
    bound = bind_schedule(arguments, Scheduler(proxies), schedule, is_early=is_early)
    return preview(bound, arguments.settings.seed or 0)


def bind_schedule(arguments: Arguments, scheduler: Scheduler, schedule: Schedule, *, is_early: bool) -> Schedule:
    """Do as `check_schedule`, but raise `ConfigError` with the line of the file."""
    try:
        return check_schedule(scheduler, schedule, is_early=is_early)
    except ConfigError as error:
        raise arguments.locate(error, ONLY) from None


def serve(arguments: Arguments) -> int:
    """Serve until SIGINT or SIGTERM, and return 0; raise `ConfigError`, `StartError`."""
    with open_companions(arguments) as companions:
        serve_until_signal(arguments, companions)
        if companions.replay is not None:
            report_replay(companions.replay)
    if companions.journal is not None and companions.journal.loss:
        print_line(f'journal: {make_printable(companions.journal.loss)}')
    return 0


def serve_until_signal(arguments: Arguments, companions: Companions) -> None:
    """Do as `serve`, and leave what *companions* have to say at the end to the caller."""
    settings = arguments.settings
    proxies = companions.make_proxies(arguments)
    scheduler = Scheduler(proxies, settings.seed)
    if settings.schedule is not None:
        bind_schedule(arguments, scheduler, settings.schedule, is_early=settings.http)
    reloader = Reloader(proxies, scheduler, settings)
    raise_descriptors()  # a link takes two, and the usual limit is 1024
    ended = Event()
    with (
        on_signals_in_loop(ended.set),
        reloading(reloader, arguments.read_again, ended.set, companions.reopen_files),
        companions.pool or nullcontext(),
    ):
        if settings.tls_ca_file is not None:
            write_ca_file(settings.tls_ca_file)
        gc.freeze()  # a collection that walks all modules would keep every link waiting
        if companions.telemetry is not None:
            companions.telemetry.start(proxies)
        proxies.start()
        memory = MemoryWatch(gevent.get_hub().loop, proxies.values)
        control = start_control(proxies, scheduler, settings, companions) if settings.http else None
        url = f'http://{control.address}' if control else None
        page = f'{url}/ui' if url and settings.ui else None
        if companions.replay is not None:
            companions.replay.warn_missing()
        print_line(announce(proxies, companions, settings.tls_ca_file, url, page))
        browsers = start_browser(page) if page else None
        if settings.schedule is not None:
            scheduler.start(settings.schedule, is_early=True)
        ended.wait()
        scheduler.abandon()
        proxies.shut_down(GRACE)
        memory.stop()
        if browsers:
            browsers.kill()
        if control:
            control.stop()
        for proxy in proxies.values():
            print_line(summarize(proxy.status(), proxy.report_rules(), alone=settings.proxies is None))


@contextmanager
def reloading(
    reloader: Reloader,
    read_again: Callable[[], Settings] | None,
    end: Callable[[], object],
    reopen_files: Callable[[], object],
) -> Iterator[None]:
    """Within the block, reopen files and apply what has changed in them after every SIGHUP, one at a time.

    *end* is called if the terminal has gone.
    """
    hung_up = Event()
    greenlets = Group()

    def reload() -> None:
        while hung_up.wait():
            hung_up.clear()
            reopen_files()
            if read_again is not None:
                apply_again(reloader, read_again)

    greenlets.spawn(reload)
    try:
        with on_hangup_in_loop(hung_up.set, end):
            yield
    finally:
        greenlets.kill()


def apply_again(reloader: Reloader, read_again: Callable[[], Settings]) -> None:
    """Apply what has changed in the files; log a mistake in them, and change nothing then."""
    try:
        reloader.apply(read_again())
    except Exception as error:  # whatever somebody's plug-in raises
        logger.error('not reloaded: %s', error)


def report_replay(replay: Replay) -> None:
    """Print how many faults of the journal were placed, and which were not; log the former."""
    lines = list(replay.report())
    logger.log(logging.WARNING if len(lines) > 1 else logging.INFO, 'replay: %s', lines[0])
    print_line('\n'.join(map(make_printable, lines)))


def start_control(proxies: Proxies, scheduler: Scheduler, settings: Settings, companions: Companions) -> ControlServer:
    """Start the control API; raise `StartError`."""
    from vaurien.control.server import ControlServer

    address = Address(settings.http_host, settings.http_port)
    control = ControlServer(
        proxies,
        address,
        scheduler,
        hosts=settings.api_host,
        token=settings.api_token,
        kept=None if companions.journal is None else companions.journal.kept,
        replay=companions.replay,
        count_lost=companions.count_lost,
    )
    try:
        control.start()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be encoded
        raise StartError.of(error, address) from error
    return control


def start_browser(page: str) -> Group:
    """Have a browser open the page, and return the greenlet that waits for it, in its group."""
    from vaurien.cli.browsing import open_page  # late: few want it, and it looks for all browsers

    greenlets = Group()
    greenlets.spawn(open_page, page)
    return greenlets
