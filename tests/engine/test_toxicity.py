"""The toxics of a proxy, on links that a test plays: which stages there are, in which order, and for whom.

`test_chain` moves bytes through them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vaurien.address import Address
from vaurien.clock import Alarm
from vaurien.engine.chain import Chain
from vaurien.engine.toxicity import Toxics
from vaurien.engine.turns import Turns
from vaurien.errors import ToxicNameError
from vaurien.records.counters import Counters
from vaurien.rules.toxics import ToxicRule, make_toxic
from vaurien.toxics.base import BaseToxic, Item


class FakeStream:
    """A stream whose sink takes everything."""

    is_closed = False
    is_writable = True

    def __init__(self) -> None:
        self.chain: Chain | None = None
        self.delivered: list[Item] = []

    def enchain(self) -> Chain:
        self.chain = self.chain or Chain(self, self.call_at, self.call_later)
        return self.chain

    def call_at(self, deadline: float, call: Callable[[], object]) -> Alarm:
        return Alarm(deadline, call)  # which nobody rings

    def call_later(self, job: Callable[[], object]) -> None:
        raise AssertionError('there is little to do')

    def deliver(self, item: Item) -> None:
        self.delivered.append(item)

    def settle(self) -> None: ...

    def unchain(self) -> None:
        self.chain = None

    def on_toxic_failed(self, toxic: BaseToxic, error: Exception) -> None:
        raise error

    @property
    def stages(self) -> list[str]:
        """The names of the toxics on it."""
        return [] if self.chain is None else [stage.label for stage in self.chain.stages]


class Unpaused(Turns):
    """Turns without an event loop, in which nobody else waits."""

    def wait(self) -> None:
        """Go on at once."""


class FakeLink:
    """A link; *connected* says whether it has a backend."""

    def __init__(self, number: int, *, connected: bool = True, host: str = '127.0.0.1') -> None:
        self.number = number
        self.client_address = Address(host, 1)
        self.connected = connected
        self.is_leaving = self.closed = False
        self.up, self.down = FakeStream(), FakeStream()


class Played:
    """A proxy with toxics, and links that come when the test says so."""

    def __init__(self, seed: int = 7) -> None:
        self.links: dict[int, Any] = {}
        self.counters = Counters({})
        self.total = 0
        #: What was told of changes.
        self.told: list[str] = []
        self.toxics = Toxics(
            lambda pause: list(self.links.values()),
            seed,
            lambda: self.total,
            self.counters,
            Unpaused(None),
            self.told.append,
        )

    def open(self, *, connected: bool = True, host: str = '127.0.0.1') -> FakeLink:
        self.total += 1
        self.links[self.total] = link = FakeLink(self.total, connected=connected, host=host)
        if connected:
            self.toxics.equip(link)  # type: ignore[arg-type]  # played
        return link


def toxic(
    kind: str,
    stream: str = 'downstream',
    *,
    toxicity: float = 1.0,
    name: str = '',
    client: str | None = None,
    **attributes: Any,
) -> ToxicRule:
    return make_toxic(kind, attributes, name=name, stream=stream, toxicity=toxicity, client=client)


def stage_of(stream: FakeStream) -> BaseToxic:
    """The only one on it."""
    assert stream.chain is not None
    (stage,) = stream.chain.stages
    return stage


class TestNames:
    def test_one_of_them(self) -> None:
        played, rule = Played(), toxic('latency')
        assert not played.toxics
        played.toxics.add(rule)
        assert played.toxics
        assert played.toxics.get('latency_downstream') is rule

    def test_each_is_taken_once(self) -> None:
        played = Played()
        link = played.open()
        played.toxics.add(toxic('latency', name='far'))
        with pytest.raises(ToxicNameError, match="there is a toxic named 'far' already"):
            played.toxics.add(toxic('noop', 'upstream', name='far'))
        assert (link.up.stages, link.down.stages) == ([], ['far'])

    def test_one_that_there_is_not(self) -> None:
        toxics = Played().toxics
        for call in (toxics.get, toxics.remove, lambda name: toxics.update(toxic('noop', name=name))):
            with pytest.raises(ToxicNameError, match="there is no toxic named 'far'"):
                call('far')

    def test_those_of_the_upstream_are_listed_first(self) -> None:
        toxics = Played().toxics
        for name, stream in (('a', 'downstream'), ('b', 'UPSTREAM'), ('c', 'Downstream'), ('d', 'upstream')):
            toxics.add(toxic('noop', stream, name=name))
        assert [rule.name for rule in toxics] == ['b', 'd', 'a', 'c']


class TestStages:
    def test_open_links_get_them_and_those_that_open(self) -> None:
        played = Played()
        before = played.open()
        played.toxics.add(toxic('noop', 'UPSTREAM', name='one'))
        between = played.open()
        played.toxics.add(toxic('noop', 'upstream', name='two'))
        played.toxics.add(toxic('noop', name='three'))
        after = played.open()
        for link in (before, between, after):
            assert (link.up.stages, link.down.stages) == (['one', 'two'], ['three'])

    def test_a_link_without_a_backend_gets_them_with_it(self) -> None:
        played = Played()
        link = played.open(connected=False)
        played.toxics.add(toxic('noop', name='one'))
        assert link.down.chain is None
        played.toxics.update(toxic('noop', name='one', toxicity=0.5))
        played.toxics.remove('one')

    def test_a_link_is_fresh_if_the_toxic_was_there_before(self) -> None:
        played = Played()
        before = played.open()
        played.toxics.add(toxic('noop'))
        assert [stage_of(link.down).fresh for link in (before, played.open())] == [False, True]

    def test_one_that_is_added_again_is_new(self) -> None:
        played = Played()
        played.toxics.add(toxic('noop'))
        link = played.open()
        played.toxics.remove('noop_downstream')
        played.toxics.add(toxic('noop'))
        assert not stage_of(link.down).fresh

    def test_chance_depends_on_the_seed_the_link_and_the_name(self) -> None:
        def chance(seed: int, name: str) -> list[float]:
            played = Played(seed)
            played.toxics.add(toxic('noop', name=name))
            return [stage_of(played.open().down).random.random() for _ in range(3)]

        assert chance(1, 'a') == chance(1, 'a')
        assert len({*chance(1, 'a'), *chance(1, 'b'), *chance(2, 'a')}) == 9

    @pytest.mark.parametrize(('toxicity', 'least', 'most'), [(0.0, 0, 0), (0.5, 30, 70), (1.0, 100, 100)])
    def test_a_share_of_the_links_has_it(self, toxicity: float, least: int, most: int) -> None:
        played = Played()
        played.toxics.add(toxic('noop', toxicity=toxicity))
        assert least <= sum(stage_of(played.open().down).applied for _ in range(100)) <= most

    def test_what_they_do_is_counted_by_name(self) -> None:
        played = Played()
        played.toxics.add(toxic('duplicate', name='twice'))
        for _ in range(2):
            played.open().down.enchain().send(b'ab')
        assert played.counters.histograms['toxic', 'twice'].hits == 2


class TestBoth:
    """A toxic on both streams of a link."""

    @pytest.mark.parametrize('before', [True, False], ids=['open', 'opens'])
    def test_it_is_on_each(self, before: bool) -> None:
        played = Played()
        link = played.open() if before else None
        played.toxics.add(toxic('latency', 'both', latency=7))
        link = link or played.open()
        assert [link.up.stages, link.down.stages] == [['latency_both'], ['latency_both']]
        assert [one.name for one in played.toxics] == ['latency_both']
        played.toxics.update(played.toxics.get('latency_both').change({'latency': 8}))
        assert [stage_of(stream).option('latency') for stream in (link.up, link.down)] == [8, 8]
        played.toxics.remove('latency_both')
        assert [link.up.stages, link.down.stages] == [[], []]

    def test_it_is_listed_between_those_of_one(self) -> None:
        played = Played()
        for stream in ('downstream', 'both', 'upstream'):
            played.toxics.add(toxic('noop', stream))
        assert [one.name for one in played.toxics] == ['noop_upstream', 'noop_both', 'noop_downstream']

    def test_it_applies_to_both_or_to_none(self) -> None:
        played = Played()
        played.toxics.add(toxic('latency', 'both', toxicity=0.5))
        links = [played.open() for _ in range(100)]

        def applied() -> list[tuple[bool, bool]]:
            return [(stage_of(link.up).applied, stage_of(link.down).applied) for link in links]

        first = applied()
        assert all(up == down for up, down in first)
        assert 25 < sum(up for up, _ in first) < 75
        played.toxics.update(played.toxics.get('latency_both').change({}, 0.4))
        assert all(up == down for up, down in applied())
        for link in links:
            stage_of(link.up).draw(0.0)
        assert all(up == down for up, down in applied())

    def test_the_streams_have_chance_of_their_own(self) -> None:
        played = Played()
        played.toxics.add(toxic('latency', 'both'))
        link = played.open()
        assert stage_of(link.up).random.random() != stage_of(link.down).random.random()


class TestClient:
    """A toxic for some clients."""

    def test_links_of_others_do_not_have_it(self) -> None:
        played = Played()
        hosts = ['10.0.0.1', '127.0.0.1', '::ffff:10.9.9.9']
        links = [played.open(host=host) for host in hosts]
        played.toxics.add(toxic('noop', client='10.0.0.0/8'))
        links += [played.open(host=host) for host in hosts]
        assert [link.down.stages for link in links] == [['noop_downstream'], [], ['noop_downstream']] * 2
        played.toxics.update(played.toxics.get('noop_downstream').change({}, 0.5))
        assert [link.down.stages for link in links] == [['noop_downstream'], [], ['noop_downstream']] * 2

    def test_one_for_other_clients_takes_its_place(self) -> None:
        played = Played()
        links = [played.open(host=host) for host in ('10.0.0.1', '127.0.0.1')]
        for client in ('10.0.0.0/8', '127.0.0.1'):
            played.toxics.put(toxic('noop', client=client))
        assert [link.down.stages for link in links] == [[], ['noop_downstream']]


class TestChanges:
    def test_attributes_change_on_open_links_and_on_those_that_open(self) -> None:
        """What waits goes on: it was to wait for as long as is no longer said."""
        played, rule = Played(), toxic('latency', latency=1_000_000)
        played.toxics.add(rule)
        link = played.open()
        link.down.enchain().send(b'held')
        assert link.down.delivered == []
        played.toxics.update(rule.change({'latency': 5}))
        assert link.down.delivered == [b'held']
        assert played.toxics.get(rule.name).attributes['latency'] == 5
        for one in (link, played.open()):
            assert stage_of(one.down).values['latency'] == 5

    def test_others_stay_as_they_are(self) -> None:
        played = Played()
        played.toxics.add(toxic('latency', 'upstream', name='near', latency=1_000_000))
        played.toxics.add(toxic('latency', 'upstream', name='far', latency=1_000_000))
        played.toxics.add(toxic('latency', name='back', latency=1_000_000))
        link = played.open()
        link.up.enchain().send(b'held')
        link.down.enchain().send(b'held')
        assert link.up.chain is not None
        near, far = link.up.chain.stages
        played.toxics.update(toxic('latency', 'upstream', name='far', latency=0))
        assert (near.is_holding, near.values['latency'], far.values['latency']) == (True, 1_000_000, 0)
        assert (link.up.delivered, link.down.delivered) == ([], [])

    def test_another_toxicity_is_drawn_at_once(self) -> None:
        played, rule = Played(), toxic('latency', latency=1_000_000)
        played.toxics.add(rule)
        link = played.open()
        link.down.enchain().send(b'held')
        played.toxics.update(rule.change({}, 0.0))
        assert link.down.delivered == [b'held']
        assert not stage_of(link.down).applied
        played.toxics.update(rule.change({}, 1.0))
        assert stage_of(link.down).applied


class TestRemoving:
    def test_what_waits_goes_on(self) -> None:
        played = Played()
        played.toxics.add(toxic('latency', latency=1_000_000, name='far'))
        link = played.open()
        link.down.enchain().send(b'held')
        played.toxics.remove('far')
        assert (link.down.delivered, link.down.chain) == ([b'held'], None)
        assert not played.toxics
        assert ('toxic', 'far') not in played.counters.histograms

    def test_those_behind_it_stay(self) -> None:
        played = Played()
        for name in ('one', 'two', 'three'):
            played.toxics.add(toxic('noop', name=name))
        link = played.open()
        played.toxics.remove('two')
        assert (link.down.stages, played.open().down.stages) == (['one', 'three'], ['one', 'three'])

    def test_all_of_them(self) -> None:
        played = Played()
        for stream in ('upstream', 'downstream'):
            played.toxics.add(toxic('noop', stream))
        link = played.open()
        played.toxics.clear()
        assert (link.up.chain, link.down.chain, list(played.toxics)) == (None, None, [])
        assert played.open().up.chain is None
