"""What the recorders of one proxy share: who is told, who chooses, and how often each text came."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from vaurien.engine.chooser import Chooser
from vaurien.engine.record import Hasher, Record
from vaurien.errors import ConfigError
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.rules.rule import Rule

#: So many texts of requests are counted by a proxy; of more, the oldest begin with 1 again.
MAX_TEXTS = 100_000

logger = logging.getLogger(__name__)


class Recording:
    """Counts the requests of one proxy by their texts, and asks its chooser for faults."""

    def __init__(
        self,
        proxy: str,
        on_exchange: Sequence[Callable[[Entry], None]],
        chooser: Chooser | None,
        new_hasher: Callable[[], Hasher] | None,
        prepare: Callable[[Rule, str], Rule],
    ) -> None:
        """*proxy* is its name. *new_hasher* makes the digests; None: there are none. *prepare* puts a rule to work.

        Beside a rule, it takes what chance depends on in it.
        """
        self.proxy = proxy
        self.on_exchange = on_exchange
        self.chooser = chooser
        self.new_hasher = new_hasher
        self._prepare = prepare
        self._counts: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Count one more request of that *text*; return how many there were."""
        counts = self._counts
        nth = counts.get(text, 0) + 1
        if nth == 1 and len(counts) >= MAX_TEXTS:
            del counts[next(iter(counts))]
        counts[text] = nth
        return nth

    def choose(self, chooser: Chooser, link: ObservedLink, record: Record, request: bytes) -> tuple[Rule | None, bool]:
        """Return the rule, at work, that *chooser* wants for a request, and whether the request is to draw."""
        choice = chooser.choose(link, record.number, record.text, record.nth, request)
        if choice is None:
            return None, True
        record.place(choice.where)
        if choice.rule is None:
            return None, not choice.passes
        try:
            return self._prepare(choice.rule, choice.chance), False
        except ConfigError as error:
            logger.warning('proxy %s: what was chosen for %s cannot be applied: %s', self.proxy, record.text, error)
            return None, False
