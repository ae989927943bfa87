"""What a behavior is for: a connection, the handshake of TLS on it, or an exchange; and what it does to a port."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import ClassVar

from vaurien.plugins.distribution import Distribution
from vaurien.plugins.handshake import Handshake


class Stage(Enum):
    """When a behavior is drawn. The rules of one stage share a draw."""

    #: When a client has connected.
    CONNECTION = 'connection'
    #: When it is armed, for every connection that there is; and when a client has connected.
    CABLE = 'cable'
    #: When a client begins TLS.
    HANDSHAKE = 'handshake'
    #: When a request has arrived, or the greeting of the backend.
    EXCHANGE = 'exchange'


class Door(Enum):
    """How the port of a proxy answers whoever connects."""

    OPEN = 'open'
    #: Not at all, as a host that is not there.
    SILENT = 'silent'
    #: With a reset, as a host where nothing listens on the port.
    CLOSED = 'closed'


class Staged:
    """The part of a behavior that says what it is for, and that is for more than exchanges."""

    stage: ClassVar[Stage] = Stage.EXCHANGE
    #: How the port answers while it is armed for all clients.
    door: ClassVar[Door] = Door.OPEN
    #: Its options that are for handshakes of TLS: a rule with one of them is for no request.
    of_handshakes: ClassVar[Sequence[str]] = ()
    #: Its options that are for what follows on a handshake.
    inside_tls: ClassVar[Sequence[str]] = ()
    #: Whether clients are shown certificates that are made for it.
    needs_authority: ClassVar[bool] = False
    #: Whether somebody has to be asked who knows nothing of what is in workers.
    needs_one_process: ClassVar[bool] = False

    def on_connection(self) -> float | Distribution:
        """Return for how many seconds a client waits that has connected and drew it."""
        return 0.0

    def on_handshake(self) -> Handshake:
        """Return what becomes of a handshake of TLS that drew it."""
        return Handshake()
