"""Which responder a request has: that of its path and method, as falcon finds it."""

from __future__ import annotations

from typing import Any

from falcon.routing import CompiledRouter


class Router(CompiledRouter):
    """A router of falcon that answers HEAD wherever it answers GET, as every server has to (RFC 9110, 9.1)."""

    def map_http_methods(self, resource: object, **kwargs: Any) -> dict[str, Any]:
        """Return the responder of each method that *resource* has one for; falcon sends no body after HEAD."""
        responders: dict[str, Any] = {**super().map_http_methods(resource, **kwargs)}
        if 'GET' in responders:
            responders.setdefault('HEAD', responders['GET'])
        return responders
