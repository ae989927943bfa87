"""The responders of Toxiproxy's HTTP API, for its clients of every language.

Routes, statuses, the forms of bodies and the life cycle are those of Toxiproxy 2.13
(https://github.com/Shopify/toxiproxy#http-api), but for what ``docs/toxics.md`` lists. The texts of errors are
Toxiproxy's own, because clients show them; only what is wrong with a body of JSON is said in other words. A proxy may
have a field that Toxiproxy does not know, ``protocol``; answers have it where it is not ``tcp``. A proxy that is
created may have the settings of TLS, too. No answer has them: they may be keys.

The first line of a responder's docstring is the summary of its operation in OpenAPI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon
import msgspec

from vaurien.engine.proxies import Proxies
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.turns import Pause, get_turns
from vaurien.errors import ConfigError, ToxicNameError, ToxiproxyError
from vaurien.protocols import Protocol
from vaurien.records.status import ToxicStatus
from vaurien.rules.toxics import ToxicRule
from vaurien.toxiproxy import gojson
from vaurien.toxiproxy.fields import ProxyFields
from vaurien.toxiproxy.lifecycle import Lifecycle, ProxyChange
from vaurien.toxiproxy.toxics import (
    ToxicChange,
    ToxicFields,
    make_rule,
    read_attributes,
    read_rules,
    read_toxicity,
    refuse_name,
)
from vaurien.web.body import MAX_OBJECT, read_bytes

#: The version of Toxiproxy whose API this is.
LEVEL = '2.13.0'
#: The most bytes of the body of ``/populate``: enough for thousands of proxies. Others have up to `MAX_OBJECT`.
MAX_BODY = 1024 * 1024


class ToxiproxyApi:
    """The responders over the proxies of a process."""

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._lifecycle = Lifecycle(proxies)

    # Proxies

    def on_get_version(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the version of Toxiproxy's API."""
        resp.content_type = 'application/json;charset=utf-8'
        resp.text = f'{{"version": "{LEVEL}"}}\n'

    def on_get_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the proxies."""
        pause = get_turns().begin()
        proxies = dict(self._proxies)
        names = sorted(proxies, key=str.encode)  # as Go sorts the keys of a map
        send_written(resp, gojson.write_object((name, write_proxy(proxies[name], pause)) for name in names))

    def on_post_proxies(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create a proxy."""
        fields = read_body(req, resp, ProxyFields)
        check_fields(fields)
        send_proxy(resp, self._lifecycle.create(fields), falcon.HTTP_201)

    def on_get_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Get a proxy."""
        send_proxy(resp, self._lifecycle.find(name))

    def on_patch_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Change, enable or disable a proxy."""
        self._lifecycle.find(name)
        change = read_body(req, resp, ProxyChange)
        send_proxy(resp, self._lifecycle.change(name, change))

    on_post_proxy = on_patch_proxy

    def on_delete_proxy(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Delete a proxy."""
        self._lifecycle.delete(name)
        resp.status = falcon.HTTP_204

    def on_post_populate(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Create or replace proxies.

        A proxy that is already as it should be is left alone. If there are toxics in the body, a proxy has these and no
        others. The whole body is checked before anything changes. Other requests are served between two proxies.
        """
        done: list[gojson.Written] = []
        pause = get_turns().begin()
        try:
            wanted = read_population(req, resp, pause)
            leaving = self._lifecycle.find_leaving(wanted, pause)
            for fields in wanted:
                done.append(write_proxy(self._lifecycle.populate(fields, leaving, pause), pause))
        except ToxiproxyError as error:
            proxies = gojson.Written.list(done) if done else None
            raise ToxiproxyError(error.status, error.text, proxies=proxies) from None
        # Toxiproxy answers null if there are none, on which its client for Node.js fails.
        send_written(resp, gojson.write_object([('proxies', gojson.Written.list(done))]), falcon.HTTP_201)

    def on_post_reset(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Reset all proxies.

        Every toxic is removed, the rules of the configuration are armed, and every proxy is enabled.
        """
        self._lifecycle.reset()
        resp.status = falcon.HTTP_204

    # Toxics

    def on_get_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """List the toxics of a proxy."""
        pause = get_turns().begin()
        send_written(resp, write_toxics(self._lifecycle.find(name), pause))

    def on_post_toxics(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Add a toxic to a proxy."""
        self._lifecycle.find(name)
        fields = read_body(req, resp, ToxicFields)
        proxy = self._lifecycle.find(name)  # it may have been deleted while the body arrived
        rule = make_rule(fields, {rule.name for rule in proxy.toxics})
        try:
            proxy.toxics.add(rule)
        except ToxicNameError:  # one of that name is being removed
            raise ToxiproxyError(409, 'toxic already exists') from None
        send_written(resp, gojson.write(show_toxic(rule)))

    def on_get_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Get a toxic."""
        send_written(resp, gojson.write(show_toxic(self._find_toxic(name, toxic))))

    def on_patch_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Change a toxic."""
        self._find_toxic(name, toxic)
        change = read_body(req, resp, ToxicChange)
        rule = self._find_toxic(name, toxic)  # it may have been removed while the body arrived
        changed = msgspec.structs.replace(
            rule,
            toxicity=read_toxicity(change, rule.toxicity),
            attributes=read_attributes(rule.kind, rule.attributes, change.attributes),
        )
        self._lifecycle.find(name).toxics.update(changed)
        send_written(resp, gojson.write(show_toxic(changed)))

    on_post_toxic = on_patch_toxic

    def on_delete_toxic(self, req: falcon.Request, resp: falcon.Response, name: str, toxic: str) -> None:
        """Remove a toxic."""
        self._find_toxic(name, toxic)
        self._lifecycle.find(name).toxics.remove(toxic)
        resp.status = falcon.HTTP_204

    def _find_toxic(self, name: str, toxic: str) -> ToxicRule:
        rule = next((rule for rule in self._lifecycle.find(name).toxics if rule.name == toxic), None)
        if rule is None:
            raise ToxiproxyError(404, 'toxic not found')
        return rule


#: The routes, and the suffix of the responders for each.
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
    """Return whether answers at *path* have Toxiproxy's form. Below a proxy, the paths *others* do not."""
    _, first, *rest = path.split('/')
    if first == 'proxies':
        return not (len(rest) > 1 and rest[1] in others)
    return f'/{first}' in ROUTES


def check_fields(fields: ProxyFields, where: str = '') -> None:
    """Raise `ToxiproxyError` for a proxy that lacks a field, that no path can lead to, or that names a file."""
    if missing := fields.find_missing():
        raise ToxiproxyError(400, f'missing required field: {missing}{where}')
    refuse_name(fields.name, where)
    try:
        fields.refuse_files()
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: {error}{where}') from None


def read_body(req: falcon.Request, resp: falcon.Response, type_: Any) -> Any:
    """Return the body as *type_*; raise `ToxiproxyError`."""
    body = read_all(req, resp, MAX_OBJECT)
    try:
        return gojson.read(body, type_)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: {error}') from None


def read_all(req: falcon.Request, resp: falcon.Response, most: int) -> bytes:
    """Return the body; raise `ToxiproxyError` if it does not arrive whole, or if it has more than *most* bytes."""
    try:
        return read_bytes(req, resp, most)
    except ConfigError:
        raise ToxiproxyError(400, 'bad request body: unexpected EOF') from None
    except falcon.HTTPContentTooLarge as error:
        raise ToxiproxyError(413, f'bad request body: {error.description}') from None


def read_population(req: falcon.Request, resp: falcon.Response, pause: Pause) -> list[ProxyFields]:
    """Return the proxies in the body, all of them checked; raise `ToxiproxyError`."""
    body = read_all(req, resp, MAX_BODY)
    try:
        wanted: list[ProxyFields] = gojson.read_list(body, ProxyFields, pause)
    except ConfigError as error:
        raise ToxiproxyError(400, f'bad request body: {error}') from None
    for i, fields in enumerate(wanted, 1):
        check_fields(fields, f' at proxy {i}')
        read_rules(fields.toxics, f' at proxy {i}', pause)
        pause()
    return wanted


def write_proxy(proxy: ProxyServer, pause: Pause) -> gojson.Written:
    """Return a proxy as the API shows it."""
    shown: dict[str, Any] = {
        'name': proxy.name,
        'listen': proxy.address.written,
        'upstream': proxy.backend.written,
        'enabled': proxy.enabled,
        'toxics': write_toxics(proxy, pause),
    }
    if proxy.protocol is not Protocol.get('tcp'):
        shown['protocol'] = proxy.settings.protocol
    pause()
    return gojson.write_object(shown.items())


def write_toxics(proxy: ProxyServer, pause: Pause) -> gojson.Written:
    """Return the toxics of a proxy as the API shows them."""
    written = []
    for rule in list(proxy.toxics):
        written.append(gojson.Written(gojson.write(show_toxic(rule))))
        pause()
    return gojson.Written.list(written)


def show_toxic(rule: ToxicRule) -> ToxicStatus:
    """Return a toxic as the API shows it: numbers as Go writes them, the toxicity in 32 bits."""
    shown = rule.status()
    shown['attributes'] = {name: gojson.as_number(value) for name, value in shown['attributes'].items()}
    shown['toxicity'] = gojson.as_number(gojson.as_float32(rule.toxicity))
    return shown


def send_proxy(resp: falcon.Response, proxy: ProxyServer, status: str = falcon.HTTP_200) -> None:
    """Answer with a proxy."""
    send_written(resp, write_proxy(proxy, get_turns().begin()), status)


def send_written(resp: falcon.Response, text: str, status: str = falcon.HTTP_200) -> None:
    """Answer with a JSON text."""
    resp.status = status
    resp.content_type, resp.text = falcon.MEDIA_JSON, text
