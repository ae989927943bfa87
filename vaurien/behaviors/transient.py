"""Wrong for a while: some errors, then all is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from vaurien.behaviors.error import Error
from vaurien.errors import OptionError

#: How many errors there are if nobody says otherwise.
USUAL = 3


class Transient(Error):
    """Answers with errors a number of times, counted from when it was armed; from then on exchanges pass."""

    name = 'transient'
    options = {
        'agitate': (
            'Number of errors before exchanges pass: the same as times',
            Annotated[int, Meta(ge=1)],
            USUAL,
        )
    }

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``agitate=2`` out as ``times=2``. Where only ``times`` was given, it counts."""
        agitate, times = values['agitate'], values['times']
        if times is not None and agitate not in (USUAL, times):
            raise OptionError(f'it is the same as times={agitate}, which contradicts times={times}', 'agitate')
        return super().translate({**values, 'times': agitate if times is None else times})
