"""The matrix of a test: its requests down, the faults across, and what became of each pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vaurien.explore.model import SEVERITY, Cell, Explored, Outcome
from vaurien.framing.trials import Kind

#: The faults, from left to right.
KINDS = tuple(Kind)


class Square(NamedTuple):
    """What was tried of one kind at one request: once, for ever, with one detail or another."""

    cells: Sequence[Cell]
    #: Why others were not tried, as a text for each.
    untried: Sequence[str]

    @property
    def worst(self) -> Outcome | None:
        """The worst of what was tried; None if nothing was."""
        return min((cell.worst for cell in self.cells), key=SEVERITY.index, default=None)

    @property
    def letter(self) -> str:
        """The letter of the worst; ``?`` if nothing was tried of what was possible, empty if nothing was possible."""
        if self.worst is not None:
            return self.worst.letter
        return '?' if self.untried else ''


class Row(NamedTuple):
    """A request, or several equal ones of which none was tried."""

    proxy: str
    request: str
    #: Its number among those with the same text, and that of the last one: more if there are several.
    nth: int
    last: int
    where: str
    squares: Sequence[Square]

    @property
    def number(self) -> str:
        """Which of the equal requests it is: ``#2``, ``#3-9``; empty for the first one."""
        if self.last > self.nth:
            return f'#{self.nth}-{self.last}'
        return f'#{self.nth}' if self.nth > 1 else ''


def make_rows(explored: Explored) -> list[Row]:
    """Return the rows of a test, in the order of its requests. What shows only under a fault comes last."""
    cells: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in explored.cells:
        first = cell.injections[0]
        cells.setdefault((first.proxy, first.request, first.nth), []).append(cell)
    untried: dict[tuple[str, str, int], list[tuple[Kind, str]]] = {}
    for one in explored.untried:
        at = one.injection
        untried.setdefault((at.proxy, at.request, at.nth), []).append((at.kind, f'{at}: {one.reason}'))
    lines = {(point.proxy, point.request, point.nth): point.where for point in explored.points}
    for place, found in cells.items():
        lines.setdefault(place, found[0].where)
    for place in untried:
        lines.setdefault(place, '')
    rows = [
        Row(*place, place[2], where, list(_make_squares(cells.get(place, []), untried.get(place, []))))
        for place, where in lines.items()
    ]
    return list(_merge(rows))


def _make_squares(cells: list[Cell], untried: list[tuple[Kind, str]]) -> Iterator[Square]:
    for kind in KINDS:
        yield Square(
            [cell for cell in cells if cell.injections[0].kind is kind],
            [text for other, text in untried if other is kind],
        )


def _merge(rows: list[Row]) -> Iterator[Row]:
    """Yield the rows. Neighbours that ask the same become one row as long as nothing was tried there."""
    before: Row | None = None
    for row in rows:
        if before is not None and _are_alike(before, row):
            squares = [Square([], [*a.untried, *b.untried]) for a, b in zip(before.squares, row.squares, strict=True)]
            before = before._replace(last=row.last, squares=squares)
            continue
        if before is not None:
            yield before
        before = row
    if before is not None:
        yield before


def _are_alike(before: Row, row: Row) -> bool:
    is_next = (before.proxy, before.request, before.where, before.last + 1) == (
        row.proxy,
        row.request,
        row.where,
        row.nth,
    )
    return is_next and not any(square.cells for square in (*before.squares, *row.squares))
