"""The exchanges of a clean and of a faulty run, side by side: each beside the one that asked the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from vaurien.records.entry import Entry
from vaurien.rules.masking import mask

#: The most exchanges that are shown of a run. A storm has thousands, all alike.
SHOWN = 120


def align(clean: Sequence[Entry], faulty: Sequence[Entry]) -> list[tuple[int | None, int | None]]:
    """Return the rows: the indexes of two exchanges that ask the same, or of one that only one of the runs has."""
    return list(_align(clean[:SHOWN], faulty[:SHOWN]))


def _align(clean: Sequence[Entry], faulty: Sequence[Entry]) -> Iterator[tuple[int | None, int | None]]:
    matcher = SequenceMatcher(None, list(map(_identify, clean)), list(map(_identify, faulty)), autojunk=False)
    for kind, begin, end, other, last in matcher.get_opcodes():
        if kind == 'equal':
            yield from zip(range(begin, end), range(other, last), strict=True)
        else:
            yield from ((i, None) for i in range(begin, end))
            yield from ((None, i) for i in range(other, last))


def _identify(entry: Entry) -> tuple[str, str]:
    return entry.proxy, mask(entry.request)
