"""Write a manual page for each command: python -m docs.man DIR."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from argparse_manpage.manpage import Manpage

from vaurien import __version__
from vaurien.cli.parsers import PARSERS


def main(argv: Sequence[str]) -> int:
    """Write the pages to a folder, and return 0."""
    folder = Path(argv[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARSERS:
        (folder / f'{name}.1').write_text(make_page(name))
    return 0


def make_page(command: str) -> str:
    """Return the manual page of a command."""
    parser = PARSERS[command]()
    # One line: the format has no others in its synopsis.
    parser.usage = (parser.usage or f'{command} [flags]').partition('\n')[0]
    data = {
        'project_name': 'vaurien',
        'version': __version__,
        'manual_title': 'Vaurien',
        'manual_section': 1,
        'description': ' '.join((parser.description or '').split()).partition('. ')[0].rstrip('.'),
    }
    page: str = str(Manpage(parser, _data=data))
    return page


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
