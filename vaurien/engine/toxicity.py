"""The toxics of a proxy: which there are, and the stages that they have on the streams of open links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import monotonic

from vaurien.engine.chain import Chain
from vaurien.engine.link import Link
from vaurien.engine.stream import Stream
from vaurien.engine.turns import Turns
from vaurien.errors import ToxicNameError
from vaurien.records.counters import Counters
from vaurien.rules.toxics import ToxicRule
from vaurien.toxics.base import BaseToxic

UPSTREAM, DOWNSTREAM = 'upstream', 'downstream'


class Toxics:
    """The toxics in order of their creation, by name. A stage on a link is known by that name, too."""

    def __init__(
        self,
        links: Mapping[int, Link],
        seed: int,
        count_links: Callable[[], int],
        counters: Counters,
        turns: Turns,
    ) -> None:
        """*links* are those that are open; *count_links* tells how many there have been; *seed* seeds all chance.

        What a toxic does is counted in *counters* until it is removed. A change of many links takes many *turns*.
        """
        self._turns = turns
        #: The names of those that are being removed.
        self._leaving: set[str] = set()
        self._links = links
        self._seed = seed
        self._count_links = count_links
        self._counters = counters
        self._rules: dict[str, ToxicRule] = {}
        #: How many links there had been when each was added.
        self._born: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[ToxicRule]:
        """Return those of the upstream first, each stream's in order of their creation."""
        for direction in (UPSTREAM, DOWNSTREAM):
            yield from (rule for rule in self._rules.values() if rule.direction == direction)

    def get(self, name: str) -> ToxicRule:
        """Return the toxic of that name; raise `ToxicNameError` if there is none."""
        if name not in self._rules:
            raise ToxicNameError(f'there is no toxic named {name!r}', 'name')
        return self._rules[name]

    def add(self, rule: ToxicRule) -> None:
        """Add a toxic behind the others of its stream; raise `ToxicNameError` if the name is taken."""
        if rule.name in self._rules or rule.name in self._leaving:
            raise ToxicNameError(f'there is a toxic named {rule.name!r} already', 'name')
        self._rules[rule.name] = rule
        self._born[rule.name] = self._count_links()
        self._apply(rule)

    def update(self, rule: ToxicRule) -> None:
        """Replace the attributes and the toxicity of the toxic of the same name; raise `ToxicNameError`."""
        self._rules[self.get(rule.name).name] = rule
        self._apply(rule)

    def put(self, rule: ToxicRule) -> None:
        """Have *rule* as the toxic of its name.

        One that only has other attributes keeps its place, and the bytes in it.
        """
        known = self._rules.get(rule.name)
        if known is not None and (known.kind, known.stream) != (rule.kind, rule.stream):
            self.remove(rule.name)
            known = None
        if known is None:
            self.add(rule)
        elif known != rule:
            self.update(rule)

    def _apply(self, rule: ToxicRule) -> None:
        """Put a toxic on the links that are open, or change it there: a few links in each turn of the event loop."""
        pause = self._turns.begin()
        for link in self._connected():
            if self._rules.get(rule.name) is not rule:  # who has changed it meanwhile goes on
                return
            if link.connected:
                self._apply_to(link, rule)
            pause()

    def _apply_to(self, link: Link, rule: ToxicRule) -> None:
        found = _find_stages(rule, link)
        if not found:
            self._add_stage(rule, link)
        for chain, stage in found:
            if stage.values is not rule.attributes:  # else the link was opened meanwhile
                now = monotonic()
                stage.update(rule.attributes, now)
                stage.set_toxicity(rule.toxicity, now)
                chain.advance()

    def remove(self, name: str) -> None:
        """Remove a toxic; what waits in it goes on. Raise `ToxicNameError` if there is none of that name."""
        rule, pause = self.get(name), self._turns.begin()
        del self._rules[name], self._born[name]
        self._leaving.add(name)
        for link in self._connected():
            if link.connected:
                for chain, stage in _find_stages(rule, link):
                    chain.remove(stage)
            pause()
        self._leaving.discard(name)
        self._counters.forget_toxic(name)

    def clear(self) -> None:
        """Remove all toxics."""
        for name in list(self._rules):
            if name in self._rules:
                self.remove(name)

    def equip(self, link: Link) -> None:
        """Put the toxics on the streams of a link that opens."""
        for rule in self._rules.values():
            self._add_stage(rule, link)

    def _add_stage(self, rule: ToxicRule, link: Link) -> None:
        now = monotonic()
        stage = rule.kind(
            rule.attributes,
            name=rule.name,
            seed=f'{self._seed}/{link.number}/{rule.name}',
            now=now,
            fresh=link.number > self._born[rule.name],
            histogram=self._counters.find_toxic(rule.name),
        )
        stage.set_toxicity(rule.toxicity, now)
        _find_stream(rule, link).enchain().append(stage)

    def _connected(self) -> list[Link]:
        return [link for link in self._links.values() if link.connected]


def _find_stages(rule: ToxicRule, link: Link) -> list[tuple[Chain, BaseToxic]]:
    """Return the stages of a toxic on a link that has not been removed: one at most, and the chain that it is in."""
    chain = _find_stream(rule, link).chain
    stages = [] if chain is None else chain.stages
    return [(chain, stage) for stage in stages if stage.label == rule.name and not stage.retired and chain is not None]


def _find_stream(rule: ToxicRule, link: Link) -> Stream:
    return link.up if rule.direction == UPSTREAM else link.down
