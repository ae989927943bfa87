"""A configuration file as a tree of values, with the line of each: INI, TOML or YAML, by the suffix of its name."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaurien.console.files import read_file
from vaurien.errors import ConfigError

if TYPE_CHECKING:
    import yaml

#: The most bytes of a file. What takes longest is a rule with a regular expression for every 34 bytes: RE2 needs up to
#: 0.7 ms for one, which makes some seconds. The parser of YAML takes almost as long.
MAX_SIZE = 256 * 1024


class Document(NamedTuple):
    """The values in a file, by section and key. ``[behavior:delay]`` of INI is ``delay`` in ``behavior``."""

    tree: Any
    #: Line numbers by dotted path. Elements of lists are ``steps[0]``.
    lines: dict[str, int]
    #: Whether every value is a text that has to be converted.
    text: bool = False


def read_document(path: str) -> Document:
    """Return what is in a file; raise `ConfigError` with the file, and the line if it is known, as the path."""
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise ConfigError('expected a file named .ini (or .cfg, .conf), .toml, or .yaml (or .yml)', path)
    try:
        return reader(path, _read_text(path))
    except RecursionError:
        raise ConfigError('nested too deeply', path) from None


def _read_text(path: str) -> str:
    try:
        data = read_file(path, MAX_SIZE)
    except OSError as error:
        raise ConfigError(f'cannot read it: {error.strerror}', path) from None
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = data.count(b'\n', 0, error.start) + 1
        raise ConfigError(f'not UTF-8: byte 0x{data[error.start]:02x}', f'{path}:{line}') from None


def _read_ini(path: str, text: str) -> Document:
    from iniconfig import IniConfig, ParseError

    try:
        ini = IniConfig.parse(path, text)
    except ParseError as error:
        raise ConfigError(error.msg, f'{path}:{error.lineno + 1}') from None
    tree: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for section in ini:
        kind, _, name = section.name.partition(':')
        values = dict(section.items())
        tree.setdefault(kind, {}).update({name: values} if name else values)
        dotted = f'{kind}.{name}' if name else kind
        for place in (kind, dotted):
            lines.setdefault(place, ini.lineof(section.name) or 0)
        lines |= {f'{dotted}.{key}': ini.lineof(section.name, key) or 0 for key in values}
    return Document(tree, lines, text=True)


def _read_toml(path: str, text: str) -> Document:
    import tomli

    from vaurien.config.toml_lines import find_lines

    try:
        return Document(tomli.loads(text), find_lines(text))
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f'{error.msg} (column {error.colno})', f'{path}:{error.lineno}') from None
    except ValueError as error:  # of a number with more digits than Python reads
        number = re.search(rf'[0-9_]{{{sys.get_int_max_str_digits()}}}', text)
        line = text.count('\n', 0, number.start()) + 1 if number else 1
        raise ConfigError(str(error), f'{path}:{line}') from None


def _read_yaml(path: str, text: str) -> Document:
    try:
        import yaml  # late: it is an extra
    except ModuleNotFoundError:
        raise ConfigError("YAML needs PyYAML: pip install 'vaurien[yaml]'", path) from None
    from vaurien.config.yaml_loader import Loader

    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, {})
        lines: dict[str, int] = {}
        _find_lines(node, '', lines)
        return Document(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(str(error.problem), f'{path}:{mark.line + 1}' if mark else path) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:  # the last three come from '!!bool 7'
        raise ConfigError(f'not YAML: {error}', path) from None


def _find_lines(node: yaml.Node, prefix: str, lines: dict[str, int]) -> None:
    """Note the line of every key below *node*; raise `yaml.MarkedYAMLError` for a key that is given twice."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            place = f'{prefix.removesuffix(".")}[{number}]'
            lines[place] = item.start_mark.line + 1
            _find_lines(item, f'{place}.', lines)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        dotted = f'{prefix}{key.value}'
        if dotted in lines:
            raise yaml.MarkedYAMLError(problem=f'duplicate key {key.value!r}', problem_mark=key.start_mark)
        lines[dotted] = key.start_mark.line + 1
        _find_lines(value, f'{dotted}.', lines)


READERS: dict[str, Callable[[str, str], Document]] = {
    **dict.fromkeys(('.ini', '.cfg', '.conf'), _read_ini),
    '.toml': _read_toml,
    **dict.fromkeys(('.yaml', '.yml'), _read_yaml),
}
