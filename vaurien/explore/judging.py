"""What became of a test under a fault: a set of outcomes, and a sentence about the worst of them."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.explore.learning import Learned
from vaurien.explore.model import SEVERITY, Cell, Failure, Outcome, Run
from vaurien.explore.oracles import find_open, find_retries, find_storm, find_twice
from vaurien.explore.planning import Candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.records.entry import Entry


def judge(test: str, candidate: Candidate, run: Run, learned: Learned, settings: ExploreSettings) -> Cell:
    """Return what became of *test* in a *run* with the faults of *candidate*."""
    found = _find_outcomes(run, learned, settings) if run.hit else {Outcome.NOT_HIT: ''}
    return Cell(
        test=test,
        injections=candidate.injections,
        effect=candidate.effect,
        where=candidate.where,
        outcomes=frozenset(found),
        message=found[min(found, key=SEVERITY.index)],
        seconds=run.seconds,
        entries=run.entries,
    )


def describe_failure(failure: Failure) -> str:
    """Return in one line why a run did not pass."""
    kind = failure.kinds[0].rpartition('.')[2] if failure.kinds else ''
    return ': '.join(filter(None, [kind, failure.message.strip().partition('\n')[0]]))


def judge_failure(failure: Failure, settings: ExploreSettings) -> Outcome:
    """Return whether a run has failed in a way that was declared, or wrongly, or with what nobody has caught."""
    if failure.status in settings.statuses or any(_is_named(failure.kinds, name) for name in settings.exceptions):
        return Outcome.DECLARED
    return Outcome.WRONG if failure.is_assertion else Outcome.LEAKED


def _is_named(kinds: Sequence[str], name: str) -> bool:
    return any(kind == name or kind.endswith(f'.{name}') for kind in kinds)


def _find_outcomes(run: Run, learned: Learned, settings: ExploreSettings) -> dict[Outcome, str]:
    """Return the outcomes of a run whose faults have hit, each with its sentence."""
    found: dict[Outcome, str] = {}
    if twice := find_twice(run.entries, learned):
        found[Outcome.TWICE] = '; '.join(f'{name[1]} at {name[0]} was carried out {n}×' for name, n in twice.items())
    if storm := find_storm(run.entries, learned):
        found[Outcome.STORM] = storm
    if find_retries(run.entries, learned.counts):
        found[Outcome.RETRIED] = ''
    if run.hung:  # whatever came behind was brought about by ending it
        found[Outcome.HUNG] = _describe_hang(run)
        return found
    if run.left_open:
        found[Outcome.LEAK] = '; '.join(find_open(run.left_open, run.entries))
    if run.failure is not None:
        found[judge_failure(run.failure, settings)] = describe_failure(run.failure)
    elif Outcome.RETRIED not in found:
        found[Outcome.ABSORBED] = ''
    return found


def _describe_hang(run: Run) -> str:
    waiting: Entry | None = next((entry for entry in reversed(run.entries) if entry.reply is None), None)
    at = f', behind {waiting.request} at {waiting.proxy}' if waiting else ''
    return f'not over within {run.seconds:.1f} s{at}'
