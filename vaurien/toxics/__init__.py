"""What can be done to a stream of bytes, whatever the bytes mean: one file for each toxic."""

from vaurien.plugins.registry import Registry
from vaurien.toxics.base import BaseToxic

#: Every toxic, by name. ``Toxic.register(MyToxic)`` adds one.
Toxic: Registry[BaseToxic] = Registry('toxic', 'vaurien.toxics', BaseToxic)

__all__ = ['Toxic']
