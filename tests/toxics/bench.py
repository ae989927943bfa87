"""A bench for one toxic: it sets the time, feeds chunks and records what leaves and when."""

from __future__ import annotations

from typing import Any

from vaurien.toxics import Toxic
from vaurien.toxics.base import Ending, Item

#: More steps than any test takes at one time.
MOST_STEPS = 100_000

END, BREAK, CLOSE, RESET = Ending.END, Ending.BREAK, Ending.CLOSE, Ending.RESET


class Bench:
    """Drives a stage as a chain does. Its sink takes everything, unless it is `blocked`; its time begins at 0 s."""

    def __init__(
        self, kind: str, *, seed: str = '1', fresh: bool = True, commons: Any = None, **attributes: Any
    ) -> None:
        toxic = Toxic.get(kind)
        self.toxic = toxic(toxic.resolve(attributes), name=kind, seed=seed, now=0.0, fresh=fresh, shared=commons)
        self.now = 0.0
        self.blocked = False
        #: What has left, and when.
        self.out: list[tuple[Any, Item]] = []

    @property
    def data(self) -> bytes:
        """All bytes that have left."""
        return b''.join(item for _, item in self.out if isinstance(item, bytes))

    @property
    def sizes(self) -> list[int]:
        """The sizes of the chunks that have left."""
        return [len(item) for _, item in self.out if isinstance(item, bytes)]

    @property
    def endings(self) -> list[Item]:
        """What has left beside chunks."""
        return [item for _, item in self.out if isinstance(item, Ending)]

    def feed(self, *items: Item) -> None:
        """Feed items that arrive now."""
        for item in items:
            self.toxic.feed(item, self.now)
            self.step()

    def wait(self, seconds: float) -> None:
        """Let time pass, and call the stage whenever it asks for that."""
        end = self.now + seconds
        while not self.blocked and self.toxic.next_step <= end:
            self.now = max(self.now, self.toxic.next_step)
            self.step()
        self.now = end

    def step(self) -> None:
        """Take what leaves now."""
        for _ in range(MOST_STEPS):
            item = None if self.blocked else self.toxic.step(self.now)
            if item is not None:
                assert item, 'a chunk is never empty'
                self.out.append((self.now, item))
            elif self.blocked or self.toxic.next_step > self.now:
                return
        raise AssertionError('it is asked for ever')

    def unblock(self) -> None:
        """Let the sink take more again."""
        self.blocked = False
        self.step()

    def update(self, **attributes: Any) -> None:
        """Change attributes, as the control API does."""
        toxic = self.toxic
        toxic.update({**toxic.values, **toxic.check(attributes)}, self.now)
        toxic.draw(self.now)
        self.step()

    def interrupt(self) -> None:
        """Interrupt the stage, as when another toxic comes or goes right behind it."""
        self.toxic.interrupt(self.now)
        self.toxic.draw(self.now)
        self.step()

    def apply(self, toxicity: float) -> None:
        """Change the toxicity of the stage."""
        self.toxic.toxicity = toxicity
        self.update()

    def retire(self) -> None:
        """Remove the toxic."""
        self.toxic.retire(self.now)
        self.step()
