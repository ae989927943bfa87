"""A hash of requests without what differs from run to run."""

from __future__ import annotations

import hashlib

#: What numbers, UUIDs and other identifiers in hexadecimal are made of.
_OF_IDENTIFIERS = b'0123456789abcdefABCDEF-'


class MaskingHash:
    """A hash of a request's bytes, however they are cut into chunks, by which it is known again if it comes twice.

    It leaves out whatever an identifier can be made of. So it may take two requests for the same that differ in
    nothing else, which does not matter: it is used to compare how often a request came in two runs.
    """

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def update(self, data: bytes) -> None:
        """Take the next bytes of the request."""
        self._hash.update(data.translate(None, _OF_IDENTIFIERS))

    def hexdigest(self) -> str:
        """Return the hash of the bytes so far."""
        return self._hash.hexdigest()
