"""A wrong answer for a while: some errors, then all is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from vaurien.behaviors.error import Error
from vaurien.plugins.options import write_out

#: How many errors there are unless something else is given.
USUAL = 3


class Transient(Error):
    """Answers with errors a number of times, counted from when it was armed; from then on exchanges pass."""

    name = 'transient'
    options = {
        'agitate': ('Number of errors before exchanges pass: the same as times', Annotated[int, Meta(ge=1)], USUAL),
    }

    @classmethod
    def translate(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write ``agitate=2`` out as ``times=2``. Where only ``times`` was given, it counts."""
        agitate = values['agitate']
        is_given = values['times'] is None or agitate != USUAL
        return super().translate(write_out(values, 'agitate', 'times', agitate) if is_given else values)
