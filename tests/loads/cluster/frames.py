"""What may arrive at a socket, made by Hypothesis."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from vaurien.loads.cluster import messages

#: Of Locust's own.
LOCUST = (
    'client_ready heartbeat stats quit exception spawning spawning_complete client_stopped locustfile logs '
    'ack spawn stop reconnect update_user_class'
)
KINDS = [value for name, value in vars(messages).items() if name.isupper()] + LOCUST.split()
KEYS = ['nonce', 'proof', 'name', 'host', 'version', 'body', 'state', 'stats', 'stats_total', 'errors', 'loads', 'why']
#: The place of the sender's own name, which `render` fills in.
SENDER = '(the sender)'

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | scalars, inner),
    max_leaves=8,
)
#: Messages that are well formed, with anything in them.
MESSAGES = st.tuples(st.sampled_from(KINDS) | st.text(), values, st.just(SENDER) | scalars)
#: What is no message, and what pretends to be a huge one.
BOMBS = [
    b'',
    b'\xc1' * 100,
    b'\x91' * 100_000 + b'\xc0',
    b'\xdd\xff\xff\xff\xff',
    b'\xc6\xff\xff\xff\xff',
    bytes(10**6),
]
#: The parts of one message.
PARTS = st.lists(st.binary() | st.sampled_from(BOMBS), min_size=1, max_size=40)


def render(message: tuple[Any, Any, Any], sender: str) -> list[bytes]:
    """Return the parts of a message."""
    kind, data, name = message
    return [msgspec.msgpack.encode((kind, data, sender if name == SENDER else name))]
