"""What a schedule changes: the part of a proxy that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from vaurien.rules.behaviors import Options
from vaurien.rules.rule import Rule
from vaurien.rules.toxics import ToxicRule


class ScheduledSettings(Protocol):
    """The settings of a proxy."""

    @property
    def behavior_options(self) -> Options:
        """The options that were configured for behaviors."""


class ScheduledToxics(Protocol):
    """The toxics of a proxy."""

    def __iter__(self) -> Iterator[ToxicRule]:
        """Return all of them."""

    def put(self, rule: ToxicRule) -> None:
        """Have *rule* as the toxic of its name."""

    def remove(self, name: str) -> None:
        """Remove the toxic of that name."""


class Scheduled(Protocol):
    """A running proxy."""

    @property
    def settings(self) -> ScheduledSettings:
        """The settings, with what was configured last."""

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that are armed."""

    @property
    def toxics(self) -> ScheduledToxics:
        """The toxics on its streams."""

    @property
    def enabled(self) -> bool:
        """Whether it listens."""

    def check_rules(self, rules: Sequence[Rule]) -> None:
        """Raise `ConfigError` if `arm` would not take *rules*."""

    def arm(self, rules: Sequence[Rule]) -> None:
        """Arm *rules* from the next exchange on; raise `ConfigError`."""

    def start(self, *, wait: bool) -> None:
        """Listen where it did before; raise `OSError`. *wait* until the name of the backend was looked up."""

    def shut_down(self, *, keeps_port: bool) -> None:
        """Refuse clients, and close all links; nobody else can listen there if it *keeps_port*. Blocks the greenlet."""
