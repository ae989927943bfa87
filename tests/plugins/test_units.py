"""Durations, sizes and rates with units: how they are read, and that every declared one is."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, NamedTuple, get_type_hints

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Meta

from vaurien.behaviors import Behavior
from vaurien.cli.flags import parse as parse_vaurien
from vaurien.cli.groups import GROUPS
from vaurien.config.keys import SETTINGS
from vaurien.conntest import flags as conntest_flags
from vaurien.embedded import Proxy
from vaurien.errors import ConfigError, OptionError
from vaurien.loads.cli import flags as loads_flags
from vaurien.loads.cli.service import make_service_parser
from vaurien.loads.outputs import OUTPUTS
from vaurien.loads.settings import GROUPS as LOADS_GROUPS
from vaurien.plugins.options import Configurable, convert
from vaurien.plugins.units import (
    BYTES,
    DURATION,
    KILOBYTES_PER_SECOND,
    MEBIBYTES,
    MILLISECONDS,
    NANOSECONDS,
    RATE,
    SECONDS,
    SIZE,
    PositiveSeconds,
    Seconds,
    Unit,
    WholeSeconds,
    find_unit,
)
from vaurien.protocols import Protocol
from vaurien.tcpgoon import flags as tcpgoon_flags
from vaurien.toxics import Toxic
from vaurien.toxics.base import Bytes, Milliseconds

UNITS = [DURATION, SIZE, RATE]


@pytest.mark.parametrize(
    ('text', 'unit', 'number'),
    [
        ('200ms', SECONDS, 0.2),
        ('2s', SECONDS, 2),
        ('0s', SECONDS, 0),
        ('1m30s', SECONDS, 90),
        ('1h 2min 3s', SECONDS, 3723),
        ('0.1s', MILLISECONDS, 100),
        ('1.5ms', MILLISECONDS, 1.5),
        ('250us', MILLISECONDS, 0.25),
        ('250µs', MILLISECONDS, 0.25),
        ('5ns', SECONDS, 5e-9),
        ('4096 bytes', BYTES, 4096),
        ('1 byte', BYTES, 1),
        ('4096B', BYTES, 4096),
        ('1.5KB', BYTES, 1500),
        ('64kB', BYTES, 64_000),
        ('64KiB', BYTES, 65_536),
        ('2MiB', BYTES, 2_097_152),
        ('3GB', BYTES, 3_000_000_000),
        ('1GiB', MEBIBYTES, 1024),
        ('50KB/s', KILOBYTES_PER_SECOND, 50),
        ('1MB/s', KILOBYTES_PER_SECOND, 1000),
        ('500 bytes/s', KILOBYTES_PER_SECOND, 0.5),
        (' 2 s ', SECONDS, 2),
    ],
)
def test_reads_a_quantity_in_its_unit(text: str, unit: Unit, number: float) -> None:
    read = unit.read(text)
    assert read == number
    assert type(read) is type(number)


@pytest.mark.parametrize(
    ('text', 'unit'),
    [
        *(
            (text, SECONDS)
            for text in ('', '2', '-2s', '+2s', '2 parsecs', '2S', 's', '2s3', '1e3s', '.5s', '5.s', '5KB')
        ),
        *((text, BYTES) for text in ('1Kb', '1kb', '5mb', '1KB5B', '1KB/s', '2s', '\uff12B')),
        *((text, KILOBYTES_PER_SECOND) for text in ('1KB', '1Mb/s', '1mbps', '1KB/m', '1KB / s')),
    ],
)
def test_reads_nothing_else(text: str, unit: Unit) -> None:
    assert unit.read(text) is None


@given(st.sampled_from(UNITS), st.integers(0, 10**15 - 1), st.integers(0, 10**9 - 1), st.data())
def test_a_number_is_as_many_of_its_unit(quantity: Any, whole: int, billionth: int, data: Any) -> None:
    unit = data.draw(st.sampled_from(sorted(quantity.units)))
    assert quantity.read(f'{whole}.{billionth:09}{unit}') == (whole + Fraction(billionth, 10**9)) * quantity.units[unit]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(sorted(DURATION.units))), min_size=1, max_size=8))
def test_durations_add_up(parts: list[tuple[int, str]]) -> None:
    total = sum(number * DURATION.units[unit] for number, unit in parts)
    assert DURATION.read(''.join(f'{number}{unit}' for number, unit in parts)) == total


@given(st.sampled_from(UNITS), st.text() | st.text(alphabet='0123456789. smhuKMiB/', max_size=12))
def test_any_text_is_a_quantity_or_none(quantity: Any, text: str) -> None:
    read = quantity.read(text)
    assert read is None or read >= 0


@pytest.mark.parametrize('unit', [SECONDS, MILLISECONDS, BYTES, KILOBYTES_PER_SECOND])
@pytest.mark.parametrize('whole', [True, False])
@settings(max_examples=20)
@given(data=st.data())
def test_what_the_schema_says_is_read(unit: Unit, whole: bool, data: Any) -> None:
    pattern = unit.schema(whole=whole)['pattern']
    text = data.draw(st.from_regex(pattern.replace('$', r'\Z'), fullmatch=True))
    number = convert(text, Annotated[int, Meta(le=2**63 - 1), unit] if whole else Annotated[float, unit])
    assert number >= 0


@pytest.mark.parametrize('text', ['200ms', '1m30s', '2s', '2h'])
def test_the_schema_has_the_usual_texts(text: str) -> None:
    assert re.search(MILLISECONDS.schema(whole=True)['pattern'], text)
    assert re.search(SECONDS.schema(whole=False)['pattern'], text)


@pytest.mark.parametrize('lenient', [True, False])
@pytest.mark.parametrize(
    ('value', 'type_', 'converted'),
    [
        ('200ms', Seconds, 0.2),
        ('2s', Seconds, 2.0),
        ('1.5s', Milliseconds, 1500),
        ('2000us', Milliseconds, 2),
        ('1m', WholeSeconds | None, 60),
        (2, Seconds, 2.0),
        (None, Seconds | None, None),
        (-5, Milliseconds, -5),
    ],
)
def test_converts(value: Any, type_: Any, converted: Any, lenient: bool) -> None:
    result = convert(value, type_, text=lenient)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ('value', 'type_', 'lenient', 'message'),
    [
        ('2 parsecs', Seconds, False, "expected a duration such as 200ms or 2s, got '2 parsecs'"),
        ('2 parsecs', Milliseconds | None, True, "expected a duration such as 200ms or 2s, got '2 parsecs'"),
        ('2', Seconds, False, "expected a duration such as 200ms or 2s, got '2'"),
        ('1Mb', Bytes, True, "expected a size such as 4096B or 64KB, got '1Mb'"),
        ('1KB', Annotated[int, KILOBYTES_PER_SECOND], True, "expected a rate such as 50KB/s or 1MB/s, got '1KB'"),
        ('1.5ms', Milliseconds, True, "expected a whole number of milliseconds, got '1.5ms'"),
        ('500ms', WholeSeconds, False, "expected a whole number of seconds, got '500ms'"),
        ('0s', PositiveSeconds, False, "expected float > 0.0, got '0s'"),
        ('999999999999999h', Milliseconds, False, "expected at most 9223372036854775807ms, got '999999999999999h'"),
        ('2h', Annotated[int, Meta(le=3600 * 10**9), NANOSECONDS], True, "expected at most 1h, got '2h'"),
        ('2h', Annotated[float, Meta(lt=5400), SECONDS], False, "expected less than 90m, got '2h'"),
        ('1s', Annotated[float, Meta(ge=2), SECONDS], True, "expected at least 2s, got '1s'"),
        ('1ns', Annotated[float, Meta(gt=0.0015), SECONDS], True, "expected more than 1500us, got '1ns'"),
        ('1KB', Annotated[int, Meta(ge=65536), BYTES], True, "expected at least 64KiB, got '1KB'"),
        (7201, Annotated[int, Meta(le=7200), SECONDS], True, 'expected int <= 7200, got 7201'),
        (1.5, Milliseconds, False, 'expected int, got 1.5'),
        (['2s'], Seconds, False, "expected float, got ['2s']"),
    ],
)
def test_refuses(value: Any, type_: Any, lenient: bool, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        convert(value, type_, text=lenient)
    assert str(caught.value) == message


class Declared(NamedTuple):
    """A declared option: where, its help text, its type if that is known, and what it makes of a text."""

    where: str
    text: str
    type: Any
    read: Callable[[Any], Any]


def of_plugins(
    kind: str,
    plugins: Mapping[str, type[Configurable]],
    attribute: str = 'options',
    holder: type[Configurable] | None = None,
) -> Iterator[Declared]:
    """Options of every plug-in, as a configuration in TOML and a body of the API give them, and as a flag does."""
    for name, plugin in plugins.items():
        for option, (text, type_, _) in plugin.all_options(attribute).items():

            def read(value: Any, option: str = option, plugin: type[Configurable] = holder or plugin) -> Any:
                checked = plugin.check({option: value})[option]
                assert plugin.check({option: str(value)}, text=True)[option] == checked
                return checked

            yield Declared(f'{kind} {name} {option}', text, type_, read)


def of_settings() -> Iterator[Declared]:
    for group in GROUPS.values():
        for name, _, text in group:

            def read(value: Any, name: str = name) -> Any:
                flag = '--toxic' if name == 'toxics' else f'--{name}'
                parsed = parse_vaurien([flag, str(value)]).settings
                field = name.replace('-', '_')
                embedded = Proxy('localhost:1', **{field: value}).settings
                assert getattr(embedded, field) == getattr(parsed, field)
                return getattr(parsed, field)

            yield Declared(f'setting {name}', text, SETTINGS[name.replace('-', '_')], read)


def of_loads() -> Iterator[Declared]:
    for group in LOADS_GROUPS.values():
        for name, setting in group.items():

            def read(value: Any, name: str = name) -> Any:
                return loads_flags.parse(['a.B.c', f'--{name.replace("_", "-")}', str(value)]).values[name]

            yield Declared(f'loads {name}', setting.help, setting.type, read)


def of_tcpgoon() -> Iterator[Declared]:
    for form, words in ((tcpgoon_flags.RUN, ['localhost', '80']), (tcpgoon_flags.SERVER, [])):
        types = get_type_hints(form.settings, include_extras=True)
        for flag in (flag for group in form.groups.values() for flag in group if flag.kind):
            field = flag.name.replace('-', '_')

            def read(value: Any, flag: Any = flag, field: str = field, form: Any = form, words: Any = words) -> Any:
                return getattr(tcpgoon_flags.parse(form, [f'--{flag.name}', str(value), *words]).settings, field)

            yield Declared(f'{form.command} {flag.name}', flag.text, types[field], read)


def of_parsers() -> Iterator[Declared]:
    """Flags whose types only the parser knows."""
    conntest = conntest_flags.make_parser()
    (commands,) = (action for action in conntest._actions if isinstance(action, argparse._SubParsersAction))
    client = ['-r', 'http://localhost:1']
    required = {'server': [], 'run': client, 'client': [*client, '-g', 'x', '-f', 'x'], 'plot': ['x'], 'summary': ['x']}
    for command, parser in commands.choices.items():
        for action in parser._actions:
            words = [command, *required[command], *action.option_strings[-1:]]

            def read(value: Any, words: list[str] = words, dest: str = action.dest) -> Any:
                parsed = conntest_flags.parse([*words, str(value)])
                return getattr(parsed, dest) if not dest.endswith('_ns') else getattr(parsed.plan, dest)

            yield Declared(f'conntest {command} {action.dest}', action.help or '', None, read)
    service = make_service_parser('loads-agent', '', '')
    for action in service._actions:

        def read_service(value: Any, action: argparse.Action = action) -> Any:
            return getattr(service.parse([action.option_strings[-1], str(value)]), action.dest)

        yield Declared(f'loads-agent {action.dest}', action.help or '', None, read_service)


def declarations() -> Iterator[Declared]:
    yield from of_plugins('behavior', Behavior.usable())
    yield from of_plugins('toxic', Toxic.usable())
    yield from of_plugins('protocol', Protocol.usable())
    yield from of_plugins('error', Protocol.usable(), 'error_options', Behavior.get('error'))
    yield from of_plugins('output', OUTPUTS)
    yield from of_settings()
    yield from of_loads()
    yield from of_tcpgoon()
    yield from of_parsers()


#: What a help text says of an option that has a unit.
TOLD = re.compile(r'\b(?:(?:nano|micro|milli)?seconds|bytes|in ms|MiB)\b', re.IGNORECASE)
#: Of each quantity, what every option takes: a text, and the number of the smallest unit.
LARGE = {DURATION: ('1m', 60 * 10**9), SIZE: ('64MiB', 64 * 1024**2), RATE: ('2MB/s', 2_000_000)}
#: The base unit of an option, by the word for it in its help text.
WORDS = {
    '1000 bytes per second': 'KB/s',
    'nanoseconds': 'ns',
    'microseconds': 'us',
    'milliseconds': 'ms',
    'in ms': 'ms',
    'seconds': 's',
    'MiB': 'MiB',
    'bytes': 'B',
}
#: Those whose help text says neither, and what it is.
UNTOLD = {'tcpgoon hold': 's'}
#: Those that are no number of what their help text speaks of.
OTHERS = {
    'behavior error inject',
    'behavior transient inject',
    'setting toxics',
    'conntest client data',
    'conntest run data',
}

EVERY = [one for one in declarations() if one.where not in OTHERS]
MEASURED = [one for one in EVERY if TOLD.search(one.text) or one.where in UNTOLD or find_unit(one.type)]


def test_there_are_many() -> None:
    assert len(MEASURED) > 30
    assert {one.where.split()[0] for one in MEASURED} > {'behavior', 'toxic', 'setting', 'loads', 'tcpgoon', 'conntest'}


@pytest.mark.parametrize('declared', MEASURED, ids=[one.where for one in MEASURED])
def test_every_option_takes_units(declared: Declared) -> None:
    base = UNTOLD.get(declared.where) or next(
        unit for word, unit in WORDS.items() if word.lower() in declared.text.lower()
    )
    quantity = next(quantity for quantity in UNITS if base in quantity.units)
    text, smallest = LARGE[quantity]
    number = smallest // quantity.units[base]
    assert declared.read(number) == number
    assert declared.read(text) == number
    with pytest.raises(
        ConfigError, match=re.escape(f"expected a {quantity.name} such as {quantity.examples}, got '2 parsecs'")
    ):
        declared.read('2 parsecs')
    if declared.type is not None:
        unit = find_unit(declared.type)
        assert unit is not None
        assert unit.unit == base
