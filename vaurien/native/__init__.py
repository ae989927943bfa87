"""What is compiled where it can be; everything works without.

- `_framing`: the quick ways of protocols, for messages that nothing is to happen to; one file each in `framing/`
- `course`: where a link is, as a protocol object and its compiled twin tell each other
- `told`: who is told of what the pump lets pass
- `_pump`: moves the bytes that nothing looks at, and those of ordinary messages, in one loop of C

`Flow`, `Gate`, `Totals`, `make_pump`, `make_beginning` and `begin_passage` are what the engine uses. Without the
compiled modules, or with ``VAURIEN_PURE=1``, there is no pump, and the streams move all bytes in Python.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = [
    'PURE',
    'Beginning',
    'Flow',
    'Gate',
    'Passage',
    'Progress',
    'Totals',
    'begin_passage',
    'describe',
    'make_beginning',
    'make_pump',
]

#: What the pump has to have; one that was compiled before the sources changed may lack some of it.
_COMPILED = ('Beginning', 'Flow', 'Gate', 'Passage', 'Pump', 'Totals', 'begin_passage', 'make_beginning')


def _find_reason() -> str:
    """Return why nothing compiled is used; empty if it is."""
    if os.environ.get('VAURIEN_PURE', '0') != '0':
        return 'VAURIEN_PURE is set'
    try:
        pump = import_module('vaurien.native._pump')
    except ImportError as error:
        return f'not compiled: {error}'
    return '' if all(hasattr(pump, name) for name in _COMPILED) else 'compiled from older files: compile again'


#: Why nothing compiled is used; empty if it is.
PURE = _find_reason()

#: How far a stream of a link without an object has come: bytes received, in how many chunks, and whether it has ended.
Progress = tuple[int, int, bool]

if TYPE_CHECKING or not PURE:
    from vaurien.native._pump import Beginning, Flow, Gate, Passage, Pump, Totals, begin_passage, make_beginning
else:

    class Flow:
        """The numbers of a stream."""

        __slots__ = ('bulk', 'chunks', 'direct', 'due', 'often_last', 'received', 'tapped')

        passed = 0

    class Gate:
        """Whether somebody wants to know of requests."""

        is_open: bool

    class Totals:
        """What has come over links that have no object: there are none."""

        exchanges = upstream = upstream_sent = downstream = 0


def describe() -> str:
    """Return in a few words which way bytes are moved, and why."""
    return f'pure Python ({PURE})' if PURE else 'compiled'


def make_pump(loop: Any, buffer: memoryview, large: int) -> Pump | None:
    """Return what moves the bytes of an event loop through *buffer*; None: Python does.

    Chunks of *large* bytes and more are reported to their stream. Raise `OSError` if no descriptor is left.
    """
    return None if PURE else Pump(loop, buffer, large)
