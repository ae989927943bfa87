"""Where results go. Each output has a file of its own, and is known by its name.

base        what an output is
stdout, null, file, json, csv, html     at the end of a run
statsd, influxdb, web                   every second during it; deltas is what happened since the last second
"""

from vaurien.loads.outputs.base import Output
from vaurien.loads.outputs.csv import CSV
from vaurien.loads.outputs.file import File
from vaurien.loads.outputs.html import HTML
from vaurien.loads.outputs.json import JSON
from vaurien.loads.outputs.null import Null
from vaurien.loads.outputs.stdout import Stdout

__all__ = ['OUTPUTS', 'Output']

#: The outputs that ``--output`` can name.
OUTPUTS: dict[str, type[Output]] = {one.name: one for one in (Stdout, Null, File, JSON, CSV, HTML)}
