"""The base class of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from vaurien.plugins.options import Configurable

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run


class Output(Configurable):
    """Takes the results of a run somewhere. Its options are flags: ``--output-NAME-OPTION``."""

    options: ClassVar[Mapping[str, Any]] = {}

    @property
    def owns_stdout(self) -> bool:
        """Whether nothing else may be on the standard output."""
        return False

    def start(self, run: Run) -> None:
        """Prepare for a run. Raises `ConfigError` if the results could not be written."""

    def tick(self, run: Run) -> None:
        """Take what there is now; called once a second."""

    def finish(self, run: Run, report: Report) -> None:
        """Take the results of a run that is over or interrupted."""
