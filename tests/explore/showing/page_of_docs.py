"""The page of the documentation about reports, of which the tests run what is code."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / 'docs' / 'explore-report.md'


def read_block(file: str) -> str:
    """Return the block of code that the page calls a file of that name."""
    match = re.search(rf'<!-- file: {re.escape(file)} -->\n```\w+\n(.*?)```\n', PAGE.read_text(), re.DOTALL)
    assert match is not None, file
    return match[1]
