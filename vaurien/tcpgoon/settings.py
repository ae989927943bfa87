"""What a test and the server are told, typed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vaurien.address import MAX_PORT

Connections = Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)]
Whole = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Timeout = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1_000_000_000)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
TargetPort = Annotated[int, msgspec.Meta(ge=1, le=MAX_PORT)]
ListeningPort = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]


class Settings(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that a test is told, but its target."""

    assume_yes: bool = False
    connections: Connections = 100
    #: Milliseconds, for all that comes before a connection counts as established.
    dial_timeout: Timeout = 5000
    #: Seconds; 0: a line at the start and one when all have been dialed.
    interval: Whole = 1
    #: Milliseconds.
    sleep: Whole = 10
    verbose: bool = False
    #: Connections per second, instead of `sleep`.
    rate: Rate | None = None
    #: Seconds after the last was dialed; None: not at all, and whoever closes is not held against the server.
    hold: Seconds | None = None
    #: Addresses to dial from, separated by commas.
    source: str = ''
    tls: bool = False
    cacert: str | None = None
    insecure: bool = False
    #: With escapes, as typed.
    send: str = ''
    expect: str = ''
    json: bool = False
    plot: str | None = None
    #: The URL of a registry.
    eureka: str | None = None

    @property
    def gap(self) -> float:
        """Seconds from one dial to the next."""
        return 1 / self.rate if self.rate else self.sleep / 1000


class ServerSettings(msgspec.Struct, kw_only=True, frozen=True):
    """Everything that the server is told."""

    port: ListeningPort = 54321
    #: 0: no limit.
    maxconnections: Whole = 10
    #: Seconds; 0: until it is interrupted.
    duration: Whole = 30
    host: str = '127.0.0.1'
