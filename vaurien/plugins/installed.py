"""The entry points of installed packages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, SelectableGroups


def find_entry_points(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group, as they are installed when the first group is asked for."""
    return read_entry_points().select(group=group)


@cache
def read_entry_points() -> SelectableGroups:
    """Return those of all groups. The metadata of packages are read once: for a hundred packages that takes 10 ms."""
    from importlib.metadata import entry_points  # late: it takes 15 ms, and clients ask for no plug-in

    return entry_points()
