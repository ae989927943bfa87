"""Statements that were prepared on a link: what executes one of them later says no more than its name."""

from __future__ import annotations

from collections.abc import Callable, Hashable

#: The most that a link remembers, the oldest forgotten first. Drivers keep fewer: ActiveRecord, by default, 1,000.
KEPT = 1024


class Statements:
    """What each name stands for now, and what it will from some position of the upstream on.

    In a pipeline, a name is given anew while requests that used it before are still to be described.
    """

    __slots__ = ('_coming', '_known', '_show')

    def __init__(self, show: Callable[[bytes], str]) -> None:
        """*show* gives the text of a statement, once somebody asks for it."""
        self._show = show
        self._known: dict[Hashable, bytes | str] = {}
        self._coming: list[tuple[int, Hashable, bytes | None]] = []

    def find(self, name: Hashable) -> str | None:
        """The text of what the *name* stands for."""
        statement = self._known.get(name)
        if isinstance(statement, bytes):
            statement = self._known[name] = self._show(statement)
        return statement

    def put(self, name: Hashable, statement: bytes | None) -> None:
        """From now on the *name* stands for that *statement*; None: for nothing."""
        known = self._known
        known.pop(name, None)
        if statement is not None:
            known[name] = statement
            if len(known) > KEPT:
                del known[next(iter(known))]

    def put_behind(self, position: int, name: Hashable, statement: bytes | None) -> None:
        """Likewise, but for requests that begin behind *position*."""
        self._coming.append((position, name, statement))
        if len(self._coming) > KEPT:
            self.go_to(self._coming[0][0] + 1)

    def go_to(self, position: int) -> None:
        """What is asked for next is what names stand for at *position*."""
        coming = self._coming
        while coming and coming[0][0] < position:
            _, name, statement = coming.pop(0)
            self.put(name, statement)
