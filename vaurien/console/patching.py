"""Patching the standard library, for commands that run code which would block."""

from __future__ import annotations

from importlib import metadata

from gevent import monkey


def patch_standard_library() -> None:
    """Let blocking calls of the standard library stop one greenlet instead of the process.

    gevent asks for the entry points of its plug-ins 25 times meanwhile, and each time Python reads the metadata of all
    packages. Reading them once makes a command among a hundred packages start in two thirds of the time.
    """
    read = metadata.entry_points
    installed = read()
    metadata.entry_points = lambda *, group: installed.select(group=group)  # type: ignore[assignment]  # one overload
    try:
        monkey.patch_all()
    finally:
        metadata.entry_points = read
