"""Nothing wrong: the exchange passes as it is. This is the base class of every behavior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from vaurien.plugins.end import End
from vaurien.plugins.options import Configurable, Option
from vaurien.plugins.stage import Staged
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.limits import LIMITS


class Dummy(Staged, Configurable):
    """Lets the exchange pass.

    A behavior overrides one or more of the three steps. Each is called once for an exchange that drew it, in a greenlet
    of its own. *source* is the client's end and *dest* the backend's, both like blocking sockets; *to_backend* is true.
    Where the backend speaks first, the request is empty and the reply is what the backend said.
    """

    name = 'dummy'
    #: For which exchanges it is, counted over all links from when it was armed.
    options: ClassVar[Mapping[str, Option]] = LIMITS

    @classmethod
    def check_protocol(cls, values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
        """Raise `OptionError`, when it is armed, for one of its *values* that makes no sense for *protocol*."""

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return *values*, with options that stand for ``nth`` or ``times`` written out as these.

        Raise `OptionError` if both are given and differ.
        """
        return values

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        #: Whether it takes every part of a reply, also those that come before the request has ended.
        self.takes_parts = self.values.get('after') is not None

    def is_due(self) -> bool:
        """Return whether it is applied to an exchange that drew it. ``False``: the exchange passes, and is no fault."""
        return True

    def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool | None:
        """Act when the request has arrived and nothing of it went on; return ``False`` to keep it from going on."""
        return True

    def on_between_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Act when the request has been sent on. The reply is held back until this returns."""

    def on_after_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> None:
        """Act when the reply has been sent on."""
