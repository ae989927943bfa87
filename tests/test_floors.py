"""The structure of the package: who may import whom, and who may write whose fields. See `docs/architecture.md`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: From the ground up. A module may import its own floor and those below, also under ``TYPE_CHECKING``.
FLOORS = (
    ('vaurien.address', 'vaurien.clock', 'vaurien.errors', 'vaurien.native'),
    ('vaurien.console', 'vaurien.framing', 'vaurien.plugins', 'vaurien.records', 'vaurien.web'),
    ('vaurien.behaviors', 'vaurien.protocols', 'vaurien.rules', 'vaurien.toxics'),
    ('vaurien.schedule',),
    ('vaurien.settings',),
    ('vaurien.tls',),
    ('vaurien.engine',),
    (
        'vaurien.config',
        'vaurien.control',
        'vaurien.journal',
        'vaurien.live',
        'vaurien.telemetry',
        'vaurien.toxiproxy',
        'vaurien.workers',
    ),
    (
        'vaurien.asynchronous',
        'vaurien.chaostoolkit',
        'vaurien.client',
        'vaurien.containers',
        'vaurien.embedded',
        'vaurien.explore',
        'vaurien.interface',
        'vaurien.process',
        'vaurien.pytest_plugin',
        'vaurien.testing',
    ),
    ('vaurien.cli', 'vaurien.conntest', 'vaurien.loads', 'vaurien.tcpgoon'),
    ('loads', 'vaurien', 'vaurien.__main__', 'vaurien.run', 'vaurien.util', 'vaurienclient'),
)

#: What stands at the top of `vaurien/`: the doors, those of Vaurien 1 among them, and the ground. Whatever else comes
#: belongs into a room.
TOP = {
    *(
        '__init__',
        '__main__',
        'asynchronous',
        'client',
        'containers',
        'embedded',
        'interface',
        'process',
        'pytest_plugin',
        'run',
        'util',
    ),
    *('address', 'clock', 'errors', 'settings'),
}

#: The names of the package itself that modules below the top may use.
PACKAGE_NAMES = {'__version__'}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


@cache
def modules() -> dict[str, ast.Module]:
    paths = [path for folder in ('vaurien', 'loads', 'vaurienclient') for path in (ROOT / folder).rglob('*.py')]
    return {name_of(path): ast.parse(path.read_text()) for path in paths}


def imported_by(name: str) -> Iterator[str]:
    """The modules of the project that a module imports, at its top, inside functions, or for types."""
    known = modules()
    for node in ast.walk(known[name]):
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                full = f'{node.module}.{alias.name}'
                if full in known:
                    yield full
                elif node.module != 'vaurien' or alias.name not in PACKAGE_NAMES:
                    yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def floor_of(name: str) -> int:
    matching = [
        (len(room), i)
        for i, rooms in enumerate(FLOORS)
        for room in rooms
        if name == room or (name.startswith(f'{room}.') and room != 'vaurien')
    ]
    assert matching, f'{name} stands on no floor: add it to FLOORS'
    return max(matching)[1]


def circles() -> Iterator[set[str]]:
    """The sets of modules that import each other, directly or through others (Tarjan 1972)."""
    graph = {name: set(imported_by(name)) - {name} for name in modules()}
    numbers: dict[str, int] = {}
    lows: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        numbers[name] = lows[name] = len(numbers)
        stack.append(name)
        for other in graph[name]:
            if other not in numbers:
                visit(other)
                lows[name] = min(lows[name], lows[other])
            elif other in stack:
                lows[name] = min(lows[name], numbers[other])
        if lows[name] == numbers[name]:
            at = stack.index(name)
            found.append(set(stack[at:]))
            del stack[at:]

    for name in graph:
        if name not in numbers:
            visit(name)
    return (circle for circle in found if len(circle) > 1)


def test_nothing_is_imported_from_a_higher_floor() -> None:
    higher = {name: {other for other in imported_by(name) if floor_of(other) > floor_of(name)} for name in modules()}
    assert not {name: others for name, others in higher.items() if others}


def test_no_circle_is_larger_than_two() -> None:
    large = [sorted(circle) for circle in circles() if len(circle) > 2]
    assert not large


def test_nothing_new_stands_at_the_top() -> None:
    assert {path.stem for path in (ROOT / 'vaurien').glob('*.py')} == TOP


def listed_in(docstring: str) -> set[str]:
    """The names at the beginning of the lines of a list: each by itself, or several; in backquotes, or before spaces.

    In the lines of some lists, one space is all that stands behind the name.
    """
    quoted = re.findall(r'`(\w+)/?`', '\n'.join(re.findall(r'^- .*', docstring, re.M)))
    plain = ', '.join(re.findall(r'^((?:\w+/?, )*\w+/?)(?= )', docstring, re.M))
    return {*quoted, *re.findall(r'\w+', plain)}


def test_a_room_has_a_line_for_each_of_its_files() -> None:
    unlisted = {}
    for path in (ROOT / 'vaurien').glob('*/__init__.py'):
        files = {file.stem for file in path.parent.glob('*.py')} - {'__init__', '__main__'}
        folders = {folder.parent.name for folder in path.parent.glob('*/__init__.py')}
        listed = listed_in(ast.get_docstring(modules()[name_of(path)]) or '')
        unlisted[path.parent.name] = sorted((files | folders) - listed)
    assert {room: names for room, names in unlisted.items() if names} == {}


def foreign_writes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Assignments to an attribute of anything but ``self``: the line, and what is assigned to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        for target in targets:
            for one in ast.walk(target):
                if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store):
                    owner = ast.unparse(one.value)
                    if owner not in ('self', 'cls'):
                        yield node.lineno, f'{owner}.{one.attr}'


def test_in_the_engine_a_field_is_written_by_its_own_class() -> None:
    writes = [
        f'{name.removeprefix("vaurien.engine.")}: {target}'
        for name, tree in modules().items()
        if name.startswith('vaurien.engine')
        for _, target in foreign_writes(tree)
    ]
    assert writes == ['lookup: pool.maxsize']  # of gevent, which offers no other way


def test_in_a_protocol_a_field_is_written_by_its_own_class() -> None:
    rooms = ('vaurien.behaviors', 'vaurien.framing', 'vaurien.plugins', 'vaurien.protocols')
    assert not [
        f'{name}: {target}'
        for name, tree in modules().items()
        if name.startswith(rooms)
        for _, target in foreign_writes(tree)
    ]


def test_the_checks_find_what_they_look_for() -> None:
    assert list(foreign_writes(ast.parse('self.a = 1\nother.b += 1\nself.c.d: int = 2\nx, other.e = 1, 2'))) == [
        (2, 'other.b'),
        (3, 'self.c.d'),
        (4, 'other.e'),
    ]
    assert floor_of('vaurien.engine.link') < floor_of('vaurien.control.app')
    assert {'vaurien.engine.exchange', 'vaurien.engine.dispatcher'} in list(circles())
