"""The contract of every toxic, and so of `vaurien.toxics.base`, whatever its bytes and attributes are."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import vaurien.toxics
from tests.toxics.bench import BREAK, CLOSE, END, RESET, Bench
from vaurien.errors import OptionError
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic

FOLDER = Path(vaurien.toxics.__file__).parent
OF_THE_WORLD = {'socket', 'select', 'selectors', 'ssl', 'gevent', 'asyncio', 'threading', 'time', 'datetime'}
INT64 = st.one_of(
    st.integers(-5, 5),
    st.integers(0, 1000),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-(2**63), -(2**62), 2**62, 2**63 - 1]),
)
FINITE = st.floats(-1e308, 1e308)
PROBABILITY = st.floats(0, 1)

#: The attributes of each, and their values.
ATTRIBUTES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    'bandwidth': {'rate': INT64, 'shared': st.sampled_from([None, 'link', 'proxy', 'process'])},
    'corrupt': {'probability': PROBABILITY},
    'duplicate': {'probability': PROBABILITY},
    'latency': {
        'latency': INT64,
        'jitter': INT64,
        'distribution': st.sampled_from([None, 'uniform', 'normal', 'pareto']),
    },
    'limit_data': {'bytes': INT64},
    'noop': {},
    'packet_loss': {'loss_rate': FINITE, 'correlation': FINITE},
    'reset_peer': {'timeout': INT64},
    'slicer': {'average_size': INT64, 'size_variation': INT64, 'delay': INT64},
    'slow_close': {'delay': INT64},
    'timeout': {'timeout': INT64},
}
#: Those that lose, repeat and reorder nothing.
LOSSLESS = ['bandwidth', 'latency', 'noop', 'slicer', 'slow_close']

#: The machine may be busy; and there are many toxics.
few = settings(deadline=None, max_examples=25)
every_toxic = pytest.mark.parametrize('kind', sorted(ATTRIBUTES))


def some(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw some of the attributes of a toxic."""
    return st.fixed_dictionaries({}, optional=ATTRIBUTES[kind])


def events(kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    """Draw events of a stage, each with its argument."""
    return st.one_of(
        st.tuples(st.just('feed'), st.integers(1, 5000)),
        st.tuples(st.just('feed'), st.integers(1, 5)),
        st.tuples(st.just('wait'), st.floats(0, 0.3)),
        st.tuples(st.just('update'), some(kind)),
        st.tuples(st.just('apply'), st.sampled_from([-3.0, 0.0, 0.5, 1.0, 7.0])),
        st.tuples(st.just('interrupt'), st.none()),
        st.tuples(st.just('block'), st.booleans()),
    )


def happen(bench: Bench, event: str, given_: Any, source: bytearray) -> None:
    """Carry out an event; append what it feeds to *source*."""
    if event == 'feed':
        data = bytes((len(source) + i) % 251 for i in range(given_))
        source += data
        bench.feed(data)
    elif event == 'wait':
        bench.wait(given_)
    elif event == 'update':
        bench.update(**given_)
    elif event == 'apply':
        bench.apply(given_)
    elif event == 'interrupt':
        bench.interrupt()
    else:
        bench.blocked = given_
        bench.step()


def test_every_toxic_is_here() -> None:
    assert sorted(ATTRIBUTES) == Toxic.names()
    for name, attributes in ATTRIBUTES.items():
        assert list(Toxic.get(name).all_options()) == list(attributes)


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.name)
def test_toxics_are_sans_io_and_know_no_other(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or '')
    assert not {name.partition('.')[0] for name in imported} & OF_THE_WORLD
    assert {name for name in imported if name.startswith('vaurien.toxics')} <= {'vaurien.toxics.base'}


@every_toxic
def test_one_short_file_each_says_what_it_does(kind: str) -> None:
    toxic = Toxic.get(kind)
    assert toxic.name == kind
    assert toxic.__module__ == f'vaurien.toxics.{kind}'
    assert toxic.__doc__
    assert len((FOLDER / f'{kind}.py').read_text().splitlines()) < 80
    assert (Path(__file__).parent / f'test_{kind}.py').exists()
    for help_, _, _ in toxic.all_options().values():
        assert help_


