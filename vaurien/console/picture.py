"""Pictures that a command draws, with matplotlib. It is imported only to draw, because that takes long."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from vaurien.console.files import check_writable, write_file
from vaurien.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = ('.png', '.svg', '.pdf')
#: Dots per inch of a PNG.
DOTS = 100


def check_picture(path: Path) -> None:
    """Raise `ConfigError` if a picture cannot be drawn, or not be written to *path*."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f'expected a file named {", ".join(SUFFIXES)}, got {str(path)!r}')
    if find_spec('matplotlib') is None:
        raise ConfigError("drawing needs matplotlib: pip install 'vaurien[plot]'")
    check_writable(path)


def save(figure: Figure, path: Path) -> None:
    """Write *figure* to *path*, in the format of its suffix; raise `UnwrittenError`."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=DOTS, format=path.suffix[1:])
    write_file(path, drawn.getvalue())
