"""Whether a fault has spoilt the test for later runs, and which one: seen in a clean run behind it that fails."""

from __future__ import annotations

from vaurien.explore.judging import describe
from vaurien.explore.model import Cell, Outcome, Run
from vaurien.rules.masking import mask

#: The outcomes behind which a clean run is worth its time.
_SUSPICIOUS = frozenset({Outcome.WRONG, Outcome.HUNG, Outcome.STORM})


def is_suspicious(run: Run, cell: Cell) -> bool:
    """Return whether a clean run is needed behind *run*, which was judged as *cell*.

    A test that fails before it comes to its fault was spoilt before.
    """
    return bool(cell.outcomes & _SUSPICIOUS) or not (run.has_passed or run.hit)


def is_void(run: Run, clean: Run, before: Run | None) -> bool:
    """Return whether *run* says nothing of its fault, because the run *before* has spoilt the test.

    The *clean* run behind *run* fails. None: what came before was a clean run, which has passed.
    """
    if before is None or run.hung:
        return False
    return not run.hit or (not before.has_passed and mask(describe(run)) == mask(describe(clean)))
