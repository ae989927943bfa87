"""Patching the standard library, for commands that run code which would block."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from vaurien.plugins.installed import read_entry_points


def patch_standard_library() -> None:
    """Let blocking calls of the standard library stop one greenlet instead of the process."""
    from gevent import monkey

    with reading_entry_points_once():
        monkey.patch_all()
    keep_interrupts_quiet()


def keep_interrupts_quiet() -> None:
    """Let gevent's event loop print no `KeyboardInterrupt`, which it also raises where somebody waits for it."""
    from gevent.hub import Hub

    Hub.NOT_ERROR = (*Hub.NOT_ERROR, KeyboardInterrupt)


def get_unpatched(module: str, name: str) -> Any:
    """Return what has that name in a module of the standard library, as it is where nothing was patched."""
    monkey = sys.modules.get('gevent.monkey')  # not imported by commands that do without gevent
    return monkey.get_original(module, name) if monkey else getattr(import_module(module), name)


@contextmanager
def reading_entry_points_once() -> Iterator[None]:
    """Let the metadata of installed packages be read only once within the block.

    While gevent patches, it asks for the entry points of its plug-ins 25 times, and each time Python reads the metadata
    of all packages. Reading them once makes a command among a hundred packages start in two thirds of the time.
    """
    from importlib import metadata  # late: it takes 15 ms, and most commands patch nothing

    read = metadata.entry_points
    installed = read_entry_points()
    metadata.entry_points = lambda *, group: installed.select(group=group)  # type: ignore[assignment]  # one overload
    try:
        yield
    finally:
        metadata.entry_points = read
