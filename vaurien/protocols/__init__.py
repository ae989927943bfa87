"""How bytes become messages, and what an error looks like: one file per protocol."""

from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol

#: Every protocol by name. ``Protocol.register(MyProtocol)`` adds one.
Protocol: Registry[BaseProtocol] = Registry('protocol', 'vaurien.protocols', BaseProtocol)

__all__ = ['Protocol']
