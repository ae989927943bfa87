"""Toxiproxy's HTTP API over the proxies of a process, for its clients of every language.

Routes, statuses, bodies and life cycle are those of Toxiproxy 2.12 (https://github.com/Shopify/toxiproxy#http-api); the
texts of errors are its own, because clients show them. What it does not have, a proxy's ``protocol``, may be given, and
is shown where it is not ``tcp``.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import falcon
import msgspec

from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import BrowserError, ConfigError, ToxiproxyError
from vaurien.protocols import Protocol
from vaurien.records.status import ToxicStatus
from vaurien.rules.toxics import STREAMS, ToxicEntry
from vaurien.toxics import Toxic
from vaurien.toxiproxy import gojson
from vaurien.toxiproxy.answers import ProxyAnswer
from vaurien.toxiproxy.fields import ProxyFields
from vaurien.toxiproxy.lifecycle import Lifecycle, ProxyChange

#: The level of the API.
LEVEL = '2.12.0'
#: The most bytes of a body: thousands of proxies to populate.
MAX_BODY = 1024 * 1024
#: How the programs begin their ``User-Agent`` that act for somebody who is looking at a page.
BROWSER = 'Mozilla/'


class ToxicChange(msgspec.Struct, kw_only=True):
    """What may be changed of a toxic; what is not there stays."""

    toxicity: float | None = None
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class ToxicFields(ToxicChange, kw_only=True):
    """A toxic as it is asked for; what is not there takes its default."""

    name: str = ''
    type: str = ''
    stream: str | None = None


class ToxiproxyApp:
    """The responders."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._lifecycle = Lifecycle(proxies)

    # Proxies

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The level of the API."""
        resp.content_type = 'application/json;charset=utf-8'
        resp.text = f'{{"version": "{LEVEL}"}}\n'

    def on_get_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All, by name."""
        names = sorted(self._proxies, key=str.encode)
        send(resp, {name: tell_proxy(self._proxies[name]) for name in names})

    def on_post_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create one."""
        fields = read_body(req, ProxyFields)
        check_fields(fields)
        send(resp, tell_proxy(self._lifecycle.create(fields)), falcon.HTTP_201)

    def on_get_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """One."""
        send(resp, tell_proxy(self._lifecycle.find(name)))

    def on_patch_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Change where it listens or connects, start or stop it."""
        self._lifecycle.find(name)
        change = read_body(req, ProxyChange)
        send(resp, tell_proxy(self._lifecycle.change(name, change)))

    on_post_proxy = on_patch_proxy

    def on_delete_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Stop and forget it."""
        self._lifecycle.delete(name)
        resp.status = falcon.HTTP_204

    def on_post_populate(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Have proxies like these: create, replace, or leave alone."""
        done: list[ProxyAnswer] = []
        try:
            entries: list[ProxyFields] = read_body(req, list[ProxyFields])
            for i, fields in enumerate(entries, 1):
                check_fields(fields, f' at proxy {i}')
            for fields in entries:
                done.append(tell_proxy(self._lifecycle.populate(fields)))
        except ToxiproxyError as refusal:
            raise ToxiproxyError(refusal.status, refusal.text, proxies=done or None) from None
        send(resp, {'proxies': done}, falcon.HTTP_201)

    def on_post_reset(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All well again: no toxics, what was configured armed, every proxy enabled."""
        self._lifecycle.reset()
        resp.status = falcon.HTTP_204

    # Toxics

    def on_get_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """All of one proxy: those of the upstream first."""
        send(resp, [tell_toxic(entry) for entry in self._lifecycle.find(name).toxics])

    def on_post_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Add one."""
        self._lifecycle.find(name)
        fields = read_body(req, ToxicFields)
        proxy = self._lifecycle.find(name)  # it may have gone while the body came
        stream = 'downstream' if fields.stream is None else fields.stream
        if stream.lower() not in STREAMS:
            raise ToxiproxyError(400, 'stream was invalid, can be either upstream or downstream')
        if fields.type not in Toxic.names():
            raise ToxiproxyError(400, 'invalid toxic type')
        named = fields.name or f'{fields.type}_{stream}'
        if any(entry.name == named for entry in proxy.toxics):
            raise ToxiproxyError(409, 'toxic already exists')
        entry = ToxicEntry(
            type=fields.type,
            name=named,
            stream=stream,
            toxicity=read_toxicity(fields, 1.0),
            attributes=read_attributes(fields.type, Toxic.get(fields.type).resolve({}), fields.attributes),
        )
        proxy.toxics.add(entry)
        send(resp, tell_toxic(entry))

    def on_get_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """One."""
        send(resp, tell_toxic(self._find_toxic(name, toxic)))

    def on_patch_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Change attributes, one by one, or the toxicity."""
        self._find_toxic(name, toxic)
        change = read_body(req, ToxicChange)
        entry = self._find_toxic(name, toxic)  # it may have gone while the body came
        changed = msgspec.structs.replace(
            entry,
            toxicity=read_toxicity(change, entry.toxicity),
            attributes=read_attributes(entry.type, entry.attributes, change.attributes),
        )
        self._lifecycle.find(name).toxics.update(changed)
        send(resp, tell_toxic(changed))

    on_post_toxic = on_patch_toxic

    def on_delete_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Take it away."""
        self._find_toxic(name, toxic)
        self._lifecycle.find(name).toxics.remove(toxic)
        resp.status = falcon.HTTP_204

    def _find_toxic(self, name: str, toxic: str) -> ToxicEntry:
        entry = next((entry for entry in self._lifecycle.find(name).toxics if entry.name == toxic), None)
        if entry is None:
            raise ToxiproxyError(404, 'toxic not found')
        return entry


#: Its routes: the suffix of the responders for each path.
ROUTES = {
    '/version': 'version',
    '/proxies': 'proxies',
    '/proxies/{name}': 'proxy',
    '/proxies/{name}/toxics': 'toxics',
    '/proxies/{name}/toxics/{toxic}': 'toxic',
    '/populate': 'populate',
    '/reset': 'reset',
}


def is_spoken_at(path: str, others: Sequence[str]) -> bool:
    """Whether answers at *path* are to be Toxiproxy's; not so for what ends in *others* below a proxy."""
    _, first, *rest = path.split('/')
    if first == 'proxies':
        return not (len(rest) > 1 and rest[1] in others)
    return f'/{first}' in ROUTES


def begin(req: falcon.Request, resp: falcon.Response, params: Mapping[str, Any]) -> None:
    """What comes before every responder, if there is one; raises what refuses a path, a method or a browser."""
    if not all(params.values()):
        raise falcon.HTTPNotFound
    if not hasattr(ToxiproxyApp, f'on_{req.method.lower()}_{ROUTES[str(req.uri_template)]}'):
        raise falcon.HTTPMethodNotAllowed([])
    receive(req, resp)


def receive(req: falcon.Request, resp: falcon.Response) -> None:
    """What every answer has that a responder gives; raises `BrowserError`."""
    resp.set_header('X-Toxiproxy-Request-Id', secrets.token_hex(10))
    if (req.user_agent or '').startswith(BROWSER):
        raise BrowserError


def check_fields(fields: ProxyFields, where: str = '') -> None:
    """Refuse a proxy without what it must have."""
    if missing := fields.find_missing():
        raise ToxiproxyError(400, f'missing required field: {missing}{where}')


def read_body(req: falcon.Request, type_: Any) -> Any:
    """The body as *type_*; raises `ToxiproxyError`."""
    try:
        body = req.stream.read(MAX_BODY + 1)
    except OSError:
        raise ToxiproxyError(400, 'bad request body: unexpected EOF') from None
    if len(body) > MAX_BODY:
        raise ToxiproxyError(413, f'bad request body: more than {MAX_BODY} bytes')
    try:
        return gojson.read(body, type_)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: {error}') from None


def read_toxicity(change: ToxicChange, before: float) -> float:
    """What is asked for, or what it was *before*; raises `ToxiproxyError`."""
    try:
        return before if change.toxicity is None else gojson.as_float32(change.toxicity)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: toxicity: {error}') from None


def read_attributes(type_: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """*before* with what is *given* of it in the place of its own; raises `ToxiproxyError`."""
    known = {name.lower(): name for name in before}
    values = {
        known[key.lower()]: gojson.as_number(value)
        for key, value in given.items()
        if key.lower() in known and value is not None
    }
    try:
        return {**before, **Toxic.get(type_).check(values)}
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: attributes.{error}') from None


def tell_proxy(proxy: ProxyServer) -> ProxyAnswer:
    """A proxy as the API shows it."""
    told: ProxyAnswer = {
        'name': proxy.name,
        'listen': proxy.address.written,
        'upstream': proxy.backend.written,
        'enabled': proxy.enabled,
        'toxics': [tell_toxic(entry) for entry in proxy.toxics],
    }
    if proxy.protocol is not Protocol.get('tcp'):
        told['protocol'] = proxy.settings.protocol
    return told


def tell_toxic(entry: ToxicEntry) -> ToxicStatus:
    """A toxic as the API shows it: what Toxiproxy does not have, only where it is set."""
    return {
        'attributes': {name: gojson.as_number(value) for name, value in entry.attributes.items() if value is not None},
        'name': entry.name,
        'type': entry.type,
        'stream': entry.stream,
        'toxicity': gojson.as_number(gojson.as_float32(entry.toxicity)),
    }


def send(resp: falcon.Response, value: Any, status: str = falcon.HTTP_200) -> None:
    """Answer with *value*, spelled as Go does."""
    resp.status = status
    resp.content_type, resp.text = falcon.MEDIA_JSON, gojson.write(value)
