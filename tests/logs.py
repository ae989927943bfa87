"""The log of a command that runs in the process of the tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_root_logger() -> Iterator[logging.Logger]:
    """Return the root logger without handlers, which is as before after the block."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    root.handlers[:] = []
    try:
        yield root
    finally:
        for handler in root.handlers:
            handler.close()
        root.level, root.handlers[:] = before
