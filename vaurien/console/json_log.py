"""Lines of a log that are JSON objects, for programs that collect logs. Imported where such a log is asked for."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone
from typing import Any

from pythonjsonlogger.json import JsonFormatter

#: The fields of a record, as the library calls them, and as they are called in a line.
NAMES = {
    'asctime': 'time',
    'levelname': 'level',
    'name': 'logger',
    'message': 'message',
    'exc_info': 'exception',
    'stack_info': 'stack',
}


class JsonLineFormatter(JsonFormatter):
    """Makes a JSON object in one line of a record: time, level, logger, message, and fields such as the proxy."""

    def __init__(self) -> None:
        super().__init__(['asctime', 'levelname', 'name', 'message'], rename_fields=NAMES)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # of the library
        """Return the time of a record."""
        return _format_time(record.created)

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Return what is written: surrogates become escapes, for half of one is text in Python and not in JSON."""
        return {name: _escape(value) if isinstance(value, str) else value for name, value in log_data.items()}


def format_json_notice(text: str) -> str:
    """Return a line of text, as the formatter makes it of a warning."""
    return json.dumps(
        {'time': _format_time(time.time()), 'level': 'WARNING', 'logger': 'vaurien', 'message': _escape(text)}
    )


def _format_time(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 writes them."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec='milliseconds')


def _escape(text: str) -> str:
    return text.encode(errors='backslashreplace').decode()
