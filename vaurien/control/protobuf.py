"""The metrics in the protobuf format of Prometheus, the only one that has native histograms.

The messages are those of https://github.com/prometheus/client_model. They are encoded here, not by the package
``protobuf``: to encode takes less code than to describe the messages to that, and so every Vaurien has native
histograms, whatever is installed. https://protobuf.dev/programming-guides/encoding describes the encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from operator import attrgetter
from struct import pack

from prometheus_client.core import Metric

from vaurien.control.metric_family import HistogramFamily
from vaurien.records.exponential import FIRST, SCHEMA, find_bound, find_spans
from vaurien.records.histogram import Histogram

CONTENT_TYPE = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

#: What each type of metrics is in the message of a family, and the field of its values in that of a series.
_TYPES = {'counter': (0, 3), 'gauge': (1, 2), 'histogram': (4, 7)}

# The encoding


def _encode(number: int) -> bytes:
    """Return a number that is not negative, as a varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _zigzag(number: int) -> int:
    """Return the number that stands for one that may be negative."""
    return 2 * number if number >= 0 else -2 * number - 1


def _number(field: int, number: int) -> bytes:
    return _encode(field << 3) + _encode(number)


def _double(field: int, number: float) -> bytes:
    return _encode(field << 3 | 1) + pack('<d', number)


def _message(field: int, *parts: bytes) -> bytes:
    content = b''.join(parts)
    return _encode(field << 3 | 2) + _encode(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


# The messages


def write_protobuf(families: Iterable[Metric]) -> bytes:
    """Return the metrics. Other requests are served between two parts of one."""
    messages = []
    for _, parts in groupby(families, attrgetter('name')):
        # Messages in a row are one, with the series of all.
        message = b''.join(map(_write_family, parts))
        messages += [_encode(len(message)), message]
    return b''.join(messages)


def _write_family(family: Metric) -> bytes:
    type_, field = _TYPES[family.type]
    if isinstance(family, HistogramFamily):
        series = [(labels, _write_histogram(histogram)) for labels, histogram in family.histograms]
    else:
        series = [(sample.labels, _double(1, sample.value)) for sample in family.samples]
    name = f'{family.name}_total' if family.type == 'counter' else family.name
    return b''.join(
        [
            _text(1, name),
            _text(2, family.documentation),
            _number(3, type_),
            *(_message(4, _write_labels(labels), _message(field, value)) for labels, value in series),
        ]
    )


def _write_labels(labels: Mapping[str, str]) -> bytes:
    return b''.join(_message(1, _text(1, name), _text(2, value)) for name, value in sorted(labels.items()))


def _write_histogram(histogram: Histogram) -> bytes:
    exponential = histogram.exponential
    places = sorted(place for place in exponential if place)  # the first bucket is the zero bucket
    counts = [0, *(exponential[place] for place in places)]
    spans = find_spans([FIRST + place for place in places])
    return b''.join(
        [
            _number(1, sum(exponential.values())),
            _double(2, histogram.seconds),
            *(_message(3, _number(1, count), _double(2, float(bound))) for bound, count in histogram.buckets()),
            _number(5, _zigzag(SCHEMA)),
            _double(6, find_bound(FIRST)),
            _number(7, exponential.get(0, 0)),
            *(_message(12, _number(1, _zigzag(span.offset)), _number(2, span.length)) for span in spans),
            _message(13, *(_encode(_zigzag(count - last)) for last, count in pairwise(counts))),
        ]
    )
