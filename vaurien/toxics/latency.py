"""A long wire: each chunk arrives late, and the pauses between chunks stay as they were sent.

sent       a  b     c
received         a  b     c
"""

from __future__ import annotations

from math import sqrt
from typing import Annotated, Literal

from vaurien.plugins.distribution import DrawnMilliseconds, draw
from vaurien.toxics.base import BaseToxic, Ending, Item, Milliseconds

Distribution = Literal['uniform', 'normal', 'pareto']

#: The shape of the Pareto distribution. Its variance exists only above 2; with 3, a few values are far above the mean.
SHAPE = 3.0


class Latency(BaseToxic):
    """Delays each chunk, without lowering the rate. Chunks keep their order; an end follows the last chunk at once."""

    name = 'latency'
    options = {
        'latency': ('Delay in milliseconds', Annotated[Milliseconds, DrawnMilliseconds], 0),
        'jitter': (
            'Variation of the delay in milliseconds: its bound if uniform, its standard deviation otherwise',
            Milliseconds,
            0,
        ),
        'distribution': ('Distribution of the variation (none: uniform)', Distribution | None, None),
    }
    capacity = 1024

    def release_time(self, arrived: float, item: Item, now: float) -> float:
        """Count the delay from the arrival of the chunk, not from when it became the first."""
        if isinstance(item, Ending):
            return now
        delay = draw(self.option('latency'), lambda: self.random)
        return arrived + (delay + self._vary(self.option('jitter'))) / 1000

    def _vary(self, jitter: int) -> float:
        """Draw what is added to the delay, in milliseconds; its mean is 0."""
        if jitter <= 0:
            return 0.0
        distribution = self.option('distribution')
        if distribution == 'normal':
            return float(self.random.gauss(0.0, jitter))
        if distribution == 'pareto':
            mean, deviation = SHAPE / (SHAPE - 1), sqrt(SHAPE / (SHAPE - 2)) / (SHAPE - 1)
            return jitter * (self.random.paretovariate(SHAPE) - mean) / deviation
        return float(self.random.randrange(-jitter, jitter))  # as Toxiproxy draws it: never the upper bound
