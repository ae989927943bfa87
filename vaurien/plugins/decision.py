"""What becomes of a request that was held until somebody has decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

#: Let it go on, answer it with an error, or close the connection.
Action = Literal['pass', 'error', 'cut']


class Decision(NamedTuple):
    """What was decided of one request."""

    action: Action = 'pass'
    #: Every option of the error, with its value.
    options: Mapping[str, Any] = {}


PASS = Decision()
