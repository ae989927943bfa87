"""Serve in the foreground until a signal comes."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.pool import Group

from vaurien import __version__
from vaurien.address import Address
from vaurien.cli.flags import Arguments
from vaurien.config.reload import Reloader
from vaurien.config.schedules import check_schedule
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.limits import raise_descriptors
from vaurien.console.output import SERVING, make_printable, print_line
from vaurien.console.signals import on_hangup_in_loop, on_signals_in_loop
from vaurien.console.writer import count_lost
from vaurien.engine.memory import MemoryWatch
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError, StartError
from vaurien.journal.journal import Journal
from vaurien.journal.replay import Replay
from vaurien.records.status import ProxyStatus
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import format_toxic
from vaurien.schedule.preview import preview
from vaurien.schedule.schedule import Schedule
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import AUTO, ONLY, REFUSE, ProxySettings, Settings
from vaurien.tls.authority import write_ca_file
from vaurien.web.url import read_url

if TYPE_CHECKING:
    from vaurien.control.server import ControlServer
    from vaurien.telemetry.telemetry import Telemetry
    from vaurien.workers.pool import Pool

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
    for line in preview_schedule(arguments, settings.schedule, make_proxies(arguments)):
        if not print_line(line):
            break
    return 0


def preview_schedule(arguments: Arguments, schedule: Schedule, proxies: Proxies) -> Iterator[str]:
    """Return what a schedule will do to *proxies*, a line for each change; raise `ConfigError` if they cannot have it.

    The schedule draws by the seed of the proxies, unless it has one of its own.
    """
    bound = bind_schedule(arguments, Scheduler(proxies), schedule, is_early=True)
    return preview(bound, arguments.settings.seed or 0)


def bind_schedule(arguments: Arguments, scheduler: Scheduler, schedule: Schedule, *, is_early: bool) -> Schedule:
    """Do as `check_schedule`, but raise `ConfigError` with the line of the file."""
    try:
        return check_schedule(scheduler, schedule, is_early=is_early)
    except ConfigError as error:
        raise arguments.locate(error, ONLY) from None


def serve(arguments: Arguments) -> int:
    """Serve until SIGINT or SIGTERM, and return 0; raise `ConfigError`, `StartError`."""
    settings = arguments.settings
    pool = make_pool(arguments)
    replay = None if settings.replay is None else Replay(settings.replay)
    with ExitStack() as stack:
        telemetry = make_telemetry(settings)
        if telemetry is not None:
            stack.callback(telemetry.close)
        journal = None if settings.journal is None else Journal(settings.journal, settings.journal_max)
        if journal is not None:
            journal.open()
            stack.callback(journal.close)
        return serve_until_signal(arguments, journal, replay, telemetry, pool)


def make_telemetry(settings: Settings) -> Telemetry | None:
    """Return what sends telemetry, if that is wanted; raise `ConfigError`."""
    if settings.otel is None:
        if settings.otel_all:
            raise ConfigError('it is of no use without --otel URL', '--otel-all')
        return None
    try:
        read_url(settings.otel)
    except ConfigError:
        text = f'expected a URL such as http://localhost:4318, got {settings.otel!r}'
        raise ConfigError(text, '--otel') from None
    try:
        from vaurien.telemetry.telemetry import Telemetry  # late: it takes half a second, and an extra
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] != 'opentelemetry':
            raise
        raise ConfigError("it needs OpenTelemetry: pip install 'vaurien[otel]'", '--otel') from None
    return Telemetry(settings.otel, takes_all=settings.otel_all)


def serve_until_signal(
    arguments: Arguments,
    journal: Journal | None,
    replay: Replay | None,
    telemetry: Telemetry | None,
    pool: Pool | None,
) -> int:
    """Do as `serve`, with a journal that is written, one that is replayed, and who is told of it; or with workers."""
    settings = arguments.settings
    proxies = make_proxies(arguments, journal, replay, telemetry, pool)
    scheduler = Scheduler(proxies, settings.seed)
    if settings.schedule is not None:
        bind_schedule(arguments, scheduler, settings.schedule, is_early=settings.http)
    reloader = Reloader(proxies, scheduler, settings)
    raise_descriptors()  # a link takes two, and the usual limit is 1024
    ended = Event()
    with (
        on_signals_in_loop(ended.set),
        reloading(reloader, arguments.read_again, ended.set, pool, journal),
        pool or nullcontext(),
    ):
        if settings.tls_ca_file is not None:
            write_ca_file(settings.tls_ca_file)
        gc.freeze()  # a collection that walks all modules would keep every link waiting
        if telemetry is not None:
            telemetry.start(proxies)
        proxies.start()
        memory = MemoryWatch(gevent.get_hub().loop, proxies.values)
        counting = count_lost if pool is None else pool.count_lost
        control = start_control(proxies, scheduler, settings, journal, replay, counting) if settings.http else None
        print_line(announce(proxies, control, replay, pool, has_page=settings.ui))
        browsers = start_browser(control) if control and settings.ui else None
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
    if replay is not None:
        report_replay(replay)
    return 0


def make_pool(arguments: Arguments) -> Pool | None:
    """Return the workers, if there are any beside this process; raise `ConfigError` for what they cannot do."""
    settings = arguments.settings
    if settings.size == 1:
        return None
    if sys.platform != 'linux':
        raise ConfigError('links are handed to workers on Linux only: start with --workers 1', '--workers')
    for flag, value in (('--journal', settings.journal), ('--replay', settings.replay), ('--otel', settings.otel)):
        if value is not None:
            raise ConfigError('it needs all exchanges in one process: start with --workers 1', flag)
    from vaurien.workers.pool import Pool  # late, as below: most processes have no workers
    from vaurien.workers.process import Setup

    return Pool(settings.size, Setup(arguments.plugins, settings.log_level, settings.log_output, settings.log_format))


def make_proxies(
    arguments: Arguments,
    journal: Journal | None = None,
    replay: Replay | None = None,
    telemetry: Telemetry | None = None,
    pool: Pool | None = None,
) -> Proxies:
    """Return the proxies that are there at the start; raise `ConfigError` with the flag, or the line of a file."""
    make_chooser = None if replay is None else replay.make_chooser
    make_observer = None if telemetry is None else telemetry.make_observer
    make_proxy: Callable[..., ProxyServer] = ProxyServer
    if pool is not None:
        from vaurien.workers.proxy import SharedProxy

        make_proxy = partial(SharedProxy, pool)
    proxies = Proxies(
        (),
        arguments.settings.defaults,
        journal=journal,
        make_chooser=make_chooser,
        make_observer=make_observer,
        make_proxy=make_proxy,
    )
    for one in arguments.settings.each_proxy:
        try:
            proxies.add(proxies.make(one))
        except ConfigError as error:
            raise arguments.locate(error, one.name) from None
    return proxies


@contextmanager
def reloading(
    reloader: Reloader,
    read_again: Callable[[], Settings] | None,
    end: Callable[[], object],
    pool: Pool | None = None,
    journal: Journal | None = None,
) -> Iterator[None]:
    """Within the block, reopen the log and apply what has changed in the files after every SIGHUP, one at a time.

    *end* is called if the terminal has gone. The workers of *pool* reopen the log, too, and the *journal* its file.
    """
    hung_up = Event()
    greenlets = Group()

    def reload() -> None:
        while hung_up.wait():
            hung_up.clear()
            log.reopen()
            if pool is not None:
                pool.reopen_logs()
            if journal is not None:
                journal.reopen()
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
    """Print and log how many faults of the journal were placed, and which were not."""
    lines = list(replay.report())
    logger.log(logging.WARNING if len(lines) > 1 else logging.INFO, 'replay: %s', '; '.join(lines))
    print_line('\n'.join(map(make_printable, lines)))


def start_control(
    proxies: Proxies,
    scheduler: Scheduler,
    settings: Settings,
    journal: Journal | None,
    replay: Replay | None,
    count_lost: Callable[[], int],
) -> ControlServer:
    """Start the control API of *proxies*, which asks *count_lost* for lost lines; raise `StartError`."""
    from vaurien.control.server import ControlServer

    address = Address(settings.http_host, settings.http_port)
    kept = None if journal is None else journal.kept
    control = ControlServer(
        proxies,
        address,
        scheduler,
        hosts=settings.api_host,
        token=settings.api_token,
        kept=kept,
        replay=replay,
        count_lost=count_lost,
    )
    try:
        control.start()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be encoded
        raise StartError.of(error, address) from error
    return control


def start_browser(control: ControlServer) -> Group:
    """Have a browser open the page, and return the greenlet that waits for it, in its group."""
    from vaurien.cli.browsing import open_page  # late: few want it, and it looks for all browsers

    greenlets = Group()
    greenlets.spawn(open_page, find_page(control))
    return greenlets


def find_page(control: ControlServer) -> str:
    """Return the URL of the page."""
    return f'http://{control.address}/ui'


def announce(
    proxies: Proxies,
    control: ControlServer | None,
    replay: Replay | None = None,
    pool: Pool | None = None,
    *,
    has_page: bool = False,
) -> str:
    """Return what is printed at the start, the URL of the page if it *has_page*."""
    lines = [line for proxy in proxies.values() for line in announce_proxy(proxy)]
    if replay is not None:
        lines.append(f'replay: {replay.status()["faults"]} faults of {replay.path}, and nothing that is armed is drawn')
    if pool is not None:
        lines.append(f'workers: {len(pool.pids)}, with the pids {", ".join(map(str, pool.pids))}')
    if control:
        lines.append(f'control API: http://{control.address}')
        if has_page:
            lines.append(f'page: {find_page(control)}')
    return f'vaurien {__version__}: ' + '\n'.join([*lines, SERVING])


def announce_proxy(proxy: ProxyServer) -> list[str]:
    """Return what is printed about a proxy at the start, line by line."""
    named = '' if proxy.name == ONLY else f'{proxy.name}: '
    disabled = '' if proxy.enabled else ', disabled'
    lines = [
        f'{named}{proxy.address.written} -> {proxy.backend.written} ({proxy.settings.protocol}{disabled})',
        f'armed: {describe_armed(proxy.rules)}',
        f'seed: {proxy.seed} (--seed {proxy.seed} draws the same again)',
    ]
    if proxy.legs is not None:
        lines.insert(1, describe_tls(proxy.settings))
    if proxy.settings.addressed:
        lines.insert(-1, describe_addressed(proxy.settings, takes=proxy.protocol.takes_addressed))
    if proxy.settings.mark_faults:
        lines.insert(-1, describe_marks(proxy.settings, marks=proxy.protocol.marks()))
    if proxy.toxics:
        lines.insert(-1, f'toxics: {", ".join(map(format_toxic, proxy.toxics))}')
    return lines


def describe_tls(settings: ProxySettings) -> str:
    """Return with whom TLS is spoken, and what clients have to trust."""
    legs = [('clients', settings.client_leg is not None), ('the backend', settings.is_backend_leg)]
    peers = ' and '.join(peer for peer, is_secure in legs if is_secure)
    refused = 'no TLS with clients that ask for it' if settings.tls == REFUSE else ''
    spoken = ', '.join(filter(None, [f'TLS with {peers}' if peers else '', refused]))
    trust = '; clients have to trust --tls-ca-file FILE, or vaurienctl ca' if settings.client_leg == AUTO else ''
    return spoken + trust


def describe_addressed(settings: ProxySettings, *, takes: bool) -> str:
    """Return whether requests may ask for faults."""
    return f'addressed: requests {"may" if takes else f"of {settings.protocol} cannot"} ask for faults'


def describe_marks(settings: ProxySettings, *, marks: bool) -> str:
    """Return whether replies name their fault."""
    return f'mark-faults: replies {"" if marks else f"of {settings.protocol} cannot "}name their fault'


def describe_armed(rules: Sequence[Rule]) -> str:
    """Return the behaviors with their shares and options: ``10% delay (sleep=2.0, before=true)``."""
    armed = [_describe(rule) for rule in rules if rule.is_harmful]
    return ', '.join(armed) or 'nothing, all passes'


def _describe(rule: Rule) -> str:
    values = [f'{name}={format_value(value)}' for name, value in rule.options.items() if value is not None]
    options = f' ({", ".join(values)})' if values else ''
    return f'{rule.percent:g}% {rule.name}{options}'


def format_value(value: object) -> str:
    """Return the value of an option, as it is written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def summarize(status: ProxyStatus, rules: Sequence[str], *, alone: bool = True) -> str:
    """Return what is printed about a proxy at the end, with a line for each of its *rules*.

    It has its name, unless it is *alone*.
    """
    faults = ', '.join(f'{count} {name}' for name, count in sorted(status['faults'].items())) or 'none'
    moved = status['bytes']
    named = '' if alone else f'{status["name"]}: '
    counts = f'{named}links: {status["links"]["total"]}, exchanges: {status["exchanges"]}'
    volume = f'upstream: {human_bytes(moved["upstream"])}, downstream: {human_bytes(moved["downstream"])}'
    return '\n'.join([f'{counts}, {volume}', *rules, f'faults: {faults}'])


def human_bytes(count: float) -> str:
    """Return a number of bytes in the largest unit that fits, such as ``12.3 kB``, which is 12,300 bytes."""
    if count < 1000:
        return f'{count:.0f} B'
    for unit in ('kB', 'MB', 'GB'):
        count /= 1000
        if count < 999.95:
            return f'{count:.1f} {unit}'
    return f'{count / 1000:.1f} TB'
