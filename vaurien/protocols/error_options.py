"""What an error is made of, and how it comes: the options of the behavior ``error``, which every protocol adds to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vaurien.errors import OptionError
from vaurien.plugins.handshake import REFUSALS
from vaurien.plugins.merged import MergedOptions
from vaurien.plugins.options import Natural, Option, write_out
from vaurien.plugins.place import Place
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.limits import LIMITS
from vaurien.rules.match import Ordinals

_OWN: dict[str, Option] = {
    'inject': ('True: the real reply, with 100 random bytes in the middle of it', bool, False),
    'after': ('The place in the reply behind which it comes (none: in place of the reply)', Place | None, None),
    'close': ('True: the connection ends behind the error', bool | None, None),
    **REFUSALS,
    'warmup': ('Number of exchanges that pass first: 12 is the same as nth=13+', Natural, 0),
}
OPTIONS = MergedOptions(Protocol, 'error_options', _OWN, taken=LIMITS)


class Wanted(NamedTuple):
    """What was chosen for an error."""

    #: What it is made of.
    choice: Mapping[str, Any]
    #: Whether the connection ends behind it, whichever error it is.
    closes: bool
    #: Where it comes in the reply; None: in place of that.
    place: Place | None


def read_wanted(values: Mapping[str, Any]) -> Wanted:
    """Return what the *values* of all options want."""
    return Wanted(OPTIONS.choose(values), bool(values['close']), values['after'])


def write_out_warmup(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write ``warmup=12`` out as ``nth='13+'``."""
    warmup = values['warmup']
    return write_out(values, 'warmup', 'nth', Ordinals.parse(f'{warmup + 1}+')) if warmup else values


def check_options(values: Mapping[str, Any], protocol: type[BaseProtocol]) -> None:
    """Raise `OptionError` for *values* that make no sense for *protocol*, or not together."""
    protocol.check_error(OPTIONS.choose(values))
    protocol.check_break(values.get('after'))
    for name in ('after', 'close'):
        if values.get('inject') and values.get(name):
            raise OptionError('with inject, there is no error', name)
