"""The open descriptors of this process, and that nothing is left open."""

from __future__ import annotations

from pathlib import Path

from tests.behaviors.waiting import eventually


def descriptors() -> set[str]:
    """Return the open descriptors. What tests before this one have left may still close."""
    return {path.name for path in Path('/proc/self/fd').iterdir()}


def wait_until_none_is_left(before: set[str]) -> None:
    """Return once no descriptor is open that was not *before*."""
    eventually(lambda: descriptors() <= before)
