"""The faults that somebody wants to see again, for a test of which clean runs are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from vaurien.errors import ConfigError
from vaurien.explore.learning import Learned
from vaurien.explore.model import Injection, Point
from vaurien.explore.planning import Candidate
from vaurien.framing.meaning import Effect
from vaurien.plugins.options import did_you_mean


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


def _find_point(injection: Injection, points: Sequence[Point]) -> Point | None:
    aim = injection.proxy, injection.request, injection.nth
    return next((point for point in points if (point.proxy, point.request, point.nth) == aim), None)
