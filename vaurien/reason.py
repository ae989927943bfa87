"""Why something on the network failed, in few words."""

from __future__ import annotations


def find_reason(error: BaseException) -> str:
    """The system's words, from somewhere down the chain of errors; the last one's own if there are none."""
    cause: BaseException | None = error
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
        if words := getattr(error, 'strerror', None):
            reason = words.partition(' (while')[0]  # the standard library goes on with an address, as a tuple
            return f'{reason[0].lower()}{reason[1:]}'
    return str(error)
