"""Where the log goes, and from which level on."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.logs import own_root_logger
from vaurien.console import log
from vaurien.errors import ConfigError


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Return the root logger, which is as before after the test."""
    with own_root_logger() as root:
        yield root


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
    logging.getLogger().handlers[0].close()
    assert re.fullmatch(r'before\n.* DEBUG déjà vu\n', path.read_text('utf-8'))
    assert capsys.readouterr() == ('', '')


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f'cannot write the log to {tmp_path}: Is a directory'):
        log.set_up('info', str(tmp_path))
    with pytest.raises(ConfigError, match='No such file or directory'):
        log.set_up('info', str(tmp_path / 'missing' / 'vaurien.log'))


@settings(max_examples=50)
@given(text=st.text())
def test_a_record_is_one_line_of_printable_characters(text: str) -> None:
    record = make_record('%s', text)
    assert log.Formatter().format(record).isprintable()
    assert log.format_notice(text).isprintable()


def test_what_is_printable_stays_as_it_is() -> None:
    assert log.Formatter().format(make_record('%s', 'GET /déjà?ü=%41\\x')).endswith(' INFO GET /déjà?ü=%41\\x')
    assert log.Formatter().format(make_record('%s', 'a\x1b[2J\r\nb\u202e')).endswith(r' INFO a\x1b[2J\r\nb\u202e')


@settings(max_examples=20)
@given(text=st.text())
def test_no_line_of_a_traceback_passes_for_a_record(text: str) -> None:
    record = make_record('failed: %s', 'x')
    try:
        raise ValueError(f'{text}\n2026-11-28 11:00:00,000 INFO forged')
    except ValueError:
        record.exc_info = sys.exc_info()
    record.stack_info = f'Stack (most recent call last):\n{text}'
    first, *rest = log.Formatter().format(record).split('\n')
    assert first.endswith('INFO failed: x')
    assert all(line.startswith('  ') and line.isprintable() for line in rest)
    assert any('forged' in line for line in rest)


def make_record(text: str, *args: str) -> logging.LogRecord:
    return logging.LogRecord('vaurien.x', logging.INFO, '', 1, text, args, None)


def test_a_record_whose_arguments_do_not_fit_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for output in ('-', str(tmp_path / 'vaurien.log')):
        log.set_up('info', output)
        logging.getLogger('vaurien.x').info('%d', 'no number')
        assert '%d format' in capsys.readouterr().err


def test_surrogates_are_written_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.log'
    log.set_up('info', str(path))
    logging.getLogger('vaurien.x').info('%s', b'\xff'.decode(errors='surrogateescape'))
    logging.getLogger().handlers[0].close()
    assert path.read_text().endswith('INFO \\udcff\n')


def test_a_file_that_was_renamed(tmp_path: Path) -> None:
    path, renamed = tmp_path / 'vaurien.log', tmp_path / 'vaurien.log.1'
    log.set_up('info', str(path))
    logging.getLogger('vaurien.x').info('first')
    path.rename(renamed)
    logging.getLogger('vaurien.x').info('second')
    log.reopen()
    logging.getLogger('vaurien.x').info('third')
    logging.getLogger().handlers[0].close()
    logging.getLogger('vaurien.x').info('too late')
    assert [line.split()[-1] for line in renamed.read_text().splitlines()] == ['first', 'second']
    assert [line.split()[-1] for line in path.read_text().splitlines()] == ['third']


def test_a_file_that_cannot_be_opened_again(tmp_path: Path) -> None:
    folder, renamed = tmp_path / 'logs', tmp_path / 'old'
    folder.mkdir()
    log.set_up('info', str(folder / 'vaurien.log'))
    logging.getLogger('vaurien.x').info('first')
    folder.rename(renamed)
    log.reopen()
    logging.getLogger('vaurien.x').info('second')
    logging.getLogger().handlers[0].close()
    first, notice, second = (renamed / 'vaurien.log').read_text().splitlines()
    assert notice.endswith(f'WARNING cannot write the log to {folder}/vaurien.log: No such file or directory')
    assert (first.split()[-1], second.split()[-1]) == ('first', 'second')


def test_nothing_is_reopened_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up('info', '-')
    log.reopen()
    assert capsys.readouterr().err == ''


def test_without_a_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    log.set_up('info', '-')
    monkeypatch.setattr(sys, 'stderr', None)
    logging.getLogger('vaurien.x').error('heard by nobody')
