"""Blocks that arm something on one proxy, and put back at their end what was armed before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Generic, TypeVar

Armed = TypeVar('Armed')


class _Block(Generic[Armed]):
    def __init__(self, before: Armed) -> None:
        #: What was armed before it, or before those that it has outlasted.
        self.before = before


class Blocks(Generic[Armed]):
    """The blocks that have not ended, in the order of their beginning. Several threads may have some.

    The last one has what is armed. When another one ends, nothing changes for the last; but what was armed before the
    one that ends is what the next one puts back.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: list[_Block[Armed]] = []

    @contextmanager
    def within(
        self, find: Callable[[], Armed], arm: Callable[[], object], restore: Callable[[Armed], object]
    ) -> Iterator[None]:
        """Call *arm* at the beginning of the block, and *restore* with what *find* has found before that at its end."""
        with self._lock:
            block = _Block(find())
            arm()
            self._open.append(block)
        try:
            yield
        finally:
            with self._lock:
                place = self._open.index(block)
                del self._open[place]
                if place < len(self._open):
                    self._open[place].before = block.before
                else:
                    restore(block.before)
