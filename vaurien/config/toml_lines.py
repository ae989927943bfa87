"""Where the keys of a TOML file are. The parser that reads their values does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tomli

#: What a document is made of (https://toml.io/en/v1.0.0). A string of several lines may end with quotes of its own.
_TOKEN = re.compile(
    r"""[ \t\r]+ | \#[^\n]*
    | (?P<token> \"{3}(?:[^\\]|\\.)*?\"{3,5} | '{3}.*?'{3,5} | "(?:[^"\\]|\\.)*" | '[^']*'
    | [][{}=,.\n] | [^][{}=,.\s\#"']+)""",
    re.VERBOSE | re.DOTALL,
)


def find_lines(text: str) -> dict[str, int]:
    """Return the line of each table, key and element, by its dotted path, in a document that can be read.

    The second table ``[[steps]]`` is ``steps[1]``. Raise `RecursionError` for values that are nested too deeply.
    """
    return _Lines(text).found


class _Lines:
    def __init__(self, text: str) -> None:
        self.found: dict[str, int] = {}
        #: The number of the last table of each list of tables.
        self._last: dict[str, int] = {}
        self._line = 1
        self._tokens = self._read_tokens(text)
        self._next = next(self._tokens)
        table = ''
        while self._next:
            if self._next == '[':
                table = self._read_header()
            elif self._next == '\n':
                self._take()
            else:
                self._read_pair(table)

    def _read_tokens(self, text: str) -> Iterator[str]:
        """Yield the tokens, and an empty one at the end. The line is that of the token that comes next."""
        for match in _TOKEN.finditer(text):
            if token := match['token']:
                yield token
                self._line += token.count('\n')
        yield ''

    def _take(self) -> str:
        token = self._next
        self._next = next(self._tokens, '')
        return token

    def _read_header(self) -> str:
        """Read ``[table]`` or ``[[tables]]``, and return its path."""
        self._take()
        is_list = self._next == '['
        if is_list:
            self._take()
        *parents, name = self._read_key()
        path = ''
        for parent in parents:
            path = self._note(f'{path}.{parent}')
            path = f'{path}[{self._last[path]}]' if path in self._last else path
        path = self._note(f'{path}.{name}')
        if is_list:
            self._last[path] = self._last.get(path, -1) + 1
            path = self._note(f'{path}[{self._last[path]}]')
        while self._next not in ('\n', ''):
            self._take()
        return path

    def _read_pair(self, path: str) -> None:
        """Read ``key = value`` of the table at *path*."""
        for name in self._read_key():
            path = self._note(f'{path}.{name}')
        self._take()  # the equals sign
        self._read_value(path)

    def _read_key(self) -> list[str]:
        """Read a key, up to what is behind it, and return its parts."""
        names = []
        while self._next not in ('=', ']', ''):
            token = self._take()
            if token != '.':
                names.append(tomli.loads(f'key = {token}')['key'] if token[0] in '"\'' else token)
        return names

    def _read_value(self, path: str) -> None:
        if self._next not in ('[', '{'):
            while self._next not in ('\n', ',', ']', '}', ''):
                self._take()
            return
        is_list, count = self._take() == '[', 0
        while self._next not in (']', '}', ''):
            if self._next in ('\n', ','):
                self._take()
            elif is_list:
                self._read_value(self._note(f'{path}[{count}]'))
                count += 1
            else:
                self._read_pair(path)
        self._take()

    def _note(self, path: str) -> str:
        """Note that what is at *path* is in this line, unless it was there before, and return the path."""
        path = path.removeprefix('.')
        self.found.setdefault(path, self._line)
        return path
