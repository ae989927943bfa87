"""A file with the certificate of the authority, for clients that take a path."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

from vaurien.tls.authority import get_authority


class CaFile:
    """A temporary file, which is written when its path is asked for. It is used by one thread at a time.

    Who does not remove it has it removed when the process ends that has written it.
    """

    def __init__(self) -> None:
        self._path: str | None = None
        self._process = 0

    def find(self) -> str:
        """Return the path of the file. Raise `ConfigError` if the package for certificates is not installed."""
        if self._path is None:
            pem = get_authority().pem
            descriptor, self._path = tempfile.mkstemp(prefix='vaurien-ca-', suffix='.pem')
            with os.fdopen(descriptor, 'wb') as file:
                file.write(pem)
            self._process = os.getpid()
            atexit.register(self.remove)
        return self._path

    def remove(self) -> None:
        """Remove the file, if there is one; do nothing in a child of a fork."""
        if self._path is not None and self._process == os.getpid():
            atexit.unregister(self.remove)
            Path(self._path).unlink(missing_ok=True)
            self._path = None
