"""The page of the control API, opened in the browser of whoever has started the command."""

from __future__ import annotations

import logging
import webbrowser

logger = logging.getLogger(__name__)


def open_page(url: str) -> None:
    """Open a page, and wait until the browser has taken it; log that there is no browser."""
    if not webbrowser.open(url):
        logger.warning('no browser to open %s with', url)
