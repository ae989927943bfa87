"""Times that are drawn: that they are distributed as asked, and how they are written."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from random import Random
from typing import Annotated

import pytest
from hypothesis import given, strategies as st

from vaurien.errors import OptionError
from vaurien.plugins.distribution import (
    EXAMPLES,
    LARGEST,
    MAX_TABLE,
    Distribution,
    DrawnMilliseconds,
    DrawnSeconds,
    draw,
    reading_files,
)
from vaurien.plugins.options import convert
from vaurien.plugins.units import Seconds
from vaurien.toxics.base import Milliseconds

DRAWS = 10_000
#: Those that need no file.
DISTRIBUTIONS = [example for name, example in EXAMPLES.items() if name != 'table']
Late = Annotated[Seconds, DrawnSeconds]


class Even(Random):
    """Numbers from 0 to 1 in a random order, one of each ten-thousandth: what is drawn by chance misses by more."""

    def __init__(self) -> None:
        super().__init__()
        self._left = [(number + 0.5) / DRAWS for number in range(DRAWS)]
        Random(1).shuffle(self._left)

    def random(self) -> float:
        return self._left.pop()


def parse(text: str) -> Distribution:
    parsed = convert(text, Late)
    assert isinstance(parsed, DrawnSeconds)
    return parsed


def percentile(which: float) -> Callable[[list[float]], float]:
    return lambda drawn: statistics.quantiles(drawn, n=1000, method='inclusive')[round(10 * which) - 1]


def ratio(drawn: list[float]) -> float:
    """Return the width of the middle half as a multiple of the standard deviation."""
    first, _, third = statistics.quantiles(drawn, n=4)
    return (third - first) / statistics.pstdev(drawn)


@pytest.mark.parametrize(
    ('text', 'measure', 'asked'),
    [
        ('lognormal(p50=50ms, p99=400ms)', percentile(50), 0.05),
        ('lognormal(p50=50ms, p99=400ms)', percentile(99), 0.4),
        ('lognormal(p90=1s, p99.5=5s)', percentile(90), 1.0),
        ('lognormal(p90=1s, p99.5=5s)', percentile(99.5), 5.0),
        ('uniform(min=10ms, max=50ms)', statistics.fmean, 0.03),
        ('uniform(min=10ms, max=50ms)', min, 0.01),
        ('uniform(min=10ms, max=50ms)', max, 0.05),
        ('uniform(min=10ms, max=50ms)', percentile(25), 0.02),
        ('normal(mean=100ms, sd=20ms)', statistics.fmean, 0.1),
        ('normal(mean=100ms, sd=20ms)', statistics.pstdev, 0.02),
        ('normal(mean=100ms, sd=20ms)', ratio, 2 * statistics.NormalDist().inv_cdf(0.75)),
        ('pareto(min=10ms, p99=400ms)', min, 0.01),
        ('pareto(min=10ms, p99=400ms)', percentile(99), 0.4),
        ('pareto(min=10ms, p99=400ms)', percentile(90), sqrt(0.01 * 0.4)),  # ten times as rare is so many times as long
        ('pareto(p50=20ms, p95=1s)', percentile(50), 0.02),
        ('pareto(p50=20ms, p95=1s)', percentile(95), 1.0),
    ],
)
def test_means_and_percentiles_are_those_asked_for(
    text: str, measure: Callable[[list[float]], float], asked: float
) -> None:
    distribution, random = parse(text), Even()
    drawn = [distribution.draw(random) for _ in range(DRAWS)]
    assert measure(drawn) == pytest.approx(asked, rel=0.01)


@pytest.mark.parametrize('share', [0.5, 0.99])
@pytest.mark.parametrize('name', ['lognormal', 'pareto'])
def test_draws_are_left_to_chance(name: str, share: float) -> None:
    """As many as chance allows are below a percentile: four standard deviations more or fewer."""
    distribution, random = parse(f'{name}(p50=50ms, p99=400ms)'), Random('1')
    drawn = [distribution.draw(random) for _ in range(DRAWS)]
    below = sum(one < {0.5: 0.05, 0.99: 0.4}[share] for one in drawn) / DRAWS
    assert below != share
    assert abs(below - share) < 4 * sqrt(share * (1 - share) / DRAWS)


def test_the_same_random_numbers_give_the_same_draws() -> None:
    distribution = parse('lognormal(p50=50ms, p99=400ms)')
    first, same, other = ([distribution.draw(random) for _ in range(9)] for random in map(Random, '112'))
    assert first == same != other


def test_no_draw_is_negative() -> None:
    distribution, random = parse('normal(mean=1ms, sd=10ms)'), Even()
    drawn = [distribution.draw(random) for _ in range(DRAWS)]
    assert min(drawn) == 0.0
    assert max(drawn) > 0.02


class Least(Random):
    def random(self) -> float:
        return 0.0


class Most(Random):
    def random(self) -> float:
        return 1 - 2.0**-53


@pytest.mark.parametrize('random', [Least(), Most()])
@pytest.mark.parametrize(
    'text',
    [
        *DISTRIBUTIONS,
        'pareto(p50=1ns, p50.000001=9h)',
        'lognormal(p1=1ns, p2=999h)',
    ],
)
def test_no_draw_is_too_large_to_wait_for(text: str, random: Random) -> None:
    assert 0 <= parse(text).draw(random) <= LARGEST


def test_a_plain_value_needs_no_random_numbers() -> None:
    assert draw(2.5, lambda: pytest.fail('none is needed')) == 2.5
    assert draw(parse('uniform(min=1s, max=1s)'), Least) == 1.0


def test_numbers_without_a_unit_are_in_that_of_the_option() -> None:
    assert parse('uniform(min=2, max=2)').draw(Least()) == 2
    late = convert('uniform(min=2, max=2s)', Annotated[Milliseconds, DrawnMilliseconds])
    assert (late.draw(Least()), late.draw(Most())) == (2, pytest.approx(2000))


def test_it_is_known_by_its_text() -> None:
    text = 'uniform(min=1s, max=2s)'
    assert (str(parse(text)), parse(text)) == (text, parse(text))
    assert convert(parse(text), Late) == parse(text)
    assert parse(text) != parse('uniform(min=1s, max=3s)')


@pytest.mark.parametrize('lenient', [True, False])
@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('logormal(p50=1ms, p99=2ms)', "'logormal' is no distribution, did you mean 'lognormal'?"),
        ('(1)', "'' is no distribution, known: lognormal, normal, pareto, table, uniform"),
        ('lognormal(p50=1ms)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p50=1ms, p99=2ms, p9=1us)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p0=1ms, p99=2ms)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p100=1ms, p99=2ms)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(min=1ms, p99=2ms)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p50=1ms, p99=2ms', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p50=1ms, p50=2ms)', 'expected a distribution such as lognormal(p50=50ms, p99=400ms)'),
        ('lognormal(p50=1ms, p50.0=2ms)', 'p50 has to be above 0 and below p50.0'),
        ('lognormal(p99=1ms, p50=2ms)', 'p50 has to be above 0 and below p99'),
        ('pareto(min=0, p99=2ms)', 'min has to be above 0 and below p99'),
        ('pareto(min=1ms, max=2ms)', 'expected a distribution such as pareto(min=10ms, p99=400ms)'),
        ('uniform(10ms, 50ms)', 'expected a distribution such as uniform(min=10ms, max=50ms)'),
        ('uniform(min=2s, max=1s)', 'min has to be below max'),
        ('normal(mean=1s)', 'expected a distribution such as normal(mean=100ms, sd=20ms)'),
        (
            'normal(mean=1s, sd=2 parsecs)',
            "sd of normal: expected a duration such as 200ms or 2s, got '2 parsecs'",
        ),
        ('normal(mean=-1, sd=2)', "mean of normal: expected float >= 0.0, got '-1'"),
        ('normal(mean=nan, sd=2)', "mean of normal: expected float >= 0.0, got 'nan'"),
    ],
)
def test_mistakes(text: str, message: str, lenient: bool) -> None:
    with pytest.raises(OptionError) as caught:
        convert(text, Late, text=lenient)
    assert str(caught.value) == message


@given(st.text() | st.from_regex(r'(lognormal|pareto|uniform|normal)\((p\d\d|min|max|mean|sd)=\d+, *p?\w+=\d+s\)'))
def test_any_text_is_a_distribution_or_a_mistake(text: str) -> None:
    try:
        parsed = convert(text, Late)
    except OptionError:
        return
    assert draw(parsed, Most) >= 0


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / 'delays, of 3 (today).txt'
    path.write_text('# measured\n2s\n\n0.5\n  40ms  \n')
    return path


def test_a_table_is_drawn_from_evenly(table: Path) -> None:
    with reading_files():
        distribution = parse(f'table({table})')
    random = Even()
    drawn = [distribution.draw(random) for _ in range(DRAWS)]
    assert {number: pytest.approx(DRAWS / 3, abs=1) for number in (0.04, 0.5, 2.0)} == {
        number: drawn.count(number) for number in set(drawn)
    }
    with reading_files():
        assert convert(f'table({table})', Annotated[Milliseconds, DrawnMilliseconds]).draw(Least()) == 0.5


def test_only_who_may_read_files_names_one(table: Path) -> None:
    for path in (table, '/no/such/file'):  # nobody learns which there are
        with pytest.raises(OptionError, match=r'^only flags, files and programs can name a file, not a request$'):
            parse(f'table({path})')
    with reading_files():
        parse(f'table({table})')
    with pytest.raises(OptionError, match='not a request'):
        parse(f'table({table})')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'cannot read {}: No such file or directory'),
        (b'1\n2 parsecs\n', "{}:2: expected a duration such as 200ms or 2s, got '2 parsecs'"),
        (b'-1\n', "{}:1: expected float >= 0.0, got '-1'"),
        (b'\n# none\n', 'there is no number in {}'),
        (b'\xff\n', 'cannot read {}: not UTF-8'),
        (b'1\n' * MAX_TABLE, 'cannot read {}: it has more than 256 KiB'),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / 'table.txt'
    if content is not None:
        path.write_bytes(content)
    with reading_files(), pytest.raises(OptionError) as caught:
        parse(f'table({path})')
    assert str(caught.value) == message.format(path)
