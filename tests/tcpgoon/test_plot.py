"""The picture of a test."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.colors
import matplotlib.figure
import matplotlib.image
import numpy as np
import pytest
from matplotlib.lines import Line2D

from tests.commands import call, run
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from tests.tcpgoon.dialing import closed_port
from tests.tcpgoon.records import make_record
from vaurien.tcpgoon.main import main
from vaurien.tcpgoon.plot import GREEN, GREY, RED, draw, draw_connections, draw_times
from vaurien.tcpgoon.record import Record

#: Seconds that a test with a picture may take: matplotlib is slow to import.
LONGEST = 4 * TIMEOUT


def has_color(path: Path, color: str) -> bool:
    """Return whether a picture has a point of that color."""
    wanted = matplotlib.colors.to_rgb(color)
    return bool((abs(matplotlib.image.imread(path)[..., :3] - wanted).max(axis=2) < 0.01).any())


def points(curve: Line2D) -> list[list[float]]:
    """Return the coordinates of a curve."""
    return np.array(curve.get_data()).tolist()  # type: ignore[no-any-return]


def test_a_success(tmp_path: Path, holder: RawBackend) -> None:
    path = tmp_path / 'success.png'
    result = run('tcpgoon', '-y', '-c', '20', '--plot', str(path), HOST, str(holder.port), timeout=LONGEST)
    assert (result.returncode, result.stderr) == (0, '')
    assert matplotlib.image.imread(path).shape[:2] == (360, 1000)
    assert has_color(path, GREEN)
    assert not has_color(path, RED)


def test_a_failure(tmp_path: Path) -> None:
    path = tmp_path / 'failure.png'
    with closed_port() as port:
        result = call(main, '-y', '-c', '20', '--plot', str(path), HOST, str(port))
    assert result.returncode == 1
    assert has_color(path, RED)
    assert not has_color(path, GREEN)


def test_an_interrupted_test_has_one_too(tmp_path: Path) -> None:
    record = Record(5)
    record.on_dialing()
    record.over_at = 1.0
    path = tmp_path / 'nothing.svg'
    draw(path, [('web', record)])
    assert b'none was established' in path.read_bytes() or path.stat().st_size > 1000


def test_what_is_drawn() -> None:
    record = make_record(established=3, failed=2, closed=1)
    record.over_at = 9.0
    axes = matplotlib.figure.Figure().subplots()
    draw_connections(axes, 'web:80', record)
    curves = {str(line.get_label()): line for line in axes.lines}
    assert list(curves) == ['established', 'failed', 'closed by the server']
    assert [line.get_color() for line in curves.values()] == [GREEN, RED, GREY]
    assert points(curves['established']) == [[0, 0, 1, 2, 5, 9], [0, 1, 2, 3, 2, 2]]
    assert points(curves['failed']) == [[0, 3, 4, 9], [0, 1, 2, 2]]
    assert points(curves['closed by the server']) == [[0, 5, 9], [0, 1, 1]]
    assert axes.get_title() == 'web:80'


@pytest.mark.parametrize(('longest', 'scale'), [(0.01, 'linear'), (1.0, 'log')])
def test_the_distribution(longest: float, scale: str) -> None:
    record = make_record(established=3)
    record.on_dialing()
    record.on_established(longest, 4.0)
    axes = matplotlib.figure.Figure().subplots()
    draw_times(axes, record)
    assert sum(patch.get_height() for patch in axes.patches) == 4  # type: ignore[attr-defined]
    assert axes.get_xscale() == scale
    assert [str(line.get_label()) for line in axes.lines] == [
        'p50 2 ms',
        *(f'{p} {longest * 1000:.3g} ms' for p in ('p90', 'p99')),
    ]


def test_a_row_for_each_test(tmp_path: Path) -> None:
    path = tmp_path / 'picture.png'
    record = make_record(established=3)
    draw(path, [('one', record), ('two', record)])
    assert matplotlib.image.imread(path).shape[:2] == (720, 1000)


def test_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert main(['-y', '--plot', str(tmp_path / 'picture.png'), 'localhost', '80']) == 2
    said = "tcpgoon: error: --plot: drawing needs matplotlib: pip install 'vaurien[plot]'\n"
    assert capsys.readouterr() == ('', said)
