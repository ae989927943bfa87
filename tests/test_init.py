"""The public names of the package, and what their import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers import TIMEOUT


def test_a_client_is_made_without_gevent_or_requests() -> None:
    code = (
        'import sys, vaurien; vaurien.Client(); '
        'print([name for name in ("gevent", "requests", "falcon", "prometheus_client") if name in sys.modules])'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert done.stdout == '[]\n'


def test_public_names() -> None:
    import vaurien

    assert vaurien.__all__ == sorted(vaurien.__all__)
    assert set(vaurien.__all__) <= set(dir(vaurien))
    for name in vaurien.__all__:
        assert getattr(vaurien, name)
    with pytest.raises(AttributeError, match="module 'vaurien' has no attribute 'Clint'"):
        vaurien.Clint  # noqa: B018
