"""The picture of the dashboard, where there is nothing to take it of."""

from __future__ import annotations

import pytest

from docs import dashboard


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(dashboard, 'SEARCH_PATH', '/dev/null')
    assert dashboard.main(['picture.png']) == 2
    assert capsys.readouterr() == ('', f'docs.dashboard: error: not on this machine: {", ".join(dashboard.COMMANDS)}\n')


def test_it_wants_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboard.main([]) == 2
    assert capsys.readouterr().err == 'docs.dashboard: error: name one file for the picture\n'
