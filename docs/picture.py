"""Take the picture of the page of a report, as it is in a browser: the only one of `docs` that a person has to start.

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
        photograph = Image.open(BytesIO(browser.photograph()))
    photograph.convert('RGB').quantize(128).save(picture, optimize=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
