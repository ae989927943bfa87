"""What an experiment does to a proxy: to the one that is named, or to the only one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from vaurien.chaostoolkit.reaching import Configuration, Secrets, reach
from vaurien.records.status import ToxicStatus

__all__ = [
    'add_toxic',
    'disable',
    'enable',
    'mark',
    'remove_toxic',
    'reset',
    'set_backend',
    'set_behavior',
    'set_schedule',
    'stop_schedule',
]


def set_behavior(
    behavior: str,
    options: Mapping[str, object] | None = None,
    proxy: str | None = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> str:
    """Arm one behavior with *options*, or several by weight, as in ``20:error,10:delay``. Return what is armed now."""
    client = reach(proxy, configuration, secrets)
    client.set_behavior(behavior, **(options or {}))
    return client.get_behavior()


def add_toxic(
    type: str,
    name: str = '',
    stream: str = 'downstream',
    toxicity: float = 1.0,
    attributes: Mapping[str, object] | None = None,
    proxy: str | None = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> ToxicStatus:
    """Add a toxic to a stream, and return it."""
    client = reach(proxy, configuration, secrets)
    given = cast('dict[str, Any]', attributes or {})
    return client.add_toxic(type, stream=stream, toxicity=toxicity, name=name, **given)


def remove_toxic(
    name: str, proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None
) -> None:
    """Remove the toxic of that name."""
    reach(proxy, configuration, secrets).remove_toxic(name)


def set_backend(
    backend: str, proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None
) -> None:
    """Send clients to another backend, from the next exchange on."""
    reach(proxy, configuration, secrets).set_backend(backend)


def disable(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Refuse clients, and close all links."""
    reach(proxy, configuration, secrets).disable()


def enable(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Serve clients again."""
    reach(proxy, configuration, secrets).enable()


def reset(configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Reset every proxy, which takes back all others: no toxics, what was configured is armed, all are enabled."""
    reach(None, configuration, secrets).reset()


def set_schedule(
    schedule: str | Mapping[str, object], configuration: Configuration = None, secrets: Secrets = None
) -> None:
    """Run a schedule from now on: that in a file, by its path, or one that is written in the experiment."""
    reach(None, configuration, secrets).set_schedule(schedule)


def mark(name: str, configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Set a mark: the steps of the schedule that are after it begin."""
    reach(None, configuration, secrets).mark(name)


def stop_schedule(configuration: Configuration = None, secrets: Secrets = None) -> None:
    """Stop the schedule, which puts back what it has changed."""
    reach(None, configuration, secrets).stop_schedule()
