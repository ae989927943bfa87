"""The import path that the client of Vaurien 1 had, in a package of its own: it is `vaurien.Client`."""

from vaurien.client import Client

__all__ = ['Client']
