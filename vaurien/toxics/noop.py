"""A toxic that changes nothing: the wire looks as it does without one."""

from __future__ import annotations

from vaurien.toxics.base import BaseToxic


class Noop(BaseToxic):
    """Passes everything unchanged."""

    name = 'noop'
