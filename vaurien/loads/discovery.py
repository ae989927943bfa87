"""Find a test by its name, such as ``example.TestWebSite.test_es``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import traceback
import unittest
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from vaurien.errors import ConfigError, SetupError
from vaurien.loads.case import TestCase
from vaurien.plugins.options import did_you_mean

#: A package of that name on PyPI is older than this one, and takes its place if both are installed.
CLASH = (
    'the package loads is not that of vaurien: write `from vaurien.loads import TestCase`, or pip uninstall loads '
    'and then pip install --force-reinstall --no-deps vaurien'
)
#: What unittest calls beside the test, on the class and in its module.
FIXTURES = ('setUp', 'tearDown', 'setUpClass', 'tearDownClass')
MODULE_FIXTURES = ('setUpModule', 'tearDownModule')
#: Why asynchronous tests are rejected.
ASYNC = 'users are greenlets, and asyncio has only one event loop for all of them'
_LOADS = re.compile(r'\bloads\b')


class FoundTest(NamedTuple):
    """A test: a class and the name of its method."""

    case: type[unittest.TestCase]
    method: str


def find_test(name: str) -> FoundTest:
    """Import the module of a test and return the test.

    Raises `ConfigError` for a wrong name, and `SetupError` if the import fails.
    """
    if '/' in name or '::' in name or name.endswith('.py'):
        path = name.replace('::', '.').replace('/', '.').replace('.py', '').strip('.')
        raise ConfigError(f'{name!r} is a path: expected a dotted name, such as {path}')
    module, rest = _split(name)
    if not rest:
        raise ConfigError(f'{name!r} is a module: choose one of its tests, {_list(name, _cases(module))}')
    case: Any = getattr(module, rest[0], None)
    if not _is_case(case):
        if case is not None:
            raise ConfigError(
                f'{module.__name__}.{rest[0]} is not a test case: expected a subclass of unittest.TestCase'
            )
        known = _cases(module) + [one.name for one in pkgutil.iter_modules(getattr(module, '__path__', ()))]
        raise ConfigError(f'{module.__name__} has no test case {rest[0]!r}, {did_you_mean(rest[0], known)}')
    if len(rest) == 1:
        raise ConfigError(f'{name!r} is a test case: choose one of its tests, {_list(name, _tests(case))}')
    if any((base.__module__, base.__name__) == ('loads.case', 'TestCase') for base in case.__mro__):
        raise SetupError(f'{case.__name__}: {CLASH}')
    method = '.'.join(rest[1:])
    if not callable(getattr(case, method, None)):
        raise ConfigError(f'{case.__name__} has no test {method!r}, {did_you_mean(method, _tests(case))}')
    if reason := _find_reason_not_to_run(case, method):
        raise ConfigError(reason)
    return FoundTest(case, method)


def _split(name: str) -> tuple[ModuleType, list[str]]:
    """Import the longest beginning of *name* that is a module; return the module and the rest."""
    parts = name.split('.')
    if not all(part.isidentifier() for part in parts):
        raise ConfigError(f'{name!r} is not the name of a test: expected module.Class.test_method')
    if not _exists(parts[0]):
        raise ConfigError(f'no module {parts[0]!r} in {Path.cwd()}, {did_you_mean(parts[0], _modules_here())}')
    module = _import(parts[0])
    for i, part in enumerate(parts[1:], 1):
        dotted = f'{module.__name__}.{part}'
        if not hasattr(module, '__path__') or not _exists(dotted):
            return module, parts[i:]
        module = _import(dotted)
    return module, []


def _exists(dotted: str) -> bool:
    try:
        return dotted in sys.modules or find_spec(dotted) is not None
    except (ImportError, ValueError):
        return False


def _import(dotted: str) -> ModuleType:
    try:
        return importlib.import_module(dotted)
    except (Exception, SystemExit) as error:  # the module may raise anything
        # The frames of this file and of importlib say nothing to its author.
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None and _is_import(trace.tb_frame.f_code.co_filename):
            trace = trace.tb_next
        details = ''.join(traceback.format_exception(type(error), error, trace))
        if _LOADS.search(details) and not _is_loads_ours():
            raise SetupError(f'cannot import {dotted}: {CLASH}', details) from None
        raise SetupError(f'cannot import {dotted}: {type(error).__name__}: {error}', details) from None


def _is_loads_ours() -> bool:
    try:
        return importlib.import_module('loads.case').TestCase is TestCase
    except Exception:  # it is for another Python, or is gone
        return False


def _is_import(filename: str) -> bool:
    return filename == __file__ or 'importlib' in filename


def _modules_here() -> list[str]:
    files = [path.stem for path in Path().glob('*.py')]
    return files + [path.parent.name for path in Path().glob('*/__init__.py')]


def _is_case(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, unittest.TestCase)


def _cases(module: ModuleType) -> list[str]:
    """Return the names of the classes that have a test to run, which imported base classes do not have."""
    return [name for name, value in vars(module).items() if _is_case(value) and _tests(value)]


def _tests(case: type[unittest.TestCase]) -> list[str]:
    """Return the names of the tests that can be run."""
    names = unittest.TestLoader().getTestCaseNames(case)
    return [name for name in names if not _find_reason_not_to_run(case, name)]


def _list(name: str, known: list[str]) -> str:
    return ', '.join(f'{name}.{one}' for one in known[:5]) or 'but there is none'


def _find_reason_not_to_run(case: type[unittest.TestCase], method: str) -> str:
    """Return why no line of the test or of one of its fixtures would run, which unittest takes for a success.

    It is empty if all of them run.
    """
    if issubclass(case, unittest.IsolatedAsyncioTestCase):
        return f'{case.__name__} is an IsolatedAsyncioTestCase, which cannot be run as load: {ASYNC}'
    module = sys.modules[case.__module__]
    functions = {f'{case.__name__}.{name}': getattr(case, name) for name in (method, *FIXTURES)}
    functions |= {f'{module.__name__}.{name}': getattr(module, name, None) for name in MODULE_FIXTURES}
    for name, function in functions.items():
        if fault := _find_fault(inspect.unwrap(function)):
            return f'{name} {fault}'
    return ''


def _find_fault(function: Any) -> str:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return f'is async, which cannot be run as load: {ASYNC}'
    if inspect.isgeneratorfunction(function):
        return 'has a yield, which cannot be run as load: a call of it runs no line'
    return ''
