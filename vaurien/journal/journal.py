"""Where the exchanges of a run go: the last are kept, and all of them are written to a file if there is one."""

from __future__ import annotations

from vaurien.journal.file import JournalFile
from vaurien.journal.kept import KeptEntries
from vaurien.records.entry import Entry
from vaurien.records.observer import Observer


class Journal(Observer):
    """The journal of one proxy, or of several."""

    only_notes = True

    def __init__(self, path: str | None, most: int) -> None:
        """*path* is the file, which has up to *most* bytes; None: there is none."""
        self._path = path
        self._most = most
        self._file: JournalFile | None = None
        #: How many lines of the file were lost until it was closed, and why; empty if none was.
        self.loss = ''
        #: The last exchanges since it was opened.
        self.kept = KeptEntries()

    def open(self) -> None:
        """Begin the file; raise `ConfigError` if it cannot be written."""
        self.kept = KeptEntries()
        if self._path is not None:
            self._file = JournalFile(self._path, self._most)

    def on_exchange(self, entry: Entry) -> None:
        self.kept.add(entry)
        if self._file is not None:
            self._file.write(entry)

    def reopen(self) -> None:
        """Open the file again, if there is one and somebody has renamed it."""
        if self._file is not None:
            self._file.reopen()

    def close(self) -> None:
        """Write what is left, as far as that is possible soon, and close the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self.loss = file.describe_loss()
