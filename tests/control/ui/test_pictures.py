"""The pictures of the documentation, taken of the page while faults come and go.

``VAURIEN_PICTURES=docs/images python -m pytest tests/control/ui/test_pictures.py`` takes those of `docs/ui.md` anew.
"""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from PIL import Image

from docs.picture import save
from tests.control.ui.shown import Shown
from tests.control.ui.stage import Stage

#: Where the pictures are to be, and how many seconds they show before and after each change: more if they are to stay.
FOLDER = os.environ.get('VAURIEN_PICTURES')
SECONDS = 10 if FOLDER else 2

DELAY = "25:delay(sleep='lognormal(p50=120ms, p99=600ms)', match='GET user:*')"
BOTH = f"20:error(message='OOM', match='INCR *', for=60),{DELAY}"
JITTER = {'type': 'latency', 'attributes': {'latency': 40, 'jitter': 15}}


def wait_for_seconds(page: Shown) -> None:
    """Wait until there are so many more seconds in the charts."""
    before = page.seconds()
    page.wait(lambda: page.seconds() >= before + SECONDS)


def take(page: Shown, folder: Path, name: str) -> None:
    """Take a picture, and check that there is something on it."""
    photograph = page.browser.photograph()
    save(photograph, folder / name)
    assert len(Image.open(BytesIO(photograph)).convert('RGB').getcolors(1 << 24) or []) > 50


def test_pictures_of_the_page(page: Shown, stage: Stage, tmp_path: Path) -> None:
    folder = Path(FOLDER) if FOLDER else tmp_path
    page.open(height=960)
    page.press('.choice label', '1 min')
    wait_for_seconds(page)
    stage.arm('cache', {'behavior': DELAY})
    wait_for_seconds(page)
    stage.arm('cache', {'behavior': BOTH})
    stage.add('shop', JITTER)
    wait_for_seconds(page)
    take(page, folder, 'ui.png')
    page.press('button[aria-label="Arm a fault on cache"]')
    page.fill('#option-sleep', '250ms')
    page.fill('#option-match', 'GET user:*')
    page.wait(lambda: 'GET user:1' in page.texts('.trial code'))
    take(page, folder, 'ui-arm.png')
    page.open(width=390, height=844, is_dark=True)
    page.press('.choice label', '1 min')
    wait_for_seconds(page)
    take(page, folder, 'ui-narrow.png')
