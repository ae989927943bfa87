"""JSON from others. The number of its values is limited: a byte of text can become a hundred of memory."""

from __future__ import annotations

from typing import TypeVar

import msgspec

Decoded = TypeVar('Decoded')


def has_more_values(data: bytes, most: int) -> bool:
    """Return whether there may be more than *most* values in a JSON text.

    Each value but the first follows a comma, a bracket or a brace. Those within strings are counted, too.
    """
    return sum(map(data.count, (b',', b'[', b'{'))) > most


def decode(data: bytes, kind: type[Decoded], *, strict: bool = True) -> Decoded:
    """Return the value of a JSON text; raise `ValueError` with the reason if it is none, or not of that *kind*.

    If not *strict*, texts are also taken for numbers.
    """
    try:
        return msgspec.json.decode(data, type=kind, strict=strict)
    except RecursionError:
        raise ValueError('nested too deeply') from None
    except msgspec.DecodeError as error:  # before msgspec 0.21 it is no ValueError
        raise ValueError(str(error)) from None
