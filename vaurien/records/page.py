"""A part of a journal, for those who read it while it grows."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vaurien.records.entry import Entry

#: How many entries a process keeps of its journal.
KEPT = 1000
#: How many of them are asked for at most.
Limit = Annotated[int, msgspec.Meta(ge=1, le=KEPT)]


class JournalPage(msgspec.Struct, frozen=True):
    """A part of a journal. Exchanges are counted from 1, in the order in which they were over."""

    entries: list[Entry]
    #: The number of the last exchange that was looked at: those to ask for next are after it.
    last: int
    #: How many of those that were asked for are not kept any more.
    lost: int
