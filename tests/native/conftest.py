"""Runs tests both ways: compiled, and in pure Python."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien import native


@pytest.fixture(params=[pytest.param('compiled', marks=pytest.mark.compiled), 'pure'])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way in which proxies move bytes that the test starts."""
    way: str = request.param
    if way == 'pure':
        monkeypatch.setattr(native, 'make_pump', _make_none)
    return way


def _make_none(*args: Any) -> None:
    """Have Python move the bytes."""
