"""What can be done to a stream of bytes, whatever the bytes mean: one file for each toxic.

- `base`: what a toxic is
- `latency`: each chunk arrives late
- `bandwidth`: so many bytes a second pass
- `slow_close`: the end of the stream waits
- `timeout`: no data pass, and after a while the connection is closed
- `slicer`: the bytes arrive in small pieces
- `limit_data`: the connection is closed after so many bytes
- `reset_peer`: the connection is reset
- `packet_loss`: some data never arrive
- `duplicate`: some data arrive twice
- `corrupt`: some data arrive damaged
- `noop`: nothing changes
"""

from vaurien.plugins.registry import Registry
from vaurien.toxics.base import BaseToxic

#: Every toxic, by name. ``Toxic.register(MyToxic)`` adds one.
Toxic: Registry[BaseToxic] = Registry('toxic', 'vaurien.toxics', BaseToxic)

__all__ = ['Toxic']
