"""What every output is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vaurien.plugins.options import Configurable

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class Output(Configurable):
    """Takes a run's results somewhere. Its options are flags: ``--output-NAME-OPTION``."""

    options: ClassVar[Mapping[str, Any]] = {}

    def start(self, run: Run) -> None:
        """The run is about to begin. Raises `ConfigError` where the results could not be taken."""

    def tick(self, run: Run) -> None:
        """A second has passed."""

    def finish(self, run: Run, report: Report) -> None:
        """The run is over, or interrupted."""