@pytest.mark.parametrize('kind', LOSSLESS)
@few
@given(data=st.data())
def test_nothing_is_lost_repeated_or_reordered(kind: str, data: st.DataObject) -> None:
    """The time that passes, changes and the removal at the end keep all bytes, in any order of events."""
    bench, source = Bench(kind, **data.draw(some(kind))), bytearray()
    for event, given_ in data.draw(st.lists(events(kind), max_size=30)):
        happen(bench, event, given_, source)
        assert source.startswith(bench.data)
    bench.feed(*data.draw(st.sampled_from([[END], [END, BREAK], [CLOSE], [RESET], []])))
    bench.unblock() if data.draw(st.booleans()) else bench.wait(0.1)
    bench.retire()
    bench.unblock()
    assert bench.data == source
    assert all(isinstance(item, bytes) for _, item in bench.out[: len(bench.out) - len(bench.endings)])
    assert not bench.toxic.is_holding


@pytest.mark.parametrize('kind', LOSSLESS)
@few
@given(data=st.data())
def test_with_sensible_attributes_all_of_it_arrives_in_time(kind: str, data: st.DataObject) -> None:
    attributes: dict[str, Any] = {
        name: data.draw(st.integers(1, 100)) for name in ATTRIBUTES[kind] if name not in ('distribution', 'shared')
    }
    bench, source = Bench(kind, **attributes), bytearray()
    for size, pause in data.draw(st.lists(st.tuples(st.integers(1, 500), st.floats(0, 0.1)), max_size=20)):
        happen(bench, 'feed', size, source)
        bench.wait(pause)
    bench.feed(END)
    bench.wait(1000)
    assert bench.data == source
    assert bench.out[-1][1] is END


@every_toxic
@few
@given(data=st.data())
def test_whatever_it_is_told_it_goes_on(kind: str, data: st.DataObject) -> None:
    """A toxic raises nothing, at most doubles its bytes, and does not ask for steps for ever."""
    bench, source = Bench(kind, fresh=data.draw(st.booleans()), **data.draw(some(kind))), bytearray()
    for event, given_ in data.draw(st.lists(events(kind), max_size=20)):
        happen(bench, event, given_, source)
        assert not math.isnan(bench.toxic.next_step)
    bench.feed(*data.draw(st.sampled_from([[END], [END, BREAK], [CLOSE], [RESET], []])))
    bench.wait(1)
    bench.retire()
    bench.unblock()
    assert not bench.toxic.is_holding or bench.endings
    assert len(bench.data) <= 2 * len(source)
    assert len(bench.out) <= 2 * len(source) + 3


@every_toxic
@few
@given(data=st.data())
def test_no_data_follow_on_an_end(kind: str, data: st.DataObject) -> None:
    bench, source = Bench(kind, **data.draw(some(kind))), bytearray()
    for event, given_ in data.draw(st.lists(events(kind), max_size=10)):
        if not bench.endings:
            happen(bench, event, given_, source)
    bench.feed(END)
    bench.wait(1)
    for event, given_ in data.draw(st.lists(events(kind).filter(lambda one: one[0] != 'feed'), max_size=5)):
        happen(bench, event, given_, source)
    bench.retire()
    assert all(isinstance(item, bytes) for _, item in bench.out[: len(bench.out) - len(bench.endings)])


@every_toxic
@few
@given(data=st.data())
def test_without_toxicity_it_does_nothing(kind: str, data: st.DataObject) -> None:
    bench, source = Bench(kind, **data.draw(some(kind))), bytearray()
    bench.apply(0)
    for event, given_ in data.draw(st.lists(events(kind).filter(lambda one: one[0] != 'apply'), max_size=20)):
        happen(bench, event, given_, source)
        assert bench.blocked or bench.data == source
    bench.feed(END)
    bench.unblock()
    assert bench.data == source
    assert bench.endings == [END]


@pytest.mark.parametrize('toxicity', [-3.0, 0.0, 5e-324, 0.1, 0.5, 0.9, 1.0, 7.0])
def test_shares(toxicity: float) -> None:
    applied = 0
    for i in range(2000):
        toxic = BaseToxic({}, seed=f'1/{i}/some')
        toxic.toxicity = toxicity
        toxic.draw(0.0)
        applied += toxic.applied
    assert applied / 2000 == pytest.approx(min(1.0, max(0.0, toxicity)), abs=0.04 if 0 < toxicity < 1 else 0)


def test_a_value_beyond_64_bits_is_refused() -> None:
    for kind, attributes in ATTRIBUTES.items():
        for name, strategy in attributes.items():
            if strategy is INT64:
                for value in (2**63, -(2**63) - 1, 1.5, '1', True, None):
                    with pytest.raises(OptionError, match=rf'^{name}: '):
                        Toxic.get(kind).resolve({name: value})
