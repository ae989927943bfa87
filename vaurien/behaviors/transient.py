"""Wrong for a while: some errors, then all is well."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vaurien.behaviors.error import Error


class Transient(Error):
    """Answers with errors a number of times, counted from when it was armed; from then on exchanges pass."""

    name = 'transient'
    options = {'agitate': ('Number of errors before exchanges pass', Annotated[int, Meta(ge=1)], 3)}

    def is_due(self) -> bool:
        """After the warm-up, until there were enough errors."""
        return super().is_due() and self._passed <= int(self.option('warmup') + self.option('agitate'))
