"""Large chunks, fed to a protocol slice by slice: thousands of tiny messages are not to keep everybody else waiting."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from vaurien.clock import TURN
from vaurien.engine.stream import Stream
from vaurien.framing.marks import NOTHING, OPAQUE, Mark
from vaurien.protocols.base import BaseProtocol

#: Bytes that are fed at once, not counting those of a body that goes on. The smallest requests have three or four, and
#: to frame one, describe it and match it takes some microseconds.
SLICE = 2 * 1024

#: A chunk with fewer ends of lines and fewer zeros than this is fed as a whole.
FEW = 16

#: After so many marks the rest of a chunk waits for its turn. Large messages come with few.
MANY = 64


def feed_upstream(protocol: BaseProtocol, data: bytes, stream: Stream) -> tuple[bytes, Sequence[Mark]]:
    """Feed as much of *data* as a turn of the event loop allows, and have *stream* put off the rest.

    Return what goes on, and the marks in it.
    """
    if _is_coarse(data):
        return protocol.feed_upstream(data)
    until = monotonic() + TURN
    pieces: list[bytes] = []
    marks: list[Mark] = []
    done = passed = 0
    while done < len(data) and not _is_enough(marks, until):
        skipped = min(len(data) - done, protocol.upstream_body - 1)
        if skipped > 0:
            protocol.skip_upstream(skipped)
            done += skipped
        fed = data[done : done + SLICE]
        piece, found = protocol.feed_upstream(fed) if fed else (fed, NOTHING)
        marks += found
        if piece is not fed:
            pieces += data[passed:done], piece
            passed = done + len(fed)
        done += len(fed)
    _postpone(data, done, stream)
    if not passed:
        return data[:done], marks  # all of it, most likely, which is no copy
    return b''.join([*pieces, data[passed:done]]), marks


def feed_downstream(protocol: BaseProtocol, data: bytes, stream: Stream) -> tuple[bytes, Sequence[Mark]]:
    """Do the same with what the backend has sent, all of which goes on."""
    if _is_coarse(data):
        return data, protocol.feed_downstream(data)
    until = monotonic() + TURN
    marks: list[Mark] = []
    done = 0
    while done < len(data) and not _is_enough(marks, until):
        skipped = min(len(data) - done, protocol.downstream_body - 1)
        if skipped > 0:
            protocol.skip_downstream(skipped)
            done += skipped
        fed = data[done : done + SLICE]
        marks += protocol.feed_downstream(fed) if fed else NOTHING
        done += len(fed)
    _postpone(data, done, stream)
    return data[:done], marks


def _is_coarse(data: bytes) -> bool:
    """Return whether there are few messages in *data*, as far as a quick look tells: most of it is one large value.

    Small messages of text have an end of line each, small binary ones have zeros in their lengths.
    """
    return _is_rare(b'\n', data) and _is_rare(b'\0', data)


def _is_rare(byte: bytes, data: bytes) -> bool:
    i = 0
    for _ in range(FEW):  # `find` is many times faster than `count`
        i = data.find(byte, i) + 1
        if not i:
            return True
    return False


def _is_enough(marks: Sequence[Mark], until: float) -> bool:
    return len(marks) >= MANY or (bool(marks) and marks[-1][0] == OPAQUE) or monotonic() >= until


def _postpone(data: bytes, done: int, stream: Stream) -> None:
    if done < len(data):
        stream.postpone(data[done:])
