"""Late, like on a long wire: every chunk is delayed, and as many are under way as it takes."""

from __future__ import annotations

from math import sqrt
from typing import Literal

from vaurien.toxics.base import BaseToxic, Ending, Int64, Item

Distribution = Literal['uniform', 'normal', 'pareto']

#: The shape of the Pareto distribution: of few values are most much larger, and there is a variance (it takes over 2).
SHAPE = 3.0


class Latency(BaseToxic):
    """Delays each chunk, without lowering the rate. Order is kept; an end comes right behind the last chunk."""

    name = 'latency'
    options = {
        'latency': ('Milliseconds to delay', Int64, 0),
        'jitter': ('Milliseconds by which the delay varies: uniformly up to so much, else by that deviation', Int64, 0),
        'distribution': ('How the delay varies (none: uniform)', Distribution | None, None),
    }
    capacity = 1024

    def when(self, arrived: float, item: Item, now: float) -> float:
        """So long after it arrived, whatever waited before it."""
        if isinstance(item, Ending):
            return now
        delay: int = self.option('latency')
        return arrived + (delay + self._vary(self.option('jitter'))) / 1000

    def _vary(self, jitter: int) -> float:
        if jitter <= 0:
            return 0.0
        distribution = self.option('distribution')
        if distribution == 'normal':
            return float(self.random.gauss(0.0, jitter))
        if distribution == 'pareto':
            mean, deviation = SHAPE / (SHAPE - 1), sqrt(SHAPE / (SHAPE - 2)) / (SHAPE - 1)
            return jitter * (self.random.paretovariate(SHAPE) - mean) / deviation
        return float(self.random.randrange(-jitter, jitter))
