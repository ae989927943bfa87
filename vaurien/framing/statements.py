"""Statements that were prepared on a link. What executes one of them later has no more than its name."""

from __future__ import annotations

from collections.abc import Callable, Hashable

#: The most that a link remembers, the oldest forgotten first. Drivers keep fewer: ActiveRecord, by default, 1,000.
KEPT = 1024


class Statements:
    """The statement that each name stands for, at one position of the upstream.

    That position is behind what the client has sent: in a pipeline, a name is given to another statement while requests
    that mean the one before are still to be described.
    """

    __slots__ = ('_coming', '_known', '_show', '_shown')

    def __init__(self, show: Callable[[bytes], str]) -> None:
        """Call *show* for the text of a statement, but only of one that somebody asks for."""
        self._show = show
        self._known: dict[Hashable, bytes] = {}
        self._shown: dict[Hashable, str] = {}
        self._coming: list[tuple[int, Hashable, bytes | None]] = []

    def find(self, name: Hashable) -> str | None:
        """Return the text of the statement that *name* stands for; None if that is not known."""
        if name in self._known and name not in self._shown:
            self._shown[name] = self._show(self._known[name])
        return self._shown.get(name)

    def find_bytes(self, name: Hashable) -> bytes:
        """Return the beginning of the statement that *name* stands for, as it was sent; nothing if it is not known."""
        return self._known.get(name, b'')

    def put(self, name: Hashable, statement: bytes | None) -> None:
        """Have *name* stand for *statement* from now on; None: for nothing."""
        self._forget(name)
        if statement is not None:
            self._known[name] = statement
            if len(self._known) > KEPT:
                self._forget(next(iter(self._known)))

    def _forget(self, name: Hashable) -> None:
        self._known.pop(name, None)
        self._shown.pop(name, None)

    def put_behind(self, position: int, name: Hashable, statement: bytes | None) -> None:
        """Have *name* stand for *statement* in requests that begin behind *position*; None: for nothing."""
        self._coming.append((position, name, statement))
        if len(self._coming) > KEPT:
            self.go_to(self._coming[0][0] + 1)

    def withdraw(self, position: int) -> None:
        """Have names stand for nothing that were to stand for what the request at *position* has."""
        self._coming = [(at, name, None if at == position else known) for at, name, known in self._coming]

    def forget(self, begin: int, end: int, none: Hashable) -> None:
        """Have names stand for what they did although they were put between two positions; *none* stands for nothing.

        Nothing after that was asked for yet.
        """
        kept = []
        for at, name, statement in self._coming:
            if not begin <= at < end:
                kept.append((at, name, statement))
            elif name == none:
                kept.append((at, name, None))
        self._coming = kept

    def go_to(self, position: int) -> None:
        """Go to *position*, behind the one before: what `find` returns from now on is right for it."""
        coming = self._coming
        while coming and coming[0][0] < position:
            _, name, statement = coming.pop(0)
            self.put(name, statement)
