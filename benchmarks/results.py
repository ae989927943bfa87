"""The samples that were measured, and the medians and ratios computed from them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from benchmarks.contenders import DIRECT
from benchmarks.scenarios import Kind, Target

#: The values that one step measured, by column.
Sample = dict[str, float]


class Results:
    """Samples by scenario, contender and round. A ratio compares samples of the same round, taken close in time."""

    def __init__(self) -> None:
        self.samples: dict[str, dict[str, dict[int, Sample]]] = defaultdict(lambda: defaultdict(dict))

    def add(self, scenario: str, contender: str, round_: int, sample: Sample) -> None:
        """Record a sample."""
        self.samples[scenario][contender][round_] = sample

    def columns(self, scenario: str) -> list[str]:
        """Return the columns of a scenario, in the order in which they first appeared."""
        rounds = self.samples[scenario].values()
        return list(dict.fromkeys(column for samples in rounds for sample in samples.values() for column in sample))

    def median(self, scenario: str, contender: str, column: str) -> float | None:
        """Return the median over all rounds, or None if there is no sample."""
        return self._over_rounds(scenario, column, [contender], lambda value: value)

    def ratio(self, scenario: str, ours: str, theirs: str, column: str) -> float | None:
        """Return the median over all rounds of *ours* divided by *theirs*, or None if there is no sample."""
        return self._over_rounds(scenario, column, [ours, theirs], lambda a, b: a / b)

    def reached(self, target: Target) -> float | None:
        """Return the value that is compared with the limit of *target*, or None if there is no sample."""
        ours = target.ours.name
        if target.theirs is None:
            return self.median(target.scenario, ours, target.column)
        if target.kind is Kind.RATIO:
            return self.ratio(target.scenario, ours, target.theirs.name, target.column)
        names = [ours, target.theirs.name, DIRECT.name]
        return self._over_rounds(target.scenario, target.column, names, lambda a, b, floor: (a - floor) / (b - floor))

    def _over_rounds(
        self, scenario: str, column: str, contenders: list[str], formula: Callable[..., float]
    ) -> float | None:
        by_contender = [self.samples[scenario][name] for name in contenders]
        values = []
        for number in set.intersection(*map(set, by_contender)):
            samples = [of_contender[number] for of_contender in by_contender]
            if all(column in sample for sample in samples):
                with suppress(ZeroDivisionError):  # the step was too short for the clock
                    values.append(formula(*(sample[column] for sample in samples)))
        return statistics.median(values) if values else None
