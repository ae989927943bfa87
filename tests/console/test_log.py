"""Where the log goes, and from which level on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vaurien.console import log
from vaurien.errors import ConfigError


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Return the root logger, which is as before after the test."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    root.handlers[:] = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.level, root.handlers[:] = before


def test_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up('info', '-')
    logging.getLogger('vaurien.x').info('link 3: %s', 'delay')
    logging.getLogger('vaurien.x').debug('not this')
    out, err = capsys.readouterr()
    assert out == ''
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO link 3: delay\n', err)


def test_a_file_is_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'vaurien.log'
    path.write_text('before\n')
    log.set_up('debug', str(path))
    logging.getLogger('vaurien.x').debug('déjà vu')
    assert re.fullmatch(r'before\n.* DEBUG déjà vu\n', path.read_text('utf-8'))
    assert capsys.readouterr() == ('', '')


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f'cannot write the log to {tmp_path}: Is a directory'):
        log.set_up('info', str(tmp_path))
    with pytest.raises(ConfigError, match='No such file or directory'):
        log.set_up('info', str(tmp_path / 'missing' / 'vaurien.log'))
