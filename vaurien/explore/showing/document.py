"""One file of HTML that has all that it needs: nothing is loaded, from anywhere, and nothing runs but what is in it.

Values reach the page as data, which its script makes texts of: no markup is ever made of them.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

import msgspec


def make_document(title: str, data: Any, *, styles: Sequence[str], scripts: Sequence[str]) -> str:
    """Return the document. *styles* and *scripts* are names of files in ``assets``; the scripts find *data* in it."""
    style = '\n'.join(map(_read, styles))
    script = '\n'.join(map(_read, scripts))
    policy = [
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        'img-src data:',
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
    ]
    return Template(_read('document.html')).substitute(
        title=html.escape(title),
        policy=html.escape('; '.join(policy)),
        style=style,
        script=script,
        # No end of an element may be found in it.
        data=msgspec.json.encode(data).decode().replace('<', '\\u003c'),
    )


def _read(name: str) -> str:
    return (files('vaurien.explore.showing') / 'assets' / name).read_text('utf-8')


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls a text."""
    return f'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'
