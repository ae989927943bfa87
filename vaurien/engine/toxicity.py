"""The toxics of a proxy: which there are, and the stages that they have on the streams of open links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Any

from vaurien.engine.chain import Chain
from vaurien.engine.commons import OF_PROCESS, Commons
from vaurien.engine.link import Link
from vaurien.engine.stream import Stream
from vaurien.engine.turns import Turns
from vaurien.errors import ToxicNameError
from vaurien.records.counters import Counters
from vaurien.records.observer import ObservedLink
from vaurien.rules.toxics import BOTH, DOWNSTREAM, STREAMS, UPSTREAM, ToxicRule, format_toxic
from vaurien.toxics.base import BaseToxic


class Toxics:
    """The toxics in order of their creation, by name. A stage on a link is known by that name, too."""

    def __init__(
        self,
        list_links: Callable[[Callable[[], object]], Sequence[Link]],
        seed: int,
        count_links: Callable[[], int],
        counters: Counters,
        turns: Turns,
        tell: Callable[[str], object],
    ) -> None:
        """*list_links* returns those that are open, and calls what it is given between them if that takes long.

        *count_links* tells how many there have been; *seed* seeds all chance. What a toxic does is counted in
        *counters* until it is removed. A change of many links takes many *turns*. *tell* is told of each change.
        """
        self._tell = tell
        self._turns = turns
        #: The names of those that are being removed.
        self._leaving: set[str] = set()
        self._list_links = list_links
        self._seed = seed
        self._count_links = count_links
        self._counters = counters
        self._rules: dict[str, ToxicRule] = {}
        #: How many links there had been when each was added.
        self._born: dict[str, int] = {}
        self._commons = Commons()

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[ToxicRule]:
        """Return those of the upstream first, and of the downstream last, each in order of their creation."""
        for direction in STREAMS:
            yield from (rule for rule in self._rules.values() if rule.direction == direction)

    def in_order(self) -> tuple[ToxicRule, ...]:
        """Return all of them in order of their creation."""
        return tuple(self._rules.values())

    def get(self, name: str) -> ToxicRule:
        """Return the toxic of that name; raise `ToxicNameError` if there is none."""
        if name not in self._rules:
            raise ToxicNameError(f'there is no toxic named {name!r}', 'name')
        return self._rules[name]

    def check(self, rule: ToxicRule) -> None:
        """Raise `OptionError` if the proxy cannot have *rule*, though others can."""

    def add(self, rule: ToxicRule) -> None:
        """Add a toxic behind the others of its stream; raise `ToxicNameError` if the name is taken."""
        if rule.name in self._rules or rule.name in self._leaving:
            raise ToxicNameError(f'there is a toxic named {rule.name!r} already', 'name')
        self._rules[rule.name] = rule
        self._born[rule.name] = self._count_links()
        self._tell(f'toxic {format_toxic(rule)}')
        self._apply(rule)

    def update(self, rule: ToxicRule) -> None:
        """Replace the attributes and the toxicity of the toxic of the same name; raise `ToxicNameError`."""
        self._rules[self.get(rule.name).name] = rule
        self._tell(f'toxic {format_toxic(rule)}')
        self._apply(rule)

    def put(self, rule: ToxicRule) -> None:
        """Have *rule* as the toxic of its name.

        One that only has other attributes keeps its place, and the bytes in it.
        """
        known = self._rules.get(rule.name)
        if known is not None and _find_place(known) != _find_place(rule):
            self.remove(rule.name)
            known = None
        if known is None:
            self.add(rule)
        elif known != rule:
            self.update(rule)

    def _apply(self, rule: ToxicRule) -> None:
        """Put a toxic on the links that are open, or change it there: a few links in each turn of the event loop."""
        pause = self._turns.begin()
        for link in self._connected(pause):
            if self._rules.get(rule.name) is not rule:  # who has changed it meanwhile goes on
                return
            if _has_streams(link):
                self._apply_to(link, rule)
            pause()

    def _apply_to(self, link: Link, rule: ToxicRule) -> None:
        found = _find_stages(rule, link)
        stages = [stage for _, stage in found]
        if not found:
            self._add_stages(rule, link)
        elif stages[0].values is not rule.attributes:  # else the link was opened meanwhile
            try:
                for chain, stage in found:
                    stage.update(rule.attributes, monotonic(), self._find_shared(rule, chain is link.up.chain))
                _draw(stages, rule)
            except Exception as error:  # whatever somebody's toxic raises
                link.fail(rule.kind, error)
            for chain, _ in found:
                chain.advance()

    def remove(self, name: str) -> None:
        """Remove a toxic; what waits in it goes on. Raise `ToxicNameError` if there is none of that name."""
        rule, pause = self.get(name), self._turns.begin()
        del self._rules[name], self._born[name]
        self._leaving.add(name)
        try:
            self._tell(f'toxic {name} removed')
            for link in self._connected(pause):
                if _has_streams(link):
                    for chain, stage in _find_stages(rule, link):
                        chain.remove(stage)
                pause()
        finally:
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
            if not link.closed:  # as it is if one has failed
                self._add_stages(rule, link)

    def need_no_backend(self, link: ObservedLink) -> bool:
        """Return whether a link that opens gets a toxic that takes what the client sends, and needs no backend."""
        return any(
            rule.kind.needs_no_backend
            and rule.direction != DOWNSTREAM
            and _serves(rule, link)
            and self._will_apply(rule, link)
            for rule in self._rules.values()
        )

    def _will_apply(self, rule: ToxicRule, link: ObservedLink) -> bool:
        """Return whether a toxic will apply to a link: the stages that it gets will draw the same."""
        try:
            stage = rule.kind(rule.attributes, name=rule.name, seed=self._find_seed(rule, link))
            _draw([stage], rule)
        except Exception:  # as on the link, which is what tells of it
            return True
        return stage.applied

    def _find_seed(self, rule: ToxicRule, link: ObservedLink, number: int = 0) -> str:
        """Return the seed of the stage of a toxic on one of its streams of a link, the first or the second."""
        return '/'.join([str(self._seed), str(link.number), rule.name, *['downstream'] * number])

    def _add_stages(self, rule: ToxicRule, link: Link) -> None:
        """Put a toxic on its streams of a link, if it is for the client of that link."""
        if not _serves(rule, link):
            return
        streams = _find_streams(rule, link)
        try:
            stages = [self._make_stage(rule, link, number, stream) for number, stream in enumerate(streams)]
            _draw(stages, rule)
        except Exception as error:  # whatever somebody's toxic raises
            link.fail(rule.kind, error)
            return
        for stream, stage in zip(streams, stages, strict=True):
            stream.enchain().append(stage)

    def _make_stage(self, rule: ToxicRule, link: Link, number: int, stream: Stream) -> BaseToxic:
        """Return the stage of a toxic on a stream of a link, the first or the second of those that it acts on."""
        return rule.kind(
            rule.attributes,
            name=rule.name,
            seed=self._find_seed(rule, link, number),
            now=monotonic(),
            fresh=link.number > self._born[rule.name],
            histogram=self._counters.find_toxic(rule.name),
            shared=self._find_shared(rule, stream is link.up),
        )

    def _find_shared(self, rule: ToxicRule, is_upstream: bool) -> Any:
        """Return what the stages of a toxic share on a stream of all links of the proxy, or of the process, if any."""
        commons = {'proxy': self._commons, 'process': OF_PROCESS}.get(rule.attributes.get('shared', ''))
        return None if commons is None else commons.find(rule, is_upstream)

    def _connected(self, pause: Callable[[], object]) -> list[Link]:
        return [link for link in self._list_links(pause) if _has_streams(link)]


def _serves(rule: ToxicRule, link: ObservedLink) -> bool:
    client = None if rule.client is None else link.client_address  # to ask the kernel takes time
    return rule.serves(None if client is None else client.host)


def _has_streams(link: Link) -> bool:
    """Return whether toxics act on a link: at least one of its streams moves bytes."""
    return link.connected or link.is_leaving


def _draw(stages: Sequence[BaseToxic], rule: ToxicRule) -> None:
    """Decide by its toxicity whether a toxic applies to a link, on all of its streams or on none."""
    now, first = monotonic(), stages[0]
    first.set_toxicity(rule.toxicity, now)
    if len(stages) > 1:
        applied = float(first.applied)
        for stage in stages:  # whatever makes one of them draw again, it stays so
            stage.set_toxicity(applied, now)


def _find_stages(rule: ToxicRule, link: Link) -> list[tuple[Chain, BaseToxic]]:
    """Return the stages of a toxic on a link that has not been removed, and the chain that each is in.

    There is one at most for each of its streams.
    """
    chains = [stream.chain for stream in _find_streams(rule, link) if stream.chain is not None]
    return [
        (chain, stage) for chain in chains for stage in chain.stages if stage.label == rule.name and not stage.retired
    ]


def _find_streams(rule: ToxicRule, link: Link) -> list[Stream]:
    up = [link.up] if rule.direction in (UPSTREAM, BOTH) else []
    return [*up, link.down] if rule.direction in (DOWNSTREAM, BOTH) else up


def _find_place(rule: ToxicRule) -> tuple[object, ...]:
    """Return what of a toxic does not change while it is there."""
    return rule.kind, rule.stream, rule.client
