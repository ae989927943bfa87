"""An observer that keeps what it is told of exchanges."""

from __future__ import annotations

from tests.behaviors.waiting import eventually
from vaurien.records.entry import Entry
from vaurien.records.observer import Observer


class Journal(Observer):
    """Keeps every entry."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def on_exchange(self, entry: Entry) -> None:
        self.entries.append(entry)

    def find(self, request: str) -> list[Entry]:
        """Return the entries of requests with that text, in any case of letters."""
        return [entry for entry in self.entries if entry.request.lower() == request.lower()]

    def await_one(self, request: str) -> Entry:
        """Return the only entry of a request, as soon as it is there."""
        eventually(lambda: self.find(request))
        (entry,) = self.find(request)
        return entry
