"""What the responders of Toxiproxy's API take and give."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vaurien.control.operation import JSON, Content, Dialect, JsonText, Operation
from vaurien.records.status import ToxicStatus
from vaurien.toxiproxy import schemas
from vaurien.toxiproxy.answers import (
    PopulateAnswer,
    PopulateErrorAnswer,
    ProxyAnswer,
    ToxiproxyErrorAnswer,
    VersionAnswer,
)
from vaurien.toxiproxy.api import ToxiproxyApi
from vaurien.toxiproxy.error_responses import PLAIN


def describe_error(status: int) -> Content:
    """Return what may be in the body of an error response of that status."""
    return {PLAIN: str if status in (403, 404) else JsonText(ToxiproxyErrorAnswer)}


def _describe_populate_error(status: int) -> Content:
    if status in (401, 403):
        return describe_error(status)
    return {JSON: PopulateErrorAnswer, **(describe_error(status) if status == 500 else {})}


TOXIPROXY = Dialect('toxiproxy', 'toxiproxy', describe_error)
POPULATE = Dialect('populate', 'toxiproxy', _describe_populate_error)

_Operation = partial(Operation, dialect=TOXIPROXY)

#: The operation of every responder.
OPERATIONS: dict[Callable[..., None], Operation] = {
    ToxiproxyApi.on_get_version: _Operation(VersionAnswer, content='application/json;charset=utf-8'),
    ToxiproxyApi.on_get_proxies: _Operation(dict[str, ProxyAnswer]),
    ToxiproxyApi.on_post_proxies: _Operation(
        ProxyAnswer, 201, takes=schemas.describe_proxy, errors=(409,), names='name'
    ),
    ToxiproxyApi.on_get_proxy: _Operation(ProxyAnswer, errors=(404,)),
    ToxiproxyApi.on_patch_proxy: _Operation(ProxyAnswer, takes=schemas.describe_change, errors=(404,)),
    ToxiproxyApi.on_delete_proxy: _Operation(None, 204, errors=(404,)),
    ToxiproxyApi.on_post_populate: _Operation(
        PopulateAnswer, 201, takes=schemas.describe_population, errors=(409,), dialect=POPULATE
    ),
    ToxiproxyApi.on_post_reset: _Operation(None, 204),
    ToxiproxyApi.on_get_toxics: _Operation(list[ToxicStatus], errors=(404,)),
    ToxiproxyApi.on_post_toxics: _Operation(
        ToxicStatus, takes=schemas.describe_toxic, errors=(404, 409), names='toxic'
    ),
    ToxiproxyApi.on_get_toxic: _Operation(ToxicStatus, errors=(404,)),
    ToxiproxyApi.on_patch_toxic: _Operation(ToxicStatus, takes=schemas.describe_toxic_change, errors=(404,)),
    ToxiproxyApi.on_delete_toxic: _Operation(None, 204, errors=(404,)),
}
