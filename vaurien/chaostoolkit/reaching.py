"""The client that an experiment means."""

from __future__ import annotations

from collections.abc import Mapping

from vaurien.client import Client
from vaurien.web.call import parse_api

#: What the Chaos Toolkit hands over of an experiment, if a function has an argument of that name.
Configuration = Mapping[str, object] | None
Secrets = Mapping[str, str] | None


def reach(proxy: str | None, configuration: Configuration, secrets: Secrets) -> Client:
    """Return a client of the *proxy* of that name, or of the only one."""
    url = (configuration or {}).get('vaurien_url')
    token = (secrets or {}).get('token')
    client = Client(token=token) if url is None else Client(*parse_api(str(url)), token=token)
    return client if proxy is None else client.proxy(proxy)
