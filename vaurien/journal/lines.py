"""The lines of a journal. Each is a JSON object: an `Entry`, the head of a file, or a notice that something is missing.

The first line of a file is its head. A file without one, such as the lines that somebody has picked, is a journal, too.
"""

from __future__ import annotations

import msgspec

from vaurien import __version__
from vaurien.records.entry import Entry

#: The version of the format.
FORMAT = 1
#: Behind the name of a file that another one has taken the place of.
OLDER = '.1'


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file is: the *part*-th, from 1, of the journal of a *run*."""

    journal: int
    run: str
    part: int
    vaurien: str = __version__


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has happened to the lines that would be here."""

    notice: str


Line = Entry | Head | Notice

_encoder = msgspec.json.Encoder()
_entries = msgspec.json.Decoder(Entry)
_others = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode(line: Line) -> bytes:
    """Return a line with its end."""
    return _encoder.encode(line) + b'\n'


def decode(data: bytes) -> Line:
    """Return what a line says; raise `ValueError` if it is none of a journal."""
    try:
        fields = _others.decode(data)
        if 'notice' in fields:
            return msgspec.json.decode(data, type=Notice)
        if 'journal' not in fields:
            return _entries.decode(data)
        head = msgspec.json.decode(data, type=Head)
    except RecursionError:
        raise ValueError('nested too deeply') from None
    except msgspec.DecodeError as error:  # before msgspec 0.21 it is no ValueError
        raise ValueError(str(error)) from None
    if head.journal != FORMAT:
        raise ValueError(f'it has the format {head.journal}, and this Vaurien reads {FORMAT}')
    return head
