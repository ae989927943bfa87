"""What workers are told of a proxy: all that matters to its links."""

from __future__ import annotations

from typing import NamedTuple

from vaurien.address import Address
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule
from vaurien.settings import ProxySettings


class DesiredState(NamedTuple):
    """A proxy as its parent has it, and as it is to be in each worker."""

    #: As they are by now, with the seed that the parent has drawn, and without the rules and toxics of the start.
    settings: ProxySettings
    addresses: tuple[Address, ...]
    backend: Address
    #: How often rules were armed: if that stays, the rules go on.
    arming: int
    #: Those whose time is not over, by their place in what was armed.
    rules: dict[int, Rule]
    #: In order of their creation.
    toxics: tuple[ToxicRule, ...]
    #: The certificate and the key of the authority that makes certificates, if the clients' leg is TLS.
    authority: tuple[bytes, bytes] | None
