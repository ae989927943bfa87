"""The voice of docstrings: whole sentences that say what their subject is.

A function does something, so its docstring begins with a verb: "Return the percentile …". A class, a module or a
property is something, so its docstring may begin with a noun: "The address that …", "Whether …". None of them begins
with a word that refers to something before it, because there is nothing before it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ('vaurien', 'loads', 'vaurienclient')

#: Beginnings that refer to something before them, or that continue a sentence.
REFERRING = re.compile(
    r'(and|another|because|but|else|hers|his|in it|its?|likewise|neither|nor|of|or|others|she|so|such|that|theirs?|them'
    r'|these|they|this|those|to|too|unless|until|yet)\b'
    r'|(all|any|each|none|one|several|some)\b(\W*$|[.,;:]| that| of them)',
    re.IGNORECASE,
)
#: Beginnings of a noun or a clause: what follows is not a verb that says what a function does.
NOMINAL = re.compile(
    r'(an?|all|any|anything|both|each|every|everything|from|how|least|less|more|most|no|nobody|none|nothing|one|several'
    r"|some|something|the|what|whatever|when|where|whether|which|who|whoever|whose|why|with|without)\b|\w*[^s']s\b",
    re.IGNORECASE,
)
#: Words of which the field has a better known one, and that one.
WORDS = {
    'manieth': 'index',
    'manners': 'middleware',
    'patience': 'timeout',
    'tally': 'counters',
}


class Docstring(NamedTuple):
    """A docstring, with the place and the kind of what it describes."""

    path: Path
    line: int
    name: str
    kind: str
    text: str

    @property
    def first_paragraph(self) -> str:
        """Everything up to the first empty line."""
        return self.text.partition('\n\n')[0].strip()


def find_docstrings(path: Path) -> Iterator[Docstring]:
    """Yield every docstring of a module."""
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                line = getattr(node, 'lineno', 1)
                yield Docstring(path, line, getattr(node, 'name', path.stem), find_kind(node), text)


def find_kind(node: ast.AST) -> str:
    """Return ``function``, ``property``, ``class`` or ``module``."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        decorators = {ast.unparse(decorator).rpartition('.')[2] for decorator in node.decorator_list}
        return 'property' if decorators & {'property', 'cached_property'} else 'function'
    return 'class' if isinstance(node, ast.ClassDef) else 'module'


def find_faults(docstring: Docstring) -> Iterator[str]:
    """Yield what is wrong with a docstring."""
    paragraph = docstring.first_paragraph
    if not docstring.text.strip():
        yield 'is empty'
        return
    if found := REFERRING.match(paragraph):
        yield f'begins with {found[0]!r}, which refers to nothing'
    elif docstring.kind == 'function' and (found := NOMINAL.match(paragraph)):
        yield f'begins with {found[0]!r}, not with a verb'
    ends = ('.', '.)', '…', '?')
    if not paragraph.endswith((*ends, ':') if docstring.text.strip() != paragraph else ends):
        yield 'does not end with a full stop'
    for wrong, right in WORDS.items():
        if re.search(rf'\b{wrong}\b', docstring.text, re.IGNORECASE):
            yield f'says {wrong!r}, not {right!r}'


def test_docstrings_are_sentences_of_their_own() -> None:
    paths = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob('*.py'))]
    shown = [
        f'{docstring.path}:{docstring.line} {docstring.name} {fault}: {docstring.first_paragraph[:80]!r}'
        for path in paths
        for docstring in find_docstrings(path)
        for fault in find_faults(docstring)
    ]
    assert not shown, '\n'.join(['', *shown])


@pytest.mark.parametrize(
    ('kind', 'text', 'faults'),
    [
        ('function', 'Return the percentile.', 0),
        ('function', 'The percentile.', 1),
        ('function', 'Whether it is open.', 1),
        ('property', 'Whether the link is open.', 0),
        ('property', 'The address of the backend.', 0),
        ('class', 'A link.', 0),
        ('class', 'They wait.', 1),
        ('class', 'One.', 1),
        ('class', 'One request of a client.', 0),
        ('property', 'All.', 1),
        ('property', 'All bytes received.', 0),
        ('function', 'Returns the percentile.', 1),
        ('function', 'Pass the chunk on.', 0),
        ('function', 'Or at once.', 1),
        ('function', 'Close the link', 1),
        ('function', 'Close one of:\n\n- the link', 0),
        ('function', 'Return the tally.', 1),
        ('function', '``GET /``.', 0),
        ('function', '', 1),
    ],
)
def test_what_is_found(kind: str, text: str, faults: int) -> None:
    docstring = Docstring(Path('vaurien/some.py'), 1, 'some', kind, text)
    assert len(list(find_faults(docstring))) == faults
