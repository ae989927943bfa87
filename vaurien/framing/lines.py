"""Lines, and stretches of known length between them, in a stream that arrives in pieces."""

from __future__ import annotations

from vaurien.framing.head import MAX_HEAD


class Lines:
    """Reads lines that end in CRLF, and passes over the stretches between them.

    It keeps the beginning of a line that is not complete, at most `MAX_HEAD` bytes.
    """

    __slots__ = ('kept', 'left')

    def __init__(self) -> None:
        #: The beginning of a line whose end has not arrived.
        self.kept = b''
        #: Bytes of the current stretch that have not arrived.
        self.left = 0

    def line(self, data: bytes, i: int) -> tuple[bytes | None, int]:
        """Return the line of *data* at *i* without its end, and where the next one begins; None if it is not complete.

        Raise ValueError if the line is longer than `MAX_HEAD`.
        """
        known = len(self.kept)
        text, start = (self.kept + data[i : i + MAX_HEAD + 2], 0) if known else (data, i)
        end = text.find(b'\r\n', start)
        if end - start > MAX_HEAD or (end < 0 and len(text) - start > MAX_HEAD + 1):
            raise ValueError(f'a line of more than {MAX_HEAD} bytes')
        if end < 0:
            self.kept = text[start:]
            return None, len(data)
        self.kept = b''
        return text[start:end], end + 2 - known + (i if known else 0)

    def begin_stretch(self, left: int) -> None:
        """Have *left* bytes of a stretch come next: of a new one, or of one that has begun before."""
        self.left = left

    def stretch(self, data: bytes, i: int) -> int:
        """Pass over what *data* has, from *i* on, of the current stretch; return where that ends."""
        step = min(self.left, len(data) - i)
        self.left -= step
        return i + step
