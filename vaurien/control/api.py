"""The responders of Vaurien's own paths: JSON in and out, for the proxy in the path, or for the only one.

The first line of a responder's docstring is the summary of its operation in OpenAPI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import falcon
import msgspec

from vaurien.address import Address
from vaurien.control.answers import (
    DONE,
    BackendAnswer,
    BehaviorAnswer,
    BehaviorsAnswer,
    FaultAnswer,
    FaultsAnswer,
    HeldAnswer,
    ToxicsAnswer,
)
from vaurien.control.body import read_arming, read_backend, read_held
from vaurien.control.journal import LINES, follow, read_query
from vaurien.control.option_list import list_attributes, list_options
from vaurien.control.query import read_parameters
from vaurien.control.sources import Sources
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.turns import get_turns, pausing
from vaurien.errors import AmbiguousProxyError, NoJournalError, UnknownProxyError
from vaurien.plugins.options import Option, did_you_mean
from vaurien.rules.behaviors import format_rules, list_left_out
from vaurien.rules.match import Pattern
from vaurien.rules.rule import Rule
from vaurien.web.body import read_object, send

#: Bodies, for errors to show.
ARMING = '{"name": "delay"}'
BACKEND = '{"backend": "localhost:6379"}'
DECISION = '{"decision": "pass"}'

#: Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
EVENT_STREAM = 'text/event-stream'
#: The parameters of the paths of events, and what the path that names no proxy has besides.
EVENT_PARAMETERS: dict[str, Option] = {
    'match': ('The pattern of the requests whose exchanges and faults are wanted', Pattern, None),
}
EVENT_CHOICE: dict[str, Option] = {'proxy': ('The name of the proxy whose events are wanted', str, None)}

#: What every proxy has: below ``/proxies/NAME``, and at the top for the only proxy.
ROUTES = ('behavior', 'backend', 'events', 'faults', 'held', 'journal', 'links', 'status')

Value = TypeVar('Value')


class ControlApi:
    """The responders over the proxies of a process."""

    def __init__(self, sources: Sources) -> None:
        self._proxies = sources.proxies
        self._live = sources.live
        self._kept = sources.kept
        self._replay = sources.replay

    def _find(self, name: str) -> ProxyServer:
        """Return the proxy of that name; without a name, the only proxy."""
        proxies = self._proxies
        if name or not proxies:
            if name not in proxies:
                near = f' {name!r}, {did_you_mean(name, list(proxies))}' if name else ''
                raise UnknownProxyError(f'there is no proxy{near}')
            return proxies[name]
        if len(proxies) > 1:
            raise AmbiguousProxyError(f'there are {", ".join(proxies)}: ask for one of them below /proxies/NAME')
        return next(iter(proxies.values()))

    def _change(
        self, name: str, read: Callable[[ProxyServer], Value], change: Callable[[ProxyServer, Value], None]
    ) -> None:
        """Change the proxy of that name, to what is *read* for it.

        Both may pause. If another proxy has taken its place meanwhile, that is changed.
        """
        name = name or self._find(name).settings.name
        proxy = None
        while proxy is not (found := self._find(name)):
            proxy = found
            value = read(proxy)
            if self._find(name) is proxy:
                change(proxy, value)

    def on_get_behavior(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Get the rules that are armed."""
        proxy, pause = self._find(name), get_turns().begin()
        rules = proxy.rules
        left = list_left_out(rules, proxy.settings.behavior_options, pause)
        send(resp, BehaviorAnswer(behavior=format_rules(rules, pause), options=left))

    def on_put_behavior(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Arm other rules."""
        body = read_object(req, resp, ARMING)

        def read(proxy: ProxyServer) -> tuple[Rule, ...]:
            return read_arming(body, proxy.settings.behavior_options, proxy.protocol, get_turns().begin())

        self._change(name, read, lambda proxy, rules: proxy.arm(rules))
        send(resp, DONE)

    def on_get_behaviors(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the behaviors that can be armed, and the rules that are."""
        options, pause = list_options(), get_turns().begin()
        armed = {name: proxy.list_armed() for name, proxy in pausing(list(self._proxies.items()), pause)}
        in_effect = {name: rules for name, rules in armed.items() if rules}
        send(resp, BehaviorsAnswer(behaviors=list(options), options=options, armed=in_effect))

    def on_get_toxics(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the toxics that can be added."""
        attributes = list_attributes()
        send(resp, ToxicsAnswer(toxics=list(attributes), attributes=attributes))

    def on_get_backend(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Get the backend of a proxy."""
        send(resp, BackendAnswer(backend=str(self._find(name).backend)))

    def on_put_backend(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Change the backend of a proxy."""
        body = read_object(req, resp, BACKEND)

        def read(proxy: ProxyServer) -> Address:
            backend = read_backend(body, proxy.settings)
            proxy.refuse_loop(backend)
            return backend

        self._change(name, read, lambda proxy, backend: proxy.set_backend(backend))
        send(resp, DONE)

    def on_get_status(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Get the status of a proxy."""
        proxy = self._find(name)
        self._live.look()
        replay = {} if self._replay is None else {'replay': self._replay.status(proxy.settings.name)}
        send(resp, {**proxy.status(), **replay})

    def on_get_events(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Get the events.

        The answer has no end: server-sent events about the proxy in the path, or about all.
        """
        asked = read_parameters(req.params, EVENT_PARAMETERS if name else {**EVENT_CHOICE, **EVENT_PARAMETERS})
        name = name or asked.get('proxy', '')
        if name:
            self._find(name)
        resp.content_type, resp.stream = EVENT_STREAM, self._live.read(name, asked.get('match'))
        resp.cache_control = ['no-store']

    def on_get_faults(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """List the last faults."""
        send(resp, FaultsAnswer(faults=self._find(name).faults.last()))

    def on_delete_faults(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Forget the last faults."""
        self._find(name).faults.clear()
        send(resp, DONE)

    def on_post_taken(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """Take the next fault.

        It is the oldest since rules were last armed that nobody has taken before.
        """
        send(resp, FaultAnswer(fault=self._find(name).faults.take()))

    def on_get_held(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """List the requests that are held."""
        send(resp, HeldAnswer(held=self._find(name).breakpoints.list()))

    def on_post_decision(self, req: falcon.Request, resp: falcon.Response, number: int, name: str = '') -> None:
        """Decide about a request that is held."""
        body = read_object(req, resp, DECISION)
        proxy = self._find(name)
        decision = read_held(body, proxy.protocol)
        if not proxy.breakpoints.decide(number, decision):
            raise UnknownProxyError(f'no request {number} is held')
        send(resp, DONE)

    def on_get_journal(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """List the last exchanges.

        They are those of the proxy in the path, or of all. Every new one follows, if that is asked for.
        """
        if name:
            self._find(name)
        asked = read_query(req.params)
        if self._kept is None:
            raise NoJournalError('no journal is kept: start with --journal FILE')
        if asked.follow:
            resp.content_type, resp.stream = LINES, follow(self._kept, asked, name)
            return
        page, pause = self._kept.find(asked.since, asked.limit, name), get_turns().begin()
        entries = [_encode(entry) for entry in pausing(page.entries, pause)]
        send(resp, {'entries': entries, 'last': page.last, 'lost': page.lost})

    def on_get_links(self, req: falcon.Request, resp: falcon.Response, name: str = '') -> None:
        """List the open links."""
        pause = get_turns().begin()
        links = self._find(name).list_links(pause)
        # One by one; but not those that end meanwhile.
        are_open = (link for link in pausing(links, pause) if link.is_leaving or not link.closed)
        send(resp, {'links': [_encode(link.status()) for link in are_open]})

    def on_delete_link(self, req: falcon.Request, resp: falcon.Response, number: int, name: str = '') -> None:
        """Close a link."""
        links = self._find(name).links
        if number not in links:
            raise UnknownProxyError(f'there is no open link {number}')
        links[number].end()
        send(resp, DONE)


def _encode(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
