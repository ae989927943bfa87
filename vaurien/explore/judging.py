"""What became of a test under a fault: a set of outcomes, and a sentence about the worst of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from vaurien.console.output import make_printable
from vaurien.explore.learning import Learned
from vaurien.explore.model import SEVERITY, Cell, Failure, Outcome, Run
from vaurien.explore.oracles import find_open, find_retries, find_storm, find_twice
from vaurien.explore.planning import Candidate
from vaurien.explore.settings import ExploreSettings


def judge(test: str, candidate: Candidate, run: Run, learned: Learned, settings: ExploreSettings) -> Cell:
    """Return what became of *test* in a *run* with the faults of *candidate*."""
    found = _find_outcomes(run, learned, settings) if run.hit else {Outcome.NOT_HIT: describe(run)}
    return Cell(
        test=test,
        injections=candidate.injections,
        effect=candidate.effect,
        where=candidate.where,
        outcomes=frozenset(found),
        message=found[_find_worst(found)],
        seconds=run.seconds,
        entries=run.entries,
    )


def add_leak(cell: Cell, clean: Run) -> Cell:
    """Return *cell* with what the *clean* run behind it shows, which fails."""
    found = {cell.worst: cell.message, Outcome.LEAK: f'the next run fails without a fault: {describe(clean)}'}
    return msgspec.structs.replace(cell, outcomes=cell.outcomes | {Outcome.LEAK}, message=found[_find_worst(found)])


def describe(run: Run) -> str:
    """Return in one line why a run did not pass; nothing if it did."""
    if run.hung:
        waiting = next((entry for entry in reversed(run.entries) if entry.reply is None), None)
        at = f', waiting for {waiting.request} at {waiting.proxy}' if waiting else ''
        return f'no end within {run.seconds:.1f} s{at}'
    if run.failure is None:
        return ''
    kind = run.failure.kinds[0].rpartition('.')[2] if run.failure.kinds else ''
    # No encoding has the half characters that Python makes of odd bytes.
    return make_printable(': '.join(filter(None, [kind, run.failure.message.strip().partition('\n')[0]])))


def judge_failure(failure: Failure, settings: ExploreSettings) -> Outcome:
    """Return whether a test has failed as it was declared, or wrongly, or with what nobody has caught.

    No fault is there any more in the teardown: what is asserted then has to hold, whatever was declared before.
    """
    is_allowed = failure.status in settings.statuses and failure.phase == 'call'
    if is_allowed or any(_is_named(failure.kinds, name) for name in settings.exceptions):
        return Outcome.DECLARED
    return Outcome.WRONG if failure.is_assertion else Outcome.LEAKED


def _find_outcomes(run: Run, learned: Learned, settings: ExploreSettings) -> dict[Outcome, str]:
    """Return the outcomes of a run whose faults have hit, each with its sentence."""
    found: dict[Outcome, str] = {}
    if twice := find_twice(run.entries, learned):
        times = [f'{request} at {proxy} was carried out {number} times' for (proxy, request), number in twice.items()]
        found[Outcome.TWICE] = '; '.join(times)
    if storm := find_storm(run.entries, learned):
        found[Outcome.STORM] = storm
    if find_retries(run.entries, learned):
        found[Outcome.RETRIED] = ''
    if run.hung:  # whatever came behind that was brought about by ending the run
        found[Outcome.HUNG] = describe(run)
        return found
    if run.left_open:
        found[Outcome.LEAK] = '; '.join(find_open(run.left_open, run.entries))
    if run.failure is not None:
        found[judge_failure(run.failure, settings)] = describe(run)
    elif Outcome.RETRIED not in found:
        found[Outcome.ABSORBED] = ''
    return found


def _find_worst(found: Mapping[Outcome, str]) -> Outcome:
    return min(found, key=SEVERITY.index)


def _is_named(kinds: Sequence[str], name: str) -> bool:
    """Return whether an exception of these *kinds* is one of that *name*, which may be without its module."""
    return any(kind == name or kind.endswith(f'.{name}') for kind in kinds)
