"""The toxics of a proxy: what is on its streams, and what becomes of links that are open when that changes."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from vaurien.errors import ToxicNameError
from vaurien.records.status import ToxicStatus
from vaurien.toxics import Toxic

if TYPE_CHECKING:
    from vaurien.engine.link import Link
    from vaurien.engine.proxy import ProxyServer
    from vaurien.engine.stream import Stream
    from vaurien.rules.toxics import ToxicEntry
    from vaurien.toxics.base import BaseToxic

UPSTREAM, DOWNSTREAM = 'upstream', 'downstream'


class Toxics:
    """In order of their creation, by name. A stage on a link is known by that name, too."""

    def __init__(self, proxy: ProxyServer) -> None:
        self._proxy = proxy
        self._entries: dict[str, ToxicEntry] = {}
        #: How many links there had been when each was added.
        self._born: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __iter__(self) -> Iterator[ToxicEntry]:
        """Those of the upstream first, each stream's in order of their creation."""
        for direction in (UPSTREAM, DOWNSTREAM):
            yield from (entry for entry in self._entries.values() if entry.direction == direction)

    def get(self, name: str) -> ToxicEntry:
        """The one of that name; raises `ToxicNameError`."""
        if name not in self._entries:
            raise ToxicNameError(f'there is no toxic named {name!r}', 'name')
        return self._entries[name]

    def add(self, entry: ToxicEntry) -> None:
        """Put one more behind the others of its stream; raises `ToxicNameError` if there is one of that name."""
        if entry.name in self._entries:
            raise ToxicNameError(f'there is a toxic named {entry.name!r} already', 'name')
        self._entries[entry.name] = entry
        self._born[entry.name] = self._proxy.links_total
        for stream in self._streams(entry):
            stream.enchain().append(self._make_stage(entry, stream))

    def update(self, entry: ToxicEntry) -> None:
        """Put other attributes, or another toxicity, in the place of those of the same name."""
        self._entries[self.get(entry.name).name] = entry
        now = monotonic()
        for stream, stage in self._stages(entry):
            stage.toxicity = entry.toxicity
            stage.update(entry.attributes, now)
            stage.draw(now)
            assert stream.chain is not None, 'there is a stage in it'
            stream.chain.advance()

    def remove(self, name: str) -> None:
        """Take one away; raises `ToxicNameError`. What waits in it goes on."""
        entry = self.get(name)
        stages = list(self._stages(entry))
        del self._entries[name], self._born[name]
        for stream, stage in stages:
            if stream.chain is not None:
                stream.chain.remove(stage)

    def clear(self) -> None:
        """Take all away."""
        for name in list(self._entries):
            self.remove(name)

    def equip(self, link: Link) -> None:
        """Put them on the streams of a link that opens."""
        for entry in self._entries.values():
            stream = link.up if entry.direction == UPSTREAM else link.down
            stream.enchain().append(self._make_stage(entry, stream))

    def _make_stage(self, entry: ToxicEntry, stream: Stream) -> BaseToxic:
        number, now = stream.link.number, monotonic()
        stage = Toxic.get(entry.type)(
            entry.attributes,
            name=entry.name,
            seed=f'{self._proxy.seed}/{number}/{entry.name}',
            now=now,
            fresh=number > self._born[entry.name],
            meter=self._proxy.tally.meters['toxic', entry.name],
        )
        stage.toxicity = entry.toxicity
        stage.draw(now)
        return stage

    def _streams(self, entry: ToxicEntry) -> list[Stream]:
        links = [link for link in self._proxy.links.values() if link.connected]
        return [link.up if entry.direction == UPSTREAM else link.down for link in links]

    def _stages(self, entry: ToxicEntry) -> Iterator[tuple[Stream, BaseToxic]]:
        for stream in self._streams(entry):
            for stage in list(stream.chain.stages) if stream.chain is not None else []:
                if stage.label == entry.name and not stage.retired:
                    yield stream, stage


def status_of(entry: ToxicEntry) -> ToxicStatus:
    """An entry, ready for JSON: attributes that are not set are left out."""
    attributes = {name: value for name, value in entry.attributes.items() if value is not None}
    return {
        'attributes': attributes,
        'name': entry.name,
        'type': entry.type,
        'stream': entry.stream,
        'toxicity': entry.toxicity,
    }
