"""What is printed when Vaurien starts, and when it ends."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien import __version__
from vaurien.cli.companions import Companions
from vaurien.console.output import SERVING
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.records.status import ProxyStatus
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import format_toxic
from vaurien.settings import AUTO, ONLY, REFUSE, ProxySettings


def announce(
    proxies: Proxies, companions: Companions, ca_file: str | None, control: str | None, page: str | None
) -> str:
    """Return what is printed at the start. *control* and *page* are URLs, if there are such."""
    trust = describe_trust(ca_file, has_api=control is not None)
    lines = [line for proxy in proxies.values() for line in announce_proxy(proxy, trust)]
    replay, pool = companions.replay, companions.pool
    if replay is not None:
        lines.append(f'replay: {replay.status()["faults"]} faults of {replay.path}, and nothing that is armed is drawn')
    if pool is not None:
        lines.append(f'workers: {len(pool.pids)}, with the pids {", ".join(map(str, pool.pids))}')
    if control is not None:
        lines.append(f'control API: {control}')
    if page is not None:
        lines.append(f'page: {page}')
    return f'vaurien {__version__}: ' + '\n'.join([*lines, SERVING])


def announce_proxy(proxy: ProxyServer, trust: str) -> list[str]:
    """Return what is printed about a proxy at the start, line by line. *trust* is as in `describe_tls`."""
    named = '' if proxy.name == ONLY else f'{proxy.name}: '
    disabled = '' if proxy.enabled else ', disabled'
    lines = [
        f'{named}{proxy.address.written} -> {proxy.backend.written} ({proxy.settings.protocol}{disabled})',
        f'armed: {describe_armed(proxy.rules)}',
        f'seed: {proxy.seed} (--seed {proxy.seed} draws the same again)',
    ]
    if proxy.legs is not None:
        lines.insert(1, describe_tls(proxy.settings, trust))
    if proxy.settings.addressed:
        lines.insert(-1, describe_addressed(proxy.settings, takes=proxy.protocol.takes_addressed))
    if proxy.settings.mark_faults:
        lines.insert(-1, describe_marks(proxy.settings, marks=proxy.protocol.marks()))
    if proxy.toxics:
        lines.insert(-1, f'toxics: {", ".join(map(format_toxic, proxy.toxics))}')
    return lines


def describe_trust(ca_file: str | None, *, has_api: bool) -> str:
    """Return what clients have to trust where certificates are made to order, and how to get it."""
    if ca_file is not None:
        return f'clients have to trust {ca_file}'
    return f'clients have to trust what {"vaurienctl ca prints" if has_api else "--tls-ca-file FILE writes"}'


def describe_tls(settings: ProxySettings, trust: str) -> str:
    """Return with whom TLS is spoken, and *trust* if certificates are made to order."""
    legs = [('clients', settings.client_leg is not None), ('the backend', settings.is_backend_leg)]
    peers = ' and '.join(peer for peer, is_secure in legs if is_secure)
    refused = 'no TLS with clients that ask for it' if settings.tls == REFUSE else ''
    spoken = ', '.join(filter(None, [f'TLS with {peers}' if peers else '', refused]))
    return f'{spoken}; {trust}' if settings.client_leg == AUTO else spoken


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
