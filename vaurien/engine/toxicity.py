"""The toxics of a proxy: which there are, and the stages that they have on the streams of open links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import monotonic

from vaurien.engine.link import Link
from vaurien.engine.stream import Stream
from vaurien.errors import ToxicNameError
from vaurien.records.histogram import Histogram
from vaurien.records.status import ToxicStatus
from vaurien.rules.toxics import ToxicEntry
from vaurien.toxics import Toxic
from vaurien.toxics.base import BaseToxic

UPSTREAM, DOWNSTREAM = 'upstream', 'downstream'


class Toxics:
    """The toxics in order of their creation, by name. A stage on a link is known by that name, too."""

    def __init__(
        self,
        links: Mapping[int, Link],
        seed: int,
        count_links: Callable[[], int],
        find_histogram: Callable[[str], Histogram],
    ) -> None:
        """*links* are those that are open; *count_links* tells how many there have been; *seed* seeds all chance.

        *find_histogram* returns where a toxic of some name counts what it does.
        """
        self._links = links
        self._seed = seed
        self._count_links = count_links
        self._find_histogram = find_histogram
        self._entries: dict[str, ToxicEntry] = {}
        #: How many links there had been when each was added.
        self._born: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __iter__(self) -> Iterator[ToxicEntry]:
        """Return those of the upstream first, each stream's in order of their creation."""
        for direction in (UPSTREAM, DOWNSTREAM):
            yield from (entry for entry in self._entries.values() if entry.direction == direction)

    def get(self, name: str) -> ToxicEntry:
        """Return the toxic of that name; raise `ToxicNameError` if there is none."""
        if name not in self._entries:
            raise ToxicNameError(f'there is no toxic named {name!r}', 'name')
        return self._entries[name]

    def add(self, entry: ToxicEntry) -> None:
        """Add a toxic behind the others of its stream; raise `ToxicNameError` if the name is taken."""
        if entry.name in self._entries:
            raise ToxicNameError(f'there is a toxic named {entry.name!r} already', 'name')
        self._entries[entry.name] = entry
        self._born[entry.name] = self._count_links()
        for link in self._connected():
            self._add_stage(entry, link)

    def update(self, entry: ToxicEntry) -> None:
        """Replace the attributes and the toxicity of the toxic of the same name; raise `ToxicNameError`."""
        self._entries[self.get(entry.name).name] = entry
        now = monotonic()
        for stream, stage in self._stages(entry):
            stage.update(entry.attributes, now)
            stage.set_toxicity(entry.toxicity, now)
            assert stream.chain is not None, 'there is a stage in it'
            stream.chain.advance()

    def remove(self, name: str) -> None:
        """Remove a toxic; what waits in it goes on. Raise `ToxicNameError` if there is none of that name."""
        entry = self.get(name)
        stages = list(self._stages(entry))
        del self._entries[name], self._born[name]
        for stream, stage in stages:
            if stream.chain is not None:
                stream.chain.remove(stage)

    def clear(self) -> None:
        """Remove all toxics."""
        for name in list(self._entries):
            self.remove(name)

    def equip(self, link: Link) -> None:
        """Put the toxics on the streams of a link that opens."""
        for entry in self._entries.values():
            self._add_stage(entry, link)

    def _add_stage(self, entry: ToxicEntry, link: Link) -> None:
        now = monotonic()
        stage = Toxic.get(entry.type)(
            entry.attributes,
            name=entry.name,
            seed=f'{self._seed}/{link.number}/{entry.name}',
            now=now,
            fresh=link.number > self._born[entry.name],
            histogram=self._find_histogram(entry.name),
        )
        stage.set_toxicity(entry.toxicity, now)
        _find_stream(entry, link).enchain().append(stage)

    def _connected(self) -> list[Link]:
        return [link for link in self._links.values() if link.connected]

    def _stages(self, entry: ToxicEntry) -> Iterator[tuple[Stream, BaseToxic]]:
        for link in self._connected():
            stream = _find_stream(entry, link)
            for stage in list(stream.chain.stages) if stream.chain is not None else []:
                if stage.label == entry.name and not stage.retired:
                    yield stream, stage


def _find_stream(entry: ToxicEntry, link: Link) -> Stream:
    return link.up if entry.direction == UPSTREAM else link.down


def status_of(entry: ToxicEntry) -> ToxicStatus:
    """Return an entry as the API shows it: attributes that are not set are left out."""
    attributes = {name: value for name, value in entry.attributes.items() if value is not None}
    return {
        'attributes': attributes,
        'name': entry.name,
        'type': entry.type,
        'stream': entry.stream,
        'toxicity': entry.toxicity,
    }
