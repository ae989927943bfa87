"""How bytes become messages, and what an error looks like. One name here for each protocol.

- `base`: what a protocol is; `framed`: what those with messages share
- `error_options`, `error_answer`: what error is wanted, and answering with it
- `partial_reply`, `broken_reply`: a reply up to a place in it, and an error behind that
- `upgrade`: what those are where TLS begins inside of them
- `tcp`: opaque bytes
- `http`, `memcache`, `mysql`, `postgres`, `redis`, `smtp`: a folder each. Its ``__init__`` has the class and lists the
  files: ``framing`` (or ``requests`` and ``replies``) is the full way to find messages, ``quick`` the quick way; in
  ``text`` is what a request is called and what an error says
"""

from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol

#: Every protocol by name. ``Protocol.register(MyProtocol)`` adds one.
Protocol: Registry[BaseProtocol] = Registry('protocol', 'vaurien.protocols', BaseProtocol)

__all__ = ['Protocol']
