"""Where the installed commands begin. It imports next to nothing, so that Ctrl-C is heard before the rest is there."""

from __future__ import annotations

from importlib import import_module

from vaurien.console.interrupting import ending_at_once


def vaurien() -> int:
    """Run the command ``vaurien``, and return its exit status."""
    return _begin('vaurien.cli.main')


def vaurienctl() -> int:
    """Run the command ``vaurienctl``, and return its exit status."""
    return _begin('vaurien.cli.ctl')


def conntest() -> int:
    """Run the command ``conntest``, and return its exit status."""
    return _begin('vaurien.conntest.main')


def tcpgoon() -> int:
    """Run the command ``tcpgoon``, and return its exit status."""
    return _begin('vaurien.tcpgoon.main')


def loads_runner() -> int:
    """Run the command ``loads-runner``, and return its exit status."""
    return _begin('vaurien.loads.cli.runner')


def loads_agent() -> int:
    """Run the command ``loads-agent``, and return its exit status."""
    return _begin('vaurien.loads.cli.agent')


def loads_broker() -> int:
    """Run the command ``loads-broker``, and return its exit status."""
    return _begin('vaurien.loads.cli.broker')


def _begin(module: str) -> int:
    with ending_at_once():
        main = import_module(module).main
    return int(main())
