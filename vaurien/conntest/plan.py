"""The settings that a test group is created from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_type_hints

import msgspec

from vaurien.conntest.messages import Count
from vaurien.conntest.urls import check_url
from vaurien.errors import ConfigError, OptionError
from vaurien.plugins.options import convert, did_you_mean
from vaurien.plugins.units import NANOSECONDS

#: Nanoseconds, up to a day.
ClientDelay = Annotated[int, msgspec.Meta(ge=0, le=86_400_000_000_000), NANOSECONDS]
#: Nanoseconds, up to an hour: a response that waits occupies one of the server's connections.
ServerDelay = Annotated[int, msgspec.Meta(ge=0, le=3_600_000_000_000), NANOSECONDS]
UpstreamTimeout = Annotated[Count, NANOSECONDS]

#: Fields that are accepted and ignored, as by the original: those of a group that it returned, and ``data``, which its
#: documentation lists among the settings although it is the client's.
IGNORED = ('run_group_id', 'test_runs', 'created_at', 'remote_addr', 'data')


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """The settings of a test group, with the names that they have in JSON. An upstream timeout of 0 is none."""

    description: str = ''
    run_count: Count = 0
    concurrency: Count = 0
    client_delay_ns: ClientDelay = 0
    server_delay_ns: ServerDelay = 0
    upstream_endpoint: str = ''
    upstream_timeout_ns: UpstreamTimeout = 0

    @classmethod
    def read(cls, given: Mapping[str, Any], *, text: bool = False) -> Plan:
        """Return the settings in *given*; None stands for a value that is not given.

        With *text*, numbers may be texts. Raises `ConfigError` with the name of the field as its path.
        """
        values = {name: _read(name, value, text) for name, value in given.items() if value is not None}
        plan = cls(**{name: value for name, value in values.items() if name not in IGNORED})
        if plan.upstream_endpoint:
            try:
                check_url(plan.upstream_endpoint)
            except ConfigError as error:
                raise error.within('upstream_endpoint') from None
        return plan


_TYPES = {**dict.fromkeys(IGNORED, Any), **get_type_hints(Plan, include_extras=True)}


def _read(name: str, value: Any, text: bool) -> Any:
    if name not in _TYPES:
        raise ConfigError(f'there is no such field, {did_you_mean(name, list(Plan.__struct_fields__))}', name)
    try:
        return convert(value, _TYPES[name], text=text)
    except OptionError as error:
        raise error.within(name) from None
