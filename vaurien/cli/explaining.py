"""What a configuration will do, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from vaurien.address import NOWHERE
from vaurien.cli.announcing import describe_addressed, describe_marks, describe_tls, describe_trust, format_value
from vaurien.cli.companions import plan_companions
from vaurien.cli.flags import Arguments, parse
from vaurien.cli.run import preview_schedule
from vaurien.config.files import read_document
from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.plugins.options import Configurable
from vaurien.plugins.stage import Stage
from vaurien.rules.behaviors import TOLERANCE
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule
from vaurien.settings import Settings

#: What a percentage is of, by the stage at which a rule is drawn.
THINGS = {
    Stage.CONNECTION: 'connections',
    Stage.CABLE: 'connections',
    Stage.HANDSHAKE: 'handshakes of TLS',
    Stage.EXCHANGE: 'exchanges',
}
#: The steps of a schedule that are shown.
STEPS = 5


def explain(path: str) -> Iterator[str]:
    """Yield what the file has Vaurien do, line by line; raise `ConfigError` for a mistake."""
    tree = read_document(path).tree
    if isinstance(tree, list) or (isinstance(tree, Mapping) and 'steps' in tree):
        arguments = _read(['--schedule', path])
        yield from explain_schedule(arguments, plan_companions(arguments).make_proxies(arguments))
        return
    arguments = _read(['--config', path])
    proxies = plan_companions(arguments).make_proxies(arguments)
    settings = arguments.settings
    trust = describe_trust(settings.tls_ca_file, has_api=settings.http)
    for proxy in proxies.values():
        yield from explain_proxy(proxy, trust)
    if not proxies:
        yield 'there is no proxy until one is created over the control API'
    yield explain_api(settings)
    yield from explain_schedule(arguments, proxies)
    if settings.journal is not None:
        yield f'every exchange is written to {settings.journal}'
    if arguments.ignored:
        yield f'ignored, without meaning since version 2: {", ".join(arguments.ignored)}'


def explain_proxy(proxy: ProxyServer, trust: str) -> Iterator[str]:
    """Yield what a proxy does with its clients, and with what they send. *trust* is as in `describe_tls`."""
    settings = proxy.settings
    where = 'a free port' if settings.proxy.port == 0 else settings.proxy
    to = 'nowhere, as there is no backend' if settings.backend == NOWHERE else f'to {settings.backend}'
    yield f'proxy {proxy.name} listens on {where}, and passes {settings.protocol} on {to}'
    if not settings.enabled:
        yield '  it does not listen until it is enabled'
    if proxy.legs is not None:
        yield f'  {describe_tls(settings, trust)}'
    yield from (f'  {line}' for line in explain_rules(proxy.rules))
    yield from (f'  {explain_toxic(toxic)}' for toxic in settings.toxics)
    if settings.addressed:
        yield f'  {describe_addressed(settings, takes=proxy.protocol.takes_addressed)}'
    if settings.mark_faults:
        yield f'  {describe_marks(settings, marks=proxy.protocol.marks())}'
    if settings.seed is not None:
        yield f'  the seed {settings.seed} has the same faults happen in every run'


def explain_rules(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield what happens to which connections, handshakes and exchanges, and how many exchanges pass."""
    harmful = [rule for rule in rules if rule.is_harmful]
    of_exchanges = [rule for rule in harmful if rule.stage is Stage.EXCHANGE]
    for rule in harmful:
        given = ', '.join(f'{name}={format_value(value)}' for name, value in rule.given.items())
        share = f'{rule.percent:g}% of {THINGS[rule.stage]}'
        yield f'{share}: {rule.name}{f"({given})" if given else ""}. {_summarize(rule.kind)}'
    rest = 100 - sum(rule.percent for rule in of_exchanges)
    if not harmful:
        yield 'nothing is armed: all exchanges pass'
    elif any(rule.limits for rule in of_exchanges):
        yield 'all exchanges pass that none of these matches'
    elif rest > TOLERANCE:
        yield f'{rest:g}% of exchanges pass'


def explain_toxic(toxic: ToxicRule) -> str:
    """Return what a toxic does to which streams."""
    share = 'all links' if toxic.toxicity == 1 else f'{100 * toxic.toxicity:g}% of links'
    given = ', '.join(f'{name}={format_value(value)}' for name, value in toxic.attributes.items() if value is not None)
    return f'{share}, {toxic.direction}: {toxic.type}{f"({given})" if given else ""}. {_summarize(toxic.kind)}'


def explain_api(settings: Settings) -> str:
    """Return where the control API is, and who may use it."""
    if not settings.http:
        return 'there is no control API'
    who = 'without a token' if settings.api_token is None else 'for those who have the token'
    return f'the control API is on {settings.http_host}:{settings.http_port}, {who}'


def explain_schedule(arguments: Arguments, proxies: Proxies) -> Iterator[str]:
    """Yield what the schedule does first, if there is one; raise `ConfigError` if the proxies cannot have it."""
    if arguments.settings.schedule is None:
        return
    lines = preview_schedule(arguments, arguments.settings.schedule, proxies)
    yield 'a schedule runs from the start on:'
    yield from (f'  {line.strip()}' for line in islice(lines, STEPS))
    if next(lines, None) is not None:
        yield '  and so on: vaurien --dry-run --schedule FILE shows all'


def _read(flags: Sequence[str]) -> Arguments:
    return parse(flags, reads_environment=False)


def _summarize(kind: type[Configurable]) -> str:
    """Return the first sentence of what is said of a behavior or a toxic."""
    return ' '.join((kind.__doc__ or '').split()).partition('. ')[0].rstrip('.')
