"""What can be done to an exchange: one file per behavior."""

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.registry import Registry

#: Every behavior by name. ``Behavior.register(MyBehavior)`` adds one.
Behavior: Registry[Dummy] = Registry('behavior', 'vaurien.behaviors', Dummy)

__all__ = ['Behavior']
