"""Every regular expression of the package takes linear time: what it is matched with may come from the network."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from time import process_time

from tests.test_floors import modules

#: What is matched with each expression: one of the beginnings, a piece many times, and an end that hardly fits.
BEGINNINGS = ('', 'a:', '\r\nHost: a', 'BDAT 1', 'GET /', '1', '(', '"', 'every 1')
PIECES = (' ', '/**/', '\t', 'a', '0', '1.', ': ', '(', '\\', '\r\n', 'a b ', '://', '=')
TIMES = 16_000
END = '\0'
#: Seconds of the processor. In linear time each takes a thousandth; in quadratic time, several of these.
SECONDS = 0.3


def expressions() -> Iterator[tuple[str, str]]:
    """Yield the modules and names of all expressions. `loads.users` would import Locust, which patches the tests."""
    for module, tree in modules().items():
        for node in tree.body if not module.startswith('vaurien.loads.users') else ():
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(ast.Attribute(ast.Name('re'), 'compile'))):
                    yield module, name


def slow(pattern: re.Pattern[str] | re.Pattern[bytes]) -> Iterator[str]:
    """Yield the beginning and the piece of each text that takes the expression long."""
    for beginning in BEGINNINGS:
        for piece in PIECES:
            text = beginning + piece * TIMES + END
            subject = text if isinstance(pattern.pattern, str) else text.encode()
            began = process_time()
            pattern.fullmatch(subject)  # type: ignore[arg-type]
            pattern.match(subject)  # type: ignore[arg-type]
            if process_time() - began > SECONDS:
                yield repr(beginning + piece)


def test_each_takes_linear_time() -> None:
    found = {f'{module}.{name}': list(slow(getattr(import_module(module), name))) for module, name in expressions()}
    assert len(found) > 50
    assert [name for name, texts in found.items() if texts] == []


def test_the_check_finds_what_it_looks_for() -> None:
    assert list(slow(re.compile('a:[^\0]*?[ ]*')))
