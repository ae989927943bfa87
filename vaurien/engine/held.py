"""What a stream has received and keeps back: bytes, their place in the stream, and the marks in them."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.framing.marks import END, OPAQUE, Mark

#: Reading stops while this much is held. As much as a socket's default receive buffer; a slow reader costs at most this
#: and one chunk.
MAX_HELD = 128 * 1024
#: Reading also stops while so many marks are held: all of them are looked at in one turn of the event loop.
MAX_MARKS = 1024


class Held:
    """A receive buffer without I/O: bytes go in at the end, and come out at the front.

    Bytes that come out are either released, to be sent on, or dropped; the marks that they pass come out with them.
    """

    __slots__ = ('data', 'dropped', 'marks', 'position')

    def __init__(self, position: int = 0) -> None:
        """*position* is where in the stream the next byte stands, counted from 0."""
        self.data = bytearray()
        #: Where the first byte held stands in the stream; if none is held, the next one to arrive.
        self.position = position
        #: Marks behind `position`, in order. Their positions count from the beginning of the stream.
        self.marks: list[Mark] = []
        #: How many bytes were dropped.
        self.dropped = 0

    @property
    def end(self) -> int:
        """The position behind the last byte held."""
        return self.position + len(self.data)

    @property
    def is_full(self) -> bool:
        """Whether to read no more."""
        return len(self.data) >= MAX_HELD or len(self.marks) >= MAX_MARKS

    def skip(self, count: int) -> None:
        """Count bytes that go on at once: nothing is held before them."""
        self.position += count

    def append(self, data: bytes, marks: Sequence[Mark]) -> None:
        """Keep *data* behind what is held, with the marks in it."""
        self.data += data
        self.marks.extend(marks)

    def take(self, size: int) -> tuple[bytes, list[int]]:
        """Drop at most *size* bytes, none behind the next mark; return them and the kinds of the marks passed.

        The bytes are empty if nothing is held, or if only a mark without bytes of its own is passed.
        """
        if self.marks:
            size = max(0, min(size, self.marks[0][1] - self.position))
        data, kinds = self.release_to(self.position + size)
        self.dropped += len(data)
        return data, kinds

    def release_to(self, position: int) -> tuple[bytes, list[int]]:
        """Take out the bytes before *position*; return them and the kinds of the marks passed."""
        count = max(0, position - self.position)
        data = bytes(self.data[:count])
        del self.data[:count]
        self.position += len(data)
        kinds = []
        while self.marks and self.marks[0][1] <= self.position:
            kinds.append(self.marks.pop(0)[0])
        return data, kinds

    def release_request(self) -> tuple[bytes, bool, bool]:
        """Take out the bytes of the first request.

        Return them, whether the end of the request was among them, and whether framing ends there. Framing that ends
        in the middle of a request makes everything that is held a part of it.
        """
        end, is_whole = self.position + len(self.data), False
        for kind, position in self.marks:
            if kind in (END, OPAQUE):
                is_whole = True
                end = position if kind == END else end
                break
        data, kinds = self.release_to(end)
        return data, is_whole, OPAQUE in kinds

    def replay(self) -> tuple[bytes, list[Mark]]:
        """Take everything out as if it had only just arrived: `position` stays where it is."""
        data, marks = bytes(self.data), self.marks
        self.data, self.marks = bytearray(), []
        return data, marks

    def drop(self) -> None:
        """Drop everything, marks included."""
        self.dropped += len(self.data)
        self.position += len(self.data)
        self.data.clear()
        self.marks.clear()

    def continue_at(self, position: int) -> None:
        """Go on at another position while nothing is held."""
        self.position = position
