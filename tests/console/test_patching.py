"""That a behavior's ``time.sleep`` stops nobody else is shown in `tests.cli.test_main`."""

from __future__ import annotations

from importlib import metadata

import pytest
from gevent import monkey

from vaurien.console import patching
from vaurien.console.patching import patch_standard_library
from vaurien.plugins.installed import read_entry_points

GROUP = 'console_scripts'


def test_the_metadata_of_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    original = metadata.entry_points
    readings: list[str] = []
    answers: list[list[metadata.EntryPoint]] = []

    def read() -> object:
        readings.append('once')
        return original()

    def patch() -> None:
        answers.extend(sorted(metadata.entry_points(group=GROUP)) for _ in range(25))

    monkeypatch.setattr(metadata, 'entry_points', read)
    monkeypatch.setattr(patching, 'read_entry_points', read_entry_points.__wrapped__)
    monkeypatch.setattr(monkey, 'patch_all', patch)
    patch_standard_library()
    assert readings == ['once']
    assert answers == [sorted(original(group=GROUP))] * 25
    assert metadata.entry_points is read


def test_a_plug_in_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def patch() -> None:
        raise ZeroDivisionError

    original = metadata.entry_points
    monkeypatch.setattr(monkey, 'patch_all', patch)
    with pytest.raises(ZeroDivisionError):
        patch_standard_library()
    assert metadata.entry_points is original
