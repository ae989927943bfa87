"""Finding a place in a reply, behind a number of bytes, lines or the like, in whatever pieces the reply arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Finder(ABC):
    """Is fed a reply, and counts in it up to a place."""

    def __init__(self, number: int) -> None:
        """Look for the place behind *number* of the things that are counted."""
        #: How many of them are still to come.
        self.left = number
        self._is_lost = False

    def feed(self, data: bytes) -> int:
        """Take the next bytes; return how many of them come before the place. Feed nothing behind it.

        In what does not parse, the place never comes.
        """
        if not self._is_lost:
            try:
                return self._look(data)
            except ValueError:
                self._is_lost = True
        return len(data)

    @abstractmethod
    def _look(self, data: bytes) -> int:
        """Do as `feed`. Raise ValueError for what does not parse."""


class Bytes(Finder):
    """Counts bytes."""

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        step = min(self.left, len(data))
        self.left -= step
        return step


class Lines(Finder):
    """Counts lines."""

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        i = 0
        while self.left and (end := data.find(b'\n', i) + 1):
            i = end
            self.left -= 1
        return len(data) if self.left else i


class Nothing(Finder):
    """Counts what there is none of: the place never comes."""

    def _look(self, data: bytes) -> int:
        """See `Finder._look`."""
        return len(data)
