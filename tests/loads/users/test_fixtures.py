"""The fixtures of module and class: the order of unittest, and nothing left when one of them fails."""

from __future__ import annotations

import sys
import unittest

import pytest

from vaurien.errors import SetupError
from vaurien.loads.discovery import FoundTest
from vaurien.loads.users.fixtures import Fixtures

#: What the fixtures note.
notes: list[str] = []


class Base(unittest.TestCase):
    """Notes its fixtures."""

    __test__ = False

    @classmethod
    def setUpClass(cls) -> None:
        notes.append('setUpClass')
        cls.addClassCleanup(notes.append, 'class cleanup')

    @classmethod
    def tearDownClass(cls) -> None:
        notes.append('tearDownClass')

    def test_it(self) -> None:
        """Do nothing."""


@pytest.fixture(autouse=True)
def _clean() -> None:
    notes.clear()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module has fixtures of its own, too."""

    def set_up() -> None:
        notes.append('setUpModule')
        unittest.addModuleCleanup(notes.append, 'module cleanup')

    here = sys.modules[__name__]
    monkeypatch.setattr(here, 'setUpModule', set_up, raising=False)
    monkeypatch.setattr(here, 'tearDownModule', lambda: notes.append('tearDownModule'), raising=False)


def fixtures(case: type[unittest.TestCase]) -> Fixtures:
    return Fixtures(FoundTest(case, 'test_it'))


UP = ['setUpModule', 'setUpClass']
DOWN = ['tearDownClass', 'class cleanup', 'tearDownModule', 'module cleanup']


@pytest.mark.usefixtures('module')
def test_the_order_of_unittest() -> None:
    around = fixtures(Base)
    around.set_up()
    assert (notes, around.skipped) == (UP, False)
    assert around.tear_down() == []
    assert notes == [*UP, *DOWN]
    assert around.tear_down() == []  # once


def test_a_module_without_fixtures() -> None:
    around = fixtures(Base)
    around.set_up()
    around.tear_down()
    assert notes == ['setUpClass', 'tearDownClass', 'class cleanup']


@pytest.mark.usefixtures('module')
def test_a_class_that_skips() -> None:
    class Skips(Base):
        """Skips in its set-up."""

        @classmethod
        def setUpClass(cls) -> None:
            raise unittest.SkipTest('none of them')

    around = fixtures(Skips)
    around.set_up()
    assert around.skipped
    around.tear_down()
    assert notes == ['setUpModule', 'tearDownModule', 'module cleanup']


def test_a_class_with_the_decorator() -> None:
    around = fixtures(unittest.skip('all of it')(type('Skipped', (Base,), {})))
    around.set_up()
    around.tear_down()
    assert (notes, around.skipped) == ([], False)  # each run of the test says so


@pytest.mark.usefixtures('module')
@pytest.mark.parametrize('error', [RuntimeError, SystemExit])
def test_a_set_up_that_fails(error: type[BaseException]) -> None:
    class Breaks(Base):
        """Fails in the middle of its set-up."""

        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            raise error('no database')

    with pytest.raises(SetupError, match=f'setting up .*Breaks failed: {error.__name__}') as caught:
        fixtures(Breaks).set_up()
    assert 'in setUpClass' in caught.value.details
    assert notes == [*UP, 'class cleanup', 'tearDownModule', 'module cleanup']


@pytest.mark.usefixtures('module')
def test_tear_downs_that_fail() -> None:
    class Leaves(Base):
        """Fails in its tear-down and in its clean-up."""

        @classmethod
        def setUpClass(cls) -> None:
            cls.addClassCleanup(sys.exit, 'cannot leave')

        @classmethod
        def tearDownClass(cls) -> None:
            raise RuntimeError('cannot clean up')

    around = fixtures(Leaves)
    around.set_up()
    failures = around.tear_down()
    assert [failure.splitlines()[-1] for failure in failures] == [
        'RuntimeError: cannot clean up',
        'SystemExit: cannot leave',
    ]
    assert notes == ['setUpModule', 'tearDownModule', 'module cleanup']  # the others ran all the same
