"""The protobuf messages of Prometheus' metrics, as the library of protobuf knows them.

They are described at https://github.com/prometheus/client_model; what no Vaurien sends is left out.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from math import inf
from typing import Any

from google.protobuf import proto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from prometheus_client.samples import Sample

PACKAGE = 'io.prometheus.client'

#: The fields of each message: their numbers, labels and types. A type with a capital letter is a message of these.
MESSAGES = {
    'LabelPair': {'name': (1, 'optional', 'string'), 'value': (2, 'optional', 'string')},
    'Gauge': {'value': (1, 'optional', 'double')},
    'Counter': {'value': (1, 'optional', 'double')},
    'Bucket': {'cumulative_count': (1, 'optional', 'uint64'), 'upper_bound': (2, 'optional', 'double')},
    'BucketSpan': {'offset': (1, 'optional', 'sint32'), 'length': (2, 'optional', 'uint32')},
    'Histogram': {
        'sample_count': (1, 'optional', 'uint64'),
        'sample_sum': (2, 'optional', 'double'),
        'bucket': (3, 'repeated', 'Bucket'),
        'schema': (5, 'optional', 'sint32'),
        'zero_threshold': (6, 'optional', 'double'),
        'zero_count': (7, 'optional', 'uint64'),
        'positive_span': (12, 'repeated', 'BucketSpan'),
        'positive_delta': (13, 'repeated', 'sint64'),
    },
    'Metric': {
        'label': (1, 'repeated', 'LabelPair'),
        'gauge': (2, 'optional', 'Gauge'),
        'counter': (3, 'optional', 'Counter'),
        'histogram': (7, 'optional', 'Histogram'),
    },
    'MetricFamily': {
        'name': (1, 'optional', 'string'),
        'help': (2, 'optional', 'string'),
        'type': (3, 'optional', 'int32'),  # an enumeration
        'metric': (4, 'repeated', 'Metric'),
    },
}
COUNTER, GAUGE, HISTOGRAM = 0, 1, 4


def make_class() -> Any:
    """Return the class of the message of a family."""
    file = FileDescriptorProto(name='metrics.proto', package=PACKAGE, syntax='proto2')
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, (number, label, type_) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = FieldDescriptorProto.Label.Value(f'LABEL_{label.upper()}')
            if type_ in MESSAGES:
                field.type_name = f'.{PACKAGE}.{type_}'
            else:
                field.type = FieldDescriptorProto.Type.Value(f'TYPE_{type_.upper()}')
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f'{PACKAGE}.MetricFamily'))


MetricFamily = make_class()


def decode(body: bytes) -> Iterator[Any]:
    """Yield each family of an answer. Every field must be known."""
    stream = io.BytesIO(body)
    while (family := proto.parse_length_prefixed(MetricFamily, stream)) is not None:
        known = family.FromString(family.SerializeToString())
        known.DiscardUnknownFields()
        assert known == family
        yield family


def labels_of(metric: Any) -> dict[str, str]:
    """Return the labels of a series."""
    return {pair.name: pair.value for pair in metric.label}


def read_samples(family: Any) -> Iterator[Sample]:
    """Yield what the text has of a family: of histograms, the classic buckets."""
    for series in family.metric:
        name, labels = family.name, labels_of(series)
        if family.type == HISTOGRAM:
            histogram = series.histogram
            for bucket in histogram.bucket:
                bound = '+Inf' if bucket.upper_bound == inf else str(bucket.upper_bound)
                yield Sample(f'{name}_bucket', {**labels, 'le': bound}, bucket.cumulative_count)
            yield Sample(f'{name}_count', labels, histogram.sample_count)
            yield Sample(f'{name}_sum', labels, histogram.sample_sum)
        else:
            yield Sample(name, labels, (series.counter if family.type == COUNTER else series.gauge).value)


def read_buckets(histogram: Any) -> dict[int, int]:
    """Return how many durations are in each of the positive native buckets, by its index."""
    buckets: dict[int, int] = {}
    deltas = iter(histogram.positive_delta)
    index = count = 0
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            buckets[index] = count
            index += 1
    assert list(deltas) == []
    return buckets
