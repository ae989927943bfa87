"""Where results go: one file for each output, known by name."""

from vaurien.loads.outputs.base import Output
from vaurien.loads.outputs.csv import CSV
from vaurien.loads.outputs.file import File
from vaurien.loads.outputs.html import HTML
from vaurien.loads.outputs.json import JSON
from vaurien.loads.outputs.null import Null
from vaurien.loads.outputs.stdout import Stdout

__all__ = ['OUTPUTS', 'Output']

#: Those that ``--output`` can name.
OUTPUTS: dict[str, type[Output]] = {one.name: one for one in (Stdout, Null, File, JSON, CSV, HTML)}
