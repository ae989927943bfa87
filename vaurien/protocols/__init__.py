"""How bytes become messages, and what an error looks like: one file per protocol."""

from vaurien.protocols.base import BaseProtocol
from vaurien.registry import Registry

#: Every protocol by name. ``Protocol.register(MyProtocol)`` adds one.
Protocol: Registry[BaseProtocol] = Registry('protocol', 'vaurien.protocols', BaseProtocol)

__all__ = ['Protocol']
