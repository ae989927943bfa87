"""What rules have done, in lines for people."""

from __future__ import annotations

from collections.abc import Iterable

from vaurien.records.status import RuleStatus


def report_rules(statuses: Iterable[RuleStatus]) -> list[str]:
    """Return a line for each rule that may be applied to an exchange."""
    return [report_rule(status) for status in statuses if status['name'] != 'dummy' and status['percent']]


def report_rule(status: RuleStatus) -> str:
    """Return how many exchanges have matched a rule, and how many it was applied to."""
    seen, matched, hits = status['seen'], status['matched'], status['hits']
    return f'{status["text"]}: matched {matched} of {seen} exchanges, applied to {hits}'
