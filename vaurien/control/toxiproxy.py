"""Toxiproxy's HTTP API over the proxies of a process, for its clients of every language.

Routes, statuses, bodies and life cycle are those of Toxiproxy 2.12 (https://github.com/Shopify/toxiproxy#http-api); the
texts of errors are its own, because clients show them. What it does not have, a proxy's ``protocol``, may be given, and
is shown where it is not ``tcp``.
"""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import falcon
import msgspec

from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import AddressError, ConfigError, PluginError
from vaurien.protocols import Protocol
from vaurien.toxics import Toxic
from vaurien.toxicspec import STREAMS, ToxicEntry
from vaurien.toxiproxy import ProxyFields, make_settings, parse_listen, parse_upstream

#: The level of the API.
LEVEL = '2.12.0'
#: The most bytes of a body: thousands of proxies to populate.
MAX_BODY = 1024 * 1024
#: How the programs begin their ``User-Agent`` that act for somebody who is looking at a page.
BROWSER = 'Mozilla/'

_FORBIDDEN = 'User agent not allowed'


class Refusal(Exception):  # it is no error of ours
    """A request that is answered with an HTTP status and a text; *body*: what else is in the answer."""

    def __init__(self, status: int, text: str, **body: Any) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.body = body


class ToxicFields(msgspec.Struct, kw_only=True):
    """A toxic as it is asked for; what is not there keeps its value, or takes its default."""

    name: str = ''
    type: str = ''
    stream: str | None = None
    toxicity: float | None = None
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class ProxyChange(msgspec.Struct, kw_only=True):
    """What may be changed of a proxy; what is not there stays."""

    listen: str | None = None
    upstream: str | None = None
    enabled: bool | None = None


