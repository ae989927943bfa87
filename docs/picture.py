"""Take the picture of the page of a report, as it is in a browser: a person has to start this one.

python -m docs.picture REPORT/index.html docs/images/explore.png
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.browser import Browser


def main(page: str, picture: str) -> None:
    """Write what is to be seen of *page* at first."""
    with Browser() as browser:
        browser.show(Path(page).resolve(), width=1280, height=860)
        save(browser.photograph(), Path(picture))


def save(photograph: bytes, picture: Path) -> None:
    """Write a photograph, in as few colors as it needs."""
    Image.open(BytesIO(photograph)).convert('RGB').quantize(256).save(picture, optimize=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
