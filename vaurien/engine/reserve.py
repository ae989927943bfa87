"""The file descriptors that links leave to others: the control API answers when clients have used up the rest.

Nobody has to count descriptors. The kernel gives out the lowest number that is free (open(2)), whoever in the process
asks, so the number of the last one says how many are taken.
"""

from __future__ import annotations

import os
import sys

from gevent.monkey import get_original

from vaurien.console.limits import UNLIMITED, find_limits

#: How many descriptors links leave: for clients of the control API, names to be looked up, files, listeners.
RESERVE = 32

#: So near to the limit, each link is made sure of before its client is accepted. Others than links, such as clients of
#: the control API, may take about as many between two links.
NEAR = 256

#: The highest number that a descriptor can have.
_HIGHEST = 2**31 - 1

# Where gevent has patched the process, the usual one closes in the next turn of the event loop: until then the number
# would be taken, and the client that is accepted next would get another one.
_close = get_original('os', 'close')


class Descriptors:
    """What is known of the descriptors of the process. A link that opens costs one question for the limit."""

    def __init__(self) -> None:
        self._limit = sys.maxsize
        self._last = 0

    @property
    def are_near(self) -> bool:
        """Whether each link is to be made sure of."""
        return self._last >= self._limit - NEAR

    def note(self, descriptor: int) -> None:
        """Note the descriptor of a client that was accepted."""
        self.saw(descriptor)
        self.find_limit()

    def saw(self, descriptor: int) -> None:
        """Note it, where the limit was found just before."""
        self._last = descriptor

    def find_limit(self) -> int:
        """Return the number from which on each link is to be made sure of."""
        limit = find_limits()[0]  # every time, because it may be changed from outside (prlimit(1))
        self._limit = sys.maxsize if limit == UNLIMITED else limit
        return min(self._limit - NEAR, _HIGHEST)

    def is_reserved(self, descriptor: int) -> bool:
        """Return whether a descriptor that a link has got is one of those that it has to leave."""
        self._last = descriptor
        return descriptor >= self._limit - RESERVE

    def has_room(self, listener: int) -> bool:
        """Return whether one more link fits, which takes two descriptors. *listener* is any that is open."""
        if not self.are_near:
            return True
        free = self._find_free(listener)
        return free is not None and not self.is_reserved(free + 1)

    def may_keep(self, listener: int) -> bool:
        """Return whether a client may be kept that waits for room: it takes one of those that links leave.

        The clients of many ports together take half of them.
        """
        free = self._find_free(listener)
        return free is not None and free < self._limit - RESERVE // 2

    def _find_free(self, listener: int) -> int | None:
        """Return the descriptor that would be given out next; None if there is none."""
        try:
            free = os.dup(listener)
        except OSError:
            return None
        _close(free)
        self.note(free)
        return free


#: The ones of this process, for the proxies of all its threads.
DESCRIPTORS = Descriptors()
