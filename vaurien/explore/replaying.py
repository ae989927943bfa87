"""The faults that somebody wants to see again, for a test of which clean runs are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from vaurien.errors import ConfigError
from vaurien.explore.learning import Learned
from vaurien.explore.model import Explored, Injection, Outcome, Point
from vaurien.explore.planning import Candidate
from vaurien.framing.meaning import Effect
from vaurien.plugins.options import did_you_mean, find_nearest
from vaurien.rules.match import Pattern


def find_candidate(injections: Sequence[Injection], learned: Learned) -> Candidate:
    """Return what is tried with *injections*: what their first request does, and who asks for it, if that is known."""
    point = next(filter(None, (_find_point(each, learned.points) for each in injections)), None)
    return Candidate(
        injections=tuple(injections),
        effect=Effect.WRITE if point is None else point.effect,
        where='' if point is None else point.where,
    )


def check_proxies(injections: Iterable[Injection], known: Collection[str]) -> None:
    """Raise `ConfigError` for a fault at a proxy that is not one of those that are *known* by name."""
    for each in injections:
        if each.proxy not in known:
            raise ConfigError(f'there is no proxy {each.proxy!r}, {did_you_mean(each.proxy, list(known))}')


def check_all_proxies(injections: Iterable[Injection], tests: Sequence[Explored]) -> None:
    """Raise `ConfigError` for a fault at a proxy that none of *tests* has, if it is known which each of them has."""
    if all(test.times for test in tests):
        check_proxies(injections, list(dict.fromkeys(proxy.name for test in tests for proxy in test.proxies)))


def describe_missed(injections: Sequence[Injection], tests: Sequence[Explored]) -> str:
    """Return that *injections* have met no request in any of *tests*, in one line; nothing if they have in one."""
    if any(Outcome.NOT_HIT not in cell.outcomes for test in tests for cell in test.cells):
        return ''
    faults = ' and '.join(repr(str(each)) for each in injections)
    what = 'were not met by all of their requests' if injections[1:] else 'has met no request'
    points = [point for test in tests for point in test.points]
    for each in injections:
        requests = list(dict.fromkeys(point.request for point in points if point.proxy == each.proxy))
        pattern = Pattern.parse(each.request)
        if not any(map(pattern.matches, requests)) and (near := find_nearest(each.request, requests)):
            return f'{faults} {what}: did you mean {near!r}?'
    return f'{faults} {what}'


def _find_point(injection: Injection, points: Sequence[Point]) -> Point | None:
    aim = injection.proxy, injection.request, injection.nth
    return next((point for point in points if (point.proxy, point.request, point.nth) == aim), None)
