"""What can go wrong with a run before, and beside, the hits themselves."""

from __future__ import annotations

from vaurien.errors import VaurienError


class SetupError(VaurienError):
    """The run cannot begin, or not go on: the test cannot be imported, agents cannot be set up, a broker is busy."""

    def __init__(self, description: str, details: str = '') -> None:
        """*details*: a traceback, or the output of a command, to be shown before."""
        super().__init__(description)
        self.description = description
        self.details = details