class ToxiproxyApp:
    """The responders."""

    def __init__(self, proxies: Proxies, seed: int | None = None) -> None:
        self._proxies = proxies
        self._seed = seed

    # Proxies

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The level of the API."""
        begin(req, resp)
        resp.content_type = 'application/json;charset=utf-8'
        resp.text = f'{{"version": "{LEVEL}"}}\n'

    def on_get_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All, by name."""
        begin(req, resp)
        names = sorted(self._proxies, key=str.encode)
        send(resp, {name: tell_proxy(self._proxies[name]) for name in names})

    def on_post_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create one."""
        begin(req, resp)
        fields = decode(read_value(req), ProxyFields)
        check_fields(fields)
        if fields.name in self._proxies:
            raise Refusal(409, 'proxy already exists')
        send(resp, tell_proxy(self._create(fields)), falcon.HTTP_201)

    def on_get_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """One."""
        begin(req, resp)
        send(resp, tell_proxy(self._find(name)))

    def on_patch_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Change where it listens or connects, start or stop it."""
        begin(req, resp)
        proxy = self._find(name)
        change = decode(read_value(req), ProxyChange)
        listen = proxy.listen if change.listen is None else change.listen
        upstream = proxy.upstream if change.upstream is None else change.upstream
        enabled = proxy.enabled if change.enabled is None else change.enabled
        self._change(proxy, listen, upstream, enabled)
        send(resp, tell_proxy(proxy))

    on_post_proxy = on_patch_proxy

    def on_delete_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Stop and forget it."""
        begin(req, resp)
        self._find(name)
        self._proxies.remove(name)
        resp.status = falcon.HTTP_204

    def on_post_populate(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Have proxies like these: create, replace, or leave alone."""
        begin(req, resp)
        done: list[Mapping[str, Any]] = []
        try:
            entries = decode(read_value(req), list[ProxyFields])
            for i, fields in enumerate(entries, 1):
                check_fields(fields, f' at proxy {i}')
            for fields in entries:
                done.append(tell_proxy(self._populate(fields)))
        except Refusal as refusal:
            raise Refusal(refusal.status, refusal.text, proxies=done or None) from None
        send(resp, {'proxies': done}, falcon.HTTP_201)

    def on_post_reset(self, req: falcon.Request, resp: falcon.Response) -> None:
        """All well again: no toxics, what was configured armed, every proxy enabled."""
        begin(req, resp)
        for proxy in self._proxies.values():
            proxy.toxics.clear()
            proxy.arm(proxy.settings.behaviors)
            if not proxy.enabled:
                self._change(proxy, proxy.listen, proxy.upstream, enabled=True)
        resp.status = falcon.HTTP_204

    # Toxics

    def on_get_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """All of one proxy: those of the upstream first."""
        begin(req, resp)
        send(resp, [tell_toxic(entry) for entry in self._find(name).toxics])

    def on_post_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Add one."""
        begin(req, resp)
        proxy = self._find(name)
        fields = decode(read_value(req), ToxicFields)
        stream = 'downstream' if fields.stream is None else fields.stream
        if stream.lower() not in STREAMS:
            raise Refusal(400, 'stream was invalid, can be either upstream or downstream')
        if fields.type not in Toxic.names():
            raise Refusal(400, 'invalid toxic type')
        named = fields.name or f'{fields.type}_{stream}'
        if any(entry.name == named for entry in proxy.toxics):
            raise Refusal(409, 'toxic already exists')
        entry = ToxicEntry(
            type=fields.type,
            name=named,
            stream=stream,
            toxicity=to_float32(1.0 if fields.toxicity is None else fields.toxicity),
            attributes=read_attributes(fields.type, Toxic.get(fields.type).resolve({}), fields.attributes),
        )
        proxy.toxics.add(entry)
        send(resp, tell_toxic(entry))

    def on_get_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """One."""
        begin(req, resp)
        send(resp, tell_toxic(self._find_toxic(name, toxic)))

    def on_patch_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Change attributes, one by one, or the toxicity."""
        begin(req, resp)
        entry = self._find_toxic(name, toxic)
        fields = decode(read_value(req), ToxicFields)
        changed = msgspec.structs.replace(
            entry,
            toxicity=entry.toxicity if fields.toxicity is None else to_float32(fields.toxicity),
            attributes=read_attributes(entry.type, entry.attributes, fields.attributes),
        )
        self._find(name).toxics.update(changed)
        send(resp, tell_toxic(changed))

    on_post_toxic = on_patch_toxic

    def on_delete_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Take it away."""
        begin(req, resp)
        self._find_toxic(name, toxic)
        self._find(name).toxics.remove(toxic)
        resp.status = falcon.HTTP_204

    # What they have in common

    def _find(self, name: str) -> ProxyServer:
        if not name:
            raise falcon.HTTPNotFound
        if name not in self._proxies:
            raise Refusal(404, 'proxy not found')
        return self._proxies[name]

    def _find_toxic(self, name: str, toxic: str) -> ToxicEntry:
        entry = next((entry for entry in self._find(name).toxics if entry.name == toxic), None)
        if entry is None:
            raise Refusal(404, 'toxic not found')
        return entry

    def _create(self, fields: ProxyFields) -> ProxyServer:
        try:
            proxy = self._proxies.add(make_settings(fields, self._seed))
        except AddressError as error:
            raise Refusal(500, f'listen tcp: {error.description}') from None
        except PluginError as error:
            raise Refusal(400, f'bad request body: protocol: {error.description}') from None
        proxy.listen, proxy.upstream = fields.listen, fields.upstream
        if fields.enabled:
            try:
                self._start(proxy)
            except Refusal:
                self._proxies.remove(fields.name)
                raise
        return proxy

    def _populate(self, fields: ProxyFields) -> ProxyServer:
        proxy = self._proxies.get(fields.name)
        if proxy is None:
            return self._create(fields)
        if self._differs(proxy, fields.listen, fields.upstream):
            self._change(proxy, fields.listen, fields.upstream, fields.enabled)
            proxy.toxics.clear()
        return proxy

    def _differs(self, proxy: ProxyServer, listen: str, upstream: str) -> bool:
        if upstream != proxy.upstream:
            return True
        if listen == proxy.listen:
            return False
        try:
            wanted = parse_listen(listen)
        except AddressError as error:
            raise Refusal(500, error.description) from None
        return not proxy.enabled or wanted.port == 0 or wanted.resolve() != proxy.address

    def _change(self, proxy: ProxyServer, listen: str, upstream: str, enabled: bool) -> None:
        """Nothing has changed where this raises `Refusal`."""
        differs = self._differs(proxy, listen, upstream)
        if differs and proxy.enabled and enabled:
            if self._differs(proxy, listen, proxy.upstream):
                self._listen(proxy, proxy.move, listen)
            else:
                proxy.close_links()
        elif proxy.enabled and not enabled:
            proxy.shut_down()
        if differs and not proxy.enabled:
            proxy.listen = listen
        if upstream != proxy.upstream:
            proxy.set_backend(parse_upstream(upstream))
            proxy.upstream = upstream
        if enabled and not proxy.enabled:
            self._start(proxy)

    def _start(self, proxy: ProxyServer) -> None:
        def start(address: Any) -> None:
            proxy.address = address
            proxy.start()

        self._listen(proxy, start, proxy.listen)

    @staticmethod
    def _listen(proxy: ProxyServer, listen: Callable[[Any], None], text: str) -> None:
        try:
            address = parse_listen(text)
        except AddressError as error:
            raise Refusal(500, f'listen tcp: {error.description}') from None
        try:
            listen(address)
        except (OSError, UnicodeError) as error:
            reason = (getattr(error, 'strerror', None) or str(error)).lower()
            raise Refusal(500, f'listen tcp {address}: bind: {reason}') from None
        proxy.listen = str(proxy.address)


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


def begin(req: falcon.Request, resp: falcon.Response) -> None:
    """What every answer of a route has; raises `Refusal` for a browser."""
    resp.set_header('X-Toxiproxy-Request-Id', secrets.token_hex(10))
    if (req.user_agent or '').startswith(BROWSER):
        raise Refusal(403, _FORBIDDEN)


def check_fields(fields: ProxyFields, where: str = '') -> None:
    """Refuse a proxy without what it must have."""
    for field in ('name', 'upstream'):
        if not getattr(fields, field):
            raise Refusal(400, f'missing required field: {field}{where}')


def read_value(req: falcon.Request) -> Any:
    """The first JSON value of a body; whatever follows it is ignored. Raises `Refusal`."""
    try:
        body = req.stream.read(MAX_BODY + 1)
    except OSError:
        raise Refusal(400, 'bad request body: unexpected EOF') from None
    if len(body) > MAX_BODY:
        raise Refusal(413, f'bad request body: more than {MAX_BODY} bytes')
    try:
        text = body.decode().lstrip(' \t\r\n')
        if not text:
            raise Refusal(400, 'bad request body: EOF')
        return _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f'bad request body: {error}') from None


def decode(value: Any, type_: Any) -> Any:
    """*value* as *type_*: keys in any case, null for what is not there. Raises `Refusal`."""
    try:
        return msgspec.convert(_normalize(value, type_), type_)
    except msgspec.ValidationError as error:
        raise Refusal(400, f'bad request body: {error}') from None


def _normalize(value: Any, type_: Any) -> Any:
    if isinstance(value, list):
        return [_normalize({} if item is None else item, type_) for item in value]
    if value is None:
        return [] if type_ == list[ProxyFields] else {}
    if isinstance(value, dict):
        return {key.lower(): inner for key, inner in value.items() if inner is not None}
    return value


def read_attributes(type_: str, before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """*before* with what is *given* of it in the place of its own; raises `Refusal`."""
    toxic = Toxic.get(type_)
    known = {name.lower(): name for name in before}
    values = {known[key.lower()]: value for key, value in given.items() if key.lower() in known and value is not None}
    whole = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in values.items()}
    try:
        return {**before, **toxic.check(whole)}
    except ConfigError as error:
        raise Refusal(400, f'bad request body: attributes.{error}') from None


def tell_proxy(proxy: ProxyServer) -> dict[str, Any]:
    """A proxy as the API shows it."""
    told = {
        'name': proxy.name,
        'listen': proxy.listen,
        'upstream': proxy.upstream,
        'enabled': proxy.enabled,
        'toxics': [tell_toxic(entry) for entry in proxy.toxics],
    }
    if proxy.protocol is not Protocol.get('tcp'):
        told['protocol'] = proxy.settings.protocol
    return told


def tell_toxic(entry: ToxicEntry) -> dict[str, Any]:
    """A toxic as the API shows it: what Toxiproxy does not have, only where it is set."""
    return {
        'attributes': {name: value for name, value in entry.attributes.items() if value is not None},
        'name': entry.name,
        'type': entry.type,
        'stream': entry.stream,
        'toxicity': shortest_float32(entry.toxicity),
    }


def to_float32(value: float) -> float:
    """The nearest number that 32 bits hold."""
    try:
        return float(struct.unpack('f', struct.pack('f', value))[0])
    except OverflowError:
        raise Refusal(400, 'bad request body: toxicity: too large') from None


def shortest_float32(value: float) -> float | int:
    """The shortest decimal that stands for a number of 32 bits."""
    if value.is_integer():
        return int(value)
    return next(short for digits in range(1, 10) if to_float32(short := float(f'{value:.{digits}g}')) == value)


def send(resp: falcon.Response, value: Any, status: str = falcon.HTTP_200) -> None:
    """Answer with *value*, spelled as Go does."""
    resp.status = status
    resp.content_type = 'application/json'
    resp.text = spell(value)


def spell(value: Any) -> str:
    """Compact JSON, in which nothing is mistaken for HTML."""
    text = json.dumps(value, separators=(',', ':'), ensure_ascii=False)
    return text.translate(_ESCAPES)


def answer_missing(resp: falcon.Response) -> None:
    """There is no such path."""
    resp.status = falcon.HTTP_404
    resp.content_type = 'text/plain; charset=utf-8'
    resp.set_header('X-Content-Type-Options', 'nosniff')
    resp.text = '404 page not found\n'


def answer_not_allowed(resp: falcon.Response) -> None:
    """There is, but not with that method."""
    resp.status = falcon.HTTP_405
    resp.content_type = None
    resp.delete_header('Allow')


def answer_refusal(req: falcon.Request, resp: falcon.Response, refusal: Refusal, params: dict[str, Any]) -> None:
    """The error handler of falcon."""
    resp.status = refusal.status
    if refusal.text == _FORBIDDEN:
        resp.content_type = 'text/plain; charset=utf-8'
        resp.text = f'{_FORBIDDEN}\n'
        return
    body = {'error': refusal.text, 'status': refusal.status, **refusal.body}
    if refusal.body:
        send(resp, body, str(refusal.status))
        return
    resp.content_type = 'text/plain; charset=utf-8'
    resp.set_header('X-Content-Type-Options', 'nosniff')
    resp.text = spell(body) + '\n'


def _refuse_constant(name: str) -> None:
    raise ValueError(f'{name} is no JSON')


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ESCAPES = str.maketrans({char: f'\\u{ord(char):04x}' for char in '<>&\u2028\u2029'})
