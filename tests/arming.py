"""What is armed, as the tests write it."""

from __future__ import annotations

from typing import Any

from vaurien.behaviors import Behavior
from vaurien.rules.limits import LIMITS
from vaurien.rules.rule import Rule

#: The options that every behavior has, as they are where nothing is aimed.
UNAIMED = dict.fromkeys(LIMITS)


def rule(name: str, percent: float = 100.0, **options: Any) -> Rule:
    """Return a rule of the behavior of that name."""
    kind = Behavior.get(name)
    return Rule(kind, percent, kind.check(options))
