"""What the control API controls: the part of a proxy and of its links that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from vaurien.address import Address
from vaurien.engine.breakpoints import Breakpoints
from vaurien.protocols.base import BaseProtocol
from vaurien.records.fault_log import FaultLog
from vaurien.records.status import LinkStatus, RuleStatus
from vaurien.rules.rule import Rule
from vaurien.settings import ProxySettings


class ControlledLink(Protocol):
    """A link."""

    @property
    def closed(self) -> bool:
        """Whether it passes nothing more, but for what is on its way if it leaves."""

    @property
    def is_leaving(self) -> bool:
        """Whether one connection is closed, and something is on its way to the other one."""

    def status(self) -> LinkStatus:
        """Return everything about the link, ready for JSON."""

    def end(self) -> None:
        """Close what is open of it now."""


class Controlled(Protocol):
    """A running proxy."""

    @property
    def settings(self) -> ProxySettings:
        """The settings that it was started with."""

    @property
    def protocol(self) -> type[BaseProtocol]:
        """The protocol of its links."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that are armed."""

    def list_armed(self) -> list[RuleStatus]:
        """Return the status of each rule that may be applied to an exchange."""

    @property
    def backend(self) -> Address:
        """The address of the backend."""

    @property
    def faults(self) -> FaultLog:
        """The last faults."""

    @property
    def breakpoints(self) -> Breakpoints:
        """The requests that are held until somebody decides."""

    @property
    def links(self) -> Mapping[int, ControlledLink]:
        """The open links, by number."""

    def list_links(self, pause: Callable[[], object]) -> Sequence[ControlledLink]:
        """Return the open links, and *pause* between them if that takes long."""

    def arm(self, rules: Sequence[Rule]) -> None:
        """Arm *rules* from the next exchange on; raise `ConfigError`."""

    def refuse_loop(self, backend: Address) -> None:
        """Raise `ConfigError` if *backend* leads back to the proxy."""

    def set_backend(self, backend: Address) -> None:
        """Connect links to *backend* from now on."""

    def status(self) -> Mapping[str, object]:
        """Return everything about the proxy, ready for JSON."""
