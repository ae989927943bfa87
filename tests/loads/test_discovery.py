"""A test is found by its name; what is wrong with a name is told with the names that there are.

The whole texts of these mistakes are in ``cli/test_runner.py``.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaurien.errors import ConfigError, SetupError
from vaurien.loads.discovery import find_test

#: `folder` has it as ``warehouse/stock.py``.
STOCK = """
import functools, unittest

class TestStock(unittest.TestCase):
    def test_count(self): pass
    def helper(self): pass

    @functools.wraps(test_count)
    def test_wrapped(self): pass

    async def test_async(self): pass

    def test_generator(self): yield

    @functools.wraps(test_generator)
    def test_wrapped_generator(self): return self.test_generator()

class TestAsyncSetUp(unittest.TestCase):
    async def setUp(self): pass
    def test_one(self): pass

class TestGeneratingTearDown(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): yield
    def test_one(self): pass

class Plain: pass

class TestAsyncio(unittest.IsolatedAsyncioTestCase):
    def test_one(self): pass
"""

#: `folder` has it as ``warehouse/modular.py``.
MODULAR = """
import unittest

def setUpModule(): yield

class Test(unittest.TestCase):
    def test(self): pass
"""

#: `folder` has it as ``bases.py``: one test that can be run, and others.
BASES = """
from unittest import IsolatedAsyncioTestCase, TestCase

class TestIt(TestCase):
    def test_it(self): pass
    async def test_later(self): pass

class TestAsyncOnly(TestCase):
    async def test_later(self): pass

class TestCast(IsolatedAsyncioTestCase):
    def test_it(self): pass
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package, importable from the current directory, that is forgotten after the test."""
    (tmp_path / 'warehouse').mkdir()
    (tmp_path / 'warehouse' / '__init__.py').write_text('from warehouse.stock import TestStock\n')
    (tmp_path / 'warehouse' / 'stock.py').write_text(STOCK)
    (tmp_path / 'warehouse' / 'modular.py').write_text(MODULAR)
    (tmp_path / 'bases.py').write_text(BASES)
    (tmp_path / 'broken.py').write_text('def load():\n    raise ValueError("no data")\n\nload()\n')
    (tmp_path / 'leaves.py').write_text('raise SystemExit(3)\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.mark.parametrize('module', ['warehouse.stock', 'warehouse'])
def test_found(module: str) -> None:
    test = find_test(f'{module}.TestStock.test_count')
    assert issubclass(test.case, unittest.TestCase)
    assert (test.case.__name__, test.method) == ('TestStock', 'test_count')


def test_any_method_of_a_case() -> None:
    assert find_test('warehouse.TestStock.helper').method == 'helper'
    assert find_test('warehouse.TestStock.test_wrapped').method == 'test_wrapped'


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('warehouse/stock.py::TestStock', 'is a path: expected a dotted name, such as warehouse.stock.TestStock'),
        ('warehuose.TestStock.test_count', "no module 'warehuose' in .*, did you mean 'warehouse'"),
        ('warehouse.stocks.TestStock', "warehouse has no test case 'stocks', did you mean 'stock'"),
        ('warehouse.stock', 'is a module: choose one of its tests, warehouse.stock.TestStock'),
        ('warehouse.stock.TestStock', 'choose one of its tests, warehouse.stock.TestStock.test_count, '),
        ('bases', "'bases' is a module: choose one of its tests, bases.TestIt$"),
        ('bases.TestCas.test_it', "bases has no test case 'TestCas', did you mean 'TestIt'"),
        ('bases.TestAsyncOnly', "'bases.TestAsyncOnly' is a test case: .*, but there is none$"),
        ('bases.TestIt.test_lat', "TestIt has no test 'test_lat', did you mean 'test_it'"),
        ('warehouse.stock.Plain.test', 'warehouse.stock.Plain is not a test case'),
        ('warehouse.TestStock.test_cuont', "TestStock has no test 'test_cuont', did you mean 'test_count'"),
        ('warehouse.TestStock.test_async', 'TestStock.test_async is async, which cannot be run as load'),
        ('warehouse.TestStock.test_generator', 'TestStock.test_generator has a yield, which cannot be run as load'),
        ('warehouse.TestStock.test_wrapped_generator', 'TestStock.test_wrapped_generator has a yield'),
        ('warehouse.stock.TestAsyncSetUp.test_one', 'TestAsyncSetUp.setUp is async, which cannot be run as load'),
        ('warehouse.stock.TestGeneratingTearDown.test_one', 'TestGeneratingTearDown.tearDownClass has a yield'),
        ('warehouse.modular.Test.test', 'warehouse.modular.setUpModule has a yield, which cannot be run as load'),
        ('warehouse.stock.TestAsyncio.test_one', 'IsolatedAsyncioTestCase, which cannot be run as load'),
        ('ware-house.Test.test', 'is not the name of a test'),
        ('warehouse..test', 'is not the name of a test'),
    ],
)
def test_mistakes(name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        find_test(name)


def test_a_module_that_fails() -> None:
    with pytest.raises(SetupError, match='cannot import broken: ValueError: no data') as caught:
        find_test('broken.Test.test')
    first, place, *_ = caught.value.details.splitlines()
    assert first == 'Traceback (most recent call last):'
    assert 'broken.py", line 4' in place  # the frames of the import itself are left out


def test_a_module_that_leaves() -> None:
    with pytest.raises(SetupError, match='cannot import leaves: SystemExit: 3'):
        find_test('leaves.Test.test')


@pytest.mark.parametrize(
    'theirs', ['class TestCase(unittest.TestCase): pass', 'print "Python 2"', 'import no_such_package']
)
def test_another_package_is_in_the_place_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch, theirs: str) -> None:
    (folder / 'loads').mkdir()
    (folder / 'loads' / '__init__.py').touch()
    (folder / 'loads' / 'case.py').write_text(f'import unittest\n{theirs}\n')
    (folder / 'clashing.py').write_text(
        'from loads.case import TestCase\n\nclass TestSite(TestCase):\n    def test_es(self): pass\n'
    )
    for name in ('loads', 'loads.case'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(
        SetupError, match=r'write `from vaurien.loads import TestCase`, or .* --force-reinstall --no-deps vaurien$'
    ):
        find_test('clashing.TestSite.test_es')
