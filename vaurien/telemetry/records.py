"""The log, as a collector gets it."""

from __future__ import annotations

import logging
import traceback

from opentelemetry._logs import Logger, LogRecord, SeverityNumber

#: What a collector would be told of forever: that it was told.
OWN = ('opentelemetry', 'urllib3', 'requests')

SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
#: The fields of a record of a proxy.
FIELDS = ('proxy', 'link', 'exchange', 'behavior', 'request')


class CollectedHandler(logging.Handler):
    """Gives each record to a logger of OpenTelemetry."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Have one record sent, unless it is about sending."""
        if record.name.partition('.')[0] in OWN:
            return
        try:
            self._logger.emit(
                LogRecord(
                    timestamp=int(record.created * 1_000_000_000),
                    severity_number=SEVERITIES.get(record.levelno, SeverityNumber.UNSPECIFIED),
                    severity_text=record.levelname,
                    body=_escape(record.getMessage()),
                    attributes=_describe(record),
                )
            )
        except Exception:  # a record whose arguments do not fit
            self.handleError(record)


def _describe(record: logging.LogRecord) -> dict[str, str | int]:
    fields = vars(record)
    attributes = {f'vaurien.{name}': fields[name] for name in FIELDS if name in fields}
    if record.exc_info and record.exc_info[0] is not None:
        attributes['exception.type'] = record.exc_info[0].__name__
        attributes['exception.message'] = _escape(str(record.exc_info[1]))
        attributes['exception.stacktrace'] = _escape(''.join(traceback.format_exception(*record.exc_info)))
    return attributes


def _escape(text: str) -> str:
    """Return *text* as UTF-8 can have it: half a surrogate would have the whole batch be lost."""
    return text.encode(errors='backslashreplace').decode()
