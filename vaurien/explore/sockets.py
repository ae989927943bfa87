"""The sockets of this process."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from vaurien.address import Address


def list_sockets() -> set[Address]:
    """Return the addresses that the sockets of this process have, of those for IP."""
    found = set()
    for entry in Path('/dev/fd').iterdir():
        with suppress(OSError):  # another thread may have closed it meanwhile
            number = int(entry.name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=number)
            try:
                name = sock.getsockname()
            finally:
                sock.detach()
            if isinstance(name, tuple):
                found.add(Address(*name[:2]))
    return found
