"""What a proxy process is told at its start, typed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicEntry

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]
LogLevel = Literal['debug', 'info', 'warning', 'error', 'critical']


#: The name of the proxy that is the only one, and was given none.
ONLY = 'vaurien'


class ProxySettings(msgspec.Struct, kw_only=True, frozen=True):
    """What one proxy is told at its start. Times are in seconds."""

    name: str = ONLY
    proxy: Address = Address('localhost', 8000)
    backend: Address = Address('localhost', 8888)
    #: Whether a client's connection is reset if the backend cannot be reached; else it is ended.
    reset_if_unreachable: bool = True
    protocol: str = 'tcp'
    #: What is armed at the start; nothing: every exchange passes.
    behaviors: tuple[Rule, ...] = ()
    #: Configured defaults by behavior: the options that were given, converted.
    behavior_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    #: Likewise by protocol.
    protocol_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    toxics: tuple[ToxicEntry, ...] = ()
    seed: int | None = None
    timeout: Seconds = 30.0
    idle_timeout: Seconds | None = None
    backlog: Count = 1024
    max_links: Count | None = None
    enabled: bool = True


class Settings(ProxySettings, kw_only=True, frozen=True):
    """Everything a process is told at its start: its only proxy, or several, and what they have in common."""

    #: Those with names of their own. None: there is the only one.
    proxies: tuple[ProxySettings, ...] | None = None
    http: bool = False
    http_host: str = 'localhost'
    http_port: Port = 8080
    #: Names by which others reach the control API.
    api_host: tuple[str, ...] = ()
    #: What they have to know to be let in.
    api_token: str | None = None
    log_level: LogLevel = 'info'
    #: A file, or ``-`` for standard error.
    log_output: str = '-'

    @property
    def defaults(self) -> ProxySettings:
        """What those are told that do not say otherwise: what was said for all, or, of the only one, its limits."""
        common = ProxySettings(**{field: getattr(self, field) for field in ProxySettings.__struct_fields__})
        if self.proxies is not None:
            return common
        return msgspec.structs.replace(common, protocol='tcp', behaviors=(), toxics=())
