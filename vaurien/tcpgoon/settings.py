"""The settings of a test and of the server."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vaurien.address import MAX_PORT
from vaurien.console.log import TEXT, LogFormat
from vaurien.plugins.units import MILLISECONDS, SECONDS, Seconds

Connections = Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Timeout = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000), MILLISECONDS]
Pause = Annotated[Whole, MILLISECONDS]
WholeSeconds = Annotated[Whole, SECONDS]
Hold = Annotated[Seconds, msgspec.Meta(le=1_000_000_000)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
TargetPort = Annotated[int, msgspec.Meta(ge=1, le=MAX_PORT)]
ListeningPort = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """The settings of a test. Its target is not among them."""

    assume_yes: bool = False
    connections: Connections = 100
    #: Milliseconds that a whole handshake may take.
    dial_timeout: Timeout = 5000
    #: Seconds between two lines of status. 0: only one at the start and one at the end.
    interval: WholeSeconds = 1
    #: Milliseconds between two dials.
    sleep: Pause = 10
    verbose: bool = False
    log_format: LogFormat = TEXT
    #: Connections per second, instead of `sleep`.
    rate: Rate | None = None
    #: Seconds to hold the connections after the last dial, in which the server must close none. None: do not hold them.
    hold: Hold | None = None
    #: Addresses to dial from, separated by commas.
    source: str = ''
    tls: bool = False
    cacert: str | None = None
    insecure: bool = False
    #: Texts with escapes, see `plan.unescape`.
    send: str = ''
    expect: str = ''
    json: bool = False
    plot: str | None = None
    #: The URL of a Eureka registry.
    eureka: str | None = None

    @property
    def gap(self) -> float:
        """Seconds from one dial to the next."""
        return 1 / self.rate if self.rate else self.sleep / 1000


class ServerSettings(msgspec.Struct, kw_only=True, frozen=True):
    """The settings of the server."""

    port: ListeningPort = 54321
    #: Connections to accept in all. 0: no limit.
    maxconnections: Whole = 10
    #: Seconds to run. 0: until a signal ends it.
    duration: WholeSeconds = 30
    host: str = '127.0.0.1'
