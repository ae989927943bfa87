"""Drawing on a terminal with rich. It is an extra, and imported only to draw, because that takes long."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TextIO

from vaurien.console.output import can_redraw
from vaurien.errors import ConfigError


def can_draw(stream: TextIO | None) -> bool:
    """Return whether something that changes can be drawn on *stream*: on a terminal, and with rich."""
    return can_redraw(stream) and _is_installed()


def check_drawing() -> None:
    """Raise `ConfigError` if rich is not installed."""
    if not _is_installed():
        raise ConfigError("it needs rich: pip install 'vaurien[terminal]'")


def _is_installed() -> bool:
    return find_spec('rich') is not None
