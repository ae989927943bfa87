"""The toxics of a proxy whose links are in the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vaurien.engine.toxicity import Toxics
from vaurien.errors import OptionError
from vaurien.rules.toxics import ToxicRule
from vaurien.workers.pool import Pool


class SharedToxics(Toxics):
    """Has every change made in all workers, too, or in none."""

    def __init__(self, pool: Pool, share: Callable[[Callable[[], object]], object], *args: Any) -> None:
        """Call *share* after each change, which takes what undoes it; one is made at a time in *pool*.

        The others are those of `Toxics`.
        """
        super().__init__(*args)
        self._pool = pool
        self._share = share

    def check(self, rule: ToxicRule) -> None:
        """Raise `OptionError` if links in several processes cannot have *rule*."""
        if rule.attributes.get('shared') not in (None, 'link'):
            raise OptionError('the links of several workers have nothing in common: start with --workers 1', 'shared')

    def add(self, rule: ToxicRule) -> None:
        """Add a toxic; raise `ToxicNameError`, `OptionError`, `WorkerError`."""
        self.check(rule)
        with self._sharing():
            super().add(rule)

    def update(self, rule: ToxicRule) -> None:
        """Replace the attributes and the toxicity of the toxic of the same name; raise likewise."""
        self.check(rule)
        with self._sharing():
            super().update(rule)

    def remove(self, name: str) -> None:
        """Remove a toxic; raise `ToxicNameError`, `WorkerError`."""
        with self._sharing():
            super().remove(name)

    @contextmanager
    def _sharing(self) -> Iterator[None]:
        """Have the workers know what is changed within the block, or undo it."""
        with self._pool.changing:
            rules, born = dict(self._rules), dict(self._born)

            def undo() -> None:
                self._rules, self._born = rules, born
                self._tell('toxics as before')

            yield
            self._share(undo)
