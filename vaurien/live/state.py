"""What a proxy is, and what is armed on it."""

from __future__ import annotations

import msgspec

from vaurien.engine.proxy import ProxyServer
from vaurien.live.events import ArmedRule, State
from vaurien.rules.behaviors import format_rules
from vaurien.rules.rule import Rule


def find_state(proxy: ProxyServer) -> msgspec.Raw:
    """Return the state of a proxy, as JSON."""
    state = State(
        enabled=proxy.enabled,
        listen=proxy.address.written,
        backend=proxy.backend.written,
        protocol=proxy.settings.protocol,
        behavior=format_rules(proxy.rules, in_full=True),
        rules=[_show(rule) for rule in proxy.rules if rule.is_harmful],
        toxics=[rule.status() for rule in proxy.toxics],
    )
    return msgspec.Raw(msgspec.json.encode(state))


def _show(rule: Rule) -> ArmedRule:
    status = rule.status()
    return {'name': status['name'], 'percent': status['percent'], 'options': status['options']}
