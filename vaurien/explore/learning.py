"""What clean runs have in common: the points of a test, and how often each request comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vaurien.explore.model import CONNECTION, Point, Run
from vaurien.framing.meaning import Effect
from vaurien.records.entry import Entry
from vaurien.rules.masking import mask
from vaurien.rules.match import Pattern

#: The most clean runs from which a test is learnt.
MOST_RUNS = 4
#: A run is hung when it takes so many times what a clean run takes, and so many seconds more.
LIMIT_FACTOR, LIMIT_MORE = 10, 5.0

#: A proxy, and the masked text of a request there.
Name = tuple[str, str]

#: The effects from the one that is the least risky to fail.
_RISK = (Effect.CONNECT, Effect.READ, Effect.ROLLBACK, Effect.BEGIN, Effect.STEP, Effect.WRITE, Effect.COMMIT)


class Learned(NamedTuple):
    """What clean runs show."""

    points: Sequence[Point]
    #: The last of the runs.
    clean: Run
    #: How often each request came, in the run in which it came most often.
    counts: Counter[Name]
    #: How long the slowest run took, and the quickest one.
    seconds: float
    quickest: float
    is_stable: bool

    @property
    def limit(self) -> float:
        """After how many seconds a run is hung, if the settings do not say so."""
        return LIMIT_FACTOR * self.seconds + LIMIT_MORE


def find_name(entry: Entry) -> Name:
    """Return where *entry* was, and what was asked for."""
    return entry.proxy, mask(entry.request)


def count(entries: Sequence[Entry]) -> Counter[Name]:
    """Return how often each request comes, but for those that set a connection up, which is done now and then."""
    return Counter(find_name(entry) for entry in entries if entry.effect is not Effect.CONNECT)


def are_alike(one: Run, other: Run) -> bool:
    """Return whether two runs make the same requests, in any order: threads take turns as they like."""
    return count(one.entries) == count(other.entries)


def learn(runs: Sequence[Run]) -> Learned:
    """Return what clean *runs* show, of which the last two are alike if the test is stable."""
    is_stable = len(runs) > 1 and are_alike(*runs[-2:])
    counts: Counter[Name] = Counter()
    for run in runs:
        counts |= count(run.entries)
    return Learned(
        points=[
            *_find_connections(runs[-1].entries),
            *(find_points(runs[-1].entries) if is_stable else _find_classes([run.entries for run in runs])),
        ],
        clean=runs[-1],
        counts=counts,
        seconds=max(run.seconds for run in runs),
        quickest=min(run.seconds for run in runs),
        is_stable=is_stable,
    )


def find_points(entries: Sequence[Entry]) -> Iterator[Point]:
    """Yield a point for each of the *entries* that does not set a connection up.

    Its number is that among all the requests that its pattern matches.
    """
    patterns = {name: Pattern.parse(name[1]) for name in count(entries)}
    numbers: Counter[Name] = Counter()
    for entry in entries:
        fitting = [name for name in patterns if name[0] == entry.proxy and patterns[name].matches(entry.request)]
        numbers.update(fitting)
        if entry.effect is not Effect.CONNECT:
            name = find_name(entry)
            yield _make_point(entry, name[1], numbers[name])


def _find_connections(entries: Sequence[Entry]) -> Iterator[Point]:
    """Yield a point for each proxy to which the application opens a connection."""
    for proxy in dict.fromkeys(entry.proxy for entry in entries if entry.exchange == 1):
        yield Point(proxy=proxy, request=CONNECTION, nth=1, effect=Effect.CONNECT)


def _find_classes(runs: Sequence[Sequence[Entry]]) -> Iterator[Point]:
    """Yield a point for the first request of each class that comes in every one of the *runs*.

    Requests are of one class if they are at one proxy and begin with the same word: ``GET *``. The riskiest of them
    stands for all.
    """
    found = [{_classify(entry): entry for entry in sorted(entries, key=_find_risk)} for entries in runs]
    for (proxy, request), entry in found[-1].items():
        is_in_all = all((proxy, request) in classes for classes in found)
        if is_in_all and entry.effect is not Effect.CONNECT:
            yield _make_point(entry, request, 1)


def _classify(entry: Entry) -> Name:
    word, space, _ = entry.request.partition(' ')
    return entry.proxy, mask(f'{word} *' if space else word)


def _find_risk(entry: Entry) -> int:
    return _RISK.index(entry.effect)


def _make_point(entry: Entry, request: str, number: int) -> Point:
    return Point(
        proxy=entry.proxy,
        request=request,
        nth=number,
        effect=entry.effect,
        where=entry.where,
        middle=entry.middle,
    )
