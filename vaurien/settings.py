"""The settings of a process and of its proxies, with their types and defaults."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

import msgspec

from vaurien.address import MAX_PORT, Address
from vaurien.console.log import TEXT, LogFormat
from vaurien.plugins.options import Parsed
from vaurien.plugins.units import BYTES, PositiveSeconds, WholeSeconds
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule
from vaurien.schedule.schedule import Schedule


class Auto(Parsed):
    """As many as there are processors for the process: ``auto``."""

    schema = {'const': 'auto'}
    expected = 'auto'

    @classmethod
    def is_meant(cls, value: Any) -> bool:
        """Return whether *value* is that word."""
        return value == 'auto' or isinstance(value, cls)

    @classmethod
    def parse(cls, value: Any) -> Auto:
        """Return *value*, which is that word."""
        return cls(str(value))


#: The port of the control API if the process has no proxy of its own: that of Toxiproxy's API.
SERVER_PORT = 8474
#: The most that Linux takes for TCP_KEEPIDLE and TCP_KEEPINTVL.
MAX_KEEPALIVE = 32767
KeepAlive = Annotated[WholeSeconds, msgspec.Meta(le=MAX_KEEPALIVE)]
Count = Annotated[int, msgspec.Meta(ge=1)]
#: How many classes of requests: each takes some 10 KiB.
Classes = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Port = Annotated[int, msgspec.Meta(ge=0, le=MAX_PORT)]
#: The size of a file of a journal: that of some long lines at least.
JournalSize = Annotated[int, msgspec.Meta(ge=10_000), BYTES]
#: How many workers there are: a number, or ``auto``.
Workers = Annotated[int, msgspec.Meta(ge=1, le=256), Auto]
LogLevel = Literal['debug', 'info', 'warning', 'error', 'critical']


#: The fields of the settings of a proxy that can change while it runs: what was configured for faults, and the faults.
OPTIONS = ('behavior_options', 'protocol_options')
FAULTS = (*OPTIONS, 'behaviors', 'toxics')

#: The value of `tls` and `proxy_tls` that has certificates made.
AUTO = 'auto'
#: The value of `tls` that has clients hear that there is no TLS.
REFUSE = 'refuse'
TLSVersion = Literal['1.2', '1.3']

#: The name of the only proxy of a process, unless it is given one.
ONLY = 'vaurien'


def is_pem(value: str) -> bool:
    """Return whether *value* is text in PEM itself, not the path of a file that has it."""
    return '-----BEGIN ' in value


class TLSSettings(msgspec.Struct, kw_only=True, frozen=True):
    """What a proxy does of TLS: to its clients, and to its backend.

    Certificates, keys and authorities are paths of files in PEM, or the text of such a file: see `is_pem`.
    """

    #: ``auto``: both legs are TLS, and clients are shown certificates that are made for them. ``refuse``: clients that
    #: ask for TLS inside the protocol do not get it.
    tls: Literal['auto', 'refuse'] | None = None
    #: Whether TLS begins with the first byte, or inside the protocol; None: as is usual for protocol and port.
    tls_mode: Literal['implicit', 'upgrade'] | None = None
    #: ``auto``, ``CERT.pem`` or ``CERT.pem:KEY.pem``: what clients are shown. Text in PEM has both.
    proxy_tls: str | None = None
    #: The authorities one of which has to have signed the certificate that each client is asked for.
    proxy_tls_client_ca: str | None = None
    backend_tls: bool = False
    backend_tls_verify: bool = True
    #: The authorities that are believed; None: those of the system.
    backend_tls_ca: str | None = None
    #: The name that the backend is asked for, and that its certificate has to have; None: the host of the backend.
    backend_tls_name: str | None = None
    #: The certificate that the backend is shown, and its key if that is in a file of its own.
    backend_tls_cert: str | None = None
    backend_tls_key: str | None = None
    tls_min: TLSVersion | None = None
    tls_max: TLSVersion | None = None
    #: A file to which the keys of all sessions are appended, for Wireshark.
    tls_keylog: str | None = None

    @property
    def client_leg(self) -> str | None:
        """What clients are shown; None: nothing, for they speak plainly."""
        return self.proxy_tls or (AUTO if self.tls == AUTO else None)

    @property
    def is_backend_leg(self) -> bool:
        """Whether the proxy speaks TLS with the backend."""
        return self.backend_tls or self.tls == AUTO

    def split_certificate(self) -> tuple[str, str | None]:
        """Return what `client_leg` names: the certificate, and its key if that is in another file."""
        shown = self.client_leg or ''
        cert, _, key = (shown, '', '') if is_pem(shown) else shown.partition(':')
        return cert, key or None


class ProxySettings(TLSSettings, kw_only=True, frozen=True):
    """The settings of one proxy. Times are in seconds."""

    name: str = ONLY
    proxy: Address = Address('localhost', 8000)
    backend: Address = Address('localhost', 8888)
    #: Whether a client's connection is reset if the backend cannot be reached; else it is ended, with any toxic, as by
    #: Toxiproxy.
    reset_if_unreachable: bool = True
    protocol: str = 'tcp'
    #: The rules that are armed at the start. Without a rule every exchange passes.
    behaviors: tuple[Rule, ...] = ()
    #: The options that were configured for behaviors, by the name of the behavior: they go before the defaults.
    behavior_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    #: The options that were configured for protocols, likewise.
    protocol_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    toxics: tuple[ToxicRule, ...] = ()
    #: Whether requests may ask for faults themselves.
    addressed: bool = False
    #: Whether replies name the behavior that was applied to them, in HTTP.
    mark_faults: bool = False
    seed: int | None = None
    timeout: PositiveSeconds = 30.0
    resolve_interval: PositiveSeconds = 30.0
    idle_timeout: PositiveSeconds | None = None
    #: As clients and servers written in Go do it (https://pkg.go.dev/net#KeepAliveConfig).
    keepalive: KeepAlive = 15
    #: The kernel takes no more than net.core.somaxconn of them.
    backlog: Count = 65535
    max_links: Count | None = None
    #: How many classes of requests are timed apart.
    classes: Classes = 0
    enabled: bool = True


class Settings(ProxySettings, kw_only=True, frozen=True):
    """The settings of a process: those of its only proxy, or several proxies, and what they have in common."""

    #: The proxies that have sections of their own; None: the process has the only proxy.
    proxies: tuple[ProxySettings, ...] | None = None
    #: The schedule that runs from the start on.
    schedule: Schedule | None = None
    http: bool = False
    #: Whether the page of the control API is opened in a browser; then the control API is served.
    ui: bool = False
    http_host: str = 'localhost'
    http_port: Port = 8080
    #: More names of this machine by which clients reach the control API.
    api_host: tuple[str, ...] = ()
    #: Where the certificate of the authority of ``auto`` is written, before anything listens.
    tls_ca_file: str | None = None
    #: The token that every request to the control API must carry, if one is set.
    api_token: str | None = None
    #: The file that every exchange is written to; and the size at which it becomes FILE.1, and another one begins.
    journal: str | None = None
    journal_max: JournalSize = 100_000_000
    #: The file of a journal whose faults are injected again.
    replay: str | None = None
    #: The URL of a collector of OpenTelemetry; and whether exchanges without a fault have spans, too.
    otel: str | None = None
    otel_all: bool = False
    #: How many processes serve the links. With one, it is the process itself.
    workers: Workers = 1
    log_level: LogLevel = 'info'
    #: The file of the log; ``-`` is standard error.
    log_output: str = '-'
    log_format: LogFormat = TEXT

    @property
    def size(self) -> int:
        """The number of processes that serve the links."""
        return _count_processors() if isinstance(self.workers, Auto) else self.workers

    @property
    def each_proxy(self) -> tuple[ProxySettings, ...]:
        """The settings of each proxy at the start."""
        return (self,) if self.proxies is None else self.proxies

    @property
    def defaults(self) -> ProxySettings:
        """Settings for proxies created later.

        They are what is common to all proxies. If there is the only proxy, they do not have its rules and toxics.
        """
        common = ProxySettings(**{field: getattr(self, field) for field in ProxySettings.__struct_fields__})
        if self.proxies is not None:
            return common
        return msgspec.structs.replace(common, protocol='tcp', behaviors=(), toxics=())


if hasattr(os, 'sched_getaffinity'):

    def _count_processors() -> int:
        """Return how many processors this process may use."""
        return len(os.sched_getaffinity(0))

else:

    def _count_processors() -> int:
        """Return how many processors there are."""
        return os.cpu_count() or 1
