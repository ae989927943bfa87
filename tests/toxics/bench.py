"""One toxic on a made-up clock: what goes in, what comes out, and when."""

from __future__ import annotations

from typing import Any

from vaurien.toxics import Toxic
from vaurien.toxics.base import Ending, Item

END, CLOSE, RESET = Ending.END, Ending.CLOSE, Ending.RESET


class Bench:
    """Does what a chain does with a stage whose sink takes everything, unless it is `blocked`. It begins at 0 s."""

    def __init__(self, kind: str, *, seed: str = '1', fresh: bool = True, **attributes: Any) -> None:
        toxic = Toxic.get(kind)
        self.toxic = toxic(toxic.resolve(attributes), name=kind, chance=seed, now=0.0, fresh=fresh)
        self.now = 0.0
        self.blocked = False
        #: What came out, and when.
        self.out: list[tuple[Any, Item]] = []

    @property
    def data(self) -> bytes:
        """All bytes that came out."""
        return b''.join(item for _, item in self.out if isinstance(item, bytes))

    @property
    def sizes(self) -> list[int]:
        """Of the chunks that came out."""
        return [len(item) for _, item in self.out if isinstance(item, bytes)]

    @property
    def endings(self) -> list[Item]:
        """All else."""
        return [item for _, item in self.out if isinstance(item, Ending)]

    def feed(self, *items: Item) -> None:
        """These arrive now."""
        for item in items:
            self.toxic.feed(item, self.now)
            self.step()

    def wait(self, seconds: float) -> None:
        """Let the time pass, and whatever is due in it."""
        end = self.now + seconds
        while not self.blocked and self.toxic.due <= end:
            self.now = max(self.now, self.toxic.due)
            self.step()
        self.now = end

    def step(self) -> None:
        """Take what goes out now."""
        while not self.blocked and (item := self.toxic.step(self.now)) is not None:
            assert item, 'a chunk is never empty'
            self.out.append((self.now, item))
        assert self.blocked or self.toxic.due > self.now, 'it is not asked for ever'

    def unblock(self) -> None:
        """The sink takes more again."""
        self.blocked = False
        self.step()

    def update(self, **attributes: Any) -> None:
        """Change attributes, as the control API does."""
        toxic = self.toxic
        toxic.update({**toxic.values, **toxic.check(attributes)}, self.now)
        toxic.draw(self.now)
        self.step()

    def interrupt(self) -> None:
        """Another toxic comes or goes right behind it."""
        self.toxic.interrupt(self.now)
        self.toxic.draw(self.now)
        self.step()

    def apply(self, toxicity: float) -> None:
        """Change its toxicity."""
        self.toxic.toxicity = toxicity
        self.update()

    def retire(self) -> None:
        """It is removed."""
        self.toxic.retire(self.now)
        self.step()
