"""What an experiment asks of a proxy: of the one that is named, or of the only one."""

from __future__ import annotations

from vaurien.chaostoolkit.reaching import Configuration, Secrets, reach

__all__ = ['count_exchanges', 'count_faults', 'get_behavior', 'is_enabled', 'list_toxics']


def get_behavior(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> str:
    """Return what is armed: ``dummy``, ``delay``, ``20:error,10:delay``."""
    return reach(proxy, configuration, secrets).get_behavior()


def count_faults(
    behavior: str | None = None,
    proxy: str | None = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
) -> int:
    """Return to how many exchanges a *behavior* was applied, or any."""
    counts = reach(proxy, configuration, secrets).status()['faults']
    return sum(counts.values()) if behavior is None else counts.get(behavior, 0)


def count_exchanges(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> int:
    """Return how many exchanges there were."""
    return reach(proxy, configuration, secrets).status()['exchanges']


def is_enabled(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> bool:
    """Return whether clients are served."""
    return reach(proxy, configuration, secrets).status()['enabled']


def list_toxics(proxy: str | None = None, configuration: Configuration = None, secrets: Secrets = None) -> list[str]:
    """Return the names of the toxics."""
    return [toxic['name'] for toxic in reach(proxy, configuration, secrets).toxics()]
