"""How many values a JSON text may have: a byte of text can become a hundred of memory."""

from __future__ import annotations


def has_more_values(data: bytes, most: int) -> bool:
    """Return whether there may be more than *most* values in a JSON text.

    Each value but the first follows a comma, a bracket or a brace. Those within strings are counted, too.
    """
    return sum(map(data.count, (b',', b'[', b'{'))) > most
