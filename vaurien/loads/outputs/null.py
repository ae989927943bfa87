"""No output, for runs of which the exit status is enough."""

from __future__ import annotations

from vaurien.loads.outputs.base import Output


class Null(Output):
    """Writes nothing."""

    name = 'null'
