"""Write the page of the Python API, for mkdocstrings: what `vaurien` exports, and what plug-ins are made from."""

from __future__ import annotations

import vaurien

#: What Extending builds upon.
BASES = ['vaurien.behaviors.dummy.Dummy', 'vaurien.protocols.base.BaseProtocol', 'vaurien.toxics.base.BaseToxic']
INTRODUCTION = """\
# Python API

What `import vaurien` gives, from the docstrings of the code. [How to](howto.md#from-tests) shows it in tests, and
[Extending](extending.md) explains the classes that plug-ins are made from.
"""


def list_names() -> str:
    """Return the page."""
    exported = [name for name in vaurien.__all__ if not name.startswith('_')]
    errors = [name for name in exported if name.endswith('Error')]
    parts = [INTRODUCTION]
    for title, names in {
        'Names of vaurien': [f'vaurien.{name}' for name in exported if name not in errors],
        'Exceptions': [f'vaurien.{name}' for name in errors],
        'For plug-ins': BASES,
    }.items():
        parts += [f'## {title}\n', *(f'::: {name}\n' for name in names)]
    return '\n'.join(parts)
