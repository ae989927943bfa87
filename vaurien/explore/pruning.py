"""Which faults need not be tried, because of what others have shown."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from vaurien.explore.model import CONNECTION, Cell, Injection, Outcome
from vaurien.explore.planning import Candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

#: Where a request comes from: the proxy, its effect, and the line of the application, or the request.
_Site = tuple[str, Effect, str]


class _HangClass(NamedTuple):
    """Faults of which all hang if one does: most clients have one timeout for all that is silent, or none."""

    proxy: str
    kind: Kind
    effect: Effect | None
    for_ever: bool


class Known:
    """What the explorations of all tests have found out that makes faults in others pointless."""

    def __init__(self) -> None:
        self._hung: set[_HangClass] = set()
        self._connections: set[Injection] = set()
        self._silent: set[_Site] = set()

    def object(self, candidate: Candidate) -> str:
        """Return why *candidate* need not be tried in any test; nothing if that is not known."""
        first = candidate.first
        if _classify(candidate) in self._hung:
            return f'{first.kind.value} at {first.proxy} has hung already'
        if first in self._connections:
            return f'a connection to {first.proxy} once is enough'
        if first.kind is Kind.SILENT and _find_site(candidate) in self._silent:
            return 'silent once at the same line is enough'
        return ''

    def note(self, candidate: Candidate, cell: Cell) -> None:
        """Learn from what became of *candidate*."""
        if Outcome.NOT_HIT in cell.outcomes:
            return
        if Outcome.HUNG in cell.outcomes:
            self._hung.add(_classify(candidate))
        if candidate.first.request == CONNECTION:
            self._connections.add(candidate.first)
        if candidate.first.kind is Kind.SILENT:
            self._silent.add(_find_site(candidate))


class Pruning:
    """What makes faults pointless in one test, beside what is *known* from others, and what *settings* leave out."""

    def __init__(self, known: Known, settings: ExploreSettings) -> None:
        self._known = known
        self._settings = settings
        self._silent: set[tuple[str, Effect]] = set()
        self._failing: list[Cell] = []

    def object(self, candidate: Candidate) -> str:
        """Return why *candidate* need not be tried; nothing if it has to be."""
        if any(map(self._settings.leave_out, candidate.injections)):
            return 'left out by the settings'
        if objection := candidate.objection or self._known.object(candidate):
            return objection
        first = candidate.first
        if first.kind is Kind.SILENT and (first.proxy, candidate.effect) in self._silent:
            return f'silent once at {first.proxy} is enough'
        if any(_contains(candidate.injections, cell) for cell in self._failing):
            return 'less has failed already'
        return ''

    def note(self, candidate: Candidate, cell: Cell) -> None:
        """Learn from what became of *candidate*."""
        self._known.note(candidate, cell)
        if Outcome.NOT_HIT in cell.outcomes:
            return
        if candidate.first.kind is Kind.SILENT:
            self._silent.add((candidate.first.proxy, candidate.effect))
        if cell.worst.is_finding:
            self._failing.append(cell)


def may_spare(candidate: Candidate, other: Candidate) -> bool:
    """Return whether *candidate* may be pointless once it is known what becomes of *other*.

    Of what is silent at one proxy, one may hang, or be enough. Everything else of that kind is rare.
    """
    one, two = candidate.first, other.first
    if one.proxy == two.proxy and one.kind is two.kind is Kind.SILENT:
        return True
    return _has_all(candidate.injections, other.injections)


def _classify(candidate: Candidate) -> _HangClass:
    kind = candidate.first.kind
    effect = None if kind is Kind.SILENT else candidate.effect
    return _HangClass(candidate.first.proxy, kind, effect, candidate.first.for_ever)


def _find_site(candidate: Candidate) -> _Site:
    return candidate.first.proxy, candidate.effect, candidate.where or candidate.first.request


def _contains(injections: tuple[Injection, ...], cell: Cell) -> bool:
    """Return whether *injections* are more of what has failed alone.

    That a retry fails, too, is another thing than that there is one: so the same fault for ever is more only if the
    application did not try again.
    """
    if not _has_all(injections, cell.injections):
        return False
    return len(injections) > len(cell.injections) or Outcome.RETRIED not in cell.outcomes


def _has_all(injections: tuple[Injection, ...], others: tuple[Injection, ...]) -> bool:
    """Return whether each of *others* is among *injections*, perhaps for ever."""
    return all(one in injections or _lasts(injections, one) for one in others)


def _lasts(injections: tuple[Injection, ...], one: Injection) -> bool:
    """Return whether *injections* have *one* for ever."""
    return any(msgspec.structs.replace(lasting, for_ever=False) == one for lasting in injections if lasting.for_ever)
