"""Nothing: for a stream that is to be looked at, and not harmed."""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic


class Noop(BaseToxic):
    """Passes everything as it is."""

    name = 'noop'
