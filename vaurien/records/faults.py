"""A fault as data: which exchange was hit, and by what."""

from __future__ import annotations

from typing import Any

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A behavior applied to an exchange."""

    #: Seconds since the epoch.
    time: float
    #: The number of the link, and the number of the exchange on this link. Both begin with 1.
    link: int
    exchange: int
    behavior: str
    #: The value of every option of the behavior, ready for JSON.
    options: dict[str, Any]
    #: The text of the request, such as ``GET /orders/7``.
    request: str
