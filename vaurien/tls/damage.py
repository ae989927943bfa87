"""The last record of a session of TLS, as a broken peer or a bad line would deliver it."""

from __future__ import annotations

import ssl

from vaurien.framing.records import split_records
from vaurien.plugins.end import Damage


class DamagedRecords:
    """Stands in the place of what a session is to send: its next record is damaged, and nothing follows."""

    def __init__(self, records: ssl.MemoryBIO, damage: Damage) -> None:
        self._records = records
        self._damage = damage
        self._is_over = False

    @property
    def pending(self) -> int:
        """The number of bytes that wait, of which some will be sent, or none."""
        return self._records.pending

    def read(self) -> bytes:
        """Return what is to be sent."""
        data = self._records.read()
        if self._is_over or not data:
            return b''
        self._is_over = True
        record = next(split_records(data))
        if self._damage == 'half-record':
            return record[: len(record) // 2]
        return record[:-1] + bytes([record[-1] ^ 1])  # of what proves that nobody has changed the record
