"""A log in JSON: each record is one line, whatever its texts contain, and every parser takes it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from tests.console.test_log import make_record
from tests.logs import own_root_logger
from vaurien.console import log
from vaurien.console.json_log import JsonLineFormatter, format_json_notice


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """Return the root logger, which is as before after the test."""
    with own_root_logger() as root:
        yield root


def test_the_fields_of_a_record() -> None:
    record = make_record('link %s', '3')
    record.proxy = 'orders'
    line = json.loads(JsonLineFormatter().format(record))
    moment = datetime.fromisoformat(line.pop('time'))
    assert moment.utcoffset() == timedelta(0)
    assert abs(moment.timestamp() - record.created) < 0.001
    assert line == {'level': 'INFO', 'logger': 'vaurien.x', 'message': 'link 3', 'proxy': 'orders'}


@settings(max_examples=50)
@given(text=st.text(st.characters(exclude_categories=())))
def test_a_record_is_one_line_that_every_parser_takes(text: str) -> None:
    line = JsonLineFormatter().format(make_record('%s', text))
    assert line.isprintable()
    assert msgspec.json.decode(line)['message'] == text.encode(errors='backslashreplace').decode()
    assert msgspec.json.decode(format_json_notice(text)).keys() == {'time', 'level', 'logger', 'message'}


def test_a_traceback_is_a_field() -> None:
    record = make_record('failed: %s', 'x')
    try:
        raise ValueError('forged\n{}')
    except ValueError:
        record.exc_info = sys.exc_info()
    line = JsonLineFormatter().format(record)
    assert '\n' not in line
    assert json.loads(line)['exception'].endswith('ValueError: forged\n{}')


def test_a_notice_of_a_file_is_json_too(tmp_path: Path) -> None:
    folder, renamed = tmp_path / 'logs', tmp_path / 'old'
    folder.mkdir()
    log.set_up('info', str(folder / 'vaurien.log'), 'json')
    logging.getLogger('vaurien.x').info('first')
    folder.rename(renamed)
    log.reopen()
    logging.getLogger().handlers[0].close()
    first, notice = map(json.loads, (renamed / 'vaurien.log').read_text().splitlines())
    assert first['message'] == 'first'
    assert notice['message'].startswith('cannot write the log to ')
    assert notice['level'] == 'WARNING'
