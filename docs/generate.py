"""Write the reference tables of the pages from what the code declares, and the pictures that are drawn.

A table stands between ``<!-- generated: … -->`` and ``<!-- end -->``.

python -m docs.generate            write the tables and the pictures
python -m docs.generate --check    exit with 1 if a page or a picture is out of date
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import fill
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Meta

from docs.drawing import draw
from docs.ideas import make_pictures
from docs.sequences import PICTURES
from tests.behaviors.test_trials import SUBJECTS
from vaurien.address import Address
from vaurien.cli.groups import GROUPS
from vaurien.config.keys import REGISTRIES, SETTINGS
from vaurien.console.statuses import INTERRUPTED, STATUSES
from vaurien.control.metrics import FAMILIES, make_registry
from vaurien.control.sources import Sources
from vaurien.engine.proxies import Proxies
from vaurien.explore.model import Outcome
from vaurien.explore.showing.words import FAULTS, OUTCOMES
from vaurien.framing.trials import Kind
from vaurien.live.live import Live
from vaurien.loads.outputs import OUTPUTS
from vaurien.loads.settings import GROUPS as LOADS_GROUPS, Counts, Place as LoadsPlace, Words
from vaurien.plugins.distribution import DrawnMilliseconds, DrawnSeconds
from vaurien.plugins.options import Line, Option, find_parsed
from vaurien.plugins.place import Place
from vaurien.plugins.units import find_unit
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol, Effect
from vaurien.protocols.http.headers import Headers
from vaurien.rules.limits import Network, Rhythm
from vaurien.rules.match import Ordinals, Pattern
from vaurien.rules.toxics import ToxicRule
from vaurien.schedule.scheduler import Scheduler
from vaurien.settings import Auto, Settings
from vaurien.toxics import Toxic
from vaurien.toxics.packet_loss import Finite

DOCS = Path(__file__).parent
REGION = re.compile(r'(<!-- generated: (.+?) -->\n).*?(<!-- end -->)', re.DOTALL)
#: For each protocol, the driver in its table, and the test module that knows what the driver raises.
DRIVERS = {
    'http': ('requests', 'test_drivers'),
    'memcache': ('pymemcache', 'test_memcache'),
    'mysql': ('pymysql', 'test_mysql'),
    'postgres': ('psycopg', 'test_postgres'),
    'redis': ('redis', 'test_drivers'),
    'smtp': ('smtplib', 'test_smtp'),
}
KINDS: dict[str, Any] = {**REGISTRIES, 'toxic': Toxic}
NAMES: dict[Any, str] = {
    float: 'number',
    int: 'whole number',
    bool: '`true` or `false`',
    str: 'text',
    Address: '`host:port`',
    Pattern: 'pattern, or `/regular expression/`',
    Ordinals: '`3`, `1-2`, `5+` or `every 10`',
    Auto: '`auto`',
    Headers: 'names and values',
    Network: 'address or network',
    Rhythm: '`fail` and `pass`, as in `fail,fail,pass`',
    Place: '`4096 bytes` and the like, `client_hello`, `server_hello`, `certificate`',
    Line: 'text of one line',
    Finite: 'number',
    tuple[str, ...]: 'names',
    tuple[ToxicRule, ...]: 'toxics',
    NoneType: 'none',
    **dict.fromkeys((DrawnSeconds, DrawnMilliseconds), '[distribution](behaviors.md#distributions)'),
    Counts: '`10`, or `10:20:30`',
    LoadsPlace: '`host:port`',
    Words: '`name=value`, and more',
    list[str]: 'texts',
}


def main(argv: Sequence[str]) -> int:
    """Bring every page and picture up to date, or only check whether it is. Return the exit status."""
    outdated = 0
    for path, wanted in make_files():
        if not path.exists() or path.read_text() != wanted:
            outdated += 1
            print(f'{path.name}: {"out of date" if "--check" in argv else "written"}')
            if '--check' not in argv:
                path.write_text(wanted)
    return int(bool(outdated) and '--check' in argv)


def make_files() -> Iterator[tuple[Path, str]]:
    """Yield each page and picture with what it is to contain."""
    for page in sorted(DOCS.glob('*.md')):
        yield page, REGION.sub(lambda match: match[1] + make(match[2]) + match[3], page.read_text())
    for name, picture in PICTURES.items():
        yield DOCS / picture_path(name), draw(name, picture)
    for name, text in make_pictures().items():
        yield DOCS / 'images' / f'{name}.svg', text


def picture_path(behavior: str) -> str:
    """Return where the picture of a behavior is, from the pages."""
    return f'images/behaviors/{behavior}.svg'


def make(what: str) -> str:
    """Return the text of a region: ``aim``, ``behavior delay``, ``driver http``, ``settings``, ``metrics``, …"""
    if what == 'settings':
        return make_settings()
    if what == 'loads':
        return make_loads()
    if what == 'metrics':
        return make_metrics()
    if what == 'outcomes':
        return make_outcomes()
    if what == 'statuses':
        return make_statuses()
    if what == 'faults':
        return make_faults()
    if what == 'trials':
        return make_trials()
    if what == 'aim':
        return f'\n{make_options("behavior", "NAME", REGISTRIES["behavior"].base.options)}\n'
    kind, _, name = what.partition(' ')
    if kind == 'driver':
        return make_driver(name)
    plugin = KINDS[kind].get(name)
    summary = ' '.join((plugin.__doc__ or '').partition('\n\n')[0].split()).replace('``', '`')
    own = {} if plugin is KINDS[kind].base else plugin.own_options()
    errors = make_errors(plugin) if kind == 'protocol' else ''
    errors += make_units(plugin) if kind == 'protocol' else ''
    image = make_image(name) if kind == 'behavior' else ''
    options = make_attributes(own) if kind == 'toxic' else make_options(kind, name, own)
    return f'\n{summary}\n\n{image}{options}{errors}\n'


def make_image(behavior: str) -> str:
    """Return the picture of a behavior, for those who cannot see it in words."""
    return fill(f'![{PICTURES[behavior].summary}]({picture_path(behavior)})', 120, break_on_hyphens=False) + '\n\n'


def make_attributes(options: Mapping[str, Option]) -> str:
    """Return a table of the attributes of a toxic."""
    if not options:
        return 'No attributes.\n'
    rows = [
        f'| `{name}` | {describe_type(type_)} | {describe_default(default)} | {text} |'
        for name, (text, type_, default) in options.items()
    ]
    return '\n'.join(['| attribute | value | default | meaning |', '|---|---|---|---|', *rows, ''])


def make_options(kind: str, name: str, options: Mapping[str, Option]) -> str:
    """Return a table of *options*, which a behavior or protocol has in addition to those of its base class."""
    if not options:
        return 'No options of its own.\n'
    flag = f'--{kind}-{name}-'.replace('_', '-')
    rows = [
        f'| `{option}` | {describe_type(type_)} | {describe_default(default)} | {text} '
        f'| `{flag}{option.replace("_", "-")}` |'
        for option, (text, type_, default) in options.items()
    ]
    return '\n'.join(['| option | value | default | meaning | flag |', '|---|---|---|---|---|', *rows, ''])


def make_errors(protocol: type[BaseProtocol]) -> str:
    """Return a table of the options of the behavior ``error`` for *protocol*."""
    options = protocol.all_options('error_options')
    table = make_options('behavior', 'error', options)
    return f'\nThe behavior [`error`](behaviors.md#error) takes:\n\n{table}' if options else ''


def make_units(protocol: type[BaseProtocol]) -> str:
    """Return a line that says what places in replies of *protocol* are counted by."""
    units = ', '.join(f'`{unit}`' for unit in ('bytes', *protocol.reply_units))
    return f'\n[Places in a reply](behaviors.md#in-the-middle-of-a-reply) are counted by {units}.\n'


def make_driver(protocol: str) -> str:
    """Return a table of what the driver of *protocol* raises, as the tests have seen it."""
    driver, module = DRIVERS[protocol]
    raises = import_module(f'tests.behaviors.{module}').RAISES
    rows = [f'| `{behavior}` | {text} |' for behavior, text in raises.get(protocol, raises).items()]
    return '\n'.join(['', f'| behavior | `{driver}` raises |', '|---|---|', *rows, '', ''])


def make_trials() -> str:
    """Return a table of what each protocol says no with, and of what the driver of the tests then raises."""
    rows = ['| protocol | fault | what is armed | for which requests | the driver raises |', '|---|---|---|---|---|']
    for name, subject in sorted(SUBJECTS.items()):
        for trial in Protocol.get(name).trials:
            if trial.kind is Kind.NO:
                effects = [effect.value for effect in Effect if trial.effects is None or effect in trial.effects]
                whose = 'all but *connect*' if trial.effects is None else ', '.join(f'*{one}*' for one in effects)
                whose += ', of some commands' if trial.commands or trial.spared else ''
                raises = f'`{subject.raises[trial.detail].partition(":")[0]}`'
                rows.append(f'| `{name}` | `no({trial.detail})` | `{trial.behavior}` | {whose} | {raises} |')
    return '\n'.join(['', *rows, '', ''])


def make_settings() -> str:
    """Return a table of the keys of ``[vaurien]``."""
    defaults = Settings()
    rows = []
    for title, flags in GROUPS.items():
        rows.append(f'| **{title}** | | | |')
        for name, _, text in flags:
            field = name.replace('-', '_')
            default = describe_default('dummy' if name == 'behavior' else getattr(defaults, field, None))
            rows.append(f'| `{name}` | {describe_type(SETTINGS[field])} | {default} | {text} |')
    return '\n'.join(['', '| key | value | default | meaning |', '|---|---|---|---|', *rows, '', ''])


def make_loads() -> str:
    """Return a table of the keys of ``[loads]``."""
    rows = []
    for title, settings in LOADS_GROUPS.items():
        rows.append(f'| **{title}** | | | |')
        for name, setting in settings.items():
            default = describe_default(', '.join(setting.default) if setting.type == list[str] else setting.default)
            rows.append(f'| `{name}` | {describe_type(setting.type)} | {default} | {setting.help} |')
    for output, one in OUTPUTS.items():
        for option, (text, type_, default) in one.options.items():
            name = f'`output_{output}_{option}`'
            rows.append(
                f'| {name} | {describe_type(type_)} | {describe_default(default)} | {text[0].lower()}{text[1:]} |'
            )
    return '\n'.join(['', '| key | value | default | meaning |', '|---|---|---|---|', *rows, '', ''])


def make_metrics() -> str:
    """Return a table of the metrics that ``GET /metrics`` returns."""
    labels = {family.name: family.labels for family in FAMILIES}
    rows = []
    proxies = Proxies(())
    scheduler = Scheduler(proxies)
    sources = Sources(proxies, scheduler, Live(proxies, scheduler))
    for metric in make_registry(sources).collect():
        name = f'{metric.name}_total' if metric.type == 'counter' else metric.name
        named = labels.get(name) or [label for sample in metric.samples for label in sample.labels]
        rows.append(
            f'| `{name}` | {metric.type} | {", ".join(f"`{label}`" for label in named)} | {metric.documentation} |'
        )
    return '\n'.join(['', '| metric | type | labels | meaning |', '|---|---|---|---|', *rows, '', ''])


def make_outcomes() -> str:
    """Return a table of what becomes of a test under a fault."""
    rows = [f'| `{outcome.letter}` | {outcome.value} | {OUTCOMES[outcome]} |' for outcome in Outcome]
    rows.append('| `?` | not tried | it was possible, and was left out for a reason that is printed |')
    return '\n'.join(['', '| letter | outcome | what it means |', '|---|---|---|', *rows, '', ''])


def make_faults() -> str:
    """Return a table of the kinds of faults that exploring tries."""
    rows = [f'| *{kind.value}* | {FAULTS[kind]} |' for kind in Kind]
    return '\n'.join(['', '| fault | what happens to the request |', '|---|---|', *rows, '', ''])


def make_statuses() -> str:
    """Return a table of what the exit status of each command says."""
    rows = [f'| `{command}` | {" | ".join(texts)} |' for command, texts in STATUSES.items()]
    return '\n'.join(['', f'| command | 0 | 1 | 2 | {INTERRUPTED} |', '|---|---|---|---|---|', *rows, '', ''])


def describe_type(type_: Any) -> str:
    """Describe a type: ``whole number from 400 to 599, or none``."""
    inner = get_args(type_)
    if type_ in NAMES:
        return NAMES[type_]
    if get_origin(type_) is Annotated:
        unit = find_unit(type_)
        bounds = describe_bounds([one for one in inner if isinstance(one, Meta)])
        kind = describe_type(inner[0]) if unit is None else f'{unit.quantity.name}, or {NAMES[inner[0]]} of {unit.name}'
        parsed = find_parsed(type_)
        return kind + bounds + ('' if parsed is None else f', or {NAMES[parsed]}')
    if get_origin(type_) is Literal:
        return ', '.join(f'`{value}`' for value in inner)
    if inner:
        return ', or '.join(map(describe_type, inner))
    raise ValueError(f'no name for {type_}')


def describe_bounds(bounds: Sequence[Meta]) -> str:
    """Describe the bounds of a value: ``from 400 to 599``, ``from 0``, ``above 0``, ``that matches …``."""
    told = []
    for one in bounds:
        told += [f'that matches `{one.pattern}`'] if one.pattern is not None else []
        told += [f'above {one.gt}'] if one.gt is not None else []
        told += [f'from {one.ge}'] if one.ge not in (None, -(2**63)) else []
        told += [f'to {one.le}'] if one.le not in (None, 2**63 - 1) else []
    return ''.join(f' {one}' for one in told)


def describe_default(default: Any) -> str:
    """Describe a default value as a user writes it."""
    if default in (None, (), ''):
        return 'none'
    return f'`{str(default).lower() if isinstance(default, bool) else default}`'


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
